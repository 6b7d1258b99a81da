// SPDX-License-Identifier: Apache-2.0
/*
 * A seccomp allow-list as a table of system calls. Classic BPF, seccomp(2): each rule is a compare
 * and a return; the kernel (5.11) keeps a bitmap of the calls that are always allowed, so that the
 * length of the list costs nothing.
 */
#include "base/sandbox_filter.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/sandbox.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define NATIVE_ARCH AUDIT_ARCH_S390X
#else
#error "name this architecture's AUDIT_ARCH value"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (i))
#else
#define ARG_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (i) + 4)
#endif

enum {
	NEWEST_KNOWN = 450, /* set_mempolicy_home_node, kernel 5.17; one table for all
			       architectures since 424 */
	RULES_MAX = 400,
	ALWAYS = 0,
};

/* A call that is allowed whatever its arguments, where the policy has one of RIGHTS. */
struct plain_rule {
	int nr;
	unsigned int rights;
};

/* A call that is allowed where (argument & mask) == value, by its low 32 bits; rules for one call
 * stand together, and where none fits the answer is DENY. */
struct arg_rule {
	int nr;
	unsigned int rights;
	int arg;
	uint32_t mask, value;
	int deny;
};

static const struct plain_rule plain_rules[] = {
	/* memory, time, waiting, signals to oneself, the end */
	{ SYS_brk, ALWAYS },
	{ SYS_munmap, ALWAYS },
	{ SYS_mremap, ALWAYS },
	{ SYS_madvise, ALWAYS },
	{ SYS_futex, ALWAYS },
	{ SYS_rt_sigaction, ALWAYS },
	{ SYS_rt_sigprocmask, ALWAYS },
	{ SYS_rt_sigreturn, ALWAYS },
	{ SYS_sigaltstack, ALWAYS },
	{ SYS_restart_syscall, ALWAYS },
	{ SYS_clock_gettime, ALWAYS },
	{ SYS_clock_getres, ALWAYS },
	{ SYS_clock_nanosleep, ALWAYS },
	{ SYS_nanosleep, ALWAYS },
	{ SYS_gettimeofday, ALWAYS },
	{ SYS_getrandom, ALWAYS },
	{ SYS_getpid, ALWAYS },
	{ SYS_gettid, ALWAYS },
	{ SYS_getuid, ALWAYS },
	{ SYS_geteuid, ALWAYS },
	{ SYS_getgid, ALWAYS },
	{ SYS_getegid, ALWAYS },
	{ SYS_getrusage, ALWAYS },
	{ SYS_uname, ALWAYS },
	{ SYS_sysinfo, ALWAYS },
	{ SYS_sched_yield, ALWAYS },
	{ SYS_sched_getaffinity, ALWAYS },
	{ SYS_exit, ALWAYS },
	{ SYS_exit_group, ALWAYS },
#ifdef SYS_time
	{ SYS_time, ALWAYS },
#endif
	/* descriptors that are open */
	{ SYS_read, ALWAYS },
	{ SYS_write, ALWAYS },
	{ SYS_readv, ALWAYS },
	{ SYS_writev, ALWAYS },
	{ SYS_sendfile, ALWAYS },
	{ SYS_pread64, ALWAYS },
	{ SYS_pwrite64, ALWAYS },
	{ SYS_close, ALWAYS },
	{ SYS_close_range, ALWAYS },
	{ SYS_lseek, ALWAYS },
	{ SYS_fstat, ALWAYS },
	{ SYS_fcntl, ALWAYS },
	{ SYS_dup, ALWAYS },
	{ SYS_dup3, ALWAYS },
	{ SYS_pipe2, ALWAYS },
	{ SYS_eventfd2, ALWAYS },
	{ SYS_ppoll, ALWAYS },
	{ SYS_pselect6, ALWAYS },
	{ SYS_epoll_create1, ALWAYS },
	{ SYS_epoll_ctl, ALWAYS },
	{ SYS_epoll_pwait, ALWAYS },
	{ SYS_timerfd_create, ALWAYS },
	{ SYS_timerfd_settime, ALWAYS },
	{ SYS_fadvise64, ALWAYS },
	{ SYS_recvfrom, ALWAYS },
	{ SYS_recvmsg, ALWAYS },
	{ SYS_sendto, ALWAYS },
	{ SYS_sendmsg, ALWAYS },
	{ SYS_shutdown, ALWAYS },
#ifdef SYS_poll
	{ SYS_poll, ALWAYS },
	{ SYS_select, ALWAYS },
	{ SYS_epoll_wait, ALWAYS },
	{ SYS_dup2, ALWAYS },
	{ SYS_pipe, ALWAYS },
#endif
	/* sockets */
	{ SYS_connect, SANDBOX_INET },
	{ SYS_bind, SANDBOX_INET },
	{ SYS_listen, SANDBOX_INET },
	{ SYS_accept, SANDBOX_INET },
	{ SYS_accept4, SANDBOX_INET },
	{ SYS_getsockname, SANDBOX_INET },
	{ SYS_getpeername, SANDBOX_INET },
	{ SYS_getsockopt, SANDBOX_INET },
	{ SYS_setsockopt, SANDBOX_INET },
	{ SYS_sendmmsg, SANDBOX_INET },
	{ SYS_recvmmsg, SANDBOX_INET },
	/* a pair has no address: a channel inside the process */
	{ SYS_socketpair, SANDBOX_INET },
	/* looking at files */
	{ SYS_newfstatat, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_statx, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_statfs, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_fstatfs, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_readlinkat, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_getdents64, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_faccessat, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_faccessat2, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_getcwd, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_chdir, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_fchdir, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_fgetxattr, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_flistxattr, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_getxattr, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_lgetxattr, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_listxattr, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_llistxattr, SANDBOX_READ | SANDBOX_WRITE },
#ifdef SYS_stat
	{ SYS_stat, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_lstat, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_access, SANDBOX_READ | SANDBOX_WRITE },
	{ SYS_readlink, SANDBOX_READ | SANDBOX_WRITE },
#endif
	{ SYS_inotify_init1, SANDBOX_WATCH },
	{ SYS_inotify_add_watch, SANDBOX_WATCH },
	{ SYS_inotify_rm_watch, SANDBOX_WATCH },
	/* changing them */
	{ SYS_openat, SANDBOX_WRITE },
	{ SYS_openat2, SANDBOX_WRITE },
#ifdef SYS_open
	{ SYS_open, SANDBOX_WRITE },
	{ SYS_mkdir, SANDBOX_WRITE },
	{ SYS_rmdir, SANDBOX_WRITE },
	{ SYS_unlink, SANDBOX_WRITE },
	{ SYS_rename, SANDBOX_WRITE },
	{ SYS_chmod, SANDBOX_WRITE },
	{ SYS_chown, SANDBOX_WRITE },
	{ SYS_lchown, SANDBOX_WRITE },
	{ SYS_symlink, SANDBOX_WRITE },
	{ SYS_link, SANDBOX_WRITE },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, SANDBOX_WRITE },
