// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include "base/log.h"
#include "base/parse.h"
#include "libpod/libpod.h"
#include "libpod/record/internal.h"

/* What a monitor gets beyond the stop timeout before it counts as stuck. */
#define STOP_GRACE_MS 20000
#define REMOVE_TRIES 5
#define KILL_WAIT_MS 10000

static bool is_running(const struct container *c)
{
	return container_is_active(c);
}

static int stop_signal_of(const struct container *c)
{
	int sig = c->cfg.stop_signal ? parse_signal(c->cfg.stop_signal) : SIGTERM;

	return sig > 0 ? sig : SIGTERM;
}

int container_signal_parse(const char *text, struct cmk_err *err)
{
	const char *s = text[0] == '-' ? text + 1 : text;
	int sig = parse_signal(s);
	uint64_t n;

	if (sig > 0)
		return sig;
	if (parse_u64(s, UINT64_MAX, &n) == 0 && n > 0)
		return cmk_err_set(err, -EINVAL, "valid signals are 1 through 64");
	return cmk_err_set(err, -EINVAL, "invalid signal: %s", s);
}

int container_set_stop_signal(struct container *c, const char *signal, struct cmk_err *err)
{
	int sig = signal ? container_signal_parse(signal, err) : 0;

	if (!signal)
		return 0;
	if (sig < 0)
		return sig;
	free(c->cfg.stop_signal);
	c->cfg.stop_signal = xasprintf("%d", sig);
	return 0;
}

