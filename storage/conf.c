// SPDX-License-Identifier: Apache-2.0
#include "storage/conf.h"

#include <sys/mount.h>

#include "base/conffile.h"
#include "base/log.h"
#include "base/parse.h"

#define KEY(name_, use_, ...)                                           \
	{                                                               \
		.name = (name_), .use = STORAGE_KEY_##use_, __VA_ARGS__ \
	}
#define OPTIONS "storage.options."
#define OVERLAY "storage.options.overlay."

const struct storage_key storage_keys[] = {
	KEY("storage.driver", USED,
	    .text = "`vfs` is taken as by `--storage-driver`. `overlay` means the best that works "
		    "here. The option and `STORAGE_DRIVER` win; other drivers are Podman's alone. "
		    "Also says which of Podman's stores `containers-storage:` reads"),
	KEY("storage.driver_priority", USED,
	    .text = "where there is no `driver`: the first of it that is `overlay` or `vfs`"),
	KEY("storage.graphroot", PODMAN,
	    .text = "in a file of the user's own, or for root; `$NAME` stands for the "
		    "environment's"),
	KEY("storage.imagestore", PODMAN, .text = "its images, beside those of `graphroot`"),
	KEY("storage.rootless_storage_path", PODMAN,
	    .text = "for users, where their own file has no `graphroot`"),
	KEY("storage.runroot", MOOT, .text = "nothing of an image lies there"),
	KEY("storage.transient_store", WARNED, .same = "|false|",
	    .text = "containers outlive a reboot; `--rm` ones do not"),

	KEY(OPTIONS "additionalimagestores", USED,
	    .text = "absolute paths of data directories of cmk, made by `cmk --root DIR pull`, "
		    "which others keep. Their images stand behind those of the own store, are "
		    "listed as read-only, run from there without a copy and are never written or "
		    "removed. Podman's stores in this list are passed over there, and read by "
		    "`containers-storage:`"),
	KEY(OPTIONS "additionallayerstores", WARNED, .same = "||"),
	KEY(OPTIONS "auto-userns-max-size", MOOT, .text = "`--userns=auto` is not supported"),
	KEY(OPTIONS "auto-userns-min-size", MOOT, .text = "`--userns=auto` is not supported"),
	KEY(OPTIONS "disable-volatile", USED,
	    .text = "`true`: what a container with `--rm` writes is synced as any other's"),
	KEY(OPTIONS "remap-gids", WARNED, .same = "||", .text = "see `--gidmap`"),
	KEY(OPTIONS "remap-group", WARNED, .same = "||", .text = "see `--subgidname`"),
	KEY(OPTIONS "remap-uids", WARNED, .same = "||", .text = "see `--uidmap`"),
	KEY(OPTIONS "remap-user", WARNED, .same = "||", .text = "see `--subuidname`"),
	KEY(OPTIONS "root-auto-userns-user", MOOT, .text = "`--userns=auto` is not supported"),

	KEY(OPTIONS "pull_options.convert_images", WARNED, .same = "||false|"),
	KEY(OPTIONS "pull_options.enable_partial_images", USED,
	    .text = "`false`: layers are fetched as a whole, whatever of them is here. The default "
		    "is `true`"),
	KEY(OPTIONS "pull_options.insecure_allow_unpredictable_image_contents", WARNED,
	    .same = "||false|", .text = "every layer is compared with its diff ID"),
	KEY(OPTIONS "pull_options.ostree_repos", WARNED, .same = "||"),
	KEY(OPTIONS "pull_options.use_hard_links", WARNED, .same = "||false|",
	    .text = "a file that is here is copied, or cloned where the file system can"),

	KEY(OVERLAY "force_mask", WARNED, .same = "||0000|",
	    .text = "a store is given to others by `chmod`, see below"),
	KEY(OVERLAY "ignore_chown_errors", USED,
	    .text = "`true`: a file of an id beyond your subordinate ids belongs to root in the "
		    "container, instead of an error. Layers that are here already stay as they "
		    "are. Without any subordinate ids it is so anyway"),
	KEY(OVERLAY "inodes", WARNED, .same = "||"),
	KEY(OVERLAY "mount_program", USED,
	    .text = "a path that ends in `/fuse-overlayfs` chooses that; any other is a warning"),
	KEY(OVERLAY "mountopt", USED,
	    .text = "`nodev`, `nosuid`, `noexec`, their opposites, `noatime`, `nodiratime`, "
		    "`relatime` and `strictatime` are those of a container's root file system; "
		    "`volatile` leaves it unsynced. `fsync`, `index`, `metacopy`, `redirect_dir` "
		    "and `userxattr` are cmk's to choose. Any other is a warning"),
	KEY(OVERLAY "size", WARNED, .same = "||"),
	KEY(OVERLAY "skip_mount_home", MOOT, .text = "nothing is mounted on the store"),
	KEY(OVERLAY "use_composefs", WARNED, .same = "||false|"),
	KEY(OPTIONS "vfs.ignore_chown_errors", USED,
	    .text = "the same as in the table above; one of them is enough"),
	{ 0 },
};

