// SPDX-License-Identifier: Apache-2.0
/* What commands ask the monitor about health. */
#include "libpod/libpod.h"
#include "libpod/record/internal.h"

static int ask(struct container *c, enum health_request what, enum health_reply *ret,
	       struct cmk_err *err)
{
	cleanup_free uint8_t *buf = xmalloc(MONITOR_FRAME_MAX);
	cleanup_close int fd = container_connect(c->st, c->cfg.id, err);
	enum monitor_frame_type type = 0;
	uint8_t byte = (uint8_t)what;
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	r = monitor_frame_send(fd, FRAME_HEALTH, &byte, 1);
	n = r < 0 ? r : monitor_frame_recv(fd, &type, buf);
	if (n < 0 || type != FRAME_HEALTH || n != 1)
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
				    "container '%s' has ended during its health check",
				    c->cfg.name);
	*ret = buf[0];
	return 0;
}

static int no_check(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "container %s has no defined healthcheck", c->cfg.id);
}

static int not_running(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
			    "container %s is not running: can only create exec sessions on running "
			    "containers: container state improper",
			    c->cfg.id);
}

int container_health_run(struct container *c, enum health_reply *ret, struct cmk_err *err)
{
	enum health_reply answer = HEALTH_REPLY_NONE;
	int r;

	if (!health_enabled(c->cfg.health))
		return no_check(c, err);
	if (c->state != CONTAINER_RUNNING)
		return not_running(c, err);
	r = ask(c, HEALTH_PROBE, &answer, err);
	if (r < 0)
		return r;
	if (answer == HEALTH_REPLY_NONE)
		return no_check(c, err);
	if (answer == HEALTH_REPLY_STOPPED)
		return not_running(c, err);
	*ret = answer;
	return 0;
}

int container_health_update(struct container *c, const struct health_options *o,
			    struct cmk_err *err)
{
	cleanup_close int lock = -1;
	enum health_reply answer;
	int r;

	lock = container_lock(c, err);
	if (lock < 0)
		return lock;
	r = container_config_reload(c, err);
	if (r == 0)
		r = health_configure(&c->cfg.health, NULL, o, err);
	if (r == 0 && !o->no_healthcheck && !health_enabled(c->cfg.health))
		r = cmk_err_set(err, -EINVAL,
				"cannot change the health check of container '%s': healthcheck "
				"command is not set",
				c->cfg.name);
	if (r == 0)
		r = health_check_whole(c->cfg.health, err);
	if (r == 0)
		r = container_dir(c, err);
	if (r >= 0)
		r = container_config_save(c->dir_fd, &c->cfg, !c->cfg.remove, err);
	if (r < 0)
		return r;
	if (c->state == CONTAINER_RUNNING || c->state == CONTAINER_PAUSED)
		return ask(c, HEALTH_RELOAD, &answer, err);
	return 0;
}
