// SPDX-License-Identifier: Apache-2.0
/* Changes of a container that is there already: what runs follows at once, then the records. */
#include "base/log.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"
#include "libpod/record/internal.h"
#include "libpod/record/policy.h"

#define MEMORY_MIN (6 << 20)
#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000

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

/* What changes (CHANGE, where 0 is "no limit" and is written as such) and what the records say. */
static int plan_limits(const struct container_update *u, struct container_config *cfg,
		       struct spec_resources *res, struct spec_resources *change,
		       struct cmk_err *err)
{
	if (u->has_memory) {
		if (u->memory < 0 || (u->memory > 0 && u->memory < MEMORY_MIN))
			return cmk_err_set(err, -EINVAL, "--memory: at least 6 MiB is needed");
		cfg->memory = res->memory_limit = u->memory;
		change->memory_limit = u->memory ? u->memory : -1;
	}
	if (u->has_cpus) {
		int64_t quota = u->nano_cpus / (1000000000 / CPU_PERIOD_US);

		if (u->nano_cpus && quota < CPU_QUOTA_MIN_US)
			return cmk_err_set(err, -EINVAL, "--cpus: at least 0.01 is needed");
		cfg->nano_cpus = u->nano_cpus;
		res->cpu_quota = quota;
		res->cpu_period = quota ? CPU_PERIOD_US : 0;
		change->cpu_quota = quota ? quota : -1;
		change->cpu_period = CPU_PERIOD_US;
	}
	if (u->has_pids) {
		cfg->pids_limit = res->pids_limit = u->pids_limit;
		change->pids_limit = u->pids_limit ? u->pids_limit : -1;
	}
	return 0;
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

static int apply_live(const struct container *c, const struct spec_resources *change,
		      struct cmk_err *err)
{
	if (!container_is_up(c) && c->state != CONTAINER_INITIALIZED)
		return 0;
	if (!change->memory_limit && !change->cpu_quota && !change->pids_limit)
		return 0;
	if (!c->live.cgroup_mount || !c->live.cgroup_path)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "limits need a control group, and none was delegated when it "
				    "was started");
	return cgroup_update(c->live.cgroup_mount, c->live.cgroup_path, change, err);
}

static int update_locked(struct container *c, const struct container_update *u, struct cmk_err *err)
{
	struct spec_resources change = { 0 };
	struct spec *spec = NULL;
	int r = container_dir(c, err);

	if (r >= 0)
		r = spec_load(c->dir_fd, &spec, err);
	if (r == 0)
		r = update_restart(&c->cfg, u->restart, err);
	if (r == 0)
		r = plan_limits(u, &c->cfg, &spec->resources, &change, err);
	if (r == 0)
		r = update_env(u, spec, err);
	if (r == 0) {
		r = opt_ulimits_put(&spec->process, u->ulimits, err);
		if (r < 0)
			r = cmk_err_wrap(err, r, "error in --ulimit");
	}
	if (r == 0)
		r = apply_live(c, &change, err);
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
