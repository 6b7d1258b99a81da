// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/process.h"
#include "tests/unit/unit.h"

/* Runs FN in a child inside the sandbox; the wait status. 0: FN was content. */
static int run(const struct sandbox_policy *p, bool (*fn)(void))
{
	pid_t pid = process_fork("sandboxed", 0, NULL, NULL);

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(p, NULL) < 0)
			_exit(99);
		_exit(fn() ? 0 : 1);
	}
	return process_reap(pid);
}

static bool try_memory(void)
{
	char *p = malloc(4 << 20);

	if (!p)
		return false;
	memset(p, 1, 4 << 20);
	free(p);
	return true;
}

static bool try_exec(void)
{
	char *const argv[] = { NULL };

	(void)execve("/bin/true", argv, argv);
	return false;
}

static bool try_ptrace(void)
{
	(void)syscall(SYS_ptrace, 0, 0, 0, 0);
	return false;
}

static bool try_kill(void)
{
	(void)kill(getppid(), 0);
	return false;
}

static bool try_new_system_call(void)
{
	return syscall(9999) == -1 && errno == ENOSYS;
}

static bool try_exec_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED && errno == EACCES;
}

static bool try_sockets(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_UNIX, SOCK_STREAM, 0) == -1 &&
	       errno == EAFNOSUPPORT && socket(AF_NETLINK, SOCK_RAW, 0) == -1 &&
	       errno == EAFNOSUPPORT;
}

static bool try_resolver_sockets(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool try_read_only(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 &&
	       open("/dev/null", O_WRONLY | O_CLOEXEC) == -1 && errno == EACCES &&
	       open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) == -1 && errno == EACCES;
}

static bool try_landlock(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 &&
	       open("/proc/self/maps", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES;
}

static void *thread_main(void *arg)
{
	return arg;
}

static bool try_threads(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, thread_main, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool try_fork(void)
{
	return fork() == -1 && errno == EPERM;
}

static bool is_violation(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void test_what_is_not_listed_ends_the_process(void **state)
{
	struct sandbox_policy p = { .rights = SANDBOX_INET | SANDBOX_READ | SANDBOX_ANY_PATH };

	(void)state;
	if (SANDBOX_SANITIZED)
		skip();
	assert_true(is_violation(run(&p, try_exec)));
	assert_true(is_violation(run(&p, try_ptrace)));
	assert_true(is_violation(run(&p, try_kill)));
}

static void test_refusals_that_do_not_end_it(void **state)
{
	struct sandbox_policy p = { .rights = SANDBOX_INET | SANDBOX_READ | SANDBOX_ANY_PATH };

	(void)state;
	if (SANDBOX_SANITIZED)
		skip();
	assert_int_equal(run(&p, try_memory), 0);
	assert_int_equal(run(&p, try_new_system_call), 0);
	assert_int_equal(run(&p, try_exec_memory), 0);
	assert_int_equal(run(&p, try_sockets), 0);
	assert_int_equal(run(&p, try_read_only), 0);
	p.rights |= SANDBOX_RESOLVER;
	assert_int_equal(run(&p, try_resolver_sockets), 0);
}

static void test_threads_but_no_processes(void **state)
{
	struct sandbox_policy p = { .rights = SANDBOX_THREADS | SANDBOX_ANY_PATH };

	(void)state;
	if (SANDBOX_SANITIZED)
		skip();
	assert_int_equal(run(&p, try_threads), 0);
	assert_int_equal(run(&p, try_fork), 0);
	p.rights = SANDBOX_ANY_PATH;
	assert_int_equal(WEXITSTATUS(run(&p, try_threads)), 1);
}

static void test_landlock_leaves_the_named_paths(void **state)
{
	static const char *const paths[] = { "/etc", "/does/not/exist", NULL };
	struct sandbox_policy p = { .rights = SANDBOX_READ | SANDBOX_DUMPABLE,
				    .read_paths = paths };

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		skip(); /* this kernel has no Landlock */
	assert_int_equal(run(&p, try_landlock), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_listed_ends_the_process),
		cmocka_unit_test(test_refusals_that_do_not_end_it),
		cmocka_unit_test(test_threads_but_no_processes),
		cmocka_unit_test(test_landlock_leaves_the_named_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
