// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"
#include "libpod/monitor/log_target.h"
#include "libpod/record/internal.h"
#include "libpod/record/joins.h"
#include "libpod/runtime/other.h"

#define EXEC_TARGET_DEATH_MS 500

/* The ends that the container gets; closed here once it has them. */
struct stdio_ends {
	int fd[3];
};

static void stdio_ends_done(struct stdio_ends *s)
{
	for (int i = 0; i < 3; i++)
		cleanup_close_fn(&s->fd[i]);
}

static int set_nonblock(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	return fl < 0 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) < 0 ? -errno : 0;
}

/* OURS is the monitor's end of a new pipe, *THEIRS the container's. */
static int make_pipe(bool we_read, int *ours, int *theirs, struct cmk_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe for the container's stdio");
	*ours = p[we_read ? 0 : 1];
	*theirs = p[we_read ? 1 : 0];
	/* Programs open /dev/stdout again, also as another user than the container's root. */
	(void)fchmod(*theirs, 0666);
	if (set_nonblock(*ours) < 0)
		return cmk_err_errno(err, "make a pipe non-blocking");
	return 0;
}

static int make_stdio(struct monitor *m, struct stdio_ends *e, struct cmk_err *err)
{
	const struct monitor_args *a = m->a;
	int r = 0;

	if (m->terminal)
		return 0;
	if (!a->exec && container_passes_stdio(&a->container->cfg)) {
		for (int i = 0; i < 3; i++)
			e->fd[i] = m->passed[i] < 0 ? -1 : fcntl(m->passed[i], F_DUPFD_CLOEXEC, 3);
		return 0;
	}
	if (a->attach_stdin || (!a->exec && a->container->cfg.interactive))
		r = make_pipe(false, &m->in_fd, &e->fd[0], err);
	for (int i = 0; r == 0 && i < 2; i++)
		r = make_pipe(true, &m->src[i].fd, &e->fd[1 + i], err);
	return r;
}

/* The terminal is both: two descriptors, so that epoll takes each on its own. */
static int take_console(struct monitor *m, struct cmk_err *err)
{
	int fd;

	if (m->rc.console_fd < 0)
		return 0;
	if (set_nonblock(m->rc.console_fd) < 0)
		return cmk_err_errno(err, "make the terminal non-blocking");
	fd = fcntl(m->rc.console_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return cmk_err_errno(err, "copy the terminal's descriptor");
	m->in_fd = fd;
	m->src[0].fd = steal_fd(&m->rc.console_fd);
	return 0;
}

/* sd_listen_fds(3): the command is process 1, or cmk-init's child, which has it put right. */
static void put_listen_fds(struct monitor *m)
{
	const char *names = getenv("LISTEN_FDNAMES");
	cleanup_free char *n = xasprintf("LISTEN_FDS=%zu", m->a->container->n_listen_fds),
			  *all = names ? xasprintf("LISTEN_FDNAMES=%s", names) : NULL;
	char ***env = &m->a->spec->process.env;

	if (m->a->container->n_listen_fds == 0)
		return;
	strv_env_set(env, n);
	strv_env_set(env, "LISTEN_PID=1");
	if (all)
		strv_env_set(env, all);
}

static int start_cgroup(struct monitor *m, struct cmk_err *err)
{
	struct cgroup_request q;
	int r = container_cgroup_request(&m->a->container->cfg, &q, err);

	/* systemd believes messages of processes in the unit that they are about. */
	if (r == 0 && q.mode == CGROUPS_ENABLED && mon_notifies(m))
		q.mode = CGROUPS_NO_CONMON;
	return r < 0 ? r
		     : cgroup_group_make(&q, m->delegation, &m->a->spec->resources, &m->group, err);
}

static int start_slirp(struct monitor *m, struct cmk_err *err)
{
	const struct container_config *cfg = &m->a->container->cfg;
	struct port_mapping *ports = xcalloc(cfg->n_ports + 1, sizeof(*ports));
	struct slirp_options o = {
		.tap_fd = -1, .ports = ports, .n_ports = cfg->n_ports, .ipv6 = true, .cgroup_fd = -1
	};
	int r;

	for (size_t i = 0; i < cfg->n_ports; i++) {
		const struct container_port *p = &cfg->ports[i];

		ports[i] = (struct port_mapping){
			.host_ip = p->host_ip,
			.host_port = (uint16_t)p->host_port,
			.container_port = (uint16_t)p->container_port,
			.range = (uint16_t)MAX(p->range, 1),
			.protocol = p->protocol && streq(p->protocol, "udp") ? PORT_UDP : PORT_TCP,
		};
	}
	r = network_slirp_spawn(&o, &m->slirp, err);
	free(ports);
	m->has_slirp = r == 0;
	return r;
}

static int give_tap(struct monitor *m, struct cmk_err *err)
{
	int r = network_slirp_give_tap(&m->slirp, m->rc.tap_fd, err);

	cleanup_close_fn(&m->rc.tap_fd);
	m->rc.tap_fd = -1;
	return r;
}

/*
 * The last reference to the container's mounts: without it the death of init would unmount the
 * overlay, and with that wait for a sync of the whole file system before its exit code is known.
 */
static void hold_mounts(struct monitor *m)
{
	char path[64];

	if (m->a->container->cfg.remove)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)m->rc.pid);
	m->mntns_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static int save_live(struct monitor *m, struct cmk_err *err)
{
	struct process_id self = { 0 }, init = { 0 };
	int r = process_id_of(getpid(), &self);

	if (r == 0)
		r = process_id_of(m->rc.pid, &init);
	if (r < 0)
		return cmk_err_set(err, r, "identify the container's processes: %s",
				   errno_text(-r));
	free(m->live.boot_id);
	free(m->live.started_at);
	free(m->live.finished_at);
	free(m->live.cgroup_manager);
	free(m->live.cgroup_mount);
	free(m->live.cgroup_path);
	free(m->live.health);
	m->live.schema = 1;
	m->live.health = mon_health_first_status(m);
	m->live.boot_id = xstrdup(process_boot_id());
	m->live.started_at = time_now_rfc3339();
	m->live.finished_at = NULL;
	m->live.monitor_pid = self.pid;
	m->live.monitor_start = self.start_time;
	m->live.init_pid = init.pid;
	m->live.init_start = init.start_time;
	m->live.slirp_pid = m->has_slirp ? m->slirp.pid : 0;
	m->live.cgroup_manager = xstrdup_null(m->group.manager);
	m->live.cgroup_mount = xstrdup_null(m->group.mount);
	m->live.cgroup_path = xstrdup_null(m->group.path);
	m->live.initialized = m->state == MON_HELD;
	m->live.restarting = m->live.stop_requested = false;
	return container_live_save(m->st, m->a->container->cfg.id, &m->live, err);
}

