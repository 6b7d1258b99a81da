// SPDX-License-Identifier: Apache-2.0
/* Waiting for what the health check of a container says. */
#include <poll.h>

#include "libpod/libpod.h"

struct health_wait {
	struct container *c; /* borrowed */
	struct container_waiter *waiter;
	int64_t deadline_ms, bound_ms;
};

struct health_wait *health_wait_new(struct container *c, bool patient)
{
	unsigned int conditions = CONTAINER_IS_HEALTHY | CONTAINER_IS_UNHEALTHY | CONTAINER_IS_GONE;
	struct health_wait *w = xcalloc(1, sizeof(*w));

	w->c = c;
	w->waiter = container_waiter_new(c, conditions | (patient ? 0 : CONTAINER_HAS_ENDED));
	w->bound_ms = health_settles_ms(c->cfg.health);
	w->deadline_ms = time_monotonic_ms() + w->bound_ms;
	return w;
}

struct health_wait *health_wait_free(struct health_wait *w)
{
	if (w)
		(void)container_waiter_free(w->waiter);
	free(w);
	return NULL;
}

int health_wait_check(struct health_wait *w, struct cmk_err *err)
{
	const struct container *c = w->c;
	int code = -1, r = container_waiter_check(w->waiter, &code, err);

	if (r < 0)
		return r;
	if (container_is_active(c) && streq_null(c->live.health, "healthy"))
		return 1;
	if (container_is_active(c) && streq_null(c->live.health, "unhealthy"))
		return cmk_err_set(err, -EIO, "container '%s' is unhealthy", c->cfg.name);
	if (r > 0 || !container_is_active(c))
		return cmk_err_set(err, -ESRCH, "container '%s' has ended, with exit code %d",
				   c->cfg.name, r > 0 ? code : (int)c->status.exit_code);
	if (health_wait_left_ms(w) > 0)
		return 0;
	return cmk_err_set(err, -ETIMEDOUT, "container '%s' has not become healthy within %lld s",
			   c->cfg.name, (long long)w->bound_ms / 1000);
}

size_t health_wait_fds(const struct health_wait *w, struct pollfd *fds)
{
	return container_waiter_fds(w->waiter, fds);
}

int health_wait_left_ms(const struct health_wait *w)
{
	int64_t left = w->deadline_ms - time_monotonic_ms();

	return (int)MAX(MIN(left, INT32_MAX), 0);
}
