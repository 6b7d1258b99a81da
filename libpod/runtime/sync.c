// SPDX-License-Identifier: Apache-2.0
/* The talk between the monitor, the set-up process and the container's process. */
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/process.h"
#include "libpod/runtime/bundle_internal.h"

#define UNEXPECTED "unexpected message from the container's set-up"

const char *stage_name(enum runtime_stage s)
{
	static const char *const names[N_STAGES] = {
		[STAGE_PREPARE] = "preparing",
		[STAGE_USERNS] = "entering the user namespace",
		[STAGE_CLONE] = "making namespaces",
		[STAGE_MAPS] = "waiting for its id maps",
		[STAGE_ROOTFS] = "mounting the root file system",
		[STAGE_NETWORK] = "setting up the network",
		[STAGE_MOUNTS] = "mounting",
		[STAGE_MASKS] = "masking paths",
		[STAGE_HOOKS] = "waiting for hooks",
		[STAGE_PIVOT] = "entering the root file system",
		[STAGE_TERMINAL] = "opening the terminal",
		[STAGE_USER] = "becoming the user",
		[STAGE_CONFINE] = "dropping privileges",
		[STAGE_WAIT] = "waiting to start",
		[STAGE_EXEC] = "executing the command",
	};

	return s < N_STAGES ? names[s] : "?";
}

int sync_send(int fd, const void *msg, size_t len, int pass_fd, struct cmk_err *err)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)msg, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.h), &pass_fd, sizeof(int));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return cmk_err_errno(err, "report to the monitor");
	}
	return 0;
}

ssize_t sync_recv(int fd, void *buf, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (m.msg_controllen >= CMSG_LEN(sizeof(int)) && control.h.cmsg_level == SOL_SOCKET &&
	    control.h.cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(&control.h), sizeof(int));
	return n;
}

/* Takes one message in; 1 for READY. */
static int collect_one(struct runtime_container *ret, const char *buf, size_t n, int *fd,
		       struct cmk_err *err)
{
	struct sync_pid pid;

	switch (buf[0]) {
	case 'E':
		return cmk_err_decode(buf, n, UNEXPECTED, err);
	case SYNC_PID:
		if (n != sizeof(pid) || *fd < 0 || ret->pid > 0)
			break;
		memcpy(&pid, buf, sizeof(pid));
		ret->pid = pid.pid;
		ret->pidfd = steal_fd(fd);
		return 0;
	case SYNC_CONSOLE:
		if (*fd < 0 || ret->console_fd >= 0)
			break;
		ret->console_fd = steal_fd(fd);
		return 0;
	case SYNC_TAP:
		if (*fd < 0 || ret->tap_fd >= 0)
			break;
		ret->tap_fd = steal_fd(fd);
		return 0;
	case SYNC_READY:
		return 1;
	}
	return cmk_err_set(err, -EBADMSG, "%s", UNEXPECTED);
}

int sync_ask_maps(void *arg, struct cmk_err *err)
{
	const struct runtime_job *job = arg;
	char buf[CMK_ERR_WIRE_MAX] = { SYNC_MAP };
	cleanup_close int fd = -1;
	ssize_t n;
	int r;

	r = sync_send(job->sync, buf, 1, -1, err);
	if (r < 0)
		return r;
	n = sync_recv(job->sync, buf, sizeof(buf), &fd);
	if (n == 1 && buf[0] == SYNC_MAP)
		return 0;
	if (n <= 0)
		return cmk_err_set(err, -ECHILD, "the monitor does not answer");
	return cmk_err_decode(buf, (size_t)n, "the monitor does not answer", err);
}

/* Who made a user namespace asks for its maps: newuidmap wants to be started from the old one. */
static void answer_maps(const struct runtime_job *job, const struct runtime_container *c)
{
	pid_t pid = job->maps_of_init ? c->pid : job->setup_pid;
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	char done = SYNC_MAP;

	if (userns_write_parent(pid, job->userns, &e) < 0)
		cmk_err_send(c->sync_fd, &e);
	else
		(void)sync_send(c->sync_fd, &done, 1, -1, NULL);
}

