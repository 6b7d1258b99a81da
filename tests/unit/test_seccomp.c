// SPDX-License-Identifier: Apache-2.0
#include "libpod/runtime/seccomp.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/process.h"
#include "tests/unit/unit.h"

static char *plain_caps[] = { (char *)"CAP_CHOWN", (char *)"CAP_KILL", NULL };
static char *plain_caps_turned[] = { (char *)"CAP_KILL", (char *)"CAP_CHOWN", NULL };
static char *admin_caps[] = { (char *)"CAP_SYS_ADMIN", NULL };

struct probe {
	long nr, a, b, c;
	int want; /* errno */
};

/* Runs the calls under the filter in a child; returns the index of the first that is not as wanted,
 * or -1. */
static int first_wrong(const struct seccomp_filter *f, const struct probe *probes, int n)
{
	pid_t pid = process_fork("probe", 0, NULL, NULL);

	if (pid == 0) {
		int listener;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_filter_install(f, &listener, NULL) < 0)
			_exit(254);
		for (int i = 0; i < n; i++) {
			long r;

			errno = 0;
			r = syscall(probes[i].nr, probes[i].a, probes[i].b, probes[i].c, 0, 0, 0);
			if ((r < 0 ? errno : 0) != probes[i].want)
				_exit(i);
		}
		_exit(255);
	}
	{
		int code = process_exit_code(process_reap(pid));

		return code == 255 ? -1 : code;
	}
}

#define NR_UNKNOWN 1999 /* no kernel has it */
#ifndef __NR_quotactl_fd
#define __NR_quotactl_fd 443
#endif

static void test_default_profile_sorts_known_from_unknown(void **state)
{
	static const struct probe probes[] = {
		{ NR_UNKNOWN, 0, 0, 0, ENOSYS },
		{ __NR_io_uring_setup, 1, 0, 0, EPERM },
		{ __NR_userfaultfd, 0, 0, 0, EPERM },
		{ __NR_add_key, 0, 0, 0, EPERM },
		{ __NR_setns, -1, 0, 0, EPERM },
		{ __NR_bpf, 0, 0, 0, EPERM },
		{ __NR_socket, AF_NETLINK, SOCK_RAW, 9, EINVAL },
		{ __NR_socket, AF_UNIX, SOCK_STREAM, 0, 0 },
		{ __NR_socket, AF_NETLINK, SOCK_RAW, 0, 0 },
		{ __NR_personality, 0xffffffff, 0, 0, 0 },
		{ __NR_personality, 0x0040000, 0, 0, ENOSYS },
		{ __NR_getppid, 0, 0, 0, 0 },
	};
	struct seccomp_filter f = { 0 };

	(void)state;
	assert_int_equal(seccomp_filter_get("default", plain_caps, -1, &f, NULL), 0);
	assert_int_equal(first_wrong(&f, probes, ARRAY_LEN(probes)), -1);
	seccomp_filter_done(&f);
}

static void test_rules_follow_granted_capabilities(void **state)
{
	/* Allowed by the filter: the kernel's own answer comes through. */
	static const struct probe probes[] = {
		{ __NR_setns, -1, 0, 0, EBADF },
		{ __NR_io_uring_setup, 1, 0, 0, EPERM },
	};
	struct seccomp_filter f = { 0 };

	(void)state;
	assert_int_equal(seccomp_filter_get("default", admin_caps, -1, &f, NULL), 0);
	assert_int_equal(first_wrong(&f, probes, ARRAY_LEN(probes)), -1);
	seccomp_filter_done(&f);
}

struct cache {
	char path[32];
	int fd;
};

static void open_cache(struct cache *c)
{
	(void)snprintf(c->path, sizeof(c->path), "/tmp/cmk-test-XXXXXX");
	assert_non_null(mkdtemp(c->path));
	c->fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(c->fd >= 0);
}

static void close_cache(struct cache *c)
{
	(void)close(c->fd);
	assert_int_equal(remove_tree_at(AT_FDCWD, c->path, NULL), 0);
}

/* The names in the cache, at most one; *RET_N says how many there are. */
static void only_entry(const struct cache *c, char name[static 256], int *ret_n)
{
	cleanup_dir DIR *d = opendir(c->path);
	struct dirent *de;

	*ret_n = 0;
	assert_non_null(d);
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		(void)snprintf(name, 256, "%s", de->d_name);
		++*ret_n;
	}
}

