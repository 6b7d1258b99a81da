/* SPDX-License-Identifier: Apache-2.0 */
/* The little of rtnetlink(7) that a container needs; the room's own. */
#pragma once

#include <linux/rtnetlink.h>

#include "base/err.h"

/* One request, built in place. Messages here are far below its size: an attribute that does not fit
 * is a bug (assert). */
struct nl_request {
	struct nlmsghdr hdr;
	char body[496];
};

/* Starts a request of TYPE (NLM_F_REQUEST|NLM_F_ACK and FLAGS) with its fixed header. */
void nl_request_init(struct nl_request *rq, uint16_t type, uint16_t flags, const void *fixed,
		     size_t len);
void nl_request_add(struct nl_request *rq, uint16_t type, const void *data, size_t len);
/* Opens a nested attribute; nl_request_end() closes it. */
struct rtattr *nl_request_nest(struct nl_request *rq, uint16_t type);
void nl_request_end(struct nl_request *rq, struct rtattr *nest);

/* An rtnetlink socket of the caller's network namespace, or -errno. */
int nl_open(void);
/* Sends RQ and waits for the kernel's answer (at once: no other party is asked). 0 or -errno. */
int nl_call(int fd, struct nl_request *rq);
