// SPDX-License-Identifier: Apache-2.0
/* A stream is taken apart, unpacked, and put together again. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/userns.h"
#include "storage/tar_split.h"
#include "storage/unpack.h"
#include "tarmake.h"
#include "unit.h"

struct place {
	char dir[64];
	int dirfd, root;
	struct strbuf tar, got;
	struct cmk_err err;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->dirfd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p->dirfd, "diff", 0755), 0);
	p->root = openat(p->dirfd, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->root);
	(void)close(p->dirfd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	strbuf_done(&p->tar);
	strbuf_done(&p->got);
	cmk_err_done(&p->err);
	free(p);
	return 0;
}

#define ADD(p, ...) tarmake_add(&(p)->tar, &(struct tar_spec){ __VA_ARGS__ })
#define FILE_OF(p, n, text) ADD(p, .name = (n), .data = (text), .data_len = strlen(text))

/* In pieces of odd sizes, so that headers and data are cut anywhere. */
struct memory {
	const uint8_t *p;
	size_t len, piece;
};

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct memory *m = arg;
	size_t n = MIN(m->len, m->piece);

	(void)err;
	*ret = m->p;
	*ret_len = n;
	m->p += n;
	m->len -= n;
	return 0;
}

static void take_apart(struct place *p, size_t piece)
{
	struct memory m = { (const uint8_t *)p->tar.data, p->tar.len, piece };
	struct id_map ids = { 0 };
	struct extract_options o = { .single = true, .uids = &ids, .gids = &ids };
	struct unpack_result res = { 0 };
	struct tar_split *s = NULL;
	const struct tar_tap *tap;
	struct tar_reader t;

	assert_int_equal(tar_split_new(p->dirfd, &s, &p->err), 0);
	tap = tar_split_tap(s);
	tar_init(&t, fill, &m);
	t.tap = tap;
	if (extract_all(p->root, &t, &o, &res, &p->err) < 0)
		fail_msg("%s", cmk_err_msg(&p->err));
	tap->bytes(tap->arg, t.chunk, t.chunk_len);
	tap->bytes(tap->arg, m.p, m.len);
	assert_int_equal(tar_split_finish(s, &p->err), 0);
	tar_split_free(s);
	tar_done(&t);
}

static int collect(void *arg, const void *data, size_t len, struct cmk_err *err)
{
	(void)err;
	strbuf_add(arg, data, len);
	return 0;
}

static int put_together(struct place *p, bool check)
{
	strbuf_reset(&p->got);
	cmk_err_done(&p->err);
	return tar_join(p->dirfd, check, collect, &p->got, &p->err);
}

static void assert_same(struct place *p)
{
	for (int check = 0; check < 2; check++) {
		if (put_together(p, check) < 0)
			fail_msg("%s", cmk_err_msg(&p->err));
		assert_int_equal(p->got.len, p->tar.len);
		assert_memory_equal(p->got.data, p->tar.data, p->tar.len);
	}
}

static void everyday(void **state)
{
	struct place *p = *state;
	static char big[200000];

	memset(big, 'x', sizeof(big));
	ADD(p, .name = "./", .type = '5', .mode = 0755);
	ADD(p, .name = "./etc/", .type = '5', .mode = 0755);
	FILE_OF(p, "./etc/hosts", "127.0.0.1 localhost\n");
	ADD(p, .name = "./etc/empty");
	ADD(p, .name = "./big", .data = big, .data_len = sizeof(big), .mode = 04755, .uid = 3);
	ADD(p, .name = "./link", .type = '2', .link = "etc/hosts");
	ADD(p, .name = "./hard", .type = '1', .link = "./etc/hosts");
	ADD(p, .name = "./dev", .type = '3', .mode = 0600);
	FILE_OF(p, "./etc/.wh.gone", "");
	FILE_OF(p, "./.wh.also", "with bytes, which nobody keeps");
	tarmake_end(&p->tar);
	take_apart(p, 777);
	assert_same(p);
}