static int start_container(struct monitor *m, struct stdio_ends *e, struct cmk_err *err)
{
	cleanup(container_joins_done) struct container_joins joins = { 0 };
	const struct container_config *cfg = &m->a->container->cfg;
	struct runtime_create_args args = {
		.st = m->st,
		.id = cfg->id,
		.spec = m->a->spec,
		.rootfs = m->a->rootfs,
		.stdio = { e->fd[0], e->fd[1], e->fd[2] },
		.want_tap = cfg->network && streq(cfg->network, "slirp"),
	};
	int r = start_cgroup(m, err);

	if (r < 0)
		return r;
	/* Both stay open over a restart. */
	if (m->dir_fd < 0)
		m->dir_fd = openat(m->st->containers_fd, cfg->id,
				   O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (m->dir_fd < 0)
		return cmk_err_errno(err, "open container '%s'", cfg->id);
	if (!m->log)
		r = container_log_open(cfg, m->dir_fd, &m->log, err);
	if (r < 0)
		return r;
	/* Of the first run only, but for sockets to listen on: they are the caller's, and closed
	 * when that has begun. */
	args.preserve_fds = m->a->container->preserve_fds;
	args.n_preserve_fds = m->n_runs == 0 ? m->a->container->n_preserve_fds
					     : m->a->container->n_listen_fds;
	put_listen_fds(m);
	args.cgroup_fd = m->group.fd;
	args.cgroup_mount = m->group.mount;
	args.cgroup_path = m->group.path;
	args.other = cfg->runtime_path;
	args.other_flags = cfg->runtime_flags;
	r = container_joins_open(m->st, m->a->spec, &joins, err);
	if (r < 0)
		return r;
	args.joins = joins.list;
	args.n_joins = joins.n;
	/* The helper starts up while the container is made. */
	if (args.want_tap)
		r = start_slirp(m, err);
	if (r == 0)
		r = mon_notify_prepare(m, err);
	if (r == 0)
		r = runtime_create(&args, &m->rc, err);
	if (r < 0)
		return r;
	cgroup_group_settled(&m->group);
	hold_mounts(m);
	if (args.want_tap)
		r = give_tap(m, err);
	if (r == 0)
		r = save_live(m, err);
	if (r == 0 && m->has_slirp)
		r = network_slirp_wait_ready(&m->slirp, err);
	return r;
}

int exec_just_ended(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
			    "cannot execute in container '%s': it has just ended", c->cfg.name);
}

/* What a container that ends meanwhile does to a process that enters it: killed with the pid
 * namespace, refused by it (clone(2), ENOMEM), or its group is gone. Init counts as dead only after
 * that. */
