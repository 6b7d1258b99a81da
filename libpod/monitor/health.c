// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/health.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"

/* Beyond its own timeout: for the set-up of the exec, and to end what it has started. */
#define PROBE_GRACE_MS 5000

static const struct container_health *config(const struct monitor *m)
{
	return m->a->container->cfg.health;
}

static bool enabled(const struct monitor *m)
{
	return !m->a->exec && health_enabled(config(m));
}

/* --- what others see ---------------------------------------------------------------------------
 */

static void publish_status(struct monitor *m)
{
	const char *status = m->health.state.rec.status;

	if (streq_null(status, m->live.health))
		return;
	free(m->live.health);
	m->live.health = xstrdup_null(status);
	if (streq_null(status, "healthy"))
		mon_notify_healthy(m);
	(void)container_live_save(m->st, m->a->container->cfg.id, &m->live, NULL);
}

static void publish_record(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (health_record_save(m->st, m->a->container->cfg.id, config(m), &m->health.state.rec,
			       &err) < 0)
		log_warn("%s", cmk_err_msg(&err));
}

static void publish_event(struct monitor *m)
{
	const struct container_config *cfg = &m->a->container->cfg;
	const struct health_record *rec = &m->health.state.rec;
	struct event e = event_of_container(cfg, "health_status");
	cleanup_strv char **attributes = strv_dup(cfg->labels);
	cleanup_free char *streak = NULL, *log = NULL;

	/* In the place of a label of that name: twice the same key is no event (base/json.h). */
	streak = xasprintf("health_failing_streak=%lld", (long long)rec->failing_streak);
	e.health_status = rec->status;
	strv_env_set(&attributes, streak);
	if (rec->n_log && streq_null(config(m)->log_destination, "events_logger")) {
		log = xasprintf("health_log=%s", rec->log[rec->n_log - 1].output);
		strv_env_set(&attributes, log);
	}
	e.attributes = attributes;
	event_write(m->st, &e);
}

static void reply(struct monitor *m, struct mon_client *c, enum health_reply what)
{
	const uint8_t body = (uint8_t)what;

	c->health_asked = false;
	c->health_taken = false;
	mon_client_send(m, c, FRAME_HEALTH, &body, sizeof(body));
}

/* Those whose probe has just ended. */
static void reply_taken(struct monitor *m, enum health_reply what)
{
	for (size_t i = 0; i < m->n_clients; i++) {
		struct mon_client *c = &m->client[i];

		if (c->fd >= 0 && c->health_taken)
			reply(m, c, what);
	}
}

static bool somebody_asks(const struct monitor *m)
{
	for (size_t i = 0; i < m->n_clients; i++)
		if (m->client[i].fd >= 0 && m->client[i].health_asked)
			return true;
	return false;
}

/* --- the probe's process -----------------------------------------------------------------------
 */

static bool can_probe(const struct monitor *m)
{
	return m->state == MON_RUNNING && (m->group.fd < 0 || !cgroup_frozen(m->group.fd));
}

static int spawn(struct monitor *m, int report_fd, struct cmk_err *err)
{
	struct mon_health *h = &m->health;
	cleanup_strv char **argv = health_command(health_state_test(&h->state));
	struct health_probe_args a = {
		.st = m->st,
		.id = m->a->container->cfg.id,
		.other = m->a->container->cfg.runtime_path,
		.other_flags = m->a->container->cfg.runtime_flags,
		.spec = m->a->spec,
		.argv = argv,
		.target = m->rc.pid,
		.target_pidfd = m->rc.pidfd,
		.group_fd = -1,
		.report_fd = report_fd,
		.timeout_ms = health_state_timeout_ms(&h->state),
	};

	/* A group of its own, so that it can be killed with all that it starts. */
	if (m->group.fd >= 0 && h->group_fd < 0 && !a.other)
		h->group_fd = cgroup_child(m->group.fd, "cmk-health");
	a.own_group = h->group_fd >= 0;
	a.group_fd = a.own_group ? h->group_fd : m->group.fd;
	h->pid = process_fork("cmk-health", PROCESS_DEATH_SIGNAL, &h->pidfd, err);
	if (h->pid == 0)
		health_probe_main(&a);
	if (h->pid < 0) {
		int r = h->pid;

		h->pid = 0;
		return r;
	}
	return h->pidfd < 0 ? h->pidfd : mon_watch(m, h->pidfd, EPOLLIN, MON_TAG_HEALTH);
}

