// SPDX-License-Identifier: Apache-2.0
/*
 * Artifacts: DATA/artifacts/HEX/ holds the manifest with that digest, "manifest", and its blobs,
 * each by the hex of its digest; DATA/artifacts/names/REFERENCE leads to it. Blobs that several
 * artifacts have are hard links, so that a directory is whole by itself and nothing is left to be
 * counted. It appears and goes by rename, under the storage lock.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/image_record.h"
#include "storage/internal.h"

#define TARGET_PREFIX "../"
#define NAMES "artifacts/names"

static int open_artifacts(struct storage *st, struct cmk_err *err)
{
	int fd = open_dir_at(st->root_fd, "artifacts", 0700, err);

	return fd < 0 ? cmk_err_wrap(err, fd, "'%s/artifacts'", st->root) : fd;
}

static int open_names(struct storage *st, struct cmk_err *err)
{
	int r = mkdir_p_at(st->root_fd, NAMES, 0700, err);

	return r < 0 ? cmk_err_wrap(err, r, "'%s'", st->root)
		     : open_dir_at(st->root_fd, NAMES, 0700, err);
}

/* For who only reads: *RET NULL where there never was an artifact. */
static int read_names(struct storage *st, int *ret_fd, DIR **ret, struct cmk_err *err)
{
	*ret = NULL;
	*ret_fd = openat(st->root_fd, NAMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*ret_fd < 0)
		return errno == ENOENT ? 0 : cmk_err_errno(err, "open '%s/" NAMES "'", st->root);
	return dir_read(*ret_fd, ret, err);
}

void storage_artifact_done(struct storage_artifact *a)
{
	free(a->name);
	free(a->manifest);
	*a = (struct storage_artifact){ 0 };
}

void storage_artifact_list_free(struct storage_artifact *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		storage_artifact_done(&list[i]);
	free(list);
}

/* --- reading: without a lock --- */

static int load(struct storage *st, const char *file, const struct digest *id,
		struct storage_artifact *ret, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("artifacts/%s/manifest", id->hex);
	struct storage_artifact a = { .id = *id };
	struct digest got;
	int r = file_read_at(st->root_fd, path, RECORD_MAX, &a.manifest, &a.manifest_len, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "artifact '%.12s'", id->hex);
	digest_of(a.manifest, a.manifest_len, &got);
	if (!streq(got.hex, id->hex)) {
		storage_artifact_done(&a);
		return cmk_err_set(err, -EBADMSG,
				   "artifact '%.12s' is damaged: its manifest has the digest %s",
				   id->hex, got.hex);
	}
	a.name = name_from_file(file);
	*ret = a;
	return 0;
}

int storage_artifact_find(struct storage *st, const char *name, struct storage_artifact *ret,
			  struct cmk_err *err)
{
	cleanup_free char *file = name_to_file(name);
	cleanup_free char *path = xasprintf(NAMES "/%s", file ?: "");
	struct digest id;
	int r = file ? name_read_link(st->root_fd, path, TARGET_PREFIX, &id) : -ENOENT;

	if (r == 0)
		r = load(st, file, &id, ret, err);
	return r == -ENOENT ? cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
					   "%.300s: artifact does not exist", name)
			    : r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct storage_artifact *)a)->name,
		      ((const struct storage_artifact *)b)->name);
}

int storage_artifact_list(struct storage *st, struct storage_artifact **ret, size_t *ret_n,
			  struct cmk_err *err)
{
	struct storage_artifact *list = NULL;
	cleanup_close int names = -1;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	size_t n = 0;
	int r = read_names(st, &names, &d, err);

	if (r < 0)
		return r;
	while (d && (de = readdir(d))) {
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		struct storage_artifact a = { 0 };
		struct digest id;

		if (de->d_name[0] == '.' ||
		    name_read_link(names, de->d_name, TARGET_PREFIX, &id) < 0)
			continue;
		r = load(st, de->d_name, &id, &a, &why);
		if (r < 0 && r != -ENOENT)
			log_warn("%s: not listed", cmk_err_msg(&why));
		if (r < 0)
			continue;
		list = xrealloc(list, n + 1, sizeof(*list));
		list[n++] = a;
	}
	if (n > 0)
		qsort(list, n, sizeof(*list), by_name);
	*ret = list;
	*ret_n = n;
	return 0;
}

char *storage_artifact_path(const struct storage *st, const struct digest *id,
			    const struct digest *blob)
{
	return xasprintf("%s/artifacts/%s/%s", st->root, id->hex, blob->hex);
}

