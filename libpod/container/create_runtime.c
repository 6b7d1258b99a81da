// SPDX-License-Identifier: Apache-2.0
/* --runtime: who makes the container, and what another than our own cannot be asked for. */
#include "libpod/container/create.h"
#include "libpod/option/optparse.h"

static int refuse(const struct create_plan *p, const char *what, struct cmk_err *err)
{
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "--runtime %s: %s",
			   p->c->cfg.runtime, what);
	(void)cmk_err_hint(err, "cmk's own can, without --runtime");
	return -EOPNOTSUPP;
}

/* As podman: one that the runtime does not know is an error of what cannot be run, and ours has
 * none. */
static int add_flags(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;

	for (char *const *f = p->o->runtime_flags; f && *f; f++) {
		if (!cfg->runtime_path)
			return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EINVAL,
					    "cmk's own OCI runtime has no option '--%s'", *f);
		strv_add_take(&cfg->runtime_flags, xasprintf("--%s", *f));
	}
	return 0;
}

int create_check_runtime(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	int r = runtime_other_find(p->o->runtime, p->o->runtimes, &cfg->runtime_path, err);

	if (r < 0)
		return r;
	r = add_flags(p, err);
	if (r < 0 || !cfg->runtime_path)
		return r;
	cfg->runtime = xstrdup(p->o->runtime);
	for (size_t i = 0; i < p->spec->n_namespaces; i++) {
		const struct spec_namespace *n = &p->spec->namespaces[i];
		cleanup_free char *what = NULL;

		if (!n->path)
			continue;
		/* It has no rights over a namespace beside its own, and ours comes back to the
		 * parent for it. */
		what = xasprintf("it cannot join the %s namespace of another container", n->type);
		return refuse(p, what, err);
	}
	if (p->spec->keep_groups)
		return refuse(p, "it cannot keep the caller's groups (--group-add keep-groups)",
			      err);
	if (runtime_other_is_crun(cfg->runtime_path))
		return 0;
	/* Where nothing is delegated it finds that out by itself. */
	if (streq_null(cfg->cgroups, "disabled"))
		return refuse(p, "it makes a control group of its own (--cgroups disabled)", err);
	if (p->spec->personality)
		return refuse(p, "it sets no personality (--personality)", err);
	return 0;
}

int create_check_runtime_mounts(struct create_plan *p, struct cmk_err *err)
{
	for (size_t i = 0; p->c->cfg.runtime_path && i < p->n_mounts; i++)
		if (p->mounts[i].idmap)
			return refuse(p, "id-mapped mounts are not given to it", err);
	return 0;
}
