// SPDX-License-Identifier: Apache-2.0
/*
 * One mount each: what the runtime is told (config.json) and what `inspect` is (container.json).
 *
 * Words of ours among a mount's options in config.json begin with "x-cmk."; libpod/runtime/mounts.c
 * is who reads them:
 *   x-cmk.volume        the source is a volume's _data: its state lies beside it (storage.h)
 *   x-cmk.nocopy        nothing of the image is copied into it
 *   x-cmk.subpath=PATH  what is mounted is below the source, resolved inside it
 *   x-cmk.chown         U: the files are given to the container's user first
 *   x-cmk.relabel-shared, x-cmk.relabel-private
 *                       z and Z, where SELinux is on: the files get the container's label first
 *   x-cmk.idmap         the mount gets the container's id map
 *   x-cmk.overlay=DIR   DIR/{upper,work,merged} of an overlay on the lowerdir=… and datadir=…
 *                       options
 *   x-cmk.fresh         DIR/upper is made anew at each start
 *   x-cmk.own           a file that cmk wrote for the container: it belongs to root there
 *   x-cmk.optional      left out where the source has gone
 *   x-cmk.scratch=DIR   of secrets: where memory is mounted for their values
 *   x-cmk.value=FILE    the value that the secret had when the container was made
 *   x-cmk.into=NAME     the destination is a directory, in which the file has this name, unless a
 *                       file is there
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/container/create.h"
#include "libpod/option/optparse.h"
#include "libpod/secret/secret.h"

static struct container_mount *record_mount(struct create_plan *p, const struct opt_mount *m)
{
	struct container_config *cfg = &p->c->cfg;
	struct container_mount *c;

	cfg->mounts = xrealloc(cfg->mounts, cfg->n_mounts + 1, sizeof(*cfg->mounts));
	c = &cfg->mounts[cfg->n_mounts++];
	*c = (struct container_mount){
		.type = xstrdup(m->type),
		.destination = xstrdup(m->destination),
		.options = strv_dup(m->options),
		.mode = m->relabel && *m->relabel ? xstrdup(m->relabel) : NULL,
		.subpath = xstrdup_null(m->subpath),
		.overlay = m->overlay,
		.read_write_image = m->rw,
	};
	return c;
}

static void add_bind_text(struct create_plan *p, const char *source, const struct opt_mount *m)
{
	struct strbuf sb = STRBUF_INIT;
	const char *write = strv_has(m->options, "ro") ? "ro" : "rw";

	strbuf_addf(&sb, "%s:%s:%s", source, m->destination, write);
	for (char **o = m->options; o && *o; o++)
		if (!streq(*o, "ro") && !streq(*o, "rw"))
			strbuf_addf(&sb, ",%s", *o);
	if (m->relabel && *m->relabel)
		strbuf_addf(&sb, ",%s", m->relabel);
	strv_add_take(&p->c->cfg.binds, strbuf_steal(&sb));
}

static struct spec_mount *spec_mount_of(struct create_plan *p, const struct opt_mount *m,
					const char *type, const char *source)
{
	struct spec_mount *s;

	spec_add_mount(p->spec, m->destination, type, source, NULL);
	s = &p->spec->mounts[p->spec->n_mounts - 1];
	s->options = strv_dup(m->options);
	if (m->chown)
		strv_add(&s->options, "x-cmk.chown");
	if (p->spec->mount_label && m->relabel && *m->relabel)
		strv_add(&s->options,
			 *m->relabel == 'z' ? "x-cmk.relabel-shared" : "x-cmk.relabel-private");
	if (m->idmap)
		strv_add(&s->options, "x-cmk.idmap");
	if (m->idmap_own)
		strv_add_take(&s->options, xasprintf("x-cmk.idmap=%s", m->idmap_own));
	if (m->subpath)
		strv_add_take(&s->options, xasprintf("x-cmk.subpath=%s", m->subpath));
	return s;
}

/* CONTAINER/mounts/N/{upper,work,merged}; owned path. */
static char *make_overlay_dir(struct create_plan *p, int dirfd, struct cmk_err *err)
{
	cleanup_free char *sub = xasprintf("mounts/%zu", p->spec->n_mounts);
	static const char *const parts[] = { "upper", "work", "merged" };

	if (mkdir_p_at(dirfd, sub, 0700, err) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		cleanup_free char *path = xasprintf("%s/%s", sub, parts[i]);

		if (mkdir_p_at(dirfd, path, 0700, err) < 0)
			return NULL;
	}
	return xasprintf("%s/containers/%s/%s", p->st->root, p->c->cfg.id, sub);
}

