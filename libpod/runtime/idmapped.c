// SPDX-License-Identifier: Apache-2.0
/* Id-mapped bind mounts (mount_setattr(2), MOUNT_ATTR_IDMAP), which take the caller's own rights
 * over the file system. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/process.h"
#include "libpod/option/optidmap.h"
#include "libpod/runtime/internal.h"

static void cmk_noreturn wait_for_end(int fd)
{
	char c;

	(void)!read(fd, &c, 1);
	_exit(0);
}

/* A user namespace with MAPS: of a child that is gone again. */
static int map_namespace(const struct id_map_pair *maps, struct cmk_err *err)
{
	const struct userns_config c = {
		.mode = USERNS_SUBIDS, .uid = geteuid(), .uids = maps->uids, .gids = maps->gids
	};
	cleanup_close int ns = -1;
	char path[48];
	int p[2], r;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	pid = process_clone3(CLONE_NEWUSER, SIGCHLD, -1, NULL);
	if (pid == 0) {
		(void)close(p[1]);
		wait_for_end(p[0]);
	}
	(void)close(p[0]);
	r = pid < 0 ? cmk_err_set(err, pid, "make a user namespace: %s", errno_text(-pid))
		    : userns_write_parent(pid, &c, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		ns = open(path, O_RDONLY | O_CLOEXEC);
		if (ns < 0)
			r = cmk_err_errno(err, "open '%s'", path);
	}
	(void)close(p[1]);
	if (pid > 0)
		(void)process_reap(pid);
	return r < 0 ? r : steal_fd(&ns);
}

static int clone_source(int dirfd, const char *source, bool deep, struct cmk_err *err)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (deep ? AT_RECURSIVE : 0) |
			     (*source ? 0 : AT_EMPTY_PATH);
	int mnt = open_tree(dirfd, source, flags);

	return mnt < 0 ? cmk_err_errno(err, "bind source '%s'", source) : mnt;
}

static int set_map(int mnt, const char *source, const struct id_map_pair *maps, bool all,
		   struct cmk_err *err)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP };
	cleanup_close int ns = map_namespace(maps, err);

	if (ns < 0)
		return ns;
	a.userns_fd = (uint64_t)ns;
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
		return cmk_err_errno(err, "idmapped mount of '%s'", source);
	return 0;
}

int idmapped_mount(int dirfd, const char *source, const struct id_map_pair *maps, bool deep,
		   bool all, struct cmk_err *err)
{
	cleanup_close int mnt = clone_source(dirfd, source, deep, err);
	int r = mnt < 0 ? mnt : set_map(mnt, source, maps, all, err);

	return r < 0 ? r : steal_fd(&mnt);
}

/* --- of our own containers ---------------------------------------------------------------------
 */

/* The container's map against the host's ids: what stands in the specification leads to the parent
 * namespace. */
static int host_map(const struct spec_id_mapping *m, size_t n, const struct id_map *all,
		    const struct id_map *parent, struct id_map *ret)
{
	struct id_map given = { 0 }, split = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		id_map_add(&given, m[i].container_id, m[i].host_id, m[i].size);
	r = id_map_split(n ? &given : all, parent, &split);
	for (size_t i = 0; r == 0 && i < split.n; i++)
		id_map_add(ret, split.range[i].inside,
			   id_map_to_outside(parent, split.range[i].outside), split.range[i].count);
	id_map_done(&given);
	id_map_done(&split);
	return r;
}

static int host_maps(const struct runtime_job *job, struct id_map_pair *ret, struct cmk_err *err)
{
	const struct spec *s = job->spec;
	struct id_map uids = { 0 }, gids = { 0 };
	int r = userns_identity(job->userns, &uids, &gids);

	if (r == 0)
		r = host_map(s->uid_mappings, s->n_uid_mappings, &uids, &job->userns->uids,
			     &ret->uids);
	if (r == 0)
		r = host_map(s->gid_mappings, s->n_gid_mappings, &gids, &job->userns->gids,
			     &ret->gids);
	id_map_done(&uids);
	id_map_done(&gids);
	return r < 0 ? cmk_err_set(err, r, "map the container's ids: %s", errno_text(-r)) : 0;
}

/* COUNT ids from RANGE's on, which are of the container's map ALL, added to *RET as the host's. */
static int add_relative(const struct opt_idmap_range *range, const struct id_map *all,
			struct id_map *ret)
{
	uint32_t done = 0;

