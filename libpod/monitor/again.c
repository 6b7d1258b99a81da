// SPDX-License-Identifier: Apache-2.0
/*
 * From one run of a container to the next, inside the same monitor: clients, log and control socket
 * stay; processes, namespaces, root file system, group and network helper are made anew. While it
 * waits live.json says "restarting", so that a kill at any moment leaves what a killed monitor
 * always leaves.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"
#include "libpod/record/policy.h"

#define STATUS_FILE_MAX 65536

static struct mon_file which_file(const struct monitor *m, const char *name)
{
	char path[CONTAINER_ID_LEN + 32];
	struct stat sb = { 0 };

	(void)snprintf(path, sizeof(path), "%s/%s", m->a->container->cfg.id, name);
	(void)fstatat(m->st->containers_fd, path, &sb, AT_SYMLINK_NOFOLLOW);
	return (struct mon_file){ .ino = sb.st_ino, .ctime = sb.st_ctim };
}

static bool same_file(const struct mon_file *a, const struct mon_file *b)
{
	return a->ino == b->ino && a->ctime.tv_sec == b->ctime.tv_sec &&
	       a->ctime.tv_nsec == b->ctime.tv_nsec;
}

void mon_config_remember(struct monitor *m)
{
	m->config_file = which_file(m, "container.json");
	m->spec_file = which_file(m, "config.json");
}

void mon_config_refresh(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct mon_file now = which_file(m, "container.json");

	if (same_file(&now, &m->config_file))
		return;
	/* A record that cannot be read is left to who asks for it; we go on with what we have. */
	if (container_config_reload(m->a->container, &err) < 0)
		log_debug("monitor: %s", cmk_err_msg(&err));
	m->config_file = now;
}

bool mon_wants_restart(struct monitor *m)
{
	const struct container_config *cfg = &m->a->container->cfg;

	if (m->a->exec || m->leaving || m->stopped_by_user || m->start_error)
		return false;
	if (m->restart_wanted)
		return true;
	mon_config_refresh(m);
	return restart_policy_wants(cfg->restart_policy, cfg->restart_retries, m->live.restarts,
				    m->exit_code);
}

void mon_run_ended(struct monitor *m)
{
	int64_t now = time_monotonic_ms();

	mon_end_run(m);
	mon_relay_pause(m);
	cleanup_close_fn(&m->mntns_fd);
	m->mntns_fd = -1;
	runtime_container_done(&m->rc);
	m->n_runs++;
	m->timed_out = false;
	m->killed = 0;
	if (m->restart_wanted) {
		m->backoff_ms = 0;
		m->live.restarts = 0;
		m->restart_at_ms = MAX(now, 1);
	} else {
		m->backoff_ms = restart_backoff_ms(m->backoff_ms, now - m->run_started_ms);
		m->live.restarts++;
		m->restart_at_ms = now + m->backoff_ms;
	}
	m->restart_wanted = false;
	m->state = MON_BACKOFF;
	m->live.restarting = true;
	m->live.stop_requested = m->live.initialized = false;
	m->live.init_pid = m->live.slirp_pid = 0;
	m->live.init_start = 0;
	free(m->live.cgroup_path);
	m->live.cgroup_path = NULL;
	free(m->live.finished_at);
	m->live.finished_at = time_now_rfc3339();
	m->live.exit_code = m->exit_code;
	(void)container_live_save(m->st, m->a->container->cfg.id, &m->live, NULL);
	mon_write_died(m, NULL);
	/* A restart that a health check asked for is told when it is over. */
	if (m->backoff_ms)
		mon_health_ended(m);
	mon_arm_timer(m);
}

/* The bundle as it is now: `update` may have changed it, and a volatile overlay left its mark. */
static int reload_bundle(struct monitor *m, struct cmk_err *err)
{
	struct mon_file now = which_file(m, "config.json");
	struct rootfs_plan rootfs = { 0 };
	struct spec *spec = NULL;
	int r;

	mon_config_refresh(m);
	r = container_prepare_start(m->a->container, &spec, &rootfs, err);
	if (r < 0)
		return r;
	rootfs_plan_done(m->a->rootfs);
	*m->a->rootfs = rootfs;
	if (!same_file(&now, &m->spec_file)) {
		r = container_secret_variables(m->a->container, &spec->process.env, err);
		if (r < 0) {
			(void)spec_free(spec);
			return r;
		}
		struct spec old = *m->a->spec;

		*m->a->spec = *spec;
		*spec = old;
		m->a->spec->process.rows = old.process.rows;
		m->a->spec->process.columns = old.process.columns;
		m->spec_file = now;
	}
	(void)spec_free(spec);
	/* Opened on the way; a monitor lives long. */
	cleanup_close_fn(&m->a->container->dir_fd);
	m->a->container->dir_fd = -1;
	return 0;
}