static void probe_forget(struct monitor *m)
{
	struct mon_health *h = &m->health;

	cleanup_close_fn(&h->pidfd); /* leaves epoll as well */
	cleanup_close_fn(&h->out_fd);
	h->pidfd = h->out_fd = -1;
	h->pid = 0;
	h->kill_at_ms = 0;
	free(steal_ptr(&h->began));
}

static void probe_start(struct monitor *m)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct mon_health *h = &m->health;
	int pair[2], r;

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0) {
		log_warn("health check: %s", errno_text(errno));
		health_state_schedule(&h->state, time_monotonic_ms());
		return;
	}
	h->out_fd = pair[0];
	h->began_ms = time_monotonic_ms();
	h->began = time_now_rfc3339();
	for (size_t i = 0; i < m->n_clients; i++) {
		m->client[i].health_taken = m->client[i].health_asked;
		m->client[i].health_asked = false;
	}
	r = spawn(m, pair[1], &err);
	(void)close(pair[1]);
	h->kill_at_ms = h->began_ms + health_state_timeout_ms(&h->state) + PROBE_GRACE_MS;
	if (r < 0) {
		/* Its pidfd does not tell of its end: the timer does. */
		log_warn("health check: %s", cmk_err_msg(&err));
		h->kill_at_ms = h->began_ms;
	}
}

static void probe_kill(struct monitor *m)
{
	struct mon_health *h = &m->health;

	if (h->pid <= 0)
		return;
	(void)kill(h->pid, SIGKILL); /* a child that is not reaped yet */
	(void)process_reap(h->pid);
	if (h->group_fd >= 0)
		(void)cgroup_kill(h->group_fd, NULL);
	probe_forget(m);
}

/* --- results -----------------------------------------------------------------------------------
 */

static void act(struct monitor *m, enum health_on_failure action)
{
	switch (action) {
	case HEALTH_KILL:
		(void)process_pidfd_signal(m->rc.pidfd, SIGKILL);
		break;
	case HEALTH_STOP:
		mon_stop(m);
		break;
	case HEALTH_RESTART:
		mon_restart(m);
		break;
	case HEALTH_NOTHING:
		break;
	}
}

static void take_result(struct monitor *m, int exit_code, char *output)
{
	struct mon_health *h = &m->health;
	bool startup = h->state.in_startup;
	struct health_result r = {
		.start = steal_ptr(&h->began),
		.end = time_now_rfc3339(),
		.exit_code = exit_code,
		.output = output,
		.began_ms = h->began_ms,
	};
	enum health_on_failure action;

	probe_forget(m);
	action = health_state_result(&h->state, &r, time_monotonic_ms());
	publish_record(m);
	publish_status(m);
	publish_event(m);
	/* Where something is done about it the answer comes when it has been done. */
	if (action == HEALTH_NOTHING)
		reply_taken(m, exit_code == 0 ? HEALTH_REPLY_HEALTHY
			       : startup      ? HEALTH_REPLY_STARTING
					      : HEALTH_REPLY_UNHEALTHY);
	act(m, action);
	if (m->state == MON_RUNNING && somebody_asks(m) && h->pid == 0)
		probe_start(m);
	mon_arm_timer(m);
}

/* All that the probe, which has ended, has written, and no byte more: one that it has started may
 * still be there and hold the pipe open. */
static bool read_report(int fd, struct health_probe_report *ret)
{
	const ssize_t head = offsetof(struct health_probe_report, output);

	if (read_full(fd, ret, (size_t)head) != head || ret->len > sizeof(ret->output))
		return false;
	return read_full(fd, ret->output, ret->len) == (ssize_t)ret->len;
}

