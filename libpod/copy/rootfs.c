// SPDX-License-Identifier: Apache-2.0
/* The root file system of a container as a whole: export, diff. */
#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "image/image.h"
#include "libpod/copy/internal.h"
#include "libpod/record/internal.h"

static void map_of(const struct spec_id_mapping *m, size_t n, struct id_map *ret)
{
	for (size_t i = 0; i < n; i++)
		id_map_add(ret, m[i].container_id, m[i].host_id, m[i].size);
}

void copy_source_done(struct copy_source *s)
{
	cleanup_close_fn(&s->lock);
	(void)spec_free(s->spec);
	rootfs_plan_done(&s->plan);
	id_map_done(&s->uids);
	id_map_done(&s->gids);
	*s = (struct copy_source){ .lock = -1 };
}

int copy_source_open(struct container *c, bool mount, struct copy_source *ret, struct cmk_err *err)
{
	cleanup(copy_source_done) struct copy_source s = { .lock = -1 };
	int r;

	/* One that does not run shall not be started, removed or written to meanwhile. */
	if (!container_is_active(c)) {
		r = s.lock = container_lock(c, err);
		if (r < 0)
			return r;
		if (container_is_active(c)) {
			(void)close(s.lock);
			s.lock = -1;
		}
	}
	s.running = container_is_active(c);
	if (mount && c->state == CONTAINER_RESTARTING)
		return cmk_err_kind(err, CMK_ERR_STATE, -EBUSY,
				    "container '%s' is being restarted: try again", c->cfg.name);
	r = (mount && !s.running ? container_prepare_start : container_inspect_start)(c, &s.spec,
										      &s.plan, err);
	if (r < 0)
		return r;
	map_of(s.spec->uid_mappings, s.spec->n_uid_mappings, &s.uids);
	map_of(s.spec->gid_mappings, s.spec->n_gid_mappings, &s.gids);
	*ret = s;
	s = (struct copy_source){ .lock = -1 };
	return 0;
}

struct storage_pack_options copy_pack_options(const struct copy_source *s, bool marks)
{
	return (struct storage_pack_options){
		.marks = marks,
		.uids = s->uids.n ? &s->uids : NULL,
		.gids = s->gids.n ? &s->gids : NULL,
	};
}

void copy_write_event(struct container *c, const char *status)
{
	struct event e = event_of_container(&c->cfg, status);

	event_write(c->st, &e);
}

int container_export(struct container *c, int out_fd, struct cmk_err *err)
{
	cleanup(copy_source_done) struct copy_source s = { .lock = -1 };
	struct storage_pack_options o;
	int r = copy_source_open(c, false, &s, err);

	if (r >= 0) {
		o = copy_pack_options(&s, false);
		r = storage_rootfs_pack(c->st, &s.plan, &o, out_fd, err);
	}
	if (r < 0)
		return cmk_err_wrap(err, r, "container '%s'", c->cfg.name);
	copy_write_event(c, "export");
	return 0;
}

/* --- diff --- */

/* Where cmk puts files and mounts of its own. */
static const char *const own_places[] = {
	"/dev",
	"/etc/hostname",
	"/etc/hosts",
	"/etc/mtab",
	"/etc/resolv.conf",
	"/proc",
	"/run",
	"/run/notify",
	"/run/secrets",
	"/run/.containerenv",
	"/run/init",
	"/run/podman-init",
	"/sys",
};

bool copy_is_own_place(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(own_places); i++)
		if (streq(path, own_places[i]))
			return true;
	return str_after(path, "/dev/") || str_after(path, "/proc/") || str_after(path, "/sys/");
}

struct side {
	struct copy_source source;
	struct image_record image;
	struct rootfs_plan before;	      /* what it was made of */
	char container[CONTAINER_ID_LEN + 1]; /* "": an image */
};

static void side_done(struct side *s)
{
	copy_source_done(&s->source);
	image_record_done(&s->image);
	rootfs_plan_done(&s->before);
}

static int side_of_container(struct storage *st, struct container *c, bool want_before,
			     struct side *s, struct cmk_err *err)
{
	int r = container_inspect_start(c, &s->source.spec, &s->source.plan, err);

	if (r >= 0 && want_before && c->cfg.rootfs)
		return cmk_err_set(err, -EINVAL,
				   "container '%s' was made of a directory (--rootfs), which holds "
				   "its changes itself",
				   c->cfg.name);
	if (r >= 0 && want_before)
		r = storage_layers_plan(st, c->cfg.layers, container_image_layers(&c->cfg),
					&s->before, err);
	return r;
}

static int side_of_image(struct storage *st, const char *id, bool want_before, struct side *s,
			 struct cmk_err *err)
{
	int r = storage_image_load(st, id, &s->image, err);

	if (r >= 0)
		r = storage_layers_plan(st, s->image.layers, s->image.n_layers, &s->source.plan,
					err);
	if (r >= 0 && want_before && s->image.n_layers > 0)
		r = storage_layers_plan(st, s->image.layers, s->image.n_layers - 1, &s->before,
					err);
	return r;
}

static int side_open(struct storage *st, const char *name, bool images_only, bool want_before,
		     struct side *s, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_free char *id = NULL;
	struct container *c = NULL;
	int r = -ENOENT;

	if (!images_only) {
		r = container_open(st, name, &c, &e);
		if (r >= 0) {
			(void)snprintf(s->container, sizeof(s->container), "%s", c->cfg.id);
			r = side_of_container(st, c, want_before, s, err);
			(void)container_free(c);
			return r;
		}
		if (r != -ENOENT)
			return cmk_err_move(err, &e);
	}
	cmk_err_done(&e);
	r = image_resolve_local(st, name, &id, NULL, &e);
	if (r >= 0)
		return side_of_image(st, id, want_before, s, err);
	if (r != -ENOENT || images_only)
		return cmk_err_move(err, &e);
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "no container or image '%s': no such container: image not known", name);
}

int container_changes(struct storage *st, const char *name, const char *other, bool images_only,
		      char ***ret, struct cmk_err *err)
{
	cleanup(side_done) struct side a = { .source = { .lock = -1 } };
	cleanup(side_done) struct side b = { .source = { .lock = -1 } };
	cleanup_strv char **all = NULL;
	char **kept = NULL;
	int r = side_open(st, name, images_only, !other, &a, err);

	if (r >= 0 && other)
		r = side_open(st, other, images_only, false, &b, err);
	if (r >= 0)
		r = storage_rootfs_changes(st, &a.source.plan, other ? &b.source.plan : &a.before,
					   &all, err);
	r = container_gone_or(st, a.container, name, r, err);
	if (r < 0)
		return r;
	for (char **p = all; p && *p; p++)
		if (!copy_is_own_place(*p + 1))
			strv_add(&kept, *p);
	*ret = kept;
	return 0;
}
