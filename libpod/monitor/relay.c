// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes between the container's stdio, its log and the clients. Invariant: while a client that
 * takes output has bytes waiting, the container's output is not read (but at the end, into the
 * queue's spare room). So a client's queue never holds more than one read and a few small frames.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"

#define BUFFERS_LEN (MON_QUEUE + MONITOR_FRAME_MAX)

static void take_stdin(struct monitor *m, struct mon_client *c, size_t len);

static struct mon_client *client_by_index(struct monitor *m, size_t i)
{
	return &m->client[i];
}

static size_t client_index(const struct monitor *m, const struct mon_client *c)
{
	return (size_t)(c - m->client);
}

/* --- what is polled ----------------------------------------------------------------------------
 */

static void poll_client(struct monitor *m, struct mon_client *c)
{
	uint32_t events = EPOLLIN;
	struct epoll_event ev = { .data.u64 = MON_TAG_CLIENT + client_index(m, c) };

	if (c->q_len > c->q_off)
		events |= EPOLLOUT;
	if (events == c->events)
		return;
	ev.events = events;
	if (epoll_ctl(m->epoll_fd, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev) == 0)
		c->events = events;
}

static bool room_for_output(const struct monitor *m)
{
	for (size_t i = 0; i < m->n_clients; i++) {
		const struct mon_client *c = &m->client[i];
		size_t waiting = c->q_len - c->q_off;

		if (c->fd < 0 || !c->wants_out || waiting == 0)
			continue;
		if (m->state != MON_DRAINING ||
		    waiting + MONITOR_FRAME_MAX + 2 * MON_QUEUE_SMALL > MON_QUEUE)
			return false;
	}
	return true;
}

static void poll_fd(struct monitor *m, int fd, bool *polled, bool want, uint32_t events,
		    enum mon_tag tag)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag };

	if (fd < 0 || *polled == want)
		return;
	if (epoll_ctl(m->epoll_fd, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &ev) == 0)
		*polled = want;
}

static void poll_sources(struct monitor *m)
{
	bool want = room_for_output(m);

	for (int i = 0; i < 2; i++)
		poll_fd(m, m->src[i].fd, &m->src[i].polled, want, EPOLLIN,
			i ? MON_TAG_ERR : MON_TAG_OUT);
}

static bool input_waits(const struct monitor *m)
{
	return m->typed_len > m->typed_off || m->close_stdin;
}

static void poll_input(struct monitor *m)
{
	poll_fd(m, m->in_fd, &m->in_polled, input_waits(m), EPOLLOUT, MON_TAG_STDIN);
}

static struct mon_client *free_slot(struct monitor *m)
{
	/* The first is the command's that made us. */
	for (size_t i = 1; i < m->n_clients; i++)
		if (m->client[i].fd < 0)
			return client_by_index(m, i);
	return m->n_clients < MON_CLIENTS ? client_by_index(m, m->n_clients) : NULL;
}

void mon_poll_listen(struct monitor *m)
{
	poll_fd(m, m->listen_fd, &m->listen_polled, !m->accept_failed && free_slot(m), EPOLLIN,
		MON_TAG_LISTEN);
}

/* --- the caller's terminal ---------------------------------------------------------------------
 */

static void tty_forget(struct monitor *m)
{
	cleanup_close_fn(&m->tty_fd);
	m->tty_fd = -1;
}

void mon_tty_restore(struct monitor *m)
{
	/* We are not of the terminal's session: this never stops us (tty_check_change() in the
	 * kernel). */
	if (m->tty_fd >= 0)
		(void)tcsetattr(m->tty_fd, TCSANOW, &m->tty_saved);
	tty_forget(m);
}

/* --- to clients --------------------------------------------------------------------------------
 */

static void stdin_ack(struct monitor *m, struct mon_client *c)
{
	c->in.input_busy = false;
	mon_client_send(m, c, FRAME_STDIN_ACK, NULL, 0);
}

