// SPDX-License-Identifier: Apache-2.0
/*
 * One thread, one poll loop. Nothing here waits for anything but poll(): a full pipe on our stdout
 * must not hold up the signals that we pass on.
 */
#include "libpod/monitor/client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/monitor/frame.h"

/* A pipe or terminal that poll() calls writable takes this much at once (PIPE_BUF, pipe(7)). */
#define SAFE_WRITE 4096

struct client {
	const struct attach_args *a;
	int signal_fd;
	bool raw, tty_saved;
	struct termios saved;
	bool started, stdin_open, ack_due, over, detached;
	int exit_code;
	bool out_closed[2];

	/* from the monitor */
	uint8_t buf[sizeof(struct monitor_frame) + MONITOR_FRAME_MAX];
	size_t have;
	/* the frame's body that is being written to TO_FD */
	size_t w_off, w_end;
	int w_to;
};

static const int passed_on[] = { SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,	 SIGUSR2, SIGALRM,
				 SIGCONT, SIGTSTP, SIGWINCH, SIGPROF, SIGVTALRM, SIGIO };

/* What shells ignore for their background jobs, a container is told of all the same, as podman's
 * are; what nohup(1) ignores it is not. */
static bool is_taken(int sig)
{
	struct sigaction sa;

	if (sig == SIGINT || sig == SIGQUIT)
		return true;
	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_IGN;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
		if (is_taken(passed_on[i]))
			sigaddset(set, passed_on[i]);
}

void client_block_signals(void)
{
	sigset_t set;

	signal_set(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	/* One that is ignored never comes, even if it is blocked. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
}

/* --- the terminal ------------------------------------------------------------------------------
 */

static void tty_raw(struct client *c)
{
	struct termios t;

	/* From the background this would stop us (SIGTTOU). */
	if (!c->tty_saved || c->raw || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	t = c->saved;
	cfmakeraw(&t);
	c->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
}

static void tty_restore(struct client *c)
{
	if (c->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &c->saved);
	c->raw = false;
}

static void send_size(struct client *c)
{
	struct winsize ws;
	uint16_t v[2];

	if (!c->a->tty)
		return;
	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &ws) < 0)
			continue;
		v[0] = ws.ws_row;
		v[1] = ws.ws_col;
		(void)monitor_frame_send(c->a->fd, FRAME_RESIZE, v, sizeof(v));
		return;
	}
}

/* --- signals -----------------------------------------------------------------------------------
 */

static void on_stop_signal(struct client *c)
{
	tty_restore(c);
	(void)raise(SIGSTOP);
	tty_raw(c);
	send_size(c);
}

