// SPDX-License-Identifier: Apache-2.0
#include "storage/tar.h"

#include "tarmake.h"
#include "unit.h"

/* Gives the stream in pieces of STEP bytes, so that every boundary is met. */
struct source {
	const uint8_t *p;
	size_t len, step;
};

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct source *s = arg;
	size_t n = MIN(s->len, s->step);

	(void)err;
	*ret = s->p;
	*ret_len = n;
	if (n > 0)
		s->p += n;
	s->len -= n;
	return 0;
}

struct reading {
	struct source source;
	struct tar_reader t;
	struct cmk_err err;
};

static void begin(struct reading *r, const struct strbuf *sb, size_t step)
{
	r->source = (struct source){ (const uint8_t *)sb->data, sb->len, step };
	r->err = CMK_ERR_INIT;
	tar_init(&r->t, fill, &r->source);
}

static void finish(struct reading *r)
{
	tar_done(&r->t);
	cmk_err_done(&r->err);
}

/* The file's content, holes included. */
static char *content(struct reading *r)
{
	char *out = xcalloc(1, r->t.entry.size + 1);
	const void *p;
	uint64_t offset;
	size_t len;
	int q;

	while ((q = tar_data(&r->t, &p, &len, &offset, &r->err)) > 0) {
		assert_true(offset + len <= r->t.entry.size);
		memcpy(out + offset, p, len);
	}
	assert_int_equal(q, 0);
	return out;
}

static int first(const struct strbuf *sb)
{
	struct reading r;
	int q;

	begin(&r, sb, 512);
	q = tar_next(&r.t, &r.err);
	if (q < 0)
		assert_non_null(r.err.msg);
	finish(&r);
	return q;
}

static void one_entry(struct reading *r, struct strbuf *sb, const struct tar_spec *s)
{
	tarmake_add(sb, s);
	tarmake_end(sb);
	begin(r, sb, 100);
	assert_int_equal(tar_next(&r->t, &r->err), 1);
}

static void plain_entries_in_pieces_of_any_size(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	(void)state;
	tarmake_add(&sb, &(struct tar_spec){ .name = "d/", .type = '5', .mode = 0755 });
	tarmake_add(&sb, &(struct tar_spec){ .name = "d/f",
					     .mode = 04750,
					     .uid = 1000,
					     .gid = 5,
					     .mtime = 12345,
					     .data = "hello",
					     .data_len = 5 });
	tarmake_add(&sb, &(struct tar_spec){ .name = "l", .link = "d/f", .type = '2' });
	tarmake_end(&sb);
	for (size_t step = 1; step < 1100; step = step * 3 + 1) {
		cleanup_free char *text = NULL;
		struct reading r;

		begin(&r, &sb, step);
		assert_int_equal(tar_next(&r.t, &r.err), 1);
		assert_int_equal(r.t.entry.type, TAR_DIR);
		assert_int_equal(tar_next(&r.t, &r.err), 1);
		assert_string_equal(r.t.entry.path.data, "d/f");
		assert_int_equal(r.t.entry.mode, 04750);
		assert_int_equal(r.t.entry.uid, 1000);
		assert_int_equal(r.t.entry.gid, 5);
		assert_int_equal(r.t.entry.mtime.tv_sec, 12345);
		text = content(&r);
		assert_string_equal(text, "hello");
		assert_int_equal(tar_next(&r.t, &r.err), 1);
		assert_int_equal(r.t.entry.type, TAR_SYMLINK);
		assert_string_equal(r.t.entry.link.data, "d/f");
		assert_int_equal(tar_next(&r.t, &r.err), 0);
		finish(&r);
	}
}

static void data_not_read_is_skipped(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;

	(void)state;
	tarmake_add(&sb, &(struct tar_spec){ .name = "a", .data = "1234", .data_len = 4 });
	one_entry(&r, &sb, &(struct tar_spec){ .name = "b" });
	assert_string_equal(r.t.entry.path.data, "a");
	assert_int_equal(tar_next(&r.t, &r.err), 1);
	assert_string_equal(r.t.entry.path.data, "b");
	finish(&r);
}

