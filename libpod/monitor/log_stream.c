// SPDX-License-Identifier: Apache-2.0
/* The reading side of the journal: cmk-journal, see journal_main.c. */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/monitor/log.h"

#define ERROR_MAX 1024

static void cmk_noreturn exec_helper(char *const *argv, int control, int out)
{
	cleanup_free char *path = xasprintf("%s/cmk-journal", process_libexec_dir());
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const int from[] = { control, out }, to[] = { STDIN_FILENO, STDOUT_FILENO };

	(void)process_exec_helper(path, argv, from, to, ARRAY_LEN(from), &err);
	(void)!dprintf(STDOUT_FILENO, "-%s", cmk_err_msg(&err));
	_exit(127);
}

/* "+", or "-" with the error and its hint. */
static int take_answer(int fd, struct cmk_err *err)
{
	char first, *hint;
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	if (read_full(fd, &first, 1) != 1)
		return cmk_err_set(err, -ECHILD, "read the journal: cmk-journal died");
	if (first == '+')
		return 0;
	r = file_read_fd(fd, ERROR_MAX, &text, &len, err);
	if (r < 0)
		return r;
	hint = strchr(text, '\n');
	if (hint)
		*hint++ = '\0';
	r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "read the journal: %s", text);
	if (hint && *hint)
		(void)cmk_err_hint(err, "%s", hint);
	return r;
}

int log_stream_start(const char *id, const struct log_read_options *o, struct log_stream *ret,
		     struct cmk_err *err)
{
	cleanup_free char *since = xasprintf("%" PRId64, o->since_ns / 1000),
			  *tail = xasprintf("%" PRId64, o->tail);
	char *argv[] = { (char *)"cmk-journal",
			 (char *)(uintptr_t)id,
			 since,
			 tail,
			 (char *)(uintptr_t)(o->follow ? "yes" : "no"),
			 NULL };
	cleanup_close int theirs = -1, out = -1;
	struct log_stream s = LOG_STREAM_INIT;
	int pair[2], pipes[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return cmk_err_errno(err, "make a socket pair");
	s.control_fd = pair[0];
	theirs = pair[1];
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		r = cmk_err_errno(err, "make a pipe");
		log_stream_done(&s);
		return r;
	}
	s.fd = pipes[0];
	out = pipes[1];
	r = s.pid = process_fork("cmk-journal", PROCESS_DEATH_SIGNAL, NULL, err);
	if (s.pid == 0)
		exec_helper(argv, theirs, out);
	(void)close(steal_fd(&out));
	(void)close(steal_fd(&theirs));
	if (r > 0)
		r = take_answer(s.fd, err);
	if (r == 0 && o->follow && fcntl(s.fd, F_SETFL, O_NONBLOCK) < 0)
		r = cmk_err_errno(err, "read the journal");
	if (r < 0) {
		log_stream_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void log_stream_end(struct log_stream *s)
{
	cleanup_close_fn(&s->control_fd);
	s->control_fd = -1;
}

void log_stream_done(struct log_stream *s)
{
	log_stream_end(s);
	cleanup_close_fn(&s->fd);
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)process_reap(s->pid);
	}
	*s = LOG_STREAM_INIT;
}
