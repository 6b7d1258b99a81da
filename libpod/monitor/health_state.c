// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/health_state.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"

#define NS_PER_MS 1000000
/* Where no limit is set: a probe that prints for ever must not fill the disk. */
#define OUTPUT_MAX 32768
#define LOG_MAX 1000

/* --- rules -------------------------------------------------------------------------------------
 */

static bool has_startup(const struct container_health *h)
{
	return h->startup_test && h->startup_test[0] && !streq(h->startup_test[0], "NONE");
}

static void set_status(struct health_state *s, const char *status)
{
	free(s->rec.status);
	s->rec.status = xstrdup(status);
}

static int64_t interval_ms(const struct health_state *s, int64_t now_ms)
{
	const struct container_health *h = s->cfg;
	int64_t ns = s->in_startup ? h->startup_interval_ns : h->interval_ns;

	if (!s->in_startup && h->start_interval_ns && !s->has_been_healthy &&
	    now_ms - s->started_ms < h->start_period_ns / NS_PER_MS)
		ns = h->start_interval_ns;
	return ns > 0 ? MAX(ns / NS_PER_MS, 1) : 0;
}

void health_state_schedule(struct health_state *s, int64_t now_ms)
{
	int64_t ms = s->cfg ? interval_ms(s, now_ms) : 0;

	s->next_ms = s->automatic && ms ? now_ms + ms : 0;
}

void health_state_begin(struct health_state *s, const struct container_health *cfg, int64_t now_ms,
			bool automatic)
{
	health_state_done(s);
	if (!health_enabled(cfg))
		return;
	*s = (struct health_state){ .cfg = cfg, .started_ms = now_ms };
	s->in_startup = has_startup(cfg);
	set_status(s, "starting");
	s->automatic = automatic;
	s->next_ms = automatic && interval_ms(s, now_ms) ? now_ms : 0;
}

void health_state_done(struct health_state *s)
{
	health_record_done(&s->rec);
	*s = (struct health_state){ 0 };
}

char *const *health_state_test(const struct health_state *s)
{
	return s->in_startup ? s->cfg->startup_test : s->cfg->test;
}

int64_t health_state_timeout_ms(const struct health_state *s)
{
	int64_t ns = s->in_startup ? s->cfg->startup_timeout_ns : s->cfg->timeout_ns;

	return MAX(ns / NS_PER_MS, 1);
}

/* At most MAX bytes, and no half of a character. */
static void cut(char *text, size_t max)
{
	size_t n = 0, len = strlen(text);

	while (n < len) {
		size_t k = text_utf8_len(text + n, len - n);

		if (n + MAX(k, (size_t)1) > max)
			break;
		n += MAX(k, (size_t)1);
	}
	text[n] = 0;
}

static void add_entry(struct health_state *s, struct health_result *r)
{
	size_t max = s->cfg->max_log_count > 0 ? (size_t)MIN(s->cfg->max_log_count, LOG_MAX)
					       : LOG_MAX;
	struct health_record *rec = &s->rec;

	cut(r->output,
	    s->cfg->max_log_size > 0 ? (size_t)MIN(s->cfg->max_log_size, OUTPUT_MAX) : OUTPUT_MAX);
	rec->log = xrealloc(rec->log, rec->n_log + 1, sizeof(*rec->log));
	rec->log[rec->n_log++] = (struct health_log_entry){
		.start = steal_ptr(&r->start),
		.end = steal_ptr(&r->end),
		.exit_code = r->exit_code,
		.output = steal_ptr(&r->output),
	};
	while (rec->n_log > max) {
		free(rec->log[0].start);
		free(rec->log[0].end);
		free(rec->log[0].output);
		rec->n_log--;
		memmove(rec->log, rec->log + 1, rec->n_log * sizeof(*rec->log));
	}
}

static enum health_on_failure startup_result(struct health_state *s, bool ok)
{
	const struct container_health *h = s->cfg;

	if (ok) {
		s->startup_successes++;
		if (s->startup_successes >= MAX(h->startup_success, 1))
			s->in_startup = false;
		return HEALTH_NOTHING;
	}
	/* Only successes one after another let the regular check begin. */
	s->startup_successes = 0;
	s->startup_failures++;
	return h->startup_retries && s->startup_failures >= h->startup_retries ? HEALTH_RESTART
									       : HEALTH_NOTHING;
}

enum health_on_failure health_state_result(struct health_state *s, struct health_result *r,
					   int64_t now_ms)
{
	const struct container_health *h = s->cfg;
	bool ok = r->exit_code == 0;
	bool early = !s->has_been_healthy &&
		     r->began_ms - s->started_ms < h->start_period_ns / NS_PER_MS;
	enum health_on_failure action = HEALTH_NOTHING;

	add_entry(s, r);
	if (s->in_startup) {
		action = startup_result(s, ok);
		health_state_schedule(s, now_ms);
		/* The regular check begins at once. */
		if (!s->in_startup && s->next_ms)
			s->next_ms = now_ms;
		return action;
	}
	if (ok) {
		s->has_been_healthy = true;
		s->rec.failing_streak = 0;
		set_status(s, "healthy");
	} else if (!early) {
		s->rec.failing_streak++;
		if (s->rec.failing_streak >= (h->retries > 0 ? h->retries : HEALTH_RETRIES)) {
			set_status(s, "unhealthy");
			action = health_on_failure(h);
		}
	}
	health_state_schedule(s, now_ms);
	return action;
}
