// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/record/internal.h"

static int load_id(struct storage *st, const char *id, bool maybe_live, struct container **ret,
		   struct cmk_err *err)
{
	char path[sizeof("/container.json") + CONTAINER_ID_LEN];
	struct container *c = xcalloc(1, sizeof(*c));
	int r;

	c->st = st;
	c->dir_fd = c->lock_fd = -1;
	(void)snprintf(path, sizeof(path), "%s/container.json", id);
	r = container_config_load(st->containers_fd, path, &c->cfg, err);
	if (r < 0)
		goto fail;
	if (!streq(c->cfg.id, id)) {
		r = cmk_err_set(err, -EBADMSG, "record of container '%.12s' is of '%.12s'", id,
				c->cfg.id);
		goto fail;
	}
	r = container_state_load(c, maybe_live ? 0 : STATE_NOT_LIVE, err);
	if (r < 0)
		goto fail;
	*ret = c;
	return 0;
fail:
	(void)container_free(c);
	return r;
}

int container_dir(struct container *c, struct cmk_err *err)
{
	if (c->dir_fd < 0)
		c->dir_fd = openat(c->st->containers_fd, c->cfg.id,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0)
		return cmk_err_errno(err, "open container '%.12s'", c->cfg.id);
	return c->dir_fd;
}

int container_open_id(struct storage *st, const char *id, struct container **ret,
		      struct cmk_err *err)
{
	struct container *c = NULL;
	int r = load_id(st, id, true, &c, err);

	if (r < 0)
		return r;
	r = container_dir(c, err);
	if (r < 0) {
		(void)container_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int container_not_found(const char *name, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "no container with name or ID \"%s\" found: no such container", name);
}

bool container_has_record(struct storage *st, const char *id)
{
	char path[sizeof("/container.json") + CONTAINER_ID_LEN];

	(void)snprintf(path, sizeof(path), "%.64s/container.json", id);
	return faccessat(st->containers_fd, path, F_OK, 0) == 0;
}

int container_gone_or(struct storage *st, const char *id, const char *name, int r,
		      struct cmk_err *err)
{
	if (r >= 0 || !*id || container_has_record(st, id))
		return r;
	return container_not_found(name, err);
}

/* The containers directory, from its beginning, through a description of its own. */
static DIR *open_containers(struct storage *st, struct cmk_err *err)
{
	int fd = openat(st->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		(void)cmk_err_errno(err, "read '%s/containers'", st->root);
		if (fd >= 0)
			(void)close(fd);
	}
	return d;
}

static int lookup_prefix(struct storage *st, const char *prefix,
			 char ret[static CONTAINER_ID_LEN + 1], struct cmk_err *err)
{
	cleanup_dir DIR *d = open_containers(st, err);
	size_t len = strlen(prefix);
	unsigned int found = 0;
	struct dirent *e;

	if (!d)
		return -EIO;
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, prefix, len) != 0 || !container_id_valid(e->d_name) ||
		    !container_has_record(st, e->d_name))
			continue;
		if (found++)
			return cmk_err_set(err, -ENOTUNIQ,
					   "more than one result for container name or ID '%s': "
					   "give more digits",
					   prefix);
		memcpy(ret, e->d_name, CONTAINER_ID_LEN + 1);
	}
	return found ? 0 : container_not_found(prefix, err);
}

int container_open(struct storage *st, const char *name_or_id, struct container **ret,
		   struct cmk_err *err)
{
	const char *name = container_name_bare(name_or_id);
	struct cmk_err e = CMK_ERR_INIT;
	char id[CONTAINER_ID_LEN + 1];
	bool found = false;
	int r = 0;