/* Bind options are words of what is bound: the overlay is bound, too, but as a whole. */
static int place_overlay(struct create_plan *p, int dirfd, struct opt_mount *m,
			 const struct rootfs_plan *below, struct cmk_err *err)
{
	cleanup_free char *dir = make_overlay_dir(p, dirfd, err);
	struct storage_driver driver;
	struct spec_mount *s;
	int r;

	if (!dir)
		return err && err->code ? err->code : -EIO;
	r = storage_driver_get(p->st, &driver, err);
	if (r < 0)
		return r;
	if (!streq(driver.name, "overlay"))
		return cmk_err_kind(
			err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			"%s: an overlay needs the kernel's overlay file system, and the "
			"storage driver here is '%s'",
			m->destination, driver.name);
	s = spec_mount_of(p, m, "overlay", "overlay");
	for (char **l = below->lower; l && *l; l++)
		strv_add_take(&s->options, xasprintf("lowerdir=%s", *l));
	for (char **d = below->data; d && *d; d++)
		strv_add_take(&s->options, xasprintf("datadir=%s", *d));
	strv_add_take(&s->options, xasprintf("x-cmk.overlay=%s", dir));
	if (m->upper) {
		strv_add_take(&s->options, xasprintf("upperdir=%s", m->upper));
		strv_add_take(&s->options, xasprintf("workdir=%s", m->work));
	} else {
		strv_add(&s->options, "x-cmk.fresh");
	}
	return 0;
}

static int place_over_dir(struct create_plan *p, int dirfd, struct opt_mount *m, const char *source,
			  struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan below = { 0 };
	struct stat sb;

	if (stat(source, &sb) < 0)
		return cmk_err_errno(err, "statfs %s", source);
	if (!S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -ENOTDIR, "'%s': an overlay needs a directory", source);
	strv_add(&below.lower, source);
	return place_overlay(p, dirfd, m, &below, err);
}

static int place_bind(struct create_plan *p, int dirfd, struct opt_mount *m, struct cmk_err *err)
{
	record_mount(p, m)->source = xstrdup(m->source);
	add_bind_text(p, m->source, m);
	if (m->overlay)
		return place_over_dir(p, dirfd, m, m->source, err);
	(void)spec_mount_of(p, m, "bind", m->source);
	return 0;
}

/* Options that a volume was made with ("o" of `volume create`), below those of the container. */
static char **merged_options(const struct opt_mount *m, const char *o)
{
	cleanup_strv char **words = o && *o ? strv_split(o, ',') : NULL;
	char **v = NULL;

	for (char **w = words; w && *w; w++)
		if (!streq(*w, "rw") && !streq(*w, "copy") && !streq(*w, "nocopy"))
			strv_add(&v, *w);
	for (char **w = m->options; w && *w; w++)
		if (!strv_has(v, *w) && !(streq(*w, "rw") && strv_has(v, "ro")))
			strv_add(&v, *w);
	return v;
}

/* A volume of another place than its directory: a tmpfs of the container, or a host's directory. */
static int place_driver_volume(struct create_plan *p, int dirfd, struct opt_mount *m,
			       const struct volume_record *v, struct cmk_err *err)
{
	const char *type = strv_env_get(v->options, "type"), *o = strv_env_get(v->options, "o");
	const char *device = strv_env_get(v->options, "device");
	struct spec_mount *s;

	if (m->overlay && type && streq(type, "tmpfs"))
		return cmk_err_set(err, -EINVAL, "volume '%s' is a tmpfs: 'O' has no sense",
				   v->name);
	if (m->overlay)
		return place_over_dir(p, dirfd, m, device, err);
	if (type && streq(type, "tmpfs")) {
		s = spec_mount_of(p, m, "tmpfs", "tmpfs");
		(void)strv_free(s->options);
		s->options = merged_options(m, o);
		for (char **w = s->options; *w;) {
			if (streq(*w, "bind") || streq(*w, "rbind")) {
				free(*w);
				for (char **q = w; *q; q++)
					*q = q[1];
			} else {
				w++;
			}
		}
		if (v->needs_copy_up)
			strv_add(&s->options, "tmpcopyup");
		return 0;
	}
	s = spec_mount_of(p, m, "bind", device);
	(void)strv_free(s->options);
	s->options = merged_options(m, o);
	return 0;
}

