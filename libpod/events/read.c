// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/events/internal.h"

#define CHUNK 65536
/* Labels can be long, but what is longer than this was never an event. */
#define LINE_MAX_BYTES (16 << 20)
#define MS_PER_DAY 86400000

/* A file that is read as it grows. */
struct tail {
	int fd; /* -1: none */
	off_t at;
	struct strbuf rest; /* the beginning of a line */
};

struct reader {
	const struct event_query *q;
	int dir_fd;
	struct tail old, cur; /* who opened the log before it was rotated still writes to OLD */
	int (*fn)(const struct event *e, void *arg);
	void *arg;
};

static void tail_done(struct tail *t)
{
	cleanup_close_fn(&t->fd);
	t->fd = -1;
	t->at = 0;
	strbuf_done(&t->rest);
}

static int open_file(const struct reader *rd, const char *name)
{
	return openat(rd->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	return a >= 0 && b >= 0 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	       sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

/* The last event that begins on the line: others before it were torn. */
static const char *last_begin(const char *line)
{
	const char *found = line, *next = line;

	while ((next = strstr(next, EVENTS_LINE_BEGIN))) {
		found = next;
		next++;
	}
	return found;
}

static int parse_line(const char *line, struct event *ret)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = json_parse(line, strlen(line), LINE_MAX_BYTES, &doc, NULL);

	if (r == 0)
		r = json_read_fields(json_root(doc), event_fields, ret, NULL);
	if (r < 0)
		json_free_fields(event_fields, ret);
	return r;
}

static int take_line(struct reader *rd, const char *line)
{
	struct event e = { 0 };
	int r = parse_line(line, &e);

	if (r < 0 && last_begin(line) != line)
		r = parse_line(last_begin(line), &e);
	if (r < 0) {
		log_debug("events: a line that is no event is skipped");
		return 0;
	}
	r = 0;
	if (e.time_ns >= rd->q->since_ns && (!rd->q->until_ns || e.time_ns <= rd->q->until_ns))
		r = rd->fn(&e, rd->arg);
	json_free_fields(event_fields, &e);
	return r;
}

static int take_chunk(struct reader *rd, struct tail *t, char *buf, size_t len)
{
	char *p = buf, *nl;

	while ((nl = memchr(p, '\n', len - (size_t)(p - buf)))) {
		int r;

		*nl = '\0';
		if (t->rest.len) {
			strbuf_adds(&t->rest, p);
			r = take_line(rd, t->rest.data);
			strbuf_reset(&t->rest);
		} else {
			r = take_line(rd, p);
		}
		if (r < 0)
			return r;
		p = nl + 1;
	}
	if (t->rest.len < LINE_MAX_BYTES)
		strbuf_add(&t->rest, p, len - (size_t)(p - buf));
	return 0;
}

static int drain(struct reader *rd, struct tail *t)
{
	char buf[CHUNK + 1];

	while (t->fd >= 0) {
		ssize_t n = pread(t->fd, buf, CHUNK, t->at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		t->at += n;
		r = take_chunk(rd, t, buf, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the log is another file by now: goes on with that one. True if it was. */
static bool next_file(struct reader *rd)
{
	cleanup_close int fd = open_file(rd, EVENTS_LOG), before = -1;

	if (fd < 0 || is_same_file(fd, rd->cur.fd))
		return false;
	before = open_file(rd, EVENTS_OLD);
	tail_done(&rd->old);
	/* Usually our own; another one if it was rotated twice since we looked. */
	if (before >= 0 && !is_same_file(before, rd->cur.fd) && rd->cur.fd >= 0) {
		rd->old.fd = steal_fd(&before);
		tail_done(&rd->cur);
	} else {
		rd->old = rd->cur;
	}
	rd->cur = (struct tail){ .fd = steal_fd(&fd) };
	return true;
}

static int drain_all(struct reader *rd)
{
	int r;

	do {
		r = drain(rd, &rd->old);
		if (r >= 0)
			r = drain(rd, &rd->cur);
	} while (r >= 0 && next_file(rd));
	return r;
}

static void open_files(struct reader *rd)
{
	rd->old.fd = open_file(rd, EVENTS_OLD);
	rd->cur.fd = open_file(rd, EVENTS_LOG);
	/* Rotated in between. */
	if (is_same_file(rd->old.fd, rd->cur.fd))
		tail_done(&rd->old);
	if (rd->q->from_start)
		return;
	if (rd->old.fd >= 0)
		rd->old.at = lseek(rd->old.fd, 0, SEEK_END);
	if (rd->cur.fd >= 0)
		rd->cur.at = lseek(rd->cur.fd, 0, SEEK_END);
}

/* Milliseconds, rounded up, at most a day: a longer wait is taken up again. 0: the time has come.
 */
static int ms_until(int64_t until_ns)
{
	struct timespec ts;
	int64_t left;

	if (!until_ns)
		return -1;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	left = until_ns - ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
	if (left <= 0)
		return 0;
	return (int)MIN((left + 999999) / 1000000, (int64_t)MS_PER_DAY);
}

/* 1: something was written, 0: the end has come. */
static int wait_for_more(const struct reader *rd, int watch_fd)
{
	struct pollfd p[] = { { .fd = watch_fd, .events = POLLIN }, { .fd = rd->q->hangup_fd } };

	for (;;) {
		int ms = ms_until(rd->q->until_ns), n;

		if (ms == 0)
			return 0;
		n = poll(p, ARRAY_LEN(p), ms);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && (p[1].revents & (POLLERR | POLLHUP | POLLNVAL)))
			return 0;
		if (n > 0 && p[0].revents) {
			char events[4096];

			while (read(watch_fd, events, sizeof(events)) > 0)
				;
			return 1;
		}
	}
}

static int follow(struct reader *rd, int watch_fd, int (*flush)(void *arg))
{
	int r;

	do {
		r = drain_all(rd);
		if (r >= 0 && flush)
			r = flush(rd->arg);
		if (r < 0)
			return r;
		r = wait_for_more(rd, watch_fd);
	} while (r > 0);
	/* What came at the last moment. */
	return r < 0 ? r : drain_all(rd);
}

int events_read(struct storage *st, const struct event_query *q,
		int (*fn)(const struct event *e, void *arg), int (*flush)(void *arg), void *arg,
		struct cmk_err *err)
{
	cleanup_close int dir_fd = events_open_dir(st), watch_fd = -1;
	struct reader rd = { .q = q,
			     .dir_fd = dir_fd,
			     .old = { .fd = -1 },
			     .cur = { .fd = -1 },
			     .fn = fn,
			     .arg = arg };
	char path[FD_PATH_MAX];
	int r;

	if (dir_fd < 0)
		return cmk_err_set(err, dir_fd, "open '%s/" EVENTS_DIR "': %s", st->root,
				   errno_text(-dir_fd));
	if (q->follow) {
		watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (watch_fd < 0 || inotify_add_watch(watch_fd, fd_path(dir_fd, path),
						      IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
			return cmk_err_errno(err, "watch '%s/" EVENTS_DIR "'", st->root);
	}
	open_files(&rd);
	r = q->follow ? follow(&rd, watch_fd, flush) : drain_all(&rd);
	if (r >= 0 && flush)
		r = flush(arg);
	tail_done(&rd.old);
	tail_done(&rd.cur);
	if (r < 0 && err && !err->msg)
		return cmk_err_set(err, r, "read '%s/" EVENTS_DIR "': %s", st->root,
				   errno_text(-r));
	return r < 0 ? r : 0;
}
