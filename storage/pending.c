// SPDX-License-Identifier: Apache-2.0
/*
 * Layers without a diff ID yet, layers/NAME/: how they come to be, and how they are settled.
 *
 * Settled, the directory is layers/DIFF-ID/ like any other, and NAME a link to it: both by one
 * rename(2) that exchanges the directory and the link, which leads to itself until then. So
 * whatever has NAME in its record finds the layer at each moment, and so does a mount. Since there
 * may be one, the files stay as they are, and are not shared with other layers (shared.h).
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "storage/layer_copy.h"
#include "storage/layer_job.h"
#include "storage/layer_record.h"
#include "storage/owners.h"
#include "storage/unpack_wire.h"

/* --- made --- */

struct dirs_arg {
	const struct rootfs_plan *plan;
	int tmp;
	bool share;
};

/* A layer's files: of none yet, in a directory like the upper one, or of all that has. */
static int make_diff(void *arg, struct cmk_err *err)
{
	const struct dirs_arg *a = arg;
	cleanup_close int in = open(a->plan->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int out = in < 0 ? -1 : open_dir_at(a->tmp, "diff", 0700, err);
	struct stat sb;
	int r;

	if (in < 0 || fstat(in, &sb) < 0)
		return cmk_err_errno(err, "open '%s'", a->plan->upper);
	if (out < 0)
		return out;
	if (a->share)
		return layer_share(in, out, err);
	r = layer_copy_attributes(NULL, in, out, &sb);
	/* It will be the container's upper one. */
	if (r == 0 && fsync(out) < 0)
		r = -errno;
	return r < 0 ? cmk_err_set(err, r, "root directory: %s", errno_text(-r)) : 0;
}

/* As the caller, or where that has not the rights in the parent user namespace. */
static int run(struct storage *st, int (*fn)(void *arg, struct cmk_err *err), void *arg,
	       struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	const struct userns_config *config;
	int r = fn(arg, &mine);

	if (r != -EACCES && r != -EPERM)
		return r < 0 ? cmk_err_move(err, &mine) : 0;
	r = storage_userns(st, &config, err);
	return r < 0 ? r : userns_run(st->run_fd, config, false, fn, arg, err);
}

/* Gives the directory tmp/TMP its name; durable, but for the files' data. */
static int publish(struct storage *st, const char *tmp, int tmp_fd,
		   const struct storage_upper *upper, struct image_layer_ref *ret,
		   struct cmk_err *err)
{
	struct layer_record rec = { .schema = 1, .diff_id = (char *)"", .size = upper->bytes };
	mode_t mode = LAYER_MODE | (upper->root_changed ? 0 : LAYER_MODE_NO_ROOT_ENTRY);
	struct digest name;
	char buf[72];
	int r;

	digest_draw(&name);
	rec.name = name.hex;
	if (fchmod(tmp_fd, mode) < 0)
		return cmk_err_errno(err, "mode of the layer");
	/* That syncs the directory, too. */
	r = layer_record_save(tmp_fd, &rec, true, err);
	if (r < 0)
		return r;
	if (renameat2(st->tmp_fd, tmp, st->layers_fd, name.hex, RENAME_NOREPLACE) < 0 ||
	    fsync(st->layers_fd) < 0)
		return cmk_err_errno(err, "name the layer");
	*ret = (struct image_layer_ref){ .diff_id = xstrdup(digest_str(&name, buf)),
					 .pending = true,
					 .size = upper->bytes };
	return 0;
}

static int make(struct storage *st, const struct rootfs_plan *plan,
		const struct storage_upper *upper, bool share, struct image_layer_ref *ret,
		struct cmk_err *err)
{
	struct dirs_arg arg = { .plan = plan, .share = share };
	cleanup_close int tmp_fd = -1;
	char tmp[32];
	int r = storage_claim(st, err);

	if (r == 0)
		r = storage_tmp_make(st, tmp, &tmp_fd, err);
	if (r < 0)
		return r;
	arg.tmp = tmp_fd;
	r = run(st, make_diff, &arg, err);
	if (r == 0)
		r = publish(st, tmp, tmp_fd, upper, ret, err);
	if (r < 0)
		storage_tmp_remove(st, tmp);
	return r < 0 ? cmk_err_wrap(err, r, "make a layer") : 0;
}

int storage_pending_make(struct storage *st, const struct rootfs_plan *plan,
			 const struct storage_upper *upper, struct image_layer_ref *ret,
			 struct cmk_err *err)
{
	return make(st, plan, upper, false, ret, err);
}

/* --- from the upper directory --- */

/* A kernel with an index of hard links holds a work directory against its upper one. */
static int renew_work(struct storage *st, const char *work, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	char tmp[32];
	int r = storage_tmp_make(st, tmp, &fd, err);

	if (r < 0)
		return r;
	if (mkdirat(fd, "work", 0700) < 0 ||
	    renameat2(fd, "work", AT_FDCWD, work, RENAME_EXCHANGE) < 0)
		r = cmk_err_errno(err, "renew '%s'", work);
	storage_tmp_remove(st, tmp);
	return r;
}

struct take_arg {
	int layers_fd;
	const char *upper;
	char *diff;
};

static int exchange(void *arg, struct cmk_err *err)
{
	const struct take_arg *a = arg;

#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_NO_EXCHANGE"))
		return cmk_err_set(err, -EINVAL, "no exchange of directories");
#endif
	if (renameat2(AT_FDCWD, a->upper, a->layers_fd, a->diff, RENAME_EXCHANGE) < 0)
		return cmk_err_errno(err, "make a layer of '%s'", a->upper);
	return 0;
}

int storage_pending_take(struct storage *st, const struct rootfs_plan *plan,
			 const struct image_layer_ref *layer, struct cmk_err *err)
{
	struct take_arg arg = { .layers_fd = st->layers_fd, .upper = plan->upper };
	int r = renew_work(st, plan->work, err);

	if (r < 0)
		return r;
	arg.diff = xasprintf("%s/diff", str_after(layer->diff_id, "sha256:"));
	r = run(st, exchange, &arg, err);
	free(arg.diff);
	return r;
}

/* --- with shared data --- */

static bool can_share(struct storage *st)
{
	cleanup_close int a = storage_unnamed_file(st, NULL), b = storage_unnamed_file(st, NULL);
	char block[4096] = { 0 };

	return a >= 0 && b >= 0 && write_all(a, block, sizeof(block)) == 0 && file_clone(a, b) == 0;
}

int storage_pending_share(struct storage *st, const struct rootfs_plan *plan,
			  const struct storage_upper *upper, struct image_layer_ref *ret,
			  struct cmk_err *err)
{
	if (!can_share(st))
		return cmk_err_set(err, -EOPNOTSUPP, "the file system cannot share data");
	return make(st, plan, upper, true, ret, err);
}

/* --- settled --- */

/* The directory layers/NAME gets the name DIFF too. Under the storage lock. Where there is a layer
 * of that name already, NAME stays what it is: something may run on it. */
static int give_name(struct storage *st, const struct digest *name, const struct digest *diff,
		     struct cmk_err *err)
{
	char old[DIGEST_HEX_LEN + 8];

	if (storage_layer_is_here(st, diff))
		return 0;
	/* What a power cut or a kill has left there. */
	(void)snprintf(old, sizeof(old), "lay-%s", diff->hex);
	if (renameat(st->layers_fd, diff->hex, st->tmp_fd, old) == 0)
		storage_tmp_remove(st, old);
	if (symlinkat(diff->hex, st->layers_fd, diff->hex) < 0)
		return errno == EEXIST ? 0 : cmk_err_errno(err, "name the layer");
	/* A pull may be first with the same bytes: then both directories hold them. */
	if (renameat2(st->layers_fd, name->hex, st->layers_fd, diff->hex, RENAME_EXCHANGE) < 0)
		return cmk_err_errno(err, "name the layer");
	return 0;
}

int pending_publish(struct layer_job *job, const struct unpack_result *res, struct cmk_err *err)
{
	struct layer_record rec = { .schema = 1, .size = res->size, .name = job->pending.hex };
	struct storage *st = job->st;
	cleanup_close int lock = -1, dir = -1;
	char buf[72];
	int r = storage_sync(st, err);

	if (r == 0)
		r = storage_lock(st, &lock, err);
	if (r < 0)
		return r;
	dir = openat(st->layers_fd, job->pending.hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return cmk_err_errno(err, "open the layer");
	/* Who else has settled it meanwhile has written the same. */
	if (renameat(job->tmp_fd, TAR_SPLIT_FILE, dir, TAR_SPLIT_FILE) < 0)
		return cmk_err_errno(err, "keep what else is in the stream");
	if (renameat(job->tmp_fd, OWNERS_FILE, dir, OWNERS_FILE) < 0)
		return cmk_err_errno(err, "keep whose the files are");
	rec.diff_id = (char *)(uintptr_t)digest_str(&res->diff_id, buf);
	r = layer_record_save(dir, &rec, true, err);
	return r < 0 ? r : give_name(st, &job->pending, &res->diff_id, err);
}

struct stream_arg {
	struct storage *st;
	char *diff;
	bool with_root;
};

static int write_stream(void *arg, int fd, struct cmk_err *err)
{
	const struct stream_arg *a = arg;

	return rootfs_pack_layer(a->st, a->diff, a->with_root, fd, err);
}

static int read_through(struct storage *st, const struct digest *name, int dir,
			struct layer_result *ret, struct cmk_err *err)
{
	cleanup_free char *diff = xasprintf("%s/layers/%s/diff", st->root, name->hex);
	struct layer_unpack u = { .compression = LAYER_TAR, .pending = name };
	struct stream_arg arg = { .st = st, .diff = diff };
	struct stat sb;

	if (fstat(dir, &sb) < 0)
		return cmk_err_errno(err, "stat");
	arg.with_root = !layer_mode_has(sb.st_mode, LAYER_MODE_NO_ROOT_ENTRY);
	log_debug("settle layer '%.12s'", name->hex);
	return layer_feed(st, &u, write_stream, &arg, ret, err);
}

/* Killed between the record and the name, or the layer that had it has gone. */
static int finish_name(struct storage *st, const struct digest *name, const struct digest *diff,
		       struct cmk_err *err)
{
	cleanup_close int lock = -1;
	struct stat sb;
	int r;

	if (streq(name->hex, diff->hex) || storage_layer_is_here(st, diff))
		return 0;
	r = storage_lock(st, &lock, err);
	if (r == 0 && fstatat(st->layers_fd, name->hex, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(sb.st_mode))
		r = give_name(st, name, diff, err);
	return r;
}

static int settle(struct storage *st, const struct digest *name, struct layer_result *ret,
		  struct cmk_err *err)
{
	struct layer_record rec = { 0 };
	struct digest diff;
	char buf[72];
	cleanup_close int dir = storage_layer_open(st, digest_str(name, buf), err);
	int r = dir < 0 ? dir : layer_record_load(dir, &rec, err);
	bool pending = r >= 0 && layer_record_is_pending(&rec);

	if (r >= 0 && !pending)
		r = digest_parse(rec.diff_id, &diff, err);
	if (r >= 0 && !pending) {
		*ret = (struct layer_result){ .diff_id = diff,
					      .blob_digest = diff,
					      .size = rec.size,
					      .blob_size = rec.size };
		/* One of another store has the name that it has there. */
		if (storage_layer_is_here(st, name))
			r = finish_name(st, name, &diff, err);
	} else if (r >= 0 && !storage_layer_is_here(st, name)) {
		r = cmk_err_set(err, -EROFS,
				"its digest is not known yet, and the additional image store that "
				"it is in is only read");
		(void)cmk_err_hint(err, "push or save it once as the user whose store that is");
	} else if (r >= 0) {
		r = read_through(st, name, dir, ret, err);
	}
	layer_record_done(&rec);
	return r;
}

int storage_layer_settle(struct storage *st, const char *diff_id, struct layer_result *ret,
			 struct cmk_err *err)
{
	struct digest name;
	int r = digest_parse(diff_id, &name, err);

	if (r == 0)
		r = storage_claim(st, err);
	if (r == 0)
		r = settle(st, &name, ret, err);
	return r < 0 ? cmk_err_wrap(err, r, "layer '%.12s'", diff_id + strlen("sha256:")) : 0;
}

/* What the link NAME ("sha256:…") leads to: 0 or -ENOENT. */
static int read_name(struct storage *st, const char *name, struct digest *ret)
{
	char to[DIGEST_HEX_LEN + 2] = "";

	name = name ? str_after(name, "sha256:") : NULL;
	return name && readlinkat(st->layers_fd, name, to, sizeof(to) - 1) > 0 &&
			       digest_parse_hex(to, ret) == 0
		       ? 0
		       : -ENOENT;
}

char *storage_layer_diff_id(struct storage *st, const char *diff_id)
{
	struct digest id;
	char buf[72];

	return xstrdup(read_name(st, diff_id, &id) == 0 ? digest_str(&id, buf) : diff_id);
}

void storage_layer_resolve(struct storage *st, struct image_layer_ref *layer)
{
	struct digest id;
	char buf[72];

	if (!layer->pending || read_name(st, layer->diff_id, &id) < 0)
		return;
	free(layer->diff_id);
	free(layer->blob);
	layer->diff_id = xstrdup(digest_str(&id, buf));
	layer->blob = xstrdup(buf);
	layer->size = layer->blob_size = storage_layer_size(st, &id);
	layer->pending = false;
}