struct hook_state job_hook_state(const struct runtime_job *job, const char *status, pid_t pid,
				 char **ret_bundle)
{
	const struct storage *st;
	const char *id;

	if (job->bundle) {
		*ret_bundle = xstrdup(job->bundle->bundle->dir);
		return (struct hook_state){
			.id = job->bundle->id, .status = status, .bundle = *ret_bundle, .pid = pid
		};
	}
	st = job->create ? job->create->st : job->exec->st;
	id = job->create ? job->create->id : job->exec->id;
	*ret_bundle = xasprintf("%s/containers/%s", st ? st->root : "", id);
	return (struct hook_state){ .id = id, .status = status, .bundle = *ret_bundle, .pid = pid };
}

/* Init waits with everything mounted, before it enters its root. */
static int answer_hooks(const struct runtime_job *job, const struct runtime_container *c,
			struct cmk_err *err)
{
	const struct sync_pid msg = { .type = SYNC_HOOKS, .pid = c->pid };
	cleanup_free char *bundle = NULL;
	const struct hook_state state = job_hook_state(job, "creating", c->pid, &bundle);
	int r = hooks_run(job->spec, HOOK_PRESTART, &state, err);

	if (r == 0)
		r = hooks_run(job->spec, HOOK_CREATE_RUNTIME, &state, err);
	return r < 0 ? r : sync_send(c->sync_fd, &msg, sizeof(msg), -1, err);
}

/*
 * For the next message: 0. -ECHILD where none will come that could tell who the container's process
 * is: the set-up process has died between making it and telling us. The new process holds the other
 * end of the socket, so that there is no end of file, and ends when we close ours.
 */
static int await_message(const struct runtime_job *job, const struct runtime_container *ret)
{
	struct pollfd fds[] = { { .fd = ret->sync_fd, .events = POLLIN },
				{ .fd = ret->pid > 0 ? -1 : job->setup_pidfd, .events = POLLIN } };

	for (;;) {
		int n = poll(fds, ARRAY_LEN(fds), -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		/* What it sent before it ended is there by now. */
		if (n > 0 && poll(fds, 1, 0) == 0)
			return -ECHILD;
	}
}

/* What is to be done when it is known who the container's process is: two processes send. */
struct waiting {
	bool hooks, maps;
	int listener;
	char where[CMK_ERR_WIRE_MAX]; /* path, NUL, metadata, NUL */
};

/* 1 where the message is one that has to wait. */
static int keep_waiting(const struct runtime_job *job, struct waiting *w, const char *buf, size_t n,
			int *fd)
{
	if (n == 1 && buf[0] == SYNC_HOOKS && (job->create || job->bundle)) {
		w->hooks = true;
		return 1;
	}
	if (n == 1 && buf[0] == SYNC_MAP && job->userns) {
		w->maps = true;
		return 1;
	}
	if (n < 3 || buf[0] != SYNC_LISTENER || *fd < 0 || w->listener >= 0 ||
	    !memchr(buf + 1, '\0', n - 1))
		return 0;
	memcpy(w->where, buf + 1, n - 1);
	w->where[n - 1] = '\0';
	w->listener = steal_fd(fd);
	return 1;
}

static int answer_waiting(const struct runtime_job *job, const struct runtime_container *c,
			  struct waiting *w, struct cmk_err *err)
{
	int r = 0;

	if (w->maps && (c->pid > 0 || !job->maps_of_init)) {
		answer_maps(job, c);
		w->maps = false;
	}
	if (c->pid <= 0)
		return 0;
	if (w->hooks)
		r = answer_hooks(job, c, err);
	w->hooks = false;
	if (r == 0 && w->listener >= 0) {
		r = seccomp_listener_send(job, c->pid, w->listener, w->where,
					  w->where + strlen(w->where) + 1, err);
		(void)close(steal_fd(&w->listener));
	}
	return r;
}

static int collect(const struct runtime_job *job, struct runtime_container *ret, struct waiting *w,
		   struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX];
	cleanup_close int fd = -1;
	ssize_t n = await_message(job, ret);

	if (n == 0)
		n = sync_recv(ret->sync_fd, buf, sizeof(buf), &fd);
	if (n < 0 && n != -ECONNRESET && n != -ECHILD)
		return cmk_err_set(err, (int)n, "hear from the container's init: %s",
				   errno_text((int)-n));
	if (n <= 0)
		return cmk_err_set(err, -ECHILD, "container init died while %s",
				   stage_name(*job->stage));
	if (keep_waiting(job, w, buf, (size_t)n, &fd))
		return 0;
	return collect_one(ret, buf, (size_t)n, &fd, err);
}

