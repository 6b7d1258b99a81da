// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-registry: fetches from one image registry for the cmk that started it.
 *
 * Usage: cmk-registry FD, a SOCK_SEQPACKET socket (see proto.h). Ends when the socket closes.
 *
 * It may: open files for reading (certificates, resolv.conf, modules of nsswitch.conf), make
 * sockets to anywhere, start threads, write to the descriptors that it is sent. No file for
 * writing, no process, no capability.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/sandbox.h"
#include "image/registry.h"

#define TRANSFERS_MAX 16

static int do_open(struct registry *rg, struct proto_msg *m, struct cmk_err *err)
{
	if (rg->transfers)
		return cmk_err_set(err, -EPROTO, "open with transfers under way");
	return endpoint_open(&rg->ep, m, err);
}

static int do_fetch(struct registry *rg, struct proto_msg *m, struct cmk_err *err)
{
	size_t n = 0;

	for (struct transfer *t = rg->transfers; t; t = t->next)
		n++;
	if (!rg->ep.base)
		return cmk_err_set(err, -EPROTO, "fetch before open");
	if (n >= TRANSFERS_MAX)
		return cmk_err_set(err, -EPROTO, "too many transfers");
	return transfer_new(rg, m, err);
}

static int do_send(struct registry *rg, struct proto_msg *m, struct cmk_err *err)
{
	/* One at a time: the parent waits for each. */
	if (!rg->ep.base || rg->transfers)
		return cmk_err_set(err, -EPROTO, "send before open, or beside a transfer");
	return upload_new(rg, m, err);
}

/* The requests that the parent may make; the rest ends the helper. */
static const struct {
	uint32_t n_strings;
	int (*handle)(struct registry *rg, struct proto_msg *m, struct cmk_err *err);
} requests[PROTO_N_TYPES] = {
	[PROTO_OPEN] = { 5, do_open },
	[PROTO_FETCH] = { 1, do_fetch },
	[PROTO_SEND] = { 2, do_send },
};

/* 1 where a request was handled, 0 at the end, -EAGAIN where none is there. */
static int read_request(struct registry *rg)
{
	static struct proto_msg m;
	struct cmk_err err = CMK_ERR_INIT;
	int r;

	r = proto_recv(rg->sock, MSG_DONTWAIT, &m);
	if (r <= 0)
		return r;
	if (!requests[m.head.type].handle || m.head.n_strings != requests[m.head.type].n_strings) {
		proto_done(&m);
		return -EBADMSG;
	}
	r = requests[m.head.type].handle(rg, &m, &err);
	proto_done(&m);
	if (r < 0)
		r = proto_send_err(rg->sock, m.head.id, &err);
	cmk_err_done(&err);
	return r < 0 ? r : 1;
}

static int wait_for_work(struct registry *rg, int timeout_ms)
{
	struct curl_waitfd fds[TRANSFERS_MAX + 1] = { { .fd = rg->sock,
							.events = CURL_WAIT_POLLIN } };
	unsigned int n = 1;
	CURLMcode rc;

	for (struct transfer *t = rg->transfers; t && n < ARRAY_LEN(fds); t = t->next)
		if (t->pipe >= 0 && t->fed < t->have)
			fds[n++] = (struct curl_waitfd){ .fd = t->pipe,
							 .events = CURL_WAIT_POLLOUT };
	rc = curl_multi_poll(rg->multi, fds, n, timeout_ms < 0 ? 60000 : timeout_ms, NULL);
	return rc == CURLM_OK ? 0 : -EIO;
}

static int serve(struct registry *rg)
{
	for (;;) {
		int running = 0, r;

		do
			r = read_request(rg);
		while (r > 0);
		if (r != -EAGAIN)
			return r;
		transfers_start(rg);
		if (curl_multi_perform(rg->multi, &running) != CURLM_OK)
			return -EIO;
		transfers_finish(rg);
		transfers_feed(rg);
		r = wait_for_work(rg, transfers_timeout(rg));
		if (r < 0)
			return r;
	}
}

/* Landlock and seccomp let it read (certificates, resolv.conf) and connect, nothing else. */
static int enter_sandbox(struct cmk_err *err)
{
	static const char *const root[] = { "/", NULL };
	static const struct sandbox_policy policy = {
		.rights = SANDBOX_INET | SANDBOX_RESOLVER | SANDBOX_READ | SANDBOX_THREADS |
			  SANDBOX_DLOPEN,
		.read_paths = root,
	};

	return sandbox_enter(&policy, err);
}

int main(int argc, char **argv)
{
	struct registry rg = { .sock = -1 };
	struct cmk_err err = CMK_ERR_INIT;
	uint32_t fd = 0;
	int type = 0, r;
	socklen_t len = sizeof(type);

	if (argc != 2 || parse_u32(argv[1], INT32_MAX, &fd) < 0 ||
	    getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, "cmk-registry is started by cmk, not by hand\n");
		return 125;
	}
	rg.sock = (int)fd;
	(void)fcntl(rg.sock, F_SETFD, FD_CLOEXEC);
	(void)signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(rg.multi = curl_multi_init()))
		return 125;
	r = enter_sandbox(&err);
	if (r < 0) {
		(void)proto_send_err(rg.sock, 0, &err);
		return 125;
	}
	r = serve(&rg);
	while (rg.transfers) {
		struct transfer *next = rg.transfers->next;

		if (rg.transfers->state == TRANSFER_RUNNING)
			(void)curl_multi_remove_handle(rg.multi, rg.transfers->easy);
		transfer_free(rg.transfers);
		rg.transfers = next;
	}
	endpoint_done(&rg.ep);
	(void)curl_multi_cleanup(rg.multi);
	curl_global_cleanup();
	return r < 0 ? 1 : 0;
}
