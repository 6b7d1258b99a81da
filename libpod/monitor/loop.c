// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"

#define EXIT_TIMED_OUT 255 /* podman's, for --timeout */

int mon_watch(struct monitor *m, int fd, uint32_t events, enum mon_tag tag)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag };

	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void sooner(int64_t *at, int64_t other)
{
	if (other && (*at == 0 || other < *at))
		*at = other;
}

void mon_arm_timer(struct monitor *m)
{
	struct itimerspec its = { 0 };
	int64_t at = m->kill_at_ms;

	sooner(&at, m->deadline_ms);
	sooner(&at, m->restart_at_ms);
	for (size_t i = 0; i < m->n_clients; i++) {
		const struct mon_client *c = &m->client[i];

		if (c->fd >= 0 && !c->primary && c->stalled_since_ms)
			sooner(&at, c->stalled_since_ms + MONITOR_STALL_MS);
	}
	if (mon_health_deadline(m) && (at == 0 || mon_health_deadline(m) < at))
		at = mon_health_deadline(m);
	its.it_value.tv_sec = at / 1000;
	its.it_value.tv_nsec = at % 1000 * 1000000;
	if (m->timer_fd >= 0)
		(void)timerfd_settime(m->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

/* --- state × event -----------------------------------------------------------------------------
 */

void mon_answer_started(struct monitor *m, const struct cmk_err *err)
{
	uint8_t wire[CMK_ERR_WIRE_MAX];
	uint32_t pid = (uint32_t)m->rc.pid;
	size_t n = err ? cmk_err_encode(err, wire, sizeof(wire)) : 0;

	for (size_t i = 0; i < m->n_clients; i++) {
		struct mon_client *c = &m->client[i];

		if (c->fd < 0 || !c->wants_started)
			continue;
		c->wants_started = false;
		if (err)
			mon_client_send(m, c, FRAME_ERROR, wire, n);
		else
			mon_client_send(m, c, FRAME_STARTED, &pid, sizeof(pid));
	}
}

static void act_none(struct monitor *m)
{
	(void)m;
}

static void act_kill(struct monitor *m)
{
	m->kill_at_ms = 0;
	if (m->state == MON_STOPPING && !m->killed)
		m->killed = MONITOR_KILLED_LATE;
	if (m->group.fd >= 0)
		(void)cgroup_kill(m->group.fd, NULL);
	(void)process_pidfd_signal(m->rc.pidfd, SIGKILL);
}

static void act_stop(struct monitor *m)
{
	bool deaf = mon_is_deaf(m, m->stop_signal);
	int64_t at = time_monotonic_ms() + m->stop_timeout_ms;

	/* A second `stop` may shorten the first one's patience, never lengthen it. */
	if (m->stop_timeout_ms != UINT32_MAX && (m->kill_at_ms == 0 || at < m->kill_at_ms))
		m->kill_at_ms = MAX(at, 1);
	m->state = MON_STOPPING;
	if (!m->a->exec && !m->live.stop_requested) {
		m->live.stop_requested = true;
		(void)container_live_save(m->st, m->a->container->cfg.id, &m->live, NULL);
	}
	if (deaf || m->stop_timeout_ms == 0) {
		if (deaf && m->stop_timeout_ms != 0)
			m->killed = MONITOR_KILLED_DEAF;
		act_kill(m);
	} else {
		(void)process_pidfd_signal(m->rc.pidfd, m->stop_signal);
	}
	mon_arm_timer(m);
}

/* What was only made ends without ceremony: nothing of the image runs yet. */
static void act_kill_held(struct monitor *m)
{
	act_kill(m);
	m->state = MON_STOPPING;
}

/* A stop on its way wins: who asks for a restart then starts it again afterwards. */
static void act_refuse_restart(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (m->restart_wanted)
		return;
	(void)cmk_err_kind(&err, CMK_ERR_STATE, -EAGAIN, "it is being stopped");
	mon_answer_started(m, &err);
}

static void act_restart(struct monitor *m)
{
	m->restart_wanted = true;
	act_stop(m);
}

static void act_is_running(struct monitor *m)
{
	mon_answer_started(m, NULL);
}

static void act_exited(struct monitor *m)
{
	m->kill_at_ms = m->deadline_ms = 0;
	mon_health_end(m);
	m->state = MON_DRAINING;
	if (m->src[0].fd < 0 && m->src[1].fd < 0)
		mon_event(m, MON_EV_DRAINED);
	for (int i = 0; i < 2 && m->state == MON_DRAINING; i++)
		mon_output(m, i);
}

static void act_over(struct monitor *m)
{
	int32_t code = m->exit_code;

	m->state = MON_OVER;
	m->restart_at_ms = 0;
	mon_end_record(m);
	mon_health_ended(m);
	for (size_t i = 0; i < m->n_clients; i++) {
		struct mon_client *c = &m->client[i];

		if (c->fd < 0)
			continue;
		if (c->sent_stop && m->killed)
			mon_client_send(m, c, FRAME_KILLED, &m->killed, sizeof(m->killed));
		c->ends = true;
		mon_client_send(m, c, FRAME_EXIT, &code, sizeof(code));
	}
	mon_end_cleanup(m);
}

static void act_drained(struct monitor *m)
{
	if (mon_wants_restart(m))
		mon_run_ended(m);
	else
		act_over(m);
}

static void (*const actions[MON_N_STATES][MON_N_EVENTS])(struct monitor *m) = {
	[MON_HELD] = { [MON_EV_START] = mon_run_held,
		       [MON_EV_RESTART] = mon_run_held,
		       [MON_EV_STOP] = act_kill_held,
		       [MON_EV_TIMEOUT] = act_none,
		       [MON_EV_EXITED] = act_exited,
		       [MON_EV_DRAINED] = act_none,
		       [MON_EV_AGAIN] = act_none },
	[MON_RUNNING] = { [MON_EV_START] = act_is_running,
			  [MON_EV_RESTART] = act_restart,
			  [MON_EV_STOP] = act_stop,
			  [MON_EV_TIMEOUT] = act_kill,
			  [MON_EV_EXITED] = act_exited,
			  /* It has closed its output and runs on. */
			  [MON_EV_DRAINED] = act_none,
			  [MON_EV_AGAIN] = act_none },
	[MON_STOPPING] = { [MON_EV_START] = act_refuse_restart,
			   [MON_EV_RESTART] = act_refuse_restart,
			   [MON_EV_STOP] = act_stop,
			   [MON_EV_TIMEOUT] = act_kill,
			   [MON_EV_EXITED] = act_exited,
			   [MON_EV_DRAINED] = act_none,
			   [MON_EV_AGAIN] = act_none },
	[MON_DRAINING] = { [MON_EV_START] = act_refuse_restart,
			   [MON_EV_RESTART] = act_refuse_restart,
			   [MON_EV_STOP] = act_none,
			   [MON_EV_TIMEOUT] = act_none,
			   [MON_EV_EXITED] = act_none,
			   [MON_EV_DRAINED] = act_drained,
			   [MON_EV_AGAIN] = act_none },
	[MON_BACKOFF] = { [MON_EV_START] = mon_run_again,
			  [MON_EV_RESTART] = mon_run_again,
			  [MON_EV_STOP] = act_over,
			  [MON_EV_TIMEOUT] = act_none,
			  [MON_EV_EXITED] = act_none,
			  [MON_EV_DRAINED] = act_none,
			  [MON_EV_AGAIN] = mon_run_again },
	[MON_OVER] = { [MON_EV_START] = act_refuse_restart,
		       [MON_EV_RESTART] = act_refuse_restart,
		       [MON_EV_STOP] = act_none,
		       [MON_EV_TIMEOUT] = act_none,
		       [MON_EV_EXITED] = act_none,
		       [MON_EV_DRAINED] = act_none,
		       [MON_EV_AGAIN] = act_none },
};

void mon_event(struct monitor *m, enum mon_event ev)
{
	actions[m->state][ev](m);
}

/* --- events ------------------------------------------------------------------------------------
 */

static void on_process(struct monitor *m)
{
	siginfo_t si = { 0 };

	if (waitid(P_PIDFD, (id_t)m->rc.pidfd, &si, WEXITED | WNOHANG) < 0 || si.si_pid == 0)
		return;
	m->exit_code = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	if (m->timed_out)
		m->exit_code = EXIT_TIMED_OUT;
	(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, m->rc.pidfd, NULL);
	mon_adopted_kill(m);
	mon_event(m, MON_EV_EXITED);
}

static void own_stop(struct monitor *m, enum mon_event ev)
{
	const struct container_config *cfg = &m->a->container->cfg;
	int sig = cfg->stop_signal ? parse_signal(cfg->stop_signal) : SIGTERM;

	m->stop_signal = sig > 0 ? sig : SIGTERM;
	m->stop_timeout_ms = cfg->stop_timeout_s == CONTAINER_STOP_FOREVER_S
				     ? UINT32_MAX
				     : MIN(cfg->stop_timeout_s, UINT32_MAX / 1000) * 1000;
	mon_event(m, ev);
}

void mon_stop(struct monitor *m)
{
	m->leaving = true;
	m->restart_wanted = false;
	own_stop(m, MON_EV_STOP);
}

void mon_restart(struct monitor *m)
{
	own_stop(m, MON_EV_RESTART);
}

static void on_signal(struct monitor *m)
{
	struct signalfd_siginfo si;

	/* The session manager ends the session, or somebody ends the monitor: the container gets
	 * the time that it would get from `stop`. */
	while (read(m->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			mon_adopted_reap(m);
			continue;
		}
		m->told_to_end = true;
		mon_stop(m);
	}
}

static void on_timer(struct monitor *m)
{
	uint64_t n;

	(void)!read(m->timer_fd, &n, sizeof(n));
	mon_drop_stalled(m);
	mon_health_timer(m);
	if (m->kill_at_ms && time_monotonic_ms() >= m->kill_at_ms)
		mon_event(m, MON_EV_TIMEOUT);
	if (m->deadline_ms && time_monotonic_ms() >= m->deadline_ms) {
		m->deadline_ms = 0;
		m->timed_out = true;
		mon_event(m, MON_EV_TIMEOUT);
	}
	if (m->restart_at_ms && time_monotonic_ms() >= m->restart_at_ms)
		mon_event(m, MON_EV_AGAIN);
	mon_arm_timer(m);
}

static void dispatch(struct monitor *m, const struct epoll_event *ev)
{
	switch (ev->data.u64) {
	case MON_TAG_SIGNAL:
		on_signal(m);
		break;
	case MON_TAG_TIMER:
		on_timer(m);
		break;
	case MON_TAG_PROCESS:
		on_process(m);
		break;
	case MON_TAG_HEALTH:
		mon_health_event(m);
		break;
	case MON_TAG_LISTEN:
		if (m->listen_fd >= 0)
			mon_client_accept(m);
		break;
	case MON_TAG_INOTIFY:
		if (m->inotify_fd >= 0)
			mon_socket_changed(m);
		break;
	case MON_TAG_NOTIFY:
		mon_notify_event(m);
		break;
	case MON_TAG_STDIN:
		mon_input(m);
		break;
	case MON_TAG_OUT:
	case MON_TAG_ERR:
		mon_output(m, ev->data.u64 == MON_TAG_ERR);
		break;
	default:
		mon_client_event(m, &m->client[ev->data.u64 - MON_TAG_CLIENT], ev->events);
		break;
	}
}

static int loop_init(struct monitor *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (m->adopts)
		sigaddset(&set, SIGCHLD);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->signal_fd < 0 || m->timer_fd < 0)
		return -errno;
	if (mon_watch(m, m->signal_fd, EPOLLIN, MON_TAG_SIGNAL) < 0 ||
	    mon_watch(m, m->timer_fd, EPOLLIN, MON_TAG_TIMER) < 0)
		return -errno;
	if (m->notify_fd >= 0)
		(void)mon_watch(m, m->notify_fd, EPOLLIN, MON_TAG_NOTIFY);
	return mon_watch(m, m->rc.pidfd, EPOLLIN, MON_TAG_PROCESS);
}

static bool any_client(const struct monitor *m)
{
	for (size_t i = 0; i < m->n_clients; i++)
		if (m->client[i].fd >= 0 && m->client[i].q_len > m->client[i].q_off)
			return true;
	return false;
}

void mon_loop(struct monitor *m)
{
	struct epoll_event ev[16];

	if (!m->a->exec)
		process_forget_start();
	if (loop_init(m) < 0)
		/* Without its events the container could not be looked after. */
		act_kill(m);
	if (m->state == MON_RUNNING)
		mon_health_begin(m);
	mon_arm_timer(m);
	while (m->state != MON_OVER || any_client(m)) {
		int n = epoll_wait(m->epoll_fd, ev, ARRAY_LEN(ev), -1);

		if (n < 0 && errno != EINTR)
			break;
		for (int i = 0; i < n; i++)
			dispatch(m, &ev[i]);
		if (m->state == MON_OVER && !any_client(m))
			break;
	}
}
