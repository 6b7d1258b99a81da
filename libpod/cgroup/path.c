// SPDX-License-Identifier: Apache-2.0
/* Groups whose place others choose. */
#include <dirent.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/cgroup/internal.h"

#define PROCS_MAX ((size_t)16 << 20)
#define DEPTH_MAX 64

int cgroup_place(const char *path, char **ret_mount, char **ret_path, struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT;
	int r = cgroup_delegation_find(&d, err);

	if (r < 0)
		return r;
	if (strstr(path, "/../") || str_after(path, "../") || str_has_suffix(path, "/..") ||
	    strchr(path, '\n'))
		return cmk_err_set(err, -EINVAL, "linux.cgroupsPath: '%s' is no place of a group",
				   path);
	*ret_mount = *ret_path = NULL;
	if (!d.mount || (*path != '/' && !d.path))
		return 0;
	*ret_mount = steal_ptr(&d.mount);
	*ret_path = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", d.path, path);
	return 0;
}

int cgroup_scope_parse(const char *path, char **ret_slice, char **ret_unit, struct cmk_err *err)
{
	cleanup_free char *slice = xstrdup(path);
	char *prefix = strchr(slice, ':'), *name = prefix ? strchr(prefix + 1, ':') : NULL;

	if (!name || !name[1] || strchr(name + 1, ':') || strchr(path, '/'))
		return cmk_err_set(err, -EINVAL,
				   "linux.cgroupsPath: '%s' is not SLICE:PREFIX:NAME, as "
				   "--systemd-cgroup wants it",
				   path);
	*prefix++ = *name++ = '\0';
	if (*slice && !str_has_suffix(slice, ".slice"))
		return cmk_err_set(err, -EINVAL, "linux.cgroupsPath: '%s' is not a slice", slice);
	*ret_unit = xasprintf("%s%s%s.scope", prefix, *prefix ? "-" : "", name);
	*ret_slice = *slice ? steal_ptr(&slice) : NULL;
	return 0;
}

/* What is there for groups below this one. One by one: some may be refused, such as cpu with
 * realtime processes about. */
static void enable_all(int fd)
{
	cleanup_strv char **all = control_words(fd, "cgroup.controllers");
	cleanup_strv char **on = control_words(fd, "cgroup.subtree_control");

	for (char **c = all; c && *c; c++) {
		cleanup_free char *value = xasprintf("+%s", *c);

		if (!strv_has(on, *c))
			(void)control_write(fd, "cgroup.subtree_control", value, NULL);
	}
}

/* The directory above the last component of PATH, all made on the way; -errno. */
static int make_above(const char *mount, const char *path, const char **ret_name)
{
	cleanup_close int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *p = path + strspn(path, "/");

	if (fd < 0)
		return -errno;
	for (;;) {
		size_t len = strcspn(p, "/");
		const char *next = p + len + strspn(p + len, "/");
		cleanup_free char *name = xstrndup(p, len);
		int child;

		enable_all(fd);
		if (!*next) {
			*ret_name = p;
			return steal_fd(&fd);
		}
		child = cgroup_child(fd, name);
		if (child < 0)
			return child;
		(void)close(fd);
		fd = child;
		p = next;
	}
}

int cgroup_make_new(const char *mount, const char *path)
{
	const char *name;
	cleanup_close int above = make_above(mount, path, &name);
	cleanup_free char *last = NULL;

	if (above < 0)
		return above;
	last = xstrndup(name, strcspn(name, "/"));
	return mkdirat(above, last, 0755) < 0 ? -errno : 0;
}

static bool may_do_without(int code, const struct spec_resources *res)
{
	return (code == -EACCES || code == -EPERM || code == -EROFS || code == -ENOENT) &&
	       !cgroup_has_limits(res);
}

