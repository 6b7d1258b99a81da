// SPDX-License-Identifier: Apache-2.0
/* `logs`: the entries of one log or of several, in the order of their times. */
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <time.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "libpod/monitor/log_reader.h"

#define FLUSH_LEN 65536

struct shown {
	const struct log_source *src;
	struct log_reader reader;
	bool inside_line[2];
	bool ending; /* its stream has been told that its writer has gone */
	bool over;   /* ended, or beyond --until */
};

struct show {
	const struct log_read_options *o;
	struct shown *logs;
	size_t n;
	struct shown *held; /* whose line is not at its end */
	int out[2];
	struct strbuf pending[2]; /* per stream: what is to be written */
};

static int flush_stream(struct show *s, int i)
{
	int r = 0;

	if (s->pending[i].len > 0)
		r = write_all(s->out[i], s->pending[i].data, s->pending[i].len);
	strbuf_reset(&s->pending[i]);
	return r;
}

static int flush_all(struct show *s)
{
	int r = flush_stream(s, 0);

	return r < 0 ? r : flush_stream(s, 1);
}

static int emit(struct show *s, struct shown *l)
{
	const struct log_entry *e = &l->reader.cur;
	int i = e->is_stderr ? 1 : 0;
	struct strbuf *sb = &s->pending[i];

	/* The other stream's lines came before this one; on a terminal the order shows. */
	if (s->pending[!i].len > 0) {
		int r = flush_stream(s, !i);

		if (r < 0)
			return r;
	}
	if (!l->inside_line[i]) {
		const char *time = l->reader.line;

		if (l->src->prefix)
			strbuf_adds(sb, l->src->prefix);
		if (s->o->timestamps)
			strbuf_add(sb, time, (size_t)(strchr(time, ' ') - time) + 1);
		if (l->src->details)
			strbuf_adds(sb, l->src->details);
	}
	strbuf_add(sb, e->text, e->len);
	if (!e->partial)
		strbuf_addc(sb, '\n');
	l->inside_line[i] = e->partial;
	s->held = e->partial ? l : NULL;
	return sb->len >= FLUSH_LEN ? flush_stream(s, i) : 0;
}

/* The log whose entry is the oldest of those at hand; NULL where all are at their ends. */
static int pick(struct show *s, struct shown **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < s->n; i++) {
		struct shown *l = &s->logs[i];
		int r = l->over ? 0 : log_reader_next(&l->reader);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		/* A line in pieces is shown as one. */
		if (l == s->held) {
			*ret = l;
			return 0;
		}
		if (!*ret || l->reader.cur.time_ns < (*ret)->reader.cur.time_ns)
			*ret = l;
	}
	return 0;
}

static int show_present(struct show *s)
{
	struct shown *l;
	int r;

	for (;;) {
		r = pick(s, &l);
		if (r < 0 || !l)
			break;
		l->reader.has = false;
		if (s->o->until_ns && l->reader.cur.time_ns > s->o->until_ns) {
			l->over = true;
			continue;
		}
		if (s->o->since_ns && l->reader.cur.time_ns < s->o->since_ns)
			continue;
		r = emit(s, l);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : flush_all(s);
}

/* --- following ---------------------------------------------------------------------------------
 */

static int until_timeout_ms(const struct log_read_options *o)
{
	struct timespec ts;
	int64_t left;

	if (!o->until_ns)
		return -1;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	left = (o->until_ns - ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec)) / 1000000 + 1;
	return left < 0 ? 0 : (int)MIN(left, (int64_t)INT_MAX);
}

/* Waits until a log may have grown or a writer may have gone: 1, or 0 at --until. */
static int wait_change(struct show *s, int in_fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	cleanup_free struct pollfd *p = xcalloc(2 * s->n + 2, sizeof(*p));
	int n;

	p[0] = (struct pollfd){ .fd = in_fd, .events = POLLIN };
	/* The reader's end: a pipe says POLLERR when nobody reads. */
	p[1] = (struct pollfd){ .fd = s->out[0] };
	for (size_t i = 0; i < s->n; i++) {
		const struct shown *l = &s->logs[i];
		const struct log_stream *stream = l->src->stream;

		p[2 + 2 * i] = (struct pollfd){ .fd = l->over || l->ending ? -1 : l->src->end_fd,
						.events = POLLIN };
		p[3 + 2 * i] = (struct pollfd){ .fd = l->over || !stream ? -1 : stream->fd,
						.events = POLLIN };
	}
	do {
		n = poll(p, 2 * s->n + 2, until_timeout_ms(s->o));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	if (p[1].revents & POLLERR)
		return -EPIPE;
	if (p[0].revents)
		(void)!read(in_fd, events, sizeof(events));
	return 1;
}

static int watch(struct show *s, int in_fd, struct cmk_err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		char path[FD_PATH_MAX];

		if (s->logs[i].src->stream)
			continue;
		/* The directory: the log's own changes are reported as well, so are its rotation
		 * and the record that the monitor leaves when the container has ended. */
		if (inotify_add_watch(in_fd, fd_path(s->logs[i].src->dirfd, path),
				      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE |
					      IN_DELETE_SELF | IN_MOVE_SELF) < 0)
			return cmk_err_errno(err, "watch the log");
	}
	return 0;
}

static int follow(struct show *s, struct cmk_err *err)
{
	cleanup_close int in_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cleanup_free bool *ends = xcalloc(s->n + 1, sizeof(*ends));
	int r;

	if (in_fd < 0)
		return cmk_err_errno(err, "watch the log");
	r = watch(s, in_fd, err);
	while (r >= 0) {
		bool any = false;

		/* Asked before the last read: what was written before the end is shown. */
		for (size_t i = 0; i < s->n; i++) {
			const struct log_source *src = s->logs[i].src;

			ends[i] = src->still_running && !src->still_running(src->arg);
			if (src->stream && ends[i] && !s->logs[i].ending) {
				log_stream_end(src->stream);
				s->logs[i].ending = true;
			}
		}
		r = show_present(s);
		if (r < 0)
			break;
		for (size_t i = 0; i < s->n; i++) {
			s->logs[i].over |= s->logs[i].src->stream ? s->logs[i].reader.ended
								  : ends[i];
			any |= !s->logs[i].over;
		}
		if (!any)
			break;
		r = wait_change(s, in_fd);
		if (r == 0)
			return show_present(s);
	}
	return r < 0 ? r : 0;
}

int log_show(const struct log_source *sources, size_t n, const struct log_read_options *o,
	     int out_fd, int err_fd, struct cmk_err *err)
{
	struct show s = { .o = o, .n = n, .out = { out_fd, err_fd } };
	int r = 0;

	s.logs = xcalloc(n + 1, sizeof(*s.logs));
	for (size_t i = 0; i < n; i++) {
		s.logs[i].src = &sources[i];
		if (sources[i].stream)
			log_reader_init_stream(&s.logs[i].reader, sources[i].stream->fd);
		else
			log_reader_init(&s.logs[i].reader, sources[i].dirfd, sources[i].name);
		if (r == 0)
			r = log_reader_start(&s.logs[i].reader, o, err);
	}
	if (r == 0)
		r = o->follow ? follow(&s, err) : show_present(&s);
	if (r < 0 && err && !err->msg)
		(void)cmk_err_set(err, r, "show log: %s", errno_text(-r));
	for (size_t i = 0; i < n; i++)
		log_reader_done(&s.logs[i].reader);
	free(s.logs);
	strbuf_done(&s.pending[0]);
	strbuf_done(&s.pending[1]);
	return r;
}
