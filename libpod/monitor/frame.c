// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/frame.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/file.h"

int frame_check_client(const struct monitor_frame *f)
{
	switch (f->type) {
	case FRAME_STDIN:
		return f->len <= MONITOR_FRAME_MAX ? 0 : -EBADMSG;
	case FRAME_RESIZE:
		return f->len == 4 ? 0 : -EBADMSG;
	case FRAME_SIGNAL:
	case FRAME_OUT_CLOSED:
	case FRAME_HEALTH:
		return f->len == 1 ? 0 : -EBADMSG;
	case FRAME_START:
		return f->len == 0 ? 0 : -EBADMSG;
	case FRAME_STOP:
	case FRAME_RESTART:
		return f->len == 5 ? 0 : -EBADMSG;
	case FRAME_ATTACH:
		return f->len >= 1 && f->len <= 1 + DETACH_KEYS_MAX ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

void frame_reader_init(struct frame_reader *r, uint8_t *input)
{
	*r = (struct frame_reader){ .input = input };
}

size_t frame_reader_want(struct frame_reader *r, uint8_t **ret)
{
	if (r->n_head < sizeof(r->u.bytes)) {
		*ret = r->u.bytes + r->n_head;
		return sizeof(r->u.bytes) - r->n_head;
	}
	*ret = (r->u.head.type == FRAME_STDIN ? r->input : r->small) + r->n_body;
	return r->u.head.len - r->n_body;
}

int frame_reader_got(struct frame_reader *r, size_t n)
{
	if (r->n_head < sizeof(r->u.bytes)) {
		r->n_head += n;
		if (r->n_head < sizeof(r->u.bytes))
			return 0;
		if (frame_check_client(&r->u.head) < 0)
			return -EBADMSG;
		if (r->u.head.type == FRAME_STDIN && (r->input_busy || !r->input))
			return -EBADMSG;
		return r->u.head.len == 0 ? 1 : 0;
	}
	r->n_body += n;
	return r->n_body == r->u.head.len ? 1 : 0;
}

const uint8_t *frame_reader_body(const struct frame_reader *r)
{
	return r->u.head.type == FRAME_STDIN ? r->input : r->small;
}

void frame_reader_next(struct frame_reader *r)
{
	r->n_head = 0;
	r->n_body = 0;
}

int monitor_frame_send(int fd, enum monitor_frame_type type, const void *data, size_t len)
{
	struct monitor_frame head = { .type = (uint8_t)type, .len = (uint32_t)len };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };
	size_t left = sizeof(head) + len;

	while (left > 0) {
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		left -= (size_t)n;
		for (size_t i = 0; i < 2; i++) {
			size_t took = MIN((size_t)n, iov[i].iov_len);

			if (took == 0)
				continue;
			iov[i].iov_base = (uint8_t *)iov[i].iov_base + took;
			iov[i].iov_len -= took;
			n -= (ssize_t)took;
		}
	}
	return 0;
}

ssize_t monitor_frame_recv(int fd, enum monitor_frame_type *ret_type, void *buf)
{
	struct monitor_frame head;
	ssize_t n = read_full(fd, &head, sizeof(head));

	if (n < 0)
		return n;
	if ((size_t)n < sizeof(head))
		return -ECONNRESET;
	if (head.len > MONITOR_FRAME_MAX)
		return -EBADMSG;
	n = read_full(fd, buf, head.len);
	if (n < 0)
		return n;
	if ((size_t)n < head.len)
		return -ECONNRESET;
	*ret_type = head.type;
	return n;
}

static int send_stop(int fd, enum monitor_frame_type type, int sig, uint32_t timeout_ms)
{
	uint8_t body[5] = { (uint8_t)sig };

	memcpy(body + 1, &timeout_ms, sizeof(timeout_ms));
	return monitor_frame_send(fd, type, body, sizeof(body));
}

int monitor_send_stop(int fd, int sig, uint32_t timeout_ms)
{
	return send_stop(fd, FRAME_STOP, sig, timeout_ms);
}

int monitor_send_restart(int fd, int sig, uint32_t timeout_ms)
{
	return send_stop(fd, FRAME_RESTART, sig, timeout_ms);
}

int monitor_wait_exit(int fd, int *ret_code, int *ret_killed)
{
	cleanup_free uint8_t *buf = xmalloc(MONITOR_FRAME_MAX);
	enum monitor_frame_type type;
	int killed = 0;
	int32_t code;

	for (;;) {
		ssize_t n = monitor_frame_recv(fd, &type, buf);

		if (n < 0)
			return (int)n;
		if (type == FRAME_KILLED && n == 1)
			killed = buf[0];
		if (type != FRAME_EXIT || n != sizeof(code))
			continue;
		memcpy(&code, buf, sizeof(code));
		*ret_code = code;
		if (ret_killed)
			*ret_killed = killed;
		return 0;
	}
}

int monitor_wait_started(int fd, struct cmk_err *err)
{
	cleanup_free uint8_t *buf = xmalloc(MONITOR_FRAME_MAX);
	enum monitor_frame_type type;

	for (;;) {
		ssize_t n = monitor_frame_recv(fd, &type, buf);

		if (n < 0)
			return cmk_err_set(err, (int)n, "its monitor died");
		switch (type) {
		case FRAME_STARTED:
			return 0;
		case FRAME_ERROR:
			return cmk_err_decode(buf, (size_t)n, "the monitor sent a damaged message",
					      err);
		case FRAME_EXIT:
			return cmk_err_set(err, -ECANCELED, "it has ended meanwhile");
		default:
			continue;
		}
	}
}
