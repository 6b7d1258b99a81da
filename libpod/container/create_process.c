// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/container/optparse.h"

/* A new entrypoint drops the image's command; a command given replaces it. */
static int build_args(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	struct container_config *cfg = &p->c->cfg;
	char ***args = &p->spec->process.args;
	int r;

	if (o->entrypoint) {
		r = opt_entrypoint_parse(o->entrypoint, &cfg->entrypoint, err);
		if (r < 0)
			return r;
	} else {
		cfg->entrypoint = strv_dup(p->image.entrypoint);
	}
	if (o->command && *o->command)
		cfg->cmd = strv_dup(o->command);
	else if (!o->entrypoint)
		cfg->cmd = strv_dup(p->image.cmd);
	for (char **s = cfg->entrypoint; s && *s; s++)
		strv_add(args, *s);
	for (char **s = cfg->cmd; s && *s; s++)
		strv_add(args, *s);
	if (!*args) {
		cmk_err_set(err, -EINVAL,
			    "no command or entrypoint is given, and the image names none");
		(void)cmk_err_hint(err, "name a command behind the image");
		return -EINVAL;
	}
	cfg->command = strv_dup(*args);
	return 0;
}

static int build_workdir(struct create_plan *p, struct cmk_err *err)
{
	const char *dir = p->o->workdir ? p->o->workdir : p->image.working_dir;
	cleanup_free char *absolute = NULL;

	if (p->o->workdir && p->o->workdir[0] != '/')
		return cmk_err_set(err, -EINVAL, "working directory '%s' is not absolute",
				   p->o->workdir);
	if (!dir || !*dir)
		dir = "/";
	/* Docker's builder writes relative ones that mean the root. */
	if (dir[0] != '/') {
		absolute = xasprintf("/%s", dir);
		dir = absolute;
	}
	p->c->cfg.workdir = xstrdup(dir);
	p->spec->process.cwd = xstrdup(dir);
	return 0;
}

static int build_signal(struct create_plan *p, struct cmk_err *err)
{
	const char *s = p->image.stop_signal;

	if (p->c->cfg.stop_signal || !s || !*s)
		return 0;
	if (parse_signal(s) < 0)
		return cmk_err_set(err, -EINVAL, "the image's stop signal '%s' is unknown", s);
	p->c->cfg.stop_signal = xstrdup(signal_name(parse_signal(s)));
	return 0;
}

int create_process(struct create_plan *p, struct cmk_err *err)
{
	const char *user = p->o->user ?: p->default_user ?: p->image.user;
	int r;

	if (p->o->user && !*p->o->user)
		return cmk_err_set(err, -EINVAL, "--user: the user is empty");
	p->spec->process.terminal = p->o->tty;
	if (user && *user) {
		p->c->cfg.user = xstrdup(user);
		free(p->spec->process.user.username);
		p->spec->process.user.username = xstrdup(user);
	}
	r = create_env(p, err);
	if (r == 0)
		r = build_args(p, err);
	if (r == 0)
		r = build_workdir(p, err);
	if (r == 0)
		r = build_signal(p, err);
	if (r < 0)
		return r;
	create_labels(p);
	return 0;
}