static void on_signal(struct client *c)
{
	struct signalfd_siginfo si;
	uint8_t sig;

	if (read(c->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	sig = (uint8_t)si.ssi_signo;
	switch (sig) {
	case SIGWINCH:
		send_size(c);
		return;
	case SIGTSTP:
		on_stop_signal(c);
		return;
	case SIGCONT:
		/* After a SIGSTOP, which cannot be caught, the shell has set its own modes. */
		c->raw = false;
		tty_raw(c);
		send_size(c);
		return;
	default:
		(void)monitor_frame_send(c->a->fd, FRAME_SIGNAL, &sig, sizeof(sig));
	}
	if (sig == SIGHUP && c->a->tty) {
		/* The terminal has gone. What runs in the container has been told and decides. */
		c->over = true;
		c->exit_code = 128 + SIGHUP;
	}
}

static void give_back_signals(struct client *c)
{
	sigset_t set;

	cleanup_close_fn(&c->signal_fd);
	signal_set(&set);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int take_signals(struct client *c, struct cmk_err *err)
{
	sigset_t set;

	c->signal_fd = -1;
	if (!c->a->sig_proxy && !c->a->tty) {
		give_back_signals(c);
		return 0;
	}
	client_block_signals();
	signal_set(&set);
	if (!c->a->sig_proxy) {
		sigset_t others = set;

		sigdelset(&others, SIGWINCH);
		sigdelset(&others, SIGCONT);
		sigdelset(&others, SIGTSTP);
		(void)sigprocmask(SIG_UNBLOCK, &others, NULL);
		sigemptyset(&set);
		sigaddset(&set, SIGWINCH);
		sigaddset(&set, SIGCONT);
		sigaddset(&set, SIGTSTP);
	}
	if (!c->tty_saved) {
		/* Without a raw terminal of ours job control is the shell's matter. */
		sigset_t job;

		sigemptyset(&job);
		sigaddset(&job, SIGTSTP);
		sigaddset(&job, SIGCONT);
		sigdelset(&set, SIGTSTP);
		sigdelset(&set, SIGCONT);
		(void)sigprocmask(SIG_UNBLOCK, &job, NULL);
	}
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd < 0 ? cmk_err_errno(err, "take signals") : 0;
}

/* --- input -------------------------------------------------------------------------------------
 */

static void on_stdin(struct client *c)
{
	uint8_t buf[MONITOR_FRAME_MAX];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		n = 0;
		c->stdin_open = false;
	}
	if (monitor_frame_send(c->a->fd, FRAME_STDIN, buf, (size_t)n) < 0)
		c->stdin_open = false;
	c->ack_due = true;
}

/* --- output ------------------------------------------------------------------------------------
 */

/* Never blocks behind poll(): a regular file takes all, a pipe or terminal what poll() promised. */
static ssize_t write_some(int fd, const void *p, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)p, len };
	ssize_t n = pwritev2(fd, &iov, 1, -1, RWF_NOWAIT);

	if (n >= 0 ||
	    (errno != EOPNOTSUPP && errno != EAGAIN && errno != EINVAL && errno != ENOSYS))
		return n;
	return write(fd, p, MIN(len, (size_t)SAFE_WRITE));
}

static void close_stream(struct client *c)
{
	uint8_t which = (uint8_t)c->w_to;

	if (!c->out_closed[c->w_to - 1])
		(void)monitor_frame_send(c->a->fd, FRAME_OUT_CLOSED, &which, sizeof(which));
	c->out_closed[c->w_to - 1] = true;
	c->w_off = c->w_end;
}

static void drop_frame(struct client *c)
{
	c->have -= c->w_end;
	memmove(c->buf, c->buf + c->w_end, c->have);
	c->w_off = c->w_end = 0;
}

static int container_stdout = STDOUT_FILENO;

void monitor_attach_stdout(int fd)
{
	container_stdout = fd;
}

static int to_fd(const struct client *c)
{
	return c->w_to == STDOUT_FILENO ? container_stdout : c->w_to;
}

static void on_writable(struct client *c)
{
	ssize_t n = write_some(to_fd(c), c->buf + c->w_off, c->w_end - c->w_off);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0)
		close_stream(c);
	else
		c->w_off += (size_t)n;
	if (c->w_off == c->w_end)
		drop_frame(c);
}

/* --- frames ------------------------------------------------------------------------------------
 */

static int on_frame(struct client *c, const struct monitor_frame *f, const uint8_t *body,
		    struct cmk_err *err)
{
	int32_t code;

	switch (f->type) {
	case FRAME_STARTED:
		c->started = true;
		c->over = c->a->wait_only_started;
		return 0;
	case FRAME_ERROR:
		return cmk_err_decode(body, f->len, "the monitor sent a damaged message", err);
	case FRAME_EXIT:
		if (f->len != sizeof(code))
			return cmk_err_set(err, -EBADMSG, "the monitor sent a damaged message");
		memcpy(&code, body, sizeof(code));
		c->exit_code = code;
		c->over = true;
		return 0;
	case FRAME_DETACHED:
		c->detached = true;
		c->over = true;
		return 0;
	case FRAME_STDIN_ACK:
		c->ack_due = false;
		return 0;
	default:
		return cmk_err_set(err, -EBADMSG, "the monitor sent a message of unknown type %d",
				   f->type);
	}
}

static bool wanted(const struct client *c)
{
	bool left_out = c->w_to == STDOUT_FILENO ? c->a->no_stdout : c->a->no_stderr;

	return c->a->use_out && !left_out && !c->out_closed[c->w_to - 1];
}

