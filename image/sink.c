// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/sendfile.h>

#include "base/file.h"
#include "image/new_file.h"
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

/* And the directories above it. */
static int open_file(const struct sink *s, const char *name, struct new_file *ret,
		     struct cmk_err *err)
{
	const char *slash = strrchr(name, '/');
	cleanup_free char *dir = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	int r = dir ? mkdir_p_at(s->dir_fd, dir, 0755, err) : 0;

	return r < 0 ? r : new_file_open(s->dir_fd, name, 0644, ret, err);
}

/* R: whether it was written whole. */
static int close_file(struct sink *s, struct new_file *f, int r, struct cmk_err *err)
{
	if (!strv_has(s->names, f->name))
		strv_add(&s->names, f->name);
	return new_file_close(f, r, err);
}

int sink_put(struct sink *s, const char *name, const void *data, size_t len, struct cmk_err *err)
{
	struct new_file f;
	int r;

	if (s->archive)
		return storage_writer_add(s->archive, name, data, len, err);
	r = open_file(s, name, &f, err);
	if (r < 0)
		return r;
	r = write_all(f.fd, data, len);
	if (r < 0)
		(void)cmk_err_set(err, r, "write '%s': %s", name, errno_text(-r));
	return close_file(s, &f, r, err);
}

int sink_put_layer(struct sink *s, struct storage *st, const char *name,
		   const struct digest *diff_id, uint64_t size, struct cmk_err *err)
{
	struct layer_stream stream = { .diff_id = diff_id, .level = -1 };
	struct layer_result res;
	struct new_file f = { .fd = s->fd };
	int r = s->archive ? storage_writer_begin(s->archive, name, size, err)
			   : open_file(s, name, &f, err);

	if (r < 0)
		return r;
	stream.out_fd = f.fd;
	r = storage_layer_stream(st, &stream, &res, err);
	if (r == 0 && res.size != size)
		r = cmk_err_set(err, -EBADMSG, "layer %.12s: its image's record has another size",
				diff_id->hex);
	return s->archive ? r : close_file(s, &f, r, err);
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
	struct new_file f;
	int r;

	if (s->archive)
		return storage_writer_add_fd(s->archive, name, fd, size, err);
	r = open_file(s, name, &f, err);
	return r < 0 ? r : close_file(s, &f, copy_fd(fd, f.fd, size, name, err), err);
}

int sink_drop_unfinished(struct sink *s, const char *dir, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r;

	if (s->archive)
		return 0;
	fd = openat(s->dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : cmk_err_errno(err, "open '%s'", dir);
	r = dir_read(fd, &d, err);
	while (r == 0 && (de = readdir(d)))
		if (str_has_suffix(de->d_name, NEW_FILE_SUFFIX) &&
		    unlinkat(fd, de->d_name, 0) < 0 && errno != ENOENT)
			r = cmk_err_errno(err, "remove '%s'", de->d_name);
	return r;
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
