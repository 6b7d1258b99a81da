// SPDX-License-Identifier: Apache-2.0
/*
 * libslirp tells which descriptors it waits for and for how long; it has no notion of rest, and
 * asks to be woken at least once a second. We let it sleep where nothing can be due.
 */
#include "network/slirp_loop.h"

#include <fcntl.h>
#include <malloc.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "network/network.h"
#include "network/slirp_frame.h"

enum {
	FRAME_MAX = NETWORK_SLIRP_MTU + ETHER_HDR_LEN,
	FRAMES_PER_TURN = 64,	    /* then the sockets get their turn */
	SLOW_TICK_MS = 500,	    /* libslirp: waits up to this are timers, more is idleness */
	LULL_MS = 10 * 1000,	    /* silence after which timers may be late */
	LINGER_MS = 90 * 1000,	    /* a closed connection is forgotten (2 MSL, FIN_WAIT_2) */
	SILENCE_MS = 5 * 60 * 1000, /* UDP associations (240 s) have ended */
	RESERVED_FILES = 24,	    /* not libslirp's sockets: standard streams, tap, resolv.conf */
	HASTE = 20,		    /* 10 s in 500 ms */
	SLOT_CONTROL = 0,
	SLOT_TAP = 1,
	SLOT_UDP = 2, /* and following: published UDP ports */
};

struct slirp_loop {
	Slirp *slirp;
	struct slirp_udp *udp;
	int tap_fd;
	struct pollfd *pfd; /* control, tap, UDP ports, then what libslirp asks for */
	size_t n, n_fixed, cap;
	bool *listener; /* by descriptor: bound at start, never closed */
	int n_listener;
	int files_max;		 /* descriptors from here on are not for clients */
	bool full;		 /* none of those is left, as of the last look */
	bool look;		 /* a client came: look again */
	int64_t clock, clock_at; /* libslirp's time, and when it was that, ns */
	bool busy;		 /* in this turn a socket that is no listener was polled */
	int64_t last_event;	 /* anything came, ms */
	int64_t last_traffic;	 /* a connection was there, ms; -1: never */
	bool trimmed;
	uint8_t frame[FRAME_MAX];
};

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

static ssize_t on_send(const void *buf, size_t len, void *opaque)
{
	const struct slirp_loop *l = opaque;

	/* Where the container's queue is full the packet is lost, as on any link. */
	(void)!write(l->tap_fd, buf, len);
	return (ssize_t)len;
}

static void on_guest_error(const char *msg cmk_unused, void *opaque cmk_unused)
{
}

/*
 * libslirp's clock. A connection whose client closed first keeps its descriptor for 10 s
 * (TIME_WAIT, which is of no use towards a container that is one hop away). Where descriptors run
 * out, time goes faster: such connections and forgotten UDP associations end early, and the next
 * client gets in.
 */
static int64_t on_clock(void *opaque)
{
	struct slirp_loop *l = opaque;
	int64_t now = now_ns();

	l->clock += (now - l->clock_at) * (l->full ? HASTE : 1);
	l->clock_at = now;
	return l->clock;
}

/* libslirp's only timer sends router advertisements. The container's addresses and routes are
 * fixed: they would wake both sides for nothing. */
static void *on_timer_new(SlirpTimerCb cb cmk_unused, void *cb_opaque cmk_unused, void *opaque)
{
	return opaque;
}

static void on_timer_free(void *timer cmk_unused, void *opaque cmk_unused)
{
}

static void on_timer_mod(void *timer cmk_unused, int64_t expire cmk_unused, void *opaque cmk_unused)
{
}

static void on_poll_fd(int fd cmk_unused, void *opaque cmk_unused)
{
}

static void on_notify(void *opaque cmk_unused)
{
}

static const SlirpCb callbacks = {
	.send_packet = on_send,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_new = on_timer_new,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_poll_fd,
	.unregister_poll_fd = on_poll_fd,
	.notify = on_notify,
};

struct slirp_loop *slirp_loop_new(int control_fd, int tap_fd, struct slirp_udp *udp)
{
	struct slirp_loop *l = xcalloc(1, sizeof(*l));
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		l->files_max = (int)files.rlim_cur - RESERVED_FILES;
	l->udp = udp;
	l->tap_fd = tap_fd;
	l->cap = 16;
	l->pfd = xcalloc(l->cap, sizeof(*l->pfd));
	l->pfd[SLOT_CONTROL] = (struct pollfd){ .fd = control_fd, .events = POLLIN };
	l->pfd[SLOT_TAP] = (struct pollfd){ .fd = tap_fd, .events = POLLIN };
	l->n = l->n_fixed = SLOT_UDP;
	l->clock = l->clock_at = now_ns();
	l->last_event = now_ms();
	l->last_traffic = -1;
	return l;
}

Slirp *slirp_loop_slirp(struct slirp_loop *l, const SlirpConfig *cfg)
{
	l->slirp = slirp_new(cfg, &callbacks, l);
	return l->slirp;
}

static bool is_listener(const struct slirp_loop *l, int fd)
{
	return fd < l->n_listener && l->listener[fd];
}

