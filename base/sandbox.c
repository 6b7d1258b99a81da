// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/sandbox_filter.h"

/* linux/landlock.h as of ABI 5, which older headers lack. */
enum {
	LL_READ_FILE = 1 << 2,
	LL_READ_DIR = 1 << 3,
	LL_RULE_PATH_BENEATH = 1,
	LL_QUERY_VERSION = 1,
};
struct ll_ruleset_attr {
	uint64_t fs, net, scoped;
};
struct ll_path_attr {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

static int drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	/* Fails without CAP_SETPCAP, when there is nothing to drop either. */
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep & 1ULL << cap))
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (keep && syscall(SYS_capget, &h, d) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(keep >> (32 * i));
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

/* Rights over files that this kernel's Landlock knows; 0: no Landlock. */
static uint64_t landlock_handled(long abi)
{
	if (abi < 1)
		return 0;
	if (abi == 1)
		return (1 << 13) - 1;
	if (abi == 2)
		return (1 << 14) - 1; /* + REFER */
	if (abi < 5)
		return (1 << 15) - 1; /* + TRUNCATE */
	return (1 << 16) - 1;	      /* + IOCTL_DEV */
}

static int landlock_allow(int ruleset, int fd, uint64_t rights)
{
	struct ll_path_attr a = { .allowed = rights, .parent_fd = fd };
	long r = syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH, &a, 0);

	return r < 0 ? -errno : 0;
}

static int landlock_allow_path(int ruleset, const char *path, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR
			       ? 0
			       : cmk_err_errno(err, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return cmk_err_errno(err, "stat '%s'", path);
	r = landlock_allow(ruleset, fd,
			   S_ISDIR(st.st_mode) ? LL_READ_FILE | LL_READ_DIR : LL_READ_FILE);
	if (r < 0)
		return cmk_err_set(err, r, "allow '%s': %s", path, errno_text(-r));
	return 0;
}

static int enter_landlock(const struct sandbox_policy *p, struct cmk_err *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_QUERY_VERSION);
	struct ll_ruleset_attr attr = { .fs = landlock_handled(abi) };
	cleanup_close int ruleset = -1;

	if (!attr.fs)
		return 0; /* the kernel has none: seccomp remains */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.fs), 0);
	if (ruleset < 0)
		return cmk_err_errno(err, "make a Landlock ruleset");
	for (size_t i = 0; p->read_paths && p->read_paths[i]; i++) {
		int r = landlock_allow_path(ruleset, p->read_paths[i], err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < p->n_write_dirs; i++) {
		int r = landlock_allow(ruleset, p->write_dirs[i], attr.fs);

		if (r < 0)
			return cmk_err_set(err, r, "allow a directory: %s", errno_text(-r));
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return cmk_err_errno(err, "enter Landlock");
	return 0;
}

#if SANDBOX_SANITIZED
/* LeakSanitizer reads /proc of its own process at the end, which is out of reach by then. It asks
 * the program that it is linked into, since helpers do not inherit ASAN_OPTIONS. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int sandbox_enter(const struct sandbox_policy *p, struct cmk_err *err)
{
	struct rlimit none = { 0 };
	int r;

	if (!(p->rights & SANDBOX_DUMPABLE)) {
		(void)setrlimit(RLIMIT_CORE, &none);
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
			return cmk_err_errno(err, "sandbox: forbid core dumps");
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return cmk_err_errno(err, "sandbox: set no_new_privs");
	r = drop_capabilities(p->keep_caps);
	if (r < 0)
		return cmk_err_set(err, r, "sandbox: drop capabilities: %s", errno_text(-r));
	if (!(p->rights & SANDBOX_ANY_PATH)) {
		r = enter_landlock(p, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "sandbox");
	}
	/* Last: the steps above are not on the list. */
	r = sandbox_filter_load(p->rights);
	if (r < 0)
		return cmk_err_set(err, r, "sandbox: load the seccomp filter: %s", errno_text(-r));
	return 0;
}
