// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"
#include "storage/tar_write.h"

struct archive_writer {
	struct tar_writer tar;
};

struct archive_writer *storage_writer_new(int fd)
{
	struct archive_writer *w = xcalloc(1, sizeof(*w));

	tar_writer_init(&w->tar, fd);
	return w;
}

void storage_writer_free(struct archive_writer *w)
{
	if (!w)
		return;
	tar_writer_done(&w->tar);
	free(w);
}

static int failed(int r, struct cmk_err *err)
{
	return r < 0 ? cmk_err_set(err, r, "write the archive: %s", errno_text(-r)) : 0;
}

static int header(struct archive_writer *w, const char *name, uint64_t size)
{
	bool dir = str_has_suffix(name, "/");
	struct tar_entry e = { .type = dir ? TAR_DIR : TAR_FILE,
			       .mode = dir ? 0755 : 0644,
			       .size = size };
	int r;

	strbuf_adds(&e.path, name);
	strbuf_adds(&e.link, "");
	r = tar_write_header(&w->tar, &e, 0, NULL, 0);
	strbuf_done(&e.path);
	strbuf_done(&e.link);
	return r;
}

int storage_writer_add(struct archive_writer *w, const char *name, const void *data, size_t len,
		       struct cmk_err *err)
{
	int r = header(w, name, len);

	return failed(r < 0 ? r : tar_write_data(&w->tar, data, len), err);
}

int storage_writer_add_fd(struct archive_writer *w, const char *name, int fd, uint64_t size,
			  struct cmk_err *err)
{
	int r = header(w, name, size);

	return failed(r < 0 ? r : tar_write_file(&w->tar, fd, 0, size), err);
}

int storage_writer_begin(struct archive_writer *w, const char *name, uint64_t size,
			 struct cmk_err *err)
{
	int r = header(w, name, size);

	return failed(r < 0 ? r : tar_write_elsewhere(&w->tar), err);
}

int storage_writer_finish(struct archive_writer *w, struct cmk_err *err)
{
	return failed(tar_write_end(&w->tar), err);
}
