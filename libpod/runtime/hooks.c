// SPDX-License-Identifier: Apache-2.0
/* Calling hooks (runtime-spec config.md#posix-platform-hooks). */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "libpod/runtime/hooks.h"

/* What of a failed hook's words goes into the message. */
#define WORDS_MAX 1024

void hook_state_write(struct json_writer *w, const struct spec *s, const struct hook_state *state)
{
	json_write_str(w, "ociVersion", s->oci_version);
	json_write_str(w, "id", state->id);
	json_write_str(w, "status", state->status);
	if (state->pid > 0)
		json_write_i64(w, "pid", state->pid);
	json_write_str(w, "bundle", state->bundle);
	json_write_map(w, "annotations", s->annotations);
}

static int state_file(const struct spec *s, const struct hook_state *state, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	size_t len;
	int r;

	json_write_object(&w, NULL);
	hook_state_write(&w, s, state);
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &len, err);
	if (r < 0)
		return r;
	/* A file, not a pipe: a hook need not read it. */
	fd = memfd_create("cmk-hook-state", MFD_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "make the state's file");
	r = write_all(fd, text, len);
	return r < 0 ? cmk_err_set(err, r, "write the state: %s", errno_text(-r)) : steal_fd(&fd);
}

static void confine(const struct hook_state *state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	int listener = -1;

	if (!state->filter || seccomp_filter_install(state->filter, &listener, &err) == 0)
		return;
	(void)dprintf(STDERR_FILENO, "%s\n", cmk_err_msg(&err));
	_exit(126);
}

static void cmk_noreturn hook_child(const struct spec_hook *h, const struct hook_state *state,
				    int state_fd, int words_fd)
{
	char *alone[] = { h->path, NULL };
	char *const *env = h->env ?: state->env ?: environ;

	if (lseek(state_fd, 0, SEEK_SET) < 0 || dup2(state_fd, STDIN_FILENO) < 0 ||
	    dup2(words_fd, STDOUT_FILENO) < 0 || dup2(words_fd, STDERR_FILENO) < 0)
		_exit(126);
	process_close_others(NULL, 0);
	confine(state);
	(void)execve(h->path, h->args && *h->args ? h->args : alone, env);
	(void)dprintf(STDERR_FILENO, "%s\n", errno_text(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Keeps the end of what it says, and reads on, so that it never waits for us. */
static void read_words(int fd, char *words, size_t *len)
{
	char buf[WORDS_MAX];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		size_t keep = MIN(*len, WORDS_MAX - (size_t)n);

		memmove(words, words + *len - keep, keep);
		memcpy(words + keep, buf, (size_t)n);
		*len = keep + (size_t)n;
	}
}

/* Until the hook ends or its time is over; what it started in the background may hold the pipe. */
static bool await_hook(const struct spec_hook *h, int pidfd, int words_fd, char *words, size_t *len)
{
	int64_t end = h->has_timeout ? time_monotonic_ms() + (int64_t)h->timeout * 1000 : 0;
	struct pollfd p[] = { { .fd = pidfd, .events = POLLIN },
			      { .fd = words_fd, .events = POLLIN } };

	for (;;) {
		int64_t left = h->has_timeout ? MAX(end - time_monotonic_ms(), 0) : -1;
		int r = poll(p, ARRAY_LEN(p), (int)left);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		if (p[1].revents) {
			read_words(words_fd, words, len);
			if (p[1].revents & POLLHUP)
				p[1].fd = -1;
		}
		if (p[0].revents)
			return true;
	}
}

static int failed(const struct spec_hook *h, int status, char *words, size_t len,
		  struct cmk_err *err)
{
	char signal[64] = "";

	while (len > 0 && (words[len - 1] == '\n' || words[len - 1] == ' '))
		len--;
	words[len] = '\0';
	if (WIFSIGNALED(status)) {
		(void)snprintf(signal, sizeof(signal), ", %s", strsignal(WTERMSIG(status)));
		signal[2] = (char)tolower((unsigned char)signal[2]);
	}
	return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -ECANCELED,
			    "error executing hook '%s' (exit code: %d%s)%s%s", h->path,
			    process_exit_code(status), signal, len ? ": " : "", words);
}

static int run_one(const struct spec_hook *h, const struct hook_state *state, int state_fd,
		   struct cmk_err *err)
{
	cleanup_close int words_fd = -1, pidfd = -1;
	char words[WORDS_MAX + 1];
	size_t len = 0;
	int p[2], status;
	bool ended;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	words_fd = p[0];
	(void)fcntl(words_fd, F_SETFL, O_NONBLOCK);
	pid = process_fork("cmk-hook", 0, &pidfd, err);
	if (pid == 0)
		hook_child(h, state, state_fd, p[1]);
	(void)close(p[1]);
	if (pid < 0)
		return pid;
	ended = await_hook(h, pidfd, words_fd, words, &len);
	if (!ended)
		(void)process_pidfd_signal(pidfd, SIGKILL);
	status = process_reap(pid);
	read_words(words_fd, words, &len);
	if (!ended)
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -ETIMEDOUT,
				    "hook '%s' did not end within %d seconds", h->path, h->timeout);
	return status == 0 ? 0 : failed(h, status, words, len, err);
}

int hooks_run(const struct spec *s, enum spec_hook_stage stage, const struct hook_state *state,
	      struct cmk_err *err)
{
	const struct spec_hook_list *l = &s->hooks[stage];
	cleanup_close int state_fd = -1;

	if (l->n == 0)
		return 0;
	state_fd = state_file(s, state, err);
	if (state_fd < 0)
		return state_fd;
	for (size_t i = 0; i < l->n; i++) {
		int r = run_one(&l->list[i], state, state_fd, err);

		if (r < 0)
			r = cmk_err_wrap(err, r, "error running %s hook #%zu",
					 hook_stage_name(stage), i);
		/* Of these the others are called all the same (runtime.md#lifecycle). */
		if (r < 0 && stage == HOOK_POSTSTOP && err) {
			log_warn("%s", cmk_err_msg(err));
			cmk_err_done(err);
		} else if (r < 0) {
			return r;
		}
	}
	return 0;
}
