// SPDX-License-Identifier: Apache-2.0
/* What the writer of tar streams writes, read back by the reader. */
#include "storage/tar_write.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "unit.h"

struct round {
	int fd;
	struct tar_writer w;
	struct tar_reader t;
	char *map;
	size_t len;
	bool given;
};

static int setup(void **state)
{
	struct round *r = xcalloc(1, sizeof(*r));

	r->fd = memfd_create("tar", MFD_CLOEXEC);
	assert_true(r->fd >= 0);
	tar_writer_init(&r->w, r->fd);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct round *r = *state;

	tar_writer_done(&r->w);
	tar_done(&r->t);
	if (r->map)
		(void)munmap(r->map, r->len);
	(void)close(r->fd);
	free(r);
	return 0;
}

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct round *r = arg;

	(void)err;
	*ret = (const uint8_t *)r->map;
	*ret_len = r->given ? 0 : r->len;
	r->given = true;
	return 0;
}

static struct tar_entry entry(const char *path)
{
	struct tar_entry e = { .mode = 0640, .uid = 1, .gid = 2, .mtime = { 5, 0 } };

	strbuf_adds(&e.path, path);
	return e;
}

static void drop(struct tar_entry *e)
{
	strbuf_done(&e->path);
	strbuf_done(&e->link);
}

static void add(struct round *r, struct tar_entry *e, const char *data)
{
	e->size = data ? strlen(data) : 0;
	assert_int_equal(tar_write_header(&r->w, e, 0, NULL, 0), 0);
	if (data)
		assert_int_equal(tar_write_data(&r->w, data, strlen(data)), 0);
}

/* Ends the archive and starts to read it. */
static void turn(struct round *r)
{
	assert_int_equal(tar_write_end(&r->w), 0);
	r->len = (size_t)lseek(r->fd, 0, SEEK_END);
	assert_int_equal(r->len % TAR_BLOCK, 0);
	assert_int_equal(r->len, r->w.written);
	r->map = mmap(NULL, r->len, PROT_READ, MAP_PRIVATE, r->fd, 0);
	assert_ptr_not_equal(r->map, MAP_FAILED);
	tar_init(&r->t, fill, r);
}

static struct tar_entry *next(struct round *r)
{
	struct cmk_err err = CMK_ERR_INIT;

	assert_int_equal(tar_next(&r->t, &err), 1);
	return &r->t.entry;
}

static void end(struct round *r)
{
	assert_int_equal(tar_next(&r->t, NULL), 0);
}

static void short_names_need_one_block(void **state)
{
	struct round *r = *state;
	struct tar_entry e = entry("dir/file");

	add(r, &e, "data");
	drop(&e);
	turn(r);
	assert_int_equal(r->len, 4 * TAR_BLOCK);
	assert_string_equal(next(r)->path.data, "dir/file");
	assert_int_equal(r->t.entry.mode, 0640);
	assert_int_equal(r->t.entry.uid, 1);
	assert_int_equal(r->t.entry.gid, 2);
	assert_int_equal(r->t.entry.size, 4);
	assert_int_equal(r->t.entry.mtime.tv_sec, 5);
	end(r);
}

static void names_of_any_length_are_kept(void **state)
{
	static const size_t lens[] = { 1, 99, 100, 101, 155, 255, 256, 1000, TAR_NAME_MAX };
	struct round *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct tar_entry e = { .type = TAR_SYMLINK };

		for (size_t n = 0; n < lens[i]; n++) {
			strbuf_addc(&e.path, n % 60 == 59 ? '/' : 'p');
			strbuf_addc(&e.link, 'l');
		}
		add(r, &e, NULL);
		drop(&e);
	}
	turn(r);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		assert_int_equal(next(r)->path.len, lens[i]);
		assert_int_equal(r->t.entry.link.len, lens[i]);
		assert_int_equal(r->t.entry.type, TAR_SYMLINK);
	}
	end(r);
}

static void times_are_kept(void **state)
{
	static const struct timespec times[] = {
		{ 0, 0 },	   { 1, 1 },	      { 1700000000, 123456789 }, { -1, 0 },
		{ -2, 750000000 }, { -1, 250000000 }, { 9000000000LL, 0 },	 { 5, 999999999 },
	};
	struct round *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct tar_entry e = entry("t");

		e.mtime = times[i];
		add(r, &e, NULL);
		drop(&e);
	}
	turn(r);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		assert_int_equal(next(r)->mtime.tv_sec, times[i].tv_sec);
		assert_int_equal(r->t.entry.mtime.tv_nsec, times[i].tv_nsec);
	}
	end(r);
}

