// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/userns.h"
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"
#include "libpod/runtime/hooks.h"
#include "libpod/runtime/other.h"

static const struct container_config *cfg_of(const struct monitor *m)
{
	return &m->a->container->cfg;
}

static void stop_slirp(struct monitor *m)
{
	if (m->has_slirp)
		network_slirp_stop(&m->slirp);
	m->has_slirp = false;
}

static void remove_cgroup(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (cgroup_group_remove(&m->group, &err) < 0)
		log_warn("%s", cmk_err_msg(&err));
}

static void save_status(struct monitor *m, bool durable)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	int r = container_status_save(m->st, cfg_of(m)->id, &m->status, durable, &err);

	/* It may be removed before the second time. */
	if (r < 0 && r != -ENOENT)
		log_warn("%s", cmk_err_msg(&err));
}

static void erase(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (container_erase(m->st, cfg_of(m)->id, cfg_of(m)->name, &err) < 0)
		log_warn("%s", cmk_err_msg(&err));
	else
		container_remove_cidfile(cfg_of(m));
}

/* The socket goes before the record says "exited": who sees it cannot connect to a monitor that is
 * about to leave. */
static void close_socket(struct monitor *m)
{
	cleanup_free char *path = xasprintf("containers/%s/sock", cfg_of(m)->id);

	if (m->listen_fd < 0)
		return;
	/* The inotify descriptor stays open to our own end: closing it waits for a grace period of
	 * the kernel's (14 ms seen), and FRAME_EXIT would come after it. */
	cleanup_close_fn(&m->listen_fd);
	m->listen_fd = -1;
	(void)unlinkat(m->st->run_fd, path, 0);
}

static void remove_run_dir(struct monitor *m)
{
	cleanup_free char *path = xasprintf("containers/%s", cfg_of(m)->id);

	mon_notify_close(m);
	(void)unlinkat(m->st->run_fd, path, AT_REMOVEDIR);
}

void mon_write_died(struct monitor *m, const char *then)
{
	struct event events[3];
	size_t n = 0;

	if (m->status.oom_killed)
		events[n++] = event_of_container(cfg_of(m), "oom");
	events[n] = event_of_container(cfg_of(m), "died");
	events[n].has_exit_code = true;
	events[n++].exit_code = m->exit_code;
	if (then)
		events[n++] = event_of_container(cfg_of(m), then);
	event_write_all(m->st, events, n);
}

static void write_end_events(struct monitor *m)
{
	const char *then = cfg_of(m)->remove ? "remove" : "cleanup";
	struct event e;

	if (!m->live.restarting) {
		mon_write_died(m, then);
		return;
	}
	/* The end of what was between two runs has been told. */
	e = event_of_container(cfg_of(m), then);
	event_write(m->st, &e);
}

void mon_hooks(struct monitor *m, enum spec_hook_stage stage)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_free char *bundle = NULL;
	struct hook_state state = { .id = cfg_of(m)->id };

	if (m->a->exec || m->a->spec->hooks[stage].n == 0)
		return;
	bundle = xasprintf("%s/containers/%s", m->st->root, cfg_of(m)->id);
	state.bundle = bundle;
	state.status = stage == HOOK_POSTSTOP ? "stopped" : "running";
	state.pid = stage == HOOK_POSTSTOP ? 0 : m->rc.pid;
	if (hooks_run(m->a->spec, stage, &state, &err) < 0)
		log_warn("%s", cmk_err_msg(&err));
}

/* What another runtime keeps about it. */
static void forget_in_runtime(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (!m->a->exec && cfg_of(m)->runtime_path &&
	    runtime_other_delete(m->st, cfg_of(m)->id, cfg_of(m)->runtime_path,
				 cfg_of(m)->runtime_flags, &err) < 0)
		log_warn("%s", cmk_err_msg(&err));
}

