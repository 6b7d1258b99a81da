// SPDX-License-Identifier: Apache-2.0
#include "image/client.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"

struct client {
	int sock;
	pid_t pid;
};

static void cmk_noreturn exec_helper(const char *path, int sock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char arg[16];

	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	(void)snprintf(arg, sizeof(arg), "%d", sock);
	process_close_others(&sock, 1);
	(void)execl(path, "cmk-registry", arg, (char *)NULL);
	_exit(127);
}

int client_start(struct client **ret, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/cmk-registry", process_libexec_dir());
	cleanup_close int ours = -1, theirs = -1;
	struct client *c;
	int pair[2];
	pid_t pid;

	if (access(path, X_OK) < 0)
		return cmk_err_errno(err, "helper program '%s'", path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return cmk_err_errno(err, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	pid = process_fork("cmk-registry", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		exec_helper(path, theirs);
	c = xcalloc(1, sizeof(*c));
	c->sock = steal_fd(&ours);
	c->pid = pid;
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	(void)close(c->sock);
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)process_reap(c->pid);
	}
	free(c);
}

int client_fd(const struct client *c)
{
	return c->sock;
}

static int sent(int r, struct cmk_err *err)
{
	return r < 0 ? cmk_err_set(err, r, "talk to the registry helper: %s", errno_text(-r)) : 0;
}

char *client_cert_dirs(const char *dir, const char *host)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct strbuf sb = STRBUF_INIT;

	if (dir && *dir)
		return xstrdup(dir);
	strbuf_addf(&sb, "/etc/docker/certs.d/%s\n/etc/containers/certs.d/%s\n", host, host);
	if (config && *config == '/')
		strbuf_addf(&sb, "%s/containers/certs.d/%s", config, host);
	else if (home && *home == '/')
		strbuf_addf(&sb, "%s/.config/containers/certs.d/%s", home, host);
	return strbuf_steal(&sb);
}

int client_open(struct client *c, const struct client_target *t, struct cmk_err *err)
{
	struct proto_head h = {
		.type = PROTO_OPEN,
		.flags = (t->insecure ? PROTO_INSECURE : 0) | (t->files ? PROTO_FILES : 0),
		.retries = t->retries,
		.retry_delay_ms = t->retry_delay_ms,
	};
	const char *strings[] = { t->host,
				  t->repository ? t->repository : "",
				  t->user ? t->user : "",
				  t->password ? t->password : "",
				  t->cert_dirs ? t->cert_dirs : "",
				  NULL };

	return sent(proto_send(c->sock, &h, strings, NULL, 0), err);
}

int client_fetch(struct client *c, uint32_t id, enum proto_kind kind, const char *what,
		 uint64_t size, uint64_t limit, int file, int pipe, struct cmk_err *err)
{
	struct proto_head h = {
		.type = PROTO_FETCH,
		.id = id,
		.kind = kind,
		.flags = pipe >= 0 ? PROTO_PIPE : 0,
		.bytes = size,
		.limit = limit,
	};
	const char *strings[] = { what, NULL };
	int fds[2] = { file, pipe };

	return sent(proto_send(c->sock, &h, strings, fds, pipe >= 0 ? 2 : 1), err);
}

static int helper_died(struct client *c, struct cmk_err *err)
{
	int status = process_reap(c->pid);

	c->pid = 0;
	if (status >= 0 && WIFSIGNALED(status))
		return cmk_err_set(err, -EPIPE, "the registry helper was killed by %s",
				   signal_name(WTERMSIG(status)) ? signal_name(WTERMSIG(status))
								 : "a signal");
	return cmk_err_set(err, -EPIPE, "the registry helper ended while downloading");
}

int client_read(struct client *c, bool wait, struct proto_msg *m, struct cmk_err *err)
{
	int r = proto_recv(c->sock, wait ? 0 : MSG_DONTWAIT, m);

	if (r == -EAGAIN && !wait)
		return r;
	if (r == 0 || r == -ECONNRESET)
		return helper_died(c, err);
	if (r > 0)
		proto_done(m); /* it has no descriptors to give */
	return r < 0 ? sent(r, err) : 0;
}

void fetched_done(struct fetched *f)
{
	free(f->text);
	free(f->content_type);
	free(f->digest);
	free(f->link);
	*f = (struct fetched){ 0 };
}

static int wait_done(struct client *c, uint32_t id, struct proto_msg *m, struct cmk_err *err)
{
	for (;;) {
		int r = client_read(c, true, m, err);

		if (r < 0)
			return r;
		if (m->head.type == PROTO_NOTE && m->head.n_strings == 1) {
			log_warn("%s", m->str[0]);
		} else if (m->head.type == PROTO_ERROR) {
			return cmk_err_decode(m->buf, m->len, "the registry helper failed", err);
		} else if (m->head.type == PROTO_DONE && m->head.id == id &&
			   m->head.n_strings == 4) {
			return 0;
		}
	}
}

int client_fetch_text(struct client *c, enum proto_kind kind, const char *what, uint64_t size,
		      uint64_t limit, struct fetched *ret, struct cmk_err *err)
{
	static uint32_t next_id = 1U << 31;
	cleanup_close int fd = memfd_create("cmk-fetch", MFD_CLOEXEC);
	cleanup_free struct proto_msg *m = xmalloc(sizeof(*m));
	uint32_t id = next_id++;
	struct fetched f = { 0 };
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "make a memory file");
	r = client_fetch(c, id, kind, what, size, limit, fd, -1, err);
	if (r == 0)
		r = wait_done(c, id, m, err);
	if (r < 0)
		return r;
	/* Of an attempt that broke there may be more in it. */
	if (ftruncate(fd, (off_t)MIN(m->head.bytes, limit)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "read the download");
	r = file_read_fd(fd, limit, &f.text, &f.len, err);
	if (r < 0)
		return r;
	f.content_type = *m->str[0] ? xstrdup(m->str[0]) : NULL;
	f.digest = *m->str[1] ? xstrdup(m->str[1]) : NULL;
	f.link = *m->str[2] ? xstrdup(m->str[2]) : NULL;
	*ret = f;
	return 0;
}