void mon_health_event(struct monitor *m)
{
	struct mon_health *h = &m->health;
	struct health_probe_report *rep;

	if (h->pid <= 0)
		return;
	(void)process_reap(h->pid);
	rep = xcalloc(1, sizeof(*rep));
	if (read_report(h->out_fd, rep))
		take_result(m, rep->exit_code, xstrndup(rep->output, rep->len));
	else
		take_result(m, -1, xstrdup("the health check was killed"));
	free(rep);
}

void mon_health_timer(struct monitor *m)
{
	struct mon_health *h = &m->health;
	int64_t at = mon_health_deadline(m), now = time_monotonic_ms();

	if (at == 0 || now < at)
		return;
	if (h->pid > 0) {
		(void)kill(h->pid, SIGKILL);
		if (h->group_fd >= 0)
			(void)cgroup_kill(h->group_fd, NULL);
		mon_health_event(m);
	} else if (can_probe(m)) {
		probe_start(m);
	} else {
		health_state_schedule(&h->state, now);
	}
}

int64_t mon_health_deadline(const struct monitor *m)
{
	if (m->health.pid > 0)
		return m->health.kill_at_ms;
	return m->state == MON_RUNNING ? m->health.state.next_ms : 0;
}

/* --- the container's life ----------------------------------------------------------------------
 */

void mon_health_init(struct monitor *m)
{
	m->health.pidfd = m->health.out_fd = m->health.group_fd = -1;
}

char *mon_health_first_status(const struct monitor *m)
{
	return enabled(m) ? xstrdup("starting") : NULL;
}

static void begin(struct monitor *m)
{
	const char *off = getenv("DISABLE_HC_SYSTEMD");

	/* podman's word for "only when asked": its tests and other programs know it. */
	health_state_begin(&m->health.state, config(m), time_monotonic_ms(),
			   !off || !streq(off, "true"));
	if (enabled(m))
		publish_record(m);
}

void mon_health_begin(struct monitor *m)
{
	if (!enabled(m))
		return;
	begin(m);
	publish_status(m);
	/* Who asked for the probe that led to a restart, and who came too late for it. */
	reply_taken(m, HEALTH_REPLY_UNHEALTHY);
	if (somebody_asks(m))
		probe_start(m);
}

void mon_health_ended(struct monitor *m)
{
	reply_taken(m, HEALTH_REPLY_UNHEALTHY);
	for (size_t i = 0; i < m->n_clients; i++)
		if (m->client[i].fd >= 0 && m->client[i].health_asked)
			reply(m, &m->client[i], HEALTH_REPLY_STOPPED);
}

void mon_health_end(struct monitor *m)
{
	if (m->a->exec)
		return;
	probe_kill(m);
	cleanup_close_fn(&m->health.group_fd);
	m->health.group_fd = -1;
	/* The record that it points into may be read anew before the next run. */
	health_state_done(&m->health.state);
}

/* `update` has changed the record. */
static void reload(struct monitor *m, struct mon_client *c)
{
	probe_kill(m);
	reply_taken(m, HEALTH_REPLY_STOPPED);
	health_state_done(&m->health.state);
	mon_config_refresh(m);
	if (m->state == MON_RUNNING) {
		begin(m);
		publish_status(m);
	}
	mon_arm_timer(m);
	reply(m, c, HEALTH_REPLY_RELOADED);
}

void mon_health_asked(struct monitor *m, struct mon_client *c, uint8_t what)
{
	if (what == HEALTH_RELOAD && !m->a->exec) {
		reload(m, c);
	} else if (!enabled(m) || what != HEALTH_PROBE) {
		reply(m, c, HEALTH_REPLY_NONE);
	} else if (!can_probe(m)) {
		reply(m, c, HEALTH_REPLY_STOPPED);
	} else {
		c->health_asked = true;
		if (m->health.pid == 0)
			probe_start(m);
		mon_arm_timer(m);
	}
}
