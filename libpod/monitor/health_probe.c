// SPDX-License-Identifier: Apache-2.0
/*
 * One probe of a health check: a process between the monitor and the container. It may wait (for
 * the set-up of the exec, for the program's end), which the monitor must not.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"

/* What a killed probe gets to be gone. */
#define KILL_GRACE_MS 2000

struct probe {
	const struct health_probe_args *a;
	struct runtime_container rc;
	int out_fd; /* what the program writes */
	struct health_probe_report report;
	bool timed_out;
};

static void add_output(struct probe *p, const char *data, size_t len)
{
	size_t n = MIN(len, sizeof(p->report.output) - p->report.len);

	memcpy(p->report.output + p->report.len, data, n);
	p->report.len += n;
}

static void add_text(struct probe *p, const char *text)
{
	add_output(p, text, strlen(text));
}

/* False at the end of it. */
static bool take_output(struct probe *p)
{
	char buf[4096];
	ssize_t n = read(p->out_fd, buf, sizeof(buf));

	if (n > 0)
		add_output(p, buf, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void drain(struct probe *p)
{
	char buf[4096];
	ssize_t n;

	/* What the program has left running may go on writing: only what is there now. */
	for (size_t i = 0; i < sizeof(p->report.output) / sizeof(buf); i++) {
		n = p->out_fd >= 0 ? read(p->out_fd, buf, sizeof(buf)) : 0;
		if (n <= 0)
			return;
		add_output(p, buf, (size_t)n);
	}
}

/* With all that it has started: by its group, which nothing leaves; where none is delegated by its
 * session. */
static void kill_all(struct probe *p)
{
	if (!p->a->own_group || cgroup_kill(p->a->group_fd, NULL) < 0)
		(void)kill(-p->rc.pid, SIGKILL);
	(void)process_pidfd_signal(p->rc.pidfd, SIGKILL);
}

/* Until the program has ended, or is killed. */
static bool wait_end(struct probe *p)
{
	int64_t end = time_monotonic_ms() + p->a->timeout_ms;

	for (;;) {
		struct pollfd fds[] = { { .fd = p->rc.pidfd, .events = POLLIN },
					{ .fd = p->out_fd, .events = POLLIN } };
		int64_t left = MAX(end - time_monotonic_ms(), 0);
		int n = poll(fds, ARRAY_LEN(fds), (int)MIN(left, INT32_MAX));

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && fds[1].revents && !take_output(p)) {
			(void)close(p->out_fd);
			p->out_fd = -1;
		}
		if (n > 0 && fds[0].revents)
			return true;
		if (time_monotonic_ms() < end)
			continue;
		if (p->timed_out)
			return false;
		p->timed_out = true;
		kill_all(p);
		end = time_monotonic_ms() + KILL_GRACE_MS;
	}
}

static int start(struct probe *p, struct cmk_err *err)
{
	struct spec_process process = p->a->spec->process;
	struct runtime_exec_args args = {
		.st = p->a->st,
		.id = p->a->id,
		.other = p->a->other,
		.other_flags = p->a->other_flags,
		.target = p->a->target,
		.target_pidfd = p->a->target_pidfd,
		.spec = p->a->spec,
		.process = &process,
		.stdio = { -1, -1, -1 },
		.cgroup_fd = p->a->group_fd,
	};
	int pair[2], r;

	process.args = (char **)(uintptr_t)p->a->argv;
	process.terminal = false;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	(void)fchmod(pair[1], 0666);
	args.stdio[1] = args.stdio[2] = pair[1];
	r = runtime_exec(&args, &p->rc, err);
	(void)close(pair[1]);
	p->out_fd = pair[0];
	(void)fcntl(p->out_fd, F_SETFL, O_NONBLOCK);
	return r == 0 ? runtime_start(&p->rc, err) : r;
}

static int code_of(const struct cmk_err *err)
{
	return err->kind == CMK_ERR_CMD_NOT_FOUND ? 127
	       : err->kind == CMK_ERR_CANNOT_EXEC ? 126
						  : -1;
}

void health_probe_main(const struct health_probe_args *a)
{
	cleanup_free struct probe *p = xcalloc(1, sizeof(*p));
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	int keep[] = { a->st->root_fd, a->st->run_fd, a->target_pidfd, a->group_fd, a->report_fd };
	char text[96];

	process_close_all_but(keep, ARRAY_LEN(keep));
	/* What another runtime has started becomes ours. */
	if (a->other)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	p->a = a;
	p->rc = RUNTIME_CONTAINER_INIT;
	p->out_fd = -1;
	if (start(p, &err) < 0) {
		p->report.exit_code = code_of(&err);
		add_text(p, cmk_err_msg(&err));
	} else if (!wait_end(p)) {
		p->report.exit_code = -1;
	} else {
		int status = process_reap(p->rc.pid);

		p->report.exit_code = status < 0 ? -1 : process_exit_code(status);
	}
	drain(p);
	if (p->timed_out) {
		p->report.exit_code = -1;
		(void)snprintf(text, sizeof(text), "%shealth check exceeded its timeout of %g s",
			       p->report.len ? "\n" : "", (double)a->timeout_ms / 1000);
		add_text(p, text);
	}
	/* Fits into the pipe: nobody reads it before our end. */
	(void)write_all(a->report_fd, &p->report,
			offsetof(struct health_probe_report, output) + p->report.len);
	_exit(0);
}
