/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's own state, shared by its files: spawn.c (leaving the caller), start.c (the
 * container's start), loop.c (the event loop), relay.c (stdio and clients), socket.c (the control
 * socket), end.c (records and cleanup).
 */
#pragma once

#include <sys/inotify.h>
#include <sys/stat.h>
#include <termios.h>

#include "libpod/cgroup/manager.h"
#include "libpod/events/events.h"
#include "libpod/monitor/frame.h"
#include "libpod/monitor/health.h"
#include "libpod/monitor/log.h"
#include "libpod/monitor/monitor.h"
#include "network/network.h"

/* `stop`, `wait` and the like need no buffers and may be many. */
#define MON_CLIENTS 512
#define MON_ATTACHED 32
/* What waits for one client: a full frame, and at the end what is left in the container's pipes. */
#define MON_QUEUE 262144
/* A pipe that was found full. */
#define MON_PIPE 262144
/* Room that only small frames may use, so that an ack or the exit code always fits. */
#define MON_QUEUE_SMALL 256

struct mon_client {
	int fd; /* -1: free */
	bool primary, wants_out, wants_stdin, ends /* close when the queue is empty */;
	bool wants_started; /* its FRAME_START or FRAME_RESTART waits for an answer */
	bool sent_stop;
	bool interactive_eof; /* has half-closed the input */
	bool input_waits;     /* its FRAME_STDIN waits for another client's */
	size_t input_len;
	bool health_asked, health_taken; /* waits for a probe that has not begun; that has */
	uint32_t events;		 /* registered with epoll */
	struct frame_reader in;
	struct detach_scan detach;
	uint8_t *queue; /* NULL where it has not attached */
	size_t q_off, q_len;
	int64_t stalled_since_ms; /* 0: takes what it is given */
};

/* Output of the container: its pipes, or the terminal as the first. */
struct mon_source {
	int fd;
	bool polled;
	bool grown; /* to MON_PIPE, where the kernel gives it */
};

enum mon_state {
	MON_HELD, /* `init`: its process waits to be let go */
	MON_RUNNING,
	MON_STOPPING, /* stop signal sent, the timer runs */
	MON_DRAINING, /* the process is gone, its output is not yet read to the end */
	MON_BACKOFF,  /* no process; started again when the timer says so */
	MON_OVER,     /* records written, FRAME_EXIT queued: only clients are left */
	MON_N_STATES,
};

enum mon_event {
	MON_EV_START,	/* a client wants it to run, now */
	MON_EV_RESTART, /* a client, or a health check, asks for the end and a new run */
	MON_EV_STOP,	/* a client or a signal to the monitor asks for the end */
	MON_EV_TIMEOUT, /* the stop timer */
	MON_EV_EXITED,
	MON_EV_DRAINED, /* all output has been read */
	MON_EV_AGAIN,	/* the back-off is over */
	MON_N_EVENTS,
};

/* Which file it was: a record is replaced, never changed. */
struct mon_file {
	ino_t ino;
	struct timespec ctime;
};

struct monitor {
	const struct monitor_args *a;
	struct storage *st;
	struct cgroup_delegation *delegation; /* NULL for an exec session */
	int epoll_fd, signal_fd, timer_fd;
	enum mon_state state;
	int stop_signal;
	uint32_t stop_timeout_ms;
	int64_t kill_at_ms; /* monotonic; 0: no stop under way */

	/* life: several runs of one container */
	int64_t deadline_ms;	/* --timeout; monotonic; 0: none */
	int64_t restart_at_ms;	/* end of the back-off */
	int64_t backoff_ms;	/* the last one; 0: none yet */
	int64_t run_started_ms; /* monotonic */
	unsigned int n_runs;	/* that have ended */
	bool restart_wanted;	/* whatever the policy says */
	bool stopped_by_user, leaving /* the session ends */, timed_out;
	bool told_to_end;  /* by a signal */
	char *start_error; /* of a later run */
	bool notified_healthy;
	int notify_fd;				/* the container's notify socket, or -1 */
	uint8_t killed;				/* MONITOR_KILLED_*, or 0 */
	struct mon_file config_file, spec_file; /* as they were when they were read */

	char *detach_keys; /* the container's record, of which the caller's are, is read again */

	/* the container's process */
	struct runtime_container rc;
	bool adopts; /* we are the subreaper of what it leaves */
	struct slirp slirp;
	bool has_slirp;
	int dir_fd; /* DATA/containers/ID; the caller's own may carry its lock */
	struct cgroup_group group;
	int mntns_fd;
	struct container_live live;
	struct container_status status;
	int exit_code;

	/* its stdio */
	int passed[3]; /* the caller's own, for the log driver passthrough; else -1 */
	bool terminal;
	int in_fd; /* stdin's pipe or a copy of the console, or -1 */
	bool in_polled;
	struct mon_source src[2];
	struct ctr_log *log;
	struct mon_client client[MON_CLIENTS];
	size_t n_clients; /* slots that have been in use: the rest was never touched */
	struct mon_client *buffer_owner[MON_ATTACHED];
	uint8_t *buffers;
	struct mon_client *stdin_client; /* whose input is being written */
	uint8_t *typed;			 /* input without the detach keys */
	size_t typed_off, typed_len;
	bool close_stdin; /* when it has been written */
	uint8_t *relay;	  /* one read of output, behind room for a frame's head */

	int log_fd; /* the caller's stderr until the container runs */
	/* the caller's terminal while attached */
	int tty_fd;
	struct termios tty_saved;

	struct mon_health health;

	/* control socket */
	int listen_fd, inotify_fd;
	bool listen_polled; /* off while there is no room for one more client */
	bool accept_failed; /* no descriptor was free: until a client leaves */
};