/* The monitor is gone or hangs: its container is ended without it. */
static int end_without_monitor(struct container *c, struct cmk_err *err)
{
	cleanup_close int lock = container_lock(c, err);

	if (lock >= 0 && is_running(c)) {
		container_await_monitor_death(c);
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
static int await_end(struct container *c, int fd, int timeout_ms, int *ret_code, int *ret_killed,
		     struct cmk_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r > 0 && monitor_wait_exit(fd, ret_code, ret_killed) == 0)
		return 0;
	return end_without_monitor(c, err);
}

/* Each of podman's messages on this ends in these words, for which its callers look. */
static int improper(struct cmk_err *err, const char *what, const struct container *c)
{
	return cmk_err_kind(err, CMK_ERR_STATE, -EINVAL,
			    "%s. Container '%s' is in state %s: container state improper", what,
			    c->cfg.name, container_state_name(c->state));
}

static void write_event(const struct container *c, const char *status)
{
	struct event e = event_of_container(&c->cfg, status);

	event_write(c->st, &e);
}

static void warn_killed(const struct container *c, int killed, int64_t timeout_ms)
{
	const char *sig = signal_name(stop_signal_of(c));

	if (killed == MONITOR_KILLED_LATE && timeout_ms > 0)
		log_warn("StopSignal %s failed to stop container %s in %lld seconds, resorting to "
			 "SIGKILL",
			 sig, c->cfg.name, (long long)timeout_ms / 1000);
	else if (killed == MONITOR_KILLED_DEAF)
		log_warn("StopSignal %s failed to stop container %s in %lld seconds, resorting to "
			 "SIGKILL: its first process does not take it",
			 sig, c->cfg.name, (long long)timeout_ms / 1000);
}

/* Its own where OWN is asked for; *RET_POLL_MS is how long to wait for the monitor, which gets some
 * time more. */
static uint32_t wire_timeout(const struct container *c, int64_t *timeout_ms, int *ret_poll_ms)
{
	if (*timeout_ms == CONTAINER_TIMEOUT_OWN)
		*timeout_ms = c->cfg.stop_timeout_s == CONTAINER_STOP_FOREVER_S
				      ? CONTAINER_TIMEOUT_NEVER
				      : (int64_t)c->cfg.stop_timeout_s * 1000;
	if (*timeout_ms == CONTAINER_TIMEOUT_NEVER) {
		*ret_poll_ms = -1;
		return UINT32_MAX;
	}
	*timeout_ms = MIN(*timeout_ms, INT32_MAX - STOP_GRACE_MS);
	*ret_poll_ms = (int)*timeout_ms + STOP_GRACE_MS;
	return (uint32_t)*timeout_ms;
}

static int stop_with(struct container *c, int sig, int64_t timeout_ms, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	int r, code = 0, killed = 0, poll_ms = 0;
	uint32_t wire = wire_timeout(c, &timeout_ms, &poll_ms);

	fd = container_connect(c->st, c->cfg.id, &e);
	if (fd < 0)
		return end_without_monitor(c, err);
	r = monitor_send_stop(fd, sig, wire);
	if (r < 0)
		return end_without_monitor(c, err);
	r = await_end(c, fd, poll_ms, &code, &killed, err);
	if (r == 0)
		warn_killed(c, killed, timeout_ms);
	return r;
}

int container_stop(struct container *c, int64_t timeout_ms, struct cmk_err *err)
{
	int r;

	if (c->state == CONTAINER_MONITOR_LOST) {
		r = end_without_monitor(c, err);
		return r < 0 ? r : 1;
	}
	if (c->state == CONTAINER_PAUSED)
		return improper(err, "can only stop created or running containers", c);
	if (!container_is_active(c))
		return 1;
	r = stop_with(c, stop_signal_of(c), timeout_ms, err);
	if (r == 0)
		write_event(c, "stop");
	return r;
}

int container_restart(struct container *c, int64_t timeout_ms, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	int r, code, poll_ms = 0;
	uint32_t wire = wire_timeout(c, &timeout_ms, &poll_ms);

	if (c->state == CONTAINER_PAUSED)
		return improper(err, "unable to restart a container in a paused or unknown state",
				c);
	if (!container_is_active(c))
		return 1;
	fd = container_connect(c->st, c->cfg.id, &e);
	if (fd >= 0 && monitor_send_restart(fd, stop_signal_of(c), wire) == 0) {
		cmk_err_done(&e);
		r = monitor_wait_started(fd, &e);
		/* Other than that a stop was faster, or the monitor was lost, it is an answer. */
		if (r != -EAGAIN && r != -ECANCELED && r != -ECONNRESET)
			return r < 0 ? cmk_err_move(err, &e) : 0;
	}
	r = container_wait(c, &code, err);
	if (r == 0)
		r = container_refresh(c, err);
	return r < 0 ? r : 1;
}

static bool asks_for_the_end(const struct container *c, int sig)
{
	return sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == stop_signal_of(c);
}

static int kill_through_monitor(struct container *c, int fd, int sig, struct cmk_err *err)
{
	uint8_t byte = (uint8_t)sig;
	int r = monitor_frame_send(fd, FRAME_SIGNAL, &byte, sizeof(byte));

	return r < 0 ? cmk_err_set(err, r, "signal container '%s': %s", c->cfg.name, errno_text(-r))
		     : 0;
}

static int kill_init(struct container *c, int sig, struct cmk_err *err)
{
	struct process_id id = { .pid = (pid_t)c->live.init_pid, .start_time = c->live.init_start };
	cleanup_close int pidfd = process_id_open(&id);
	int r;

	if (pidfd < 0)
		return improper(err, "can only kill running containers", c);
	r = process_pidfd_signal(pidfd, sig);
	return r < 0 ? cmk_err_set(err, r, "signal container '%s': %s", c->cfg.name, errno_text(-r))
		     : 0;
}

int container_kill(struct container *c, int sig, struct cmk_err *err)
{
	/* The monitor has to know that it was meant, or its pid means nothing to us (a container
	 * that shares our home). */
	bool by_monitor = !container_pids_are_ours(c) ||
			  (c->cfg.restart_policy && asks_for_the_end(c, sig));
	struct pollfd p = { .fd = -1, .events = POLLIN };
	cleanup_close int fd = -1;
	int r, code;

	if (!container_is_up(c))
		return improper(err, "can only kill running containers", c);
	if (by_monitor || sig == SIGKILL)
		p.fd = fd = container_connect(c->st, c->cfg.id, NULL);
	r = fd >= 0 && by_monitor ? kill_through_monitor(c, fd, sig, err) : kill_init(c, sig, err);
	if (r < 0)
		return r;
	write_event(c, "kill");
	/* So that the next command sees it ended. */
	if (sig == SIGKILL && fd >= 0 && poll(&p, 1, KILL_WAIT_MS) > 0)
		(void)monitor_wait_exit(fd, &code, NULL);
	return 0;
}

/* --- pause -------------------------------------------------------------------------------------
 */

static int set_frozen(struct container *c, bool freeze, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	int r;

	if (!c->live.cgroup_mount || !c->live.cgroup_path)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "container '%s' has no control group that could be frozen: "
				    "none was delegated when it was started",
				    c->cfg.name);
	fd = r = cgroup_open(c->live.cgroup_mount, c->live.cgroup_path);
	if (fd >= 0)
		r = cgroup_freeze(fd, freeze, err);
	/* Its group goes with it, also under our hands. */
	if (r == -ENOENT || r == -ENODEV) {
		cmk_err_done(err);
		return cmk_err_kind(
			err, CMK_ERR_STATE, -EINVAL,
			"'%s' is not running, it has just ended: container state improper",
			c->cfg.name);
	}
	if (fd < 0)
		return cmk_err_set(err, fd, "control group of container '%s': %s", c->cfg.name,
				   errno_text(-fd));
	if (r < 0)
		return cmk_err_wrap(err, r, "%s container '%s'", freeze ? "pause" : "unpause",
				    c->cfg.name);
	write_event(c, freeze ? "pause" : "unpause");
	return 0;
}