static void stdin_finished(struct monitor *m)
{
	struct mon_client *c = m->stdin_client;

	m->stdin_client = NULL;
	m->typed_off = m->typed_len = 0;
	if (c && c->fd >= 0)
		stdin_ack(m, c);
	for (size_t i = 0; i < m->n_clients; i++) {
		c = client_by_index(m, i);
		if (c->fd < 0 || !c->input_waits)
			continue;
		c->input_waits = false;
		take_stdin(m, c, c->input_len);
		return;
	}
}

static void close_input(struct monitor *m)
{
	cleanup_close_fn(&m->in_fd);
	m->in_fd = -1;
	m->in_polled = false;
	m->close_stdin = false;
	m->typed_off = m->typed_len = 0;
}

/* The client has gone without a word: killed, or its connection broke. */
static void client_lost(struct monitor *m, struct mon_client *c)
{
	if (!c->primary)
		return;
	mon_tty_restore(m);
	if (m->terminal) {
		/* An exec session cannot be attached again: its terminal hangs up. */
		if (m->a->exec && m->a->attach_out) {
			close_input(m);
			mon_source_close(m, 0);
		}
	} else if (c->wants_stdin && !c->interactive_eof) {
		m->close_stdin = true;
		mon_input(m);
	}
}

static void client_close(struct monitor *m, struct mon_client *c)
{
	if (c->fd < 0)
		return;
	/* A process that `init` leaves waiting was forked with it: closed here it would go on to
	 * wake the loop, epoll(7). */
	(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	(void)close(c->fd);
	c->fd = -1;
	c->events = 0;
	c->q_off = c->q_len = 0;
	if (m->stdin_client == c)
		m->stdin_client = NULL; /* what it has sent is still written */
	for (size_t i = 0; i < MON_ATTACHED; i++)
		if (m->buffer_owner[i] == c)
			m->buffer_owner[i] = NULL;
	c->queue = c->in.input = NULL;
	m->accept_failed = false;
	mon_poll_listen(m);
}

static void client_drop(struct monitor *m, struct mon_client *c)
{
	client_close(m, c);
	if (m->state != MON_OVER)
		client_lost(m, c);
}

static void client_flush(struct monitor *m, struct mon_client *c)
{
	while (c->q_len > c->q_off) {
		ssize_t n = send(c->fd, c->queue + c->q_off, c->q_len - c->q_off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			client_drop(m, c);
			return;
		}
		c->q_off += (size_t)n;
		c->stalled_since_ms = c->q_len > c->q_off ? time_monotonic_ms() : 0;
	}
	c->q_off = c->q_len = 0;
	if (c->ends)
		client_close(m, c);
}

static void queue_add(struct mon_client *c, const void *data, size_t len)
{
	if (c->q_off > 0) {
		memmove(c->queue, c->queue + c->q_off, c->q_len - c->q_off);
		c->q_len -= c->q_off;
		c->q_off = 0;
	}
	memcpy(c->queue + c->q_len, data, len);
	c->q_len += len;
}

void mon_client_send(struct monitor *m, struct mon_client *c, enum monitor_frame_type type,
		     const void *data, size_t len)
{
	struct monitor_frame head = { .type = (uint8_t)type, .len = (uint32_t)len };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };
	size_t sent = 0;
	ssize_t n;

	if (c->fd < 0)
		return;
	if (c->q_len == c->q_off) {
		n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			client_drop(m, c);
			return;
		}
		sent = n > 0 ? (size_t)n : 0;
		if (sent == sizeof(head) + len)
			return;
		c->stalled_since_ms = time_monotonic_ms();
		mon_arm_timer(m);
	}
	/* A client that lets even small frames pile up keeps no rule: the only place where a queue
	 * could overflow. One that has not attached gets a single frame, which any socket takes. */
	if (!c->queue || c->q_len - c->q_off + sizeof(head) + len - sent > MON_QUEUE) {
		client_drop(m, c);
		return;
	}
	if (sent < sizeof(head)) {
		queue_add(c, (uint8_t *)&head + sent, sizeof(head) - sent);
		sent = sizeof(head);
	}
	if (len > 0)
		queue_add(c, (const uint8_t *)data + (sent - sizeof(head)),
			  len - (sent - sizeof(head)));
	poll_client(m, c);
}