/* All whole frames in the buffer, up to one with output that must be written first. */
static int take_frames(struct client *c, struct cmk_err *err)
{
	while (!c->over && c->w_end == 0 && c->have >= sizeof(struct monitor_frame)) {
		struct monitor_frame f;
		int r;

		memcpy(&f, c->buf, sizeof(f));
		if (f.len > MONITOR_FRAME_MAX)
			return cmk_err_set(err, -EBADMSG, "the monitor sent a damaged message");
		if (c->have < sizeof(f) + f.len)
			return 0;
		c->w_off = sizeof(f);
		c->w_end = sizeof(f) + f.len;
		if (f.type == FRAME_STDOUT || f.type == FRAME_STDERR) {
			c->w_to = f.type == FRAME_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
			if (c->a->take_stdout && f.type == FRAME_STDOUT)
				c->a->take_stdout(c->buf + sizeof(f), f.len, c->a->arg);
			if (!wanted(c) || f.len == 0 ||
			    (c->a->take_stdout && f.type == FRAME_STDOUT))
				drop_frame(c);
			continue;
		}
		r = on_frame(c, &f, c->buf + sizeof(f), err);
		if (r < 0)
			return r;
		drop_frame(c);
	}
	return 0;
}

static int on_socket(struct client *c, struct cmk_err *err)
{
	ssize_t n = recv(c->a->fd, c->buf + c->have, sizeof(c->buf) - c->have, MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return cmk_err_errno(err, "read from the monitor");
	if (n <= 0) {
		(void)cmk_err_set(err, -ECONNRESET, "the container's monitor died");
		return -ECONNRESET;
	}
	c->have += (size_t)n;
	return 0;
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static int client_turn(struct client *c, struct cmk_err *err)
{
	bool writing = c->w_end > 0;
	struct pollfd p[] = {
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = writing ? to_fd(c) : -1, .events = POLLOUT },
		{ .fd = writing ? -1 : c->a->fd, .events = POLLIN },
		{ .fd = c->started && c->stdin_open && !c->ack_due ? STDIN_FILENO : -1,
		  .events = POLLIN },
	};
	int r = 0;

	if (poll(p, ARRAY_LEN(p), -1) < 0)
		return errno == EINTR ? 0 : cmk_err_errno(err, "wait for the container");
	if (p[0].revents)
		on_signal(c);
	if (p[1].revents)
		on_writable(c);
	if (p[2].revents)
		r = on_socket(c, err);
	if (r == 0)
		r = take_frames(c, err);
	if (r == 0 && p[3].revents && !c->over)
		on_stdin(c);
	return r;
}

static int client_begin(struct client *c, struct cmk_err *err)
{
	uint8_t body[1 + DETACH_KEYS_MAX] = { 0 };
	size_t n_keys = 0;
	int r;

	if (c->a->tty && c->a->use_stdin && !c->a->wait_only_started)
		c->tty_saved = tcgetattr(STDIN_FILENO, &c->saved) == 0;
	if (c->a->wait_only_started)
		return 0;
	r = take_signals(c, err);
	if (r < 0)
		return r;
	if (c->a->running) {
		if (c->a->detach_keys)
			r = detach_keys_parse(c->a->detach_keys, body + 1, &n_keys, err);
		if (r < 0)
			return r;
		body[0] = (uint8_t)((c->a->use_stdin ? MONITOR_ATTACH_STDIN : 0) |
				    (c->a->use_out ? MONITOR_ATTACH_OUT : 0));
		r = monitor_frame_send(c->a->fd, FRAME_ATTACH, body, 1 + n_keys);
		if (r < 0)
			return cmk_err_set(err, r, "attach: the container's monitor died");
		send_size(c);
	}
	tty_raw(c);
	return 0;
}

int monitor_attach(const struct attach_args *a, int *ret_code, bool *ret_detached,
		   struct cmk_err *err)
{
	cleanup_free struct client *c = xcalloc(1, sizeof(*c));
	int r;

	c->a = a;
	c->signal_fd = -1;
	c->started = a->running;
	c->stdin_open = a->use_stdin;
	r = client_begin(c, err);
	while (r == 0 && !c->over)
		r = client_turn(c, err);
	tty_restore(c);
	give_back_signals(c);
	if (r < 0)
		return r;
	if (ret_code)
		*ret_code = c->exit_code;
	if (ret_detached)
		*ret_detached = c->detached;
	return 0;
}