#endif
	{ SYS_mkdirat, SANDBOX_WRITE },
	{ SYS_mknodat, SANDBOX_WRITE },
	{ SYS_symlinkat, SANDBOX_WRITE },
	{ SYS_linkat, SANDBOX_WRITE },
	{ SYS_unlinkat, SANDBOX_WRITE },
	{ SYS_renameat2, SANDBOX_WRITE },
	{ SYS_fchmod, SANDBOX_WRITE },
	{ SYS_fchmodat, SANDBOX_WRITE },
	{ SYS_fchown, SANDBOX_WRITE },
	{ SYS_fchownat, SANDBOX_WRITE },
	{ SYS_utimensat, SANDBOX_WRITE },
	{ SYS_ftruncate, SANDBOX_WRITE },
	{ SYS_fallocate, SANDBOX_WRITE },
	{ SYS_fsync, SANDBOX_WRITE },
	{ SYS_fdatasync, SANDBOX_WRITE },
	{ SYS_syncfs, SANDBOX_WRITE },
	{ SYS_sync_file_range, SANDBOX_WRITE },
	{ SYS_flock, SANDBOX_WRITE },
	{ SYS_umask, SANDBOX_WRITE },
	{ SYS_copy_file_range, SANDBOX_WRITE },
	{ SYS_splice, SANDBOX_WRITE },
	{ SYS_tee, SANDBOX_WRITE },
	{ SYS_pwritev, SANDBOX_WRITE },
	{ SYS_preadv, SANDBOX_WRITE },
	{ SYS_setxattr, SANDBOX_WRITE },
	{ SYS_lsetxattr, SANDBOX_WRITE },
	{ SYS_fsetxattr, SANDBOX_WRITE },
	{ SYS_removexattr, SANDBOX_WRITE },
	{ SYS_lremovexattr, SANDBOX_WRITE },
	{ SYS_fremovexattr, SANDBOX_WRITE },
	/* threads */
	{ SYS_set_robust_list, SANDBOX_THREADS },
	{ SYS_rseq, SANDBOX_THREADS },
	{ SYS_sched_getparam, SANDBOX_THREADS },
	{ SYS_sched_getscheduler, SANDBOX_THREADS },
	{ SYS_membarrier, SANDBOX_THREADS },
};

#define ANY_BIT 0U
/* Reading: access mode O_RDONLY, and none of the flags that change something. */
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) | O_APPEND)