void mon_drop_stalled(struct monitor *m)
{
	int64_t now = time_monotonic_ms();

	for (size_t i = 0; i < m->n_clients; i++) {
		struct mon_client *c = client_by_index(m, i);

		if (c->fd >= 0 && !c->primary && c->stalled_since_ms &&
		    now - c->stalled_since_ms >= MONITOR_STALL_MS)
			client_drop(m, c);
	}
	poll_sources(m);
}

/* --- the container's output --------------------------------------------------------------------
 */

void mon_source_close(struct monitor *m, int i)
{
	cleanup_close_fn(&m->src[i].fd);
	m->src[i].fd = -1;
	m->src[i].polled = false;
	if (m->src[0].fd < 0 && m->src[1].fd < 0)
		mon_event(m, MON_EV_DRAINED);
}

/*
 * Of a container that writes faster than its log is written: the two then run at once. Not where a
 * client is attached, whose queue has to take what is left in the pipes at the end. All pipes of a
 * user have a limit (pipe(7), pipe-user-pages-soft): beyond it the size stays.
 */
static void grow_pipe(struct monitor *m, struct mon_source *s)
{
	bool attached = false;

	for (size_t k = 0; k < m->n_clients; k++)
		attached |= m->client[k].fd >= 0 && m->client[k].wants_out;
	if (attached || s->grown)
		return;
	(void)fcntl(s->fd, F_SETPIPE_SZ, MON_PIPE);
	s->grown = true;
}

void mon_output(struct monitor *m, int i)
{
	while (m->src[i].fd >= 0 && room_for_output(m)) {
		ssize_t n = read(m->src[i].fd, m->relay, MONITOR_FRAME_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			/* Nobody of the container is left to write (or, in an exec session, what
			 * the program left behind is not waited for). */
			if (m->state == MON_DRAINING)
				mon_source_close(m, i);
			return;
		}
		/* EIO: the last one has closed the terminal. */
		if (n <= 0) {
			mon_source_close(m, i);
			return;
		}
		if (n == MONITOR_FRAME_MAX)
			grow_pipe(m, &m->src[i]);
		if (m->log)
			ctr_log_write(m->log, i == 1, m->relay, (size_t)n);
		for (size_t k = 0; k < m->n_clients; k++) {
			struct mon_client *c = client_by_index(m, k);

			if (c->fd >= 0 && c->wants_out && !c->ends)
				mon_client_send(m, c, i ? FRAME_STDERR : FRAME_STDOUT, m->relay,
						(size_t)n);
		}
		/* One read a turn, so that signals, input and the other stream get theirs; at the
		 * end everything. */
		if (m->state != MON_DRAINING)
			break;
	}
	poll_sources(m);
}

/* --- its input ---------------------------------------------------------------------------------
 */

void mon_input(struct monitor *m)
{
	while (m->in_fd >= 0 && m->typed_len > m->typed_off) {
		ssize_t n = write(m->in_fd, m->typed + m->typed_off, m->typed_len - m->typed_off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			poll_input(m);
			return;
		}
		if (n < 0) {
			/* The container has closed its stdin: the rest goes nowhere, as in a
			 * shell. */
			close_input(m);
			break;
		}
		m->typed_off += (size_t)n;
	}
	if (m->close_stdin && m->in_fd >= 0)
		close_input(m);
	stdin_finished(m);
	poll_input(m);
}

void mon_relay_pause(struct monitor *m)
{
	close_input(m);
	stdin_finished(m);
}

void mon_relay_resume(struct monitor *m)
{
	const struct mon_client *c = &m->client[0];

	/* Who has closed the input, or has gone, has closed it for this run too. */
	if (!m->terminal && c->wants_stdin && (c->interactive_eof || c->fd < 0)) {
		m->close_stdin = true;
		mon_input(m);
	}
	poll_sources(m);
}