	/* An exact name beats an ID prefix. */
	if (container_name_valid(name) && container_name_lookup(st, name, id) == 0 &&
	    container_has_record(st, id)) {
		r = container_open_id(st, id, ret, &e);
		/* Else a rename has only begun, or was killed. */
		found = r < 0 || streq((*ret)->cfg.name, name);
		if (!found)
			*ret = container_free(*ret);
	}
	if (!found && !container_id_prefix_valid(name_or_id))
		return container_not_found(name_or_id, err);
	if (!found) {
		r = lookup_prefix(st, name_or_id, id, err);
		if (r < 0)
			return r;
		r = container_open_id(st, id, ret, &e);
	}
	/* Removed while we looked. */
	if (r == -ENOENT) {
		cmk_err_done(&e);
		return container_not_found(name_or_id, err);
	}
	return r < 0 ? cmk_err_move(err, &e) : 0;
}

int container_remove_damaged(struct storage *st, const char *name_or_id, struct cmk_err *err)
{
	const char *name = container_name_bare(name_or_id);
	cleanup_close int lock = -1;
	char id[CONTAINER_ID_LEN + 1];
	const struct container_config cfg = { .id = id };
	int r = -ENOENT;

	if (container_name_valid(name))
		r = container_name_lookup(st, name, id);
	if (r < 0 && !container_id_prefix_valid(name_or_id))
		return container_not_found(name_or_id, err);
	if (r < 0) {
		r = lookup_prefix(st, name_or_id, id, err);
		if (r < 0)
			return r;
	}
	lock = container_lock_id(st, id, true, err);
	if (lock < 0)
		return lock;
	container_remove_stray_group(&cfg);
	return container_erase(st, id, NULL, err);
}

int container_refresh(struct container *c, struct cmk_err *err)
{
	if (!container_has_record(c->st, c->cfg.id))
		return container_not_found(c->cfg.id, err);
	return container_state_load(c, 0, err);
}

struct id_set {
	char (*ids)[CONTAINER_ID_LEN + 1];
	size_t n;
};

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, CONTAINER_ID_LEN);
}

/* Names in RUN/containers: only these can have a live.json. */
static void live_ids(struct storage *st, struct id_set *set)
{
	int fd = openat(st->run_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (strlen(e->d_name) != CONTAINER_ID_LEN)
			continue;
		set->ids = xrealloc(set->ids, set->n + 1, sizeof(*set->ids));
		memcpy(set->ids[set->n++], e->d_name, CONTAINER_ID_LEN + 1);
	}
	if (set->n)
		qsort(set->ids, set->n, sizeof(*set->ids), compare_ids);
}

/* Newest first; equal times by id, so that the order is one. */
static int compare_created(const void *a, const void *b)
{
	const struct container *const *x = a, *const *y = b;
	int r = strcmp((*y)->cfg.created, (*x)->cfg.created);

	return r ? r : strcmp((*x)->cfg.id, (*y)->cfg.id);
}

int container_list(struct storage *st, struct container ***ret, size_t *ret_n, struct cmk_err *err)
{
	cleanup_dir DIR *d = open_containers(st, err);
	struct container **list = NULL;
	struct id_set live = { 0 };
	size_t n = 0, cap = 0;
	struct dirent *e;

	if (!d)
		return -EIO;
	live_ids(st, &live);
	while ((e = readdir(d))) {
		struct cmk_err ce = CMK_ERR_INIT;
		struct container *c = NULL;
		bool maybe_live;
		int r;

		if (!container_id_valid(e->d_name))
			continue;
		maybe_live = live.n &&
			     bsearch(e->d_name, live.ids, live.n, sizeof(*live.ids), compare_ids);
		r = load_id(st, e->d_name, maybe_live, &c, &ce);
		/* No record yet, or no more; a damaged one hides only itself. */
		if (r < 0 && r != -ENOENT)
			log_warn("container '%.12s' is left out: %s", e->d_name, cmk_err_msg(&ce));
		cmk_err_done(&ce);
		if (r < 0)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 32;
			list = xrealloc(list, cap, sizeof(struct container *));
		}
		list[n++] = c;
	}
	free(live.ids);
	if (n)
		qsort(list, n, sizeof(*list), compare_created);
	*ret = list;
	*ret_n = n;
	return 0;
}

void container_list_free(struct container **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)container_free(list[i]);
	free(list);
}
