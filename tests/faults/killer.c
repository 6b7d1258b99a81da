// SPDX-License-Identifier: Apache-2.0
/*
 * killer [-u UID:GID] [-c CGROUP] [-p PID]... [-k LABEL:N [-a]] [-w FILE -s STORE -d DATA] [-o
 * FILE] CMD...
 *
 * Runs CMD as UID in the group CGROUP (a directory) and ends with its exit code. With -o it is
 * traced, by root, with all that it starts, helpers and the monitor included, and the processes PID
 * besides; a program that is none of ours (what a container runs, newuidmap) is let go.
 *
 * -k: the process LABEL dies by SIGKILL where it would begin its N-th system call; with -a all
 *     that are followed die with it, as if by one switch. The rest is let go and lives on.
 * -o: FILE gets a line "LABEL COMM MARKS" for each process, a mark for each call, '.' where nobody
 *     else can see an effect of it and '+' elsewhere; or "killed LABEL COMM N NR PID...".
 * -w: FILE gets what is done to files below DATA, in its order (see record.c).
 *
 * A process is named by its descent, "0.2.1" being the first child of the second child of CMD, and
 * counts its own calls, so that a point means the same in each run however the processes
 * interleave.
 */
#include "tests/faults/killer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/util.h"

#define MAX_TRACEES 512
#define MAX_PIDS 16
#define QUIET_MS 120
#define OPTIONS                                                                                   \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC)

static struct tracee tracees[MAX_TRACEES];
static size_t n_tracees;
static const char *kill_label;
static uint64_t kill_at;
static bool kill_all, command_ended;
static FILE *out;

static void cmk_noreturn fail(const char *what)
{
	(void)fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	exit(99);
}

static struct tracee *find(pid_t tid)
{
	for (size_t i = 0; i < n_tracees; i++)
		if (tracees[i].tid == tid && !tracees[i].gone)
			return &tracees[i];
	return NULL;
}

static pid_t tgid_of(pid_t tid)
{
	char path[64], line[128];
	uint64_t tgid = (uint64_t)tid;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Tgid:\t", 6) == 0)
			(void)parse_u64_n(line + 6, strcspn(line + 6, "\n"), INT_MAX, &tgid);
	}
	if (f)
		(void)fclose(f);
	return (pid_t)tgid;
}

static void read_comm(struct tracee *t)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)t->tid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(t->comm, sizeof(t->comm), f))
		t->comm[strcspn(t->comm, "\n")] = '\0';
	(void)fclose(f);
	for (char *p = t->comm; *p; p++)
		*p = *p == ' ' ? '_' : *p;
}

static struct tracee *add(pid_t tid)
{
	struct tracee *t = find(tid);

	if (t)
		return t;
	if (n_tracees == MAX_TRACEES) {
		errno = E2BIG;
		fail("follow");
	}
	t = &tracees[n_tracees++];
	*t = (struct tracee){ .tid = tid, .tgid = tgid_of(tid) };
	read_comm(t);
	return t;
}

/* Where one process is to die, the calls of the others need not be counted. */
static void go_on(struct tracee *t, int sig)
{
	bool counted = !kill_label || strcmp(t->label, kill_label) == 0;

	if (ptrace(counted ? PTRACE_SYSCALL : PTRACE_CONT, t->tid, NULL, (void *)(intptr_t)sig) <
		    0 &&
	    errno == ESRCH)
		t->gone = true;
}

/* Its name is "PARENT.N": it may run. */
static void follow_child(struct tracee *parent, pid_t tid)
{
	struct tracee *t = add(tid);

	(void)snprintf(t->label, sizeof(t->label), "%.80s.%u", parent->label, ++parent->children);
	t->followed = true;
	if (t->held) {
		t->held = false;
		go_on(t, 0);
	}
}

/* A program of ours, by its file's name. cmk-init is what the container runs. */
static bool is_ours(pid_t pid)
{
	char path[64], exe[PATH_MAX];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return false;
	exe[n] = '\0';
	name = strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe;
	if (strncmp(name, "cmk-init", 8) == 0)
		return false;
	return strcmp(name, "cmk") == 0 || strncmp(name, "cmk-", 4) == 0 ||
	       strncmp(name, "memfd:", 6) == 0;
}