static void test_one_cache_entry_whatever_the_order_of_capabilities(void **state)
{
	struct seccomp_filter a = { 0 }, b = { 0 };
	struct cache c;
	char name[256];
	int n;

	(void)state;
	open_cache(&c);
	assert_int_equal(seccomp_filter_get("default", plain_caps, c.fd, &a, NULL), 0);
	assert_int_equal(seccomp_filter_get("default", plain_caps_turned, c.fd, &b, NULL), 0);
	only_entry(&c, name, &n);
	assert_int_equal(n, 1);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.insns, b.insns, a.n * sizeof(*a.insns));
	seccomp_filter_done(&b);
	assert_int_equal(seccomp_filter_get("default", admin_caps, c.fd, &b, NULL), 0);
	only_entry(&c, name, &n);
	assert_int_equal(n, 2);
	seccomp_filter_done(&a);
	seccomp_filter_done(&b);
	close_cache(&c);
}

/* Any byte changed, any length: compiled again, with the same result, and mended on disk. */
static void test_a_damaged_entry_is_compiled_again(void **state)
{
	struct seccomp_filter good = { 0 }, again = { 0 };
	struct cache c;
	char name[256];
	int n;

	(void)state;
	open_cache(&c);
	assert_int_equal(seccomp_filter_get("default", plain_caps, c.fd, &good, NULL), 0);
	only_entry(&c, name, &n);
	for (int damage = 0; damage < 4; damage++) {
		cleanup_free char *data = NULL, *mended = NULL;
		size_t len = 0, mended_len = 0;

		assert_int_equal(file_read_at(c.fd, name, 1 << 20, &data, &len, NULL), 0);
		if (damage < 3)
			data[damage == 0 ? 5 : damage == 1 ? len / 2 : len - 3] ^= 1;
		assert_int_equal(
			file_replace_at(c.fd, name, data, damage == 3 ? 7 : len, 0600, 0, NULL), 0);
		assert_int_equal(seccomp_filter_get("default", plain_caps, c.fd, &again, NULL), 0);
		assert_int_equal(again.n, good.n);
		assert_memory_equal(again.insns, good.insns, good.n * sizeof(*good.insns));
		seccomp_filter_done(&again);
		assert_int_equal(file_read_at(c.fd, name, 1 << 20, &mended, &mended_len, NULL), 0);
		assert_int_equal(mended_len, len);
	}
	seccomp_filter_done(&good);
	close_cache(&c);
}

static int get_text(const struct cache *c, const char *text, struct seccomp_filter *f,
		    struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/profile.json", c->path);

	assert_int_equal(file_replace_at(c->fd, "profile.json", text, strlen(text), 0600, 0, NULL),
			 0);
	return seccomp_filter_get(path, plain_caps, -1, f, err);
}

static void test_a_users_profile(void **state)
{
	static const struct probe probes[] = { { __NR_getppid, 0, 0, 0, 77 },
					       { __NR_getuid, 0, 0, 0, 0 } };
	struct seccomp_filter f = { 0 };
	struct cache c;

	(void)state;
	open_cache(&c);
	assert_int_equal(get_text(&c,
				  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
				  "\"getppid\",\"no_such_call\"],"
				  "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}",
				  &f, NULL),
			 0);
	assert_int_equal(first_wrong(&f, probes, ARRAY_LEN(probes)), -1);
	seccomp_filter_done(&f);
	close_cache(&c);
}

static void test_bad_profiles_are_named(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{",
		"{\"defaultAction\":\"SCMP_ACT_WHAT\"}",
		"{\"defaultAction\":1}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_NOTIFY\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_"
		"ERRNO\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	};
	struct seccomp_filter f = { 0 };
	struct cache c;

	(void)state;
	open_cache(&c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		assert_true(get_text(&c, bad[i], &f, &err) < 0);
		assert_non_null(strstr(err.msg, "profile.json"));
		assert_null(strchr(err.msg, '\n'));
	}
	assert_int_equal(seccomp_filter_get("/nonexistent", plain_caps, -1, &f, NULL), -ENOENT);
	close_cache(&c);
}

static void test_unconfined_installs_nothing(void **state)
{
	struct seccomp_filter f = { .n = 3 };
	int listener;

	(void)state;
	assert_int_equal(seccomp_filter_get("unconfined", plain_caps, -1, &f, NULL), 0);
	assert_null(f.insns);
	assert_int_equal(seccomp_filter_install(&f, &listener, NULL), 0);
	assert_int_equal(listener, -1);
	assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_profile_sorts_known_from_unknown),
		cmocka_unit_test(test_rules_follow_granted_capabilities),
		cmocka_unit_test(test_one_cache_entry_whatever_the_order_of_capabilities),
		cmocka_unit_test(test_a_damaged_entry_is_compiled_again),
		cmocka_unit_test(test_a_users_profile),
		cmocka_unit_test(test_bad_profiles_are_named),
		cmocka_unit_test(test_unconfined_installs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
