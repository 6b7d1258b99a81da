// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/runtime/internal.h"
#include "libpod/spec/rlimit.h"
#include "tests/unit/unit.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "garbage\n"
			     "u:x:1000:1001::/home/u:/bin/sh\n"
			     "1001:x:7:8::/seven:\n"
			     "nohome:x:9:9\n";
static const char group[] = "root:x:0:\nwheel:x:10:root,u\naudio:x:29:u\nu:x:1001:\nbad\n";

struct user_case {
	const char *text, *add;
	int code;
	uint32_t uid, gid;
	size_t n_groups;
	const char *home;
};

static void test_users_by_name_and_number(void **state)
{
	static const struct user_case cases[] = {
		{ NULL, NULL, 0, 0, 0, 1, "/root" },
		{ "", NULL, 0, 0, 0, 1, "/root" },
		{ "root", NULL, 0, 0, 0, 1, "/root" },
		{ "u", NULL, 0, 1000, 1001, 2, "/home/u" },
		{ "1000", NULL, 0, 1000, 1001, 2, "/home/u" },
		{ "u:wheel", NULL, 0, 1000, 10, 0, "/home/u" },
		{ "u:5", "audio", 0, 1000, 5, 1, "/home/u" },
		{ "5", "77", 0, 5, 0, 1, "/" },
		{ "1001", NULL, 0, 7, 8, 0, "/seven" }, /* a name of digits is a name first */
		{ "nohome", NULL, 0, 9, 9, 0, "/" },
		{ "4294967294:4294967294", NULL, 0, 4294967294U, 4294967294U, 0, "/" },
		{ "1:", NULL, -EINVAL, 0, 0, 0, NULL },
		{ ":1", NULL, -EINVAL, 0, 0, 0, NULL },
		{ ":", NULL, -EINVAL, 0, 0, 0, NULL },
		{ "1:2:3", NULL, -EINVAL, 0, 0, 0, NULL },
		{ "1x", NULL, -ENOENT, 0, 0, 0, NULL },
		{ "4294967295", NULL, -EINVAL, 0, 0, 0, NULL },
		{ "4294967296", NULL, -EINVAL, 0, 0, 0, NULL },
		{ "-1", NULL, -EINVAL, 0, 0, 0, NULL },
		{ "1:4294967296", NULL, -EINVAL, 0, 0, 0, NULL },
		{ " 1", NULL, -ENOENT, 0, 0, 0, NULL },
		{ "garbage", NULL, -ENOENT, 0, 0, 0, NULL },
		{ "u:nosuch", NULL, -ENOENT, 0, 0, 0, NULL },
		{ "u", "nosuch", -ENOENT, 0, 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct user_case *c = &cases[i];
		char *add[] = { (char *)c->add, NULL }, *home = NULL;
		struct cmk_err err = CMK_ERR_INIT;
		struct spec_user u = { .uid = 1234 };

		assert_int_equal(user_lookup_text(passwd, group, c->text, c->add ? add : NULL, &u,
						  &home, &err),
				 c->code);
		if (c->code == 0) {
			assert_true(u.uid == c->uid && u.gid == c->gid);
			assert_int_equal(u.n_additional_gids, c->n_groups);
			assert_string_equal(home, c->home);
		} else {
			assert_int_equal(err.kind, CMK_ERR_CANNOT_EXEC);
			assert_int_equal(u.uid, 1234);
		}
		free(home);
		free(u.additional_gids);
		cmk_err_done(&err);
	}
}

/* A directory that plays the container's root, and a canary beside it. */
struct fixture {
	char dir[64];
	int top, root;
};

static int setup(void **state)
{
	static struct fixture f;

	(void)snprintf(f.dir, sizeof(f.dir), "/tmp/cmk-test-runtime-XXXXXX");
	if (!mkdtemp(f.dir))
		return -1;
	f.top = open(f.dir, O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(f.top, "root", 0755) < 0 || mkdirat(f.top, "root/etc", 0755) < 0 ||
	    mkdirat(f.top, "canary", 0755) < 0)
		return -1;
	f.root = openat(f.top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = &f;
	return f.root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->root);
	(void)close(f->top);
	return remove_tree_at(AT_FDCWD, f->dir, NULL);
}

static void assert_target(struct fixture *f, const char *path, bool is_dir, const char *where)
{
	struct stat a, b;
	int fd = root_open_target(f->root, path, is_dir, NULL, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstatat(f->top, where, &b, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	assert_int_equal(S_ISDIR(a.st_mode), is_dir);
	(void)close(fd);
}

static void test_missing_targets_are_made_inside(void **state)
{
	struct fixture *f = *state;

	assert_target(f, "/a/b/c", true, "root/a/b/c");
	assert_target(f, "/a/b/f", false, "root/a/b/f");
	assert_target(f, "/a//b/./f", false, "root/a/b/f");
	assert_target(f, "/../../top", true, "root/top");
	assert_target(f, "/", true, "root");
}

static void assert_place(struct fixture *f, const char *path, const char *into, const char *where)
{
	struct stat a, b;
	int fd = root_open_place(f->root, path, into, false, NULL, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstatat(f->top, where, &b, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev && S_ISREG(a.st_mode));
	(void)close(fd);
}

static void test_a_file_goes_into_a_directory_or_takes_a_files_place(void **state)
{
	struct fixture *f = *state;

	assert_place(f, "/a/there", NULL, "root/a/there");
	assert_place(f, "/a/there", "name", "root/a/there");
	assert_place(f, "/a", "name", "root/a/name");
	assert_place(f, "/b/new", "name", "root/b/new/name");
	assert_int_equal(root_open_place(f->root, "/a/there/x", "name", false, NULL, NULL),
			 -ENOTDIR);
}

static void test_links_lead_nowhere_out(void **state)
{
	struct fixture *f = *state;
	char up[128];

	(void)snprintf(up, sizeof(up), "%s/canary/made", f->dir);
	assert_int_equal(symlinkat(up, f->root, "etc/hosts"), 0);
	assert_int_equal(symlinkat("../../canary/x", f->root, "etc/resolv.conf"), 0);
	assert_int_equal(symlinkat("../../canary", f->root, "dirlink"), 0);
	assert_int_equal(symlinkat("loop2", f->root, "loop1"), 0);
	assert_int_equal(symlinkat("loop1", f->root, "loop2"), 0);
	(void)snprintf(up, sizeof(up), "root%s/canary/made", f->dir);
	assert_target(f, "/etc/hosts", false, up);
	assert_target(f, "/etc/resolv.conf", false, "root/canary/x");
	assert_target(f, "/dirlink/y/z", true, "root/canary/y/z");
	assert_int_equal(root_open_target(f->root, "/loop1", false, NULL, NULL), -ELOOP);
	assert_int_equal(root_open_target(f->root, "/nosuch/../x", true, NULL, NULL), -EINVAL);
	/* Nothing came to lie outside. */
	assert_int_equal(unlinkat(f->top, "canary", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(f->top, "canary", 0755), 0);
}

static void test_a_fifo_holds_nobody(void **state)
{
	struct fixture *f = *state;
	struct spec_user u = { 0 };

	assert_int_equal(mkfifoat(f->top, "root/etc/passwd", 0600), 0);
	assert_int_equal(runtime_user_lookup(f->root, "0", NULL, &u, NULL, NULL), 0);
	assert_int_equal(runtime_user_lookup(f->root, "u", NULL, &u, NULL, NULL), -ENOENT);
	free(u.additional_gids);
}

static void test_mount_options(void **state)
{
	const char *words[] = { "rbind", "ro", "nosuid", "rnoexec", "relatime", "rslave", NULL };
	const char *bad[] = { "bind", "size=1m", NULL };
	const char *last[] = { "ro", "rw", "size=1m", "noatime", NULL };
	const char *whole[] = { "bind", "sync", "ro", "dirsync", NULL };
	struct mount_options o;

	(void)state;
	assert_int_equal(mount_options_parse((char **)words, &o, NULL), 0);
	assert_true(o.bind && o.recursive && !o.data);
	assert_true(o.set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_RELATIME));
	assert_true(o.clear == MOUNT_ATTR__ATIME);
	assert_true(o.rset == MOUNT_ATTR_NOEXEC);
	assert_true(o.propagation == MS_SLAVE && o.propagation_recursive);
	mount_options_done(&o);
	assert_int_equal(mount_options_parse((char **)bad, &o, NULL), -EINVAL);
	assert_int_equal(mount_options_parse((char **)last, &o, NULL), 0);
	assert_true(!(o.set & MOUNT_ATTR_RDONLY) && (o.clear & MOUNT_ATTR_RDONLY));
	assert_string_equal(o.data[0], "size=1m");
	mount_options_done(&o);
	/* Of the file system alone. */
	assert_int_equal(mount_options_parse((char **)whole, &o, NULL), 0);
	assert_true(o.bind && !o.data && o.set == MOUNT_ATTR_RDONLY);
	mount_options_done(&o);
	assert_int_equal(mount_options_parse((char **)(whole + 1), &o, NULL), 0);
	assert_string_equal(o.data[0], "sync");
	mount_options_done(&o);
}

static void test_limits_have_names(void **state)
{
	(void)state;
	assert_true(rlimit_number("RLIMIT_NOFILE") >= 0);
	assert_int_equal(rlimit_number("RLIMIT_NONSENSE"), -EINVAL);
	assert_int_equal(rlimit_number("nofile"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_by_name_and_number),
		cmocka_unit_test(test_missing_targets_are_made_inside),
		cmocka_unit_test(test_a_file_goes_into_a_directory_or_takes_a_files_place),
		cmocka_unit_test(test_links_lead_nowhere_out),
		cmocka_unit_test(test_a_fifo_holds_nobody),
		cmocka_unit_test(test_mount_options),
		cmocka_unit_test(test_limits_have_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