static void client_detach(struct monitor *m, struct mon_client *c)
{
	if (c->primary)
		tty_forget(m);
	c->wants_out = false;
	c->wants_stdin = false;
	c->ends = true;
	mon_client_send(m, c, FRAME_DETACHED, NULL, 0);
	if (c->fd >= 0 && c->q_len == c->q_off)
		client_close(m, c);
}

static void take_stdin(struct monitor *m, struct mon_client *c, size_t len)
{
	bool detach = false;

	if (!c->wants_stdin || m->in_fd < 0) {
		stdin_ack(m, c);
		return;
	}
	c->in.input_busy = true;
	if (input_waits(m)) {
		c->input_waits = true;
		c->input_len = len;
		return;
	}
	if (len == 0) {
		c->interactive_eof = true;
		if (m->terminal) {
			m->typed[0] = 0x04; /* what ends a terminal's input: ctrl-d */
			m->typed_len = 1;
		} else {
			m->close_stdin = true;
		}
	} else if (m->terminal) {
		detach = detach_scan_feed(&c->detach, c->in.input, len, m->typed, &m->typed_len);
	} else {
		memcpy(m->typed, c->in.input, len);
		m->typed_len = len;
	}
	m->typed_off = 0;
	if (detach) {
		client_detach(m, c);
		mon_input(m);
		return;
	}
	m->stdin_client = c;
	mon_input(m);
}

/* --- from clients ------------------------------------------------------------------------------
 */

static void on_resize(struct monitor *m, const uint8_t *body)
{
	struct winsize ws = { 0 };
	uint16_t v[2];

	memcpy(v, body, sizeof(v));
	ws.ws_row = v[0];
	ws.ws_col = v[1];
	if (m->terminal && m->src[0].fd >= 0)
		(void)ioctl(m->src[0].fd, TIOCSWINSZ, &ws);
}

static void on_stop(struct monitor *m, struct mon_client *c, const uint8_t *body)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	uint32_t timeout_ms;

	memcpy(&timeout_ms, body + 1, sizeof(timeout_ms));
	m->stop_signal = body[0];
	m->stop_timeout_ms = timeout_ms;
	if (c->in.u.head.type == FRAME_RESTART) {
		c->wants_started = true;
		mon_event(m, MON_EV_RESTART);
		return;
	}
	c->sent_stop = true;
	m->stopped_by_user = true;
	m->restart_wanted = false;
	(void)cmk_err_kind(&err, CMK_ERR_STATE, -ECANCELED, "it has been stopped meanwhile");
	mon_answer_started(m, &err);
	mon_event(m, MON_EV_STOP);
}

/* What asks a container to end ends its restarts as well. */
static void on_signal_frame(struct monitor *m, int sig)
{
	const struct container_config *cfg = &m->a->container->cfg;
	int stop = cfg->stop_signal ? parse_signal(cfg->stop_signal) : SIGTERM;

	if (sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == stop)
		m->stopped_by_user = true;
	if (m->rc.pidfd >= 0)
		(void)process_pidfd_signal(m->rc.pidfd, sig);
}

/* What an attached client needs; false where too many are attached. */
static bool client_buffers(struct monitor *m, struct mon_client *c)
{
	for (size_t i = 0; !c->queue && i < MON_ATTACHED; i++) {
		if (m->buffer_owner[i])
			continue;
		m->buffer_owner[i] = c;
		c->queue = m->buffers + i * BUFFERS_LEN;
		c->in.input = c->queue + MON_QUEUE;
	}
	if (!c->queue)
		return false;
	if (detach_keys_parse(m->detach_keys ? m->detach_keys : "ctrl-p,ctrl-q", c->detach.keys,
			      &c->detach.n, NULL) < 0)
		c->detach.n = 0;
	return true;
}

static void on_attach(struct monitor *m, struct mon_client *c, const uint8_t *body, size_t len)
{
	if (!client_buffers(m, c)) {
		client_drop(m, c);
		return;
	}
	c->wants_out = body[0] & MONITOR_ATTACH_OUT;
	c->wants_stdin = body[0] & MONITOR_ATTACH_STDIN;
	if (len > 1) {
		c->detach = (struct detach_scan){ .n = len - 1 };
		memcpy(c->detach.keys, body + 1, len - 1);
	}
	if (!m->a->exec) {
		struct event e = event_of_container(&m->a->container->cfg, "attach");

		event_write(m->st, &e);
	}
	poll_sources(m);
}

