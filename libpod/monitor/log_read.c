// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "libpod/monitor/log.h"

#define READ_BLOCK 65536

struct replay {
	const struct log_read_options *o;
	int fd, dirfd;
	const char *name;
	int out[2];
	struct strbuf pending[2]; /* per stream: what is to be written */
	bool inside_line[2];
	char buf[READ_BLOCK];
	size_t len;
	bool skipping; /* inside a line that is too long */
	bool over;     /* beyond --until */
};

static int flush_stream(struct replay *r, int i)
{
	int rc = 0;

	if (r->pending[i].len > 0)
		rc = write_all(r->out[i], r->pending[i].data, r->pending[i].len);
	strbuf_reset(&r->pending[i]);
	return rc;
}

static int emit(struct replay *r, const struct log_entry *e, const char *line)
{
	int i = e->is_stderr ? 1 : 0;
	struct strbuf *sb = &r->pending[i];

	/* The other stream's lines came before this one; on a terminal the order shows. */
	if (r->pending[!i].len > 0) {
		int rc = flush_stream(r, !i);

		if (rc < 0)
			return rc;
	}
	if (!r->inside_line[i]) {
		if (r->o->prefix) {
			strbuf_adds(sb, r->o->prefix);
			strbuf_addc(sb, ' ');
		}
		if (r->o->timestamps)
			strbuf_add(sb, line, (size_t)(strchr(line, ' ') - line) + 1);
	}
	strbuf_add(sb, e->text, e->len);
	if (!e->partial)
		strbuf_addc(sb, '\n');
	r->inside_line[i] = e->partial;
	return sb->len >= READ_BLOCK ? flush_stream(r, i) : 0;
}

static int do_line(struct replay *r, const char *line, size_t len)
{
	struct log_entry e;

	if (log_entry_parse(line, len, &e) < 0)
		return 0;
	if (r->o->until_ns && e.time_ns > r->o->until_ns) {
		r->over = true;
		return 0;
	}
	if (r->o->since_ns && e.time_ns < r->o->since_ns)
		return 0;
	return emit(r, &e, line);
}

/* Everything up to the present end of the file. */
static int read_to_end(struct replay *r)
{
	int rc = 0;

	while (!r->over) {
		ssize_t n = read(r->fd, r->buf + r->len, sizeof(r->buf) - r->len);
		char *p = r->buf, *nl;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		r->len += (size_t)n;
		while (!r->over && (nl = memchr(p, '\n', r->len - (size_t)(p - r->buf))) != NULL) {
			if (!r->skipping)
				rc = do_line(r, p, (size_t)(nl - p));
			if (rc < 0)
				return rc;
			r->skipping = false;
			p = nl + 1;
		}
		r->len -= (size_t)(p - r->buf);
		memmove(r->buf, p, r->len);
		if (r->len == sizeof(r->buf)) {
			r->skipping = true;
			r->len = 0;
		}
	}
	rc = flush_stream(r, 0);
	return rc < 0 ? rc : flush_stream(r, 1);
}

/* Whether the line in [p, end) ends a line of output. A line whose head cannot be seen counts. */
static bool ends_output_line(const char *p, const char *end)
{
	struct log_entry e;

	return log_entry_parse(p, (size_t)(end - p), &e) < 0 || !e.partial;
}

/*
 * Offset of the first entry of the last TAIL lines, found from the end: the time does not grow with
 * the size of the log. BUF holds the block at BASE and, behind it, the part of the line that goes
 * on in the block read before.
 */
static int find_tail(struct replay *r, off_t size, off_t *ret)
{
	cleanup_free char *buf = xmalloc((size_t)READ_BLOCK * 2);
	size_t len = 0; /* bytes at buf: from base to the end of the line under way */
	int64_t lines = 0;
	off_t base = size;
	bool at_end = true;

	if (r->o->tail == 0) {
		*ret = size;
		return 0;
	}
	while (base > 0) {
		size_t n = (size_t)MIN(base, (off_t)READ_BLOCK), end;

		if (len > READ_BLOCK)
			len = READ_BLOCK; /* a line too long to be ours */
		memmove(buf + n, buf, len);
		base -= (off_t)n;
		if (pread(r->fd, buf, n, base) != (ssize_t)n)
			return -EIO;
		len += n;
		/* Lines end at buf[end], which is a newline or the end of the file. */
		end = len;
		for (;;) {
			char *nl = end > 0 ? memrchr(buf, '\n', end) : NULL;
			size_t start = nl ? (size_t)(nl - buf) + 1 : 0;

			if (!nl && base > 0)
				break;
			/* The last line of output may lack its newline: it counts. */
			if (start < end && (ends_output_line(buf + start, buf + end) || at_end)) {
				if (lines == r->o->tail) {
					*ret = base + (off_t)end + 1;
					return 0;
				}
				lines++;
				at_end = false;
			}
			if (!nl)
				break;
			end = (size_t)(nl - buf);
		}
		len = end;
	}
	*ret = 0;
	return 0;
}

