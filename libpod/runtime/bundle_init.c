// SPDX-License-Identifier: Apache-2.0
/*
 * Init of a bundle's container, from clone to the point where its root is finished:
 *
 *  1. make mounts private (or what linux.rootfsPropagation says): nothing that follows may reach
 *     the host. Open the root and the sources of bind mounts, while we still are who called
 *  2. ask for the id maps, become root of the user namespace
 *  3. join what can be joined from here, names, cgroup namespace
 *  4. the root, the spec's mounts, devices, terminal; sysctls, then masked and read-only paths
 *  5. hooks, pivot_root(2)
 *  6. bundle_process.c: the rest up to exec
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/runtime/bundle_internal.h"
#include "network/network.h"

#define MOUNTINFO_MAX ((size_t)64 << 20)

static unsigned long propagation(const struct bundle *b)
{
	const char *name = b->rootfs_propagation;

	return name && *name ? bundle_propagation(name) : MS_PRIVATE | MS_REC;
}

static int settle_mounts(const struct bundle *b, struct cmk_err *err)
{
	unsigned long how = propagation(b);

	/* Unbindable ones could not be opened. */
	if (how & MS_UNBINDABLE)
		how = MS_PRIVATE | MS_REC;
	/* A root that is to be shared receives no less than a slave while it is made. */
	if (how & MS_SHARED)
		how = MS_SLAVE;
	if (mount(NULL, "/", NULL, how | MS_REC, NULL) < 0)
		return cmk_err_errno(err, "settle the propagation of mounts");
	return 0;
}

static int become_root(struct runtime_job *job, struct cmk_err *err)
{
	int r = 0;

	if (job->maps_of_init) {
		*job->stage = STAGE_MAPS;
		r = sync_ask_maps(job, err);
	}
	if (r == 0 && spec_makes_namespace(job->spec, "user"))
		r = join_become_root(job->spec, err);
	if (r < 0)
		return r;
	/* From here on, nobody of a pid namespace that we joined may look at us: see join() in
	 * exec.c. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return cmk_err_errno(err, "hide from the container");
	/* Who made us may be killed until we are ready. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return cmk_err_errno(err, "set the parent-death signal");
	return 0;
}

static int set_names(struct runtime_job *job, struct cmk_err *err)
{
	const struct spec *s = job->spec;

	if (s->hostname && *s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
		return cmk_err_errno(err, "set hostname '%s'", s->hostname);
	if (s->domainname && *s->domainname &&
	    setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return cmk_err_errno(err, "set domain name '%s'", s->domainname);
	for (size_t i = 0; i < s->n_namespaces; i++) {
		if (!streq(s->namespaces[i].type, "cgroup"))
			continue;
		if (s->namespaces[i].path ? setns(job->ns_fds[i], CLONE_NEWCGROUP) < 0
					  : unshare(CLONE_NEWCGROUP) < 0)
			return cmk_err_errno(err, "the cgroup namespace");
	}
	if (!spec_makes_namespace(s, "network"))
		return 0;
	*job->stage = STAGE_NETWORK;
	return network_loopback_up(err);
}

/* Put where nothing else is, as attach_root() in init.c does. */
static int mount_root(struct runtime_job *job, struct mount_context *c, struct cmk_err *err)
{
	cleanup_close int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = place < 0 ? -errno : mount_attach(job->root_mnt_fd, place);

	*job->stage = STAGE_ROOTFS;
	if (r < 0)
		return cmk_err_set(err, r, "attach the root file system: %s", errno_text(-r));
	c->root_fd = steal_fd(&job->root_mnt_fd);
	/* pivot_root(2) takes a mount whose parent is not shared. */
	if (mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "make '/' private");
	return 0;
}

/* The host's procfs and sysfs stay below a root that is only moved over them, and the kernel would
 * give new ones, without our masks, to who can see such (mount_too_revealing() of fs/namespace.c).
 * What cannot be taken away is covered. */
static int take_host_pseudo_away(struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	char *save = NULL;
	int r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *type = strstr(line, " - "), *place = line, *end;

		if (!type || (!str_after(type, " - proc ") && !str_after(type, " - sysfs ")))
			continue;
		/* The fifth word. */
		for (int i = 0; i < 4 && place; i++)
			place = strchr(place + (i > 0), ' ');
		end = place ? strchr(place + 1, ' ') : NULL;
		if (!end)
			continue;
		*end = '\0';
		parse_unescape_octal(place + 1);
		/* Those below our new root have the same names here, and are not found by them. */
		if (umount2(place + 1, MNT_DETACH) < 0 && (errno == EPERM || errno == EBUSY) &&
		    mount("tmpfs", place + 1, "tmpfs", MS_RDONLY, "size=0") < 0)
			return cmk_err_errno(err, "--no-pivot: cover the host's '%s'", place + 1);
	}
	return 0;
}

