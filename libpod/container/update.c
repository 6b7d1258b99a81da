// SPDX-License-Identifier: Apache-2.0
/* Changes of a container that is there already: what runs follows at once, then the records. */
#include "base/log.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"
#include "libpod/record/internal.h"
#include "libpod/record/policy.h"

static int update_restart(struct container_config *cfg, const char *text, struct cmk_err *err)
{
	char *policy = NULL;
	int64_t retries = 0;
	int r;

	if (!text)
		return 0;
	r = restart_policy_parse(text, &policy, &retries, err);
	if (r < 0)
		return r;
	if (policy && cfg->remove) {
		free(policy);
		return cmk_err_set(err, -EINVAL,
				   "container '%s' is removed at its end (--rm): it cannot have a "
				   "restart policy",
				   cfg->name);
	}
	free(cfg->restart_policy);
	cfg->restart_policy = policy;
	cfg->restart_retries = retries;
	return 0;
}

/* What the record says itself; the rest is in the specification. */
static void record_limits(const struct opt_limits *l, struct container_config *cfg)
{
	if (l->has_memory)
		cfg->memory = l->memory;
	if (l->has_pids)
		cfg->pids_limit = l->pids_limit;
	if (l->has_cpus)
		cfg->nano_cpus = l->nano_cpus;
	else if (l->cpu_period || l->cpu_quota)
		cfg->nano_cpus = 0;
}

static int update_env(const struct container_update *u, struct spec *spec, struct cmk_err *err)
{
	cleanup_strv char **given = NULL;

	for (char *const *e = u->env; e && *e; e++) {
		int r = opt_env_add(&given, *e, err);

		if (r < 0)
			return r;
	}
	for (char **e = given; e && *e; e++)
		strv_env_set(&spec->process.env, *e);
	for (char *const *name = u->unsetenv; name && *name; name++) {
		size_t n = strlen(*name), to = 0;
		char **env = spec->process.env;

		for (size_t i = 0; env && env[i]; i++) {
			if (strncmp(env[i], *name, n) == 0 && env[i][n] == '=')
				free(env[i]);
			else
				env[to++] = env[i];
		}
		if (env)
			env[to] = NULL;
	}
	return 0;
}

static int apply_live(const struct container *c, const struct spec_resources *before,
		      const struct spec_resources *after, struct cmk_err *err)
{
	if (!container_is_up(c) && c->state != CONTAINER_INITIALIZED)
		return 0;
	if (!c->live.cgroup_mount || !c->live.cgroup_path)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "limits need a control group, and none was delegated when it "
				    "was started");
	return cgroup_update(c->live.cgroup_mount, c->live.cgroup_path, before, after, err);
}

static int update_limits(struct container *c, const struct opt_limits *l, struct spec *spec,
			 struct cmk_err *err)
{
	struct spec *before = NULL;
	int r;

	if (!opt_limits_given(l))
		return 0;
	r = spec_load(c->dir_fd, &before, err);
	if (r == 0)
		r = opt_limits_put(&spec->resources, l, err);
	if (r == 0)
		r = apply_live(c, &before->resources, &spec->resources, err);
	if (r == 0)
		record_limits(l, &c->cfg);
	(void)spec_free(before);
	return r;
}

static int update_locked(struct container *c, const struct container_update *u, struct cmk_err *err)
{
	struct spec *spec = NULL;
	int r = container_dir(c, err);

	if (r >= 0)
		r = spec_load(c->dir_fd, &spec, err);
	if (r == 0)
		r = update_restart(&c->cfg, u->restart, err);
	if (r == 0)
		r = update_env(u, spec, err);
	if (r == 0) {
		r = opt_ulimits_put(&spec->process, u->ulimits, err);
		if (r < 0)
			r = cmk_err_wrap(err, r, "error in --ulimit");
	}
	/* Last of what can fail: it changes what runs. */
	if (r == 0)
		r = update_limits(c, &u->limits, spec, err);
	if (r == 0)
		r = spec_save(c->dir_fd, spec, !c->cfg.remove, err);
	if (r == 0)
		r = container_config_save(c->dir_fd, &c->cfg, !c->cfg.remove, err);
	(void)spec_free(spec);
	return r;
}

int container_update(struct container *c, const struct container_update *u, struct cmk_err *err)
{
	cleanup_close int lock = container_lock(c, err);
	struct event e;
	int r = lock;

	/* Another `update` may have come before us. */
	if (r >= 0)
		r = container_config_reload(c, err);
	if (r == 0)
		r = update_locked(c, u, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "update container '%s'", c->cfg.name);
	e = event_of_container(&c->cfg, "update");
	event_write(c->st, &e);
	return 0;
}
