// SPDX-License-Identifier: Apache-2.0
#include "network/resolv.h"

#include "network/network.h"
#include "tests/unit/unit.h"

#define STRV(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })

static void test_parse_takes_what_the_c_library_takes(void **state)
{
	static const char text[] = "# comment\n"
				   "; comment\n"
				   "nameserver 192.0.2.53\r\n"
				   "\tnameserver\tfe80::1%eth0 # trailing\n"
				   "nameserver not-an-ip\n"
				   "nameservers 1.1.1.1\n"
				   "domain a.example\n"
				   "search b.example c.example\n"
				   "options ndots:2 edns0\n"
				   "options rotate\n"
				   "nameserver ::1\n"
				   "nameserver 9.9.9.9";
	struct resolv r = { 0 };

	(void)state;
	resolv_parse(text, sizeof(text) - 1, &r);
	assert_int_equal(strv_len(r.servers), 3);
	assert_string_equal(r.servers[0], "192.0.2.53");
	assert_string_equal(r.servers[1], "fe80::1%eth0");
	assert_string_equal(r.servers[2], "::1");
	assert_int_equal(strv_len(r.searches), 2);
	assert_string_equal(r.searches[0], "b.example");
	assert_int_equal(strv_len(r.options), 3);
	resolv_done(&r);
}

static void test_parse_bad_bytes(void **state)
{
	static const char text[] = "search a\x01 b\xff ok\nnameserver\nnameserver \nsearch\0x\n";
	struct resolv r = { 0 };

	(void)state;
	resolv_parse(text, sizeof(text) - 1, &r);
	assert_int_equal(strv_len(r.servers), 0);
	assert_int_equal(strv_len(r.searches), 1);
	assert_string_equal(r.searches[0], "ok");
	resolv_done(&r);
}

static void test_slirp_resolv_conf_names_the_built_in_server(void **state)
{
	char *const *options = STRV("ndots:1");
	char *const *none = STRV(".");
	cleanup_free char *text = NULL, *empty = NULL;

	(void)state;
	assert_int_equal(network_resolv_conf(NETWORK_SLIRP, NULL, none, options, &text, NULL), 0);
	assert_non_null(strstr(text, "nameserver "));
	assert_true(strstr(text, NETWORK_SLIRP_DNS4) || strstr(text, NETWORK_SLIRP_DNS6));
	assert_null(strstr(text, "search"));
	assert_non_null(strstr(text, "options ndots:1\n"));
	assert_int_equal(network_resolv_conf(NETWORK_NONE, NULL, NULL, NULL, &empty, NULL), 0);
	assert_string_equal(empty, "");
}

static void test_given_servers_replace_the_built_in_one(void **state)
{
	char *const *servers = STRV("9.9.9.9", "2001:db8::1");
	char *const *search = STRV("a.example", "b.example");
	char *const *options = STRV("rotate");
	char *text = NULL;

	(void)state;
	for (int m = NETWORK_SLIRP; m <= NETWORK_HOST; m++) {
		assert_int_equal(network_resolv_conf((enum network_mode)m, servers, search, options,
						     &text, NULL),
				 0);
		assert_string_equal(text, "search a.example b.example\nnameserver 9.9.9.9\n"
					  "nameserver 2001:db8::1\noptions rotate\n");
		free(text);
	}
}

static void test_given_values_cannot_add_lines(void **state)
{
	char *const *bad_server = STRV("9.9.9.9\nsearch x");
	char *const *bad_zone = STRV("fe80::1%e\nx");
	char *const *bad_search = STRV("a b");
	char *const *bad_option = STRV("a\nnameserver 1.1.1.1");
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	char *text = NULL;

	(void)state;
	assert_int_equal(network_resolv_conf(NETWORK_HOST, bad_server, NULL, NULL, &text, &err),
			 -EINVAL);
	assert_int_equal(network_resolv_conf(NETWORK_HOST, bad_zone, NULL, NULL, &text, &err),
			 -EINVAL);
	assert_int_equal(network_resolv_conf(NETWORK_HOST, NULL, bad_search, NULL, &text, &err),
			 -EINVAL);
	assert_int_equal(network_resolv_conf(NETWORK_HOST, NULL, NULL, bad_option, &text, &err),
			 -EINVAL);
	assert_null(text);
}

static void test_hosts(void **state)
{
	const struct network_hosts_args args = {
		.mode = NETWORK_NONE,
		.hostname = "box",
		.name = "web",
		.add = STRV("db;db.example:192.0.2.7", "six:[2001:db8::7]", "v6:::1"),
	};
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(network_hosts(&args, &text, NULL), 0);
	assert_string_equal(text, "192.0.2.7\tdb db.example\n"
				  "2001:db8::7\tsix\n"
				  "::1\tv6\n"
				  "127.0.0.1\tlocalhost localhost.localdomain\n"
				  "::1\tlocalhost localhost.localdomain\n"
				  "127.0.0.1\tbox web\n");
}

static void test_hosts_of_slirp_have_its_address(void **state)
{
	const struct network_hosts_args args = { .mode = NETWORK_SLIRP, .hostname = "box" };
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(network_hosts(&args, &text, NULL), 0);
	assert_non_null(strstr(text, "10.0.2.100\tbox\n"));
}

static void test_hosts_with_a_base(void **state)
{
	static const char base[] = "# comment\n"
				   "127.0.0.1 localhost # here\n"
				   "192.0.2.1\tbox  other\n"
				   "not-an-ip name\n"
				   "192.0.2.2\n"
				   "::2 six";
	const struct network_hosts_args args = { .mode = NETWORK_NONE,
						 .hostname = "box",
						 .name = "web",
						 .add = STRV("other:192.0.2.9"),
						 .base = base,
						 .base_len = sizeof(base) - 1 };
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(network_hosts(&args, &text, NULL), 0);
	assert_string_equal(text, "192.0.2.9\tother\n"
				  "127.0.0.1\tlocalhost\n"
				  "192.0.2.1\tbox other\n"
				  "::2\tsix\n"
				  "127.0.0.1\tlocalhost.localdomain\n"
				  "::1\tlocalhost.localdomain\n"
				  "127.0.0.1\tweb\n");
}

static void test_bad_hosts_are_refused(void **state)
{
	static const char *const bad[] = { "name",	    "name:",	   ":1.2.3.4",
					   "name:1.2.3",    "a b:1.2.3.4", "a\n:1.2.3.4",
					   "a;:1.2.3.4",    "#x:1.2.3.4",  "n:[::1",
					   "n:host-gateway" };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	char *text = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct network_hosts_args args = { .mode = NETWORK_NONE,
							 .hostname = "box",
							 .add = STRV(bad[i]) };

		if (network_hosts(&args, &text, &err) >= 0)
			fail_msg("'%s' was accepted", bad[i]);
		assert_non_null(err.msg);
	}
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_takes_what_the_c_library_takes),
		cmocka_unit_test(test_parse_bad_bytes),
		cmocka_unit_test(test_slirp_resolv_conf_names_the_built_in_server),
		cmocka_unit_test(test_given_servers_replace_the_built_in_one),
		cmocka_unit_test(test_given_values_cannot_add_lines),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_hosts_of_slirp_have_its_address),
		cmocka_unit_test(test_hosts_with_a_base),
		cmocka_unit_test(test_bad_hosts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