static const struct arg_rule arg_rules[] = {
	{ SYS_socket, SANDBOX_INET, 0, ~0U, AF_INET, EAFNOSUPPORT },
	{ SYS_socket, SANDBOX_INET, 0, ~0U, AF_INET6, EAFNOSUPPORT },
	{ SYS_socket, SANDBOX_RESOLVER, 0, ~0U, AF_UNIX, EAFNOSUPPORT },
	{ SYS_socket, SANDBOX_RESOLVER, 0, ~0U, AF_NETLINK, EAFNOSUPPORT },
	{ SYS_openat, SANDBOX_READ, 2, OPEN_WRITES, 0, EACCES },
#ifdef SYS_open
	{ SYS_open, SANDBOX_READ, 1, OPEN_WRITES, 0, EACCES },
#endif
	{ SYS_mmap, ALWAYS, 2, PROT_EXEC, 0, EACCES },
	{ SYS_mmap, SANDBOX_DLOPEN, 2, ANY_BIT, 0, EACCES },
	{ SYS_mprotect, ALWAYS, 2, PROT_EXEC, 0, EACCES },
	{ SYS_mprotect, SANDBOX_DLOPEN, 2, ANY_BIT, 0, EACCES },
	{ SYS_ioctl, ALWAYS, 1, ~0U, FIONREAD, ENOTTY },
	{ SYS_ioctl, ALWAYS, 1, ~0U, FIONBIO, ENOTTY },
	{ SYS_prctl, ALWAYS, 0, ~0U, PR_SET_NAME, EPERM },
	/* Pointers to flags cannot be looked at: the C library falls back to clone(). */
	{ SYS_clone3, SANDBOX_THREADS, 0, ~0U, ~0U, ENOSYS },
#ifndef __s390x__
	{ SYS_clone, SANDBOX_THREADS, 0, CLONE_THREAD, CLONE_THREAD, EPERM },
#endif
	/* only to ask: a limit may not be set */
	{ SYS_prlimit64, ALWAYS, 2, ~0U, 0, EPERM },
	/* abort() */
	{ SYS_tgkill, ALWAYS, 2, ~0U, 6 /* SIGABRT */, EPERM },
};

struct filter {
	struct sock_filter insn[3 * RULES_MAX];
	unsigned short n;
};

static void emit(struct filter *f, struct sock_filter insn)
{
	assert(f->n < ARRAY_LEN(f->insn));
	f->insn[f->n++] = insn;
}

static void emit_return(struct filter *f, uint32_t action)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void emit_load(struct filter *f, size_t offset)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* The next insn is run where the accumulator is VALUE, else SKIP are passed over. */
static void emit_if_equal(struct filter *f, uint32_t value, uint8_t skip)
{
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

static bool granted(unsigned int rights, unsigned int have)
{
	return rights == ALWAYS || (rights & have);
}

static bool nr_is_plain(int nr, unsigned int have)
{
	for (size_t i = 0; i < ARRAY_LEN(plain_rules); i++)
		if (plain_rules[i].nr == nr && granted(plain_rules[i].rights, have))
			return true;
	return false;
}

/* All rules of the call that starts at I; returns the index behind them. */
static size_t emit_arg_rules(struct filter *f, size_t i, unsigned int have)
{
	int nr = arg_rules[i].nr, deny = arg_rules[i].deny;
	size_t end = i, jump;

	while (end < ARRAY_LEN(arg_rules) && arg_rules[end].nr == nr)
		end++;
	if (nr_is_plain(nr, have))
		return end;
	jump = f->n;
	emit_if_equal(f, (uint32_t)nr, 0);
	for (; i < end; i++) {
		const struct arg_rule *r = arg_rules + i;

		if (!granted(r->rights, have))
			continue;
		emit_load(f, ARG_LOW((size_t)r->arg));
		emit(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask));
		emit_if_equal(f, r->value, 1);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	emit_return(f, SECCOMP_RET_ERRNO | (uint32_t)deny);
	assert(f->n - jump - 1 <= UINT8_MAX);
	f->insn[jump].jf = (uint8_t)(f->n - jump - 1);
	return end;
}

static void build(struct filter *f, unsigned int have)
{
	emit_load(f, offsetof(struct seccomp_data, arch));
	emit_if_equal(f, NATIVE_ARCH, 1);
	emit(f, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
	emit_load(f, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	/* x32: the same architecture value, other numbers */
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
#endif
	for (size_t i = 0; i < ARRAY_LEN(plain_rules); i++) {
		if (!granted(plain_rules[i].rights, have))
			continue;
		emit_if_equal(f, (uint32_t)plain_rules[i].nr, 1);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < ARRAY_LEN(arg_rules);)
		i = emit_arg_rules(f, i, have);
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_KNOWN, 0, 1));
	emit_return(f, SECCOMP_RET_ERRNO | ENOSYS);
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
}

int sandbox_filter_load(unsigned int rights)
{
	struct filter f = { 0 };
	struct sock_fprog prog = { .filter = f.insn };

	build(&f, rights);
	prog.len = f.n;
	if (SANDBOX_SANITIZED)
		return 0;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0 ? -errno : 0;
}
