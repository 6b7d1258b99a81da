// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/socket.h>

#include "libpod/libpod.h"
#include "libpod/record/internal.h"

static bool is_running(const struct container *c)
{
	return container_is_active(c);
}

/* A reboot while it runs shall be seen: the record says so before it does. Of --rm containers none
 * is left then. */
static int mark_running(struct container *c, struct cmk_err *err)
{
	struct container_status s = c->status;
	cleanup_free char *now = NULL;

	if (c->cfg.remove)
		return 0;
	now = time_now_rfc3339();
	s.state = (char *)"running";
	s.started_at = now;
	s.finished_at = NULL;
	s.error = NULL;
	s.exit_code = 0;
	s.restarts = 0;
	s.stopped_by_user = false;
	s.oom_killed = false;
	return container_status_save(c->st, c->cfg.id, &s, false, err);
}

/* The first frame has come, and with it live.json or the record of the failure; or the monitor has
 * died, which is repaired here, under the lock. */
static int await_first_frame(struct container *c, int fd, struct cmk_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	ssize_t n;

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	do {
		n = recv(fd, &byte, 1, MSG_PEEK);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	if (container_refresh_locked(c, NULL) == 0 && is_running(c)) {
		container_await_monitor_death(c);
		(void)container_refresh_locked(c, NULL);
	}
	if (c->state == CONTAINER_MONITOR_LOST)
		(void)container_repair_locked(c, NULL);
	if (c->cfg.remove) {
		/* Of a --rm container no record says that it was about to run. */
		if (c->state == CONTAINER_CREATED)
			container_remove_stray_group(&c->cfg);
		(void)container_erase(c->st, c->cfg.id, c->cfg.name, NULL);
	}
	return cmk_err_set(err, -ECONNRESET, "start container '%s': its monitor died", c->cfg.name);
}

static int spawn(struct container *c, const struct monitor_args *a, int *ret_fd,
		 struct cmk_err *err)
{
	cleanup_close int fd = -1;
	int r = mark_running(c, err);

	if (r == 0 && c->cfg.remove)
		r = container_unfinished_begin(c->st, c->cfg.id, err);
	if (r == 0)
		r = monitor_spawn(a, &fd, NULL, err);
	if (r < 0) {
		/* As it was before: no monitor lived to say otherwise. */
		(void)container_status_save(c->st, c->cfg.id, &c->status, false, NULL);
		if (c->cfg.remove)
			(void)container_erase(c->st, c->cfg.id, c->cfg.name, NULL);
		return r;
	}
	r = await_first_frame(c, fd, err);
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}

static int start_locked(struct container *c, const struct monitor_args *a, int *ret_fd,
			struct cmk_err *err)
{
	/* Made by `init`, or between two runs: its monitor goes on with it. */
	if (!a->hold && (c->state == CONTAINER_INITIALIZED || c->state == CONTAINER_RESTARTING))
		return monitor_start_waiting(a, ret_fd, err);
	if (is_running(c))
		return cmk_err_kind(err, CMK_ERR_STATE, -EALREADY,
				    a->hold ? "container '%s' has already been created in runtime: "
					      "container state improper"
					    : "container '%s' is running already",
				    c->cfg.name);
	return spawn(c, a, ret_fd, err);
}

static int start(struct container *c, const struct monitor_args *a, int *ret_fd,
		 struct cmk_err *err)
{
	int r;

	if (c->lock_fd < 0) {
		c->lock_fd = container_lock(c, err);
		if (c->lock_fd < 0)
			return c->lock_fd;
	}
	if (!c->status.state)
		c->status.state = xstrdup("created");
	r = container_secret_variables(c, &a->spec->process.env, err);
	if (r == 0)
		r = start_locked(c, a, ret_fd, err);
	cleanup_close_fn(&c->lock_fd);
	c->lock_fd = -1;
	return r;
}

int container_start(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		    bool attach_stdin, bool attach_out, int tty_fd, const char *detach_keys,
		    int *ret_fd, struct cmk_err *err)
{
	const struct monitor_args a = {
		.container = c,
		.spec = spec,
		.rootfs = rootfs,
		.attach_stdin = attach_stdin,
		.attach_out = attach_out,
		.tty_fd = tty_fd,
		.detach_keys = detach_keys,
		.created = c->created_now,
	};

	return start(c, &a, ret_fd, err);
}

int container_init(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		   struct cmk_err *err)
{
	const struct monitor_args a = {
		.container = c,
		.spec = spec,
		.rootfs = rootfs,
		.tty_fd = -1,
		.hold = true,
		.detach_keys = c->cfg.detach_keys,
	};
	cleanup_close int fd = -1;
	int r = start(c, &a, &fd, err);

	return r < 0 ? r : monitor_wait_started(fd, err);
}