/* Of drivers that are Podman's alone. */
static const char *const other_drivers[] = { "aufs", "btrfs", "thinpool", "zfs" };

void storage_conf_done(struct storage_conf *c)
{
	free(c->driver);
	c->stores = strv_free(c->stores);
	free(c->podman_driver);
	free(c->graph_root);
	free(c->image_store);
	free(c->rootless_path);
	free(c->mountopt);
	c->notes = strv_free(c->notes);
	*c = (struct storage_conf){ 0 };
}

/* --- keys without effect --- */

static const struct storage_key *find_key(const char *name)
{
	for (const struct storage_key *k = storage_keys; k->name; k++)
		if (streq(k->name, name))
			return k;
	return NULL;
}

static bool is_other_driver(const char *name)
{
	const char *rest = str_after(name, OPTIONS);

	for (size_t i = 0; rest && i < ARRAY_LEN(other_drivers); i++) {
		const char *end = str_after(rest, other_drivers[i]);

		if (end && *end == '.')
			return true;
	}
	return false;
}

static const char *value_text(const struct toml *t)
{
	if (t->type == TOML_ARRAY)
		return t->first ? "[...]" : "";
	if (t->type == TOML_BOOL)
		return t->boolean ? "true" : "false";
	return t->text ? t->text : "";
}

static void look_at(struct storage_conf *c, const struct toml *t, const char *name)
{
	const char *option = str_after(name, OPTIONS);
	cleanup_free char *overlay = xasprintf(OVERLAY "%s", option ? option : "");
	const struct storage_key *k = find_key(name) ?: find_key(overlay);

	if (!k && !is_other_driver(name))
		log_debug("storage.conf: '%.200s' is not known", name);
	else if (k && k->use == STORAGE_KEY_WARNED && !conffile_word_in(k->same, value_text(t)))
		strv_add_take(&c->notes,
			      xasprintf("storage.conf: '%s' = '%.200s' is not supported and has no "
					"effect",
					name, value_text(t)));
}

static void look_at_all(struct storage_conf *c, const struct toml *table, const char *path)
{
	for (const struct toml *t = table ? table->first : NULL; t; t = t->next) {
		cleanup_free char *name = xasprintf("%s.%s", path, t->key ? t->key : "");

		if (t->type == TOML_TABLE)
			look_at_all(c, t, name);
		else
			look_at(c, t, name);
	}
}

/* --- keys with one --- */

/* Where an overlay's KEY is: in its own table, or where it once was. */
static const struct toml *overlay_table(const struct toml *options, const char *key)
{
	const struct toml *own = toml_get(options, "overlay");

	return toml_get(own, key) ? own : options;
}

/* A switch is a word or a boolean. */
static int get_switch(const struct toml *table, const char *key, bool *ret, struct cmk_err *err)
{
	const struct toml *t = toml_get(table, key);
	const char *text = t ? value_text(t) : "";

	if (*text && !streq(text, "true") && !streq(text, "false"))
		return cmk_err_set(err, -EINVAL, "line %d: '%s' is neither true nor false", t->line,
				   key);
	if (*text)
		*ret = streq(text, "true");
	return 0;
}

