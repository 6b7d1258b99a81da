// SPDX-License-Identifier: Apache-2.0
/*
 * steps UID MAX PROGRAM [ARG...]: counts the user-space instructions of PROGRAM and of all
 * processes that it makes, by single steps, where the processor's counter is out of reach (perf
 * stat is some thousand times faster). Run by root, so that setuid programs stay setuid under
 * ptrace(2); like perf, which does not see those either, it does not count newuidmap and newgidmap.
 * Prints one line per program on stderr, and the sum as the last line; ends with 3 beyond MAX.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"

#define MAX_TRACEES 64

struct tracee {
	pid_t pid;
	bool ignored; /* a setuid program */
	uint64_t steps;
	char name[64];
};

static struct tracee tracees[MAX_TRACEES];
static uint64_t total, stepped, max_steps;

static struct tracee *tracee_of(pid_t pid)
{
	struct tracee *unused = NULL;

	for (size_t i = 0; i < MAX_TRACEES; i++) {
		if (tracees[i].pid == pid)
			return &tracees[i];
		if (!tracees[i].pid && !unused)
			unused = &tracees[i];
	}
	if (!unused) {
		fprintf(stderr, "steps: too many processes\n");
		exit(1);
	}
	*unused = (struct tracee){ .pid = pid, .name = "fork" };
	return unused;
}

static void tracee_report(struct tracee *t)
{
	if (!t->ignored) {
		fprintf(stderr, "steps: %12" PRIu64 " %s\n", t->steps, t->name);
		total += t->steps;
	}
	t->steps = 0;
}

static void tracee_exec(struct tracee *t)
{
	char link[64], path[PATH_MAX];
	ssize_t n;
	const char *base;

	/* What ran before the exec stands in a line of its own. */
	tracee_report(t);
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", t->pid);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	(void)snprintf(t->name, sizeof(t->name), "%.60s", base);
	t->ignored = !strcmp(base, "newuidmap") || !strcmp(base, "newgidmap");
}

static void tracee_stopped(pid_t pid, int status)
{
	struct tracee *t = tracee_of(pid);
	int event = status >> 16, sig = WSTOPSIG(status), pass = 0;

	if (event == PTRACE_EVENT_EXEC) {
		tracee_exec(t);
	} else if (!event && sig == SIGTRAP) {
		t->steps++;
		if (++stepped > max_steps) {
			/* The tracees end with us (PTRACE_O_EXITKILL). */
			fprintf(stderr, "steps: more than %" PRIu64 "\n", max_steps);
			exit(3);
		}
	} else if (!event) {
		pass = sig;
	}
	/* A group stop is left at once: nothing here stops for a user's sake. */
	(void)ptrace(t->ignored ? PTRACE_CONT : PTRACE_SINGLESTEP, pid, NULL, (long)pass);
}

static void child_exec(uid_t uid, char **argv)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(126);
	(void)raise(SIGSTOP);
	(void)execvp(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	uint64_t uid;
	int status, code = 1;
	pid_t child, pid;

	if (argc < 4 || parse_u64(argv[1], UINT32_MAX - 1, &uid) < 0 ||
	    parse_u64(argv[2], UINT64_MAX, &max_steps) < 0) {
		fprintf(stderr, "usage: steps UID MAX PROGRAM [ARG...]\n");
		return 2;
	}
	child = fork();
	if (child < 0)
		return 1;
	if (!child)
		child_exec((uid_t)uid, argv + 3);
	if (waitpid(child, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
		return 1;
	if (ptrace(PTRACE_SEIZE, child, NULL, options) < 0) {
		perror("steps: ptrace");
		(void)kill(child, SIGKILL);
		return 1;
	}
	(void)kill(child, SIGCONT);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (WIFSTOPPED(status)) {
			tracee_stopped(pid, status);
			continue;
		}
		tracee_report(tracee_of(pid));
		tracee_of(pid)->pid = 0;
		if (pid == child)
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	printf("%" PRIu64 "\n", total);
	return code;
}
