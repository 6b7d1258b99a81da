// SPDX-License-Identifier: Apache-2.0
/*
 * The container's init, from clone to the point where its root is finished. In this order:
 *
 *  1. wait for the id maps: before them every id is the overflow id and nothing may be mounted
 *     (what is joined was joined by the set-up process, which may: join.c, outside.c)
 *  2. make mounts private: nothing that follows may reach the host
 *  3. mount the root file system; tap device, loopback (the host's /dev is seen until step 6)
 *  4. the spec's mounts, /dev, the terminal; a new procfs and sysfs are given only while the host's
 *     are in sight
 *  5. sysctls, then masked and read-only paths, which would be in their way
 *  6. read-only root, hooks, pivot_root(2), detach the old root
 *  7. process.c: user, working directory, limits, capabilities, no_new_privs, seccomp, exec
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/runtime/internal.h"
#include "network/network.h"

static int wait_for_maps(int fd, struct cmk_err *err)
{
	char c;

	if (read_full(fd, &c, 1) != 1)
		return cmk_err_set(err, -ECHILD, "the set-up process died");
	(void)close(fd);
	return 0;
}

/* Made outside. Put where nothing else is, on the root directory: that can always be reached, the
 * place where it was made perhaps not. */
static int attach_root(struct runtime_job *job, struct mount_context *c, struct cmk_err *err)
{
	cleanup_close int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = place < 0 ? -errno : mount_attach(job->root_mnt_fd, place);

	if (r < 0)
		return cmk_err_set(err, r, "attach the root file system: %s", errno_text(-r));
	c->root_fd = steal_fd(&job->root_mnt_fd);
	/* pivot_root(2) takes a mount whose parent is not shared. */
	if (mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "make '/' private");
	return 0;
}

static int mount_root(struct runtime_job *job, struct mount_context *c, struct cmk_err *err)
{
	const struct rootfs_plan *plan = job->create->rootfs;
	unsigned long how = spec_wants_propagation(job->spec) ? MS_SLAVE : MS_PRIVATE;
	int r;

	*job->stage = STAGE_ROOTFS;
	if (mount(NULL, "/", NULL, MS_REC | how, NULL) < 0)
		return cmk_err_errno(err, "make mounts private");
	if (job->root_mnt_fd >= 0)
		return attach_root(job, c, err);
	r = storage_rootfs_mount(plan, err);
	if (r < 0)
		return r;
	c->root_fd = open(plan->merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root_fd < 0)
		return cmk_err_errno(err, "open root file system '%s'", plan->merged);
	/* pivot_root(2) takes a mount whose parent is not shared. */
	if (how == MS_SLAVE && mount(NULL, plan->merged, NULL, MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "make '%s' private", plan->merged);
	return 0;
}

static int set_up_network(struct runtime_job *job, struct cmk_err *err)
{
	cleanup_close int tap = -1;
	char msg = SYNC_TAP;
	int r;

	if (!spec_makes_namespace(job->spec, "network"))
		return 0;
	*job->stage = STAGE_NETWORK;
	if (!job->create->want_tap)
		return network_loopback_up(err);
	tap = network_tap_open(err);
	if (tap < 0)
		return tap;
	r = network_tap_configure(err);
	return r < 0 ? r : sync_send(job->sync, &msg, 1, tap, err);
}

/* What is mounted at /run is not ours to write to, but for a tmpfs. */
static bool run_is_mounted(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (streq(m->destination, "/run") && m->type && !streq(m->type, "tmpfs"))
			return true;
	}
	return false;
}

/* Files that programs look for, where the image has none. */
void init_add_files(int root_fd, const struct spec *s)
{
	cleanup_close int etc = root_open(root_fd, "etc", O_PATH | O_DIRECTORY), env = -1;

	if (etc >= 0)
		(void)symlinkat("../proc/mounts", etc, "mtab");
	if (!run_is_mounted(s))
		env = root_open_target(root_fd, "run/.containerenv", false, NULL, NULL);
}

static int open_terminal(struct runtime_job *job, const struct mount_context *c, int *ret_slave,
			 struct cmk_err *err)
{
	cleanup_close int master = -1;
	char msg = SYNC_CONSOLE;
	int r;

	if (!job->process->terminal)
		return 0;
	*job->stage = STAGE_TERMINAL;
	r = dev_open_pty(job, c->pts_fd, c->root_fd, c->dev_fd, &master, ret_slave, err);
	return r < 0 ? r : sync_send(job->sync, &msg, 1, master, err);
}

/* Our init as a mount of its own that is read-only and has no place: /proc/1/exe leads to nothing
 * that can be written (CVE-2019-5736). */
