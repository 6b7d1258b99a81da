/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: fork in one place, hold by pidfd, identify by pid + start time + boot id.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/err.h"

enum process_flags {
	PROCESS_DEATH_SIGNAL = 1 << 0, /* the child gets SIGKILL when its parent thread dies (never
					  for the monitor) */
	PROCESS_KEEP_SIGNALS = 1 << 1, /* keep handlers and mask of the parent */
	PROCESS_NEW_SESSION = 1 << 2,  /* setsid() in the child */
};

/*
 * Forks. Flushes stdio before, blocks signals across the fork; in the child resets all signal
 * dispositions to default and empties the mask (unless KEEP_SIGNALS), names it NAME (at most 15
 * bytes, as in /proc/PID/comm). Returns 0 in the child, the pid in the parent with *RET_PIDFD (may
 * be NULL) close-on-exec. The child must end with _exit() or exec, never return into its parent's
 * code. Kernel 5.3.
 */
pid_t process_fork(const char *name, enum process_flags flags, int *ret_pidfd, struct cmk_err *err);

/* Reaps PID, over EINTR. Returns the wait(2) status or -errno. */
int process_reap(pid_t pid);
/* 0..255 for exited, 128+N for signalled: what a shell shows. */
int process_exit_code(int wait_status);

/* clone3(2) without a new stack, as fork: returns as fork does, or -errno. */
pid_t process_clone3(uint64_t flags, int exit_signal, int cgroup_fd, int *ret_pidfd);
int process_pidfd_open(pid_t pid);	      /* -errno on failure; close-on-exec by definition */
int process_pidfd_signal(int pidfd, int sig); /* 0 or -errno */

/* Who a process is, beyond its pid. A record on disk keeps this and is compared before use. */
struct process_id {
	pid_t pid;
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat (proc(5)) */
};
/* 0 or -errno (-ESRCH where no such process). */
int process_id_of(pid_t pid, struct process_id *ret);
/* Opens a pidfd for exactly this process of this boot: -ESRCH where it is gone (or a zombie) or
 * another has its pid. */
int process_id_open(const struct process_id *id);
bool process_id_alive(const struct process_id *id);
/* The kernel's boot id (36 characters), read once. Honours CMK_TEST_BOOT_ID only in builds with
 * --enable-tests-hooks. */
const char *process_boot_id(void);

/*
 * Runs ARGV (found through PATH unless it has a slash) to its end with stdin from /dev/null, and
 * takes up to 4 KiB of its stderr for the error. ENVP NULL keeps the environment. Returns the exit
 * code (0..255), or -errno where it could not be started; a death by signal is -ECHILD. On a
 * non-zero exit *ERR holds its stderr's last line.
 */
int process_run(char *const argv[], char *const envp[], struct cmk_err *err);

/* The first file NAME in the directories of PATH (NULL: $PATH) that FITS (NULL: one that may be
 * executed); an empty one is the current directory, as exec(3) has it. Owned; NULL: there is none.
 */
char *process_find(const char *name, const char *path, bool (*fits)(const char *file));
/* The absolute PATH leads to the program that we are. */
bool process_is_own_program(const char *path);

/* Resets every disposition to default and empties the mask. */
void process_reset_signals(void);
/* Puts each descriptor of FROM on that of TO, open across exec; those of FROM may be among TO. 0 or
 * -errno. At most 8. */
int process_place_fds(const int *from, const int *to, size_t n);
/* In a child: becomes our helper program PATH, with an empty environment, the descriptors FROM as
 * TO and no others above stderr. Returns only on failure. */
int process_exec_helper(const char *path, char *const argv[], const int *from, const int *to,
			size_t n, struct cmk_err *err);
/* Close-on-exec for everything above stderr but KEEP (n_keep descriptors), for the step before
 * exec. */
void process_close_others(const int *keep, size_t n_keep);
/* Closes everything above stderr but KEEP, which is sorted on the way; -1 in it is left out. A lock
 * or a pipe of the caller that a long-lived child kept would hold up whoever waits for it. */
void process_close_all_but(int *keep, size_t n_keep);
/* Directory of our helper programs: $CMK_LIBEXECDIR where set to a directory that we or root own,
 * else the built-in one. */
const char *process_libexec_dir(void);
/* For who stays: what only the start needed is let go. Code and constants, which count as this
 * process's alone where no other of its kind lives, come back from the page cache as they are used.
 * What was freed goes back to the system. */
void process_forget_start(void);
