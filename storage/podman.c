// SPDX-License-Identifier: Apache-2.0
/* Where Podman keeps its images: containers-storage.conf(5), as Podman reads it. */
#include "base/conffile.h"
#include "base/strbuf.h"
#include "storage/conf.h"

void storage_podman_done(struct storage_podman *p)
{
	free(p->driver);
	p->roots = strv_free(p->roots);
}

/* $NAME and ${NAME} stand for the environment's, $UID for the user's id whatever that says. */
static char *expand(const char *text)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	while (*text) {
		size_t n = strcspn(text, "$");
		cleanup_free char *name = NULL;
		bool braces;
		const char *value;

		strbuf_add(&sb, text, n);
		text += n;
		if (!*text)
			break;
		braces = text[1] == '{';
		text += 1 + braces;
		n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
		name = xstrndup(text, n);
		text += n + (braces && text[n] == '}');
		value = getenv(name);
		if (streq(name, "UID"))
			strbuf_addf(&sb, "%u", geteuid());
		else if (value)
			strbuf_adds(&sb, value);
	}
	return strbuf_steal(&sb);
}

/* What the administrator says of all users' stores. */
static int system_path(char **ret, struct cmk_err *err)
{
	struct storage_conf c = { 0 };
	int r = storage_conf_system(&c, err);

	if (r >= 0 && c.rootless_path)
		*ret = expand(c.rootless_path);
	storage_conf_done(&c);
	return r < 0 ? r : 0;
}

static int user_root(const struct storage_conf *c, char **ret, struct cmk_err *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int r;

	/* The machine's graphroot is its root's. */
	if (!c->is_system && c->graph_root) {
		*ret = expand(c->graph_root);
		return 0;
	}
	if (c->rootless_path) {
		*ret = expand(c->rootless_path);
		return 0;
	}
	r = c->is_system ? 0 : system_path(ret, err);
	if (r < 0 || *ret)
		return r;
	if (data && *data == '/')
		*ret = xasprintf("%s/containers/storage", data);
	else if (home && *home == '/')
		*ret = xasprintf("%s/.local/share/containers/storage", home);
	else
		return cmk_err_set(err, -ENOENT, "where is Podman's store? HOME is not set");
	return 0;
}

static int add_root(struct storage_podman *p, const char *path, struct cmk_err *err)
{
	if (*path != '/')
		return cmk_err_set(err, -EINVAL,
				   "storage.conf: Podman's store '%.200s' is not an absolute path",
				   path);
	strv_add(&p->roots, path);
	return 0;
}

int storage_podman_find(struct storage *st, struct storage_podman *ret, struct cmk_err *err)
{
	struct storage_podman p = { 0 };
	const struct storage_conf *c = NULL;
	cleanup_free char *root = NULL, *images = NULL;
	int r = storage_conf_get(st, &c, err);

	if (r < 0)
		return r;
	if (conffile_machine_root())
		root = c->graph_root ? expand(c->graph_root)
				     : xstrdup("/var/lib/containers/storage");
	else
		r = user_root(c, &root, err);
	if (r == 0)
		r = add_root(&p, root, err);
	if (r == 0 && c->image_store && (conffile_machine_root() || !c->is_system)) {
		images = expand(c->image_store);
		r = add_root(&p, images, err);
	}
	for (char **s = c->stores; r == 0 && s && *s; s++)
		r = add_root(&p, *s, err);
	if (r < 0) {
		storage_podman_done(&p);
		return r;
	}
	p.driver = xstrdup_null(c->podman_driver);
	*ret = p;
	return 0;
}