	while (done < range->count) {
		uint32_t inside = range->to + done, n = 0;

		for (size_t i = 0; i < all->n && n == 0; i++) {
			const struct id_range *in = &all->range[i];

			if (inside < in->inside || inside - in->inside >= in->count)
				continue;
			n = MIN(range->count - done, in->count - (inside - in->inside));
			id_map_add(ret, range->file + done, in->outside + (inside - in->inside), n);
		}
		if (n == 0)
			return -ERANGE;
		done += n;
	}
	return 0;
}

static int own_map(const struct opt_idmap_range *list, size_t n, const struct id_map *all,
		   struct id_map *ret, struct cmk_err *err)
{
	if (n == 0)
		for (size_t i = 0; i < all->n; i++)
			id_map_add(ret, all->range[i].inside, all->range[i].outside,
				   all->range[i].count);
	for (size_t i = 0; i < n; i++) {
		if (!list[i].relative)
			id_map_add(ret, list[i].file, list[i].to, list[i].count);
		else if (add_relative(&list[i], all, ret) < 0)
			return cmk_err_set(err, -ERANGE,
					   "idmap: not all ids from '@%u-%u-%u' on are mapped in "
					   "the container",
					   list[i].file, list[i].to, list[i].count);
	}
	return 0;
}

/* The map that TEXT says; ALL is the container's. */
static int own_maps(const char *text, const struct id_map_pair *all, struct id_map_pair *ret,
		    struct cmk_err *err)
{
	struct opt_idmap m = { 0 };
	int r = opt_idmap_parse(text, &m, err);

	if (r == 0)
		r = own_map(m.uids, m.n_uids, &all->uids, &ret->uids, err);
	if (r == 0)
		r = own_map(m.gids, m.n_gids, &all->gids, &ret->gids, err);
	opt_idmap_done(&m);
	return r;
}

/* What mount_prepare() would do, here: before the map, since through it nobody owns those files
 * whose ids it does not have. */
static int relabel(int mnt, const struct spec *s, struct mount_options *o, struct cmk_err *err)
{
	int r = o->relabel_shared || o->relabel_private
			? label_source(mnt, s, o->relabel_shared, err)
			: 0;

	if (o->late_read_only)
		o->set |= MOUNT_ATTR_RDONLY;
	return r;
}

static int make_mount(const struct spec *s, const struct spec_mount *m,
		      const struct mount_options *given, const struct id_map_pair *maps,
		      struct cmk_err *err)
{
	struct mount_options o = *given;
	cleanup_close int sub = -1, mnt = -1;
	int r;

	if (o.subpath) {
		sub = subpath_open(m->source, o.subpath, err);
		if (sub < 0)
			return sub;
	}
	mnt = clone_source(sub, o.subpath ? "" : m->source, o.recursive, err);
	if (mnt < 0)
		return mnt;
	r = relabel(mnt, s, &o, err);
	if (r == 0)
		r = set_map(mnt, m->source, maps, true, err);
	if (r < 0)
		return r;
	r = mount_set_options(mnt, &o);
	if (r < 0)
		return cmk_err_set(err, r, "options of bind mount '%s': %s", m->source,
				   errno_text(-r));
	return steal_fd(&mnt);
}

static int make_one(const struct spec *s, const struct spec_mount *m, const struct mount_options *o,
		    const struct id_map_pair *all, struct cmk_err *err)
{
	struct id_map_pair own = { 0 };
	int r;

	if (!o->idmap_own)
		return make_mount(s, m, o, all, err);
	r = own_maps(o->idmap_own, all, &own, err);
	if (r == 0)
		r = make_mount(s, m, o, &own, err);
	id_map_pair_done(&own);
	return r;
}

int idmapped_prepare(struct runtime_job *job, struct cmk_err *err)
{
	struct id_map_pair maps = { 0 };
	int r = 0;

	/* Nobody else owns a file system of the host. */
	for (size_t i = 0; geteuid() == 0 && r >= 0 && i < job->spec->n_mounts; i++) {
		const struct spec_mount *m = &job->spec->mounts[i];
		cleanup(mount_options_done) struct mount_options o = { 0 };

		if (!strv_has(m->options, "x-cmk.idmap"))
			continue;
		if (maps.uids.n == 0)
			r = host_maps(job, &maps, err);
		if (r >= 0)
			r = mount_options_parse(m->options, &o, err);
		if (r < 0)
			break;
		job_need_made(job);
		r = job->made[i] = make_one(job->spec, m, &o, &maps, err);
		/* Root of a user namespace: said where it is tried once more. */
		if (r == -EPERM) {
			if (err)
				cmk_err_done(err);
			job->made[i] = -1;
			r = 0;
		}
		if (r < 0)
			r = cmk_err_wrap(err, r, "mount '%s'", m->destination);
	}
	id_map_pair_done(&maps);
	return r < 0 ? r : 0;
}
