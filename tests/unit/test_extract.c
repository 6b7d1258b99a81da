// SPDX-License-Identifier: Apache-2.0
/* The hostile set, against a directory: what is made, and that nothing is made elsewhere. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/userns.h"
#include "storage/unpack.h"
#include "tarmake.h"
#include "unit.h"

struct place {
	char dir[64]; /* holds "root" and, beside it, what must not change */
	int dirfd, root;
	struct strbuf tar;
	struct cmk_err err;
	struct unpack_result res;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->dirfd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p->dirfd, "root", 0755), 0);
	assert_int_equal(mkdirat(p->dirfd, "outside", 0755), 0);
	assert_int_equal(file_replace_at(p->dirfd, "outside/secret", "s", 1, 0600, 0, NULL), 0);
	p->root = openat(p->dirfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	cleanup_free char *text = NULL;
	size_t len = 0;
	struct stat st;

	/* Whatever the archive was, nobody got out. */
	assert_int_equal(file_read_at(p->dirfd, "outside/secret", 9, &text, &len, NULL), 0);
	assert_int_equal(len, 1);
	assert_int_equal(fstatat(p->dirfd, "outside/evil", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstatat(p->dirfd, "evil", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstatat(p->dirfd, "outside/secret", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	(void)close(p->root);
	(void)close(p->dirfd);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	strbuf_done(&p->tar);
	cmk_err_done(&p->err);
	free(p);
	return 0;
}

static void add(struct place *p, const struct tar_spec *s)
{
	tarmake_add(&p->tar, s);
}

#define ADD(p, ...) add((p), &(struct tar_spec){ __VA_ARGS__ })

struct memory {
	const uint8_t *p;
	size_t len;
};

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct memory *m = arg;

	(void)err;
	*ret = m->p;
	*ret_len = m->len;
	m->len = 0;
	return 0;
}

static int extract(struct place *p)
{
	struct memory m;
	struct id_map ids = { 0 };
	struct extract_options o = { .single = true, .uids = &ids, .gids = &ids };
	struct tar_reader t;
	int r;

	tarmake_end(&p->tar);
	m = (struct memory){ (const uint8_t *)p->tar.data, p->tar.len };
	tar_init(&t, fill, &m);
	cmk_err_done(&p->err);
	r = extract_all(p->root, &t, &o, &p->res, &p->err);
	tar_done(&t);
	strbuf_reset(&p->tar);
	if (r < 0)
		assert_non_null(p->err.msg);
	return r;
}

static struct stat stat_of(struct place *p, const char *name)
{
	struct stat st = { 0 };

	if (fstatat(p->root, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s': %s", name, strerror(errno));
	return st;
}

static bool absent(struct place *p, const char *name)
{
	struct stat st;

	return fstatat(p->root, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void assert_text(struct place *p, const char *name, const char *want)
{
	cleanup_free char *text = NULL;

	assert_int_equal(file_read_at(p->root, name, 1 << 20, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

static void files_modes_times_and_links(void **state)
{
	struct place *p = *state;
	struct stat st;
	char link[32] = "";

	ADD(p, .name = "./", .type = '5', .mode = 0751, .mtime = 1000);
	ADD(p, .name = "./d/", .type = '5', .mode = 03770, .mtime = 2000);
	ADD(p, .name = "./d/f", .mode = 04755, .mtime = 3000, .data = "text", .data_len = 4);
	ADD(p, .name = "d/h", .type = '1', .link = "d/f");
	ADD(p, .name = "d/s", .type = '2', .link = "/no/where", .mtime = 4000);
	ADD(p, .name = "p", .type = '6', .mode = 0600);
	assert_int_equal(extract(p), 0);
	assert_true(p->res.has_root);
	st = stat_of(p, ".");
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	st = stat_of(p, "d");
	assert_int_equal(st.st_mode & 07777, 03770);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	st = stat_of(p, "d/f");
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_mtim.tv_sec, 3000);
	assert_int_equal(st.st_nlink, 2);
	assert_true(st.st_ino == stat_of(p, "d/h").st_ino);
	assert_true(readlinkat(p->root, "d/s", link, sizeof(link) - 1) > 0);
	assert_string_equal(link, "/no/where");
	assert_int_equal(stat_of(p, "d/s").st_mtim.tv_sec, 4000);
	assert_true(S_ISFIFO(stat_of(p, "p").st_mode));
	assert_text(p, "d/f", "text");
}

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = { "../evil", "a/../../evil", "..", "/../evil",
					     "./../evil" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		ADD(p, .name = names[i], .data = "x", .data_len = 1);
		assert_int_equal(extract(p), -EINVAL);
		assert_non_null(strstr(p->err.msg, "out of the layer"));
	}
	ADD(p, .name = "/abs//./x/../y", .data = "x", .data_len = 1);
	assert_int_equal(extract(p), 0);
	assert_text(p, "abs/y", "x");
}

static void links_are_followed_inside_the_root_only(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "up", .type = '2', .link = "../outside");
	ADD(p, .name = "up/evil", .data = "x", .data_len = 1);
	assert_true(extract(p) < 0);
	/* ".." at the root is the root, as in a container: that name now exists. */
	ADD(p, .name = "outside/", .type = '5');
	ADD(p, .name = "up/fine", .data = "x", .data_len = 1);
	assert_int_equal(extract(p), 0);
	assert_text(p, "outside/fine", "x");
}

static void an_absolute_link_leads_below_the_root(void **state)
{
	struct place *p = *state;
	cleanup_free char *target = xasprintf("%s/outside", p->dir);

	ADD(p, .name = "abs", .type = '2', .link = target);
	ADD(p, .name = "abs/evil", .data = "x", .data_len = 1);
	assert_true(extract(p) < 0);
	/* As in layers of merged-usr systems. */
	ADD(p, .name = "usr/lib/", .type = '5');
	ADD(p, .name = "lib", .type = '2', .link = "/usr/lib");
	ADD(p, .name = "lib/so", .data = "x", .data_len = 1);
	assert_int_equal(extract(p), 0);
	assert_text(p, "usr/lib/so", "x");
}

static void a_file_replaces_a_link_and_does_not_write_through_it(void **state)
{
	struct place *p = *state;
	cleanup_free char *target = xasprintf("%s/outside/secret", p->dir);

	ADD(p, .name = "f", .type = '2', .link = target);
	ADD(p, .name = "f", .data = "mine", .data_len = 4);
	ADD(p, .name = "g", .data = "first", .data_len = 5);
	ADD(p, .name = "h", .type = '1', .link = "g");
	ADD(p, .name = "h", .data = "other", .data_len = 5);
	assert_int_equal(extract(p), 0);
	assert_text(p, "f", "mine");
	assert_text(p, "g", "first");
	assert_text(p, "h", "other");
}

static void hard_links_stay_inside(void **state)
{
	static const char *const targets[] = { "../outside/secret", "..", "/", "missing",
					       "up/secret" };
	struct place *p = *state;

	ADD(p, .name = "up", .type = '2', .link = "../outside");
	assert_int_equal(extract(p), 0);
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		ADD(p, .name = "h", .type = '1', .link = targets[i]);
		assert_true(extract(p) < 0);
		assert_true(absent(p, "h"));
	}
}

static void a_hard_link_to_a_link_is_that_link(void **state)
{
	struct place *p = *state;
	cleanup_free char *target = xasprintf("%s/outside/secret", p->dir);

	ADD(p, .name = "s", .type = '2', .link = target);
	ADD(p, .name = "h", .type = '1', .link = "s");
	assert_int_equal(extract(p), 0);
	assert_true(S_ISLNK(stat_of(p, "h").st_mode));
}

static void the_root_cannot_be_replaced(void **state)
{
	static const char types[] = { '0', '1', '2', '6' };
	static const char *const names[] = { ".", "./", "/", "a/.." };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		ADD(p, .name = names[i], .type = types[i], .link = "../outside");
		assert_int_equal(extract(p), -EINVAL);
	}
	assert_true(S_ISDIR(stat_of(p, ".").st_mode));
}

static void devices_are_left_out(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "null", .type = '3', .mode = 0666);
	ADD(p, .name = "disk", .type = '4', .mode = 0666);
	ADD(p, .name = "after", .data = "x", .data_len = 1);
	assert_int_equal(extract(p), 0);
	/* 0:0 would be a whiteout. */
	assert_true(absent(p, "null"));
	assert_true(absent(p, "disk"));
	assert_text(p, "after", "x");
}

static bool is_whiteout(struct place *p, const char *name)
{
	struct stat st = stat_of(p, name);

	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool is_opaque(struct place *p, const char *name)
{
	cleanup_close int fd = openat(p->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char v = 0;

	return fgetxattr(fd, "user.overlay.opaque", &v, 1) == 1 && v == 'y';
}

static void whiteouts_and_opaque_directories(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "d/", .type = '5', .mode = 0755);
	ADD(p, .name = "d/.wh.gone");
	ADD(p, .name = "o/", .type = '5', .mode = 0755);
	ADD(p, .name = "o/.wh..wh..opq");
	ADD(p, .name = ".wh..wh.plnk");
	ADD(p, .name = "new/.wh.x");
	assert_int_equal(extract(p), 0);
	assert_true(is_whiteout(p, "d/gone"));
	assert_true(is_whiteout(p, "new/x"));
	assert_true(is_opaque(p, "o"));
	assert_false(is_opaque(p, "d"));
	assert_false(p->res.opaque_root);
	assert_false(p->res.has_root);
	assert_true(absent(p, ".wh..wh.plnk"));
}

static void a_whiteout_hides_lower_layers_not_its_own(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "f", .data = "mine", .data_len = 4);
	ADD(p, .name = ".wh.f");
	ADD(p, .name = ".wh.g");
	ADD(p, .name = "g", .data = "mine", .data_len = 4);
	ADD(p, .name = "d/", .type = '5', .mode = 0755);
	ADD(p, .name = ".wh.d");
	ADD(p, .name = ".wh.e");
	ADD(p, .name = "e/", .type = '5', .mode = 0755);
	ADD(p, .name = "e/x", .data = "x", .data_len = 1);
	assert_int_equal(extract(p), 0);
	assert_text(p, "f", "mine");
	assert_text(p, "g", "mine");
	assert_true(is_opaque(p, "d"));
	assert_true(is_opaque(p, "e"));
	assert_text(p, "e/x", "x");
}

static void whiteouts_stay_inside(void **state)
{
	static const char *const bad[] = { ".wh.", ".wh..", ".wh...", "d/.wh..." };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ADD(p, .name = bad[i]);
		assert_int_equal(extract(p), -EINVAL);
	}
	ADD(p, .name = "up", .type = '2', .link = "../outside");
	ADD(p, .name = "up/.wh.secret");
	assert_true(extract(p) < 0);
	ADD(p, .name = "up/.wh..wh..opq");
	assert_true(extract(p) < 0);
}

static void an_opaque_root_is_told(void **state)
{
	struct place *p = *state;

	ADD(p, .name = ".wh..wh..opq");
	assert_int_equal(extract(p), 0);
	assert_true(p->res.opaque_root);
}

static void overlay_attributes_of_a_layer_do_not_act(void **state)
{
	struct place *p = *state;
	cleanup_close int fd = -1;
	char v[16] = "";

	ADD(p, .name = "d/", .type = '5', .mode = 0755,
	    .pax = "SCHILY.xattr.user.overlay.opaque=y\n"
		   "SCHILY.xattr.user.overlay.redirect=/etc\n"
		   "SCHILY.xattr.trusted.overlay.opaque=y\n"
		   "SCHILY.xattr.security.selinux=label\n"
		   "SCHILY.xattr.com.apple.x=1\n"
		   "SCHILY.xattr.user.plain=yes\n");
	assert_int_equal(extract(p), 0);
	assert_false(is_opaque(p, "d"));
	fd = openat(p->root, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.plain", v, sizeof(v)), 3);
	assert_int_equal(fgetxattr(fd, "user.overlay.overlay.redirect", v, sizeof(v)), 4);
	assert_int_equal(fgetxattr(fd, "user.overlay.redirect", v, sizeof(v)), -1);
	assert_int_equal(fgetxattr(fd, "trusted.overlay.opaque", v, sizeof(v)), -1);
	assert_int_equal(fgetxattr(fd, "user.overlay.cmk.trusted.overlay.opaque", v, sizeof(v)), 1);
}

static void a_later_entry_replaces_an_earlier_one(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "x/", .type = '5', .mode = 0755);
	ADD(p, .name = "x/in/side", .data = "1", .data_len = 1);
	ADD(p, .name = "x", .data = "file", .data_len = 4);
	ADD(p, .name = "y", .data = "file", .data_len = 4);
	ADD(p, .name = "y/", .type = '5', .mode = 0700);
	ADD(p, .name = "y/in", .data = "2", .data_len = 1);
	ADD(p, .name = "z/", .type = '5', .mode = 0755);
	ADD(p, .name = "z/keep", .data = "3", .data_len = 1);
	ADD(p, .name = "z/", .type = '5', .mode = 0711);
	assert_int_equal(extract(p), 0);
	assert_text(p, "x", "file");
	assert_text(p, "y/in", "2");
	assert_text(p, "z/keep", "3");
	assert_int_equal(stat_of(p, "z").st_mode & 07777, 0711);
}

/* Descriptors of directories are kept: one whose directory was replaced must not be used. */
static void a_replaced_directory_is_not_written_to(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "a/b/", .type = '5', .mode = 0755);
	ADD(p, .name = "a/b/1", .data = "1", .data_len = 1);
	ADD(p, .name = "c/", .type = '5', .mode = 0755);
	ADD(p, .name = "a/b", .type = '2', .link = "../c");
	ADD(p, .name = "a/b/2", .data = "2", .data_len = 1);
	assert_int_equal(extract(p), 0);
	assert_text(p, "c/2", "2");
	assert_true(absent(p, "c/1"));
}

static void children_do_not_inherit_a_group_bit(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "s/", .type = '5', .mode = 02775);
	ADD(p, .name = "s/d/", .type = '5', .mode = 0755);
	assert_int_equal(extract(p), 0);
	assert_int_equal(stat_of(p, "s").st_mode & 07777, 02775);
	assert_int_equal(stat_of(p, "s/d").st_mode & 07777, 0755);
}

/* Deeper than a path can be, and than descriptors reach; teardown must get it away again. */
static void a_very_deep_tree_can_be_removed(void **state)
{
	struct place *p = *state;
	char deep[4001];

	for (size_t i = 0; i < sizeof(deep) - 1; i += 2)
		memcpy(deep + i, "d/", 2);
	deep[sizeof(deep) - 1] = '\0';
	tarmake_long(&p->tar, 'L', deep);
	ADD(p, .name = "cut", .type = '5', .mode = 0500);
	tarmake_long(&p->tar, 'K', deep);
	ADD(p, .name = "l", .type = '2', .link = "cut");
	deep[0] = 'l';
	tarmake_long(&p->tar, 'L', deep);
	ADD(p, .name = "cut", .type = '5', .mode = 0755);
	assert_int_equal(extract(p), 0);
}

static void a_file_as_a_directory_is_one_clear_error(void **state)
{
	struct place *p = *state;

	ADD(p, .name = "f", .data = "x", .data_len = 1);
	ADD(p, .name = "f/g", .data = "x", .data_len = 1);
	assert_int_equal(extract(p), -ENOTDIR);
	assert_non_null(strstr(p->err.msg, "'f/g'"));
}

static void sparse_files_keep_their_holes_and_have_a_limit(void **state)
{
	struct place *p = *state;
	struct stat st;

	ADD(p, .name = "s", .data = "abcdwxyz", .data_len = 8,
	    .pax = "GNU.sparse.size=67108864\nGNU.sparse.map=1000,4,67108860,4\n");
	assert_int_equal(extract(p), 0);
	st = stat_of(p, "s");
	assert_int_equal(st.st_size, 67108864);
	assert_true(st.st_blocks * 512 < 1 << 20);
	ADD(p, .name = "huge", .pax = "GNU.sparse.size=4611686018427387904\nGNU.sparse.map=\n");
	assert_int_equal(extract(p), -EFBIG);
}

static void owners_beyond_the_map_are_refused_by_name(void **state)
{
	struct place *p = *state;
	struct id_map ids = { 0 };
	struct extract_options o = { .uids = &ids, .gids = &ids };
	struct tar_reader t;
	struct memory m;

	id_map_add(&ids, 0, 1000, 1);
	id_map_add(&ids, 1, 100000, 65536);
	ADD(p, .name = "f", .uid = 65537);
	m = (struct memory){ (const uint8_t *)p->tar.data, p->tar.len };
	tar_init(&t, fill, &m);
	assert_int_equal(extract_all(p->root, &t, &o, &p->res, &p->err), -EINVAL);
	assert_non_null(strstr(p->err.msg, "65537:0"));
	assert_non_null(strstr(p->err.hint, "/etc/subuid"));
	tar_done(&t);
	id_map_done(&ids);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_modes_times_and_links),
		TEST(names_that_lead_out_are_refused),
		TEST(links_are_followed_inside_the_root_only),
		TEST(an_absolute_link_leads_below_the_root),
		TEST(a_file_replaces_a_link_and_does_not_write_through_it),
		TEST(hard_links_stay_inside),
		TEST(a_hard_link_to_a_link_is_that_link),
		TEST(the_root_cannot_be_replaced),
		TEST(devices_are_left_out),
		TEST(whiteouts_and_opaque_directories),
		TEST(a_whiteout_hides_lower_layers_not_its_own),
		TEST(whiteouts_stay_inside),
		TEST(an_opaque_root_is_told),
		TEST(overlay_attributes_of_a_layer_do_not_act),
		TEST(a_later_entry_replaces_an_earlier_one),
		TEST(a_replaced_directory_is_not_written_to),
		TEST(children_do_not_inherit_a_group_bit),
		TEST(a_very_deep_tree_can_be_removed),
		TEST(a_file_as_a_directory_is_one_clear_error),
		TEST(sparse_files_keep_their_holes_and_have_a_limit),
		TEST(owners_beyond_the_map_are_refused_by_name),
	};

	(void)umask(0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
