// SPDX-License-Identifier: Apache-2.0
/* Members of an archive by name, and what of an archive is not to be believed. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "storage/storage.h"
#include "tarmake.h"
#include "unit.h"

struct opened {
	int fd;
	struct storage_archive *a;
	struct cmk_err err;
};

static int try_open(struct opened *o, const char *data, size_t len)
{
	*o = (struct opened){ .fd = memfd_create("archive", MFD_CLOEXEC) };
	assert_true(o->fd >= 0);
	assert_int_equal(write_all(o->fd, data, len), 0);
	assert_int_equal(lseek(o->fd, 0, SEEK_SET), 0);
	return storage_archive_open(o->fd, &o->a, &o->err);
}

static void finish(struct opened *o)
{
	(void)storage_archive_free(o->a);
	(void)close(o->fd);
	cmk_err_done(&o->err);
}

static void must_open(struct opened *o, const struct strbuf *sb)
{
	if (try_open(o, sb->data, sb->len) < 0)
		fail_msg("%s", cmk_err_msg(&o->err));
}

static void holds(struct opened *o, const char *name, const char *want)
{
	struct storage_member m = { 0 };
	char got[64] = "";

	if (storage_archive_find(o->a, name, &m, &o->err) < 0)
		fail_msg("'%s': %s", name, cmk_err_msg(&o->err));
	assert_int_equal(m.size, strlen(want));
	assert_int_equal(pread(o->fd, got, m.size, (off_t)m.offset), m.size);
	assert_string_equal(got, want);
}

static void refuses(struct opened *o, const char *name, int code, const char *why)
{
	struct storage_member m = { 0 };

	assert_int_equal(storage_archive_find(o->a, name, &m, &o->err), code);
	if (!strstr(cmk_err_msg(&o->err), why))
		fail_msg("'%s': '%s' does not say '%s'", name, cmk_err_msg(&o->err), why);
}

static void add(struct strbuf *sb, const char *name, const char *data)
{
	tarmake_add(sb, &(struct tar_spec){ .name = name, .data = data, .data_len = strlen(data) });
}

static void add_link(struct strbuf *sb, char type, const char *name, const char *link)
{
	tarmake_add(sb, &(struct tar_spec){ .name = name, .type = type, .link = link });
}

static void members_are_found_by_name(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT, big = STRBUF_INIT;
	struct opened o;

	for (int i = 0; i < 100000; i++)
		strbuf_addc(&big, 'x');
	add(&sb, "./manifest.json", "one");
	tarmake_add(&sb, &(struct tar_spec){ .name = "blobs/", .type = '5' });
	/* Passed over, not read: it is larger than what is read at a time. */
	add(&sb, "big", big.data);
	tarmake_add(&sb, &(struct tar_spec){ .name = "short",
					     .pax = "path=blobs//sha256/long\n",
					     .data = "two",
					     .data_len = 3 });
	add(&sb, "empty", "");
	add(&sb, "last", "three");
	tarmake_end(&sb);
	must_open(&o, &sb);
	holds(&o, "manifest.json", "one");
	holds(&o, "blobs/sha256/long", "two");
	holds(&o, "./blobs/sha256/../sha256/long", "two");
	holds(&o, "empty", "");
	holds(&o, "last", "three");
	refuses(&o, "blobs", -ENOENT, "no 'blobs'");
	refuses(&o, "short", -ENOENT, "no 'short'");
	refuses(&o, "", -ENOENT, "no ''");
	refuses(&o, "../manifest.json", -ENOENT, "no '../manifest.json'");
	finish(&o);
}

