// SPDX-License-Identifier: Apache-2.0
/* The words that a container is told: environment, labels, annotations. */
#include <fcntl.h>

#include "base/file.h"
#include "libpod/container/create.h"
#include "libpod/option/optparse.h"

#define ENV_FILE_MAX (4 << 20)
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

/* What the peers pass on so that downloads inside work behind a proxy. */
static const char *const proxy_names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
					   "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY" };

/* The caller chose it: a pipe is as good as a file (--env-file <(...)), and may be waited for. */
static int read_file(const char *path, const char *what,
		     int (*parse)(const char *text, size_t len, char ***list, struct cmk_err *err),
		     char ***list, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "%s '%s'", what, path);
	r = file_read_fd(fd, ENV_FILE_MAX, &text, &len, err);
	if (r >= 0)
		r = parse(text, len, list, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s '%s'", what, path) : 0;
}

int create_env_file(const char *path, char ***env, struct cmk_err *err)
{
	/* As systemd's EnvironmentFile=: it need not be there. */
	if (*path == '-' && access(path, F_OK) < 0) {
		path++;
		if (access(path, F_OK) < 0 && errno == ENOENT)
			return 0;
	}
	return read_file(path, "environment file", opt_env_file_parse, env, err);
}

static void unset(char **env, const char *name)
{
	char **to = env;
	size_t len = strlen(name);

	for (; env && *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			free(*env);
		else
			*to++ = *env;
	}
	if (to)
		*to = NULL;
}

/* What the container has unless the caller says otherwise; later ones win: built in, configured,
 * image, the caller's environment. */
static void default_env(struct create_plan *p, char ***env)
{
	strv_env_set(env, DEFAULT_PATH);
	/* Programs look for this very value to see that they run in a container. */
	strv_env_set(env, "container=podman");
	if (p->o->tty)
		strv_env_set(env, "TERM=xterm");
	for (char *const *e = p->o->default_env; e && *e; e++)
		(void)opt_env_add(env, *e, NULL);
	for (char **e = p->image.env; e && *e; e++)
		strv_env_set(env, *e);
	for (char **e = environ; p->o->env_host && e && *e; e++)
		if (strchr(*e, '='))
			strv_env_set(env, *e);
	for (size_t i = 0; p->o->http_proxy && i < ARRAY_LEN(proxy_names); i++)
		(void)opt_env_add(env, proxy_names[i], NULL);
}

static int given_env(struct create_plan *p, struct cmk_err *err)
{
	for (char *const *f = p->o->env_files; f && *f; f++) {
		int r = create_env_file(*f, &p->c->cfg.env_given, err);

		if (r < 0)
			return r;
	}
	for (char *const *e = p->o->env; e && *e; e++) {
		int r = opt_env_add(&p->c->cfg.env_given, *e, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int create_env(struct create_plan *p, struct cmk_err *err)
{
	char ***env = &p->spec->process.env;
	int r;

	default_env(p, env);
	for (char *const *m = p->o->env_merge; m && *m; m++) {
		r = opt_env_merge(env, *m, err);
		if (r < 0)
			return r;
	}
	for (char *const *u = p->o->unsetenv; u && *u; u++)
		unset(*env, *u);
	if (p->o->unsetenv_all)
		*env = strv_free(*env);
	r = given_env(p, err);
	if (r < 0)
		return r;
	for (char **e = p->c->cfg.env_given; e && *e; e++)
		strv_env_set(env, *e);
	if (!strv_env_get(*env, "HOSTNAME")) {
		cleanup_free char *hostname = xasprintf("HOSTNAME=%s", p->c->cfg.hostname);

		strv_env_set(env, hostname);
	}
	return 0;
}

int create_check_labels(struct create_plan *p, struct cmk_err *err)
{
	char ***labels = &p->c->cfg.labels;
	int r = 0;

	for (char *const *f = p->o->label_files; r == 0 && f && *f; f++)
		r = read_file(*f, "label file", opt_label_file_parse, labels, err);
	for (char *const *l = p->o->labels; r == 0 && l && *l; l++)
		r = opt_label_add(labels, *l, err);
	/* Programs that watch podman's containers look for it. */
	strv_env_set(&p->spec->annotations, "io.container.manager=libpod");
	for (char *const *a = p->o->annotations; r == 0 && a && *a; a++)
		r = opt_annotation_add(&p->spec->annotations, *a, err);
	return r;
}

void create_labels(struct create_plan *p)
{
	const char *unit = getenv(CONTAINER_UNIT_LABEL);
	cleanup_free char *label = unit ? xasprintf(CONTAINER_UNIT_LABEL "=%s", unit) : NULL;
	char **labels = strv_dup(p->image.labels);

	for (char **l = p->c->cfg.labels; l && *l; l++)
		strv_env_set(&labels, *l);
	/* As podman: by which auto-update finds the unit. */
	if (unit && *unit)
		strv_env_set(&labels, label);
	(void)strv_free(p->c->cfg.labels);
	p->c->cfg.labels = labels;
}
