// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "libpod/record/internal.h"
#include "libpod/secret/secret.h"

static int load_rootfs(struct container *c, bool start, struct rootfs_plan *ret_rootfs,
		       struct cmk_err *err)
{
	if (c->cfg.rootfs && c->cfg.rootfs_overlay)
		return storage_rootfs_over(c->st, c->cfg.id, c->cfg.rootfs, ret_rootfs, err);
	if (c->cfg.rootfs) {
		*ret_rootfs = (struct rootfs_plan){ .driver = xstrdup("rootfs"),
						    .merged = xstrdup(c->cfg.rootfs),
						    .read_only_bind = true };
		return 0;
	}
	return (start ? storage_rootfs_reopen : storage_rootfs_plan)(
		c->st, c->cfg.id, c->cfg.layers, c->cfg.n_layers, c->cfg.remove, ret_rootfs, err);
}

static int load(struct container *c, bool start, struct spec **ret_spec,
		struct rootfs_plan *ret_rootfs, struct cmk_err *err)
{
	int r = container_dir(c, err);

	if (r < 0)
		return r;
	r = spec_load(c->dir_fd, ret_spec, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "bundle of container '%s'", c->cfg.name);
	r = load_rootfs(c, start, ret_rootfs, err);
	if (r == 0)
		storage_rootfs_label(ret_rootfs, spec_mount_context(*ret_spec),
				     (*ret_spec)->mount_label);
	return r;
}

int container_prepare_start(struct container *c, struct spec **ret_spec,
			    struct rootfs_plan *ret_rootfs, struct cmk_err *err)
{
	return load(c, true, ret_spec, ret_rootfs, err);
}

int container_inspect_start(struct container *c, struct spec **ret_spec,
			    struct rootfs_plan *ret_rootfs, struct cmk_err *err)
{
	return load(c, false, ret_spec, ret_rootfs, err);
}

char **container_annotations(const struct container *c)
{
	cleanup_free char *path = xasprintf("containers/%s", c->cfg.id);
	cleanup_close int dir = openat(c->st->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct spec *spec = NULL;
	char **annotations;

	if (dir < 0 || spec_load(dir, &spec, NULL) < 0)
		return NULL;
	annotations = steal_ptr(&spec->annotations);
	(void)spec_free(spec);
	return annotations;
}

int container_secret_variables(const struct container *c, char ***env, struct cmk_err *err)
{
	for (size_t i = 0; i < c->cfg.n_secrets; i++) {
		const struct container_secret *cs = &c->cfg.secrets[i];
		cleanup(secret_done) struct secret s = { 0 };
		cleanup_free char *value = NULL, *text = NULL;
		size_t len = 0;
		int r;

		if (!cs->env)
			continue;
		r = secret_find(c->st, cs->name, &s, err);
		if (r == 0)
			r = secret_value(c->st, &s, &value, &len, err);
		if (r == 0 && strlen(value) != len)
			r = cmk_err_set(err, -EINVAL,
					"secret '%s' holds a NUL byte: it cannot be a variable",
					cs->name);
		if (r < 0)
			return r;
		text = xasprintf("%s=%s", cs->target, value);
		strv_env_set(env, text);
	}
	return 0;
}