static bool has_driver_place(const struct volume_record *v)
{
	return strv_env_get(v->options, "device") || strv_env_get(v->options, "type");
}

/* The shared lock keeps it until the container's record names it. */
static int hold_volume(struct create_plan *p, const char *name, struct volume_record *ret,
		       struct cmk_err *err)
{
	int r, fd = storage_volume_lock(p->st, name, false, err);

	if (fd < 0)
		return fd;
	r = storage_volume_load(p->st, name, ret, err);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	p->volume_locks = xrealloc(p->volume_locks, p->n_volume_locks + 1,
				   sizeof(*p->volume_locks));
	p->volume_locks[p->n_volume_locks++] = fd;
	return 0;
}

/* Written before the first one is made: whoever removes a container that never came to be, or a
 * --rm one, finds there which volumes go with it. */
static int note_anonymous(struct create_plan *p, int dirfd, const char *name, struct cmk_err *err)
{
	cleanup_close int fd = openat(dirfd, CONTAINER_ANONYMOUS_FILE,
				      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	cleanup_free char *line = xasprintf("%s\n", name);
	int r;

	(void)p;
	if (fd < 0)
		return cmk_err_errno(err, "make '" CONTAINER_ANONYMOUS_FILE "'");
	r = write_all(fd, line, strlen(line));
	return r < 0 ? cmk_err_set(err, r, "write '" CONTAINER_ANONYMOUS_FILE "': %s",
				   errno_text(-r))
		     : 0;
}

/* As often as others remove it in between; each time it is made anew. */
static int find_or_make(struct create_plan *p, const struct opt_mount *m,
			const struct volume_options *o, struct volume_record *ret,
			struct cmk_err *err)
{
	const char *name = m->source;

	for (;;) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = hold_volume(p, name, ret, &e);

		if (r != -ENOENT)
			return r < 0 ? cmk_err_move(err, &e) : 0;
		cmk_err_done(&e);
		if (m->nocreate)
			return cmk_err_kind(err, CMK_ERR_NOT_FOUND, r,
					    "no volume with name \"%s\" found: no such volume",
					    name);
		r = volume_make(p->st, name, o, false, true, &e);
		if (r < 0 && r != -EEXIST)
			return cmk_err_move(err, &e);
	}
}

static int place_volume(struct create_plan *p, int dirfd, struct opt_mount *m, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	const struct volume_options o = { .options = m->volume_options,
					  .labels = m->volume_labels };
	char anonymous[CONTAINER_ID_LEN + 1];
	struct container_mount *c;
	struct spec_mount *s;
	int r;

	if (m->source) {
		r = find_or_make(p, m, &o, &v, err);
	} else {
		container_id_new(anonymous);
		r = note_anonymous(p, dirfd, anonymous, err);
		if (r == 0)
			r = volume_make(p->st, anonymous, &o, true, !p->o->remove, err);
		if (r == 0)
			r = hold_volume(p, anonymous, &v, err);
	}
	if (r < 0)
		return r;
	c = record_mount(p, m);
	c->name = xstrdup(v.name);
	c->source = xstrdup(v.mountpoint);
	/* Another container's counts as well: it goes with the last one that uses it. */
	c->anonymous = v.anonymous;
	add_bind_text(p, v.name, m);
	if (has_driver_place(&v))
		return place_driver_volume(p, dirfd, m, &v, err);
	if (m->overlay)
		return place_over_dir(p, dirfd, m, v.mountpoint, err);
	s = spec_mount_of(p, m, "bind", v.mountpoint);
	strv_add(&s->options, "x-cmk.volume");
	if (m->nocopy)
		strv_add(&s->options, "x-cmk.nocopy");
	return 0;
}

