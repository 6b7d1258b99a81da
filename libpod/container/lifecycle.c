// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include "base/log.h"
#include "base/parse.h"
#include "libpod/container/private.h"

/* What a monitor gets beyond the stop timeout before it counts as stuck. */
#define STOP_GRACE_MS 20000
#define MONITOR_DEATH_MS 5000
#define REMOVE_TRIES 5

static bool is_running(const struct container *c)
{
	return container_is_active(c);
}

static int stop_signal_of(const struct container *c)
{
	int sig = c->cfg.stop_signal ? parse_signal(c->cfg.stop_signal) : SIGTERM;

	return sig > 0 ? sig : SIGTERM;
}

/* A process that was killed closes its descriptors some time before it counts as dead (for an
 * inotify descriptor the kernel waits 14 ms): who saw its connection end waits for the rest. */
static void await_monitor_death(const struct container *c)
{
	struct process_id id = { .pid = (pid_t)c->live.monitor_pid,
				 .start_time = c->live.monitor_start };
	cleanup_close int pidfd = container_pids_are_ours(c) ? process_id_open(&id) : -1;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	while (pidfd >= 0 && poll(&p, 1, MONITOR_DEATH_MS) < 0 && errno == EINTR)
		;
}

/* The monitor is gone or hangs: its container is ended without it. */
static int end_without_monitor(struct container *c, struct cmk_err *err)
{
	cleanup_close int lock = container_lock(c, err);

	if (lock >= 0 && is_running(c)) {
		await_monitor_death(c);
		(void)close(steal_fd(&lock));
		lock = container_lock(c, err);
	}
	if (lock < 0)
		return lock;
	if (is_running(c))
		return cmk_err_set(err, -EIO, "container '%s' does not end", c->cfg.name);
	return 0;
}

/* Until the monitor says that it has ended, by a frame or by its own end. */
static int await_end(struct container *c, int fd, int timeout_ms, int *ret_code,
		     struct cmk_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r > 0 && monitor_wait_exit(fd, ret_code) == 0)
		return 0;
	return end_without_monitor(c, err);
}

int container_stop(struct container *c, int64_t timeout_ms, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	bool forever;
	int r, code = 0;

	if (c->state == CONTAINER_MONITOR_LOST) {
		r = end_without_monitor(c, err);
		return r < 0 ? r : 1;
	}
	if (!is_running(c))
		return 1;
	if (timeout_ms < 0)
		timeout_ms = c->cfg.stop_timeout_s == CONTAINER_STOP_FOREVER_S
				     ? CONTAINER_TIMEOUT_NEVER
				     : (int64_t)c->cfg.stop_timeout_s * 1000;
	forever = timeout_ms == CONTAINER_TIMEOUT_NEVER;
	timeout_ms = MIN(timeout_ms, INT32_MAX - STOP_GRACE_MS);
	fd = monitor_connect(c->st, c->cfg.id, &e);
	if (fd < 0)
		return end_without_monitor(c, err);
	r = monitor_send_stop(fd, stop_signal_of(c), forever ? UINT32_MAX : (uint32_t)timeout_ms);
	if (r < 0)
		return end_without_monitor(c, err);
	r = await_end(c, fd, forever ? -1 : (int)timeout_ms + STOP_GRACE_MS, &code, err);
	if (r == 0 && code == 128 + SIGKILL && !forever && timeout_ms > 0 &&
	    stop_signal_of(c) != SIGKILL)
		log_warn("container '%s' did not end within %lld seconds of %s and was killed",
			 c->cfg.name, (long long)timeout_ms / 1000, signal_name(stop_signal_of(c)));
	return r;
}

static int not_running(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
			    "container '%s' is not running: its state is %s", c->cfg.name,
			    container_state_name(c->state));
}

/* Where its pid means nothing to us (a container that shares our home) the monitor does it. */
static int kill_through_monitor(struct container *c, int sig, struct cmk_err *err)
{
	cleanup_close int fd = monitor_connect(c->st, c->cfg.id, err);
	uint8_t byte = (uint8_t)sig;
	int r;

	if (fd < 0)
		return fd;
	r = monitor_frame_send(fd, FRAME_SIGNAL, &byte, sizeof(byte));
	return r < 0 ? cmk_err_set(err, r, "signal container '%s': %s", c->cfg.name, strerror(-r))
		     : 0;
}

int container_kill(struct container *c, int sig, struct cmk_err *err)
{
	struct process_id id = { .pid = (pid_t)c->live.init_pid, .start_time = c->live.init_start };
	cleanup_close int pidfd = -1;
	int r;

	if (!is_running(c))
		return not_running(c, err);
	if (!container_pids_are_ours(c))
		return kill_through_monitor(c, sig, err);
	pidfd = process_id_open(&id);
	if (pidfd < 0)
		return not_running(c, err);
	r = process_pidfd_signal(pidfd, sig);
	if (r < 0)
		return cmk_err_set(err, r, "signal container '%s': %s", c->cfg.name, strerror(-r));
	return 0;
}

int container_wait(struct container *c, int *ret_code, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	int r;

	if (is_running(c)) {
		fd = monitor_connect(c->st, c->cfg.id, &e);
		if (fd >= 0 && monitor_wait_exit(fd, ret_code) == 0)
			return 0;
		/* It ended between the look and the call, or its monitor died. */
		await_monitor_death(c);
		r = container_refresh(c, err);
		if (r < 0)
			return r;
	}
	if (c->state == CONTAINER_MONITOR_LOST) {
		r = end_without_monitor(c, err);
		if (r < 0)
			return r;
	}
	*ret_code = c->status.exit_code;
	return 0;
}

static int in_use(const struct container *c, const char *what, struct cmk_err *err)
{
	cmk_err_kind(err, CMK_ERR_IN_USE, -EBUSY, "container '%s' %s", c->cfg.name, what);
	(void)cmk_err_hint(err, "stop it first, or use 'cmk rm -f'");
	return -EBUSY;
}

int container_remove(struct container *c, bool force, int64_t timeout_ms, struct cmk_err *err)
{
	for (int tries = 0; tries < REMOVE_TRIES; tries++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		cleanup_close int lock = -1;
		int r = 0;

		if (is_running(c) && !force)
			return in_use(c, "is running", err);
		if (is_running(c))
			r = container_stop(c, timeout_ms, &e);
		if (r >= 0)
			lock = r = container_lock(c, &e);
		/* A --rm container has removed itself by now. */
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return cmk_err_move(err, &e);
		/* Somebody may have started it before we had the lock. */
		if (is_running(c))
			continue;
		if (c->state == CONTAINER_CREATED)
			container_remove_stray_group(c->cfg.id);
		return container_erase(c->st, c->cfg.id, c->cfg.name, err);
	}
	return in_use(c, "is started again and again", err);
}
