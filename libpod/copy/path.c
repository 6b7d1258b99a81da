// SPDX-License-Identifier: Apache-2.0
/*
 * Names at one end of a copy. The directories on the way are taken by openat2(2) inside the root;
 * the last part is looked at in its directory, which is held by descriptor, so that a link there
 * can be followed by hand: also one that leads to nothing yet.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>

#include "base/file.h"
#include "libpod/copy/internal.h"

#define LINKS_MAX 40

void copy_path_done(struct copy_path *p)
{
	cleanup_close_fn(&p->parent);
	free(p->name);
	*p = (struct copy_path){ .parent = -1 };
}

bool copy_path_is_contents(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	return streq(last, ".") || streq(last, "..") || path[strspn(path, "/")] == '\0';
}

static int open_dir(int root_fd, const char *path, bool host)
{
	return open_resolved(root_fd, path, O_PATH | O_DIRECTORY, 0,
			     host ? 0 : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Length of PATH without its last part: 0, or up to a slash. */
static size_t parent_len(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len;
}

/* What the link NAME in PARENT, the directory DIR, leads to; NULL where it is no link. */
static char *link_target(int parent, const char *dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return target[0] == '/' ? xstrdup(target) : xasprintf("%s/%s", dir, target);
}

/* One step: the parent is open and the name set, or *RET_NEXT is where a link leads. */
static int resolve_step(int root_fd, const char *path, bool follow, bool host, struct copy_path *p,
			char **ret_next)
{
	size_t len = strlen(path), up;
	cleanup_free char *dir = NULL;

	while (len > 1 && path[len - 1] == '/') {
		p->must_be_dir = true;
		len--;
	}
	up = parent_len(path, len);
	p->name = xstrndup(path + up, len - up);
	/* "/", "x/..": a directory in any case, opened as a whole. */
	if (!*p->name || streq(p->name, "..") || streq(p->name, ".")) {
		free(p->name);
		p->name = xstrdup(".");
		p->must_be_dir = true;
		up = len;
	}
	dir = up ? xstrndup(path, up) : xstrdup(".");
	p->parent = open_dir(root_fd, dir, host);
	if (p->parent < 0)
		return p->parent;
	if (follow || p->must_be_dir)
		*ret_next = link_target(p->parent, dir, p->name);
	return 0;
}

int copy_path_resolve(int root_fd, const char *path, bool follow, bool host, struct copy_path *ret)
{
	cleanup_free char *at = xstrdup(path);
	bool must_be_dir = false;

	for (int links = 0; links < LINKS_MAX; links++) {
		cleanup(copy_path_done) struct copy_path p = { .parent = -1 };
		char *next = NULL;
		int r;

		if (!*at || strlen(at) >= PATH_MAX)
			return *at ? -ENAMETOOLONG : -ENOENT;
		r = resolve_step(root_fd, at, follow, host, &p, &next);
		must_be_dir = must_be_dir || p.must_be_dir;
		if (r < 0)
			return r;
		if (next) {
			free(at);
			at = next;
			continue;
		}
		p.must_be_dir = must_be_dir;
		p.exists = fstatat(p.parent, p.name, &p.st, AT_SYMLINK_NOFOLLOW) == 0;
		if (!p.exists && errno != ENOENT)
			return -errno;
		if (must_be_dir && (!p.exists || !S_ISDIR(p.st.st_mode)))
			return p.exists ? -ENOTDIR : -ENOENT;
		*ret = p;
		p = (struct copy_path){ .parent = -1 };
		return 0;
	}
	return -ELOOP;
}
