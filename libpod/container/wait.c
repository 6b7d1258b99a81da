// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting for a state without asking again and again: the records are replaced by rename, which
 * inotify(7) tells of, as it does of the kernel's changes to cgroup.events; the monitor's
 * connection tells of the end with the exit code, also of a container that removes itself; its
 * pidfd of a monitor that was killed. What is watched is set up before each look.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "libpod/libpod.h"
#include "libpod/record/internal.h"

struct container_waiter {
	struct container *c; /* borrowed */
	unsigned int conditions;
	int inotify_fd, monitor_fd, pidfd;
	int64_t monitor_pid;
	int64_t restarts; /* when the waiting began */
};

static const char *const names[] = {
	"configured", "created", "initialized", "running", "stopping",	"stopped",
	"paused",     "exited",	 "removing",	"healthy", "unhealthy",
};
static const unsigned int bits[] = {
	CONTAINER_IS_CREATED,  CONTAINER_IS_CREATED, CONTAINER_IS_INITIALIZED, CONTAINER_IS_RUNNING,
	CONTAINER_IS_STOPPING, CONTAINER_HAS_ENDED,  CONTAINER_IS_PAUSED,      CONTAINER_HAS_ENDED,
	CONTAINER_IS_GONE,     CONTAINER_IS_HEALTHY, CONTAINER_IS_UNHEALTHY,
};

int container_condition_parse(const char *text, unsigned int *conditions, struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (streq(text, names[i])) {
			*conditions |= bits[i];
			return 0;
		}
	}
	return cmk_err_set(err, -EINVAL, "unknown container state: %s: invalid argument", text);
}

struct container_waiter *container_waiter_new(struct container *c, unsigned int conditions)
{
	struct container_waiter *w = xcalloc(1, sizeof(*w));

	w->c = c;
	w->conditions = conditions;
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->monitor_fd = w->pidfd = -1;
	w->restarts = c->live.restarts;
	return w;
}

struct container_waiter *container_waiter_free(struct container_waiter *w)
{
	if (!w)
		return NULL;
	cleanup_close_fn(&w->inotify_fd);
	cleanup_close_fn(&w->monitor_fd);
	cleanup_close_fn(&w->pidfd);
	free(w);
	return NULL;
}

static void watch(struct container_waiter *w, const char *path, uint32_t mask)
{
	(void)inotify_add_watch(w->inotify_fd, path, mask);
}

/* What was there at the last look may have been made again since: each is added anew, which changes
 * nothing where it is the same. */
static void watch_all(struct container_waiter *w)
{
	const struct container *c = w->c;
	const uint32_t changes = IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR;
	cleanup_free char *data = xasprintf("%s/containers/%s", c->st->root, c->cfg.id);
	cleanup_free char *run = xasprintf("%s/containers/%s", c->st->runroot, c->cfg.id);
	cleanup_free char *parent = xasprintf("%s/containers", c->st->runroot);

	/* From the outside in: what is made before its watch is seen through the next one. */
	if (!container_is_active(c)) {
		watch(w, c->st->runroot, IN_CREATE | IN_ONLYDIR);
		watch(w, parent, IN_CREATE | IN_ONLYDIR);
	}
	watch(w, run, changes);
	watch(w, data, changes);
	if (c->live.cgroup_mount && c->live.cgroup_path) {
		cleanup_free char *events = xasprintf("%s%s/cgroup.events", c->live.cgroup_mount,
						      c->live.cgroup_path);

		watch(w, events, IN_MODIFY);
	}
}

static void follow_monitor(struct container_waiter *w)
{
	const struct container *c = w->c;
	struct process_id id = { .pid = (pid_t)c->live.monitor_pid,
				 .start_time = c->live.monitor_start };

	if (!container_is_active(c)) {
		w->monitor_pid = 0;
		return;
	}
	if (w->monitor_pid == c->live.monitor_pid)
		return;
	w->monitor_pid = c->live.monitor_pid;
	cleanup_close_fn(&w->monitor_fd);
	cleanup_close_fn(&w->pidfd);
	w->monitor_fd = container_connect(c->st, c->cfg.id, NULL);
	w->pidfd = container_pids_are_ours(c) ? process_id_open(&id) : -1;
}