static void links_lead_to_members_alone(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct opened o;

	add(&sb, "layer.tar", "data");
	add_link(&sb, '2', "a/b/layer.tar", "../../layer.tar");
	add_link(&sb, '2', "a/twice", "b/layer.tar");
	add_link(&sb, '1', "a/hard", "layer.tar");
	add_link(&sb, '2', "out", "../layer.tar");
	add_link(&sb, '2', "far", "a/../../../etc/passwd");
	add_link(&sb, '2', "root", "/layer.tar");
	add_link(&sb, '2', "nowhere", "nothing");
	add_link(&sb, '2', "round", "about");
	add_link(&sb, '2', "about", "round");
	add_link(&sb, '2', "self", "self");
	tarmake_end(&sb);
	must_open(&o, &sb);
	holds(&o, "a/b/layer.tar", "data");
	holds(&o, "a/twice", "data");
	holds(&o, "a/hard", "data");
	refuses(&o, "out", -EBADMSG, "out of the archive");
	refuses(&o, "far", -EBADMSG, "out of the archive");
	refuses(&o, "root", -EBADMSG, "out of the archive");
	refuses(&o, "nowhere", -EBADMSG, "not in the archive");
	refuses(&o, "round", -ELOOP, "too many links");
	refuses(&o, "self", -ELOOP, "too many links");
	finish(&o);
}

static void what_can_mean_two_things_is_refused(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct opened o;

	add(&sb, "manifest.json", "one");
	add(&sb, "other", "fine");
	add(&sb, "./manifest.json", "two");
	add(&sb, "../evil", "x");
	tarmake_add(&sb, &(struct tar_spec){ .name = "holes",
					     .pax = "GNU.sparse.major=0\nGNU.sparse.minor=1\n"
						    "GNU.sparse.map=0,1,10,1\nGNU.sparse.size=11\n"
						    "GNU.sparse.name=holes\n",
					     .data = "ab",
					     .data_len = 2 });
	tarmake_end(&sb);
	must_open(&o, &sb);
	holds(&o, "other", "fine");
	refuses(&o, "manifest.json", -EBADMSG, "two members");
	refuses(&o, "evil", -ENOENT, "no 'evil'");
	refuses(&o, "holes", -EBADMSG, "sparse");
	finish(&o);
}

static void every_cut_is_noticed(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct opened o;
	size_t n_taken = 0;

	add(&sb, "one", "1234567890");
	add(&sb, "two", "1234567890");
	for (size_t len = 0; len < sb.len; len++) {
		struct storage_member m;

		/* A whole entry may be the last, with or without what fills its block. */
		if (try_open(&o, sb.data, len) == 0) {
			n_taken++;
			assert_true(len == 0 || (len >= 522 && len <= 1024) || len >= 1546);
			if (storage_archive_find(o.a, "two", &m, NULL) == 0)
				assert_true(m.offset + m.size <= len);
		}
		finish(&o);
	}
	assert_true(n_taken < sb.len / 2 + 16);
}

static void sizes_are_bounded_by_the_file(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct opened o;

	tarmake_add(&sb, &(struct tar_spec){ .name = "huge", .claim_size = 077777777777ULL });
	assert_int_equal(try_open(&o, sb.data, sb.len), -EBADMSG);
	assert_non_null(strstr(cmk_err_msg(&o.err), "'huge'"));
	finish(&o);
	strbuf_reset(&sb);
	tarmake_add(&sb,
		    &(struct tar_spec){ .name = "huger", .pax = "size=9223372036854775807\n" });
	assert_true(try_open(&o, sb.data, sb.len) < 0);
	finish(&o);
	strbuf_reset(&sb);
	for (int i = 0; i < 2000; i++)
		strbuf_adds(&sb, "no archive\n");
	assert_true(try_open(&o, sb.data, sb.len) < 0);
	finish(&o);
}

static void it_may_begin_in_the_middle_of_the_file(void **state cmk_unused)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct storage_member m = { 0 };
	struct opened o = { .fd = memfd_create("archive", MFD_CLOEXEC) };

	add(&sb, "one", "data");
	assert_int_equal(write_all(o.fd, "before", 6), 0);
	assert_int_equal(write_all(o.fd, sb.data, sb.len), 0);
	assert_int_equal(lseek(o.fd, 6, SEEK_SET), 6);
	assert_int_equal(storage_archive_open(o.fd, &o.a, &o.err), 0);
	assert_int_equal(storage_archive_find(o.a, "one", &m, NULL), 0);
	assert_int_equal(m.offset, 6 + 512);
	finish(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(links_lead_to_members_alone),
		cmocka_unit_test(what_can_mean_two_things_is_refused),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(sizes_are_bounded_by_the_file),
		cmocka_unit_test(it_may_begin_in_the_middle_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
