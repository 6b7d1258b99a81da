// SPDX-License-Identifier: Apache-2.0
#include "base/selinux.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/container/label.h"
#include "tests/unit/unit.h"

static void contexts_are_parsed_and_written(void **state)
{
	static const char *const good[] = { "system_u:object_r:container_file_t:s0:c1,c2",
					    "u:r:t:s0-s0:c0.c1023", "u:r:t" };
	static const char *const bad[] = { "",	   "u",	     "u:r",	 "u:r:",    ":r:t",
					   "u::t", "u:r:t:", "u:r:t s0", "u:r:t\n", "u:r:t:s0\t" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct selinux_context c = { 0 };
		cleanup_free char *text = NULL;

		assert_int_equal(selinux_context_parse(good[i], &c, NULL), 0);
		text = selinux_context_text(&c);
		assert_string_equal(text, good[i]);
		selinux_context_done(&c);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct selinux_context c = { 0 };

		assert_int_equal(selinux_context_parse(bad[i], &c, NULL), -EINVAL);
		assert_null(c.user);
	}
}

static void a_level_takes_the_place_of_one(void **state)
{
	cleanup_free char *with = selinux_with_level("u:r:t:s0:c1,c2", "s0");
	cleanup_free char *without = selinux_with_level("u:r:t", "s0");

	(void)state;
	assert_string_equal(with, "u:r:t:s0");
	/* A policy that knows none. */
	assert_string_equal(without, "u:r:t");
	assert_null(selinux_with_level("t", "s0"));
}

static void the_policys_words_are_read(void **state)
{
	cleanup(selinux_containers_done) struct selinux_containers c = { 0 };
	cleanup_free char *type = selinux_policy_type("# SELINUXTYPE=no\nSELINUX=enforcing\n"
						      "SELINUXTYPE = mls\nSETLOCALDEFS=0\n");
	cleanup_free char *none = selinux_policy_type("SELINUX=disabled\n");
	cleanup_free char *path = selinux_policy_type("SELINUXTYPE=../../x\n");

	(void)state;
	selinux_containers_parse("# process = \"no\"\n; file = no\n"
				 "process = \"u:r:old_t:s0\"\n  process=\"u:r:container_t:s0\"\r\n"
				 "content = \"u:r:x:s0\"\n"
				 "file =u:object_r:container_file_t:s0  \n"
				 "ro_file = \"u:object_r:ro_t:s0\"\n"
				 "sandbox_lxc_process = \"u:r:y:s0\"\nfile\n= x\nfile = \"\"\n",
				 &c);
	assert_string_equal(c.process, "u:r:container_t:s0");
	assert_string_equal(c.file, "u:object_r:container_file_t:s0");
	assert_null(c.init_process);
	assert_string_equal(type, "mls");
	assert_string_equal(none, "targeted");
	assert_string_equal(path, "targeted");
}

static void label_options(void **state)
{
	static const char *const bad[] = { "", "wibble", "type:", "type", "colour:x", "disabled" };
	cleanup(label_options_done) struct label_options o = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(label_option_parse(bad[i], &o, NULL), -EINVAL);
	assert_false(o.disable || o.nested || o.type);
	assert_int_equal(label_option_parse("type:a", &o, NULL), 0);
	assert_int_equal(label_option_parse("type:b", &o, NULL), 0);
	assert_int_equal(label_option_parse("level:s0:c1,c2", &o, NULL), 0);
	assert_int_equal(label_option_parse("nested", &o, NULL), 0);
	assert_string_equal(o.type, "b");
	assert_string_equal(o.level, "s0:c1,c2");
	assert_true(o.nested && !o.disable);
}

static void composed(const struct label_options *o, bool systemd, const char *process,
		     const char *file)
{
	const struct selinux_containers policy = { .process = (char *)"su:sr:ct:s0",
						   .file = (char *)"su:object_r:cf:s0",
						   .init_process = (char *)"xu:xr:ci:s0" };
	cleanup_free char *p = NULL, *f = NULL;

	assert_int_equal(label_compose(&policy, o, o->level ?: "s0:c7,c8", systemd, &p, &f, NULL),
			 0);
	assert_string_equal(p ?: "none", process);
	assert_string_equal(f, file);
}

static void labels_are_composed(void **state)
{
	const struct selinux_containers no_levels = { .process = (char *)"su:sr:ct",
						      .file = (char *)"su:object_r:cf" };
	const struct selinux_containers broken = { .process = (char *)"ct" };
	cleanup_free char *p = NULL, *f = NULL;
	struct label_options o = { 0 };

	(void)state;
	composed(&o, false, "su:sr:ct:s0:c7,c8", "su:object_r:cf:s0:c7,c8");
	/* Of an init the type alone. */
	composed(&o, true, "su:sr:ci:s0:c7,c8", "su:object_r:cf:s0:c7,c8");
	o = (struct label_options){ .disable = true, .type = (char *)"spc_t" };
	composed(&o, false, "none", "su:object_r:cf:s0:c1022,c1023");
	o = (struct label_options){ .user = (char *)"u",
				    .role = (char *)"r",
				    .type = (char *)"t",
				    .level = (char *)"s0:c1,c2",
				    .filetype = (char *)"ft" };
	composed(&o, true, "u:r:t:s0:c1,c2", "u:object_r:ft:s0:c1,c2");
	o = (struct label_options){ 0 };
	assert_int_equal(label_compose(&no_levels, &o, "s0:c1,c2", false, &p, &f, NULL), 0);
	assert_string_equal(p, "su:sr:ct");
	assert_string_equal(f, "su:object_r:cf");
	assert_int_equal(label_compose(&broken, &o, "s0", false, &p, &f, NULL), -EINVAL);
}

