// SPDX-License-Identifier: Apache-2.0
#include "image/proto.h"

#include <sys/socket.h>
#include <sys/uio.h>

static int send_parts(int sock, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * PROTO_FDS_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = n_iov };

	if (n_fds > 0) {
		struct cmsghdr *c;

		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	while (sendmsg(sock, &mh, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int proto_send(int sock, const struct proto_head *head, const char *const *strings, const int *fds,
	       size_t n_fds)
{
	struct proto_head h = *head;
	struct iovec iov[PROTO_STRINGS_MAX + 1] = { { &h, sizeof(h) } };
	size_t total = 0;

	h.n_strings = 0;
	for (; strings && strings[h.n_strings] && h.n_strings < PROTO_STRINGS_MAX; h.n_strings++) {
		const char *s = strings[h.n_strings];

		iov[h.n_strings + 1] = (struct iovec){ (char *)s, strlen(s) + 1 };
		total += strlen(s) + 1;
	}
	if (total > PROTO_MAX)
		return -EMSGSIZE;
	return send_parts(sock, iov, h.n_strings + 1, fds, n_fds);
}

int proto_send_err(int sock, uint32_t id, const struct cmk_err *err)
{
	struct proto_head h = { .type = PROTO_ERROR, .id = id };
	char buf[CMK_ERR_WIRE_MAX];
	struct iovec iov[2] = { { &h, sizeof(h) } };

	iov[1] = (struct iovec){ buf, cmk_err_encode(err, buf, sizeof(buf)) };
	return send_parts(sock, iov, 2, NULL, 0);
}

void proto_done(struct proto_msg *m)
{
	for (size_t i = 0; i < PROTO_FDS_MAX; i++) {
		if (m->fds[i] >= 0)
			(void)close(m->fds[i]);
		m->fds[i] = -1;
	}
}

/* Takes every descriptor that came, so that none is leaked by a message that is refused. */
static void take_fds(struct msghdr *mh, struct proto_msg *m)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && n < PROTO_FDS_MAX; i++)
			memcpy(&m->fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

static int split_strings(struct proto_msg *m)
{
	const char *p = m->buf, *end = m->buf + m->len;

	if (m->head.n_strings > PROTO_STRINGS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < m->head.n_strings; i++) {
		size_t n = strnlen(p, (size_t)(end - p));

		if (p + n == end)
			return -EBADMSG;
		m->str[i] = p;
		p += n + 1;
	}
	return 0;
}

int proto_recv(int sock, int flags, struct proto_msg *ret)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * PROTO_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = { { &ret->head, sizeof(ret->head) }, { ret->buf, PROTO_MAX } };
	struct msghdr mh = { .msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf) };
	ssize_t n;

	memset(&ret->head, 0, sizeof(ret->head));
	memset(ret->str, 0, sizeof(ret->str));
	for (size_t i = 0; i < PROTO_FDS_MAX; i++)
		ret->fds[i] = -1;
	do
		n = recvmsg(sock, &mh, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	take_fds(&mh, ret);
	if ((size_t)n < sizeof(ret->head) || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    ret->head.type < PROTO_OPEN || ret->head.type >= PROTO_N_TYPES) {
		proto_done(ret);
		return -EBADMSG;
	}
	ret->len = (size_t)n - sizeof(ret->head);
	ret->buf[ret->len] = '\0';
	if (split_strings(ret) < 0) {
		proto_done(ret);
		return -EBADMSG;
	}
	return 1;
}