static bool is_fuse_overlayfs(const char *program)
{
	return program && str_has_suffix(program, "/fuse-overlayfs");
}

static void note_mount_program(struct storage_conf *c, const char *program)
{
	if (program && *program && !is_fuse_overlayfs(program))
		strv_add_take(&c->notes,
			      xasprintf("storage.conf: mount_program '%.200s' is not supported and "
					"has no effect",
					program));
}

/* Podman's "overlay" is whatever way to an overlay works, or its mount_program; of its other
 * drivers (btrfs, zfs) cmk has none. */
static int read_driver(const struct toml *storage, const struct toml *options,
		       struct storage_conf *c, struct cmk_err *err)
{
	const char *driver = NULL, *program = NULL;
	cleanup_strv char **priority = NULL;
	int r;

	if ((r = toml_get_str(storage, "driver", &driver, err)) < 0 ||
	    (r = toml_get_strv(storage, "driver_priority", &priority, err)) < 0 ||
	    (r = toml_get_str(overlay_table(options, "mount_program"), "mount_program", &program,
			      err)) < 0)
		return r;
	for (char **p = priority; (!driver || !*driver) && p && *p; p++)
		if (streq(*p, "overlay") || streq(*p, "vfs"))
			driver = *p;
	c->podman_driver = driver && *driver ? xstrdup(driver) : NULL;
	if (driver && streq(driver, "vfs"))
		c->driver = xstrdup("vfs");
	else if (driver && streq(driver, "overlay") && is_fuse_overlayfs(program))
		c->driver = xstrdup("fuse-overlayfs");
	note_mount_program(c, program);
	return 0;
}

static int read_places(const struct toml *storage, const struct toml *options,
		       struct storage_conf *c, struct cmk_err *err)
{
	const struct {
		const char *key;
		char **to;
	} keys[] = {
		{ "graphroot", &c->graph_root },
		{ "imagestore", &c->image_store },
		{ "rootless_storage_path", &c->rootless_path },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(keys); i++) {
		const char *text = NULL;

		r = toml_get_str(storage, keys[i].key, &text, err);
		if (r == 0 && text && *text)
			*keys[i].to = xstrdup(text);
	}
	if (r == 0)
		r = toml_get_strv(options, "additionalimagestores", &c->stores, err);
	for (char **s = c->stores; r == 0 && s && *s; s++)
		if (**s != '/')
			r = cmk_err_set(err, -EINVAL,
					"additionalimagestores: '%s' is not an absolute path", *s);
	return r;
}