static unsigned int state_now(const struct container *c)
{
	unsigned int health = 0;

	if (container_is_up(c) && c->live.health)
		health = streq(c->live.health, "healthy")     ? CONTAINER_IS_HEALTHY
			 : streq(c->live.health, "unhealthy") ? CONTAINER_IS_UNHEALTHY
							      : 0;
	switch (c->state) {
	case CONTAINER_CREATED:
		return CONTAINER_IS_CREATED;
	case CONTAINER_INITIALIZED:
		return CONTAINER_IS_INITIALIZED;
	case CONTAINER_RUNNING:
		return CONTAINER_IS_RUNNING | health;
	case CONTAINER_PAUSED:
		return CONTAINER_IS_PAUSED | health;
	case CONTAINER_STOPPING:
		return CONTAINER_IS_STOPPING | health;
	case CONTAINER_RESTARTING:
		return 0;
	case CONTAINER_EXITED:
	case CONTAINER_MONITOR_LOST:
		return CONTAINER_HAS_ENDED;
	}
	return 0;
}

/* A run has ended whose policy has no limit: the last end may never come. */
static bool ended_for_now(const struct container_waiter *w)
{
	const struct container *c = w->c;

	return w->conditions & CONTAINER_HAS_ENDED && c->cfg.restart_policy &&
	       c->cfg.restart_retries == 0 && container_is_active(c) &&
	       (c->state == CONTAINER_RESTARTING || c->live.restarts > w->restarts);
}

static void drain(struct container_waiter *w)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(w->inotify_fd, buf, sizeof(buf)) > 0)
		;
}

/* The monitor has said something, or has gone. 1: it was the exit code. */
static int hear(struct container_waiter *w, int *ret_code)
{
	struct pollfd p = { .fd = w->monitor_fd, .events = POLLIN };
	int r;

	if (w->monitor_fd < 0 || poll(&p, 1, 0) <= 0)
		return 0;
	r = monitor_wait_exit(w->monitor_fd, ret_code, NULL);
	cleanup_close_fn(&w->monitor_fd);
	w->monitor_fd = -1;
	return r == 0;
}

int container_waiter_check(struct container_waiter *w, int *ret_code, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	int code = 0, heard, r;

	drain(w);
	heard = hear(w, &code);
	watch_all(w);
	r = container_refresh(w->c, &e);
	if (heard && w->conditions & CONTAINER_HAS_ENDED) {
		*ret_code = code;
		return 1;
	}
	/* It is being removed, or has been, and its monitor is about to say how it ended. */
	if (w->monitor_fd >= 0 && (r == -ENOENT ? !(w->conditions & CONTAINER_IS_GONE)
						: r == 0 && w->c->state == CONTAINER_CREATED))
		return 0;
	if (r == -ENOENT && w->conditions & (CONTAINER_IS_GONE | CONTAINER_HAS_ENDED)) {
		*ret_code = -1;
		return 1;
	}
	if (r < 0)
		return cmk_err_move(err, &e);
	if (ended_for_now(w)) {
		*ret_code = w->c->live.exit_code;
		return 1;
	}
	follow_monitor(w);
	if (!(state_now(w->c) & w->conditions)) {
		/* A never-started one does not hold up who waits for the end, as with the peers. */
		if (w->c->state != CONTAINER_CREATED || !(w->conditions & CONTAINER_HAS_ENDED))
			return 0;
		*ret_code = 0;
		return 1;
	}
	*ret_code = state_now(w->c) & w->conditions & CONTAINER_HAS_ENDED ? w->c->status.exit_code
									  : -1;
	return 1;
}

size_t container_waiter_fds(const struct container_waiter *w, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = w->inotify_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = w->monitor_fd, .events = POLLIN };
	/* Of a monitor that has ended nothing more is to be heard. */
	fds[2] = (struct pollfd){ .fd = w->monitor_pid ? w->pidfd : -1, .events = POLLIN };
	return 3;
}