static void large_ids_and_attributes_are_kept(void **state)
{
	struct tar_xattr x[] = {
		{ (char *)"security.capability", (char *)"\1\0\0\2", 4 },
		{ (char *)"user.empty", (char *)"", 0 },
		{ (char *)"user.eq=nl", (char *)"a=b\nc", 5 },
	};
	struct round *r = *state;
	struct tar_entry e = entry("f");

	e.uid = 4294967294;
	e.gid = 2097152;
	e.xattrs = x;
	e.n_xattrs = 2;
	add(r, &e, "x");
	drop(&e);
	turn(r);
	assert_int_equal(next(r)->uid, 4294967294);
	assert_int_equal(r->t.entry.gid, 2097152);
	assert_int_equal(r->t.entry.n_xattrs, 2);
	assert_string_equal(r->t.entry.xattrs[0].name, "security.capability");
	assert_int_equal(r->t.entry.xattrs[0].len, 4);
	assert_memory_equal(r->t.entry.xattrs[0].value, "\1\0\0\2", 4);
	assert_int_equal(r->t.entry.xattrs[1].len, 0);
	end(r);
}

/* A record's length counts its own digits: around powers of ten that is not one more. */
static void records_of_every_length_are_read(void **state)
{
	struct round *r = *state;

	for (size_t n = 60; n < 1100; n++) {
		char *value = xcalloc(1, n + 1);
		struct tar_xattr x = { (char *)"user.a", value, n };
		struct tar_entry e = entry("f");

		memset(value, 'v', n);
		e.xattrs = &x;
		e.n_xattrs = 1;
		add(r, &e, NULL);
		drop(&e);
		free(value);
	}
	turn(r);
	for (size_t n = 60; n < 1100; n++) {
		(void)next(r);
		assert_int_equal(r->t.entry.n_xattrs, 1);
		assert_int_equal(r->t.entry.xattrs[0].len, n);
	}
	end(r);
}

static void holes_are_kept(void **state)
{
	static const struct tar_sparse map[] = { { 0, 3 }, { 1000000, 5 } };
	struct round *r = *state;
	struct tar_entry e = entry("d/sparse"), all = entry("allhole"), after = entry("after");
	uint64_t offset;
	const void *p;
	size_t len;

	e.size = 9000000000ULL;
	assert_int_equal(tar_write_header(&r->w, &e, 0, map, ARRAY_LEN(map)), 0);
	assert_int_equal(tar_write_data(&r->w, "abcdefgh", 8), 0);
	all.size = 1 << 20;
	assert_int_equal(tar_write_header(&r->w, &all, 0, map, 0), 0);
	add(r, &after, "x");
	drop(&e);
	drop(&all);
	drop(&after);
	turn(r);
	assert_string_equal(next(r)->path.data, "d/sparse");
	assert_true(r->t.entry.is_sparse);
	assert_int_equal(r->t.entry.size, 9000000000ULL);
	assert_int_equal(tar_data(&r->t, &p, &len, &offset, NULL), 1);
	assert_int_equal(offset, 0);
	assert_int_equal(len, 3);
	assert_memory_equal(p, "abc", 3);
	assert_int_equal(tar_data(&r->t, &p, &len, &offset, NULL), 1);
	assert_int_equal(offset, 1000000);
	assert_int_equal(len, 5);
	assert_memory_equal(p, "defgh", 5);
	assert_string_equal(next(r)->path.data, "allhole");
	assert_int_equal(r->t.entry.size, 1 << 20);
	assert_int_equal(tar_data(&r->t, &p, &len, &offset, NULL), 0);
	assert_string_equal(next(r)->path.data, "after");
	end(r);
}

/* The archive stays one when a file becomes shorter while it is read. */
static void a_file_that_shrinks_is_filled_up(void **state)
{
	struct round *r = *state;
	int small = memfd_create("small", MFD_CLOEXEC);
	struct tar_entry e = entry("small"), big = entry("big"), after = entry("after");

	assert_int_equal(write(small, "abc", 3), 3);
	e.size = 1000;
	assert_int_equal(tar_write_header(&r->w, &e, 0, NULL, 0), 0);
	assert_int_equal(tar_write_file(&r->w, small, 0, 1000), 0);
	big.size = 1 << 20;
	assert_int_equal(tar_write_header(&r->w, &big, 0, NULL, 0), 0);
	assert_int_equal(tar_write_file(&r->w, small, 0, 1 << 20), 0);
	add(r, &after, "x");
	drop(&e);
	drop(&big);
	drop(&after);
	(void)close(small);
	turn(r);
	assert_int_equal(next(r)->size, 1000);
	assert_int_equal(next(r)->size, 1 << 20);
	assert_string_equal(next(r)->path.data, "after");
	end(r);
}

static void a_full_disk_is_told(void **state)
{
	struct round *r = *state;
	struct tar_entry e = entry("f");
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_true(full >= 0);
	r->w.fd = full;
	add(r, &e, "x");
	drop(&e);
	assert_int_equal(tar_write_end(&r->w), -ENOSPC);
	(void)close(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_names_need_one_block, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_any_length_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(times_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(large_ids_and_attributes_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(records_of_every_length_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(holes_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_shrinks_is_filled_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