static void cmk_noreturn finish(void)
{
	for (size_t i = 0; i < n_tracees; i++) {
		const struct tracee *t = &tracees[i];

		if (t->label[0])
			(void)fprintf(out, "%s %s %s\n", t->label, t->comm,
				      t->marks ? t->marks : "");
	}
	(void)fclose(out);
	record_close();
	/* Who is still followed is let go and resumed by the kernel (ptrace(2)). */
	exit(0);
}

static void cmk_noreturn strike(const struct tracee *t)
{
	(void)fprintf(out, "killed %s %s %llu %llu", t->label, t->comm, (unsigned long long)kill_at,
		      (unsigned long long)t->nr);
	for (size_t i = 0; i < n_tracees; i++) {
		if (tracees[i].gone || (!kill_all && tracees[i].tgid != t->tgid))
			continue;
		(void)kill(tracees[i].tgid, SIGKILL);
		(void)fprintf(out, " %d", (int)tracees[i].tgid);
	}
	(void)fputc('\n', out);
	(void)fclose(out);
	exit(0);
}

/* Calls that change nothing outside of their process: a kill behind one is a kill before it. */
static bool is_private(const struct tracee *t)
{
	switch (t->nr) {
	case SYS_openat:
		return !(t->arg[2] & (O_CREAT | O_TRUNC));
	case SYS_read:
	case SYS_pread64:
	case SYS_readv:
	case SYS_fstat:
	case SYS_newfstatat:
	case SYS_statx:
	case SYS_faccessat:
	case SYS_faccessat2:
	case SYS_readlinkat:
	case SYS_getdents64:
	case SYS_lseek:
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_madvise:
	case SYS_brk:
	case SYS_rt_sigaction:
	case SYS_rt_sigprocmask:
	case SYS_fcntl:
	case SYS_ppoll:
	case SYS_epoll_ctl:
	case SYS_epoll_create1:
	case SYS_epoll_pwait:
	case SYS_clock_gettime:
	case SYS_getrandom:
	case SYS_getpid:
	case SYS_gettid:
	case SYS_getuid:
	case SYS_geteuid:
	case SYS_getgid:
	case SYS_getegid:
	case SYS_prlimit64:
	case SYS_set_tid_address:
	case SYS_set_robust_list:
	case SYS_rseq:
	case SYS_futex:
	case SYS_uname:
	case SYS_getcwd:
#ifdef SYS_open
	case SYS_stat:
	case SYS_lstat:
	case SYS_access:
	case SYS_readlink:
	case SYS_poll:
	case SYS_epoll_wait:
	case SYS_arch_prctl:
#endif
		return true;
	default:
		return false;
	}
}

static void mark_call(struct tracee *t)
{
	t->marks = xrealloc(t->marks, t->count + 1, 1);
	t->marks[t->count - 1] = is_private(t) ? '.' : '+';
	t->marks[t->count] = '\0';
}

static void on_syscall(struct tracee *t)
{
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->nr = info.entry.nr;
		memcpy(t->arg, info.entry.args, sizeof(t->arg));
		t->count++;
		t->inside = true;
		if (!kill_label)
			mark_call(t);
		else if (t->count == kill_at)
			strike(t);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->inside) {
		t->inside = false;
		if (t->nr == SYS_prctl)
			read_comm(t);
		record_call(t, info.exit.rval);
	}
}

static void on_stop(struct tracee *t, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);
	unsigned long msg = 0;

	if (!t->followed) {
		t->held = true;
		return;
	}
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &msg) == 0)
			follow_child(t, (pid_t)msg);
		break;
	case PTRACE_EVENT_EXEC:
		read_comm(t);
		if (!is_ours(t->tid)) {
			t->gone = true;
			(void)ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
			return;
		}
		break;
	case PTRACE_EVENT_STOP:
		if (sig != SIGTRAP) {
			(void)ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
			return;
		}
		break;
	case 0:
		if (sig == (SIGTRAP | 0x80))
			on_syscall(t);
		else {
			go_on(t, sig);
			return;
		}
		break;
	default:
		break;
	}
	go_on(t, 0);
}

/* All that is there to be waited for; false when nothing is followed any more. */
static bool drain(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		struct tracee *t = find(pid);

		if (WIFSTOPPED(status)) {
			on_stop(t ? t : add(pid), status);
		} else if (t) {
			t->gone = true;
			if (strcmp(t->label, "0") == 0)
				command_ended = true;
		}
	}
	return pid == 0;
}

