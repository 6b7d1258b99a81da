// SPDX-License-Identifier: Apache-2.0
#include "libpod/record/joins.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/process.h"
#include "libpod/record/internal.h"

static int not_running(const struct container *c, const char *type, struct cmk_err *err)
{
	(void)cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
			   "cannot join the %s namespace of container '%s': container is not "
			   "running: its state is %s",
			   type, c->cfg.name, container_state_name(c->state));
	return cmk_err_hint(err, "start it first: cmk start %s", c->cfg.name) ?: -ESRCH;
}

static int open_container(struct storage *st, const char *id, const char *type, struct cmk_err *err)
{
	struct container *c = NULL;
	struct process_id init;
	int fd, r = container_open_id(st, id, &c, err);

	if (r == -ENOENT) {
		if (err)
			cmk_err_done(err);
		return cmk_err_set(err, r,
				   "the container '%.12s' whose %s namespace is shared is gone", id,
				   type);
	}
	if (r < 0)
		return r;
	init = (struct process_id){ .pid = (pid_t)c->live.init_pid,
				    .start_time = c->live.init_start };
	fd = container_is_active(c) && init.pid > 0 && container_pids_are_ours(c)
		     ? process_id_open(&init)
		     : -ESRCH;
	if (fd < 0)
		fd = not_running(c, type, err);
	(void)container_free(c);
	return fd;
}

static int open_path(const char *path, const char *type, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return cmk_err_errno(err, "%s namespace '%s'", type, path);
	if (fs.f_type != NSFS_MAGIC)
		return cmk_err_set(err, -EINVAL, "%s namespace '%s': not a namespace", type, path);
	return steal_fd(&fd);
}

int container_joins_open(struct storage *st, const struct spec *spec, struct container_joins *ret,
			 struct cmk_err *err)
{
	struct container_joins j = { 0 };

	/* The user namespace stands first, but is joined because of another. */
	for (size_t i = spec->n_namespaces; i-- > 0;) {
		const struct spec_namespace *n = &spec->namespaces[i];
		const char *id = n->path ? str_after(n->path, "container:") : NULL;
		int fd;

		if (!n->path)
			continue;
		fd = id ? open_container(st, id, n->type, err) : open_path(n->path, n->type, err);
		if (fd < 0) {
			container_joins_done(&j);
			return fd;
		}
		j.list = xrealloc(j.list, j.n + 1, sizeof(*j.list));
		j.list[j.n++] = (struct runtime_join){ .type = n->type, .fd = fd, .is_pidfd = id };
	}
	*ret = j;
	return 0;
}

void container_joins_done(struct container_joins *j)
{
	for (size_t i = 0; i < j->n; i++)
		(void)close(j->list[i].fd);
	free(j->list);
	*j = (struct container_joins){ 0 };
}
