// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/sendfile.h>

#include "base/file.h"
#include "image/sink.h"

struct sink {
	int fd, dir_fd;
	struct archive_writer *archive;
	char **names; /* of what was written */
};

struct sink *sink_new(int fd, int dir_fd)
{
	struct sink *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->dir_fd = dir_fd;
	if (fd >= 0)
		s->archive = storage_writer_new(fd);
	return s;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	storage_writer_free(s->archive);
	(void)strv_free(s->names);
	free(s);
}

bool sink_has(struct sink *s, const char *name)
{
	if (strv_has(s->names, name))
		return true;
	strv_add(&s->names, name);
	return false;
}

int sink_put_dir(struct sink *s, const char *name, struct cmk_err *err)
{
	return s->archive ? storage_writer_add(s->archive, name, "", 0, err) : 0;
}

/* What a file is called until it is whole: readers of the directory see the old one or the new. */
static char *unfinished(const char *name)
{
	return xasprintf("%s.cmk-new", name);
}

/* A file of the directory, and those above it. */
static int open_file(const struct sink *s, const char *name, struct cmk_err *err)
{
	cleanup_free char *tmp = unfinished(name);
	const char *slash = strrchr(name, '/');
	int r = 0, fd;

	if (slash) {
		cleanup_free char *dir = xstrndup(name, (size_t)(slash - name));

		r = mkdir_p_at(s->dir_fd, dir, 0755, err);
	}
	if (r < 0)
		return r;
	fd = openat(s->dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 ? cmk_err_errno(err, "create '%s'", name) : fd;
}

/* R: whether it was written whole. */
static int close_file(struct sink *s, const char *name, int r, struct cmk_err *err)
{
	cleanup_free char *tmp = unfinished(name);

	if (!strv_has(s->names, name))
		strv_add(&s->names, name);
	if (r == 0 && renameat(s->dir_fd, tmp, s->dir_fd, name) < 0)
		r = cmk_err_errno(err, "name '%s'", name);
	if (r < 0)
		(void)unlinkat(s->dir_fd, tmp, 0);
	return r;
}

int sink_put(struct sink *s, const char *name, const void *data, size_t len, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	int r;

	if (s->archive)
		return storage_writer_add(s->archive, name, data, len, err);
	fd = open_file(s, name, err);
	if (fd < 0)
		return fd;
	r = write_all(fd, data, len);
	if (r < 0)
		(void)cmk_err_set(err, r, "write '%s': %s", name, errno_text(-r));
	return close_file(s, name, r, err);
}

int sink_put_layer(struct sink *s, struct storage *st, const char *name,
		   const struct digest *diff_id, uint64_t size, struct cmk_err *err)
{
	struct layer_stream stream = { .diff_id = diff_id, .out_fd = s->fd, .level = -1 };
	struct layer_result res;
	cleanup_close int fd = -1;
	int r;

	if (s->archive) {
		r = storage_writer_begin(s->archive, name, size, err);
		if (r < 0)
			return r;
	} else {
		stream.out_fd = fd = open_file(s, name, err);
		if (fd < 0)
			return fd;
	}
	r = storage_layer_stream(st, &stream, &res, err);
	if (r == 0 && res.size != size)
		r = cmk_err_set(err, -EBADMSG, "layer %.12s: its image's record has another size",
				diff_id->hex);
	return s->archive ? r : close_file(s, name, r, err);
}

static int copy_fd(int from, int to, uint64_t size, const char *name, struct cmk_err *err)
{
	off_t at = 0;

	while ((uint64_t)at < size) {
		ssize_t n = sendfile(to, from, &at, (size_t)MIN(size - (uint64_t)at, 1ULL << 30));

		if (n < 0 && errno != EINTR)
			return cmk_err_errno(err, "write '%s'", name);
		if (n == 0)
			return cmk_err_set(err, -EIO, "write '%s': its source became shorter",
					   name);
	}
	return 0;
}

int sink_put_fd(struct sink *s, const char *name, int fd, uint64_t size, struct cmk_err *err)
{
	cleanup_close int to = -1;

	if (s->archive)
		return storage_writer_add_fd(s->archive, name, fd, size, err);
	to = open_file(s, name, err);
	if (to < 0)
		return to;
	return close_file(s, name, copy_fd(fd, to, size, name, err), err);
}

int sink_drop_others(struct sink *s, bool (*drop)(const char *name), struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = s->archive ? 0 : dir_read(s->dir_fd, &d, err);

	while (d && (de = readdir(d)))
		if (drop(de->d_name) && !strv_has(s->names, de->d_name) &&
		    unlinkat(s->dir_fd, de->d_name, 0) < 0 && errno != ENOENT)
			return cmk_err_errno(err, "remove '%s'", de->d_name);
	return r;
}

int sink_finish(struct sink *s, struct cmk_err *err)
{
	return s->archive ? storage_writer_finish(s->archive, err) : 0;
}
