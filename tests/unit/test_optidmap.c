// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optidmap.h"

#include "libpod/option/optparse.h"
#include "tests/unit/unit.h"

static void ranges_are(const struct opt_idmap_range *list, size_t n, const char *want)
{
	char text[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%u>%u+%u",
					i ? " " : "", list[i].relative ? "@" : "", list[i].file,
					list[i].to, list[i].count);
	assert_string_equal(text, want);
}

static void reads(const char *text, const char *uids, const char *gids)
{
	struct opt_idmap m = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (opt_idmap_parse(text, &m, &err) < 0)
		fail_msg("%s: %s", text, cmk_err_msg(&err));
	ranges_are(m.uids, m.n_uids, uids);
	ranges_are(m.gids, m.n_gids, gids);
	opt_idmap_done(&m);
}

static void maps_are_read(void **state)
{
	(void)state;
	/* The example of crun(1). */
	reads("uids=0-1-10#10-11-10;gids=0-100-10", "0>1+10 10>11+10", "0>100+10");
	reads("gids=0-100-10", "", "0>100+10");
	reads("uids=@1-3-10#0-0-1", "@1>3+10 0>0+1", "");
	reads("gids=1-2-3;uids=4-5-6", "4>5+6", "1>2+3");
	reads("uids=0-4294967294-1", "0>4294967294+1", "");
	reads("uids=0-0-4294967295", "0>0+4294967295", "");
	/* The same numbers, of the host and of the container. */
	reads("uids=0-5-1#@1-5-1", "0>5+1 @1>5+1", "");
}

static void refuses(const char *text, const char *why)
{
	struct opt_idmap m = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (opt_idmap_parse(text, &m, &err) >= 0)
		fail_msg("%s is taken", text);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("%s: %s", text, cmk_err_msg(&err));
	assert_null(m.uids);
}

static void what_is_no_map_is_refused(void **state)
{
	cleanup_strbuf struct strbuf many = STRBUF_INIT;

	(void)state;
	refuses("", "'' is neither uids= nor gids=");
	refuses("pids=0-0-1", "'pids=0-0-1' is neither");
	refuses("uids=0-0-1;", "'' is neither");
	refuses("uids=", "'' is not of the form");
	refuses("uids=0-0-1#", "'' is not of the form");
	refuses("uids=0-1", "'0-1' is not of the form");
	refuses("uids=0-1-2-3", "not of the form");
	refuses("uids=0:1:2", "not of the form");
	refuses("uids=0-1-0", "not of the form");
	refuses("uids=@@0-1-1", "not of the form");
	refuses("uids=0-@1-1", "not of the form");
	refuses("uids=a-1-1", "not of the form");
	refuses("uids=0-1-1x", "not of the form");
	refuses("uids=4294967295-1-1", "not of the form");
	refuses("uids=1-0-4294967295", "not of the form");
	refuses("uids=0-4294967294-2", "not of the form");
	refuses("uids=0-4294967296-1", "not of the form");
	refuses("uids=0-0-1;uids=1-1-1", "uids= stands twice");
	refuses("gids=0-0-1;gids=1-1-1", "gids= stands twice");
	refuses("uids=0-10-5#4-20-1", "'4-20-1' has ids of another range");
	refuses("uids=0-10-5#9-14-1", "has ids of another range");
	refuses("uids=0-10-5#@4-0-1", "has ids of another range");
	strbuf_adds(&many, "gids=");
	for (unsigned int i = 0; i <= 340; i++)
		strbuf_addf(&many, "%s%u-%u-1", i ? "#" : "", i, i);
	refuses(strbuf_str(&many), "more than 340 ranges");
}

static void mount_has(const char *volume, bool idmap, const char *own)
{
	struct opt_mount m = { 0 };

	assert_int_equal(strchr(volume, '/') == volume ? opt_volume_parse(volume, &m, NULL)
						       : opt_mount_parse(volume, &m, NULL),
			 0);
	assert_int_equal(m.idmap, idmap);
	assert_true(streq_null(m.idmap_own, own));
	opt_mount_done(&m);
}

static void options_of_mounts_have_it(void **state)
{
	struct opt_mount m = { 0 };

	(void)state;
	mount_has("/a:/b", false, NULL);
	mount_has("/a:/b:ro,idmap", true, NULL);
	mount_has("/a:/b:idmap=uids=0-1-10#10-11-10;gids=0-100-10,ro", true,
		  "uids=0-1-10#10-11-10;gids=0-100-10");
	mount_has("type=bind,src=/a,dst=/b,idmap=gids=@0-1-1", true, "gids=@0-1-1");
	mount_has("type=bind,src=/a,dst=/b,idmap=true", true, NULL);
	mount_has("type=bind,src=/a,dst=/b,idmap=false", false, NULL);
	assert_true(opt_volume_parse("/a:/b:idmap,idmap=uids=0-0-1", &m, NULL) < 0);
	assert_true(opt_volume_parse("/a:/b:idmap=", &m, NULL) < 0);
	assert_true(opt_volume_parse("/a:/b:U,idmap=uids=0-0-1", &m, NULL) < 0);
	assert_true(opt_volume_parse("/a:/b:O,idmap=uids=0-0-1", &m, NULL) < 0);
	assert_true(opt_mount_parse("type=tmpfs,dst=/b,idmap=uids=0-0-1", &m, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_read),
		cmocka_unit_test(what_is_no_map_is_refused),
		cmocka_unit_test(options_of_mounts_have_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