static void levels_are_of_two_categories_and_free(void **state)
{
	char level[LABEL_LEVEL_SIZE];
	char **used = NULL;
	uint32_t a, b;

	(void)state;
	label_level_format(1023, 0, level);
	assert_string_equal(level, "s0:c0,c1023");
	for (unsigned int i = 0; i < 200; i++) {
		cleanup_strv char **c = NULL;

		assert_int_equal(label_level_choose(used, level, NULL), 0);
		assert_false(strv_has(used, level));
		c = strv_split(level + strlen("s0:"), ',');
		assert_int_equal(strv_len(c), 2);
		assert_int_equal(parse_u32(c[0] + 1, SELINUX_CATEGORIES - 2, &a), 0);
		assert_int_equal(parse_u32(c[1] + 1, SELINUX_CATEGORIES - 1, &b), 0);
		assert_true(a < b);
		strv_add(&used, level);
	}
	(void)strv_free(used);
}

static void no_level_is_given_twice(void **state)
{
	char level[LABEL_LEVEL_SIZE];
	char **used = NULL;
	size_t n = 0;

	(void)state;
	/* All there are. */
	used = xcalloc(SELINUX_CATEGORIES * (SELINUX_CATEGORIES - 1) / 2 + 1, sizeof(*used));
	for (uint32_t a = 0; a < SELINUX_CATEGORIES; a++)
		for (uint32_t b = a + 1; b < SELINUX_CATEGORIES; b++) {
			label_level_format(a, b, level);
			used[n++] = xstrdup(level);
		}
	assert_int_equal(label_level_choose(used, level, NULL), -ENOSPC);
	(void)strv_free(used);
}

static void what_is_never_relabelled(void **state)
{
	static const char *const bad[] = {
		"/", "/etc", "/usr", "/var/lib", "/home", "/root", "/tmp"
	};
	static const char *const good[] = { "/etc/x", "/srv/data", "/var/lib/x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(label_source_check(bad[i], NULL, NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(label_source_check(good[i], "", NULL), 0);
	/* The home directory, by whatever name. */
	assert_int_equal(label_source_check("/usr/lib", "/usr/../usr/lib/", NULL), -EINVAL);
	assert_int_equal(label_source_check("/usr/lib/x", "/usr/lib", NULL), 0);
	assert_int_equal(label_source_check("/usr/lib", "/no/such/home", NULL), 0);
}

static void make_file(int dir, const char *name)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static bool has_label(int dir, const char *name, const char *label)
{
	char fd[FD_PATH_MAX], now[64] = "";
	cleanup_free char *path = xasprintf("%s/%s", fd_path(dir, fd), name);

	(void)lgetxattr(path, "security.selinux", now, sizeof(now) - 1);
	return streq(now, label);
}

static void trees_are_labelled_and_no_link_is_followed(void **state)
{
	static const char *const inside[] = { ".", "f", "d", "d/f", "link", "dirlink", "fifo" };
	const char label[] = "u:object_r:t:s0:c1,c2";
	char name[] = "/tmp/cmk-test-XXXXXX";
	cleanup_close int dir = -1, tree = -1;

	(void)state;
	/* Where SELinux is off the attribute is like any other, but root's alone. */
	if (geteuid() != 0 || selinux_enabled())
		skip();
	assert_non_null(mkdtemp(name));
	dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(mkdirat(dir, "tree", 0700) | mkdirat(dir, "out", 0700), 0);
	make_file(dir, "out/f");
	tree = openat(dir, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	make_file(tree, "f");
	assert_int_equal(mkdirat(tree, "d", 0) | mkfifoat(tree, "fifo", 0), 0);
	make_file(tree, "d/f");
	assert_int_equal(symlinkat("../out/f", tree, "link"), 0);
	assert_int_equal(symlinkat("../out", tree, "dirlink"), 0);
	assert_int_equal(selinux_label_tree(tree, label, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		assert_true(has_label(tree, inside[i], label));
	assert_true(has_label(dir, "out", "") && has_label(dir, "out/f", ""));
	/* What has it is not looked into again; a file alone is labelled as well. */
	make_file(tree, "new");
	assert_int_equal(selinux_label_tree(tree, label, NULL), 0);
	assert_true(has_label(tree, "new", ""));
	assert_int_equal(selinux_label_file(tree, "link", "u:r:x", NULL), 0);
	assert_true(has_label(tree, "link", "u:r:x") && has_label(dir, "out/f", ""));
	assert_int_equal(remove_tree_at(AT_FDCWD, name, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_are_parsed_and_written),
		cmocka_unit_test(a_level_takes_the_place_of_one),
		cmocka_unit_test(the_policys_words_are_read),
		cmocka_unit_test(label_options),
		cmocka_unit_test(labels_are_composed),
		cmocka_unit_test(levels_are_of_two_categories_and_free),
		cmocka_unit_test(no_level_is_given_twice),
		cmocka_unit_test(what_is_never_relabelled),
		cmocka_unit_test(trees_are_labelled_and_no_link_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
