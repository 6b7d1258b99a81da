// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <sys/socket.h>

#include "network/network.h"
#include "tests/unit/unit.h"

static void one(const char *s, const char *ip, int host, int container, int range,
		enum port_protocol p)
{
	struct port_mapping *list = NULL;
	size_t n = 0;

	assert_int_equal(port_mapping_parse(s, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	if (ip)
		assert_string_equal(list[0].host_ip, ip);
	else
		assert_null(list[0].host_ip);
	assert_int_equal(list[0].host_port, host);
	assert_int_equal(list[0].container_port, container);
	assert_int_equal(list[0].range, range);
	assert_int_equal(list[0].protocol, p);
	port_mapping_list_free(list, n);
}

static void test_each_form_is_read(void **state)
{
	(void)state;
	one("80", NULL, 0, 80, 1, PORT_TCP);
	one(":80", NULL, 0, 80, 1, PORT_TCP);
	one("0:80", NULL, 0, 80, 1, PORT_TCP);
	one("8080:80", NULL, 8080, 80, 1, PORT_TCP);
	one("8080:80/udp", NULL, 8080, 80, 1, PORT_UDP);
	one("8080:80/TCP", NULL, 8080, 80, 1, PORT_TCP);
	one("127.0.0.1:8080:80", "127.0.0.1", 8080, 80, 1, PORT_TCP);
	one("127.0.0.1::80", "127.0.0.1", 0, 80, 1, PORT_TCP);
	one("[::1]:8080:80", "::1", 8080, 80, 1, PORT_TCP);
	one("[::1]::80/udp", "::1", 0, 80, 1, PORT_UDP);
	one("[0:0::1]:8080:80", "::1", 8080, 80, 1, PORT_TCP);
	one("8000-8010:80-90", NULL, 8000, 80, 11, PORT_TCP);
	one("80-90", NULL, 0, 80, 11, PORT_TCP);
	one("1-65535:1-65535", NULL, 1, 1, 65535, PORT_TCP);
}

static void test_bad_input_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"0",
		"8080:0",
		"65536",
		"8080:65536",
		"65536:80",
		"-1:80",
		"+80:80",
		" 80:80",
		"80 ",
		"8080:80/",
		"8080:80/icmp",
		"8080:80/tcp,",
		"8080:80/tcp/udp",
		"8000-8010:80-81",
		"8000:80-90",
		"8010-8000:80-90",
		"8000-:80",
		"-8000:80",
		"0-10:80-90",
		"0-10",
		"1.2.3:8080:80",
		"localhost:8080:80",
		"::1:8080:80",
		"[::1]:80",
		"[::1:8080:80",
		"[127.0.0.1]:8080:80",
		"[]:8080:80",
		"[::ffff:127.0.0.1]:8080:80",
		"1.2.3.4:80:80:80",
		"[fe80::1%lo]:80:80",
		"80:80x",
		"99999999999999999999:80",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct port_mapping *list = NULL;
		size_t n = 0;

		if (port_mapping_parse(bad[i], &list, &n, &err) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
		assert_int_equal(err.kind, CMK_ERR_INVALID);
		assert_non_null(strstr(err.msg, "port '"));
		assert_non_null(err.hint);
		assert_int_equal(n, 0);
		port_mapping_list_free(list, n);
	}
}

static void test_protocols_make_a_mapping_each(void **state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct port_mapping *list = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(port_mapping_parse("53:53/udp,tcp", &list, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(list[0].protocol, PORT_TCP);
	assert_int_equal(list[1].protocol, PORT_UDP);
	assert_int_equal(port_mapping_parse("99:99/sctp", &list, &n, &err), -EOPNOTSUPP);
	assert_int_equal(err.kind, CMK_ERR_UNSUPPORTED);
	assert_int_equal(n, 2);
	port_mapping_list_free(list, n);
}

static void test_the_same_host_port_twice(void **state)
{
	struct port_mapping *list = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(port_mapping_parse("8080:80", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("8080:80/tcp", &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(port_mapping_parse("8080:81", &list, &n, NULL), -EINVAL);
	assert_int_equal(port_mapping_parse("127.0.0.1:8080:80", &list, &n, NULL), -EINVAL);
	assert_int_equal(port_mapping_parse("8070-8090:70-90", &list, &n, NULL), -EINVAL);
	assert_int_equal(port_mapping_parse("8080:80/udp", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("127.0.0.1:90:80", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("127.0.0.2:90:80", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("80", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("80", &list, &n, NULL), 0);
	assert_int_equal(n, 6);
	port_mapping_list_free(list, n);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void test_assigned_ports_are_free_and_differ(void **state)
{
	struct port_mapping *list = NULL;
	size_t n = 0;
	int fd;

	(void)state;
	assert_int_equal(port_mapping_parse("80", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("127.0.0.1::80", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("80-84", &list, &n, NULL), 0);
	assert_int_equal(port_mapping_parse("1234:80", &list, &n, NULL), 0);
	assert_int_equal(network_ports_assign(list, n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_true(list[i].host_port > 0);
	assert_int_not_equal(list[0].host_port, list[1].host_port);
	assert_true(list[0].host_port < list[2].host_port ||
		    list[0].host_port >= list[2].host_port + 5);
	assert_int_equal(list[3].host_port, 1234);
	fd = listen_on(list[0].host_port);
	assert_true(fd >= 0);
	(void)close(fd);
	port_mapping_list_free(list, n);
}

static void test_one_port_of_a_range_is_chosen(void **state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct port_mapping *list = NULL;
	cleanup_free char *text = NULL;
	uint16_t first = 20000 + (uint16_t)(getpid() % 20000);
	size_t n = 0;

	(void)state;
	text = xasprintf("127.0.0.1:%u-%u:80", first, first + 20);
	for (int i = 0; i < 3; i++)
		assert_int_equal(port_mapping_parse(text, &list, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(list[0].host_port, 0);
	assert_int_equal(list[0].range, 1);
	assert_int_equal(network_ports_assign(list, n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_in_range(list[i].host_port, first, first + 20);
	assert_true(list[0].host_port < list[1].host_port);
	assert_true(list[1].host_port < list[2].host_port);
	/* Two for three. */
	list[2].host_first = list[1].host_first = list[0].host_first = list[0].host_port;
	list[0].host_choices = list[1].host_choices = list[2].host_choices = 1;
	list[0].host_port = list[1].host_port = list[2].host_port = 0;
	assert_int_equal(network_ports_assign(list, n, &err), -EADDRINUSE);
	port_mapping_list_free(list, n);
}

static void test_modes(void **state)
{
	static const char *const not_yet[] = { "bridge", "container:", "slirp:mtu=1", "pasta",
					       "slirp4netns:allow_host_loopback=true" };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	enum network_mode m = NETWORK_HOST;

	(void)state;
	assert_int_equal(network_mode_parse("none", &m, NULL), 0);
	assert_int_equal(m, NETWORK_NONE);
	assert_int_equal(network_mode_parse("host", &m, NULL), 0);
	assert_int_equal(m, NETWORK_HOST);
	assert_int_equal(network_mode_parse("slirp4netns", &m, NULL), 0);
	assert_int_equal(m, NETWORK_SLIRP);
	m = NETWORK_HOST;
	assert_int_equal(network_mode_parse("default", &m, NULL), 0);
	assert_int_equal(m, NETWORK_SLIRP);
	m = NETWORK_HOST;
	assert_int_equal(network_mode_parse("private", &m, NULL), 0);
	assert_int_equal(m, NETWORK_SLIRP);
	assert_string_equal(network_mode_name(m), "slirp");
	assert_int_equal(network_mode_parse("container:abc", &m, NULL), 0);
	assert_int_equal(m, NETWORK_CONTAINER);
	assert_int_equal(network_mode_parse("ns:/proc/1/ns/net", &m, NULL), 0);
	assert_int_equal(m, NETWORK_PATH);
	for (size_t i = 0; i < ARRAY_LEN(not_yet); i++) {
		assert_int_equal(network_mode_parse(not_yet[i], &m, &err), -EOPNOTSUPP);
		assert_int_equal(err.kind, CMK_ERR_UNSUPPORTED);
		assert_non_null(strstr(err.msg, "not supported yet"));
	}
	assert_int_equal(network_mode_parse("mynet", &m, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg,
			    "unable to find network with name or ID mynet: network not found");
	assert_non_null(strstr(err.hint, "not supported yet"));
	assert_int_equal(network_mode_parse("", &m, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_form_is_read),
		cmocka_unit_test(test_bad_input_is_refused),
		cmocka_unit_test(test_protocols_make_a_mapping_each),
		cmocka_unit_test(test_the_same_host_port_twice),
		cmocka_unit_test(test_assigned_ports_are_free_and_differ),
		cmocka_unit_test(test_one_port_of_a_range_is_chosen),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
