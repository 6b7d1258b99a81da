// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "libpod/container/create.h"
#include "libpod/libpod.h"

/* "DIR[:O]": an overlay on it. A directory may have such a name. */
static int split_rootfs(struct create_plan *p, char **ret, struct cmk_err *err)
{
	const char *text = p->o->rootfs, *colon = strrchr(text, ':');

	if (!colon || access(text, F_OK) == 0) {
		*ret = xstrdup(text);
		return 0;
	}
	if (str_after(colon, ":idmap"))
		return cmk_err_set(err, -EOPNOTSUPP,
				   "root file system '%s': 'idmap' needs the host's root, to whom "
				   "alone the kernel gives idmapped mounts of the host's file "
				   "systems",
				   text);
	p->c->cfg.rootfs_overlay = streq(colon, ":O");
	*ret = p->c->cfg.rootfs_overlay ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	return 0;
}

static int use_rootfs(struct create_plan *p, struct cmk_err *err)
{
	cleanup_free char *given = NULL;
	struct stat sb;
	char *path;
	int r;

	r = split_rootfs(p, &given, err);
	if (r < 0)
		return r;
	if (given[0] == '\0')
		return cmk_err_set(err, -EINVAL, "root file system: the path is empty");
	path = realpath(given, NULL);
	if (!path)
		return cmk_err_errno(err, "root file system '%s'", given);
	p->c->cfg.rootfs = path;
	if (stat(path, &sb) < 0)
		return cmk_err_errno(err, "root file system '%s'", path);
	if (!S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -ENOTDIR, "root file system '%s' is not a directory", path);
	if (streq(path, "/"))
		return cmk_err_set(err, -EINVAL,
				   "root file system '/': the host's own root cannot be used");
	return 0;
}

static int pull_options(const struct container_options *o, char ***parts,
			struct image_pull_options *ret, struct cmk_err *err)
{
	int r;

	*ret = (struct image_pull_options){
		.policy = PULL_MISSING,
		.platform_os = o->os,
		.arch = o->arch,
		.variant = o->variant,
		.authfile = o->authfile,
		.creds = o->creds,
		.cert_dir = o->cert_dir,
		.signature_policy = o->signature_policy,
		.tls_verify = o->tls_verify,
		.quiet = o->quiet,
		.retry = o->retry ? (int)o->retry : -1,
	};
	r = o->retry_delay ? image_retry_delay_parse(o->retry_delay, &ret->retry_delay_ms, err) : 0;
	if (r < 0)
		return r;
	if (o->pull && image_pull_policy_parse(o->pull, &ret->policy) < 0)
		return cmk_err_set(err, -EINVAL,
				   "--pull: '%s' is not always, missing, newer or never", o->pull);
	if (!o->platform || !*o->platform)
		return 0;
	*parts = strv_split(o->platform, '/');
	if (strv_len(*parts) > 3)
		return cmk_err_set(err, -EINVAL,
				   "platform '%s' is not of the form OS/ARCH[/VARIANT]",
				   o->platform);
	ret->platform_os = (*parts)[0];
	if ((*parts)[1]) {
		ret->arch = (*parts)[1];
		ret->variant = (*parts)[2];
	}
	return 0;
}

int create_find_image(struct create_plan *p, const char *text, char **ret_id, char **ret_name,
		      struct cmk_err *err)
{
	const struct container_options *o = p->o;
	struct cmk_err e = CMK_ERR_INIT;
	struct image_pull_options pull;
	cleanup_strv char **parts = NULL;
	bool platform;
	int r = pull_options(o, &parts, &pull, err);

	if (r == 0)
		r = image_authfile_check(o->authfile, err);
	if (r < 0)
		return r;
	platform = pull.platform_os || pull.arch || pull.variant;
	/* The usual start: the image is here, and nothing else need be asked. */
	if (pull.policy == PULL_NEVER || (pull.policy == PULL_MISSING && !platform)) {
		r = image_resolve_local(p->st, text, ret_id, ret_name, &e);
		if (r == 0 || pull.policy == PULL_NEVER || r != -ENOENT)
			return r < 0 ? cmk_err_move(err, &e) : 0;
		cmk_err_done(&e);
	}
	r = image_pull(p->st, text, &pull, ret_id, ret_name, err);
	if (r < 0)
		event_write_pull_error(p->st, text, err);
	else
		event_write_image(p->st, "pull", *ret_id, *ret_name ? *ret_name : text);
	return r;
}

int create_resolve_image(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	struct image_record rec = { 0 };
	int r;

	if (p->o->rootfs)
		return use_rootfs(p, err);
	r = create_find_image(p, p->o->image, &cfg->image_id, &cfg->image_name, err);
	if (r < 0)
		return r;
	if (!cfg->image_name)
		cfg->image_name = xstrdup(p->o->image);
	r = storage_image_load(p->st, cfg->image_id, &rec, err);
	if (r < 0)
		return r;
	cfg->layers = steal_ptr(&rec.layers);
	cfg->n_layers = rec.n_layers;
	rec.n_layers = 0;
	image_record_done(&rec);
	return image_config_load(p->st, cfg->image_id, &p->image, err);
}
