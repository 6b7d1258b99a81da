// SPDX-License-Identifier: Apache-2.0
/*
 * Starting many containers, each after those that it requires. One waits only where the health
 * check of one that it requires has not decided yet; the others are started meanwhile.
 */
#include <poll.h>

#include "libpod/libpod.h"

struct entry {
	struct container *c; /* owned */
	bool wanted;
	enum { ENTRY_WAITS, ENTRY_RUNS, ENTRY_FAILED } state;
	struct health_wait *health; /* while another one waits for it */
	bool healthy;
	struct cmk_err why; /* why nothing that requires it can start */
};

struct order {
	struct storage *st;
	struct entry *list; /* what is required stands before what requires it */
	size_t n;
	const struct container_starter *ops;
};

static struct entry *find(const struct order *o, const char *id)
{
	for (size_t i = 0; i < o->n; i++)
		if (streq(o->list[i].c->cfg.id, id))
			return &o->list[i];
	return NULL;
}

/* With what it requires before it; the records make no circle, as each only names what was there
 * before it. */
static int add(struct order *o, const char *id, bool wanted, struct cmk_err *err)
{
	struct entry *e = find(o, id);
	struct container *c = NULL;
	int r = 0;

	if (e) {
		e->wanted |= wanted;
		return 0;
	}
	r = container_open(o->st, id, &c, err);
	for (char **need = c ? c->cfg.requires : NULL; r == 0 && need && *need; need++) {
		r = add(o, *need, false, err);
		if (r < 0)
			(void)cmk_err_wrap(err, r, "start what container '%s' requires",
					   c->cfg.name);
	}
	if (r < 0) {
		(void)container_free(c);
		return r;
	}
	o->list = xrealloc(o->list, o->n + 1, sizeof(*o->list));
	o->list[o->n++] = (struct entry){ .c = c, .wanted = wanted, .why = CMK_ERR_INIT };
	return 0;
}

/* 1 where what requires E may start; 0: not yet. */
static int is_ready(struct entry *e)
{
	const struct container_health *h = e->c->cfg.health;
	int r;

	if (e->why.msg)
		return e->why.code < 0 ? e->why.code : -EIO;
	if (e->state == ENTRY_WAITS)
		return 0;
	if (e->healthy || !health_enabled(h) || h->interval_ns <= 0)
		return 1;
	if (!e->health)
		e->health = health_wait_new(e->c, true);
	r = health_wait_check(e->health, &e->why);
	e->healthy = r > 0;
	if (r != 0)
		e->health = health_wait_free(e->health);
	if (r == -EIO || r == -ETIMEDOUT)
		(void)cmk_err_hint(&e->why,
				   "what its checks said: cmk inspect --format '{{json "
				   ".State.Health.Log}}' %s",
				   e->c->cfg.name);
	return r;
}

/* 1: all that E requires is ready. */
static int look(const struct order *o, const struct entry *e, struct cmk_err *err)
{
	int ready = 1;

	for (char **id = e->c->cfg.requires; id && *id; id++) {
		struct entry *need = find(o, *id);
		int r = is_ready(need);

		if (r < 0) {
			(void)cmk_err_set(err, r,
					  "start container '%s': it requires another one: %s",
					  e->c->cfg.name, need->why.msg);
			if (need->why.hint)
				(void)cmk_err_hint(err, "%s", need->why.hint);
			return r;
		}
		ready &= r;
	}
	return ready;
}

static void fail(const struct order *o, struct entry *e, int r, struct cmk_err *err)
{
	e->state = ENTRY_FAILED;
	if (e->wanted) {
		(void)cmk_err_set(&e->why, r, "container '%s' was not started", e->c->cfg.name);
		o->ops->failed(o->ops->arg, e->c->cfg.id, r, err);
	} else {
		/* Who requires it tells. */
		if (!err->msg)
			(void)cmk_err_set(err, r, "start container '%s': %s", e->c->cfg.name,
					  errno_text(-r));
		(void)cmk_err_move(&e->why, err);
	}
}

/* Whether it came to an end with E: it runs, or does not. */
static bool step(const struct order *o, struct entry *e)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	int r = look(o, e, &err);

	if (r == 0)
		return false;
	if (r > 0)
		r = o->ops->start(o->ops->arg, e->c->cfg.id, e->wanted, &err);
	if (r < 0)
		fail(o, e, r, &err);
	else
		e->state = ENTRY_RUNS;
	return true;
}

/* Until a health check says something new, or has had its time. */
static void wait_for_health(const struct order *o)
{
	cleanup_free struct pollfd *fds = xcalloc(o->n * 3, sizeof(*fds));
	int timeout = INT32_MAX;
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct entry *e = &o->list[i];

		if (!e->health)
			continue;
		n += health_wait_fds(e->health, fds + n);
		timeout = MIN(timeout, health_wait_left_ms(e->health));
	}
	(void)poll(fds, n, timeout);
}

static void run(const struct order *o)
{
	for (;;) {
		bool waits = false, moved = false;

		for (size_t i = 0; i < o->n; i++) {
			if (o->list[i].state != ENTRY_WAITS)
				continue;
			if (step(o, &o->list[i]))
				moved = true;
			else
				waits = true;
		}
		if (!waits)
			return;
		if (!moved)
			wait_for_health(o);
	}
}

void container_start_ordered(struct storage *st, char *const *ids,
			     const struct container_starter *ops)
{
	struct order o = { .st = st, .ops = ops };

	for (; ids && *ids; ids++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		int r = add(&o, *ids, true, &err);

		if (r < 0)
			ops->failed(ops->arg, *ids, r, &err);
	}
	run(&o);
	for (size_t i = 0; i < o.n; i++) {
		(void)health_wait_free(o.list[i].health);
		(void)container_free(o.list[i].c);
		cmk_err_done(&o.list[i].why);
	}
	free(o.list);
}
