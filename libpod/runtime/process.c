// SPDX-License-Identifier: Apache-2.0
/* From a finished root to exec: shared by a container's init and by exec sessions. */
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <termios.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "libpod/runtime/internal.h"
#include "libpod/spec/rlimit.h"

#define PROC_ROOT_INO 1
#define ALL_CAPS ((UINT64_C(1) << 63) - 1)

void identity_done(struct identity *id)
{
	free(id->user.additional_gids);
	free(id->home);
}

int process_begin(const struct runtime_job *job, struct cmk_err *err)
{
	int r;

	/* The caller's umask (077 for us) is not the container's; its own is set at the end. */
	(void)umask(0);
	if (setsid() < 0)
		return cmk_err_errno(err, "start a session");
	r = job->keep_keyring ? 0 : label_keys(job, err);
	if (r < 0)
		return r;
	/* So that the caller's keys are out of reach. No quota or no such call: nothing is lost,
	 * the session keyring of a user namespace is an empty one anyway. */
	if (!job->keep_keyring)
		(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "cmk", 0, 0, 0);
	return 0;
}

int process_identity(const struct runtime_job *job, int root_fd, struct identity *id,
		     struct cmk_err *err)
{
	const struct spec_user *given = &job->process->user;
	cleanup_free char *numbers = xasprintf("%u:%u", given->uid, given->gid);
	const char *text = job->user_text && *job->user_text ? job->user_text : NULL;
	uint32_t *gids;
	size_t n, n_gids = 0;
	int r;

	r = runtime_user_lookup(root_fd,
				text
					?: given->uid || given->gid ? text ?: numbers
								    : "0",
				job->group_add, &id->user, &id->home, err);
	if (r < 0)
		return r;
	/* The group itself is the first of them (CVE-2022-2989): else what withholds something from
	 * that group could be got round by a program with the set-group-ID bit. */
	n = id->user.n_additional_gids;
	gids = xmalloc((1 + n + given->n_additional_gids) * sizeof(*gids));
	gids[n_gids++] = id->user.gid;
	for (size_t i = 0; i < n; i++)
		if (id->user.additional_gids[i] != id->user.gid)
			gids[n_gids++] = id->user.additional_gids[i];
	for (size_t i = 0; i < given->n_additional_gids; i++)
		if (given->additional_gids[i] != id->user.gid)
			gids[n_gids++] = given->additional_gids[i];
	free(id->user.additional_gids);
	id->user.additional_gids = gids;
	id->user.n_additional_gids = n_gids;
	return 0;
}

bool process_cwd_is_mounted(const struct runtime_job *job)
{
	for (size_t i = 0; i < job->spec->n_mounts; i++) {
		const char *rest = str_after(job->process->cwd ?: "/",
					     job->spec->mounts[i].destination);

		if (rest && (!*rest || *rest == '/'))
			return true;
	}
	return false;
}

/* A working directory that is missing is made, inside the root and by descriptor (CVE-2026-55686).
 */
int process_make_cwd(const struct runtime_job *job, int root_fd, const struct identity *id,
		     struct cmk_err *err)
{
	const char *cwd = job->process->cwd ?: "/";
	cleanup_close int fd = -1;
	bool made;

	if (job->exec)
		return 0;
	if (cwd[0] != '/')
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EINVAL,
				    "working directory '%s' is not absolute", cwd);
	if (job->spec->cwd_must_exist) {
		fd = root_open(root_fd, cwd, O_PATH);
		/* What else may be wrong with it process_enter_cwd() says. */
		if (fd != -ENOENT)
			return 0;
		/* As with podman, what is mounted may be without it. */
		if (!process_cwd_is_mounted(job))
			return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, fd,
					    "workdir \"%s\" does not exist on container", cwd);
	}
	fd = root_open_target(root_fd, cwd, true, &made, err);
	if (fd < 0) {
		if (err)
			err->kind = CMK_ERR_CANNOT_EXEC;
		return cmk_err_wrap(err, fd, "working directory");
	}
	if (made && fchownat(fd, "", id->user.uid, id->user.gid, AT_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "owner of working directory '%s'", cwd);
	return 0;
}