/* A run that cannot start is the end: its error stands in the record. */
static void give_up(struct monitor *m, const struct cmk_err *err)
{
	if (m->rc.pidfd >= 0) {
		(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, m->rc.pidfd, NULL);
		(void)process_pidfd_signal(m->rc.pidfd, SIGKILL);
		(void)process_reap(m->rc.pid);
	}
	free(m->start_error);
	m->start_error = xstrdup(cmk_err_msg(err));
	m->exit_code = mon_exit_code_of(err);
	mon_answer_started(m, err);
	mon_event(m, MON_EV_EXITED);
}

void mon_run_again(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	int r = reload_bundle(m, &err);

	m->restart_at_ms = 0;
	m->state = MON_RUNNING;
	if (r == 0)
		r = mon_start_run(m, &err);
	if (r == 0)
		r = mon_go(m, &err);
	if (r == 0)
		r = mon_watch(m, m->rc.pidfd, EPOLLIN, MON_TAG_PROCESS);
	if (r < 0) {
		give_up(m, &err);
		return;
	}
	mon_relay_resume(m);
	mon_started(m);
	mon_health_begin(m);
	mon_arm_timer(m);
	mon_answer_started(m, NULL);
}

void mon_run_held(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	int r;

	m->state = MON_RUNNING;
	r = mon_go(m, &err);
	if (r < 0) {
		give_up(m, &err);
		return;
	}
	m->live.initialized = false;
	free(m->live.started_at);
	m->live.started_at = time_now_rfc3339();
	(void)container_live_save(m->st, m->a->container->cfg.id, &m->live, NULL);
	mon_started(m);
	mon_health_begin(m);
	mon_arm_timer(m);
	mon_answer_started(m, NULL);
}

/* --- process 1 ---------------------------------------------------------------------------------
 */

/* The value of "KEY:\t" in a status file of proc(5), as text up to the end of its line. */
static const char *status_value(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? at + strlen(key) + strspn(at + strlen(key), "\t ") : "";
}

/* MASK is in hexadecimal digits, the signals from 1 on from its end. */
static bool mask_has(const char *mask, int sig)
{
	size_t len = strspn(mask, "0123456789abcdef"), from_end = (size_t)(sig - 1) / 4 + 1;
	char c = from_end <= len ? mask[len - from_end] : '0';
	int digit = c >= 'a' ? c - 'a' + 10 : c - '0';

	return digit >> (sig - 1) % 4 & 1;
}

/* True where this thread catches or blocks SIG, or is not the first of a pid namespace. */
static bool takes_signal(const char *text, int sig)
{
	static const char *const keys[] = { "\nSigCgt:", "\nSigBlk:" };
	const char *pids = status_value(text, "\nNStgid:");
	size_t len = strcspn(pids, "\n");

	if (len < 2 || pids[len - 1] != '1' || pids[len - 2] != '\t')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (mask_has(status_value(text, keys[i]), sig))
			return true;
	}
	return false;
}

/*
 * A thread in rt_sigtimedwait(2) shows the signals that it waits for as not blocked: the kernel
 * keeps its own mask aside meanwhile. /proc/TID/syscall (proc(5)) is for who may trace the thread,
 * as we may; where it says nothing the container gets the benefit of the doubt.
 */
static bool waits_for_signals(int task_fd, const char *tid)
{
	/* Of 32-bit programs on 64-bit kernels: rt_sigtimedwait and rt_sigtimedwait_time64. */
	static const uint64_t waits[] = { SYS_rt_sigtimedwait, 177, 421 };
	cleanup_free char *text = NULL, *name = xasprintf("%s/syscall", tid);
	uint64_t nr;

	if (file_read_at(task_fd, name, STATUS_FILE_MAX, &text, NULL, NULL) < 0)
		return true;
	/* "running", or -1 outside of system calls. */
	if (parse_u64_n(text, strcspn(text, " \n"), UINT32_MAX, &nr) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(waits); i++)
		if (nr == waits[i])
			return true;
	return false;
}

bool mon_is_deaf(const struct monitor *m, int sig)
{
	char path[64];
	int fd;
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	bool any = false;

	if (m->a->exec || sig < 1 || sig > 64 || sig == SIGKILL || m->rc.pid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)m->rc.pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && (e = readdir(d))) {
		cleanup_free char *text = NULL, *name = NULL;
		bool waits_before;

		if (e->d_name[0] == '.')
			continue;
		waits_before = waits_for_signals(dirfd(d), e->d_name);
		name = xasprintf("%s/status", e->d_name);
		if (file_read_at(dirfd(d), name, STATUS_FILE_MAX, &text, NULL, NULL) < 0)
			return false;
		/* On both sides of it: the thread may wait at one moment and not at the other. */
		if (waits_before || takes_signal(text, sig) ||
		    waits_for_signals(dirfd(d), e->d_name))
			return false;
		any = true;
	}
	return any;
}
