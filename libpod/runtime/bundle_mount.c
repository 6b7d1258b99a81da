// SPDX-License-Identifier: Apache-2.0
/* What a bundle's mounts need beyond mounts.c, and its terminal beyond dev.c. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/process.h"
#include "libpod/runtime/bundle_internal.h"

static bool is_bind(const struct spec_mount *m)
{
	return streq_null(m->type, "bind") || strv_has(m->options, "bind") ||
	       strv_has(m->options, "rbind");
}

/* --- id-mapped mounts --------------------------------------------------------------------------
 */

static bool is_idmapped(const struct runtime_job *job, size_t i)
{
	const struct spec_mount *m = &job->spec->mounts[i];

	return job->bundle->bundle->mounts[i].n_uids > 0 || strv_has(m->options, "idmap") ||
	       strv_has(m->options, "ridmap");
}

static void add_maps(struct id_map *m, const struct spec_id_mapping *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		id_map_add(m, list[i].container_id, list[i].host_id, list[i].size);
}

static int idmapped(struct runtime_job *job, size_t i, struct cmk_err *err)
{
	const struct spec_mount *m = &job->spec->mounts[i];
	const struct bundle_mount *own = &job->bundle->bundle->mounts[i];
	struct id_map_pair maps = { 0 };
	int r;

	if (!is_bind(m))
		return cmk_err_set(err, -EOPNOTSUPP,
				   "id-mapped mounts other than bind mounts are "
				   "not supported");
	if (own->n_uids > 0) {
		add_maps(&maps.uids, own->uids, own->n_uids);
		add_maps(&maps.gids, own->gids, own->n_gids);
	} else {
		add_maps(&maps.uids, job->spec->uid_mappings, job->spec->n_uid_mappings);
		add_maps(&maps.gids, job->spec->gid_mappings, job->spec->n_gid_mappings);
	}
	if (maps.uids.n == 0 || maps.gids.n == 0)
		r = cmk_err_set(err, -EINVAL,
				"idmap without mappings of its own or of the "
				"container");
	else
		r = idmapped_mount(AT_FDCWD, m->source ? m->source : "", &maps,
				   strv_has(m->options, "rbind"), strv_has(m->options, "ridmap"),
				   err);
	id_map_pair_done(&maps);
	if (r == -EPERM)
		(void)cmk_err_hint(err, "the kernel gives it only to who owns the file "
					"system, mostly the host's root");
	return r;
}

int bundle_idmapped(struct runtime_job *job, struct cmk_err *err)
{
	for (size_t i = 0; i < job->spec->n_mounts; i++) {
		if (!is_idmapped(job, i))
			continue;
		job_need_made(job);
		job->made[i] = idmapped(job, i, err);
		if (job->made[i] < 0)
			return cmk_err_wrap(err, job->made[i], "mounts[%zu]: '%s'", i,
					    job->spec->mounts[i].destination);
	}
	return 0;
}

/* --- the root and sources ----------------------------------------------------------------------
 */

static int open_source(struct runtime_job *job, size_t i, struct cmk_err *err)
{
	const struct spec_mount *m = &job->spec->mounts[i];
	cleanup(mount_options_done) struct mount_options o = { 0 };
	const struct mount_context c = { .job = job };
	cleanup_close int mnt = -1;
	int r = mount_options_parse(m->options, &o, err);

	if (r < 0)
		return r;
	o.strict = job->bundle->no_mount_fallback;
	/* An id-mapped one is there, and gets what else was asked for. */
	if (job->made && job->made[i] >= 0) {
		r = mount_set_options(job->made[i], &o);
		return r < 0 ? cmk_err_set(err, r, "mount options: %s", errno_text(-r)) : 0;
	}
	mnt = mount_make(m, &o, &c, err);
	/* Closed to who called, perhaps not to the container's root: mounts_apply() tries again. */
	if (mnt == -EACCES) {
		if (err)
			cmk_err_done(err);
		return 0;
	}
	if (mnt < 0)
		return mnt;
	job_need_made(job);
	job->made[i] = steal_fd(&mnt);
	return 0;
}

int bundle_root_open(struct runtime_job *job, struct cmk_err *err)
{
	if (job->root_mnt_fd < 0)
		job->root_mnt_fd = open_tree(AT_FDCWD, job->bundle->bundle->rootfs,
					     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	return job->root_mnt_fd < 0
		       ? cmk_err_errno(err, "root.path: '%s'", job->bundle->bundle->rootfs)
		       : 0;
}

int bundle_sources(struct runtime_job *job, struct cmk_err *err)
{
	bool reach = job->maps_of_init;
	int r = bundle_root_open(job, err);

	if (r == -EACCES && reach && err)
		cmk_err_done(err);
	else if (r < 0)
		return r;
	for (size_t i = 0; i < job->spec->n_mounts; i++) {
		bool made = job->made && job->made[i] >= 0;

		if (!made && !(reach && is_bind(&job->spec->mounts[i])))
			continue;
		/* What is mounted there first belongs to it. */
		if (!made && bundle_inside(job->bundle->bundle, job->spec->mounts[i].source))
			continue;
		r = open_source(job, i, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "mount '%s'", job->spec->mounts[i].destination);
	}
	return 0;
}

/* --- the terminal ------------------------------------------------------------------------------
 */

int bundle_terminal(struct runtime_job *job, struct mount_context *c, int *ret_slave,
		    struct cmk_err *err)
{
	cleanup_close int master = -1, dev = -1;
	char msg = SYNC_CONSOLE;
	int r;

	if (!job->process->terminal)
		return 0;
	*job->stage = STAGE_TERMINAL;
	dev = root_open(c->root_fd, "dev", O_PATH | O_DIRECTORY);
	r = dev_open_pty(job, c->pts_fd, c->root_fd, dev, &master, ret_slave, err);
	return r < 0 ? r : sync_send(job->sync, &msg, 1, master, err);
}
