// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "storage/driver.h"
#include "storage/extra.h"
#include "storage/helper.h"
#include "storage/internal.h"
#include "storage/layer_job.h"
#include "storage/layer_record.h"
#include "storage/shared.h"
#include "storage/unpack_wire.h"

static const struct json_field layer_fields[] = {
	JSON_FIELD(struct layer_record, schema, "schema", JSON_F_INT, JSON_REQUIRED),
	JSON_FIELD(struct layer_record, diff_id, "diff_id", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct layer_record, size, "size", JSON_F_U64, 0),
	JSON_FIELD(struct layer_record, boot, "boot", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct layer_record, name, "name", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

void layer_record_done(struct layer_record *r)
{
	json_free_fields(layer_fields, r);
}

int layer_record_load(int dir_fd, struct layer_record *ret, struct cmk_err *err)
{
	return json_load_record(dir_fd, "layer.json", RECORD_MAX, layer_fields, ret, err);
}

int layer_record_save(int dir_fd, const struct layer_record *r, bool durable, struct cmk_err *err)
{
	return json_save_record(dir_fd, "layer.json", layer_fields, r, durable ? FILE_DURABLE : 0,
				err);
}

/* It was renamed into place before a power cut, and no sync came between: its files may be hollow.
 */
static bool is_hollow(struct storage *st, const char *hex)
{
	struct layer_record rec = { 0 };
	cleanup_free char *path = NULL;
	struct stat sb;
	bool hollow;

	if (fstatat(st->layers_fd, hex, &sb, 0) < 0 || !(sb.st_mode & LAYER_MODE_UNSYNCED))
		return false;
	path = xasprintf("%s/layer.json", hex);
	hollow = json_load_record(st->layers_fd, path, RECORD_MAX, layer_fields, &rec, NULL) < 0 ||
		 !streq_null(rec.boot, process_boot_id());
	json_free_fields(layer_fields, &rec);
	return hollow;
}

bool storage_layer_exists(struct storage *st, const struct digest *diff_id)
{
	return storage_claim(st, NULL) == 0 && storage_layer_is_here(st, diff_id);
}

bool storage_layer_is_here(struct storage *st, const struct digest *diff_id)
{
	struct stat sb;

	/* A link is the name that a layer had (pending.c). */
	return fstatat(st->layers_fd, diff_id->hex, &sb, 0) == 0 && S_ISDIR(sb.st_mode) &&
	       !is_hollow(st, diff_id->hex);
}

int storage_layer_look(struct storage *st, const struct digest *diff_id, struct stat *ret,
		       struct cmk_err *err)
{
	cleanup_free char *record = xasprintf("%s/layer.json", diff_id->hex);
	cleanup_free char *diff = xasprintf("%s/diff", diff_id->hex);
	struct layer_record rec = { 0 };
	struct stat sb;
	char want[72];
	int r;

	if (fstatat(st->layers_fd, diff_id->hex, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "the layer");
	if (fstatat(st->layers_fd, diff, &sb, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -EBADMSG, "its files are missing");
	r = json_load_record(st->layers_fd, record, RECORD_MAX, layer_fields, &rec, err);
	if (r < 0)
		r = cmk_err_wrap(err, -EBADMSG, "its record cannot be read");
	else if (!streq_null(rec.name, diff_id->hex) &&
		 !streq(rec.diff_id, digest_str(diff_id, want)))
		r = cmk_err_set(err, -EBADMSG, "its record is of another layer, '%.80s'",
				rec.diff_id);
	else if (is_hollow(st, diff_id->hex))
		r = cmk_err_set(err, -EBADMSG,
				"its files were not written to the disk before the power was cut");
	json_free_fields(layer_fields, &rec);
	return r;
}

/* Also by the name that it had (pending.c), but nothing out of the store. */
static int open_extra(int layers, const char *hex)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	char to[DIGEST_HEX_LEN + 2] = "";
	struct digest id;

	return readlinkat(layers, hex, to, sizeof(to) - 1) > 0 && digest_parse_hex(to, &id) == 0
		       ? openat(layers, id.hex, flags)
		       : openat(layers, hex, flags);
}

int storage_layer_open(struct storage *st, const char *diff_id, struct cmk_err *err)
{
	cleanup_close int extra = -1;
	struct digest id;
	int r = digest_parse(diff_id, &id, err), fd;

	if (r < 0)
		return r;
	fd = openat(st->layers_fd, id.hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? cmk_err_errno(err, "open layer '%.19s'", diff_id) : fd;
	extra = storage_extra_open(st, "layers", id.hex);
	if (extra >= 0)
		fd = open_extra(extra, id.hex);
	else
		errno = ENOENT;
	return fd < 0 ? cmk_err_errno(err, "open layer '%.19s'", diff_id) : fd;
}

uint64_t storage_layer_size(struct storage *st, const struct digest *diff_id)
{
	struct layer_record rec = { 0 };
	char buf[72];
	cleanup_close int fd = storage_layer_open(st, digest_str(diff_id, buf), NULL);
	uint64_t size = 0;

	if (fd >= 0 && layer_record_load(fd, &rec, NULL) >= 0)
		size = rec.size;
	layer_record_done(&rec);
	return size;
}

void storage_layer_synced(struct storage *st, const char *diff_id)
{
	struct digest id;
	struct stat sb;

	if (digest_parse(diff_id, &id, NULL) == 0 &&
	    fstatat(st->layers_fd, id.hex, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (sb.st_mode & LAYER_MODE_UNSYNCED))
		(void)fchmodat(st->layers_fd, id.hex, sb.st_mode & 07777 & ~LAYER_MODE_UNSYNCED, 0);
}

static struct layer_job *job_free(struct layer_job *job)
{
	if (!job)
		return NULL;
	if (job->tmp_fd >= 0)
		(void)close(job->tmp_fd);
	if (job->files_fd >= 0)
		(void)close(job->files_fd);
	if (job->pidfd >= 0)
		(void)close(job->pidfd);
	if (job->result_fd >= 0)
		(void)close(job->result_fd);
	free(job);
	return NULL;
}

static int start(struct layer_job *job, const struct layer_unpack *u, struct cmk_err *err)
{
	const struct userns_config *config;
	cleanup_close int out = -1;
	const struct storage_conf *conf = NULL;
	int r = storage_userns(job->st, &config, err);

	if (r == 0)
		r = storage_conf_get(job->st, &conf, err);
	if (r == 0)
		job->ignore_chown = conf->ignore_chown;
	if (r == 0)
		r = helper_pipe(&job->result_fd, 0, &out, err);
	if (r < 0)
		return r;
	job->pid = process_fork("cmk-layer", 0, &job->pidfd, err);
	if (job->pid == 0)
		layer_job_child(job, u, out, config);
	return job->pid < 0 ? job->pid : 0;
}

int storage_layer_start(struct storage *st, const struct layer_unpack *u, struct layer_job **ret,
			struct cmk_err *err)
{
	struct layer_job *job = xcalloc(1, sizeof(*job));
	int r;

	job->st = st;
	if (u->pending)
		job->pending = *u->pending;
	job->tmp_fd = job->files_fd = job->pidfd = job->result_fd = -1;
	r = storage_claim(st, err);
	if (r >= 0)
		r = job->files_fd = open_dir_at(st->root_fd, SHARED_DIR, 0700, err);
	if (r >= 0)
		r = storage_tmp_make(st, job->tmp, &job->tmp_fd, err);
	if (r < 0) {
		job_free(job);
		return r;
	}
	r = start(job, u, err);
	if (r < 0) {
		storage_tmp_remove(st, job->tmp);
		job_free(job);
		return cmk_err_wrap(err, r, "unpack a layer");
	}
	*ret = job;
	return 0;
}

int storage_layer_job_pidfd(const struct layer_job *job)
{
	return job->pidfd;
}

/* What the helper had to say: its result, or why there is none. */
static int read_result(struct layer_job *job, struct unpack_result *res, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX + 1];
	ssize_t n = read_full(job->result_fd, buf, sizeof(buf));
	cleanup_free char *died = NULL;
	int status = process_reap(job->pid);
	size_t at = 0;

	if (n >= (ssize_t)sizeof(*res)) {
		memcpy(res, buf, sizeof(*res));
		if (res->magic == UNPACK_MAGIC && status == 0)
			return 0;
		/* What went wrong after the helper's end follows its result. */
		if (res->magic == UNPACK_MAGIC)
			at = sizeof(*res);
	}
	died = xasprintf("the unpacking process died (wait status %d)", status);
	return cmk_err_decode(buf + at, n > 0 ? (size_t)n - at : 0, died, err);
}

static int publish(struct layer_job *job, const struct unpack_result *res, struct cmk_err *err)
{
	struct layer_record rec = { .schema = 1, .size = res->size };
	mode_t mode = LAYER_MODE | LAYER_MODE_UNSYNCED;
	char buf[72];
	int r;

	rec.boot = (char *)process_boot_id();
	rec.diff_id = (char *)digest_str(&res->diff_id, buf);
	if (!res->has_root)
		mode |= LAYER_MODE_NO_ROOT_ENTRY;
	if (res->opaque_root)
		mode |= LAYER_MODE_OPAQUE_ROOT;
	r = layer_record_save(job->tmp_fd, &rec, false, err);
	if (r < 0)
		return r;
	if (fchmod(job->tmp_fd, mode) < 0)
		return cmk_err_errno(err, "mode of the layer");
	if (renameat2(job->st->tmp_fd, job->tmp, job->st->layers_fd, res->diff_id.hex,
		      RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		return cmk_err_errno(err, "name the layer");
	/* Another pull was first with the same bytes; or a power cut has left it hollow, or it is a
	 * link on which somebody is about to put a layer. */
	if (!storage_layer_is_here(job->st, &res->diff_id) &&
	    renameat2(job->st->tmp_fd, job->tmp, job->st->layers_fd, res->diff_id.hex,
		      RENAME_EXCHANGE) < 0)
		return cmk_err_errno(err, "name the layer");
	storage_tmp_remove(job->st, job->tmp);
	return 0;
}

static int explain(struct storage *st, int r, struct cmk_err *err)
{
	if (r == -ENOSPC || r == -EDQUOT) {
		(void)cmk_err_wrap(err, r, "unpack a layer: the file system of '%s' is full",
				   st->root);
		(void)cmk_err_hint(err, "remove what is not needed (cmk rmi, cmk rm), or use "
					"another --root");
		return r;
	}
	if (r == -EPERM && storage_netfs(st)) {
		(void)cmk_err_wrap(err, r, "unpack a layer: '%s' is on %s, whose server refuses it",
				   st->root, storage_netfs(st));
		(void)cmk_err_hint(err, "use --root on a file system of this machine; a store that "
					"is on a network can be read as an additional image store");
		return r;
	}
	return cmk_err_wrap(err, r, "unpack a layer");
}

int storage_layer_collect(struct layer_job *job, struct layer_result *ret, struct cmk_err *err)
{
	struct storage *st = job->st;
	struct cmk_err local = CMK_ERR_INIT;
	struct unpack_result res;
	int r;

	r = read_result(job, &res, &local);
	if (r >= 0)
		r = (*job->pending.hex ? pending_publish : publish)(job, &res, &local);
	if (r < 0) {
		storage_tmp_remove(st, job->tmp);
		job_free(job);
		(void)explain(st, r, &local);
		(void)cmk_err_move(err, &local);
		return r;
	}
	if (*job->pending.hex)
		storage_tmp_remove(st, job->tmp);
	*ret = (struct layer_result){ .diff_id = res.diff_id,
				      .blob_digest = res.blob_digest,
				      .size = res.size,
				      .blob_size = res.blob_size };
	job_free(job);
	return 0;
}

void storage_layer_cancel(struct layer_job *job)
{
	if (!job)
		return;
	/* The child sees this, kills the helper and removes what it wrote. */
	(void)close(steal_fd(&job->result_fd));
	(void)process_reap(job->pid);
	storage_tmp_remove(job->st, job->tmp);
	job_free(job);
}

int storage_layer_unpack(struct storage *st, const struct layer_unpack *u, struct layer_result *ret,
			 struct cmk_err *err)
{
	struct layer_job *job = NULL;
	int r;

	r = storage_layer_start(st, u, &job, err);
	return r < 0 ? r : storage_layer_collect(job, ret, err);
}
