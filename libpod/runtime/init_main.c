// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-init: PID 1 of a container that was started with --init. Runs the command as its child,
 * passes every signal on to it, reaps whatever ends, and ends with the command's exit code (128+n
 * for a signal). Linked statically and without our libraries: it runs on the image's root, where
 * there may be none.
 *
 * It may what the container may: it is started in there, with its user, capabilities and seccomp
 * filter.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char **argv, const sigset_t *mask)
{
	int tty = STDIN_FILENO;

	/* A group of its own in the foreground, so that ctrl-c does not reach us as well. */
	(void)setpgid(0, 0);
	if (isatty(tty)) {
		(void)signal(SIGTTOU, SIG_IGN);
		(void)tcsetpgrp(tty, getpgrp());
		(void)signal(SIGTTOU, SIG_DFL);
	}
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	/* sd_listen_fds(3): the sockets are for the process that has this number. */
	if (getenv("LISTEN_FDS") && getenv("LISTEN_PID")) {
		char pid[16];

		(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
		(void)setenv("LISTEN_PID", pid, 1);
	}
	(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "cmk-init: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Reaps all that has ended; true once MAIN_PID has, with its code. */
static bool reap(pid_t main_pid, int *code)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != main_pid)
			continue;
		ended = true;
		*code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return ended;
}

int main(int argc, char **argv)
{
	sigset_t all, old;
	int code = 125;
	pid_t pid;

	if (argc < 2)
		return 125;
	(void)prctl(PR_SET_NAME, "cmk-init");
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	/* Not through base/process.h, which this program does without; it has no threads or
	 * buffers. */
	pid = _Fork();
	if (pid < 0)
		return 125;
	if (pid == 0)
		run(argv + 1, &old);
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig == SIGCHLD) {
			if (reap(pid, &code))
				return code;
		} else if (sig > 0 && sig != SIGTTIN && sig != SIGTTOU) {
			(void)kill(pid, sig);
		}
	}
}
