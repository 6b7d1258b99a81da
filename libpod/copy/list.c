// SPDX-License-Identifier: Apache-2.0
/* The names in a directory of a container, for completion: as cp sees its files. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "libpod/copy/internal.h"

#define NAMES_MAX (256 << 10) /* bytes; what does not fit is left out */

/* Links lead to what they lead to in the container: that is our root here. */
static bool is_directory(int dir, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_LNK && de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
	return fstatat(dir, de->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int write_names(int out_fd, const char *path, struct cmk_err *err)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = open_resolved(root, path, O_RDONLY | O_DIRECTORY, 0,
			       RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int r;

	if (!d)
		return cmk_err_set(err, fd < 0 ? fd : -errno, "\"%s\": %s", path,
				   errno_text(fd < 0 ? -fd : errno));
	while ((de = readdir(d)) && sb.len < NAMES_MAX - NAME_MAX - 2) {
		if (streq(de->d_name, ".") || streq(de->d_name, ".."))
			continue;
		strbuf_adds(&sb, de->d_name);
		if (is_directory(dirfd(d), de))
			strbuf_addc(&sb, '/');
		strbuf_addc(&sb, '\0');
	}
	r = write_all(out_fd, strbuf_str(&sb), sb.len);
	return r < 0 ? cmk_err_set(err, r, "tell cmk: %s", errno_text(-r)) : 0;
}

static int list(struct container *c, const struct copy_source *s, const char *path, int out_fd,
		struct cmk_err *err)
{
	const char *cwd = s->spec->process.cwd ? s->spec->process.cwd : "/";
	cleanup_free char *whole = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd, path);
	int r = copy_world_enter(c, s, err);

	if (r < 0)
		return r;
	/* Entering cleared it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = storage_extract_confine(err);
	return r < 0 ? r : write_names(out_fd, whole, err);
}

static void cmk_noreturn list_main(struct container *c, const struct copy_source *s,
				   const char *path, int out_fd, int sock)
{
	struct cmk_err err = CMK_ERR_INIT;
	int r = list(c, s, path, out_fd, &err);

	(void)close(out_fd);
	if (r < 0)
		cmk_err_send(sock, &err);
	_exit(r < 0);
}

static void split_names(const char *text, size_t len, char ***ret)
{
	for (const char *p = text; p < text + len; p += strlen(p) + 1)
		strv_add(ret, p);
}

/* The names come through P, then through SOCK why not. */
static int hear(int names_fd, int sock, char ***ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	char buf[CMK_ERR_WIRE_MAX];
	size_t len = 0;
	ssize_t n;
	int r = file_read_fd(names_fd, NAMES_MAX, &text, &len, err);

	if (r < 0)
		return r;
	do
		n = recv(sock, buf, sizeof(buf), 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return cmk_err_decode(buf, (size_t)n, "bad answer of the process that looks", err);
	split_names(text, len, ret);
	return 0;
}

static int list_in_child(struct container *c, const struct copy_source *s, const char *path,
			 char ***ret, struct cmk_err *err)
{
	cleanup_close int names = -1, names_out = -1, sock = -1, sock_out = -1;
	int p[2], r;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	names = p[0];
	names_out = p[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) < 0)
		return cmk_err_errno(err, "make a socket pair");
	sock = p[0];
	sock_out = p[1];
	pid = process_fork("cmk-list", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		(void)close(names);
		(void)close(sock);
		list_main(c, s, path, names_out, sock_out);
	}
	/* Their ends are seen once the child alone holds the others. */
	(void)close(steal_fd(&names_out));
	(void)close(steal_fd(&sock_out));
	r = hear(names, sock, ret, err);
	(void)process_reap(pid);
	return r;
}

int container_files(struct container *c, const char *path, char ***ret, struct cmk_err *err)
{
	cleanup(copy_source_done) struct copy_source s = { .lock = -1 };
	int r = copy_source_open(c, true, &s, err);

	return r < 0 ? r : list_in_child(c, &s, path, ret, err);
}