static void what_follows_the_end(void **state)
{
	struct place *p = *state;

	FILE_OF(p, "a", "1");
	tarmake_end(&p->tar);
	for (int i = 0; i < 20; i++)
		tarmake_end(&p->tar);
	strbuf_adds(&p->tar, "and this");
	take_apart(p, 1000);
	assert_same(p);
}

static void without_an_end(void **state)
{
	struct place *p = *state;

	FILE_OF(p, "a", "1");
	take_apart(p, 100);
	assert_same(p);
}

static void what_the_layer_replaced(void **state)
{
	struct place *p = *state;

	FILE_OF(p, "f", "first");
	ADD(p, .name = "keeps", .type = '1', .link = "f");
	FILE_OF(p, "f", "the second");
	FILE_OF(p, "f", "a third");
	FILE_OF(p, "d/one", "in a directory");
	FILE_OF(p, "d/sub/two", "below it");
	FILE_OF(p, "d/one", "again");
	FILE_OF(p, "d", "no directory any more");
	ADD(p, .name = "d/", .type = '5', .mode = 0755);
	FILE_OF(p, "d/one", "back");
	/* A hard link that is replaced has no bytes of its own. */
	ADD(p, .name = "h", .type = '1', .link = "keeps");
	FILE_OF(p, "h", "own bytes");
	FILE_OF(p, "l", "a file, then a link");
	ADD(p, .name = "l", .type = '2', .link = "f");
	FILE_OF(p, "dd", "whose name begins alike");
	tarmake_end(&p->tar);
	take_apart(p, 4096);
	assert_same(p);
}

static void through_a_link(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "usr/lib/", .type = '5', .mode = 0755);
	ADD(p, .name = "lib", .type = '2', .link = "usr/lib");
	FILE_OF(p, "lib/x", "lies in usr/lib");
	tarmake_end(&p->tar);
	take_apart(p, 4096);
	assert_same(p);
}

/* "3 pieces of 5": data between holes. */
static void with_holes(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "s", .data = "onetwo!", .data_len = 7,
	    .pax = "GNU.sparse.size=100000\nGNU.sparse.numblocks=3\n"
		   "GNU.sparse.map=10,3,5000,3,99999,1\n");
	tarmake_end(&p->tar);
	take_apart(p, 600);
	assert_same(p);
}

static void write_into(struct place *p, const char *name, const char *text)
{
	assert_int_equal(file_replace_at(p->root, name, text, strlen(text), 0644, 0, NULL), 0);
}

static void what_is_damaged(void **state)
{
	struct place *p = *state;
	struct stat st;

	FILE_OF(p, "a", "alpha");
	FILE_OF(p, "b", "beta!");
	tarmake_end(&p->tar);
	take_apart(p, 4096);
	write_into(p, "b", "other");
	assert_int_equal(put_together(p, true), -EBADMSG);
	assert_non_null(strstr(p->err.msg, "'b'"));
	write_into(p, "b", "be");
	assert_int_equal(put_together(p, false), -EBADMSG);
	assert_non_null(strstr(p->err.msg, "'b'"));
	assert_int_equal(unlinkat(p->root, "b", 0), 0);
	assert_int_equal(put_together(p, false), -EBADMSG);
	assert_int_equal(symlinkat("a", p->root, "b"), 0);
	assert_int_equal(put_together(p, false), -ELOOP);
	assert_int_equal(fstatat(p->dirfd, TAR_SPLIT_FILE, &st, 0), 0);
	/* The record, cut anywhere. */
	for (off_t size = st.st_size - 1; size >= 0; size -= 3) {
		int fd = openat(p->dirfd, TAR_SPLIT_FILE, O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, size), 0);
		(void)close(fd);
		assert_true(put_together(p, false) < 0);
	}
	assert_int_equal(unlinkat(p->dirfd, TAR_SPLIT_FILE, 0), 0);
	assert_int_equal(put_together(p, false), -ENODATA);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everyday),	       TEST(what_follows_the_end),
		TEST(without_an_end),  TEST(what_the_layer_replaced),
		TEST(through_a_link),  TEST(with_holes),
		TEST(what_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