/* On a root that is no mount of a real file system (an initramfs) nothing can be pivoted. */
static int move_root(const struct mount_context *c, struct cmk_err *err)
{
	int r = take_host_pseudo_away(err);

	if (r < 0)
		return r;
	if (fchdir(c->root_fd) < 0)
		return cmk_err_errno(err, "enter the root file system");
	/* It lies over "/" already: mount_root(). */
	if (chroot(".") < 0 || chdir("/") < 0)
		return cmk_err_errno(err, "enter '/'");
	return 0;
}

static int pivot(const struct mount_context *c, struct cmk_err *err)
{
	if (fchdir(c->root_fd) < 0)
		return cmk_err_errno(err, "enter the root file system");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return cmk_err_errno(err, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return cmk_err_errno(err, "detach the host's root");
	if (chdir("/") < 0)
		return cmk_err_errno(err, "enter '/'");
	return 0;
}

static int enter_root(struct runtime_job *job, const struct mount_context *c, struct cmk_err *err)
{
	unsigned long how = propagation(job->bundle->bundle);
	int r;

	*job->stage = STAGE_PIVOT;
	r = job->bundle->no_pivot ? move_root(c, err) : pivot(c, err);
	if (r < 0)
		return r;
	if (how & (MS_SHARED | MS_UNBINDABLE) && mount(NULL, "/", NULL, how, NULL) < 0)
		return cmk_err_errno(err, "linux.rootfsPropagation");
	return 0;
}

static int build_root(struct runtime_job *job, struct mount_context *c, int *ret_slave,
		      struct cmk_err *err)
{
	int r = mount_root(job, c, err);

	*job->stage = STAGE_MOUNTS;
	if (r == 0)
		r = mounts_apply(c, err);
	if (r == 0)
		r = bundle_devices(c, err);
	if (r == 0)
		r = bundle_terminal(job, c, ret_slave, err);
	*job->stage = STAGE_MASKS;
	if (r == 0)
		r = init_finish_root(job, c, err);
	return r == 0 ? enter_root(job, c, err) : r;
}

static bool gid_mapped(const struct spec *s, gid_t gid)
{
	for (size_t i = 0; i < s->n_gid_mappings; i++)
		if (gid - s->gid_mappings[i].container_id < s->gid_mappings[i].size)
			return true;
	return s->n_gid_mappings == 0;
}

static int init_run(struct runtime_job *job, struct cmk_err *err)
{
	struct mount_context c = { .job = job,
				   .root_fd = -1,
				   .dev_fd = -1,
				   .pts_fd = -1,
				   .proc_fd = -1,
				   .tty_gid = gid_mapped(job->spec, 5) ? 5 : (gid_t)-1 };
	int slave = -1, r;

	(void)prctl(PR_SET_NAME, "cmk-container");
	*job->stage = STAGE_ROOTFS;
	r = settle_mounts(job->bundle->bundle, err);
	if (r == 0)
		r = bundle_sources(job, err);
	if (r == 0)
		r = become_root(job, err);
	if (r == 0)
		r = bundle_root_open(job, err);
	if (r == 0)
		r = process_begin(job, err);
	if (r == 0)
		r = bundle_join(job, true, err);
	if (r == 0)
		r = set_names(job, err);
	if (r == 0)
		r = build_root(job, &c, &slave, err);
	if (r < 0)
		return r;
	cleanup_close_fn(&c.dev_fd);
	cleanup_close_fn(&c.pts_fd);
	cleanup_close_fn(&c.proc_fd);
	return bundle_become(job, c.root_fd, slave, err);
}

void bundle_init_main(struct runtime_job *job)
{
	struct cmk_err e = CMK_ERR_INIT;

	(void)init_run(job, &e);
	cmk_err_send(job->sync, &e);
	_exit(125);
}
