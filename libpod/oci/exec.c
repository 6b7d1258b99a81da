// SPDX-License-Identifier: Apache-2.0
/* One more process in a container. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/selinux.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/oci/internal.h"

#define PROCESS_MAX ((size_t)4 << 20)

static int parse_user(const char *text, struct spec_user *u, struct cmk_err *err)
{
	cleanup_free char *uid = xstrndup(text, strcspn(text, ":"));
	const char *gid = strchr(text, ':');

	if (parse_u32(uid, UINT32_MAX - 1, &u->uid) < 0 ||
	    (gid && parse_u32(gid + 1, UINT32_MAX - 1, &u->gid) < 0))
		return cmk_err_set(err, -EINVAL, "--user '%s': not UID[:GID]", text);
	return 0;
}

static int add_gids(char *const *list, struct spec_user *u, struct cmk_err *err)
{
	for (; list && *list; list++) {
		uint32_t gid;

		if (parse_u32(*list, UINT32_MAX - 1, &gid) < 0)
			return cmk_err_set(err, -EINVAL, "--additional-gids '%s': no group id",
					   *list);
		u->additional_gids = xrealloc(u->additional_gids, u->n_additional_gids + 1,
					      sizeof(*u->additional_gids));
		u->additional_gids[u->n_additional_gids++] = gid;
	}
	return 0;
}

/* To what the command may have; ambient only where it is inheritable, as with runc. */
static void add_caps(char *const *list, struct spec_capabilities *caps)
{
	for (; list && *list; list++) {
		char *const one[] = { *list, NULL };
		char ***sets[] = { &caps->bounding, &caps->effective, &caps->permitted,
				   &caps->ambient };
		uint64_t bit = spec_caps_mask(one);
		bool inherits = spec_caps_mask(caps->inheritable) & bit;

		if (!bit)
			log_warn("--cap: '%s' is unknown here, and not given", *list);
		for (size_t i = 0; bit && i < (inherits ? 4 : 3); i++)
			if (!strv_has(*sets[i], *list))
				strv_add(sets[i], *list);
	}
}

/* The container's own process, with what was given in place of what it has. */
static int adapt(const struct oci_exec *a, struct spec_process *p, struct cmk_err *err)
{
	int r;

	if (a->args && *a->args) {
		(void)strv_free(p->args);
		p->args = strv_dup(a->args);
	}
	if (a->cwd) {
		free(p->cwd);
		p->cwd = xstrdup(a->cwd);
	}
	for (char *const *e = a->env; e && *e; e++) {
		if (!strchr(*e, '='))
			return cmk_err_set(err, -EINVAL, "--env '%s' has no '='", *e);
		strv_env_set(&p->env, *e);
	}
	if (a->apparmor) {
		free(p->apparmor_profile);
		p->apparmor_profile = xstrdup(a->apparmor);
	}
	if (a->label && *a->label) {
		if (!selinux_enabled())
			return cmk_err_set(err, -EOPNOTSUPP,
					   "--process-label: SELinux is not enabled on this host");
		free(p->selinux_label);
		p->selinux_label = xstrdup(a->label);
	}
	r = a->user ? parse_user(a->user, &p->user, err) : 0;
	if (r == 0)
		r = add_gids(a->additional_gids, &p->user, err);
	add_caps(a->caps, &p->caps);
	p->no_new_privileges |= a->no_new_privs;
	return r;
}

static int read_process(const struct oci_exec *a, struct bundle *b, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	if (!a->process_file) {
		/* Its size and terminal were the first process's. */
		b->spec->process.terminal = a->tty;
		b->spec->process.rows = b->spec->process.columns = 0;
		return adapt(a, &b->spec->process, err);
	}
	r = file_read_at(AT_FDCWD, a->process_file, PROCESS_MAX, &text, &len, err);
	if (r == 0)
		r = bundle_process_replace(b, text, len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "--process '%s'", a->process_file);
	bundle_warn_of_caps(&b->spec->process);
	b->spec->process.terminal |= a->tty;
	return adapt(a, &b->spec->process, err);
}

static int check_status(const struct oci_container *c, const struct oci_exec *a,
			struct cmk_err *err)
{
	enum oci_status s = oci_container_status(c);

	if (s == OCI_RUNNING || s == OCI_CREATED || (s == OCI_PAUSED && a->ignore_paused))
		return 0;
	if (s == OCI_PAUSED)
		return cmk_err_kind(
			err, CMK_ERR_STATE, -EINVAL,
			"cannot exec in a paused container: '%s' is paused, not running",
			c->rec.id);
	return oci_wrong_status(c, "running", err);
}

static bool leads_up(const char *path)
{
	cleanup_strv char **parts = strv_split(path, '/');

	return strv_has(parts, "..");
}

/* *GROUP becomes the one below it that --cgroup names. */
static int enter_child(const struct oci_container *c, const char *path, int *group,
		       struct cmk_err *err)
{
	cleanup_free char *full = NULL;
	int fd;

