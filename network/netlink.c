// SPDX-License-Identifier: Apache-2.0
#include "network/netlink.h"

#include <assert.h>
#include <linux/netlink.h>
#include <sys/socket.h>

void nl_request_init(struct nl_request *rq, uint16_t type, uint16_t flags, const void *fixed,
		     size_t len)
{
	*rq = (struct nl_request){
		.hdr = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
			 .nlmsg_type = type,
			 .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
			 .nlmsg_seq = 1 },
	};
	assert(len <= sizeof(rq->body));
	memcpy(rq->body, fixed, len);
}

static struct rtattr *add_attr(struct nl_request *rq, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(rq->hdr.nlmsg_len), end = at + RTA_SPACE(len);
	struct rtattr *a;

	assert(end <= sizeof(*rq));
	a = (struct rtattr *)((char *)rq + at);
	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	rq->hdr.nlmsg_len = (uint32_t)end;
	return a;
}

void nl_request_add(struct nl_request *rq, uint16_t type, const void *data, size_t len)
{
	(void)add_attr(rq, type, data, len);
}

struct rtattr *nl_request_nest(struct nl_request *rq, uint16_t type)
{
	return add_attr(rq, type, NULL, 0);
}

void nl_request_end(struct nl_request *rq, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((char *)rq + rq->hdr.nlmsg_len - (char *)nest);
}

int nl_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

int nl_call(int fd, struct nl_request *rq)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	union {
		struct nlmsghdr hdr;
		char bytes[1024];
	} answer;
	const struct nlmsgerr *e;
	ssize_t n;

	if (sendto(fd, rq, rq->hdr.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	do {
		n = recv(fd, &answer, sizeof(answer), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(*e)) || answer.hdr.nlmsg_type != NLMSG_ERROR)
		return -EBADMSG;
	e = NLMSG_DATA(&answer.hdr);
	return e->error;
}
