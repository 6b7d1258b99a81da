// SPDX-License-Identifier: Apache-2.0
/* A device of the host that becomes one of a container. */
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include "base/process.h"
#include "network/netlink.h"
#include "network/network.h"

#define ADDRESSES_MAX 64
#define ANSWER_MAX 32768

struct address {
	struct ifaddrmsg head;
	struct in6_addr ip;
	size_t len;
};

struct addresses {
	struct address list[ADDRESSES_MAX];
	size_t n;
};

/* Those that stay until somebody takes them away; a link's own come by themselves. */
static void take_address(const struct nlmsghdr *h, int index, struct addresses *to)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	size_t len = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));
	struct address *a = &to->list[to->n];
	bool found = false;

	if ((int)m->ifa_index != index || m->ifa_scope != RT_SCOPE_UNIVERSE ||
	    !(m->ifa_flags & IFA_F_PERMANENT) || to->n == ADDRESSES_MAX)
		return;
	for (const struct rtattr *rta = IFA_RTA(m); RTA_OK(rta, len); rta = RTA_NEXT(rta, len)) {
		size_t size = RTA_PAYLOAD(rta);

		/* The address of this end stands in LOCAL, where both are there. */
		if ((rta->rta_type != IFA_LOCAL && (rta->rta_type != IFA_ADDRESS || found)) ||
		    size > sizeof(a->ip))
			continue;
		memcpy(&a->ip, RTA_DATA(rta), size);
		a->len = size;
		found = true;
	}
	a->head = *m;
	to->n += found;
}

static int list_addresses(int nl, int index, struct addresses *ret)
{
	struct ifaddrmsg m = { .ifa_family = AF_UNSPEC };
	cleanup_free char *buf = xmalloc(ANSWER_MAX);
	struct nl_request rq;

	nl_request_init(&rq, RTM_GETADDR, NLM_F_DUMP, &m, sizeof(m));
	if (send(nl, &rq, rq.hdr.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(nl, buf, ANSWER_MAX, 0);
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		for (size_t left = (size_t)n; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return -EIO;
			if (h->nlmsg_type == RTM_NEWADDR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(m)))
				take_address(h, index, ret);
		}
	}
}

static int move(int nl, int index, int netns_fd, const char *new_name)
{
	struct ifinfomsg m = { .ifi_index = index };
	struct nl_request rq;

	nl_request_init(&rq, RTM_NEWLINK, 0, &m, sizeof(m));
	nl_request_add(&rq, IFLA_NET_NS_FD, &netns_fd, sizeof(netns_fd));
	nl_request_add(&rq, IFLA_IFNAME, new_name, strlen(new_name) + 1);
	return nl_call(nl, &rq);
}

/* Moving it has taken it down, with all addresses. */
static int set_up(const char *name, const struct addresses *list)
{
	cleanup_close int nl = nl_open();
	struct ifinfomsg m = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_request rq;
	int r = nl < 0 ? nl : 0;

	m.ifi_index = (int)if_nametoindex(name);
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const struct address *a = &list->list[i];
		struct ifaddrmsg head = { .ifa_family = a->head.ifa_family,
					  .ifa_prefixlen = a->head.ifa_prefixlen,
					  .ifa_flags = a->head.ifa_flags & IFA_F_NODAD,
					  .ifa_scope = a->head.ifa_scope,
					  .ifa_index = (uint32_t)m.ifi_index };

		nl_request_init(&rq, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &head,
				sizeof(head));
		nl_request_add(&rq, IFA_LOCAL, &a->ip, a->len);
		nl_request_add(&rq, IFA_ADDRESS, &a->ip, a->len);
		r = nl_call(nl, &rq);
	}
	if (r < 0)
		return r;
	nl_request_init(&rq, RTM_NEWLINK, 0, &m, sizeof(m));
	return nl_call(nl, &rq);
}

static int set_up_inside(int netns_fd, const char *name, const struct addresses *list,
			 struct cmk_err *err)
{
	pid_t pid = process_fork("cmk-device", PROCESS_DEATH_SIGNAL, NULL, err);
	int status;

	if (pid == 0) {
		int r = setns(netns_fd, CLONE_NEWNET) < 0 ? -errno : set_up(name, list);

		/* An errno is less than 256. */
		_exit(-r);
	}
	if (pid < 0)
		return pid;
	status = process_reap(pid);
	status = status < 0 ? -status : process_exit_code(status);
	return status ? cmk_err_set(err, -status, "set up '%s' inside: %s", name,
				    errno_text(status))
		      : 0;
}

int network_device_move(const char *name, int netns_fd, const char *new_name, struct cmk_err *err)
{
	struct addresses list = { .n = 0 };
	cleanup_close int nl = nl_open();
	int index = (int)if_nametoindex(name), r = nl < 0 ? nl : 0;

	if (index == 0)
		return cmk_err_errno(err, "network device '%s'", name);
	if (r == 0)
		r = list_addresses(nl, index, &list);
	if (r == 0)
		r = move(nl, index, netns_fd, new_name);
	if (r < 0)
		return cmk_err_set(err, r, "move network device '%s': %s", name, errno_text(-r));
	return set_up_inside(netns_fd, new_name, &list, err);
}
