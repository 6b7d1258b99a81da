// SPDX-License-Identifier: Apache-2.0
/* What of storage.conf counts, and what is said of the rest. */
#include <sys/mount.h>

#include "storage/conf.h"
#include "unit.h"

static void add(struct storage_conf *c, const char *text)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	*c = (struct storage_conf){ 0 };
	if (storage_conf_add(c, text, strlen(text), &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
}

static void refuse(const char *text, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct storage_conf c = { 0 };

	assert_int_equal(storage_conf_add(&c, text, strlen(text), &err), -EINVAL);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", text, cmk_err_msg(&err), why);
	storage_conf_done(&c);
}

static void notes(const char *text, const char *want)
{
	struct storage_conf c;

	add(&c, text);
	if (!want)
		assert_null(c.notes);
	else if (!c.notes || !strstr(c.notes[0], want))
		fail_msg("'%s': '%s' does not say '%s'", text, c.notes ? c.notes[0] : "", want);
	storage_conf_done(&c);
}

static void expect_driver(const char *text, const char *want)
{
	struct storage_conf c;

	add(&c, text);
	assert_true(streq_null(c.driver, want));
	storage_conf_done(&c);
}

static void drivers(void **state cmk_unused)
{
	expect_driver("[storage]\ndriver = 'overlay'\n", NULL);
	expect_driver("[storage]\ndriver = 'vfs'\n", "vfs");
	expect_driver("[storage]\ndriver_priority = ['zfs', 'vfs', 'overlay']\n", "vfs");
	expect_driver("[storage]\ndriver_priority = ['overlay', 'vfs']\n", NULL);
	expect_driver("[storage]\ndriver = 'overlay'\ndriver_priority = ['vfs']\n", NULL);
	expect_driver("[storage]\ndriver = 'overlay'\n[storage.options.overlay]\n"
		      "mount_program = '/usr/bin/fuse-overlayfs'\n",
		      "fuse-overlayfs");
	/* As older files have it. */
	expect_driver("[storage]\ndriver = 'overlay'\n[storage.options]\n"
		      "mount_program = '/usr/bin/fuse-overlayfs'\n",
		      "fuse-overlayfs");
}

static void mount_options(void **state cmk_unused)
{
	struct storage_conf c;

	add(&c, "[storage.options.overlay]\nmountopt = 'nodev,noatime,metacopy=on,fsync=0'\n");
	assert_int_equal(c.mount_set, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
	assert_int_equal(c.mount_clear, MOUNT_ATTR__ATIME);
	assert_false(c.always_volatile);
	assert_null(c.notes);
	storage_conf_done(&c);
	/* The last one wins. */
	add(&c, "[storage.options]\nmountopt = 'noexec,exec,volatile'\n");
	assert_int_equal(c.mount_set, 0);
	assert_int_equal(c.mount_clear, MOUNT_ATTR_NOEXEC);
	assert_true(c.always_volatile);
	storage_conf_done(&c);
	notes("[storage.options.overlay]\nmountopt = 'xino=on'\n", "mountopt 'xino=on'");
	refuse("[storage.options.overlay]\nmountopt = ['nodev']\n", "mountopt");
}

static void switches(void **state cmk_unused)
{
	struct storage_conf c;

	add(&c, "[storage.options]\ndisable-volatile = true\n"
		"pull_options = {enable_partial_images = \"false\", use_hard_links = \"false\"}\n"
		"[storage.options.vfs]\nignore_chown_errors = \"true\"\n");
	assert_true(c.never_volatile);
	assert_true(c.no_partial);
	assert_true(c.ignore_chown);
	assert_null(c.notes);
	storage_conf_done(&c);
	add(&c, "[storage.options.overlay]\nignore_chown_errors = 'false'\n");
	assert_false(c.ignore_chown);
	assert_false(c.no_partial);
	storage_conf_done(&c);
	refuse("[storage.options.overlay]\nignore_chown_errors = 'yes'\n",
	       "neither true nor false");
	refuse("[storage.options]\npull_options = {enable_partial_images = 1}\n", "neither");
}

static void what_has_no_effect(void **state cmk_unused)
{
	notes("[storage.options.overlay]\nsize = '10G'\n",
	      "'storage.options.overlay.size' = '10G'");
	notes("[storage.options]\nsize = '10G'\n", "'storage.options.size'");
	notes("[storage.options.overlay]\nsize = ''\n", NULL);
	notes("[storage.options.overlay]\nforce_mask = 'shared'\n", "force_mask");
	notes("[storage.options.overlay]\nmount_program = '/bin/other'\n", "'/bin/other'");
	notes("[storage]\ntransient_store = true\n", "transient_store");
	notes("[storage]\ntransient_store = false\nrunroot = '/run/x'\n", NULL);
	notes("[storage.options]\npull_options = {convert_images = \"true\"}\n",
	      "pull_options.convert_images");
	notes("[storage.options]\nremap-uids = '0:1:2'\n", "remap-uids");
	notes("[storage.options]\nadditionallayerstores = ['/a']\n", "additionallayerstores");
	/* Of drivers that are not in use, and what nobody knows. */
	notes("[storage.options.btrfs]\nsize = '1G'\n", NULL);
	notes("[storage]\nnew = 1\n[other]\nsize = 'x'\n", NULL);
}

static void places(void **state cmk_unused)
{
	struct storage_conf c;

	add(&c, "[storage]\ngraphroot = '/g'\nimagestore = '/i'\nrootless_storage_path = '/r'\n"
		"[storage.options]\nadditionalimagestores = ['/a', '/b']\n");
	assert_string_equal(c.graph_root, "/g");
	assert_string_equal(c.image_store, "/i");
	assert_string_equal(c.rootless_path, "/r");
	assert_int_equal(strv_len(c.stores), 2);
	storage_conf_done(&c);
	refuse("[storage.options]\nadditionalimagestores = ['a']\n", "not an absolute path");
}

static void options_are_told_by_podmans_names(void **state cmk_unused)
{
	struct storage_conf c;
	struct storage st = { .conf = &c };
	cleanup_strv char **options = NULL;
	cleanup_free char *text = NULL;

	add(&c, "[storage.options]\nadditionalimagestores = ['/a', '/b']\nmountopt = 'nodev'\n"
		"[storage.options.vfs]\nignore_chown_errors = 'true'\n");
	options = storage_conf_options(&st);
	text = strv_join(options, " ");
	assert_string_equal(text, "overlay.ignore_chown_errors=true overlay.imagestore=/b "
				  "overlay.mountopt=nodev");
	assert_string_equal(storage_conf_stores(&st)[0], "/a");
	storage_conf_done(&c);
	add(&c, "[storage.options]\nmountopt = ''\n");
	assert_null(storage_conf_options(&st));
	storage_conf_done(&c);
}

static void expect_given(const char *options, const char *want)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_strv char **list = strv_split(options, ' '), **got = NULL;
	cleanup_free char *text = NULL;
	struct storage_conf c;
	struct storage st = { .conf = &c };
	int r;

	add(&c, "[storage.options]\nadditionalimagestores = ['/file']\nmountopt = 'noatime'\n"
		"disable-volatile = 'true'\n[storage.options.vfs]\nignore_chown_errors = 'true'\n");
	r = storage_conf_give(&c, list, &err);
	got = storage_conf_options(&st);
	text = got ? strv_join(got, " ") : xstrdup("");
	if (r < 0 ? !strstr(cmk_err_msg(&err), want) : !streq(text, want))
		fail_msg("'%s': '%s', not '%s'", options, r < 0 ? cmk_err_msg(&err) : text, want);
	assert_false(c.never_volatile);
	storage_conf_done(&c);
}

static void given_options(void **state cmk_unused)
{
	expect_given("", "");
	expect_given("overlay.mountopt=nodev,volatile", "overlay.mountopt=nodev,volatile");
	expect_given(".mountopt=nodev overlay2.mountopt=nosuid", "overlay.mountopt=nosuid");
	expect_given("mountopt=nodev", "overlay.mountopt=nodev");
	expect_given("vfs.ignore_chown_errors=true", "overlay.ignore_chown_errors=true");
	expect_given("overlay.imagestore=/a,/b vfs.additionalimagestore=/c",
		     "overlay.imagestore=/c");
	expect_given("overlay.size=10G overlay.skip_mount_home=true", "");
	expect_given("overlay.nonesuch=1", "'overlay.nonesuch=1': unknown option");
	expect_given("zfs.fsname=x", "no storage driver of cmk");
	expect_given("overlay.mountopt", "is not KEY=VALUE");
	expect_given("=x", "unknown option");
	expect_given("overlay.imagestore=a", "not an absolute path");
	expect_given("overlay.ignore_chown_errors=x", "neither true nor false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers),
		cmocka_unit_test(mount_options),
		cmocka_unit_test(switches),
		cmocka_unit_test(what_has_no_effect),
		cmocka_unit_test(places),
		cmocka_unit_test(options_are_told_by_podmans_names),
		cmocka_unit_test(given_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
