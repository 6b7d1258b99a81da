// SPDX-License-Identifier: Apache-2.0
#include "network/slirp_frame.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include "network/slirp_udp.h"
#include "tests/unit/unit.h"

/* An IPv4 or IPv6 frame of PROTOCOL to DST, UDP to PORT in its place. */
static size_t make(uint8_t *f, const char *dst, uint8_t protocol, uint16_t port)
{
	memset(f, 0, 128);
	if (strchr(dst, ':')) {
		f[12] = 0x86;
		f[13] = 0xdd;
		f[14] = 0x60;
		f[14 + 6] = protocol;
		assert_int_equal(inet_pton(AF_INET6, dst, f + 14 + 24), 1);
		f[14 + 40 + 2] = (uint8_t)(port >> 8);
		f[14 + 40 + 3] = (uint8_t)port;
		return 14 + 40 + 8;
	}
	f[12] = 0x08;
	f[14] = 0x45;
	f[14 + 9] = protocol;
	assert_int_equal(inet_pton(AF_INET, dst, f + 14 + 16), 1);
	f[14 + 20 + 2] = (uint8_t)(port >> 8);
	f[14 + 20 + 3] = (uint8_t)port;
	return 14 + 20 + 8;
}

enum { TCP = 6, UDP = 17, ICMP6 = 58 };

static void test_destinations(void **state)
{
	static const struct {
		const char *dst;
		uint8_t protocol;
		uint16_t port;
		bool allowed;
	} row[] = {
		{ "192.0.2.1", TCP, 80, true },
		{ "192.0.2.1", UDP, 69, true },
		{ "10.0.2.2", TCP, 80, true }, /* refused by libslirp, at once */
		{ "10.0.2.3", UDP, 53, true },
		{ "10.0.2.2", UDP, 53, true },
		{ "10.0.2.2", UDP, 67, false },
		{ "10.0.2.2", UDP, 69, false },
		{ "127.0.0.1", TCP, 80, false },
		{ "127.255.0.1", UDP, 80, false },
		{ "0.0.0.0", TCP, 80, false },
		{ "224.0.0.251", UDP, 5353, false },
		{ "255.255.255.255", UDP, 67, false },
		{ "2001:db8::1", TCP, 80, true },
		{ "fd00::3", UDP, 53, true },
		{ "fd00::2", UDP, 69, false },
		{ "::1", TCP, 80, false },
		{ "::", TCP, 80, false },
		{ "::ffff:127.0.0.1", TCP, 80, false },
		{ "::127.0.0.1", TCP, 80, false },
		{ "ff02::1:ff00:2", ICMP6, 0, true },
		{ "ff02::fb", UDP, 5353, false },
		{ "ff02::1:2", UDP, 547, false },
	};
	uint8_t f[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		size_t len = make(f, row[i].dst, row[i].protocol, row[i].port);

		if (slirp_frame_allowed(f, len) != row[i].allowed)
			fail_msg("%s protocol %d port %d: wanted %d", row[i].dst, row[i].protocol,
				 row[i].port, row[i].allowed);
	}
}

static void test_short_and_odd_frames(void **state)
{
	uint8_t f[128];
	size_t len = make(f, "10.0.2.2", UDP, 53);

	(void)state;
	for (size_t n = 0; n < len - 4; n++)
		assert_false(slirp_frame_allowed(f, n));
	f[14 + 6] = 0x20; /* a first fragment to a port that may be served */
	assert_false(slirp_frame_allowed(f, len));
	(void)make(f, "192.0.2.1", UDP, 53);
	f[14 + 6] = 0x20;
	assert_true(slirp_frame_allowed(f, len));
	len = make(f, "10.0.2.2", UDP, 53);
	f[14] = 0x4f; /* options beyond the end */
	assert_false(slirp_frame_allowed(f, len));
	f[12] = 0x88; /* NC-SI */
	f[13] = 0xf8;
	assert_false(slirp_frame_allowed(f, 128));
	f[12] = 0x08; /* ARP */
	f[13] = 0x06;
	assert_true(slirp_frame_allowed(f, 42));
}

static void test_datagrams_of_strangers_are_not_answers(void **state)
{
	struct slirp_wire_port p = { .udp = 1, .range = 1, .container_port = 53 };
	static struct slirp_udp *u; /* the helper has one, to its end */
	uint8_t f[128];

	(void)state;
	u = slirp_udp_new(open("/dev/null", O_WRONLY | O_CLOEXEC));
	assert_int_equal(slirp_udp_bind(u, &p, AF_INET, 0), 0);
	assert_int_equal(slirp_udp_count(u), 1);
	for (size_t n = 0; n <= make(f, "192.0.2.1", UDP, 53); n++)
		assert_false(slirp_udp_from_guest(u, f, n));
	for (size_t n = 0; n <= make(f, "2001:db8::1", UDP, 53); n++)
		assert_false(slirp_udp_from_guest(u, f, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_short_and_odd_frames),
		cmocka_unit_test(test_datagrams_of_strangers_are_not_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