	if (leads_up(path))
		return cmk_err_set(err, -EINVAL, "--cgroup: bad sub cgroup path '%s'", path);
	if (*group < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "--cgroup: container '%s' has no control group", c->rec.id);
	path += strspn(path, "/");
	if (!*path)
		return 0;
	full = xasprintf("%s/%s", c->rec.cgroup, path);
	fd = cgroup_open(c->rec.cgroup_mount, full);
	if (fd < 0)
		return cmk_err_set(err, fd, "--cgroup '%s': adding pid %d to cgroups: %s", path,
				   (int)getpid(), errno_text(-fd));
	(void)close(*group);
	*group = fd;
	return 0;
}

/* The directory of the fifo PATH, whose name there is *RET_NAME. */
static int open_wait_fifo(const char *path, const char **ret_name, struct cmk_err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *above = slash ? xstrndup(path, MAX((size_t)(slash - path), 1))
					 : xstrdup(".");
	cleanup_close int dir = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	*ret_name = slash ? slash + 1 : path;
	if (dir < 0 || fstatat(dir, *ret_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "--exec-wait-fifo: failed to open exec wait fifo '%s'",
				     path);
	if (!S_ISFIFO(st.st_mode))
		return cmk_err_set(err, -EINVAL, "--exec-wait-fifo: '%s' is not a fifo", path);
	return steal_fd(&dir);
}

static int start(const struct oci_container *c, const struct oci_exec *a, struct bundle *b,
		 struct runtime_container *ret, struct cmk_err *err)
{
	const struct process_id init = oci_container_init(c);
	struct bundle_args args = { .bundle = b,
				    .process = &b->spec->process,
				    .id = c->rec.id,
				    .start_fd = -1,
				    .target = init.pid };
	cleanup_close int pidfd = process_id_open(&init), group = oci_container_group(c);
	cleanup_close int cache = -1, other = -1, dir = -1;
	cleanup_free int *preserve = NULL;
	int r = 0;

	if (pidfd < 0)
		return oci_wrong_status(c, "running", err);
	if (b->spec->process.terminal && a->detach && !a->console_socket)
		return cmk_err_set(err, -EINVAL,
				   "a terminal, and nobody is there to take it: name "
				   "a --console-socket");
	/* The container may have made groups below its own, and moved to one: then its own takes
	 * no processes any more. Or it has left it altogether. */
	if (a->cgroup)
		r = enter_child(c, a->cgroup, &group, err);
	else if (c->rec.cgroup_mount)
		other = cgroup_open_of(c->rec.cgroup_mount, init.pid);
	if (r == 0)
		r = oci_preserve_fds(a->preserve_fds, &preserve, &args.n_preserve_fds, err);
	if (r == 0 && a->wait_fifo)
		r = dir = open_wait_fifo(a->wait_fifo, &args.fifo_name, err);
	if (r < 0)
		return r;
	args.fifo_dirfd = dir;
	args.preserve_fds = preserve;
	args.target_pidfd = pidfd;
	args.cgroup_fd = group >= 0 ? group : c->rec.cgroup ? other : -1;
	args.other_cgroup_fd = other;
	args.seccomp_dirfd = -1;
	if (b->seccomp)
		args.seccomp_dirfd = cache = open_dir_at(c->root_fd, ".seccomp", 0700, NULL);
	return bundle_exec(&args, ret, err);
}

static int attend(const struct oci_exec *a, struct runtime_container *run, struct cmk_err *err)
{
	int r = 0;

	if (run->console_fd >= 0 && a->console_socket) {
		r = oci_console_send(a->console_socket, run->console_fd, err);
		(void)close(steal_fd(&run->console_fd));
	}
	if (r == 0 && a->pidfd_socket)
		r = oci_pidfd_send(a->pidfd_socket, run->pidfd, err);
	if (r == 0 && a->pid_file)
		r = oci_pid_file(a->pid_file, run->pid, err);
	/* With nobody to wait for its start nobody hears of it. */
	if (r == 0 && a->wait_fifo && a->detach)
		r = runtime_release(run, err);
	else if (r == 0)
		r = runtime_start(run, err);
	if (r < 0) {
		(void)process_pidfd_signal(run->pidfd, SIGKILL);
		(void)process_reap(run->pid);
		return r;
	}
	return a->detach ? 0 : oci_attend(run->pid, run->pidfd, run->console_fd, err);
}

int oci_exec(const struct oci_settings *set, const struct oci_exec *a, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	struct runtime_container run = RUNTIME_CONTAINER_INIT;
	cleanup_bundle struct bundle *b = NULL;
	int r = oci_container_open(set, a->id, false, &c, err);

	if (r == 0)
		r = check_status(&c, a, err);
	if (r == 0)
		r = oci_container_bundle(&c, &b, err);
	if (r == 0)
		r = read_process(a, b, err);
	if (r == 0)
		r = start(&c, a, b, &run, err);
	if (r == 0)
		r = attend(a, &run, err);
	runtime_container_done(&run);
	return r;
}