int storage_artifact_open(struct storage *st, const struct digest *id, const struct digest *blob,
			  struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("artifacts/%s/%s", id->hex, blob->hex);
	int fd = openat(st->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? cmk_err_errno(err, "artifact '%.12s': blob %s", id->hex, blob->hex) : fd;
}

/* --- a new one --- */

int storage_artifact_begin(struct storage *st, struct artifact_build *ret, struct cmk_err *err)
{
	ret->st = st;
	return storage_tmp_make(st, ret->tmp, &ret->fd, err);
}

void storage_artifact_cancel(struct artifact_build *b)
{
	if (b->fd < 0)
		return;
	storage_tmp_remove(b->st, b->tmp);
	(void)close(steal_fd(&b->fd));
}

int storage_artifact_file(struct artifact_build *b, struct cmk_err *err)
{
	int fd;

	(void)unlinkat(b->fd, "new", 0);
	/* Whoever is the user of a container in which it is mounted reads it. */
	fd = openat(b->fd, "new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? cmk_err_errno(err, "make a file in '%s/tmp'", b->st->root) : fd;
}

int storage_artifact_take(struct artifact_build *b, int fd, struct digest *ret, uint64_t *ret_size,
			  struct cmk_err *err)
{
	struct stat sb;
	int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : digest_of_fd(fd, ret);

	if (r < 0)
		return cmk_err_set(err, r, "read the blob: %s", errno_text(-r));
	if (fstat(fd, &sb) < 0 || renameat(b->fd, "new", b->fd, ret->hex) < 0)
		return cmk_err_errno(err, "keep blob %s", ret->hex);
	*ret_size = (uint64_t)sb.st_size;
	return 0;
}

bool storage_artifact_reuse(struct artifact_build *b, const struct digest *blob, uint64_t size)
{
	cleanup_close int dir = open_artifacts(b->st, NULL);
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	struct stat sb;

	if (fstatat(b->fd, blob->hex, &sb, AT_SYMLINK_NOFOLLOW) == 0)
		return (uint64_t)sb.st_size == size;
	if (dir < 0 || dir_read(dir, &d, NULL) < 0)
		return false;
	while ((de = readdir(d))) {
		cleanup_free char *path = xasprintf("%s/%s", de->d_name, blob->hex);
		struct digest id;

		if (digest_parse_hex(de->d_name, &id) == 0 &&
		    fstatat(dir, path, &sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(sb.st_mode) &&
		    (uint64_t)sb.st_size == size && linkat(dir, path, b->fd, blob->hex, 0) == 0)
			return true;
	}
	return false;
}

/* --- changes: under the storage lock --- */

static int set_name(struct storage *st, const char *file, const struct digest *id,
		    struct cmk_err *err)
{
	cleanup_free char *target = xasprintf(TARGET_PREFIX "%s", id->hex);
	cleanup_close int names = open_names(st, err), dir = -1;
	char tmp[32];
	int r = names < 0 ? names : storage_tmp_make(st, tmp, &dir, err);

	if (r < 0)
		return r;
	if (symlinkat(target, dir, "link") < 0 || renameat(dir, "link", names, file) < 0 ||
	    fsync(names) < 0)
		r = cmk_err_errno(err, "name the artifact");
	storage_tmp_remove(st, tmp);
	return r;
}

/* The digests, "HEX", to which names lead. */
static int named(int names, char ***ret, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	struct digest id;
	int r = dir_read(names, &d, err);

	while (r >= 0 && (de = readdir(d)))
		if (name_read_link(names, de->d_name, TARGET_PREFIX, &id) == 0)
			strv_add(ret, id.hex);
	return r;
}

/* Artifacts without a name: their last one was taken away or given to another. */
static int sweep(struct storage *st, struct cmk_err *err)
{
	cleanup_close int dir = open_artifacts(st, err), names = open_names(st, err);
	cleanup_strv char **keep = NULL;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir < 0 ? dir : names < 0 ? names : dir_read(dir, &d, err);

	/* What cannot be read may name them: then none goes. */
	if (r >= 0 && named(names, &keep, NULL) < 0)
		return 0;
	while (r >= 0 && (de = readdir(d))) {
		cleanup_free char *tmp = xasprintf("art-%s", de->d_name);
		struct digest id;

		if (digest_parse_hex(de->d_name, &id) < 0 || strv_has(keep, id.hex))
			continue;
		if (renameat(dir, id.hex, st->tmp_fd, tmp) < 0)
			r = cmk_err_errno(err, "remove artifact '%.12s'", id.hex);
		else
			storage_tmp_remove(st, tmp);
	}
	return r;
}

int artifacts_collect(struct storage *st, struct cmk_err *err)
{
	/* There never was one. */
	if (faccessat(st->root_fd, "artifacts", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return sweep(st, err);
}

/* The state in which NAME is to be found. */
static int check_before(struct storage *st, const char *name, const struct artifact_before *before,
			struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact old = { 0 };
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	int r = before->any ? -ENOENT : storage_artifact_find(st, name, &old, &why);

	if (before->any)
		return 0;
	if (before->id)
		return r == 0 && streq(old.id.hex, before->id->hex)
			       ? 0
			       : cmk_err_set(err, -EAGAIN, "%s: artifact was changed meanwhile",
					     name);
	return r == -ENOENT ? 0
			    : cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST,
					   "%s: artifact already exists", name);
}

static int publish(struct artifact_build *b, const struct digest *id, struct cmk_err *err)
{
	cleanup_close int dir = open_artifacts(b->st, err);
	bool is_new = true;
	int r = dir < 0 ? dir : storage_sync(b->st, err);

	if (r < 0)
		return r;
	(void)unlinkat(b->fd, "new", 0);
	if (renameat2(b->st->tmp_fd, b->tmp, dir, id->hex, RENAME_NOREPLACE) < 0) {
		/* The same bytes make the same artifact; what is here may be damaged. */
		is_new = false;
		if (errno != EEXIST ||
		    renameat2(b->st->tmp_fd, b->tmp, dir, id->hex, RENAME_EXCHANGE) < 0)
			return cmk_err_errno(err, "keep artifact '%.12s'", id->hex);
	}
	if (is_new)
		(void)close(steal_fd(&b->fd));
	return fsync(dir) < 0 ? cmk_err_errno(err, "write '%s/artifacts'", b->st->root) : 0;
}

int storage_artifact_put(struct artifact_build *b, const char *name, const void *manifest,
			 size_t len, const struct artifact_before *before, struct digest *ret,
			 struct cmk_err *err)
{
	cleanup_free char *file = name_to_file(name);
	cleanup_close int lock = -1;
	int r;

	if (!file)
		return cmk_err_set(err, -EINVAL, "name '%.300s': cannot be kept as a file name",
				   name);
	digest_of(manifest, len, ret);
	r = file_replace_at(b->fd, "manifest", manifest, len, 0600, 0, err);
	if (r >= 0)
		r = storage_lock(b->st, &lock, err);
	if (r >= 0)
		r = check_before(b->st, name, before, err);
	if (r >= 0)
		r = publish(b, ret, err);
	if (r >= 0)
		r = set_name(b->st, file, ret, err);
	return r < 0 ? r : sweep(b->st, err);
}

int storage_artifact_remove(struct storage *st, const char *name, struct cmk_err *err)
{
	cleanup_free char *file = name_to_file(name);
	cleanup_close int lock = -1, names = -1;
	int r = storage_lock_to_remove(st, &lock, err);

	if (r < 0)
		return r;
	names = open_names(st, err);
	if (names < 0)
		return names;
	if (!file || unlinkat(names, file, 0) < 0)
		return file && errno != ENOENT
			       ? cmk_err_errno(err, "remove '%s'", name)
			       : cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
					      "%.300s: artifact does not exist", name);
	if (fsync(names) < 0)
		return cmk_err_errno(err, "remove '%s'", name);
	return sweep(st, err);
}

/* --- system check --- */

static void damage(struct storage_check *c, const char *name, const char *what)
{
	storage_check_add(c, DAMAGE_ARTIFACT, name, "cmk artifact rm, then add or pull it again",
			  what);
}

static void check_blob(int dir, const char *hex, const char *name, struct storage_check *c)
{
	cleanup_close int fd = openat(dir, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_free char *what = NULL;
	struct digest got;
	int r = fd < 0 ? -errno : digest_of_fd(fd, &got);

	/* Removed meanwhile. */
	if (r == -ENOENT || (r == 0 && streq(got.hex, hex)))
		return;
	what = r < 0 ? xasprintf("its blob %s cannot be read: %s", hex, errno_text(-r))
		     : xasprintf("its blob %s has another digest, %s", hex, got.hex);
	damage(c, name, what);
}

static void check_blobs(struct storage *st, const char *name, const struct digest *id,
			struct storage_check *c)
{
	cleanup_free char *path = xasprintf("artifacts/%s", id->hex);
	cleanup_close int dir = openat(st->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	struct digest blob;

	if (dir < 0 || dir_read(dir, &d, NULL) < 0)
		return;
	while ((de = readdir(d)))
		if (digest_parse_hex(de->d_name, &blob) == 0)
			check_blob(dir, blob.hex, name, c);
}

int artifacts_check(struct storage *st, struct storage_check *c, struct cmk_err *err)
{
	cleanup_close int names = -1;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = read_names(st, &names, &d, err);

	while (r >= 0 && d && (de = readdir(d))) {
		cleanup(storage_artifact_done) struct storage_artifact a = { 0 };
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		cleanup_free char *name = name_from_file(de->d_name);
		struct digest id, now;

		if (de->d_name[0] == '.' ||
		    name_read_link(names, de->d_name, TARGET_PREFIX, &id) < 0)
			continue;
		if (load(st, de->d_name, &id, &a, &why) >= 0) {
			if (!c->quick)
				check_blobs(st, name, &id, c);
		} else if (name_read_link(names, de->d_name, TARGET_PREFIX, &now) == 0 &&
			   streq(now.hex, id.hex)) {
			damage(c, name, cmk_err_msg(&why));
		}
	}
	return r;
}