void mon_end_run(struct monitor *m)
{
	uint64_t kills = 0;

	if (m->group.fd >= 0 && cgroup_oom_kills(m->group.fd, &kills) == 0)
		m->status.oom_killed = kills > 0;
	stop_slirp(m);
	forget_in_runtime(m);
	remove_cgroup(m);
	if (m->rc.pid <= 0)
		return;
	userns_hint_remove(m->st->run_fd, m->rc.pid);
	mon_hooks(m, HOOK_POSTSTOP);
}

void mon_end_record(struct monitor *m)
{
	m->log = ctr_log_free(m->log);
	if (m->a->exec) {
		mon_exec_end(m);
		return;
	}
	mon_config_refresh(m);
	m->status.schema = 1;
	m->status.state = xstrdup("exited");
	m->status.started_at = xstrdup_null(m->live.started_at);
	m->status.finished_at = m->live.finished_at ? xstrdup(m->live.finished_at)
						    : time_now_rfc3339();
	/* podman's; what waits for it gets the 255 that this is as an exit code. */
	m->status.exit_code = m->timed_out ? -1 : m->exit_code;
	m->status.error = xstrdup_null(m->start_error);
	m->status.restarts = m->live.restarts;
	m->status.stopped_by_user = m->stopped_by_user;
	mon_end_run(m);
	close_socket(m);
	if (cfg_of(m)->remove) {
		/* The name is free again when the command returns. */
		(void)container_live_remove(m->st, cfg_of(m)->id);
		erase(m);
		write_end_events(m);
		container_remove_image(m->st, cfg_of(m));
		return;
	}
	/* While the old root file system is still mounted (see hold_mounts()) nobody may start the
	 * container again: this lock, and then that of the unmounting, is kept to our end. Where a
	 * command holds it and waits for us, it waits for our end as well. */
	(void)file_lock(m->dir_fd, true, true);
	save_status(m, false);
	(void)container_live_remove(m->st, cfg_of(m)->id);
	remove_run_dir(m);
	write_end_events(m);
}

void mon_end_cleanup(struct monitor *m)
{
	cleanup_close int unmount = -1;

	if (m->a->exec || cfg_of(m)->remove)
		return;
	/* `rm` need not wait for the rest; all others do, for this lock instead of that one. */
	unmount = container_unmount_lock(m->dir_fd);
	if (unmount >= 0)
		cleanup_close_fn(&m->dir_fd);
	cleanup_close_fn(&m->mntns_fd);
	m->mntns_fd = -1;
	/* The same record again, now with the fsync that nobody had to wait for. */
	save_status(m, true);
	if (unmount < 0)
		cleanup_close_fn(&m->dir_fd);
	m->dir_fd = -1;
}

int mon_exit_code_of(const struct cmk_err *err)
{
	switch (err->kind) {
	case CMK_ERR_CANNOT_EXEC:
		return 126;
	case CMK_ERR_CMD_NOT_FOUND:
		return 127;
	default:
		return 125;
	}
}

void mon_end_failed(struct monitor *m, const struct cmk_err *err)
{
	mon_tty_restore(m);
	if (m->rc.pidfd >= 0) {
		(void)process_pidfd_signal(m->rc.pidfd, SIGKILL);
		(void)process_reap(m->rc.pid);
	}
	mon_adopted_kill(m);
	m->log = ctr_log_free(m->log);
	if (m->a->exec)
		return;
	if (m->a->created) {
		struct event e = event_of_container(cfg_of(m), "create");

		event_write(m->st, &e);
	}
	cleanup_close_fn(&m->mntns_fd);
	stop_slirp(m);
	forget_in_runtime(m);
	remove_cgroup(m);
	close_socket(m);
	if (m->rc.pid > 0)
		userns_hint_remove(m->st->run_fd, m->rc.pid);
	(void)container_live_remove(m->st, cfg_of(m)->id);
	remove_run_dir(m);
	mon_hooks(m, HOOK_POSTSTOP);
	if (cfg_of(m)->remove) {
		erase(m);
		return;
	}
	m->status = (struct container_status){
		.schema = 1,
		.state = xstrdup("created"),
		.error = xstrdup(cmk_err_msg(err)),
		.exit_code = mon_exit_code_of(err),
	};
	save_status(m, false);
}
