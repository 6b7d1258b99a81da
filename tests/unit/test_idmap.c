// SPDX-License-Identifier: Apache-2.0
#include "libpod/container/idmap.h"
#include "tests/unit/unit.h"

/* User 1000 with 10 subordinate ids from 5000 on and 20 from 9000 on: 0, 1–10, 11–30. */
static struct userns_config config;

static int set_up(void **state)
{
	(void)state;
	config = (struct userns_config){ .mode = USERNS_SUBIDS, .uid = 1000, .gid = 3 };
	id_map_add(&config.uids, 0, 1000, 1);
	id_map_add(&config.uids, 1, 5000, 10);
	id_map_add(&config.uids, 11, 9000, 20);
	id_map_add(&config.gids, 0, 3, 1);
	id_map_add(&config.gids, 1, 5000, 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	userns_config_done(&config);
	return 0;
}

static void expect(const struct id_map *m, const char *want)
{
	cleanup_free char *text = id_map_text(m);

	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ',' : '\0';
	assert_string_equal(text, want);
}

static void test_keep_id(void **state)
{
	struct id_map_pair p;
	uint32_t uid, gid;

	(void)state;
	assert_int_equal(idmap_keep_id(&config, NULL, &p, &uid, &gid, NULL), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(gid, 3);
	/* All subordinate ids come before the user's. */
	expect(&p.uids, "0 1 30,1000 0 1");
	expect(&p.gids, "0 1 3,3 0 1,4 4 7");
	id_map_pair_done(&p);
	assert_int_equal(idmap_keep_id(&config, "uid=5,gid=0,size=8", &p, &uid, &gid, NULL), 0);
	assert_int_equal(uid, 5);
	expect(&p.uids, "0 1 5,5 0 1,6 6 2");
	expect(&p.gids, "0 0 1,1 1 7");
	id_map_pair_done(&p);
	assert_true(idmap_keep_id(&config, "uid", &p, &uid, &gid, NULL) < 0);
	assert_true(idmap_keep_id(&config, "size=0", &p, &uid, &gid, NULL) < 0);
	assert_true(idmap_keep_id(&config, "uid=-1", &p, &uid, &gid, NULL) < 0);
	assert_true(idmap_keep_id(&config, "gid=4294967295", &p, &uid, &gid, NULL) < 0);
	assert_true(idmap_keep_id(&config, "what=1", &p, &uid, &gid, NULL) < 0);
}

static void test_nomap(void **state)
{
	struct id_map_pair p;

	(void)state;
	assert_int_equal(idmap_nomap(&config, &p, NULL), 0);
	expect(&p.uids, "0 1 30");
	expect(&p.gids, "0 1 10");
	id_map_pair_done(&p);
}

static void given(const char *uidmap, const char *gidmap, const char *uids, const char *gids)
{
	cleanup_strv char **u = uidmap ? strv_split(uidmap, ',') : NULL;
	cleanup_strv char **g = gidmap ? strv_split(gidmap, ',') : NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct id_map_pair p;
	int r = idmap_given(&config, u, g, &p, &err);

	if (!uids) {
		assert_true(r < 0);
		assert_non_null(err.msg);
		return;
	}
	assert_int_equal(r, 0);
	expect(&p.uids, uids);
	expect(&p.gids, gids);
	id_map_pair_done(&p);
}

static void test_given(void **state)
{
	(void)state;
	given("0:1:5", "0:0:3", "0 1 5", "0 0 3");
	/* One for both; one id where no length is given. */
	given("0:1:5,7:0", NULL, "0 1 5,7 0 1", "0 1 5,7 0 1");
	given(NULL, "0:1:5", "0 1 5", "0 1 5");
	given("0:0:5,u5:5:2,g5:7:1", NULL, "0 0 5,5 5 2", "0 0 5,5 7 1");
	/* Only groups are meant: users stay as they are by default. */
	given(NULL, "g0:0:1", "0 0 31", "0 0 1");
	/* Ids of the host, over both ranges. */
	given("u0:@1000:1,u1:@9000:3,g0:0:1", NULL, "0 0 1,1 11 3", "0 0 1");
	/* In the place of another; the rest stays. */
	given("0:0:10,+20:4:1", "0:0:1", "0 0 4,5 5 5,20 4 1", "0 0 1");
	given("0:0:10,+4:20:2", "0:0:1", "0 0 4,4 20 2,6 6 4", "0 0 1");
	/* The first with '+': all others follow in what is free. */
	given("+u4:0:1", "0:0:1", "0 1 4,4 0 1,5 5 26", "0 0 1");
	given("+u100:0:1", "0:0:1", "0 1 30,100 0 1", "0 0 1");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",	     "0",	  "0:0:0",  "a:0:1",	      "0:b:1",
		"0:0:1:1",   "0:0:",	  "-1:0:1", "x0:0:1",	      "0:0:99",
		"0:0:5,3:9", "0:0:5,9:3", "0:@7:1", "4294967295:0:1", "1:0:4294967295",
		"0:@1000:2"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		given(bad[i], NULL, NULL, NULL);
}

static void test_root(void **state)
{
	struct id_map_pair p;
	uint32_t uid, gid;

	(void)state;
	config.uid = 0;
	assert_true(idmap_keep_id(&config, NULL, &p, &uid, &gid, NULL) < 0);
	assert_true(idmap_nomap(&config, &p, NULL) < 0);
}

static void test_auto_options(void **state)
{
	static const char *const bad[] = { "size",
					   "size=0",
					   "size=x",
					   "size=-1",
					   "what=1",
					   "uidmapping=1",
					   "uidmapping=+0:1:1",
					   "gidmapping=0:@5:1",
					   "uidmapping=0:1:0",
					   "uidmapping=0:1:2,uidmapping=1:5:1" };
	struct idmap_auto a;

	(void)state;
	assert_int_equal(idmap_auto_parse(NULL, &a, NULL), 0);
	assert_int_equal(a.size, 0);
	assert_int_equal(
		idmap_auto_parse("size=8,uidmapping=0:0:1,uidmapping=5:9:2,gidmapping=7:3:1", &a,
				 NULL),
		0);
	assert_int_equal(a.size, 8);
	expect(&a.maps.uids, "0 0 1,5 9 2");
	expect(&a.maps.gids, "7 3 1");
	idmap_auto_done(&a);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(idmap_auto_parse(bad[i], &a, NULL) < 0);
}

static int choose(const char *given, const char *used, uint32_t size, struct id_map *ret)
{
	cleanup(id_map_done) struct id_map g = { 0 }, u = { 0 };

	assert_int_equal(id_map_parse(given, &g), 0);
	assert_int_equal(id_map_parse(used, &u), 0);
	return idmap_auto_choose(&config.uids, &g, &u, size, "UID", ret, NULL);
}

static void test_auto_chooses_what_is_free(void **state)
{
	static const struct {
		const char *given, *used;
		uint32_t size;
		const char *want; /* NULL: too few */
	} cases[] = {
		{ "", "", 5, "0 1 5" },
		{ "", "", 30, "0 1 30" },
		{ "", "", 31, NULL },
		{ "", "1 1 5\n", 5, "0 6 5" },
		/* The first range that is large enough, not the first one. */
		{ "", "3 3 1\n", 5, "0 4 5" },
		{ "", "3 3 1\n20 20 1\n", 20, "0 1 2,2 4 16,18 21 2" },
		{ "", "1 1 30\n", 1, NULL },
		{ "0 0 1\n", "", 5, "0 0 1,1 1 4" },
		{ "2 7 2\n", "", 5, "0 1 2,2 7 2,4 3 1" },
		{ "100 7 2\n", "1 1 4\n", 3, "0 9 3,100 7 2" },
		{ "0 30 2\n", "", 5, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct id_map m = { 0 };
		int r = choose(cases[i].given, cases[i].used, cases[i].size, &m);

		assert_int_equal(r < 0, !cases[i].want);
		if (cases[i].want)
			expect(&m, cases[i].want);
		id_map_done(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_auto_options, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_auto_chooses_what_is_free, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keep_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nomap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_root, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
