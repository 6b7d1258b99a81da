/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: one small process per running container (and per exec session), forked by the
 * command itself.
 *
 * One event loop (epoll, signalfd, timerfd, pidfd), no threads. It owns the container's stdio, its
 * log, the control socket, exit code and cleanup. It survives the command and the terminal and
 * keeps no descriptor, directory, terminal or session of the caller; the one exception: while a
 * `-t` run is attached it holds that terminal's descriptor and saved modes, restores them if the
 * command dies, and closes it on detach or end.
 *
 * Protocol on an attach connection (SOCK_STREAM socketpair made before the fork, or
 * RUN/containers/ID/sock): frames of struct monitor_frame, then LEN bytes. A client has at most one
 * FRAME_STDIN on its way (it waits for FRAME_STDIN_ACK), so that signals and window sizes never
 * wait behind input that the container does not read. A frame against the rules ends the
 * connection. A connection through the socket gets FRAME_EXIT and nothing else until it sends
 * FRAME_ATTACH.
 *
 * Who may slow the container down: the first client of a foreground run or exec is a pipe: while it
 * lives and does not read, the container's writes wait, and nothing is lost. Later clients may hold
 * the container up for MONITOR_STALL_MS without taking a byte; then they are dropped (the log has
 * it all). A dead client holds nothing up. When the container has ended, what is left in its pipes
 * goes to the log at once, whatever the clients do.
 */
#pragma once

#include <termios.h>

#include "base/err.h"
#include "libpod/record/record.h"
#include "libpod/runtime/runtime.h"

enum monitor_frame_type {
	FRAME_STDIN = 1, /* client → monitor: bytes; LEN 0: half-close */
	FRAME_STDOUT,	 /* monitor → client */
	FRAME_STDERR,
	FRAME_RESIZE,  /* client → monitor: two uint16_t, rows and columns */
	FRAME_SIGNAL,  /* client → monitor: uint8_t signal for the container's process */
	FRAME_STARTED, /* monitor → client: uint32_t pid */
	FRAME_ERROR,   /* monitor → client: cmk_err_encode(); the run did not start */
	FRAME_EXIT, /* monitor → client: int32_t exit code (0..255); last frame, all output came
		       before */
	FRAME_DETACHED, /* monitor → client: the detach keys were seen */
	FRAME_STOP,   /* client → monitor: uint8_t signal, uint32_t timeout_ms: stop signal, then
			 SIGKILL */
	FRAME_ATTACH, /* client → monitor: uint8_t MONITOR_ATTACH_*, then 0..16 detach keys */
	FRAME_STDIN_ACK, /* monitor → client: the last FRAME_STDIN was taken */
	FRAME_START,	 /* client → monitor: executes what `init` made, or ends the back-off */
	FRAME_RESTART, /* client → monitor: as FRAME_STOP, and then a new run; the answer to both is
			  FRAME_STARTED or FRAME_ERROR, or FRAME_EXIT where it was stopped */
	FRAME_KILLED,	  /* monitor → client that sent FRAME_STOP: uint8_t MONITOR_KILLED_* */
	FRAME_OUT_CLOSED, /* first client → monitor: uint8_t 1 or 2: nobody reads this any more, as
			     with a closed pipe */
	FRAME_HEALTH, /* client → monitor: uint8_t enum health_request; monitor → client: uint8_t
			 enum health_reply, once what follows from it has been done */
};
#define MONITOR_KILLED_LATE 1 /* it did not end in time */
#define MONITOR_KILLED_DEAF 2 /* its first process cannot receive the stop signal */
#define MONITOR_ATTACH_STDIN 1
#define MONITOR_ATTACH_OUT 2
struct monitor_frame {
	uint8_t type;
	uint8_t pad[3];
	uint32_t len; /* at most MONITOR_FRAME_MAX */
};
#define MONITOR_FRAME_MAX 65536
#define MONITOR_STALL_MS 10000

struct monitor_args {
	struct container *container;
	struct spec *spec;
	struct rootfs_plan *rootfs;
	const struct runtime_exec_args
		*exec;		       /* NULL: run the container; else an exec session in it */
	const char *exec_session;      /* its id; NULL where it shall leave no trace */
	bool attach_stdin, attach_out; /* what the first client wants; neither for -d */
	bool hold;		       /* `init`: stop before the program is executed */
	bool created;		       /* the event "create" has not been written yet */
	int tty_fd;		       /* caller's terminal for -t while attached, or -1 */
	const char *detach_keys;       /* "ctrl-p,ctrl-q", "" for none */
};
/* Forks the monitor. *RET_FD is the first connection. Returns once the monitor lives (not once the
 * container runs: read FRAME_STARTED or FRAME_ERROR). Where nothing is delegated it warns, once per
 * boot. With ATTACH_OUT the signals that monitor_attach() passes on are blocked from here on, so
 * that none is lost in between. *RET_PID (may be NULL) is that of our child, which the monitor of a
 * service is not. */