static void read_mount_option(struct storage_conf *c, const char *o)
{
	static const struct {
		const char *name;
		uint64_t set, clear;
	} attrs[] = {
		{ "nodev", MOUNT_ATTR_NODEV, 0 },
		{ "dev", 0, MOUNT_ATTR_NODEV },
		{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
		{ "suid", 0, MOUNT_ATTR_NOSUID },
		{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
		{ "exec", 0, MOUNT_ATTR_NOEXEC },
		{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
		{ "relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
		{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	};
	/* Podman itself takes metacopy from users' files away. */
	static const char *const ours[] = { "fsync", "index", "metacopy", "redirect_dir",
					    "userxattr" };
	cleanup_free char *key = xstrndup(o, strcspn(o, "="));

	for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
		if (streq(attrs[i].name, o)) {
			c->mount_set = (c->mount_set & ~attrs[i].clear) | attrs[i].set;
			c->mount_clear |= attrs[i].clear;
			return;
		}
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (streq(ours[i], key))
			return;
	if (streq(o, "volatile"))
		c->always_volatile = true;
	else if (*o)
		strv_add_take(&c->notes, xasprintf("storage.conf: mountopt '%.200s' is not "
						   "supported and has no effect",
						   o));
}

static void read_mountopt(struct storage_conf *c, const char *text)
{
	cleanup_strv char **list = strv_split(text, ',');

	free(c->mountopt);
	c->mountopt = xstrdup(text);
	for (char **o = list; o && *o; o++)
		read_mount_option(c, *o);
}

static int read_options(const struct toml *options, struct storage_conf *c, struct cmk_err *err)
{
	const struct toml *pull = toml_get(options, "pull_options");
	const char *mountopt = NULL;
	bool partial = true;
	int r;

	if ((r = toml_get_str(overlay_table(options, "mountopt"), "mountopt", &mountopt, err)) <
		    0 ||
	    (r = get_switch(overlay_table(options, "ignore_chown_errors"), "ignore_chown_errors",
			    &c->ignore_chown, err)) < 0 ||
	    (!c->ignore_chown && (r = get_switch(toml_get(options, "vfs"), "ignore_chown_errors",
						 &c->ignore_chown, err)) < 0) ||
	    (r = get_switch(options, "disable-volatile", &c->never_volatile, err)) < 0 ||
	    (r = get_switch(pull, "enable_partial_images", &partial, err)) < 0)
		return r;
	c->no_partial = !partial;
	if (mountopt && *mountopt)
		read_mountopt(c, mountopt);
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
		r = read_places(storage, options, c, err);
	if (r == 0)
		r = read_options(options, c, err);
	if (r == 0)
		look_at_all(c, storage, "storage");
	return r;
}

/* --- options that are given, in the place of those of the file --- */

static char *const *given_options;

void storage_set_options(char *const *list)
{
	given_options = list;
}

static void forget_options(struct storage_conf *c)
{
	c->stores = strv_free(c->stores);
	free(steal_ptr(&c->mountopt));
	c->mount_set = c->mount_clear = 0;
	c->always_volatile = c->never_volatile = c->ignore_chown = false;
}

static int give_stores(struct storage_conf *c, const char *value, struct cmk_err *err)
{
	cleanup_strv char **list = strv_split(value, ',');

	for (char **s = list; s && *s; s++) {
		if (**s != '/')
			return cmk_err_set(err, -EINVAL, "'%.200s' is not an absolute path", *s);
		strv_add(&c->stores, *s);
	}
	return 0;
}

/* What is of no driver of ours, or in a way not supported. */
static int give_other(struct storage_conf *c, const char *key, const char *value,
		      struct cmk_err *err)
{
	cleanup_free char *name = xasprintf(OVERLAY "%s", key);
	const struct storage_key *k = find_key(name);

	if (!k)
		return cmk_err_set(err, -EINVAL, "unknown option");
	if (k->use == STORAGE_KEY_WARNED && !conffile_word_in(k->same, value))
		strv_add_take(&c->notes,
			      xasprintf("--storage-opt: '%s' = '%.200s' is not supported "
					"and has no effect",
					key, value));
	return 0;
}

static int give(struct storage_conf *c, const char *key, const char *value, struct cmk_err *err)
{
	if (streq(key, "imagestore") || streq(key, "additionalimagestore") ||
	    streq(key, "additionalimagestores"))
		return give_stores(c, value, err);
	if (streq(key, "mountopt")) {
		read_mountopt(c, value);
		return 0;
	}
	if (streq(key, "ignore_chown_errors"))
		return parse_bool(value, &c->ignore_chown) < 0
			       ? cmk_err_set(err, -EINVAL, "'%.80s' is neither true nor false",
					     value)
			       : 0;
	if (streq(key, "mount_program")) {
		if (is_fuse_overlayfs(value)) {
			free(c->driver);
			c->driver = xstrdup("fuse-overlayfs");
		}
		note_mount_program(c, value);
		return 0;
	}
	return give_other(c, key, value, err);
}

int storage_conf_give(struct storage_conf *c, char *const *options, struct cmk_err *err)
{
	static const char *const drivers[] = { "overlay", "overlay2", "fuse-overlayfs", "vfs" };

	forget_options(c);
	for (char *const *o = options; *o; o++) {
		const char *eq = strchr(*o, '='), *dot = strchr(*o, '.');
		size_t n = dot && eq && dot < eq ? (size_t)(dot - *o) : 0;
		cleanup_free char *driver = xstrndup(*o, n), *key = NULL;
		bool ours = !*driver;
		int r;

		/* How podman is told that there shall be none. */
		if (!**o)
			continue;
		if (!eq)
			return cmk_err_set(err, -EINVAL, "storage option '%.200s' is not KEY=VALUE",
					   *o);
		for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
			ours |= streq(driver, drivers[i]);
		key = xstrndup(*o + n + (dot && dot < eq),
			       (size_t)(eq - *o) - n - (dot && dot < eq));
		r = ours ? give(c, key, eq + 1, err)
			 : cmk_err_set(err, -EINVAL, "no storage driver of cmk");
		if (r < 0)
			return cmk_err_wrap(err, r, "storage option '%.200s'", *o);
	}
	return 0;
}

/* Of the command line, else of the environment. */
static int take_given(struct storage_conf *c, struct cmk_err *err)
{
	const char *env = getenv("STORAGE_OPTS");
	cleanup_strv char **list = NULL;

	if (given_options)
		return storage_conf_give(c, given_options, err);
	if (!env || !*env)
		return 0;
	list = strv_split(env, ',');
	return storage_conf_give(c, list, err);
}

/* --- files --- */

static int add_text(void *conf, const char *text, size_t len, struct cmk_err *err)
{
	return storage_conf_add(conf, text, len, err);
}

int storage_conf_system(struct storage_conf *c, struct cmk_err *err)
{
	int r = conffile_read_in(CONFFILE_DIR, "storage.conf", add_text, c, err);

	return r ? r : conffile_read_in(CONFFILE_DIST_DIR, "storage.conf", add_text, c, err);
}

static int load(struct storage_conf *c, struct cmk_err *err)
{
	cleanup_free char *user = NULL;
	int r = conffile_read_env("CONTAINERS_STORAGE_CONF", add_text, c, err);

	if (r)
		return r;
	user = conffile_user_dir();
	r = conffile_read_in(user, "storage.conf", add_text, c, err);
	c->is_system = r == 0;
	return r ? r : storage_conf_system(c, err);
}

char *storage_conf_path(void)
{
	const char *env = getenv("CONTAINERS_STORAGE_CONF");
	cleanup_free char *user = conffile_user_dir();
	const char *const dirs[] = { user, CONFFILE_DIR, CONFFILE_DIST_DIR };

	if (env && *env)
		return xstrdup(env);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup_free char *path = dirs[i] ? xasprintf("%s/storage.conf", dirs[i]) : NULL;

		if (path && access(path, F_OK) == 0)
			return steal_ptr(&path);
	}
	return xasprintf("%s/storage.conf", user ?: CONFFILE_DIR);
}

int storage_conf_get(struct storage *st, const struct storage_conf **ret, struct cmk_err *err)
{
	if (!st->conf) {
		struct storage_conf *c = xcalloc(1, sizeof(*c));
		int r = load(c, err);

		if (r >= 0)
			r = take_given(c, err);
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

char **storage_conf_options(struct storage *st)
{
	const struct storage_conf *c = NULL;
	char **list = NULL;

	if (storage_conf_get(st, &c, NULL) < 0)
		return NULL;
	if (c->ignore_chown)
		strv_add(&list, "overlay.ignore_chown_errors=true");
	if (c->stores)
		strv_add_take(&list, xasprintf("overlay.imagestore=%s",
					       c->stores[strv_len(c->stores) - 1]));
	if (c->mountopt)
		strv_add_take(&list, xasprintf("overlay.mountopt=%s", c->mountopt));
	return list;
}

char *const *storage_conf_stores(struct storage *st)
{
	const struct storage_conf *c = NULL;

	return storage_conf_get(st, &c, NULL) < 0 ? NULL : c->stores;
}

void storage_conf_warn(const struct storage_conf *c)
{
	for (char **n = c->notes; n && *n; n++)
		log_warn("%s", *n);
}

bool storage_partial_wanted(struct storage *st)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const struct storage_conf *c = NULL;

	if (storage_conf_get(st, &c, &err) == 0)
		return !c->no_partial;
	log_debug("%s", cmk_err_msg(&err));
	return true;
}
