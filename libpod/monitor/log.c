// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"

#define LOG_BUF 32768
/* "2026-11-21T10:00:00.123456789Z stdout F " */
#define LOG_HEAD_MAX 64

struct ctr_log {
	int fd;
	off_t size; /* what the file holds in whole entries */
	size_t len;
	char buf[LOG_BUF];
};

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

int ctr_log_open(int dirfd, const char *name, struct ctr_log **ret, struct cmk_err *err)
{
	struct ctr_log *l;
	struct stat st;
	int fd, r;

	fd = openat(dirfd, name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return cmk_err_errno(err, "open log '%s'", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return cmk_err_set(err, -EINVAL, "open log '%s': not a regular file", name);
	}
	l = xcalloc(1, sizeof(*l));
	l->fd = fd;
	l->size = st.st_size;
	r = close_torn_entry(l);
	if (r < 0) {
		ctr_log_free(l);
		return cmk_err_set(err, r, "mend log '%s': %s", name, strerror(-r));
	}
	*ret = l;
	return 0;
}

struct ctr_log *ctr_log_free(struct ctr_log *l)
{
	if (l) {
		(void)close(l->fd);
		free(l);
	}
	return NULL;
}

static void log_flush(struct ctr_log *l)
{
	if (l->len == 0)
		return;
	if (write_all(l->fd, l->buf, l->len) == 0)
		l->size += (off_t)l->len;
	else
		/* The disk is full. The container goes on; what was written in part goes away, or
		 * the next entry would be glued to it. */
		(void)!ftruncate(l->fd, l->size);
	l->len = 0;
}

static size_t log_head(char *buf, size_t size, bool is_stderr)
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

void ctr_log_write(struct ctr_log *l, bool is_stderr, const void *data, size_t len)
{
	const char *p = data, *end = p + len;
	char head[LOG_HEAD_MAX];
	size_t n_head = log_head(head, sizeof(head), is_stderr);

	while (p < end) {
		size_t max = MIN((size_t)(end - p), (size_t)LOG_ENTRY_MAX);
		const char *nl = memchr(p, '\n', max);
		size_t n = nl ? (size_t)(nl - p) : max;

		if (l->len + n_head + 2 + n + 1 > sizeof(l->buf))
			log_flush(l);
		memcpy(l->buf + l->len, head, n_head);
		l->len += n_head;
		l->buf[l->len++] = nl ? 'F' : 'P';
		l->buf[l->len++] = ' ';
		memcpy(l->buf + l->len, p, n);
		l->len += n;
		l->buf[l->len++] = '\n';
		p += n + (nl ? 1 : 0);
	}
	log_flush(l);
}
