// SPDX-License-Identifier: Apache-2.0
/* A tar-split record and a directory of files make a stream; neither leads out of the directory. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/tar_asm.h"
#include "unit.h"

/* The check value of CRC-64/GO-ISO: that of "123456789". */
#define CRC "uQlWx3WkEAE="

struct place {
	char dir[64];
	int fd;
	struct strbuf got;
	struct cmk_err err;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p->fd, "diff", 0755), 0);
	assert_int_equal(file_replace_at(p->fd, "secret", "123456789", 9, 0600, 0, NULL), 0);
	assert_int_equal(file_replace_at(p->fd, "diff/f", "123456789", 9, 0600, 0, NULL), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	strbuf_done(&p->got);
	cmk_err_done(&p->err);
	free(p);
	return 0;
}

static int take(void *arg, const void *data, size_t len, struct cmk_err *err)
{
	struct place *p = arg;

	(void)err;
	strbuf_add(&p->got, data, len);
	return 0;
}

static int assemble(struct place *p, const char *record)
{
	cleanup_close int diff = openat(p->fd, "diff", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int split = memfd_create("split", MFD_CLOEXEC);

	assert_int_equal(write_all(split, record, strlen(record)), 0);
	assert_int_equal(lseek(split, 0, SEEK_SET), 0);
	strbuf_reset(&p->got);
	cmk_err_done(&p->err);
	return tar_asm(diff, split, take, p, &p->err);
}

static void assert_fails(struct place *p, const char *record, const char *why)
{
	assert_int_equal(assemble(p, record), -EBADMSG);
	if (!strstr(cmk_err_msg(&p->err), why))
		fail_msg("'%s' does not say '%s'", cmk_err_msg(&p->err), why);
	assert_null(strstr(strbuf_str(&p->got), "123456789"));
}

static void test_segments_and_files(void **state)
{
	struct place *p = *state;

	/* "head", f, an empty file, "tail". */
	assert_int_equal(assemble(p, "{\"type\":2,\"payload\":\"aGVhZA==\",\"position\":0}\n"
				     "{\"type\":1,\"name\":\"./f\",\"size\":9,\"payload\":\"" CRC
				     "\",\"position\":1}\n"
				     "{\"type\":1,\"name\":\"absent\",\"payload\":null}\n"
				     "{\"type\":2,\"payload\":\"dGFpbA==\"}\n"),
			 0);
	assert_string_equal(strbuf_str(&p->got), "head123456789tail");
	/* A name that is not UTF-8; no end of the last line. */
	assert_int_equal(assemble(p,
				  "{\"type\":1,\"name_raw\":\"Zg==\",\"size\":9,\"payload\":\"" CRC
				  "\"}"),
			 0);
	assert_string_equal(strbuf_str(&p->got), "123456789");
}

static void test_a_damaged_file_is_named(void **state)
{
	struct place *p = *state;

	assert_int_equal(assemble(p, "{\"type\":1,\"name\":\"f\",\"size\":9,\"payload\":"
				     "\"AAAAAAAAAAA=\"}\n"),
			 -EBADMSG);
	assert_non_null(strstr(cmk_err_msg(&p->err), "'f' is damaged: its bytes have another"));
	assert_fails(p, "{\"type\":1,\"name\":\"f\",\"size\":8}\n",
		     "'f' is damaged: it has another");
	assert_fails(p, "{\"type\":1,\"name\":\"g\",\"size\":9}\n", "'g' cannot be read");
	assert_int_equal(mkdirat(p->fd, "diff/d", 0755), 0);
	assert_fails(p, "{\"type\":1,\"name\":\"d\",\"size\":9}\n",
		     "'d' is damaged: it is no file");
	assert_int_equal(mkfifoat(p->fd, "diff/fifo", 0644), 0);
	assert_fails(p, "{\"type\":1,\"name\":\"fifo\",\"size\":9}\n", "it is no file");
}

static void test_nothing_leads_out(void **state)
{
	struct place *p = *state;

	assert_fails(p, "{\"type\":1,\"name\":\"../secret\",\"size\":9}\n", "cannot be read");
	assert_fails(p, "{\"type\":1,\"name\":\"/secret\",\"size\":9}\n", "cannot be read");
	assert_int_equal(symlinkat("../secret", p->fd, "diff/link"), 0);
	assert_fails(p, "{\"type\":1,\"name\":\"link\",\"size\":9}\n", "cannot be read");
	assert_int_equal(symlinkat("..", p->fd, "diff/up"), 0);
	assert_fails(p, "{\"type\":1,\"name\":\"up/secret\",\"size\":9}\n", "cannot be read");
}

static void test_a_damaged_record(void **state)
{
	struct place *p = *state;

	assert_fails(p, "", "is empty");
	assert_fails(p, "{\"type\":2,\"payload\":\"aGVhZA==\"}\n{\"type\":", "line 2");
	assert_fails(p, "{\"type\":3}\n", "neither");
	assert_fails(p, "[]\n", "neither");
	assert_fails(p, "{\"type\":2,\"payload\":\"***\"}\n", "not base64");
	assert_fails(p, "{\"type\":1,\"name\":\"f\",\"size\":-1}\n", "size");
	assert_fails(p, "{\"type\":1,\"name\":\"f\",\"size\":9,\"payload\":\"AAAA\"}\n",
		     "checksum");
	assert_fails(p, "{\"type\":1,\"size\":9}\n", "name");
	assert_fails(p, "{\"type\":1,\"name_raw\":\"ZgBm\",\"size\":9}\n", "name");
	/* A gzip member that was cut. */
	assert_fails(p, "\x1f\x8b\x08", "the gzip data is cut short");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_segments_and_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_file_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_leads_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_record, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