int sync_collect(const struct runtime_job *job, struct runtime_container *ret, struct cmk_err *err)
{
	struct waiting w = { .listener = -1 };
	bool ready = false;
	int r = 0;

	/* Init may be ready before the set-up process has told who init is. */
	while (r >= 0 && (!ready || ret->pid <= 0)) {
		r = collect(job, ret, &w, err);
		ready = ready || r > 0;
		if (r >= 0)
			r = answer_waiting(job, ret, &w, err);
	}
	cleanup_close_fn(&w.listener);
	return r < 0 ? r : 0;
}

int job_prepare(struct runtime_job *job, struct cmk_err *err)
{
	struct stat st;

	job->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (job->null_fd < 0 || fstat(job->null_fd, &st) < 0)
		return cmk_err_errno(err, "open '/dev/null'");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return cmk_err_set(err, -ENODEV, "'/dev/null' is not the null device");
	if (stat("/proc/self/exe", &st) < 0)
		return cmk_err_errno(err, "stat '/proc/self/exe'");
	job->exe_dev = st.st_dev;
	job->exe_ino = st.st_ino;
	return 0;
}

pid_t job_clone(struct runtime_job *job, uint64_t flags, int cgroup_fd, struct cmk_err *err)
{
	int pidfd = -1;
	pid_t pid;

	*job->stage = STAGE_CLONE;
	/* CLONE_PARENT: a child of the monitor, who is told of its end by SIGCHLD as it is of ours;
	 * clone3(2) wants an exit signal of 0 with it. */
	pid = process_clone3(flags | CLONE_PARENT, 0, cgroup_fd, &pidfd);
	if (pid < 0) {
		errno = -pid;
		(void)cmk_err_errno(err, "make the container's namespaces");
		if (pid == -ENOSPC)
			(void)cmk_err_hint(err, "raise the limits: sysctl -a | grep "
						"'user.max_.*_namespaces'");
		return pid;
	}
	if (pid > 0) {
		job_announce(job, pid, pidfd);
		(void)close(pidfd);
	}
	return pid;
}

void job_announce(struct runtime_job *job, pid_t pid, int pidfd)
{
	struct sync_pid msg = { .type = SYNC_PID, .pid = pid };

	(void)sync_send(job->sync, &msg, sizeof(msg), pidfd, NULL);
}

static void cmk_noreturn setup_child(struct runtime_job *job,
				     int (*setup)(struct runtime_job *job, struct cmk_err *err))
{
	struct cmk_err e = CMK_ERR_INIT;

	if (setup(job, &e) < 0)
		cmk_err_send(job->sync, &e);
	_exit(0);
}

/* The new process's own failure may have come before the message that tells who it is, which lies
 * in the socket where the set-up process has ended. */