/* Until the command has ended and the others, which live on, are at rest. */
static void cmk_noreturn trace(void)
{
	sigset_t set;
	struct pollfd p = { .events = POLLIN };

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	p.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p.fd < 0)
		fail("signalfd");
	while (drain()) {
		struct signalfd_siginfo si;
		int r = poll(&p, 1, command_ended ? QUIET_MS : -1);

		if (r == 0)
			break;
		while (r > 0 && read(p.fd, &si, sizeof(si)) > 0)
			;
	}
	finish();
}

static void seize(pid_t pid, const char *label)
{
	struct tracee *t;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(intptr_t)OPTIONS) < 0)
		fail("seize");
	t = add(pid);
	(void)snprintf(t->label, sizeof(t->label), "%s", label);
	t->followed = true;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		fail("interrupt");
}

static void enter_cgroup(const char *dir)
{
	char path[PATH_MAX];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "we");
	if (!f || fputs("0", f) < 0 || fclose(f) != 0)
		fail(path);
}

/* The command waits in a pipe until it is followed. */
static pid_t launch(char **argv, const char *cgroup, bool drop, uid_t uid, gid_t gid, int *ret_go)
{
	int go[2];
	pid_t pid;
	char c;

	if (pipe2(go, O_CLOEXEC) < 0)
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid > 0) {
		(void)close(go[0]);
		*ret_go = go[1];
		return pid;
	}
	(void)close(go[1]);
	if (cgroup)
		enter_cgroup(cgroup);
	if (drop && (setgid(gid) < 0 || setuid(uid) < 0))
		fail("setuid");
	if (read(go[0], &c, 1) != 1)
		_exit(99);
	execvp(argv[0], argv);
	fail(argv[0]);
}

/* The tracer is a process of its own, whose end lets go of all. */
static void start_tracer(pid_t command, const pid_t *pids, size_t n_pids, int go)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		(void)close(go);
		(void)close(ready[0]);
		seize(command, "0");
		for (size_t i = 0; i < n_pids; i++) {
			char label[32];

			(void)snprintf(label, sizeof(label), "p%zu", i);
			seize(pids[i], label);
		}
		(void)write(ready[1], &c, 1);
		(void)close(ready[1]);
		trace();
	}
	(void)close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		exit(99);
	(void)close(ready[0]);
}

static uint64_t number(const char *s, size_t len)
{
	uint64_t n = 0;

	if (parse_u64_n(s, len, INT_MAX, &n) < 0) {
		errno = EINVAL;
		fail(s);
	}
	return n;
}

int main(int argc, char **argv)
{
	const char *cgroup = NULL, *out_path = NULL, *user = NULL;
	const char *writes = NULL, *store = NULL, *data = NULL;
	pid_t pids[MAX_PIDS], command;
	size_t n_pids = 0;
	int opt, status = 0, go = -1;
	char *colon, c = 0;

	while ((opt = getopt(argc, argv, "+u:c:p:k:ao:w:s:d:")) != -1) {
		switch (opt) {
		case 'u':
			user = optarg;
			break;
		case 'c':
			cgroup = optarg;
			break;
		case 'p':
			if (n_pids < MAX_PIDS)
				pids[n_pids++] = (pid_t)number(optarg, strlen(optarg));
			break;
		case 'k':
			colon = strchr(optarg, ':');
			if (!colon)
				return 2;
			*colon = '\0';
			kill_label = optarg;
			kill_at = number(colon + 1, strlen(colon + 1));
			break;
		case 'a':
			kill_all = true;
			break;
		case 'w':
			writes = optarg;
			break;
		case 's':
			store = optarg;
			break;
		case 'd':
			data = optarg;
			break;
		case 'o':
			out_path = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind >= argc)
		return 2;
	if (out_path && !(out = fopen(out_path, "we")))
		fail(out_path);
	if (writes && (!store || !data || !record_open(writes, store, data)))
		fail(writes);
	colon = user ? strchr(user, ':') : NULL;
	command = launch(argv + optind, cgroup, colon != NULL,
			 colon ? (uid_t)number(user, (size_t)(colon - user)) : 0,
			 colon ? (gid_t)number(colon + 1, strlen(colon + 1)) : 0, &go);
	if (out)
		start_tracer(command, pids, n_pids, go);
	if (write(go, &c, 1) != 1)
		fail("start the command");
	(void)close(go);
	/* Also the tracer's end is awaited: then all are let go, or dead. */
	for (int left = out ? 2 : 1; left > 0; left--) {
		int st = 0;
		pid_t pid = wait(&st);

		if (pid == command)
			status = st;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