static int open_init(struct runtime_job *job, struct cmk_err *err)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };

	if (!job->init_path)
		return 0;
	if (job->init_exec_fd < 0)
		job->init_exec_fd = open_tree(AT_FDCWD, job->init_path,
					      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (job->init_exec_fd < 0 ||
	    mount_setattr(job->init_exec_fd, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
		return cmk_err_errno(err, "'%s' for --init", job->init_path);
	return 0;
}

static int pivot(struct runtime_job *job, const struct mount_context *c, struct cmk_err *err)
{
	*job->stage = STAGE_PIVOT;
	if (fchdir(c->root_fd) < 0)
		return cmk_err_errno(err, "enter the root file system");
	/* Both at once: the old root comes to lie on top of the new one, and goes. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return cmk_err_errno(err, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return cmk_err_errno(err, "detach the host's root");
	if (chdir("/") < 0)
		return cmk_err_errno(err, "enter '/'");
	return 0;
}

static int set_names(struct runtime_job *job, struct cmk_err *err)
{
	const struct spec *s = job->spec;

	if (s->hostname && spec_makes_namespace(s, "uts") &&
	    sethostname(s->hostname, strlen(s->hostname)) < 0)
		return cmk_err_errno(err, "set hostname '%s'", s->hostname);
	if (s->domainname && spec_makes_namespace(s, "uts") &&
	    setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return cmk_err_errno(err, "set domain name '%s'", s->domainname);
	if (spec_makes_namespace(s, "cgroup") && unshare(CLONE_NEWCGROUP) < 0)
		return cmk_err_errno(err, "make a cgroup namespace");
	return join_cgroup(job, err);
}

/* Asks the monitor for the hooks that belong there, then calls those that see both the container's
 * namespaces and the host's files. */
static int call_hooks(struct runtime_job *job, struct cmk_err *err)
{
	const struct spec_hook_list *h = job->spec->hooks;
	cleanup_free char *bundle = NULL;
	struct hook_state state;
	struct sync_pid answer;
	char ask = SYNC_HOOKS;
	int fd, r;

	if (!h[HOOK_PRESTART].n && !h[HOOK_CREATE_RUNTIME].n && !h[HOOK_CREATE_CONTAINER].n &&
	    !h[HOOK_START_CONTAINER].n)
		return 0;
	*job->stage = STAGE_HOOKS;
	r = sync_send(job->sync, &ask, 1, -1, err);
	if (r < 0)
		return r;
	if (sync_recv(job->sync, &answer, sizeof(answer), &fd) != sizeof(answer) ||
	    answer.type != SYNC_HOOKS)
		_exit(125);
	job->host_pid = answer.pid;
	state = job_hook_state(job, "creating", answer.pid, &bundle);
	return hooks_run(job->spec, HOOK_CREATE_CONTAINER, &state, err);
}

int init_finish_root(struct runtime_job *job, struct mount_context *c, struct cmk_err *err)
{
	int r = sysctls_apply(c, err);

	if (r == 0)
		r = masks_apply(c, err);
	if (r == 0)
		r = mounts_read_only(c, err);
	return r == 0 ? call_hooks(job, err) : r;
}

static int build_root(struct runtime_job *job, struct mount_context *c, int *ret_slave,
		      struct cmk_err *err)
{
	int r = mount_root(job, c, err);

	if (r == 0)
		r = set_up_network(job, err);
	if (r == 0)
		r = set_names(job, err);
	if (r == 0)
		r = open_init(job, err);
	*job->stage = STAGE_MOUNTS;
	if (r == 0)
		r = mounts_apply(c, err);
	if (r < 0)
		return r;
	init_add_files(c->root_fd, c->job->spec);
	r = passwd_apply(job, c->root_fd, err);
	if (r < 0)
		return r;
	r = open_terminal(job, c, ret_slave, err);
	*job->stage = STAGE_MASKS;
	if (r == 0)
		r = init_finish_root(job, c, err);
	return r == 0 ? pivot(job, c, err) : r;
}

static bool gid_mapped(const struct runtime_job *job, gid_t gid)
{
	const struct spec *s = job->spec;

	if (s->n_gid_mappings == 0)
		return id_map_to_outside(&job->userns->gids, gid) != UINT32_MAX;
	for (size_t i = 0; i < s->n_gid_mappings; i++)
		if (gid - s->gid_mappings[i].container_id < s->gid_mappings[i].size)
			return true;
	return false;
}

static int init_run(struct runtime_job *job, int maps_fd, struct cmk_err *err)
{
	struct mount_context c = { .job = job,
				   .root_fd = -1,
				   .dev_fd = -1,
				   .pts_fd = -1,
				   .proc_fd = -1,
				   .tty_gid = (gid_t)-1 };
	int slave = -1, r;

	*job->stage = STAGE_MAPS;
	(void)prctl(PR_SET_NAME, "cmk-container");
	r = wait_for_maps(maps_fd, err);
	if (r == 0)
		r = join_become_root(job->spec, err);
	if (r < 0)
		return r;
	r = process_begin(job, err);
	if (r < 0)
		return r;
	if (gid_mapped(job, 5))
		c.tty_gid = 5;
	r = build_root(job, &c, &slave, err);
	if (r < 0)
		return r;
	cleanup_close_fn(&c.dev_fd);
	cleanup_close_fn(&c.pts_fd);
	cleanup_close_fn(&c.proc_fd);
	return process_become(job, c.root_fd, slave, err);
}

void init_main(struct runtime_job *job, int maps_fd)
{
	struct cmk_err e = CMK_ERR_INIT;

	(void)init_run(job, maps_fd, &e);
	cmk_err_send(job->sync, &e);
	_exit(125);
}