int container_pause(struct container *c, struct cmk_err *err)
{
	if (c->state == CONTAINER_PAUSED)
		return cmk_err_kind(err, CMK_ERR_STATE, -EALREADY,
				    "'%s' is already paused: container state improper",
				    c->cfg.name);
	if (c->state != CONTAINER_RUNNING)
		return cmk_err_kind(err, CMK_ERR_STATE, -EINVAL,
				    "'%s' is not running, can't pause: container state improper",
				    c->cfg.name);
	return set_frozen(c, true, err);
}

int container_unpause(struct container *c, struct cmk_err *err)
{
	if (c->state != CONTAINER_PAUSED)
		return cmk_err_kind(err, CMK_ERR_STATE, -EINVAL,
				    "'%s' is not paused, can't unpause: container state improper",
				    c->cfg.name);
	return set_frozen(c, false, err);
}

int container_wait(struct container *c, int *ret_code, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_close int fd = -1;
	int r;

	if (is_running(c)) {
		fd = container_connect(c->st, c->cfg.id, &e);
		if (fd >= 0 && monitor_wait_exit(fd, ret_code, NULL) == 0)
			return 0;
		/* It ended between the look and the call, or its monitor died. */
		container_await_monitor_death(c);
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

static int in_use(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_IN_USE, -EBUSY,
			    "cannot remove container %s as it is %s - running or paused containers "
			    "cannot be removed without force: container state improper",
			    c->cfg.id, container_state_name(c->state));
}

static int check_dependents(const struct container *c, struct cmk_err *err)
{
	cleanup_strv char **ids = container_dependents(c->st, c->cfg.id);
	cleanup_free char *list = ids ? strv_join(ids, ", ") : NULL;

	if (!ids)
		return 0;
	cmk_err_kind(err, CMK_ERR_IN_USE, -EEXIST,
		     "container %s has dependent containers which must be removed before it: %s: "
		     "container already exists",
		     c->cfg.id, list);
	(void)cmk_err_hint(err, "or use 'cmk rm --depend'");
	return -EEXIST;
}

/* Under the lock: those of sessions of `cmk unshare`. */
static int end_mounts(const struct container *c, bool force, struct cmk_err *err)
{
	if (!storage_is_mounted(c->st, STORAGE_MOUNT_CONTAINER, c->cfg.id))
		return 0;
	if (force)
		return storage_mount_end(c->st, STORAGE_MOUNT_CONTAINER, c->cfg.id, err);
	return cmk_err_kind(err, CMK_ERR_IN_USE, -EBUSY,
			    "container %s is mounted and cannot be removed without using force: "
			    "container state improper",
			    c->cfg.id);
}

/* What it had changed before a commit stays where an image has it. */
static void collect_own_layers(const struct container *c)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT;

	if (c->cfg.own_layers && storage_layers_collect(c->st, &why) < 0)
		log_warn("%s: the next removal of an image does it", cmk_err_msg(&why));
}

int container_remove(struct container *c, bool force, int64_t timeout_ms, struct cmk_err *err)
{
	/* Before it is stopped in vain; the lock is taken later. */
	int r = check_dependents(c, err);

	if (r < 0)
		return r;
	for (int tries = 0; tries < REMOVE_TRIES; tries++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		cleanup_close int lock = -1;

		r = 0;
		if ((container_is_up(c) || c->state == CONTAINER_RESTARTING) && !force)
			return in_use(c, err);
		/* A frozen one does not hear its stop signal. */
		if (c->state == CONTAINER_PAUSED)
			r = stop_with(c, SIGKILL, 0, &e);
		else if (container_is_active(c))
			r = container_stop(c, timeout_ms, &e);
		if (r >= 0)
			lock = r = container_lock_to_remove(c, &e);
		/* A --rm container has removed itself by now. */
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return cmk_err_move(err, &e);
		/* Somebody may have started it before we had the lock. */
		if (is_running(c))
			continue;
		r = check_dependents(c, err);
		if (r == 0)
			r = end_mounts(c, force, err);
		if (r < 0)
			return r;
		if (c->state == CONTAINER_CREATED)
			container_remove_stray_group(&c->cfg);
		r = container_dir(c, err);
		if (r >= 0)
			r = container_volumes_mark(c->dir_fd, &c->cfg,
						   c->with_volumes || c->cfg.remove, err);
		if (r == 0)
			r = container_erase(c->st, c->cfg.id, c->cfg.name, err);
		if (r == 0) {
			container_remove_cidfile(&c->cfg);
			write_event(c, "remove");
			collect_own_layers(c);
		}
		return r;
	}
	return in_use(c, err);
}
