// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "libpod/cgroup/property.h"
#include "tests/unit/unit.h"

/* A run directory, and no other variables that say where systemd is. */
struct dirs {
	char path[32];
};

static int make_dirs(void **state)
{
	struct dirs *d = xcalloc(1, sizeof(*d));
	cleanup_free char *systemd = NULL;

	(void)snprintf(d->path, sizeof(d->path), "/tmp/cmk-test-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	systemd = xasprintf("%s/systemd", d->path);
	assert_int_equal(mkdir(systemd, 0700), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", d->path, 1), 0);
	assert_int_equal(unsetenv("DBUS_SESSION_BUS_ADDRESS"), 0);
	*state = d;
	return 0;
}

static int drop_dirs(void **state)
{
	struct dirs *d = *state;

	assert_int_equal(remove_tree_at(AT_FDCWD, d->path, NULL), 0);
	free(d);
	return 0;
}

static int listen_at(const char *dir, const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", dir, name);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void test_paths_become_addresses(void **state)
{
	static const char *const cases[][2] = {
		{ "/run/user/1000/bus", "unix:path=/run/user/1000/bus" },
		{ "/a b,c;d=e%\303\244-_.*", "unix:path=/a%20b%2cc%3bd%3de%25%c3%a4-_.*" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *address = scope_address(cases[i][0]);

		assert_string_equal(address, cases[i][1]);
	}
}

static void test_systemd_is_looked_for_where_it_belongs(void **state)
{
	const struct dirs *d = *state;
	struct scope_manager m = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *own = NULL, *bus = NULL;
	cleanup_close int fd = -1, bus_fd = -1;

	if (geteuid() == 0)
		skip(); /* root's is the system's */
	own = xasprintf("unix:path=%s/systemd/private", d->path);
	bus = xasprintf("unix:path=%s/bus", d->path);
	assert_false(scope_manager_find(&m, true));
	assert_int_equal(scope_manager_missing(&err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, d->path));
	assert_non_null(strstr(err.hint, "enable-linger"));
	/* A bus alone may be without systemd: only for who asks for it. */
	assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=x", 1), 0);
	assert_false(scope_manager_find(&m, false));
	assert_true(scope_manager_find(&m, true));
	assert_string_equal(m.bus, "unix:abstract=x");
	assert_null(m.socket);
	scope_manager_done(&m);
	fd = listen_at(d->path, "systemd/private");
	assert_true(scope_manager_find(&m, false));
	assert_string_equal(m.socket, own);
	assert_null(m.bus); /* the caller's may be any */
	scope_manager_done(&m);
	bus_fd = listen_at(d->path, "bus");
	assert_true(scope_manager_find(&m, false));
	assert_string_equal(m.bus, bus);
	assert_false(m.is_system);
	scope_manager_done(&m);
}

static void test_the_managers_group_is_that_of_who_listens(void **state)
{
	const struct dirs *d = *state;
	cleanup_close int fd = listen_at(d->path, "systemd/private");
	struct scope_manager m = { 0 };
	cleanup_free char *group = NULL, *none = NULL, *text = NULL;

	assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &text, NULL, NULL),
			 0);
	if (!strstr(text, "0::/")) {
		free(steal_ptr(&text));
		skip();
	}
	m.socket_path = xasprintf("%s/systemd/private", d->path);
	assert_int_equal(scope_manager_group(&m, &group), 0);
	assert_non_null(strstr(text, group));
	/* A socket that nobody listens on any more. */
	(void)close(steal_fd(&fd));
	assert_int_equal(scope_manager_group(&m, &none), -ECONNREFUSED);
	scope_manager_done(&m);
}

static void test_modes_and_managers_have_podmans_names(void **state)
{
	enum cgroup_mode mode = CGROUPS_SPLIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_mode_parse(NULL, &mode, NULL), 0);
	assert_int_equal(mode, CGROUPS_ENABLED);
	assert_int_equal(cgroup_mode_parse("disabled", &mode, NULL), 0);
	assert_int_equal(mode, CGROUPS_DISABLED);
	assert_int_equal(cgroup_mode_parse("no-conmon", &mode, NULL), 0);
	assert_int_equal(mode, CGROUPS_NO_CONMON);
	assert_int_equal(cgroup_mode_parse("Split", &mode, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'Split'"));
	assert_int_equal(mode, CGROUPS_NO_CONMON);
	assert_int_equal(cgroup_manager_set("cgroup", NULL), -EINVAL);
	assert_null(cgroup_manager_asked());
}

static void test_a_choice_is_by_probing_or_by_order(void **state)
{
	struct cgroup_delegation none = CGROUP_DELEGATION_INIT, some = {
		.mount = (char *)"/nowhere", .path = (char *)"/x", .fd = -1
	};

	(void)state;
	if (geteuid() == 0)
		skip();
	assert_string_equal(cgroup_manager_choice(NULL, &none), "none");
	assert_string_equal(cgroup_manager_choice(NULL, &some), "cgroupfs");
	assert_string_equal(cgroup_manager_choice("systemd", &some), "systemd");
	assert_string_equal(cgroup_manager_choice("cgroupfs", &none), "cgroupfs");
}

static void test_what_has_no_group_has_no_limits_and_no_parent(void **state)
{
	struct spec_resources res = { .pids_limit = 5 }, no_limits = { 0 };
	struct cgroup_request q = { .id = "x", .mode = CGROUPS_DISABLED };
	struct cgroup_delegation none = CGROUP_DELEGATION_INIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_request_check(&q, &none, NULL), 0);
	assert_int_equal(cgroup_request_check_limits(&q, &none, &no_limits, NULL), 0);
	assert_int_equal(cgroup_request_check_limits(&q, &none, &res, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "--cgroups disabled"));
	q.parent = "a";
	assert_int_equal(cgroup_request_check(&q, &none, NULL), -EINVAL);
	q.mode = CGROUPS_SPLIT;
	assert_int_equal(cgroup_request_check(&q, &none, NULL), -EINVAL);
}

static void scopes_are_named_by_three_parts(void **state)
{
	static const char *const bad[] = { "/a/b",  "a.slice",	     "a.slice:b",     "a.slice:b:",
					   "a:b:c", "a.slice:b:c:d", "a.slice:b:c/d", "" };
	char *slice, *unit;

	(void)state;
	assert_int_equal(cgroup_scope_parse("user.slice:libpod:12", &slice, &unit, NULL), 0);
	assert_string_equal(slice, "user.slice");
	assert_string_equal(unit, "libpod-12.scope");
	free(slice);
	free(unit);
	assert_int_equal(cgroup_scope_parse("::x", &slice, &unit, NULL), 0);
	assert_null(slice);
	assert_string_equal(unit, "x.scope");
	free(unit);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cgroup_scope_parse(bad[i], &slice, &unit, NULL), -EINVAL);
}

static void annotation(const char *name, const char *value, const char *wanted)
{
	cleanup_free char *got = NULL;
	struct cmk_err err = CMK_ERR_INIT;

	if (property_of_annotation(name, value, &got, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
	assert_string_equal(got, wanted);
}

static void no_annotation(const char *name, const char *value)
{
	char *got = NULL;

	assert_int_equal(property_of_annotation(name, value, &got, NULL), -EINVAL);
	assert_null(got);
}

static void properties_of_annotations(void **state)
{
	(void)state;
	annotation("TimeoutStopSec", "1", "TimeoutStopUSec=t:1000000");
	annotation("RuntimeMaxSec", "2.5", "RuntimeMaxUSec=t:2500000");
	annotation("TimeoutStopUSec", "uint64 7", "TimeoutStopUSec=t:7");
	annotation("CollectMode", "'inactive-or-failed'", "CollectMode=s:inactive-or-failed");
	annotation("CollectMode", "\"inactive\"", "CollectMode=s:inactive");
	annotation("After", "['a.service', \"b.service\"]", "After=as:a.service\nb.service");
	annotation("DefaultDependencies", "true", "DefaultDependencies=b:1");
	annotation("SomeNumber", "-3", "SomeNumber=i:-3");
	annotation("SomeNumber", "int64 -3", "SomeNumber=x:-3");
	no_annotation("a=b", "1");
	no_annotation("Ab", "1");
	no_annotation("", "1");
	no_annotation("SomeNumber", "uint32 4294967296");
	no_annotation("SomeNumber", "one");
	no_annotation("SomeNumber", "");
	no_annotation("CollectMode", "'a");
	no_annotation("CollectMode", "'a'b");
	no_annotation("After", "['a'");
	no_annotation("After", "['a',]");
	no_annotation("After", "[]");
	no_annotation("RuntimeMaxSec", "1s");
}

static bool has(char **list, const char *word)
{
	return strv_has(list, word);
}

static void properties_of_what_is_limited(void **state)
{
	char *unified[] = { (char *)"memory.high=5", (char *)"pids.max=max",
			    (char *)"cpu.max=5000 50000", NULL };
	struct spec_resources none = { 0 },
			      some = { .memory_limit = 100,
				       .memory_swap = 150,
				       .memory_reservation = 30,
				       .cpu_quota = 500000,
				       .cpu_period = 900000,
				       .pids_limit = 20,
				       .cpuset_cpus = (char *)"0,9" },
			      other = { .cpu_quota = 500000,
					.cpu_period = 900000,
					.unified = unified };
	cleanup_strv char **all = properties_of_limits(&some), **changed = NULL, **same = NULL;

	(void)state;
	assert_null(properties_of_limits(&none));
	assert_true(has(all, "MemoryMax=t:100"));
	assert_true(has(all, "MemorySwapMax=t:50"));
	assert_true(has(all, "MemoryLow=t:30"));
	/* In steps of 10 ms. */
	assert_true(has(all, "CPUQuotaPerSecUSec=t:560000"));
	assert_true(has(all, "CPUQuotaPeriodUSec=t:900000"));
	assert_true(has(all, "TasksMax=t:20"));
	assert_true(has(all, "AllowedCPUs=ay:0102"));
	same = properties_changed(&some, &some);
	assert_null(same);
	changed = properties_changed(&some, &other);
	assert_true(has(changed, "MemoryMax=t:18446744073709551615"));
	assert_true(has(changed, "MemoryLow=t:0"));
	assert_true(has(changed, "MemoryHigh=t:5"));
	assert_true(has(changed, "TasksMax=t:18446744073709551615"));
	assert_true(has(changed, "AllowedCPUs=ay:"));
	assert_true(has(changed, "CPUQuotaPerSecUSec=t:100000"));
	assert_true(has(changed, "CPUQuotaPeriodUSec=t:50000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_are_named_by_three_parts),
		cmocka_unit_test(test_paths_become_addresses),
		cmocka_unit_test_setup_teardown(test_systemd_is_looked_for_where_it_belongs,
						make_dirs, drop_dirs),
		cmocka_unit_test_setup_teardown(test_the_managers_group_is_that_of_who_listens,
						make_dirs, drop_dirs),
		cmocka_unit_test(test_modes_and_managers_have_podmans_names),
		cmocka_unit_test_setup_teardown(test_a_choice_is_by_probing_or_by_order, make_dirs,
						drop_dirs),
		cmocka_unit_test(test_what_has_no_group_has_no_limits_and_no_parent),
		cmocka_unit_test(properties_of_annotations),
		cmocka_unit_test(properties_of_what_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
