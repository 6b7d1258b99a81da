// SPDX-License-Identifier: Apache-2.0
/*
 * Paths in the container's root. The image chooses what lies there, and another container that
 * shares a volume may change it while we look: each step is taken by openat2(2) inside the root and
 * held by descriptor, never by name a second time (CVE-2021-30465, CVE-2025-24965).
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "libpod/runtime/internal.h"

#define LINKS_MAX 40

int root_open(int root_fd, const char *path, int flags)
{
	return open_resolved(root_fd, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Where a path stopped existing. */
struct walk {
	int dir_fd;	  /* the last directory that is there */
	size_t done;	  /* length of the path up to it */
	const char *rest; /* first missing component and what follows */
};

static void walk_done(struct walk *w)
{
	cleanup_close_fn(&w->dir_fd);
}

/* Opens the longest part of PATH that exists. */
static int walk_existing(int root_fd, const char *path, struct walk *w, struct cmk_err *err)
{
	cleanup_free char *prefix = xstrdup(path);
	const char *p = path;

	w->rest = path;
	w->done = 0;
	w->dir_fd = root_open(root_fd, ".", O_PATH | O_DIRECTORY);
	if (w->dir_fd < 0)
		return cmk_err_set(err, w->dir_fd, "open the root: %s", errno_text(-w->dir_fd));
	for (;;) {
		size_t end;
		int fd;

		p += strspn(p, "/");
		w->rest = p;
		if (!*p)
			return 0;
		end = (size_t)(p - path) + strcspn(p, "/");
		prefix[end] = '\0';
		fd = root_open(root_fd, prefix, O_PATH);
		prefix[end] = path[end];
		if (fd == -ENOENT)
			return 0;
		if (fd < 0)
			return cmk_err_set(err, fd, "'%s': %s", path, errno_text(-fd));
		cleanup_close_fn(&w->dir_fd);
		w->dir_fd = fd;
		w->done = end;
		p = path + end;
	}
}

/* Where the first missing component is a link that leads nowhere yet: the path it names, else NULL.
 */
static char *dangling_link(const struct walk *w, const char *path)
{
	size_t len = strcspn(w->rest, "/");
	cleanup_free char *name = xstrndup(w->rest, len);
	char target[PATH_MAX];
	ssize_t n = readlinkat(w->dir_fd, name, target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	if (target[0] == '/')
		return xasprintf("%s%s", target, w->rest + len);
	return xasprintf("%.*s/%s%s", (int)w->done, path, target, w->rest + len);
}

static int make_component(int dir_fd, const char *name, bool is_dir, struct cmk_err *err)
{
	int fd, r;

	if (streq(name, "..") || streq(name, "."))
		return cmk_err_set(err, -EINVAL, "'%s' below what does not exist", name);
	if (is_dir)
		r = mkdirat(dir_fd, name, 0755);
	else
		r = mknodat(dir_fd, name, S_IFREG | 0644, 0);
	if (r < 0 && errno != EEXIST)
		return cmk_err_errno(err, "create '%s'", name);
	fd = open_resolved(dir_fd, name, O_PATH | O_NOFOLLOW | (is_dir ? O_DIRECTORY : 0), 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return cmk_err_set(err, fd, "open '%s' just made: %s", name, errno_text(-fd));
	return fd;
}

/* Makes the components of w->rest; returns the descriptor of the last. */
static int make_rest(struct walk *w, bool is_dir, struct cmk_err *err)
{
	const char *p = w->rest;

	while (*p) {
		size_t len = strcspn(p, "/");
		cleanup_free char *name = xstrndup(p, len);
		const char *next = p + len + strspn(p + len, "/");
		int fd = make_component(w->dir_fd, name, *next ? true : is_dir, err);

		if (fd < 0)
			return fd;
		cleanup_close_fn(&w->dir_fd);
		w->dir_fd = fd;
		p = next;
	}
	return steal_fd(&w->dir_fd);
}

int root_open_target(int root_fd, const char *path, bool is_dir, bool *ret_made,
		     struct cmk_err *err)
{
	cleanup_free char *current = NULL;
	const char *name = path;

	if (ret_made)
		*ret_made = false;
	for (int links = 0; links < LINKS_MAX; links++) {
		cleanup(walk_done) struct walk w = { .dir_fd = -1 };
		char *next;
		int fd, r;

		/* The usual case: it is there. */
		fd = root_open(root_fd, name, O_PATH);
		if (fd >= 0)
			return fd;
		if (fd != -ENOENT)
			return cmk_err_set(err, fd, "'%s': %s", path, errno_text(-fd));
		r = walk_existing(root_fd, name, &w, err);
		if (r < 0)
			return r;
		next = dangling_link(&w, name);
		if (!next) {
			fd = make_rest(&w, is_dir, err);
			if (fd < 0)
				return cmk_err_wrap(err, fd, "'%s'", path);
			if (ret_made)
				*ret_made = true;
			return fd;
		}
		free(current);
		name = current = next;
		if (strlen(name) >= PATH_MAX)
			break;
	}
	return cmk_err_set(err, -ELOOP, "'%s': %s", path, errno_text(ELOOP));
}

int root_open_place(int root_fd, const char *path, const char *into, bool is_dir, bool *ret_made,
		    struct cmk_err *err)
{
	cleanup_close int fd = into ? root_open(root_fd, path, O_PATH) : -1;
	cleanup_free char *inside = NULL;
	struct stat st;

	if (!into || (fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)))
		return root_open_target(root_fd, path, is_dir, ret_made, err);
	inside = xasprintf("%s/%s", path, into);
	return root_open_target(root_fd, inside, is_dir, ret_made, err);
}