static void learn_pid(struct runtime_container *c)
{
	struct pollfd p = { .fd = c->sync_fd, .events = POLLIN };
	char buf[CMK_ERR_WIRE_MAX];

	while (c->pid <= 0 && poll(&p, 1, 0) > 0) {
		cleanup_close int fd = -1;
		ssize_t n = sync_recv(c->sync_fd, buf, sizeof(buf), &fd);

		if (n <= 0)
			return;
		if (buf[0] == SYNC_PID)
			(void)collect_one(c, buf, (size_t)n, &fd, NULL);
	}
}

/* Nothing is left of a failed start. */
static void abandon(struct runtime_container *c)
{
	if (c->pidfd >= 0)
		(void)process_pidfd_signal(c->pidfd, SIGKILL);
	if (c->pid > 0)
		(void)process_reap(c->pid);
	runtime_container_done(c);
}

int job_open(struct runtime_job *job, struct runtime_container *c, struct cmk_err *err)
{
	int pair[2], r;

	job->stage = mmap(NULL, sizeof(*job->stage), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job->stage == MAP_FAILED)
		return cmk_err_errno(err, "share memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = cmk_err_errno(err, "make a socket");
		(void)munmap(job->stage, sizeof(*job->stage));
		return r;
	}
	c->sync_fd = pair[0];
	job->sync = pair[1];
	return 0;
}

int job_close(struct runtime_job *job, int r, struct runtime_container *c,
	      struct runtime_container *ret)
{
	(void)munmap(job->stage, sizeof(*job->stage));
	if (r < 0) {
		abandon(c);
		return r;
	}
	*ret = *c;
	return 0;
}

int job_run(struct runtime_job *job, const char *name,
	    int (*setup)(struct runtime_job *job, struct cmk_err *err),
	    struct runtime_container *ret, struct cmk_err *err)
{
	struct runtime_container c = RUNTIME_CONTAINER_INIT;
	cleanup_close int setup_pidfd = -1;
	pid_t pid;
	int r;

	r = job_open(job, &c, err);
	if (r < 0)
		return r;
	pid = process_fork(name, PROCESS_DEATH_SIGNAL, &setup_pidfd, err);
	if (pid == 0) {
		(void)close(c.sync_fd);
		setup_child(job, setup);
	}
	(void)close(job->sync);
	r = pid;
	if (pid > 0) {
		job->setup_pid = pid;
		job->setup_pidfd = setup_pidfd;
		r = sync_collect(job, &c, err);
		/* It ends by itself once it has told us of init, or failed. */
		(void)process_reap(pid);
		if (r < 0)
			learn_pid(&c);
	}
	return job_close(job, r, &c, ret);
}

void runtime_container_done(struct runtime_container *c)
{
	cleanup_close_fn(&c->pidfd);
	cleanup_close_fn(&c->console_fd);
	cleanup_close_fn(&c->tap_fd);
	cleanup_close_fn(&c->sync_fd);
	*c = RUNTIME_CONTAINER_INIT;
}

int runtime_release(struct runtime_container *c, struct cmk_err *err)
{
	char go = SYNC_GO;
	int r = sync_send(c->sync_fd, &go, 1, -1, err);

	cleanup_close_fn(&c->sync_fd);
	c->sync_fd = -1;
	return r;
}

int runtime_start(struct runtime_container *c, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX], go = SYNC_GO;
	cleanup_close int fd = -1;
	ssize_t n;
	int r;

	r = sync_send(c->sync_fd, &go, 1, -1, NULL);
	n = r < 0 ? r : sync_recv(c->sync_fd, buf, sizeof(buf), &fd);
	cleanup_close_fn(&c->sync_fd);
	c->sync_fd = -1;
	/* Killed before it could execute: that is its end as any other, told by its pidfd. */
	if (n == 0 || n == -EPIPE || n == -ECONNRESET)
		return 0;
	if (n < 0)
		return cmk_err_set(err, (int)n, "start the container: %s", errno_text((int)-n));
	return cmk_err_decode(buf, (size_t)n, "unexpected message from init", err);
}