static int open_log(struct replay *r, struct cmk_err *err)
{
	struct stat st;

	if (r->fd >= 0)
		return 0;
	r->fd = openat(r->dirfd, r->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (r->fd < 0)
		return errno == ENOENT ? 0 : cmk_err_errno(err, "open log '%s'", r->name);
	if (fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return cmk_err_set(err, -EINVAL, "open log '%s': not a regular file", r->name);
	return 0;
}

static int seek_tail(struct replay *r, struct cmk_err *err)
{
	struct stat st;
	off_t at = 0;
	int rc;

	if (r->fd < 0 || r->o->tail < 0)
		return 0;
	if (fstat(r->fd, &st) < 0)
		return cmk_err_errno(err, "read log '%s'", r->name);
	rc = find_tail(r, st.st_size, &at);
	if (rc < 0)
		return cmk_err_set(err, rc, "read log '%s': %s", r->name, strerror(-rc));
	if (lseek(r->fd, at, SEEK_SET) < 0)
		return cmk_err_errno(err, "read log '%s'", r->name);
	return 0;
}

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

/* Waits until the log may have grown or its writer may have gone: 1, or 0 at --until. */
static int wait_change(struct replay *r, int in_fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct pollfd p[3] = { { .fd = in_fd, .events = POLLIN },
			       { .fd = r->o->end_fd > 0 ? r->o->end_fd : -1, .events = POLLIN },
			       /* The reader's end: a pipe says POLLERR when nobody reads. */
			       { .fd = r->out[0], .events = 0 } };
	int n;

	do {
		n = poll(p, ARRAY_LEN(p), until_timeout_ms(r->o));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	if (p[2].revents & POLLERR)
		return -EPIPE;
	if (p[0].revents)
		(void)!read(in_fd, events, sizeof(events));
	return 1;
}

static int follow(struct replay *r, bool (*still_running)(void *arg), void *arg,
		  struct cmk_err *err)
{
	cleanup_close int in_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[FD_PATH_MAX];
	int rc;

	if (in_fd < 0)
		return cmk_err_errno(err, "watch the log");
	/* The directory: the log's own changes are reported as well, and so is the status record
	 * that the monitor leaves when the container has ended. */
	if (inotify_add_watch(in_fd, fd_path(r->dirfd, path),
			      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |
				      IN_MOVE_SELF) < 0)
		return cmk_err_errno(err, "watch the log");
	for (;;) {
		/* Asked before the last read: what was written before the end is shown. */
		bool goes_on = !still_running || still_running(arg);

		rc = open_log(r, err);
		if (rc < 0)
			return rc;
		rc = r->fd >= 0 ? read_to_end(r) : 0;
		if (rc < 0)
			return rc;
		if (!goes_on || r->over)
			return 0;
		rc = wait_change(r, in_fd);
		if (rc <= 0)
			return rc;
	}
}

int ctr_log_replay(int dirfd, const char *name, const struct log_read_options *o, int out_fd,
		   int err_fd, bool (*still_running)(void *arg), void *arg, struct cmk_err *err)
{
	cleanup_free struct replay *r = xcalloc(1, sizeof(*r));
	int rc;

	*r = (struct replay){
		.o = o, .fd = -1, .dirfd = dirfd, .name = name, .out = { out_fd, err_fd }
	};
	rc = open_log(r, err);
	if (rc == 0)
		rc = seek_tail(r, err);
	if (rc == 0 && o->follow) {
		rc = follow(r, still_running, arg, err);
	} else if (rc == 0 && r->fd >= 0) {
		rc = read_to_end(r);
	}
	if (rc < 0 && err && !err->msg)
		(void)cmk_err_set(err, rc, "show log: %s", strerror(-rc));
	if (r->fd >= 0)
		(void)close(r->fd);
	strbuf_done(&r->pending[0]);
	strbuf_done(&r->pending[1]);
	return rc;
}
