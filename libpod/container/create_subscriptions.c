// SPDX-License-Identifier: Apache-2.0
/*
 * containers-mounts.conf(5): directories and files of the host that every container gets a copy of,
 * subscriptions and their like. The first file that is there counts. A line is
 * "SOURCE:DESTINATION", or one path that is both. What is there is copied when the container is
 * made, links followed, so that they lead somewhere inside; an entry that cannot be is warned of
 * and left out.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/conffile.h"
#include "base/file.h"
#include "base/log.h"
#include "libpod/container/create.h"
#include "libpod/option/optparse.h"

#define SUBSCRIPTIONS "subscriptions"
/* Far more than there ever are: links may lead in circles. */
#define DEPTH_MAX 16
#define FILES_MAX 4096

struct copy {
	const struct create_plan *p;
	size_t n;
};

static int copy_entry(struct copy *c, int from, const char *source, int to, const char *name,
		      int depth, struct cmk_err *err);

static int copy_dir(struct copy *c, int from, int to, int depth, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(from, &d, err);

	if (depth > DEPTH_MAX)
		return cmk_err_set(err, -ELOOP, "more than %d directories deep", DEPTH_MAX);
	while (r == 0 && (de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			r = copy_entry(c, from, de->d_name, to, de->d_name, depth, err);
	return r;
}

static int copy_file(int from, int to, const char *name, mode_t mode, struct cmk_err *err)
{
	cleanup_close int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "make '%s'", name);
	r = file_copy_data(from, fd);
	if (r < 0)
		return cmk_err_set(err, r, "copy '%s': %s", name, errno_text(-r));
	return fchmod(fd, mode & 0777) < 0 ? cmk_err_errno(err, "mode of '%s'", name) : 0;
}

/* Sockets and the like are left out. */
static int copy_entry(struct copy *c, int from, const char *source, int to, const char *name,
		      int depth, struct cmk_err *err)
{
	cleanup_close int fd = openat(from, source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	cleanup_close int dir = -1;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cmk_err_errno(err, "open '%s'", source);
	if (++c->n > FILES_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d files", FILES_MAX);
	if (S_ISREG(st.st_mode)) {
		r = copy_file(fd, to, name, st.st_mode, err);
		return r < 0 ? r : create_label_file(c->p, to, name, err);
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	dir = open_dir_at(to, name, 0700, err);
	if (dir < 0)
		return dir;
	r = copy_dir(c, fd, dir, depth + 1, err);
	if (r == 0 && fchmod(dir, st.st_mode & 0777) < 0)
		r = cmk_err_errno(err, "mode of '%s'", name);
	return r < 0 ? r : create_label_file(c->p, to, name, err);
}

/* The N-th entry, into a directory of its own. */
static int add_entry(struct create_plan *p, int dirfd, size_t n, const char *source,
		     const char *destination, create_push_fn push, struct cmk_err *err)
{
	struct copy c = { .p = p };
	struct opt_mount m = { .relabel = "" };
	cleanup_free char *name = xasprintf("%zu", n);
	cleanup_close int to = open_dir_at(dirfd, SUBSCRIPTIONS, 0700, err);
	int r;

	if (*source != '/' || *destination != '/')
		return cmk_err_set(err, -EINVAL, "not two absolute paths");
	if (to < 0)
		return to;
	r = copy_entry(&c, AT_FDCWD, source, to, name, 0, err);
	if (r < 0) {
		(void)remove_tree_at(to, name, NULL);
		return r;
	}
	m.type = xstrdup("device");
	m.source = xasprintf("%s/containers/%s/" SUBSCRIPTIONS "/%s", p->st->root, p->c->cfg.id,
			     name);
	m.destination = xstrdup(destination);
	strv_add(&m.options, "rprivate");
	push(p, &m);
	return 0;
}

struct lines {
	char **list; /* owned */
};

static int take_lines(void *arg, const char *text, size_t len, struct cmk_err *err cmk_unused)
{
	struct lines *l = arg;
	cleanup_free char *copy = xstrndup(text, len);
	cleanup_strv char **all = strv_split(copy, '\n');

	for (char **line = all; line && *line; line++) {
		char *start = *line + strspn(*line, " \t\r");
		size_t n = strlen(start);

		while (n > 0 && strchr(" \t\r", start[n - 1]))
			start[--n] = '\0';
		if (*start && *start != '#')
			strv_add(&l->list, start);
	}
	return 0;
}

static int read_lines(const struct create_plan *p, struct lines *l, struct cmk_err *err)
{
	cleanup_free char *user = geteuid() ? conffile_user_dir() : NULL;
	const char *const dirs[] = { user, CONFFILE_DIR, CONFFILE_DIST_DIR };
	int r = 0;

	if (p->o->mounts_file)
		return conffile_read(p->o->mounts_file, take_lines, l, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(dirs); i++)
		r = conffile_read_in(dirs[i], "mounts.conf", take_lines, l, err);
	return r;
}

void create_subscriptions(struct create_plan *p, int dirfd, create_taken_fn taken,
			  create_push_fn push)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct lines l = { 0 };

	if (read_lines(p, &l, &err) < 0)
		log_warn("%s", cmk_err_msg(&err));
	for (size_t i = 0; l.list && l.list[i]; i++) {
		cleanup_err struct cmk_err why = CMK_ERR_INIT;
		const char *colon = strchr(l.list[i], ':');
		cleanup_free char *source = xstrndup(l.list[i], strcspn(l.list[i], ":"));
		const char *destination = colon ? colon + 1 : source;

		if (taken(p, destination))
			continue;
		if (add_entry(p, dirfd, i, source, destination, push, &why) < 0)
			log_warn("mounts.conf: '%s': %s: left out", l.list[i], cmk_err_msg(&why));
	}
	strv_free(l.list);
}