static int add_poll(int fd, int events, void *opaque)
{
	struct slirp_loop *l = opaque;
	short e = 0;

	/* Where no descriptor is left a client has to wait in the queue; accept(2) would fail, and
	 * fail again at once. */
	if ((events & SLIRP_POLL_IN) && !(is_listener(l, fd) && l->full))
		e |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		e |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		e |= POLLPRI;
	if (l->n == l->cap) {
		l->cap *= 2;
		l->pfd = xrealloc(l->pfd, l->cap, sizeof(*l->pfd));
	}
	l->pfd[l->n] = (struct pollfd){ .fd = fd, .events = e };
	l->busy = l->busy || !is_listener(l, fd);
	return (int)l->n++;
}

static int get_revents(int idx, void *opaque)
{
	struct slirp_loop *l = opaque;
	short e = l->pfd[idx].revents;
	int r = 0;

	if (e & POLLIN)
		r |= SLIRP_POLL_IN;
	if (e & POLLOUT)
		r |= SLIRP_POLL_OUT;
	if (e & POLLPRI)
		r |= SLIRP_POLL_PRI;
	if (e & (POLLERR | POLLNVAL))
		r |= SLIRP_POLL_ERR;
	if (e & POLLHUP)
		r |= SLIRP_POLL_HUP;
	return r;
}

static void look_for_room(struct slirp_loop *l)
{
	int fd = fcntl(l->tap_fd, F_DUPFD_CLOEXEC, 0); /* the lowest that is free */

	l->full = fd < 0 || fd >= l->files_max;
	l->look = false;
	cleanup_close_fn(&fd);
}

/* Asks libslirp what it waits for; returns its timeout. */
static uint32_t fill(struct slirp_loop *l)
{
	uint32_t timeout = UINT32_MAX;

	if (l->look || l->full || l->n > (size_t)l->files_max / 4 * 3)
		look_for_room(l);
	l->n = l->n_fixed;
	l->busy = false;
	slirp_pollfds_fill(l->slirp, &timeout, add_poll, l);
	return timeout;
}

void slirp_loop_note_listeners(struct slirp_loop *l)
{
	socklen_t len = sizeof(int);

	l->n_fixed = SLOT_UDP + slirp_udp_count(l->udp);
	l->cap += l->n_fixed;
	l->pfd = xrealloc(l->pfd, l->cap, sizeof(*l->pfd));
	slirp_udp_fill(l->udp, l->pfd + SLOT_UDP);
	(void)fill(l);
	for (size_t i = l->n_fixed; i < l->n; i++)
		l->n_listener = MAX(l->n_listener, l->pfd[i].fd + 1);
	l->listener = xcalloc((size_t)l->n_listener + 1, sizeof(*l->listener));
	for (size_t i = l->n_fixed; i < l->n; i++) {
		int fd = l->pfd[i].fd, accepts = 0;

		l->listener[fd] = true;
		/* libslirp asks for a queue of one: a burst of clients would wait a second each. */
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 && accepts)
			(void)listen(fd, SOMAXCONN);
	}
}

/*
 * How long to sleep, in ms; -1 until something comes. libslirp's slow tick (two a second) runs as
 * long as it has any TCP socket, published ports among them, or UDP association. What the tick does
 * after a lull is to forget what is over, and that may come late: it counts ticks, not time.
 */
static int sleep_ms(struct slirp_loop *l, uint32_t wanted)
{
	int64_t now = now_ms(), silence = now - l->last_event;

	if (l->busy)
		l->last_traffic = now;
	if (wanted > SLOW_TICK_MS)
		return -1;
	if (wanted < SLOW_TICK_MS / 2)
		return (int)wanted;
	if (l->full)
		return (int)wanted / HASTE;
	if (!l->busy && (l->last_traffic < 0 || now - l->last_traffic > LINGER_MS))
		return -1;
	if (silence < LULL_MS)
		return (int)wanted;
	if (silence < SILENCE_MS)
		return (int)(silence / 4);
	return -1;
}

static void read_tap(struct slirp_loop *l)
{
	for (int i = 0; i < FRAMES_PER_TURN; i++) {
		ssize_t n = read(l->tap_fd, l->frame, sizeof(l->frame));

		if (n <= 0)
			return;
		if (slirp_udp_from_guest(l->udp, l->frame, (size_t)n))
			continue;
		if (slirp_frame_allowed(l->frame, (size_t)n))
			slirp_input(l->slirp, l->frame, (int)n);
	}
}

static void note_events(struct slirp_loop *l)
{
	int64_t now = now_ms();

	l->last_event = now;
	l->trimmed = false;
	for (size_t i = l->n_fixed; i < l->n; i++) {
		if (!l->pfd[i].revents)
			continue;
		l->last_traffic = now;
		l->look = l->look || is_listener(l, l->pfd[i].fd);
	}
}

void slirp_loop_run(struct slirp_loop *l)
{
	for (;;) {
		int timeout = sleep_ms(l, fill(l)), r;

		if (timeout < 0 && !l->trimmed) {
			(void)malloc_trim(0);
			l->trimmed = true;
		}
		r = poll(l->pfd, l->n, timeout);
		if (r < 0 && errno != EINTR)
			return;
		if (r > 0) {
			if (l->pfd[SLOT_CONTROL].revents)
				return;
			note_events(l);
		}
		/* Before the tap: this is what sets libslirp's clock, by which new sockets
		 * expire. */
		slirp_pollfds_poll(l->slirp, r < 0, get_revents, l);
		if (r <= 0)
			continue;
		for (size_t i = SLOT_UDP; i < l->n_fixed; i++)
			if (l->pfd[i].revents)
				slirp_udp_from_host(l->udp, i - SLOT_UDP);
		if (l->pfd[SLOT_TAP].revents)
			read_tap(l);
	}
}
