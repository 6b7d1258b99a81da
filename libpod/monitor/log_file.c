// SPDX-License-Identifier: Apache-2.0
/* Log files in the k8s-file format, see log.h. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "libpod/monitor/log_internal.h"

/* "2026-11-21T10:00:00.123456789Z stdout F " */
#define LOG_HEAD_MAX 64

void log_file_name(char buf[static LOG_NAME_MAX], const char *name, uint32_t n)
{
	if (n == 0)
		(void)snprintf(buf, LOG_NAME_MAX, "%s", name);
	else
		(void)snprintf(buf, LOG_NAME_MAX, "%s.%u", name, n);
}

/* A killed monitor or a full disk may have left an entry without its end. */
static int close_torn_entry(struct ctr_log *l)
{
	char last;

	if (l->size == 0)
		return 0;
	if (pread(l->fd, &last, 1, l->size - 1) != 1)
		return -errno;
	if (last == '\n')
		return 0;
	if (write(l->fd, "\n", 1) != 1)
		return -errno;
	l->size++;
	return 0;
}

static int open_file(struct ctr_log *l, struct cmk_err *err)
{
	struct stat st;
	int r;

	l->fd = openat(l->dirfd, l->name,
		       O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return cmk_err_errno(err, "open log '%s'", l->name);
	/* /dev/null is a file that keeps nothing. */
	if (fstat(l->fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)))
		return cmk_err_set(err, -EINVAL, "open log '%s': not a regular file", l->name);
	if (S_ISCHR(st.st_mode))
		l->file_max = 0;
	l->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	r = close_torn_entry(l);
	return r < 0 ? cmk_err_set(err, r, "mend log '%s': %s", l->name, errno_text(-r)) : 0;
}

static int file_open(struct ctr_log *l, const struct log_target *t, struct cmk_err *err)
{
	l->dirfd = fcntl(t->dirfd, F_DUPFD_CLOEXEC, 3);
	if (l->dirfd < 0)
		return cmk_err_errno(err, "open log '%s'", t->name);
	l->name = xstrdup(t->name);
	l->buf = xmalloc(LOG_BUF);
	if (t->max_size > 0) {
		l->n_old = t->max_files > 1 ? t->max_files - 1 : 1;
		l->file_max = t->max_files > 1 ? t->max_size : MAX(t->max_size / 2, 1);
	}
	return open_file(l, err);
}

/*
 * From the oldest on, so that no name is taken while it is needed. Killed in between: a number is
 * missing, and nothing else.
 */
static void rotate(struct ctr_log *l)
{
	char from[LOG_NAME_MAX], to[LOG_NAME_MAX];

	for (uint32_t n = l->n_old; n > 0; n--) {
		log_file_name(from, l->name, n - 1);
		log_file_name(to, l->name, n);
		(void)renameat(l->dirfd, from, l->dirfd, to);
	}
	cleanup_close_fn(&l->fd);
	(void)open_file(l, NULL);
}

static void flush(struct ctr_log *l)
{
	if (l->len == 0)
		return;
	/* The last rotation found no room for a new file. */
	if (l->fd < 0)
		(void)open_file(l, NULL);
	if (l->fd >= 0) {
		if (write_all(l->fd, l->buf, l->len) == 0)
			l->size += (off_t)l->len;
		else
			/* The disk is full. The container goes on; what was written in part goes
			 * away, or the next entry would be glued to it. */
			(void)!ftruncate(l->fd, l->size);
	}
	l->len = 0;
}

static size_t entry_head(char *buf, size_t size, bool is_stderr)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, size - n, ".%09ldZ %s ", ts.tv_nsec,
				    is_stderr ? "stderr" : "stdout");
}

/* Room for an entry of LEN bytes. */
static void make_room(struct ctr_log *l, size_t len)
{
	if (l->len + len > LOG_BUF)
		flush(l);
	if (l->file_max && l->size + (off_t)(l->len + len) > l->file_max) {
		flush(l);
		/* One that is larger than a file may be has a file of its own. */
		if (l->size > 0)
			rotate(l);
	}
}

/* One time for all that came with one read(2): as near as it can be known. */
static void file_write(struct ctr_log *l, bool is_stderr, const char *data, size_t len)
{
	const char *p = data, *end = p + len;
	char head[LOG_HEAD_MAX];
	size_t n_head = entry_head(head, sizeof(head), is_stderr);

	while (p < end) {
		size_t max = MIN((size_t)(end - p), (size_t)LOG_ENTRY_MAX);
		const char *nl = memchr(p, '\n', max);
		size_t n = nl ? (size_t)(nl - p) : max;
		char *at;

		make_room(l, n_head + 2 + n + 1);
		at = l->buf + l->len;
		memcpy(at, head, n_head);
		at[n_head] = nl ? 'F' : 'P';
		at[n_head + 1] = ' ';
		memcpy(at + n_head + 2, p, n);
		at[n_head + 2 + n] = '\n';
		l->len += n_head + 2 + n + 1;
		p += n + (nl ? 1 : 0);
	}
	flush(l);
}

static void file_close(struct ctr_log *l)
{
	flush(l);
}

const struct log_driver log_driver_k8s_file = { .info = { .name = "k8s-file", .has_file = true },
						.open = file_open,
						.write = file_write,
						.close = file_close };
const struct log_driver log_driver_json_file = { .info = { .name = "json-file", .has_file = true },
						 .open = file_open,
						 .write = file_write,
						 .close = file_close };
const struct log_driver log_driver_local = { .info = { .name = "local", .has_file = true },
					     .open = file_open,
					     .write = file_write,
					     .close = file_close };