static int image_below(struct create_plan *p, struct image_layer_ref *layers, size_t n,
		       struct rootfs_plan *ret, struct cmk_err *err)
{
	int r = create_map_layers(p, layers, n, err);

	return r < 0 ? r : storage_layers_plan(p->st, layers, n, ret, err);
}

/* The image's layers below an upper directory that is empty at each start. */
static int place_image(struct create_plan *p, int dirfd, struct opt_mount *m, struct cmk_err *err)
{
	struct container_mount *c = record_mount(p, m);
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup(rootfs_plan_done) struct rootfs_plan below = { 0 };
	int r;

	r = create_find_image(p, m->source, &c->image_id, &c->name, err);
	if (r == 0)
		r = storage_image_load(p->st, c->image_id, &rec, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rec.n_layers; i++)
		strv_add(&c->layers, rec.layers[i].diff_id);
	c->source = xstrdup(m->source);
	r = image_below(p, rec.layers, rec.n_layers, &below, err);
	if (r == 0 && !below.lower)
		r = cmk_err_set(err, -EINVAL, "image '%s' has no layers to mount", m->source);
	if (r < 0)
		return r;
	strv_add(&m->options, m->rw ? "rw" : "ro");
	return place_overlay(p, dirfd, m, &below, err);
}

static void place_artifact(struct create_plan *p, const struct opt_mount *m)
{
	struct container_mount *c = record_mount(p, m);
	struct spec_mount *s = spec_mount_of(p, m, "bind", m->source);

	c->name = xstrdup(m->artifact);
	c->source = xstrdup(m->source);
	if (m->name)
		strv_add_take(&s->options, xasprintf("x-cmk.into=%s", m->name));
}

static const char *secret_id_of(const struct create_plan *p, const struct opt_mount *m)
{
	const struct container_config *cfg = &p->c->cfg;

	for (size_t i = 0; i < cfg->n_secrets; i++)
		if (!cfg->secrets[i].env && streq(cfg->secrets[i].name, m->source))
			return cfg->secrets[i].id;
	return NULL;
}

/* The value is the container's from now on, whatever becomes of the secret. */
static int place_secret(struct create_plan *p, int dirfd, struct opt_mount *m, struct cmk_err *err)
{
	cleanup_free char *dir = xasprintf("%s/containers/%s", p->st->root, p->c->cfg.id);
	const char *id = secret_id_of(p, m);
	struct spec_mount *s = spec_mount_of(p, m, "x-cmk.secret", m->source);
	cleanup_close int values = -1;

	strv_add_take(&s->options, xasprintf("x-cmk.scratch=%s/secrets", dir));
	if (!id)
		return 0;
	values = open_dir_at(dirfd, "values", 0700, err);
	if (values < 0)
		return values;
	strv_add_take(&s->options, xasprintf("x-cmk.value=%s/values/%s", dir, id));
	return secret_hold(p->st, id, values, err);
}

int create_place_one(struct create_plan *p, int dirfd, struct opt_mount *m, struct cmk_err *err)
{
	int r = 0;

	if (streq(m->type, "bind")) {
		r = place_bind(p, dirfd, m, err);
	} else if (streq(m->type, "volume")) {
		r = place_volume(p, dirfd, m, err);
	} else if (streq(m->type, "image")) {
		r = place_image(p, dirfd, m, err);
	} else if (streq(m->type, "artifact")) {
		place_artifact(p, m);
	} else if (streq(m->type, "secret")) {
		r = place_secret(p, dirfd, m, err);
	} else if (streq(m->type, "device")) {
		(void)spec_mount_of(p, m, "bind", m->source);
	} else if (streq(m->type, "own-tmpfs")) {
		(void)spec_mount_of(p, m, "tmpfs", "tmpfs");
	} else {
		/* tmpfs, ramfs, devpts */
		(void)record_mount(p, m);
		(void)spec_mount_of(p, m, m->type, m->type);
	}
	return r;
}
