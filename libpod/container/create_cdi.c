// SPDX-License-Identifier: Apache-2.0
/* Devices of the Container Device Interface: --device VENDOR/CLASS=NAME and --gpus. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/cdi.h"
#include "libpod/option/optparse.h"

/* As podman: NVIDIA's. Docker's "device=NAME" (of a list in quotes, which is split by now) and
 * "count=all" are the same; what chooses by other properties cannot be had. */
static int add_gpu(char ***names, const char *text, struct cmk_err *err)
{
	const char *bare = text + strspn(text, "\"");
	const char *name = str_after(bare, "device=") ?: str_after(bare, "count=") ?: bare;
	cleanup_free char *device = xasprintf("nvidia.com/gpu=%.*s", (int)strcspn(name, "\""),
					      name);

	if (!cdi_name_valid(device))
		return cmk_err_set(err, -EINVAL, "--gpus '%s': neither 'all' nor the name of a GPU",
				   text);
	strv_add(names, device);
	return 0;
}

/* A node of the host's as the file says it is. */
static int check_node(const struct cdi_node *n, const char *host, struct cmk_err *err)
{
	struct stat sb;
	bool block, chr;

	if (stat(host, &sb) < 0)
		return cmk_err_set(err, -errno, "CDI device node '%s': %s", host,
				   errno_text(errno));
	block = S_ISBLK(sb.st_mode);
	chr = S_ISCHR(sb.st_mode);
	if (!block && !chr && !S_ISFIFO(sb.st_mode))
		return cmk_err_set(err, -EINVAL, "CDI device node '%s': not a device node", host);
	if ((n->type && *n->type == 'b' && !block) ||
	    (n->type && (*n->type == 'c' || *n->type == 'u') && !chr) ||
	    (n->has_major && major(sb.st_rdev) != (unsigned int)n->major) ||
	    (n->has_minor && minor(sb.st_rdev) != (unsigned int)n->minor))
		return cmk_err_set(err, -ENODEV,
				   "CDI device node '%s': the host's is another (%c %u:%u)", host,
				   block ? 'b' : 'c', major(sb.st_rdev), minor(sb.st_rdev));
	return 0;
}

static int take_nodes(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;

	for (size_t i = 0; i < p->cdi->n_nodes; i++) {
		const struct cdi_node *n = &p->cdi->nodes[i];
		const char *host = n->host_path && *n->host_path ? n->host_path : n->path;
		int r = check_node(n, host, err);

		if (r < 0)
			return r;
		cfg->devices = xrealloc(cfg->devices, cfg->n_devices + 1, sizeof(*cfg->devices));
		cfg->devices[cfg->n_devices++] = (struct container_device){
			.path_on_host = xstrdup(host),
			.path_in_container = xstrdup(n->path),
			.permissions = xstrdup(n->permissions && *n->permissions ? n->permissions
										 : "rwm"),
		};
	}
	return 0;
}

static bool is_bind(const struct cdi_mount *m)
{
	return !m->type || !*m->type || streq(m->type, "bind") || streq(m->type, "none");
}

static int check_mounts(const struct cdi_edits *e, struct cmk_err *err)
{
	for (size_t i = 0; i < e->n_mounts; i++) {
		const struct cdi_mount *m = &e->mounts[i];
		struct stat sb;

		if (!is_bind(m) && !streq(m->type, "tmpfs"))
			return cmk_err_set(err, -EOPNOTSUPP,
					   "CDI mount '%s': type '%s' is not supported",
					   m->container_path, m->type);
		if (is_bind(m) && (*m->host_path != '/' || stat(m->host_path, &sb) < 0))
			return cmk_err_set(err, -ENOENT, "CDI mount '%s': '%s' is not there",
					   m->container_path, m->host_path);
	}
	return 0;
}

int create_cdi(struct create_plan *p, struct cmk_err *err)
{
	cleanup_strv char **names = strv_dup(p->cdi_names);
	int r = 0;

	for (char *const *g = p->o->gpus; r == 0 && g && *g; g++)
		r = add_gpu(&names, *g, err);
	if (r < 0 || !names)
		return r;
	p->cdi = xcalloc(1, sizeof(*p->cdi));
	r = cdi_resolve(names, p->o->cdi_dirs, p->cdi, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "setting up CDI devices");
	r = take_nodes(p, err);
	return r == 0 ? check_mounts(p->cdi, err) : r;
}

void create_cdi_mounts(struct create_plan *p, create_push_fn push)
{
	for (size_t i = 0; p->cdi && i < p->cdi->n_mounts; i++) {
		const struct cdi_mount *c = &p->cdi->mounts[i];
		struct opt_mount m = { .relabel = "",
				       .type = xstrdup(is_bind(c) ? "device" : "own-tmpfs"),
				       .source = xstrdup(c->host_path),
				       .destination = xstrdup(c->container_path),
				       .options = strv_dup(c->options) };

		if (is_bind(c) && !strv_has(m.options, "bind") && !strv_has(m.options, "rbind"))
			strv_add(&m.options, "rbind");
		push(p, &m);
	}
}

int create_cdi_process(struct create_plan *p, struct cmk_err *err)
{
	struct spec_user *u = &p->spec->process.user;
	struct cdi_edits *e = p->cdi;

	for (char **v = e ? e->env : NULL; v && *v; v++)
		strv_env_set(&p->spec->process.env, *v);
	for (size_t i = 0; e && i < e->n_gids; i++) {
		if (e->gids[i] == 0)
			continue;
		u->additional_gids = xrealloc(u->additional_gids, u->n_additional_gids + 1,
					      sizeof(*u->additional_gids));
		u->additional_gids[u->n_additional_gids++] = e->gids[i];
	}
	for (size_t i = 0; e && i < e->n_hooks; i++) {
		struct cdi_hook *h = &e->hooks[i];
		int stage = hook_stage_number(h->name);
		struct spec_hook_list *l;

		if (stage < 0 || h->hook.path[0] != '/')
			return cmk_err_set(err, -EINVAL, "CDI hook '%s' is bad", h->name);
		l = &p->spec->hooks[stage];
		l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
		l->list[l->n++] = h->hook;
		h->hook = (struct spec_hook){ 0 };
	}
	return 0;
}

void create_cdi_done(struct create_plan *p)
{
	if (p->cdi)
		cdi_edits_done(p->cdi);
	free(p->cdi);
	(void)strv_free(p->cdi_names);
	p->cdi = NULL;
	p->cdi_names = NULL;
}
