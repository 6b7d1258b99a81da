// SPDX-License-Identifier: Apache-2.0
/*
 * Kept blobs: DATA/blobs/HEX, a layer as it was shipped, so that it can be pushed again as that.
 *
 * They are worth the time of a download, no more: no record counts on one, they are not synced, and
 * whoever uses one compares its bytes with its name. So they may go at any moment, without a lock;
 * the oldest go first, and before anything else when space is short. The time of last use is the
 * file's time of modification.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/internal.h"

/* With STORAGE_KEEP_ROOM all of them take at most this part of what they and the free space are. */
#define SHARE 10

int storage_keep_parse(const char *word, enum storage_keep *ret)
{
	static const char *const words[] = { [STORAGE_KEEP_ROOM] = "room",
					     [STORAGE_KEEP_ALWAYS] = "always",
					     [STORAGE_KEEP_NEVER] = "never" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i], word)) {
			*ret = (enum storage_keep)i;
			return 0;
		}
	return -EINVAL;
}

/* The directory, or a negative errno. */
static int blobs_dir(struct storage *st, bool make, struct cmk_err *err)
{
	int fd;

	if (make)
		return open_dir_at(st->root_fd, "blobs", 0700, err);
	fd = openat(st->root_fd, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? cmk_err_errno(err, "open '%s/blobs'", st->root) : fd;
}

static int older_first(const void *a, const void *b)
{
	const struct storage_blob *x = a, *y = b;

	return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

int storage_blob_list(struct storage *st, struct storage_blob **ret, size_t *ret_n,
		      struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_close int fd = blobs_dir(st, false, &mine);
	struct storage_blob *list = NULL;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	size_t n = 0;
	int r = fd < 0 ? fd : dir_read(fd, &d, &mine);

	if (r < 0 && r != -ENOENT)
		return cmk_err_move(err, &mine);
	while (d && (de = readdir(d))) {
		struct storage_blob b;
		struct stat sb;

		if (digest_parse_hex(de->d_name, &b.digest) < 0 ||
		    fstatat(fd, de->d_name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		b.size = (uint64_t)sb.st_size;
		b.used_ns = sb.st_mtim.tv_sec * 1000000000LL + sb.st_mtim.tv_nsec;
		if ((n & (n - 1)) == 0)
			list = xrealloc(list, n ? n * 2 : 1, sizeof(*list));
		list[n++] = b;
	}
	if (n > 0)
		qsort(list, n, sizeof(*list), older_first);
	*ret = list;
	*ret_n = n;
	return 0;
}

static bool drop(struct storage *st, int dir, const struct storage_blob *b)
{
	if (unlinkat(dir, b->digest.hex, 0) < 0)
		return false;
	log_debug("kept blob '%s/blobs/%s' dropped: %llu bytes", st->root, b->digest.hex,
		  (unsigned long long)b->size);
	return true;
}

int storage_blob_drop_all(struct storage *st, uint64_t *ret_bytes, struct cmk_err *err)
{
	cleanup_free struct storage_blob *list = NULL;
	cleanup_close int dir = -1;
	size_t n = 0;
	int r = storage_blob_list(st, &list, &n, err);

	*ret_bytes = 0;
	if (r < 0 || n == 0)
		return r;
	dir = blobs_dir(st, false, err);
	for (size_t i = 0; dir >= 0 && i < n; i++)
		if (drop(st, dir, &list[i]))
			*ret_bytes += list[i].size;
	return MIN(dir, 0);
}

void blobs_drop_unused(struct storage *st, bool (*used)(const void *arg, const struct digest *d),
		       const void *arg)
{
	cleanup_free struct storage_blob *list = NULL;
	cleanup_close int dir = blobs_dir(st, false, NULL);
	size_t n = 0;

	if (dir < 0 || storage_blob_list(st, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (!used(arg, &list[i].digest))
			(void)drop(st, dir, &list[i]);
}

/* --- room --- */

static uint64_t free_bytes(struct storage *st)
{
	uint64_t room;

	(void)storage_free_bytes(st, &room, NULL);
	return room;
}

bool blobs_make_room(struct storage *st, uint64_t bytes)
{
	cleanup_free struct storage_blob *list = NULL;
	cleanup_close int dir = blobs_dir(st, false, NULL);
	size_t n = 0;

	if (dir < 0 || storage_blob_list(st, &list, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n && free_bytes(st) < bytes; i++)
		(void)drop(st, dir, &list[i]);
	return free_bytes(st) >= bytes;
}

/* A blob of SIZE bytes, which are on the disk already, has its place: where need be, that of older
 * ones. */
static bool has_room(struct storage *st, int dir, uint64_t size)
{
	cleanup_free struct storage_blob *list = NULL;
	uint64_t room = free_bytes(st), total = size, share;
	size_t n = 0;

	if (room == UINT64_MAX || storage_blob_list(st, &list, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		total += list[i].size;
	share = (room + total) / SHARE;
	for (size_t i = 0; i < n && total > share && size <= share; i++)
		if (drop(st, dir, &list[i]))
			total -= list[i].size;
	return total <= share;
}

/* --- one blob --- */

bool storage_blob_keep(struct storage *st, enum storage_keep keep, int dirfd, const char *name,
		       const struct digest *digest, uint64_t size)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_close int dir = -1;

	if (keep == STORAGE_KEEP_NEVER)
		return false;
	dir = blobs_dir(st, true, &err);
	if (dir < 0) {
		log_debug("blob %s is not kept: %s", digest->hex, cmk_err_msg(&err));
		return false;
	}
	if (keep == STORAGE_KEEP_ROOM && !has_room(st, dir, size))
		return false;
	return renameat(dirfd, name, dir, digest->hex) == 0;
}

static int check_blob(int fd, const struct digest *want, uint64_t size, struct cmk_err *err)
{
	struct digest got;
	struct stat sb;
	int r;

	if (fstat(fd, &sb) < 0)
		return cmk_err_errno(err, "look at it");
	if (!S_ISREG(sb.st_mode) || (uint64_t)sb.st_size != size)
		return cmk_err_set(err, -EBADMSG, "it has another size");
	r = digest_of_fd(fd, &got);
	if (r < 0)
		return cmk_err_set(err, r, "read it: %s", errno_text(-r));
	if (!streq(got.hex, want->hex))
		return cmk_err_set(err, -EBADMSG, "its bytes are not those of its digest");
	return lseek(fd, 0, SEEK_SET) < 0 ? cmk_err_errno(err, "read it") : 0;
}

int storage_blob_open(struct storage *st, const char *digest, uint64_t size)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_close int dir = blobs_dir(st, false, NULL), fd = -1;
	struct digest d;
	int r;

	if (dir < 0 || digest_parse(digest, &d, NULL) < 0)
		return -ENOENT;
	fd = openat(dir, d.hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -ENOENT;
	r = check_blob(fd, &d, size, &err);
	if (r < 0) {
		log_debug("kept blob '%s/blobs/%s': %s", st->root, d.hex, cmk_err_msg(&err));
		(void)unlinkat(dir, d.hex, 0);
		return -ENOENT;
	}
	(void)utimensat(dir, d.hex, NULL, AT_SYMLINK_NOFOLLOW);
	return steal_fd(&fd);
}
