// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/container/optparse.h"

#define ENV_FILE_MAX (4 << 20)
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the peers pass on so that downloads inside work behind a proxy. */
static const char *const proxy_names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
					   "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY" };

/* The caller chose it: a pipe is as good as a file (--env-file <(...)), and may be waited for. */
static int env_file(const char *path, char ***env, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "environment file '%s'", path);
	r = file_read_fd(fd, ENV_FILE_MAX, &text, &len, err);
	if (r >= 0)
		r = opt_env_file_parse(text, len, env, err);
	return r < 0 ? cmk_err_wrap(err, r, "environment file '%s'", path) : 0;
}

/* Later ones win: built-in, proxies, image, --env-file, -e. */
static int build_env(struct create_plan *p, struct cmk_err *err)
{
	char ***env = &p->spec->process.env;
	cleanup_free char *hostname = NULL;
	int r;

	strv_env_set(env, DEFAULT_PATH);
	/* Programs look for this very value to see that they run in a container. */
	strv_env_set(env, "container=podman");
	if (p->o->tty)
		strv_env_set(env, "TERM=xterm");
	hostname = xasprintf("HOSTNAME=%s", p->c->cfg.hostname);
	strv_env_set(env, hostname);
	for (size_t i = 0; i < ARRAY_LEN(proxy_names); i++) {
		if (getenv(proxy_names[i]))
			(void)opt_env_add(env, proxy_names[i], NULL);
	}
	for (char **e = p->image.env; e && *e; e++)
		strv_env_set(env, *e);
	for (char *const *f = p->o->env_files; f && *f; f++) {
		r = env_file(*f, &p->c->cfg.env_given, err);
		if (r < 0)
			return r;
	}
	for (char *const *e = p->o->env; e && *e; e++) {
		r = opt_env_add(&p->c->cfg.env_given, *e, err);
		if (r < 0)
			return r;
	}
	for (char **e = p->c->cfg.env_given; e && *e; e++)
		strv_env_set(env, *e);
	return 0;
}

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

static int build_labels(struct create_plan *p, struct cmk_err *err)
{
	int r;

	p->c->cfg.labels = strv_dup(p->image.labels);
	for (char *const *l = p->o->labels; l && *l; l++) {
		r = opt_label_add(&p->c->cfg.labels, *l, err);
		if (r < 0)
			return r;
	}
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
	const char *user = p->o->user ? p->o->user : p->image.user;
	int r;

	if (p->o->user && !*p->o->user)
		return cmk_err_set(err, -EINVAL, "--user: the user is empty");
	p->spec->process.terminal = p->o->tty;
	if (user && *user) {
		p->c->cfg.user = xstrdup(user);
		free(p->spec->process.user.username);
		p->spec->process.user.username = xstrdup(user);
	}
	r = build_env(p, err);
	if (r == 0)
		r = build_args(p, err);
	if (r == 0)
		r = build_workdir(p, err);
	if (r == 0)
		r = build_labels(p, err);
	if (r == 0)
		r = build_signal(p, err);
	return r;
}