int cgroup_check_free(const char *mount, const char *path, struct cmk_err *err)
{
	cleanup_close int there = cgroup_open(mount, path);

	if (there < 0)
		return 0;
	/* What is in it would end with the container; and what is put into a frozen one never
	 * starts. */
	if (cgroup_populated(there))
		return cmk_err_set(err, -EBUSY, "container's cgroup is not empty: '%s'", path);
	if (cgroup_frozen(there))
		return cmk_err_set(err, -EBUSY, "container's cgroup unexpectedly frozen: '%s'",
				   path);
	return 0;
}

int cgroup_open_of(const char *mount, pid_t pid)
{
	cleanup_free char *path = group_of(pid);

	return path && !strstr(path, "/..") ? cgroup_open(mount, path) : -ENOENT;
}

int cgroup_create_at(const char *mount, const char *path, const struct spec_resources *res,
		     int *ret_fd, struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT;
	cleanup_free char *made = NULL, *name = NULL;
	const char *last = NULL;
	int r;

	*ret_fd = -1;
	if (!mount || !path) {
		if (!cgroup_has_limits(res))
			return 0;
		r = cgroup_delegation_find(&d, err);
		return r < 0 ? r : cgroup_check_limits(&d, res, err);
	}
	d.fd = make_above(mount, path, &last);
	if (d.fd < 0)
		return may_do_without(d.fd, res) ? 0
						 : cmk_err_set(err, d.fd, "make cgroup '%s': %s",
							       path, errno_text(-d.fd));
	name = xstrndup(last, strcspn(last, "/"));
	d.mount = xstrdup(mount);
	d.path = xstrndup(path, (size_t)(last - path) - (last > path ? 1 : 0));
	d.controllers = control_words(d.fd, "cgroup.controllers");
	r = cgroup_create(&d, name, res, ret_fd, &made, err);
	if (r < 0 && may_do_without(r, res)) {
		if (err)
			cmk_err_done(err);
		return 0;
	}
	return r;
}

int cgroup_give(int group_fd, uid_t owner, struct cmk_err *err)
{
	static const char *const always[] = { "cgroup.procs", "cgroup.threads",
					      "cgroup.subtree_control" };
	/* Since kernel 4.15. */
	cleanup_strv char **files = control_words(AT_FDCWD, "/sys/kernel/cgroup/delegate");

	for (size_t i = 0; !files && i < ARRAY_LEN(always); i++)
		strv_add(&files, always[i]);
	if (fchown(group_fd, owner, (gid_t)-1) < 0)
		return cmk_err_errno(err, "give the group to user %u", owner);
	/* Those of controllers that it does not have are not there. */
	for (char **f = files; f && *f; f++)
		if (fchownat(group_fd, *f, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return cmk_err_errno(err, "give '%s' to user %u", *f, owner);
	return 0;
}

static int add_pids(int fd, pid_t **ret, size_t *ret_n, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	char *save = NULL;
	uint32_t pid;
	int r = file_read_at(fd, "cgroup.procs", PROCS_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		/* 0: of another pid namespace than ours. */
		if (parse_u32(l, INT32_MAX, &pid) < 0 || pid == 0)
			continue;
		*ret = xrealloc(*ret, *ret_n + 1, sizeof(**ret));
		(*ret)[(*ret_n)++] = (pid_t)pid;
	}
	return 0;
}

static int add_below(int fd, unsigned int depth, pid_t **ret, size_t *ret_n, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r = add_pids(fd, ret, ret_n, err);

	if (r == 0 && depth < DEPTH_MAX)
		r = dir_read(fd, &d, err);
	while (r == 0 && d && (e = readdir(d))) {
		cleanup_close int sub = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			r = add_below(sub, depth + 1, ret, ret_n, err);
	}
	return r;
}

int cgroup_pids(int group_fd, pid_t **ret, size_t *ret_n, struct cmk_err *err)
{
	*ret = NULL;
	*ret_n = 0;
	return add_below(group_fd, 0, ret, ret_n, err);
}