/* What an epoll event is about: the tag, or MON_TAG_CLIENT + index. */
enum mon_tag {
	MON_TAG_SIGNAL,
	MON_TAG_TIMER,
	MON_TAG_PROCESS,
	MON_TAG_LISTEN,
	MON_TAG_INOTIFY,
	MON_TAG_NOTIFY,
	MON_TAG_STDIN,
	MON_TAG_OUT,
	MON_TAG_ERR,
	MON_TAG_HEALTH,
	MON_TAG_CLIENT,
};

int mon_watch(struct monitor *m, int fd, uint32_t events, enum mon_tag tag);

/* start.c: the error of an exec session whose container has ended meanwhile. */
int exec_just_ended(const struct container *c, struct cmk_err *err);

/* start.c: everything up to the container's exec. On failure nothing of the container is left. */
int mon_start(struct monitor *m, struct cmk_err *err);
/* The same for another run of the same container. */
int mon_start_run(struct monitor *m, struct cmk_err *err);
/* Lets what was made execute its program. */
int mon_go(struct monitor *m, struct cmk_err *err);
/* The program is being executed: events, time limit. */
void mon_started(struct monitor *m);

/* again.c: from one run to the next */
/* Reads the record again where another command has changed it. */
void mon_config_refresh(struct monitor *m);
void mon_config_remember(struct monitor *m);
bool mon_wants_restart(struct monitor *m);
/* The run is over and all of it is cleaned up; the next one starts after the back-off. */
void mon_run_ended(struct monitor *m);
/* Starts the next run; the end of all where that fails. */
void mon_run_again(struct monitor *m);
/* Lets the process of `init` execute its program. */
void mon_run_held(struct monitor *m);
/* Whether a signal without a handler gets lost: the process is the first of a pid namespace
 * (pid_namespaces(7)), and no thread catches or blocks it (for signalfd, sigwait). */
bool mon_is_deaf(const struct monitor *m, int sig);

/* loop.c: runs until the last client has what is due to it. */
void mon_loop(struct monitor *m);
void mon_event(struct monitor *m, enum mon_event ev);
/* As `stop` asks for it, with the container's own signal and timeout. */
void mon_stop(struct monitor *m);
/* The same with a new run behind it. */
void mon_restart(struct monitor *m);
/* The answer to all who wait for a start; ERR NULL: it runs. */
void mon_answer_started(struct monitor *m, const struct cmk_err *err);
/* Sets the timer to the next deadline. */
void mon_arm_timer(struct monitor *m);

/* relay.c */
int mon_relay_init(struct monitor *m, int first_fd, struct cmk_err *err);
void mon_output(struct monitor *m, int i); /* source I may have bytes */
void mon_input(struct monitor *m);	   /* the container may take input */
/* Between two runs, and for the next one. */
void mon_relay_pause(struct monitor *m);
void mon_relay_resume(struct monitor *m);
void mon_client_event(struct monitor *m, struct mon_client *c, uint32_t events);
/* One more client from the control socket; where there is no room it waits in the socket's queue.
 */
void mon_client_accept(struct monitor *m);
void mon_poll_listen(struct monitor *m);
void mon_client_send(struct monitor *m, struct mon_client *c, enum monitor_frame_type type,
		     const void *data, size_t len);
void mon_source_close(struct monitor *m, int i);
void mon_tty_restore(struct monitor *m);
/* Clients that took nothing for MONITOR_STALL_MS. */
void mon_drop_stalled(struct monitor *m);

/* socket.c: RUN/containers/ID/sock. Failure leaves the container without a socket, with a line in
 * the log. */
int mon_socket_open(struct monitor *m, struct cmk_err *err);
void mon_socket_changed(struct monitor *m); /* inotify: made again where it was deleted */

/* exec.c: what others see of an exec session, from its start to its end. */
void mon_exec_begin(struct monitor *m);
void mon_exec_end(struct monitor *m);

/* adopted.c: what the first process leaves, where nothing else tells it apart */
void mon_adopt_begin(struct monitor *m);
void mon_adopted_reap(struct monitor *m); /* of those, the ones that have ended */
void mon_adopted_kill(struct monitor *m); /* all of them; does nothing where there are none */

/* notify.c: --sdnotify; nothing without NOTIFY_SOCKET */
int mon_notify_prepare(struct monitor *m, struct cmk_err *err); /* before the runtime */
void mon_notify_started(struct monitor *m);
void mon_notify_healthy(struct monitor *m);
void mon_notify_event(struct monitor *m);
void mon_notify_close(struct monitor *m);
/* What the monitor ends with: see notify.c. */
int mon_notify_exit_code(const struct monitor *m);
/* Whether there is somebody to tell. */
bool mon_notifies(const struct monitor *m);

/* end.c */
/* What a run leaves: helper, group, mounts. */
void mon_end_run(struct monitor *m);
/* The events of a run's end in one write: "oom" where memory was lacking, "died", and THEN (NULL:
 * none). */
void mon_write_died(struct monitor *m, const char *then);
int mon_exit_code_of(const struct cmk_err *err);
/* Calls the container's hooks of STAGE, poststart or poststop; a failure is a warning. */
void mon_hooks(struct monitor *m, enum spec_hook_stage stage);
/* Records the end; FRAME_EXIT may be sent after it. */
void mon_end_record(struct monitor *m);
/* What takes longer and nobody waits for: unmount, fsync, the group. */
void mon_end_cleanup(struct monitor *m);
/* Undoes a start that failed; ERR says why. */
void mon_end_failed(struct monitor *m, const struct cmk_err *err);