int client_send(struct client *c, enum proto_kind kind, const char *what, const char *type,
		int file, uint64_t size, char **ret_digest, char **ret_location,
		struct cmk_err *err)
{
	cleanup_free struct proto_msg *m = xmalloc(sizeof(*m));
	struct proto_head h = { .type = PROTO_SEND, .id = 1, .kind = kind, .bytes = size };
	cleanup_close int none = file >= 0 ? -1 : memfd_create("cmk-send", MFD_CLOEXEC);
	const int fds[] = { file >= 0 ? file : none };
	const char *strings[] = { what, type, NULL };
	int r = sent(proto_send(c->sock, &h, strings, fds, 1), err);

	if (r == 0)
		r = wait_done(c, 1, m, err);
	if (r == 0 && ret_digest)
		*ret_digest = *m->str[1] ? xstrdup(m->str[1]) : NULL;
	if (r == 0 && ret_location)
		*ret_location = *m->str[3] ? xstrdup(m->str[3]) : NULL;
	return r;
}

int client_post(struct client *c, const char *url, const char *type, int file, uint64_t size,
		int answer, struct cmk_err *err)
{
	cleanup_free struct proto_msg *m = xmalloc(sizeof(*m));
	struct proto_head h = {
		.type = PROTO_SEND, .id = 1, .kind = PROTO_URL_POST, .bytes = size
	};
	const char *strings[] = { url, type, NULL };
	const int fds[] = { file, answer };
	int r = sent(proto_send(c->sock, &h, strings, fds, 2), err);

	return r < 0 ? r : wait_done(c, 1, m, err);
}

int client_fetch_blob(struct client *c, const char *digest, uint64_t size, int file,
		      struct cmk_err *err)
{
	cleanup_free struct proto_msg *m = xmalloc(sizeof(*m));
	int r = client_fetch(c, 1, PROTO_BLOB, digest, size, size ? size : INT64_MAX, file, -1,
			     err);

	return r < 0 ? r : wait_done(c, 1, m, err);
}

enum { RANGES_SIDE_BY_SIDE = 4 };
#define RANGE_ID (3U << 29)

static int start_range(struct client *c, const char *digest, const struct layer_range *r, int file,
		       struct cmk_err *err)
{
	struct proto_head h = { .type = PROTO_FETCH,
				.id = RANGE_ID,
				.kind = PROTO_RANGE,
				.bytes = r->len,
				.offset = r->offset };
	const char *strings[] = { digest, NULL };

	return sent(proto_send(c->sock, &h, strings, &file, 1), err);
}

/* One more range has come: 0, or why it has not. */
static int wait_range(struct client *c, struct proto_msg *m, struct cmk_err *err)
{
	int r;

	do {
		r = client_read(c, true, m, err);
		if (r == 0 && m->head.type == PROTO_NOTE && m->head.n_strings == 1)
			log_debug("%s", m->str[0]);
	} while (r == 0 && m->head.type != PROTO_ERROR &&
		 !(m->head.type == PROTO_DONE && m->head.id == RANGE_ID));
	if (r == 0 && m->head.type == PROTO_ERROR)
		r = cmk_err_decode(m->buf, m->len, "the registry helper failed", err);
	return r;
}

int client_fetch_ranges(struct client *c, const char *digest, const struct layer_range *ranges,
			size_t n, int file, void (*fn)(void *arg, uint64_t bytes), void *arg,
			struct cmk_err *err)
{
	cleanup_free struct proto_msg *m = xmalloc(sizeof(*m));
	size_t begun = 0, over = 0;
	uint64_t bytes = 0;
	int r = 0;

	/* After a failure no more are begun, but those under way are waited for: whoever talks to
	 * the helper next must not hear of them. */
	while (over < begun || (r == 0 && begun < n)) {
		while (r == 0 && begun < n && begun - over < RANGES_SIDE_BY_SIDE) {
			r = start_range(c, digest, &ranges[begun], file, err);
			begun += r == 0;
		}
		if (over < begun) {
			int q = wait_range(c, m, r == 0 ? err : NULL);

			/* The helper itself is gone. */
			if (q == -EPIPE && m->head.type != PROTO_ERROR)
				return q;
			bytes += q == 0 ? m->head.bytes : 0;
			r = r == 0 ? q : r;
			over++;
		}
		if (r == 0 && fn)
			fn(arg, bytes);
	}
	return r;
}

int client_fetch_url(struct client *c, const char *url, int file, struct cmk_err *err)
{
	cleanup_free struct proto_msg *m = xmalloc(sizeof(*m));
	int r = client_fetch(c, 1, PROTO_URL, url, 0, INT64_MAX, file, -1, err);

	if (r == 0)
		r = wait_done(c, 1, m, err);
	/* Of an attempt that broke there may be more in it. */
	if (r == 0 && (m->head.bytes > INT64_MAX || ftruncate(file, (off_t)m->head.bytes) < 0))
		r = cmk_err_set(err, -EIO, "cut the download to its size");
	return r;
}
