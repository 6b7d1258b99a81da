// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/monitor/internal.h"
#include "libpod/option/optparse.h"
#include "libpod/record/internal.h"

static int exec_env(const struct container *c, const struct exec_options *o,
		    const struct spec *spec, char ***ret, struct cmk_err *err)
{
	cleanup_strv char **env = strv_dup(spec->process.env);
	int r = container_secret_variables(c, &env, err);

	if (o->tty && !strv_env_get(env, "TERM"))
		strv_env_set(&env, "TERM=xterm");
	for (char *const *f = o->env_files; r == 0 && f && *f; f++)
		r = create_env_file(*f, &env, err);
	for (char *const *e = o->env; r == 0 && e && *e; e++)
		r = opt_env_add(&env, *e, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(&env);
	return 0;
}

static int check_running(const struct container *c, struct cmk_err *err)
{
	if (container_is_up(c) && c->state != CONTAINER_PAUSED)
		return 0;
	(void)cmk_err_kind(err, CMK_ERR_STATE, -EBUSY,
			   "container '%s' is %s: can only create exec sessions on running "
			   "containers: container state improper",
			   c->cfg.name, container_state_name(c->state));
	if (c->state == CONTAINER_PAUSED)
		(void)cmk_err_hint(err, "unpause it first");
	else
		(void)cmk_err_hint(err, "start it first: cmk start %s", c->cfg.name);
	return -EBUSY;
}

static int exec_spawn(struct container *c, struct spec *spec, const struct exec_options *o,
		      struct spec_process *p, const char *session, int tty_fd, int *ret_fd,
		      struct cmk_err *err)
{
	const struct process_id id = { .pid = (pid_t)c->live.init_pid,
				       .start_time = c->live.init_start };
	cleanup_close int pidfd = process_id_open(&id), cgroup_fd = -1;
	struct runtime_exec_args args = { .st = c->st,
					  .id = c->cfg.id,
					  .target = id.pid,
					  .target_pidfd = pidfd,
					  .spec = spec,
					  .process = p,
					  .user_text = o->user,
					  .privileged = o->privileged,
					  .other = c->cfg.runtime_path,
					  .other_flags = c->cfg.runtime_flags,
					  .preserve_fds = o->preserve_fds,
					  .n_preserve_fds = o->n_preserve_fds,
					  .cgroup_fd = -1 };
	const struct monitor_args a = {
		.container = c,
		.spec = spec,
		.exec = &args,
		.exec_session = o->no_session ? NULL : session,
		.attach_stdin = o->interactive && !o->detach,
		.attach_out = !o->detach,
		.tty_fd = tty_fd,
		.detach_keys = o->detach_keys ? o->detach_keys : c->cfg.detach_keys,
	};

	if (pidfd < 0)
		return exec_just_ended(c, err);
	if (c->live.cgroup_mount && c->live.cgroup_path) {
		cgroup_fd = cgroup_open(c->live.cgroup_mount, c->live.cgroup_path);
		if (cgroup_fd == -ENOENT)
			return exec_just_ended(c, err);
		if (cgroup_fd < 0)
			return cmk_err_set(err, cgroup_fd, "open control group '%s': %s",
					   c->live.cgroup_path, errno_text(-cgroup_fd));
		args.cgroup_fd = cgroup_fd;
	}
	return monitor_spawn(&a, ret_fd, NULL, err);
}

int container_exec(struct container *c, const struct exec_options *o, int tty_fd, int *ret_fd,
		   char **ret_session, struct cmk_err *err)
{
	char session[CONTAINER_ID_LEN + 1];
	cleanup_close int dir_fd = -1;
	cleanup_strv char **env = NULL;
	struct spec *spec = NULL;
	struct spec_process p;
	struct winsize ws;
	int r = check_running(c, err);

	if (r < 0)
		return r;
	dir_fd = openat(c->st->containers_fd, c->cfg.id, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dir_fd < 0)
		return cmk_err_errno(err, "open container '%s'", c->cfg.name);
	r = spec_load(dir_fd, &spec, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "bundle of container '%s'", c->cfg.name);
	r = exec_env(c, o, spec, &env, err);
	if (r == 0) {
		/* Borrows: what differs is ours, the rest the specification's. */
		p = spec->process;
		p.args = (char **)(uintptr_t)o->command;
		p.env = env;
		p.terminal = o->tty;
		p.rows = p.columns = 0;
		if (o->workdir)
			p.cwd = (char *)(uintptr_t)o->workdir;
		if (tty_fd >= 0 && ioctl(tty_fd, TIOCGWINSZ, &ws) == 0) {
			p.rows = ws.ws_row;
			p.columns = ws.ws_col;
		}
		container_id_new(session);
		r = exec_spawn(c, spec, o, &p, session, tty_fd, ret_fd, err);
		if (r >= 0 && ret_session)
			*ret_session = xstrdup(session);
	}
	(void)spec_free(spec);
	return r;
}