static void the_end_may_be_missing_between_entries_only(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;

	(void)state;
	assert_int_equal(first(&sb), 0);
	tarmake_add(&sb, &(struct tar_spec){
				 .name = "a", .data = "1234", .data_len = 4, .no_padding = true });
	begin(&r, &sb, 512);
	assert_int_equal(tar_next(&r.t, &r.err), 1);
	assert_int_equal(tar_next(&r.t, &r.err), 0);
	finish(&r);

	sb.len -= 1;
	begin(&r, &sb, 512);
	assert_int_equal(tar_next(&r.t, &r.err), 1);
	assert_int_equal(tar_next(&r.t, &r.err), -EBADMSG);
	finish(&r);

	sb.len = 300;
	assert_int_equal(first(&sb), -EBADMSG);
}

static void garbage_is_no_archive(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	static const char zero[512];

	(void)state;
	tarmake_add(&sb, &(struct tar_spec){ .name = "a", .bad_checksum = true });
	assert_int_equal(first(&sb), -EBADMSG);
	strbuf_reset(&sb);
	strbuf_add(&sb, zero, sizeof(zero));
	assert_int_equal(first(&sb), 0);
	tarmake_add(&sb, &(struct tar_spec){ .name = "a" });
	assert_int_equal(first(&sb), -EBADMSG);
	strbuf_reset(&sb);
	tarmake_add(&sb, &(struct tar_spec){ .name = "a", .type = 'Z' });
	assert_int_equal(first(&sb), -EBADMSG);
	strbuf_reset(&sb);
	tarmake_add(&sb, &(struct tar_spec){ .name = "" });
	assert_int_equal(first(&sb), -EBADMSG);
	strbuf_reset(&sb);
	tarmake_add(&sb, &(struct tar_spec){ .name = "l", .type = '2' });
	assert_int_equal(first(&sb), -EBADMSG);
	strbuf_reset(&sb);
	/* A header for an entry that does not come. */
	tarmake_long(&sb, 'L', "name");
	assert_int_equal(first(&sb), -EBADMSG);
}

static void pax_records_win_over_the_header(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;

	(void)state;
	one_entry(&r, &sb,
		  &(struct tar_spec){ .name = "short",
				      .mtime = 7,
				      .pax = "path=very/long\nuid=70000\ngid=70001\n"
					     "mtime=1700000000.25\nunknown.key=x\n"
					     "SCHILY.xattr.user.a=b=c\n"
					     "LIBARCHIVE.xattr.user.%62=aGVsbG8=\n" });
	assert_string_equal(r.t.entry.path.data, "very/long");
	assert_int_equal(r.t.entry.uid, 70000);
	assert_int_equal(r.t.entry.gid, 70001);
	assert_int_equal(r.t.entry.mtime.tv_sec, 1700000000);
	assert_int_equal(r.t.entry.mtime.tv_nsec, 250000000);
	assert_int_equal(r.t.entry.n_xattrs, 2);
	assert_string_equal(r.t.entry.xattrs[0].name, "user.a");
	assert_string_equal(r.t.entry.xattrs[0].value, "b=c");
	assert_string_equal(r.t.entry.xattrs[1].name, "user.b");
	assert_int_equal(r.t.entry.xattrs[1].len, 5);
	assert_memory_equal(r.t.entry.xattrs[1].value, "hello", 5);
	finish(&r);
}

static void pax_records_end_with_their_entry(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;

	(void)state;
	tarmake_add(&sb,
		    &(struct tar_spec){ .name = "a", .pax = "uid=9\nSCHILY.xattr.user.x=1\n" });
	one_entry(&r, &sb, &(struct tar_spec){ .name = "b" });
	assert_int_equal(tar_next(&r.t, &r.err), 1);
	assert_int_equal(r.t.entry.uid, 0);
	assert_int_equal(r.t.entry.n_xattrs, 0);
	assert_string_equal(r.t.entry.path.data, "b");
	finish(&r);
}

static void bad_pax_headers_are_refused(void **state)
{
	static const char *const bodies[] = {
		"4 a=\n",
		"99 path=x\n",
		"-6 a=b\n",
		"6 ab=\n ",
		"x path=y\n",
		"7 path\n",
		"6 =abc\n",
		"11 size=-1\n",
		"12 uid=1x\n\n",
		"0 \n",
		"18446744073709551617 a=b\n",
		"16 size=99999999999999999999\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		cleanup_strbuf struct strbuf sb = STRBUF_INIT;

		tarmake_raw(&sb, &(struct tar_spec){ .name = "p",
						     .type = 'x',
						     .data = bodies[i],
						     .data_len = strlen(bodies[i]) });
		tarmake_add(&sb, &(struct tar_spec){ .name = "a" });
		if (first(&sb) >= 0)
			fail_msg("accepted: %s", bodies[i]);
	}
}