int monitor_spawn(const struct monitor_args *a, int *ret_fd, pid_t *ret_pid, struct cmk_err *err);
/* One whole frame, blocking. 0 or -errno (-EPIPE where the monitor has gone). */
int monitor_frame_send(int fd, enum monitor_frame_type type, const void *data, size_t len);
/* One whole frame, blocking: the payload's length (BUF has MONITOR_FRAME_MAX bytes), -ECONNRESET at
 * the end of the stream, -EBADMSG for what is no frame. */
ssize_t monitor_frame_recv(int fd, enum monitor_frame_type *ret_type, void *buf);
/* For `stop`: the stop signal now, SIGKILL after TIMEOUT_MS; does not wait. */
int monitor_send_stop(int fd, int sig, uint32_t timeout_ms);
/* The same with a new run after it. */
int monitor_send_restart(int fd, int sig, uint32_t timeout_ms);
/* Waits for FRAME_EXIT on a connection that is not attached. -ECONNRESET: the monitor died.
 * *RET_KILLED (may be NULL): MONITOR_KILLED_*, or 0. */
int monitor_wait_exit(int fd, int *ret_code, int *ret_killed);
/* Waits for the answer to FRAME_START or FRAME_RESTART: 0; the error that the start met; -ECANCELED
 * where the container has ended instead; -ECONNRESET. */
int monitor_wait_started(int fd, struct cmk_err *err);
/* Starts what waits for it (initialized, or between two runs), attached as A says. *RET_FD: a
 * connection with FRAME_STARTED or FRAME_ERROR to be read. */
int monitor_start_waiting(const struct monitor_args *a, int *ret_fd, struct cmk_err *err);

/*
 * The client's side of `run`, `start -a`, `exec`, `attach`: copies 0/1/2 ↔ frames until FRAME_EXIT
 * or detach; raw terminal where TTY (restored at any end), window size followed, signals passed on
 * where SIG_PROXY. Returns 0 with *RET_CODE, or -ECANCELED... for FRAME_ERROR the error.
 * *RET_DETACHED says which end.
 */
struct attach_args {
	int fd;
	bool tty, use_stdin, use_out, sig_proxy;
	bool no_stdout, no_stderr; /* of what USE_OUT gives: left out */
	bool wait_only_started;	   /* -d: return after FRAME_STARTED */
	bool running; /* `attach`: the container runs already, no FRAME_STARTED comes */
	/* Gets stdout instead of ours, as it comes; may be NULL. */
	void (*take_stdout)(const void *data, size_t len, void *arg);
	void *arg;
	const char *detach_keys; /* `attach` only: sent with FRAME_ATTACH; NULL: the container's */
};
/* Where monitor_attach() writes the container's stdout from now on, instead of to our own; FD is
 * borrowed for good. */
void monitor_attach_stdout(int fd);
int monitor_attach(const struct attach_args *a, int *ret_code, bool *ret_detached,
		   struct cmk_err *err);
/* Parses "ctrl-p,ctrl-q" or "a,b"; empty for none. At most 16 keys. */
int detach_keys_parse(const char *s, uint8_t keys[16], size_t *ret_n, struct cmk_err *err);

struct exec_options {
	char *const *command; /* NULL-ended */
	char *const *env, *const *env_files;
	const char *user, *workdir, *detach_keys; /* NULL: the container's */
	bool interactive, tty, detach;
	bool privileged;	 /* all capabilities, no seccomp filter */
	bool no_session;	 /* neither listed nor among the events */
	const int *preserve_fds; /* become 3, 4, … inside; -1 leaves one out */
	size_t n_preserve_fds;
};
/* Starts an exec session in the running container C. TTY_FD as in monitor_args. *RET_FD: the first
 * connection; *RET_SESSION (may be NULL): the session's id, owned. CMK_ERR_STATE where it is not
 * running or paused. Takes no lock: a session lasts. */
int container_exec(struct container *c, const struct exec_options *o, int tty_fd, int *ret_fd,
		   char **ret_session, struct cmk_err *err);
