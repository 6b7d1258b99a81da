// SPDX-License-Identifier: Apache-2.0
#include <grp.h>
#include <pwd.h>

#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"

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
	if (!*args)
		return cmk_err_set(
			err, -EINVAL,
			"no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
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
	p->spec->cwd_must_exist = p->o->workdir != NULL;
	p->c->cfg.workdir = xstrdup(dir);
	p->spec->process.cwd = xstrdup(dir);
	return 0;
}

int create_stop_signal(const char *text, char **ret, struct cmk_err *err)
{
	int sig = container_signal_parse(text, err);

	if (sig < 0)
		return sig;
	/* 32 and 33 are the C library's own. */
	if (!signal_name(sig))
		return cmk_err_set(err, -EINVAL, "invalid signal: %s", text);
	free(*ret);
	*ret = xstrdup(signal_name(sig));
	return 0;
}

static int build_signal(struct create_plan *p, struct cmk_err *err)
{
	const char *s = p->image.stop_signal;
	int r = 0;

	if (!p->c->cfg.stop_signal && s && *s)
		r = create_stop_signal(s, &p->c->cfg.stop_signal, err);
	return r < 0 ? cmk_err_wrap(err, r, "the image's stop signal") : 0;
}

/* The caller's uid and gid inside, with --userns=keep-id alone. */
static bool kept_ids(const struct create_plan *p, uint32_t *ret_uid, uint32_t *ret_gid)
{
	const char *mode = p->c->cfg.userns_mode, *ids = p->default_user;
	cleanup_strv char **parts = NULL;

	if (!mode || !str_after(mode, "keep-id") || !ids)
		return false;
	parts = strv_split(ids, ':');
	return strv_len(parts) == 2 && parse_u32(parts[0], UINT32_MAX - 1, ret_uid) == 0 &&
	       parse_u32(parts[1], UINT32_MAX - 1, ret_gid) == 0;
}

/* The line of the caller's group, where the container's user is the caller. */
static void name_group(struct create_plan *p, const char *user, uint32_t gid)
{
	struct group gr, *found = NULL;
	char buf[16384];

	if (p->o->user || p->spec->group_entry)
		return;
	(void)getgrgid_r(getegid(), &gr, buf, sizeof(buf), &found);
	if (found)
		p->spec->group_entry = xasprintf("%s:x:%u:%s", found->gr_name, gid, user);
}

/* With --userns=keep-id the caller has a name inside as well. */
static void add_caller(struct create_plan *p)
{
	struct passwd pw, *found = NULL;
	const char *home = p->c->cfg.workdir;
	uint32_t uid = 0, gid = 0;
	char buf[16384];

	if (!kept_ids(p, &uid, &gid))
		return;
	(void)getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found);
	if (!found || strpbrk(found->pw_gecos, ":\n"))
		return;
	for (size_t i = 0; i < p->n_mounts; i++)
		if (streq(p->mounts[i].destination, found->pw_dir))
			home = found->pw_dir;
	strv_add_take(&p->spec->passwd_lines, xasprintf("%s:*:%u:%u:%s:%s:/bin/sh", found->pw_name,
							uid, gid, found->pw_gecos, home));
	name_group(p, found->pw_name, gid);
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
	add_caller(p);
	create_systemd(p);
	return 0;
}