static void on_frame(struct monitor *m, struct mon_client *c)
{
	const struct monitor_frame *f = &c->in.u.head;
	const uint8_t *body = frame_reader_body(&c->in);

	switch (f->type) {
	case FRAME_STDIN:
		take_stdin(m, c, f->len);
		break;
	case FRAME_RESIZE:
		on_resize(m, body);
		break;
	case FRAME_SIGNAL:
		on_signal_frame(m, body[0]);
		break;
	case FRAME_STOP:
	case FRAME_RESTART:
		on_stop(m, c, body);
		break;
	case FRAME_START:
		c->wants_started = true;
		mon_event(m, MON_EV_START);
		break;
	case FRAME_HEALTH:
		mon_health_asked(m, c, body[0]);
		break;
	case FRAME_ATTACH:
		on_attach(m, c, body, f->len);
		break;
	case FRAME_OUT_CLOSED:
		if (c->primary && !m->terminal && (body[0] == 1 || body[0] == 2))
			mon_source_close(m, body[0] - 1);
		break;
	default:
		break;
	}
}

static void client_read(struct monitor *m, struct mon_client *c)
{
	while (c->fd >= 0) {
		uint8_t *at;
		size_t want = frame_reader_want(&c->in, &at);
		ssize_t n = recv(c->fd, at, want, MSG_DONTWAIT);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			client_drop(m, c);
			return;
		}
		r = frame_reader_got(&c->in, (size_t)n);
		if (r < 0) {
			client_drop(m, c);
			return;
		}
		if (r == 0)
			continue;
		on_frame(m, c);
		if (c->fd >= 0)
			frame_reader_next(&c->in);
	}
}

void mon_client_event(struct monitor *m, struct mon_client *c, uint32_t events)
{
	if (c->fd >= 0 && (events & EPOLLOUT))
		client_flush(m, c);
	if (c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		client_read(m, c);
	if (c->fd >= 0)
		poll_client(m, c);
	poll_sources(m);
	if (m->state == MON_DRAINING)
		for (int i = 0; i < 2; i++)
			mon_output(m, i);
}

static void client_init(struct monitor *m, struct mon_client *c, int fd)
{
	*c = (struct mon_client){ .fd = fd };
	frame_reader_init(&c->in, NULL);
	m->n_clients = MAX(m->n_clients, client_index(m, c) + 1);
}

void mon_client_accept(struct monitor *m)
{
	struct mon_client *c = free_slot(m);
	int fd = c ? accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;

	if (fd >= 0) {
		client_init(m, c, fd);
		poll_client(m, c);
	} else if (c && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		m->accept_failed = true;
	}
	mon_poll_listen(m);
}

int mon_relay_init(struct monitor *m, int first_fd, struct cmk_err *err)
{
	const size_t len = (size_t)MON_ATTACHED * BUFFERS_LEN;
	struct mon_client *c = client_by_index(m, 0);

	/* All at start; a page is touched when it is used, and only that page. */
	m->buffers = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->buffers == MAP_FAILED)
		return cmk_err_errno(err, "get the monitor's buffers");
	(void)madvise(m->buffers, len, MADV_NOHUGEPAGE);
	m->relay = xmalloc(MONITOR_FRAME_MAX);
	m->typed = xmalloc(MONITOR_FRAME_MAX + DETACH_KEYS_MAX);
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll_fd < 0)
		return cmk_err_errno(err, "make the monitor's event loop");
	client_init(m, c, first_fd);
	(void)client_buffers(m, c);
	c->primary = true;
	c->wants_out = m->a->attach_out;
	c->wants_stdin = m->a->attach_stdin;
	(void)fcntl(first_fd, F_SETFL, O_NONBLOCK);
	poll_client(m, c);
	poll_sources(m);
	return 0;
}
