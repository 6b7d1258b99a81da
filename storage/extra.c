// SPDX-License-Identifier: Apache-2.0
#include "storage/extra.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/conffile.h"
#include "base/log.h"

void storage_conf_done(struct storage_conf *c)
{
	free(c->driver);
	c->stores = strv_free(c->stores);
	*c = (struct storage_conf){ 0 };
}

/* Podman's "overlay" is whatever way to an overlay works, or its mount_program; of its other
 * drivers (btrfs, zfs) cmk has none. */
static int read_driver(const struct toml *storage, const struct toml *options,
		       struct storage_conf *c, struct cmk_err *err)
{
	const char *driver = NULL, *program = NULL;
	int r;

	if ((r = toml_get_str(storage, "driver", &driver, err)) < 0 ||
	    (r = toml_get_str(options, "mount_program", &program, err)) < 0 ||
	    (r = toml_get_str(toml_get(options, "overlay"), "mount_program", &program, err)) < 0)
		return r;
	if (driver && streq(driver, "vfs"))
		c->driver = xstrdup("vfs");
	else if (driver && streq(driver, "overlay") && program &&
		 str_has_suffix(program, "/fuse-overlayfs"))
		c->driver = xstrdup("fuse-overlayfs");
	return 0;
}

int storage_conf_add(struct storage_conf *c, const char *text, size_t len, struct cmk_err *err)
{
	cleanup_toml struct toml *root = NULL;
	const struct toml *storage, *options;
	int r = toml_parse(text, len, &root, err);

	if (r < 0)
		return r;
	storage = toml_get(root, "storage");
	options = toml_get(storage, "options");
	r = read_driver(storage, options, c, err);
	if (r == 0)
		r = toml_get_strv(options, "additionalimagestores", &c->stores, err);
	for (char **s = c->stores; r == 0 && s && *s; s++)
		if (**s != '/')
			r = cmk_err_set(err, -EINVAL,
					"additionalimagestores: '%s' is not an absolute path", *s);
	return r;
}

static int add_text(void *conf, const char *text, size_t len, struct cmk_err *err)
{
	return storage_conf_add(conf, text, len, err);
}

static int load(struct storage_conf *c, struct cmk_err *err)
{
	cleanup_free char *user = NULL;
	int r = conffile_read_env("CONTAINERS_STORAGE_CONF", add_text, c, err);

	if (r)
		return r;
	user = conffile_user_dir();
	r = conffile_read_in(user, "storage.conf", add_text, c, err);
	if (r == 0)
		r = conffile_read_in(CONFFILE_DIR, "storage.conf", add_text, c, err);
	if (r == 0)
		r = conffile_read_in(CONFFILE_DIST_DIR, "storage.conf", add_text, c, err);
	return r;
}

int storage_conf_get(struct storage *st, const struct storage_conf **ret, struct cmk_err *err)
{
	if (!st->conf) {
		struct storage_conf *c = xcalloc(1, sizeof(*c));
		int r = load(c, err);

		if (r < 0) {
			storage_conf_done(c);
			free(c);
			return r;
		}
		st->conf = c;
	}
	*ret = st->conf;
	return 0;
}

/* Podman's stores may stand in the same list: they are not for us to read here. */
static bool is_ours(const char *root)
{
	cleanup_free char *names = xasprintf("%s/names", root);

	return access(names, F_OK) == 0;
}

char *const *storage_extra(struct storage *st)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const struct storage_conf *c = NULL;

	if (st->extra_loaded)
		return st->extra;
	st->extra_loaded = true;
	if (storage_conf_get(st, &c, &err) < 0) {
		log_warn("%s: no additional image store is used", cmk_err_msg(&err));
		return NULL;
	}
	for (char **s = c->stores; s && *s; s++) {
		if (is_ours(*s))
			strv_add(&st->extra, *s);
		else
			log_debug("additional image store '%s': none of cmk's", *s);
	}
	return st->extra;
}

const char *storage_extra_find(struct storage *st, const char *part, const char *name)
{
	for (char *const *root = storage_extra(st); root && *root; root++) {
		cleanup_free char *path = xasprintf("%s/%s/%s", *root, part, name);
		struct stat sb;

		if (lstat(path, &sb) == 0 && S_ISDIR(sb.st_mode))
			return *root;
	}
	return NULL;
}

int storage_extra_open(struct storage *st, const char *part, const char *name)
{
	const char *root = storage_extra_find(st, part, name);
	cleanup_free char *path = root ? xasprintf("%s/%s", root, part) : NULL;
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 ? -ENOENT : fd;
}
