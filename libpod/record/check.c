// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "libpod/record/internal.h"

#define TODO_REMOVE "remove it with cmk rm -f, or with --repair --force"
#define TODO_SWEEP "remove it with --repair"
#define STRAY_AGE_S 600

typedef void (*each_fn)(struct storage *st, const char *name, void *arg);

/* Each name in DIRFD/SUB, which may be absent. */
static void each_name(struct storage *st, int dirfd, const char *sub, each_fn fn, void *arg)
{
	int fd = openat(dirfd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			fn(st, e->d_name, arg);
}

static bool has_dir(struct storage *st, const char *id)
{
	return faccessat(st->containers_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- one container with a record --- */

static void damage(struct storage_check *c, const char *id, const char *todo, const char *what)
{
	storage_check_add(c, DAMAGE_CONTAINER, id, todo, what);
}

static void check_layer(struct storage *st, const char *id, const char *diff_id,
			struct storage_check *c)
{
	cleanup_free char *what = NULL, *real = storage_layer_diff_id(st, diff_id ?: "");
	const char *hex = str_after(diff_id ?: "", "sha256:") ?: "";

	if (storage_check_is_missing(st, diff_id)) {
		what = xasprintf("its layer %.64s is missing", hex);
		damage(c, id, "pull its image again, or remove it with --repair --force", what);
	} else if (storage_check_is_bad(c, real)) {
		what = xasprintf("its layer %.64s is damaged", hex);
		damage(c, id, TODO_REMOVE, what);
	}
}

/* What cannot be read is something. */
static bool is_empty(int dirfd, const char *name)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? errno == ENOENT : dir_is_empty(fd, NULL) == 1;
}

/* A plain copy of the layers has no upper directory; an overlay has nothing in "merged" to see. */
static void check_upper(struct container *ctr, struct storage_check *c)
{
	int fd = container_dir(ctr, NULL);

	if (fd >= 0 && ctr->cfg.n_layers > 0 &&
	    faccessat(fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && is_empty(fd, "merged"))
		damage(c, ctr->cfg.id, TODO_REMOVE, "its upper directory is missing");
}

static void check_mount(struct storage *st, const char *id, const struct container_mount *m,
			struct storage_check *c)
{
	cleanup_free char *what = NULL, *todo = NULL;

	for (char **layer = m->layers; layer && *layer; layer++)
		check_layer(st, id, *layer, c);
	if (!streq_null(m->type, "volume") || !m->name)
		return;
	/* With another --volumepath it is elsewhere. */
	if (storage_volume_exists(st, m->name) || (m->source && access(m->source, F_OK) == 0))
		return;
	what = xasprintf("its volume '%s' is missing", m->name);
	todo = xasprintf("cmk volume create %s makes an empty one", m->name);
	damage(c, id, todo, what);
}

static void check_container(struct container *ctr, struct storage_check *c)
{
	const struct container_config *cfg = &ctr->cfg;
	size_t before = c->n_damages;

	for (size_t i = 0; i < cfg->n_layers; i++)
		check_layer(ctr->st, cfg->id, cfg->layers[i].diff_id, c);
	for (size_t i = 0; i < cfg->n_mounts; i++)
		check_mount(ctr->st, cfg->id, &cfg->mounts[i], c);
	check_upper(ctr, c);
	if (c->n_damages == before)
		return;
	if (container_refresh(ctr, NULL) == 0)
		strv_add(&c->containers, cfg->id);
	else
		/* Removed while we looked. */
		storage_check_forget(c, before);
}

/* Without a record it is being made or removed by who holds its lock, or by nobody. */
static bool is_remainder(struct storage *st, const char *id)
{
	cleanup_close int lock = container_lock_id(st, id, true, NULL);

	return lock >= 0 && has_dir(st, id) && !container_has_record(st, id);
}

static void check_id(struct storage *st, const char *id, void *arg)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	cleanup_free char *what = NULL;
	struct storage_check *c = arg;
	struct container *ctr = NULL;
	int r = container_id_valid(id) ? container_open_id(st, id, &ctr, &why) : -EOPNOTSUPP;

	if (r >= 0) {
		check_container(ctr, c);
	} else if (r == -ENOENT) {
		if (is_remainder(st, id))
			storage_check_add(c, DAMAGE_CONTAINER, id, TODO_SWEEP,
					  "it was half made or half removed when its command died");
	} else if (r != -EOPNOTSUPP && has_dir(st, id)) {
		/* A newer cmk may read it. */
		what = xasprintf("its record cannot be read: %s", cmk_err_msg(&why));
		damage(c, id, TODO_REMOVE, what);
		strv_add(&c->containers, id);
	}
	(void)container_free(ctr);
}

/* --- what has no container --- */

static bool is_stray_name(struct storage *st, const char *name,
			  char id[static CONTAINER_ID_LEN + 1])
{
	return container_name_valid(name) && container_name_lookup(st, name, id) == 0 &&
	       !has_dir(st, id);
}

static void check_name(struct storage *st, const char *name, void *arg)
{
	char id[CONTAINER_ID_LEN + 1];

	if (is_stray_name(st, name, id))
		storage_check_add(arg, DAMAGE_CONTAINER_NAME, name, TODO_SWEEP,
				  "its container is not here");
}

/* Another data directory may have its containers in the same run directory: what lives, or may be
 * about to, is its. */
static bool is_stray_run_dir(struct storage *st, const char *id)
{
	cleanup_free char *path = xasprintf("containers/%s", id);
	struct container *c;
	struct stat sb;
	bool stray;

	if (!container_id_valid(id) || has_dir(st, id) ||
	    fstatat(st->run_fd, path, &sb, AT_SYMLINK_NOFOLLOW) < 0 ||
	    time(NULL) - sb.st_mtime < STRAY_AGE_S)
		return false;
	c = xcalloc(1, sizeof(*c));
	c->st = st;
	c->dir_fd = c->lock_fd = -1;
	c->cfg.id = xstrdup(id);
	stray = container_state_load(c, 0, NULL) < 0 || !container_is_active(c);
	(void)container_free(c);
	return stray;
}

static void check_run_dir(struct storage *st, const char *id, void *arg)
{
	if (is_stray_run_dir(st, id))
		storage_check_add(arg, DAMAGE_LEFTOVER, id, TODO_SWEEP,
				  "it is in the run directory and belongs to no container");
}

void container_check(struct storage *st, struct storage_check *c)
{
	each_name(st, st->containers_fd, ".", check_id, c);
	each_name(st, st->container_names_fd, ".", check_name, c);
	each_name(st, st->run_fd, "containers", check_run_dir, c);
}

/* --- sweep --- */

static void sweep_id(struct storage *st, const char *id, void *arg cmk_unused)
{
	cleanup_close int lock = container_id_valid(id) ? container_lock_id(st, id, true, NULL)
							: -1;

	if (lock >= 0 && !container_has_record(st, id))
		(void)container_reap_locked(st, id, NULL, false);
}

static void sweep_name(struct storage *st, const char *name, void *arg cmk_unused)
{
	char id[CONTAINER_ID_LEN + 1];

	if (is_stray_name(st, name, id))
		(void)container_name_remove(st, name, id, NULL);
}

static void sweep_run_dir(struct storage *st, const char *id, void *arg cmk_unused)
{
	cleanup_free char *path = xasprintf("containers/%s", id);

	if (is_stray_run_dir(st, id))
		(void)remove_tree_at(st->run_fd, path, NULL);
}

void container_check_sweep(struct storage *st)
{
	each_name(st, st->containers_fd, ".", sweep_id, NULL);
	each_name(st, st->container_names_fd, ".", sweep_name, NULL);
	each_name(st, st->run_fd, "containers", sweep_run_dir, NULL);
}