static void a_pax_path_with_a_nul_is_refused(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	(void)state;
	tarmake_raw(&sb,
		    &(struct tar_spec){
			    .name = "p", .type = 'x', .data = "12 path=a\0b\n", .data_len = 12 });
	tarmake_add(&sb, &(struct tar_spec){ .name = "a" });
	assert_int_equal(first(&sb), -EBADMSG);
}

static void long_names_of_gnu_and_their_limit(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;
	char name[5000];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[300] = '\0';
	tarmake_long(&sb, 'L', name);
	tarmake_long(&sb, 'K', "target");
	one_entry(&r, &sb, &(struct tar_spec){ .name = "cut", .link = "cut", .type = '2' });
	assert_string_equal(r.t.entry.path.data, name);
	assert_string_equal(r.t.entry.link.data, "target");
	finish(&r);

	memset(name, 'n', sizeof(name));
	name[4096] = '\0';
	strbuf_reset(&sb);
	tarmake_long(&sb, 'L', name);
	tarmake_add(&sb, &(struct tar_spec){ .name = "cut" });
	assert_int_equal(first(&sb), -ENAMETOOLONG);
}

static void a_huge_extended_header_is_refused_before_memory_is_taken(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	(void)state;
	tarmake_raw(&sb, &(struct tar_spec){ .name = "x", .type = 'L', .claim_size = 7ULL << 30 });
	assert_int_equal(first(&sb), -EFBIG);
}

