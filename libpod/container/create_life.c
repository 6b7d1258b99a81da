// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "libpod/container/create.h"
#include "libpod/record/policy.h"

static int check_restart(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	int r;

	if (!p->o->restart)
		return 0;
	r = restart_policy_parse(p->o->restart, &cfg->restart_policy, &cfg->restart_retries, err);
	/* After a failure it is run again as it is; in the end it goes. */
	if (r == 0 && cfg->restart_policy && !streq(cfg->restart_policy, "on-failure") &&
	    p->o->remove)
		r = cmk_err_set(err, -EINVAL,
				"the --rm option conflicts with --restart, when the restartPolicy "
				"is not \"\" and \"no\"");
	return r;
}

/* The monitor, which writes the file, leaves the caller's directory. */
static int absolute(const char *path, char **ret, struct cmk_err *err)
{
	cleanup_free char *cwd = NULL;

	if (!path || !*path)
		return 0;
	if (*path == '/') {
		*ret = xstrdup(path);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return cmk_err_errno(err, "find the working directory for '%s'", path);
	*ret = xasprintf("%s/%s", cwd, path);
	return 0;
}

static int check_sdnotify(struct create_plan *p, struct cmk_err *err)
{
	static const char *const words[] = { "container", "conmon", "healthy", "ignore" };
	const char *mode = p->o->sdnotify, *socket = getenv("NOTIFY_SOCKET");

	if (socket && *socket && !streq_null(mode, "ignore"))
		p->c->cfg.sdnotify_socket = xstrdup(socket);
	if (!mode)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!streq(mode, words[i]))
			continue;
		p->c->cfg.sdnotify = xstrdup(mode);
		return 0;
	}
	return cmk_err_set(err, -EINVAL,
			   "sdnotify value '%s': must be container, conmon, healthy or ignore",
			   mode);
}

static int check_requires(struct create_plan *p, struct cmk_err *err)
{
	for (char *const *name = p->o->requires; name && *name; name++) {
		struct container *c = NULL;
		int r = container_open(p->st, *name, &c, err);

		if (r < 0)
			return cmk_err_wrap(err, r, "required container '%s'", *name);
		if (!strv_has(p->c->cfg.requires, c->cfg.id))
			strv_add(&p->c->cfg.requires, c->cfg.id);
		(void)container_free(c);
	}
	return 0;
}

int create_check_life(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	int r = check_restart(p, err);

	if (r == 0 && p->o->replace && !p->name)
		r = cmk_err_set(err, -EINVAL, "cannot replace container without --name being set");
	if (r == 0)
		r = check_sdnotify(p, err);
	if (r == 0)
		r = absolute(p->o->pidfile, &cfg->pidfile, err);
	if (r == 0)
		r = absolute(p->o->cidfile, &cfg->cidfile, err);
	if (r == 0)
		r = absolute(p->o->conmon_pidfile, &cfg->conmon_pidfile, err);
	if (r == 0)
		r = check_requires(p, err);
	cfg->timeout_s = p->o->timeout_s;
	return r;
}