/* As the user. No magic link is followed, or /proc/self/fd/N would lead out to whatever we have
 * open; and whatever happened, the kernel must see us below the root (CVE-2024-21626). */
int process_enter_cwd(const struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	const char *cwd = job->process->cwd ?: "/";
	cleanup_close int fd = root_open(root_fd, cwd, O_PATH | O_DIRECTORY);
	char seen[4096];
	long n;

	if (fd < 0 || fchdir(fd) < 0) {
		int code = fd < 0 ? fd : -errno;

		/* podman's scripts look for 127 and crun's words. */
		if (job->exec && code == -ENOENT)
			return cmk_err_kind(err, CMK_ERR_CMD_NOT_FOUND, code,
					    "chdir to `%s`: No such file or directory", cwd);
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, code, "working directory '%s': %s",
				    cwd, errno_text(-code));
	}
	/* The system call itself: the C library hides "(unreachable)". The container's seccomp
	 * filter may refuse it. */
	n = syscall(SYS_getcwd, seen, sizeof(seen));
	if (n < 0 ? errno == ENOENT : n == 0 || seen[0] != '/')
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EACCES,
				    "working directory '%s' is outside the container", cwd);
	return 0;
}

static int set_groups(const struct runtime_job *job, const struct identity *id, struct cmk_err *err)
{
	if (job->keep_groups)
		return 0;
	if (setgroups(id->user.n_additional_gids, id->user.additional_gids) == 0)
		return 0;
	/* With a single-id map the kernel allows no setgroups(2) at all; what the image lists is
	 * not there then, as the warning about the missing ranges said. */
	if (errno == EPERM && !job->group_add)
		return 0;
	(void)cmk_err_errno(err, "set supplementary groups");
	if (errno == EINVAL || errno == EPERM)
		(void)cmk_err_hint(err, "a group id is not mapped here: see /etc/subgid");
	if (err)
		err->kind = CMK_ERR_CANNOT_EXEC;
	return err ? err->code : -EPERM;
}

static int set_ids(const struct runtime_job *job, const struct identity *id, struct cmk_err *err)
{
	int r = set_groups(job, id, err);

	if (r < 0)
		return r;
	if (setresgid(id->user.gid, id->user.gid, id->user.gid) < 0 ||
	    setresuid(id->user.uid, id->user.uid, id->user.uid) < 0) {
		(void)cmk_err_errno(err, "become user %u:%u", id->user.uid, id->user.gid);
		if (errno == EINVAL)
			(void)cmk_err_hint(err, "that id is not mapped: it takes subordinate ids "
						"(see subuid(5) and cmk info)");
		if (err)
			err->kind = CMK_ERR_CANNOT_EXEC;
		return err ? err->code : -EINVAL;
	}
	return 0;
}

int process_take_terminal(uid_t uid, int slave, struct cmk_err *err)
{
	if (slave < 0)
		return 0;
	/* The user must be able to open it again. */
	if (fchown(slave, uid, (gid_t)-1) < 0)
		return cmk_err_errno(err, "owner of the terminal");
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return cmk_err_errno(err, "make the terminal controlling");
	return 0;
}

static int set_no_new_privs(struct cmk_err *err)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? cmk_err_errno(err, "set no_new_privs")
							  : 0;
}

/* Where somebody is to be told of calls, that one has to know before there are any: by the monitor,
 * which can reach it. */
int process_install_filter(const struct runtime_job *job, struct cmk_err *err)
{
	const struct seccomp_filter *f = &job->filter;
	cleanup_close int listener = -1;
	cleanup_strbuf struct strbuf msg = STRBUF_INIT;
	int r = seccomp_filter_install(f, &listener, err);

	if (r < 0 || listener < 0)
		return r;
	strbuf_addc(&msg, SYNC_LISTENER);
	strbuf_add(&msg, f->listener_path, strlen(f->listener_path) + 1);
	strbuf_adds(&msg, f->listener_metadata);
	return sync_send(job->sync, msg.data, msg.len, listener, err);
}

/*
 * Where the name of a profile goes for the next exec (apparmor_change_onexec(2)): by descriptor,
 * and only into a procfs as it is at its root (CVE-2019-16884, CVE-2025-52881). Opened while we may
 * and written last, so that nothing but the command gets it.
 */
