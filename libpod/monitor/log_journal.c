// SPDX-License-Identifier: Apache-2.0
/*
 * The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram per entry, or,
 * where that is too large, a sealed memfd. Fields are those that podman's and docker's entries
 * have.
 */
#include <endian.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/file.h"
#include "libpod/monitor/log_internal.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* How long one entry may hold up the container where the journal does not keep up. */
#define SEND_TIMEOUT_MS 200

static const char *journal_path(void)
{
#ifdef CMK_TEST_HOOKS
	const char *path = secure_getenv("CMK_TEST_JOURNAL");

	if (path)
		return path;
#endif
	return JOURNAL_SOCKET;
}

static socklen_t address(struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", journal_path());
	return (socklen_t)sizeof(*ret);
}

int log_journal_probe(struct cmk_err *err)
{
	struct sockaddr_un sa;
	socklen_t len = address(&sa);
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) == 0)
		return 0;
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "log driver 'journald': the journal does not run here: %s: %s",
			   journal_path(), errno_text(errno));
	(void)cmk_err_hint(err, "use --log-driver k8s-file");
	return -EOPNOTSUPP;
}

/* "KEY=VALUE\n"; a value of several lines has its length before it. */
static void add_field(struct strbuf *sb, const char *key, size_t key_len, const char *value,
		      size_t len)
{
	uint64_t le = htole64(len);

	strbuf_add(sb, key, key_len);
	if (memchr(value, '\n', len)) {
		strbuf_addc(sb, '\n');
		strbuf_add(sb, &le, sizeof(le));
	} else {
		strbuf_addc(sb, '=');
	}
	strbuf_add(sb, value, len);
	strbuf_addc(sb, '\n');
}

static int journal_open(struct ctr_log *l, const struct log_target *t, struct cmk_err *err)
{
	const struct timeval timeout = { .tv_usec = SEND_TIMEOUT_MS * 1000 };
	int size = 8 << 20;

	l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return cmk_err_errno(err, "make a socket for the journal");
	(void)setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	for (const char *const *f = t->fields; f && *f; f++) {
		size_t n = strcspn(*f, "=");

		if ((*f)[n])
			add_field(&l->fields, *f, n, *f + n + 1, strlen(*f + n + 1));
	}
	return 0;
}

/* For what no datagram holds. */
static int send_memfd(int fd, const struct sockaddr_un *sa, socklen_t sa_len, const char *data,
		      size_t len)
{
	cleanup_close int mem = memfd_create("cmk-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = {
		.msg_name = (void *)(uintptr_t)sa,
		.msg_namelen = sa_len,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	/* The journal takes only what nobody can change any more. */
	if (mem < 0 || write_all(mem, data, len) < 0 ||
	    fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	control.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.h), &mem, sizeof(mem));
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Not connected: a journal that was started anew is found again. */
static void send_entry(struct ctr_log *l, const char *data, size_t len)
{
	struct sockaddr_un sa;
	socklen_t sa_len = address(&sa);
	ssize_t n;

	do
		n = sendto(l->fd, data, len, MSG_NOSIGNAL | (l->stuck ? MSG_DONTWAIT : 0),
			   (struct sockaddr *)&sa, sa_len);
	while (n < 0 && errno == EINTR);
	l->stuck = n < 0 && errno == EAGAIN;
	if (n < 0 && (errno == EMSGSIZE || errno == ENOBUFS))
		(void)send_memfd(l->fd, &sa, sa_len, data, len);
}

static void journal_write(struct ctr_log *l, bool is_stderr, const char *data, size_t len)
{
	static const char partial[] = "CONTAINER_PARTIAL_MESSAGE=true\n";
	struct strbuf sb = STRBUF_INIT;
	const char *p = data, *end = p + len;
	size_t head;

	/* As syslog: an error, or information. */
	strbuf_addf(&sb, "PRIORITY=%d\n", is_stderr ? 3 : 6);
	strbuf_add(&sb, l->fields.data, l->fields.len);
	head = sb.len;
	while (p < end) {
		size_t max = MIN((size_t)(end - p), (size_t)LOG_ENTRY_MAX);
		const char *nl = memchr(p, '\n', max);
		size_t n = nl ? (size_t)(nl - p) : max;

		sb.len = head;
		if (!nl)
			strbuf_add(&sb, partial, sizeof(partial) - 1);
		add_field(&sb, "MESSAGE", 7, p, n);
		send_entry(l, sb.data, sb.len);
		p += n + (nl ? 1 : 0);
	}
	strbuf_done(&sb);
}

static void journal_close(struct ctr_log *l)
{
	(void)l;
}

const struct log_driver log_driver_journald = { .info = { .name = "journald" },
						.open = journal_open,
						.write = journal_write,
						.close = journal_close };
