// SPDX-License-Identifier: Apache-2.0
/*
 * A container has the name that its record says; links in container-names are only the way from a
 * name to an id, and one that its container's record does not confirm is stale. So a rename is the
 * one rename(2) of the record; the new link is made before it, the old one removed after it, and
 * ID/renaming, a link to "OLD/NEW", leads to whichever of the two a killed command left.
 */
#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/events/events.h"
#include "libpod/record/internal.h"

#define RENAMING "renaming"

static int mark(struct container *c, const char *name, struct cmk_err *err)
{
	cleanup_free char *both = xasprintf("%s/%s", c->cfg.name, name);

	if (symlinkat(both, c->dir_fd, RENAMING) < 0)
		return cmk_err_errno(err, "rename container '%s'", c->cfg.name);
	/* Before the new name is on disk, or a power cut could leave it with nothing leading there.
	 */
	if (!c->cfg.remove && fsync(c->dir_fd) < 0)
		return cmk_err_errno(err, "sync container '%s'", c->cfg.name);
	return 0;
}

/* The name's directory entry has to be there after a power cut, before the record says so. */
static int sync_names(struct storage *st, struct cmk_err *err)
{
	cleanup_close int fd = openat(st->container_names_fd, ".",
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return cmk_err_errno(err, "sync the directory of names");
	return 0;
}

void container_rename_finish(struct storage *st, const char *id, const char *name)
{
	char path[CONTAINER_ID_LEN + sizeof("/" RENAMING)], both[512], *other;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/" RENAMING, id);
	n = readlinkat(st->containers_fd, path, both, sizeof(both) - 1);
	if (n < 0)
		return;
	both[n] = '\0';
	other = strchr(both, '/');
	if (other) {
		*other++ = '\0';
		if (!name || !streq(both, name))
			(void)container_name_remove(st, both, id, NULL);
		if (!name || !streq(other, name))
			(void)container_name_remove(st, other, id, NULL);
	}
	(void)unlinkat(st->containers_fd, path, 0);
}

int container_rename_repair(struct container *c, struct cmk_err *err)
{
	char path[CONTAINER_ID_LEN + sizeof("/" RENAMING)], id[CONTAINER_ID_LEN + 1];
	bool half;
	int r;

	(void)snprintf(path, sizeof(path), "%s/" RENAMING, c->cfg.id);
	half = faccessat(c->st->containers_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (!half && container_name_lookup(c->st, c->cfg.name, id) == 0 && streq(id, c->cfg.id))
		return 0;
	r = container_config_reload(c, err);
	if (r == 0 && half)
		container_rename_finish(c->st, c->cfg.id, c->cfg.name);
	return r;
}

static int rename_locked(struct container *c, const char *name, struct cmk_err *err)
{
	cleanup_free char *old = NULL;
	int r = container_dir(c, err);

	if (r >= 0)
		r = mark(c, name, err);
	if (r < 0)
		return r;
	r = container_name_claim(c->st, name, c->cfg.id, err);
	if (r == 0 && !c->cfg.remove)
		r = sync_names(c->st, err);
	if (r == 0) {
		old = c->cfg.name;
		c->cfg.name = xstrdup(name);
		r = container_config_save(c->dir_fd, &c->cfg, !c->cfg.remove, err);
		if (r < 0) {
			free(c->cfg.name);
			c->cfg.name = steal_ptr(&old);
		}
	}
	container_rename_finish(c->st, c->cfg.id, c->cfg.name);
	return r;
}

int container_rename(struct container *c, const char *name, struct cmk_err *err)
{
	cleanup_close int lock = -1;
	struct event e;
	int r;

	name = container_name_bare(name);
	if (!container_name_valid(name))
		return cmk_err_set(err, -EINVAL,
				   "container name '%s': names match [a-zA-Z0-9][a-zA-Z0-9_.-]*: "
				   "invalid argument",
				   name);
	lock = container_lock(c, err);
	if (lock < 0)
		return lock;
	/* Its other members may have been changed as well. */
	r = container_config_reload(c, err);
	if (r < 0)
		return r;
	if (!streq(c->cfg.name, name)) {
		r = rename_locked(c, name, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "rename container '%s'", c->cfg.name);
	}
	e = event_of_container(&c->cfg, "rename");
	event_write(c->st, &e);
	return 0;
}