static void numbers(void **state)
{
	static const uint8_t big[12] = { 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1 };
	static const uint8_t minus[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xfe };
	static const uint8_t over[12] = { 0x80, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0 };
	int64_t v = 0;

	(void)state;
	assert_int_equal(tar_number((const uint8_t *)"0000644\0", 8, &v), 0);
	assert_int_equal(v, 0644);
	assert_int_equal(tar_number((const uint8_t *)"  644 \0\0", 8, &v), 0);
	assert_int_equal(v, 0644);
	assert_int_equal(tar_number((const uint8_t *)"\0\0\0\0\0\0\0\0", 8, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(tar_number((const uint8_t *)"0000698\0", 8, &v), -EINVAL);
	assert_int_equal(tar_number((const uint8_t *)"-000644\0", 8, &v), -EINVAL);
	assert_int_equal(tar_number(big, 12, &v), 0);
	assert_int_equal(v, (2LL << 32) + 1);
	assert_int_equal(tar_number(minus, 12, &v), 0);
	assert_int_equal(v, -2);
	assert_int_equal(tar_number(over, 12, &v), -ERANGE);
}

static void check_sparse(struct reading *r)
{
	cleanup_free char *text = NULL;

	assert_int_equal(r->t.entry.size, 2000);
	assert_true(r->t.entry.is_sparse);
	text = content(r);
	assert_memory_equal(text + 1000, "abcd", 4);
	assert_memory_equal(text + 1996, "wxyz", 4);
	assert_int_equal(text[0], 0);
	assert_int_equal(text[1500], 0);
}

static void sparse_files_of_pax_0_0_and_0_1(void **state)
{
	static const char *const formats[] = {
		"GNU.sparse.size=2000\nGNU.sparse.numblocks=2\nGNU.sparse.offset=1000\n"
		"GNU.sparse.numbytes=4\nGNU.sparse.offset=1996\nGNU.sparse.numbytes=4\n",
		"GNU.sparse.size=2000\nGNU.sparse.numblocks=2\nGNU.sparse.name=real\n"
		"GNU.sparse.map=1000,4,1996,4\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		cleanup_strbuf struct strbuf sb = STRBUF_INIT;
		struct reading r;

		one_entry(&r, &sb,
			  &(struct tar_spec){ .name = "s",
					      .data = "abcdwxyz",
					      .data_len = 8,
					      .pax = formats[i] });
		check_sparse(&r);
		assert_string_equal(r.t.entry.path.data, i == 1 ? "real" : "s");
		assert_int_equal(tar_next(&r.t, &r.err), 0);
		finish(&r);
	}
}

static void sparse_files_of_pax_1_0(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	char data[520] = "2\n1000\n4\n1996\n4\n";
	struct reading r;

	(void)state;
	memcpy(data + 512, "abcdwxyz", 8);
	one_entry(&r, &sb,
		  &(struct tar_spec){ .name = "GNUSparseFile.1/s",
				      .data = data,
				      .data_len = 520,
				      .pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\n"
					     "GNU.sparse.name=s\nGNU.sparse.realsize=2000\n" });
	assert_string_equal(r.t.entry.path.data, "s");
	check_sparse(&r);
	assert_int_equal(tar_next(&r.t, &r.err), 0);
	finish(&r);
}

static void sparse_files_of_old_gnu(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;

	(void)state;
	tarmake_raw(&sb, &(struct tar_spec){ .name = "s",
					     .type = 'S',
					     .gnu_magic = true,
					     .data = "abcdwxyz",
					     .data_len = 8 });
	memcpy(sb.data + 386, "00000001750\00000000000004", 24);
	memcpy(sb.data + 410, "00000003714\00000000000004", 24);
	memcpy(sb.data + 483, "00000003720", 12);
	tarmake_finish_header(sb.data, false);
	tarmake_end(&sb);
	begin(&r, &sb, 77);
	assert_int_equal(tar_next(&r.t, &r.err), 1);
	check_sparse(&r);
	finish(&r);
}

static void impossible_sparse_maps_are_refused(void **state)
{
	static const char *const maps[] = {
		"GNU.sparse.size=10\nGNU.sparse.map=4,4,0,4\n", /* backwards */
		"GNU.sparse.size=10\nGNU.sparse.map=0,8,4,8\n", /* overlapping */
		"GNU.sparse.size=10\nGNU.sparse.map=8,8\n",	/* beyond the end */
		"GNU.sparse.size=99\nGNU.sparse.map=8,16\n",	/* more than there is */
		"GNU.sparse.size=99\nGNU.sparse.map=8,4\n",	/* less */
		"GNU.sparse.size=99\nGNU.sparse.map=8\n",	/* half a pair */
		"GNU.sparse.size=99\nGNU.sparse.map=9223372036854775807,8\n",
		"GNU.sparse.size=99\nGNU.sparse.numbytes=8\n",
		"GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=99\n",
		"GNU.sparse.major=3\nGNU.sparse.minor=0\nGNU.sparse.realsize=99\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		cleanup_strbuf struct strbuf sb = STRBUF_INIT;

		tarmake_add(&sb, &(struct tar_spec){ .name = "s",
						     .data = "12345678",
						     .data_len = 8,
						     .pax = maps[i] });
		tarmake_end(&sb);
		if (first(&sb) >= 0)
			fail_msg("accepted: %s", maps[i]);
	}
}

static void only_files_have_data(void **state)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	struct reading r;

	(void)state;
	tarmake_raw(&sb, &(struct tar_spec){
				 .name = "h", .type = '1', .link = "f", .claim_size = 99999 });
	one_entry(&r, &sb, &(struct tar_spec){ .name = "b" });
	assert_int_equal(tar_next(&r.t, &r.err), 1);
	assert_string_equal(r.t.entry.path.data, "b");
	finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_entries_in_pieces_of_any_size),
		cmocka_unit_test(data_not_read_is_skipped),
		cmocka_unit_test(the_end_may_be_missing_between_entries_only),
		cmocka_unit_test(garbage_is_no_archive),
		cmocka_unit_test(pax_records_win_over_the_header),
		cmocka_unit_test(pax_records_end_with_their_entry),
		cmocka_unit_test(bad_pax_headers_are_refused),
		cmocka_unit_test(a_pax_path_with_a_nul_is_refused),
		cmocka_unit_test(long_names_of_gnu_and_their_limit),
		cmocka_unit_test(a_huge_extended_header_is_refused_before_memory_is_taken),
		cmocka_unit_test(numbers),
		cmocka_unit_test(sparse_files_of_pax_0_0_and_0_1),
		cmocka_unit_test(sparse_files_of_pax_1_0),
		cmocka_unit_test(sparse_files_of_old_gnu),
		cmocka_unit_test(impossible_sparse_maps_are_refused),
		cmocka_unit_test(only_files_have_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