static bool exec_met_the_end(const struct runtime_exec_args *args, int error)
{
	struct pollfd p = { .fd = args->target_pidfd, .events = POLLIN };

	return (error == -ECHILD || error == -ENOMEM || error == -ENODEV || error == -ESRCH) &&
	       poll(&p, 1, EXEC_TARGET_DEATH_MS) > 0;
}

static int start_exec(struct monitor *m, struct stdio_ends *e, struct cmk_err *err)
{
	struct runtime_exec_args args = *m->a->exec;
	const struct container *c = m->a->container;
	int r;

	args.st = m->st;
	memcpy(args.stdio, e->fd, sizeof(args.stdio));
	if (c->live.cgroup_mount && c->live.cgroup_path)
		cgroup_approach(c->live.cgroup_mount, c->live.cgroup_path,
				m->a->exec_session ? m->a->exec_session : c->cfg.id, c->cfg.name);
	r = runtime_exec(&args, &m->rc, err);
	if (r < 0 && exec_met_the_end(&args, r)) {
		cmk_err_done(err);
		return exec_just_ended(m->a->container, err);
	}
	return r;
}

/* For the peers of `--pidfile`: a number, as conmon writes it. */
static int write_pid(const char *path, pid_t pid, struct cmk_err *err)
{
	char text[16];
	int r;

	if (!path)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	r = file_replace_path(path, text, strlen(text), 0644, 0, err);
	return r < 0 ? cmk_err_wrap(err, r, "write pid file '%s'", path) : 0;
}

static int write_pid_files(struct monitor *m, struct cmk_err *err)
{
	const struct container_config *cfg = &m->a->container->cfg;
	int r = write_pid(cfg->pidfile, m->rc.pid, err);

	return r < 0 ? r : write_pid(cfg->conmon_pidfile, getpid(), err);
}

int mon_go(struct monitor *m, struct cmk_err *err)
{
	const struct container_config *cfg = &m->a->container->cfg;

	return cfg->runtime_path && !m->a->exec
		       ? runtime_other_start(m->st, cfg->id, cfg->runtime_path, cfg->runtime_flags,
					     err)
		       : runtime_start(&m->rc, err);
}

int mon_start_run(struct monitor *m, struct cmk_err *err)
{
	cleanup(stdio_ends_done) struct stdio_ends ends = { { -1, -1, -1 } };
	int r = make_stdio(m, &ends, err);

	if (r == 0)
		r = m->a->exec ? start_exec(m, &ends, err) : start_container(m, &ends, err);
	if (r == 0)
		r = take_console(m, err);
	if (r == 0 && !m->a->exec)
		r = write_pid_files(m, err);
	return r;
}

int mon_start(struct monitor *m, struct cmk_err *err)
{
	m->rc = RUNTIME_CONTAINER_INIT;
	m->group = CGROUP_GROUP_INIT;
	m->dir_fd = m->mntns_fd = m->in_fd = m->src[0].fd = m->src[1].fd = -1;
	m->notify_fd = -1;
	m->epoll_fd = m->signal_fd = m->timer_fd = m->listen_fd = m->inotify_fd = -1;
	m->slirp = (struct slirp){ .pid = -1, .pidfd = -1, .control_fd = -1 };
	mon_health_init(m);
	m->detach_keys = xstrdup_null(m->a->detach_keys);
	m->state = m->a->hold ? MON_HELD : MON_RUNNING;
	m->terminal = m->a->exec ? m->a->exec->process->terminal : m->a->spec->process.terminal;
	if (!m->a->exec)
		mon_config_remember(m);
	mon_adopt_begin(m);
	return mon_start_run(m, err);
}

void mon_started(struct monitor *m)
{
	const struct container_config *cfg = &m->a->container->cfg;
	struct event events[5];
	size_t n = 0;

	if (m->a->exec)
		return;
	m->run_started_ms = time_monotonic_ms();
	if (cfg->timeout_s)
		m->deadline_ms = m->run_started_ms + (int64_t)cfg->timeout_s * 1000;
	if (m->a->created && m->n_runs == 0)
		events[n++] = event_of_container(cfg, "create");
	if (m->n_runs > 0)
		events[n++] = event_of_container(cfg, "restart");
	/* Of what `init` made it was written then. */
	if (m->state == MON_HELD || !m->a->hold || m->n_runs > 0)
		events[n++] = event_of_container(cfg, "init");
	if (m->state != MON_HELD)
		events[n++] = event_of_container(cfg, "start");
	if (m->a->attach_out && m->n_runs == 0)
		events[n++] = event_of_container(cfg, "attach");
	event_write_all(m->st, events, n);
	if (m->state != MON_HELD)
		mon_notify_started(m);
	if (m->state != MON_HELD)
		mon_hooks(m, HOOK_POSTSTART);
}