int process_open_apparmor(struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	static const char *const names[] = { "thread-self/attr/apparmor/exec",
					     "thread-self/attr/exec" };

	if (!job->process->apparmor_profile)
		return 0;
	job->apparmor_fd = attr_open(root_fd, names, ARRAY_LEN(names), "AppArmor profile", err);
	return job->apparmor_fd < 0 ? job->apparmor_fd : 0;
}

int process_set_apparmor(const struct runtime_job *job, struct cmk_err *err)
{
	cleanup_free char *text = NULL;

	if (job->apparmor_fd < 0)
		return 0;
	text = xasprintf("exec %s", job->process->apparmor_profile);
	if (write(job->apparmor_fd, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	(void)cmk_err_errno(err, "AppArmor profile '%s'", job->process->apparmor_profile);
	if (errno == ENOENT)
		(void)cmk_err_hint(err, "load it first: sudo apparmor_parser -r FILE");
	return err ? err->code : -EINVAL;
}

static int confine(struct runtime_job *job, const struct identity *id, struct cmk_err *err)
{
	const struct spec_process *p = job->process;
	bool everything = job->exec && job->exec->privileged;
	uint64_t bounding = everything ? ALL_CAPS : spec_caps_mask(p->caps.bounding);
	uint64_t effective = spec_caps_mask(p->caps.effective);
	uint64_t permitted = spec_caps_mask(p->caps.permitted);
	int r;

	r = caps_drop_bounding(bounding, err);
	/* Without no_new_privs the filter needs CAP_SYS_ADMIN, which the next lines give up. */
	if (r == 0 && !p->no_new_privileges && !everything)
		r = process_install_filter(job, err);
	if (r == 0)
		r = set_ids(job, id, err);
	if (r < 0)
		return r;
	/* Another user than root has none: the kernel took them with the change of ids. */
	if (id->user.uid != 0)
		r = caps_set(0, 0, err);
	else if (!everything)
		r = caps_set(effective & bounding, permitted & bounding, err);
	if (r == 0 && p->no_new_privileges)
		r = set_no_new_privs(err);
	/* Later than this nobody hears us any more. */
	if (r == 0 && p->no_new_privileges && !everything && job->filter.listener_path)
		r = process_install_filter(job, err);
	/* After the last change of ids, which clears it. */
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		r = cmk_err_errno(err, "set the parent-death signal");
	return r;
}

/* 0, 1, 2 and what was asked to be kept behind them. All else goes here, not with exec: what `init`
 * makes waits before it, and the caller's stderr, say, must not wait with it. */
int process_place_descriptors(struct runtime_job *job, int slave, struct cmk_err *err)
{
	size_t n = 3 + job->n_preserve_fds, n_kept = 0;
	int *ours[] = { &job->sync,	&job->init_exec_fd, &job->apparmor_fd,
			&job->label_fd, &job->start_fd,	    &job->fifo_dirfd };
	cleanup_free int *fds = xcalloc(n + ARRAY_LEN(ours), sizeof(*fds));

	for (size_t i = 0; i < n; i++) {
		int from = i >= 3 ? job->preserve_fds[i - 3] : slave;

		if (i < 3 && slave < 0)
			from = job->stdio[i] >= 0 ? job->stdio[i] : job->null_fd;
		fds[i] = -1;
		if (from < 0)
			continue;
		fds[i] = fcntl(from, F_DUPFD_CLOEXEC, (int)n);
		if (fds[i] < 0)
			return cmk_err_errno(err, "copy descriptor %d", from);
	}
	/* Out of the way of what comes to lie below N. */
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		if (*ours[i] < 0)
			continue;
		*ours[i] = fcntl(*ours[i], F_DUPFD_CLOEXEC, (int)n);
		if (*ours[i] < 0)
			return cmk_err_errno(err, "copy a descriptor");
	}
	for (size_t i = 0; i < n; i++) {
		if (fds[i] >= 0 && dup2(fds[i], (int)i) < 0)
			return cmk_err_errno(err, "place descriptor %zu", i);
		if (fds[i] >= 0)
			fds[n_kept++] = (int)i;
	}
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		fds[n_kept++] = *ours[i];
	log_set_fd(-1);
	process_close_all_but(fds, n_kept);
	return 0;
}

int process_wait_for_go(struct runtime_job *job, struct cmk_err *err)
{
	char c = SYNC_READY;
	int fd, r;

	*job->stage = STAGE_WAIT;
	r = sync_send(job->sync, &c, 1, -1, err);
	if (r < 0)
		return r;
	/* The end of file is the monitor's end: nobody is left who could want this container. */
	if (sync_recv(job->sync, &c, 1, &fd) != 1 || c != SYNC_GO)
		_exit(125);
	return 0;
}

/* As the container's user, inside, when the command is about to be executed. */
static int call_start_hooks(const struct runtime_job *job, char *const *env, struct cmk_err *err)
{
	cleanup_free char *bundle = NULL;
	struct hook_state state;

	if (!job->create || !job->spec->hooks[HOOK_START_CONTAINER].n)
		return 0;
	/* The hook is the image's, and runs beside us: see join() in exec.c. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return cmk_err_errno(err, "hide from the container");
	state = job_hook_state(job, "created", job->host_pid, &bundle);
	state.env = env;
	return hooks_run(job->spec, HOOK_START_CONTAINER, &state, err);
}

static int execute(struct runtime_job *job, const char *path, char *const *env, struct cmk_err *err)
{
	char **args = job->process->args;
	int code = process_set_apparmor(job, err);

	if (code == 0)
		code = label_set(job, err);
	*job->stage = STAGE_EXEC;
	if (code < 0)
		return code;
	if (job->process->no_new_privileges && !(job->exec && job->exec->privileged) &&
	    !job->filter.listener_path) {
		int r = process_install_filter(job, err);

		if (r < 0)
			return r;
	}
	if (job->init_exec_fd >= 0) {
		cleanup_strv char **with = NULL;

		strv_add(&with, "cmk-init");
		for (char **a = args; *a; a++)
			strv_add(&with, *a);
		(void)syscall(SYS_execveat, job->init_exec_fd, "", with, env, AT_EMPTY_PATH);
		return cmk_err_errno(err, "execute cmk-init");
	}
	(void)execve(path, args, env);
	code = -errno;
	return cmk_err_kind(err, code == -ENOENT ? CMK_ERR_CMD_NOT_FOUND : CMK_ERR_CANNOT_EXEC,
			    code, "execute '%s': %s%s", path, errno_text(-code),
			    code == -ENOENT ? " (its interpreter or loader is missing)" : "");
}

int process_become(struct runtime_job *job, int root_fd, int slave_fd, struct cmk_err *err)
{
	cleanup(identity_done) struct identity id = { 0 };
	cleanup_strv char **env = strv_dup(job->process->env);
	cleanup_free char *path = NULL, *home = NULL;
	int r;

	if (!job->process->args || !job->process->args[0])
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EINVAL, "no command to run");
	*job->stage = STAGE_USER;
	r = process_identity(job, root_fd, &id, err);
	if (r == 0)
		r = process_make_cwd(job, root_fd, &id, err);
	if (r == 0)
		r = process_take_terminal(id.user.uid, slave_fd, err);
	if (r == 0)
		r = rlimits_set(job->process, err);
	if (r == 0)
		r = process_open_apparmor(job, root_fd, err);
	if (r == 0)
		r = label_open(job, root_fd, err);
	if (r == 0 && job->spec->personality && personality(PER_LINUX32) < 0)
		r = cmk_err_errno(err, "set personality %s", job->spec->personality);
	*job->stage = STAGE_CONFINE;
	if (r == 0)
		r = confine(job, &id, err);
	if (r == 0)
		r = process_enter_cwd(job, root_fd, err);
	if (r < 0)
		return r;
	if (!strv_env_get(env, "HOME")) {
		home = xasprintf("HOME=%s", id.home);
		strv_env_set(&env, home);
	}
	r = command_find(job, job->process->args[0], env, &path, err);
	if (r == 0)
		r = process_place_descriptors(job, slave_fd, err);
	if (r < 0)
		return r;
	(void)umask(job->process->user.umask & 0777);
	r = process_wait_for_go(job, err);
	if (r == 0)
		r = call_start_hooks(job, env, err);
	return r == 0 ? execute(job, path, env, err) : r;
}
