// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/cgroup.h"

#include <fcntl.h>
#include <poll.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "libpod/cgroup/internal.h"
#include "libpod/cgroup/property.h"
#include "libpod/cgroup/scope.h"

#define PROC_FILE_MAX (1 << 20)
#define EVENT_TIMEOUT_MS 10000

void cgroup_delegation_done(struct cgroup_delegation *d)
{
	free(d->mount);
	free(d->root);
	free(d->path);
	free(d->why);
	d->controllers = strv_free(d->controllers);
	if (d->fd >= 0)
		(void)close(d->fd);
	*d = CGROUP_DELEGATION_INIT;
}

/* "36 35 98:0 /root /mount/point opts shared:1 - cgroup2 source super": takes root and mount point
 * of a cgroup2 line. */
static bool parse_mount_line(char *line, char **ret_root, char **ret_mount)
{
	char *fields[5], *sep = strstr(line, " - "), *save = NULL;

	if (!sep || strncmp(sep + 3, "cgroup2 ", 8) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (!fields[i])
			return false;
	}
	parse_unescape_octal(fields[3]);
	parse_unescape_octal(fields[4]);
	*ret_root = fields[3];
	*ret_mount = fields[4];
	return true;
}

/* The mount that is visible last wins: a later mount on the same place hides the earlier.
 * /sys/fs/cgroup is preferred. */
static int find_mount(char **ret_root, char **ret_mount, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	char *save = NULL;
	int r;

	r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *root, *mount;

		if (!parse_mount_line(line, &root, &mount))
			continue;
		if (*ret_mount && streq(*ret_mount, "/sys/fs/cgroup") &&
		    !streq(mount, "/sys/fs/cgroup"))
			continue;
		free(*ret_root);
		free(*ret_mount);
		*ret_root = xstrdup(root);
		*ret_mount = xstrdup(mount);
	}
	return 0;
}

char *group_of(pid_t pid)
{
	cleanup_free char *text = NULL;
	char *save = NULL, file[32] = "/proc/self/cgroup";

	if (pid > 0)
		(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (file_read_at(AT_FDCWD, file, PROC_FILE_MAX, &text, NULL, NULL) < 0)
		return NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *path = str_after(line, "0::");

		if (path)
			return xstrdup(path);
	}
	return NULL;
}

bool group_may_use(int fd)
{
	return faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0 &&
	       faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
	       faccessat(fd, "cgroup.subtree_control", W_OK, AT_EACCESS) == 0;
}

char **control_words(int dirfd, const char *name)
{
	cleanup_free char *text = NULL;
	char **words = NULL, *save = NULL;

	if (file_read_at(dirfd, name, 65536, &text, NULL, NULL) < 0)
		return NULL;
	for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		strv_add(&words, w);
	return words;
}

/*
 * Walks from the caller's group upwards while the user may use the parent as well, and takes the
 * highest: for root on a host without delegation the hierarchy's root itself, whose path is "".
 */
static int climb(struct cgroup_delegation *d, const char *group)
{
	cleanup_free char *path = xstrdup(streq(group, "/") ? "" : group);
	size_t prefix = strlen(d->mount);
	int best = -1;

	for (;;) {
		cleanup_free char *full = xasprintf("%s%s", d->mount, path);
		cleanup_close int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || !group_may_use(fd))
			break;
		if (best >= 0)
			(void)close(best);
		best = steal_fd(&fd);
		free(d->path);
		d->path = xstrdup(full + prefix);
		if (!*path || !strchr(path, '/'))
			break;
		*strrchr(path, '/') = '\0';
	}
	return best;
}

/* A mount of a subtree (in a container without a cgroup namespace) shows paths below its root. */
const char *group_below_mount(const struct cgroup_delegation *d, const char *group)
{
	const char *below = !d->root || streq(d->root, "/") ? group : str_after(group, d->root);

	return below && !strstr(below, "/..") ? below : NULL;
}

static void explain(struct cgroup_delegation *d, const char *group)
{
	d->why = xasprintf("cgroup '%s%s' is not delegated to this user (with systemd: loginctl "
			   "enable-linger, or "
			   "run in systemd-run --user --scope -p Delegate=yes)",
			   d->mount, group);
}

int cgroup_delegation_find(struct cgroup_delegation *ret, struct cmk_err *err)
{
	struct cgroup_delegation d = CGROUP_DELEGATION_INIT;
	cleanup_free char *group = NULL;
	const char *below;
	int r;

#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_NO_DELEGATION")) {
		d.why = xstrdup("no cgroup is delegated, as the test wants it");
		*ret = d;
		return 0;
	}
#endif
	r = find_mount(&d.root, &d.mount, err);
	if (r < 0)
		return r;
	group = group_of(0);
	if (!d.mount || !group) {
		d.why = xstrdup("no cgroup v2 hierarchy is mounted");
		*ret = d;
		return 0;
	}
	below = group_below_mount(&d, group);
	if (below)
		d.fd = climb(&d, below);
	if (d.fd < 0)
		explain(&d, group);
	else
		d.controllers = control_words(d.fd, "cgroup.controllers");
	*ret = d;
	return 0;
}

int control_write(int dirfd, const char *name, const char *value, struct cmk_err *err)
{
	cleanup_close int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", name);
	if (write(fd, value, strlen(value)) < 0)
		return cmk_err_errno(err, "write '%s' to '%s'", value, name);
	return 0;
}

int cgroup_create(const struct cgroup_delegation *d, const char *name,
		  const struct spec_resources *res, int *ret_fd, char **ret_path,
		  struct cmk_err *err)
{
	cleanup_close int fd = -1;
	int r;

	r = d->limits_checked ? 0 : cgroup_check_limits(d, res, err);
	if (r < 0)
		return r;
	r = limits_enable(d, res, err);
	if (r < 0)
		return r;
	if (mkdirat(d->fd, name, 0755) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "create cgroup '%s/%s'", d->path, name);
	fd = openat(d->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		r = cmk_err_errno(err, "open cgroup '%s/%s'", d->path, name);
	else
		r = cgroup_apply(fd, res, d->controllers, err);
	if (r < 0) {
		(void)unlinkat(d->fd, name, AT_REMOVEDIR);
		return r;
	}
	*ret_fd = steal_fd(&fd);
	*ret_path = xasprintf("%s/%s", d->path, name);
	return 0;
}

/* D is the scope around the group, whose weights are systemd's to write and to remember. We write
 * them, too: it may give no answer, and it takes no weight back from a single device. */
static void update_scope_weights(const struct cgroup_delegation *d,
				 const struct spec_resources *before,
				 const struct spec_resources *after)
{
	cleanup_strv char **old = limits_weights(before), **new = limits_weights(after);
	cleanup_strv char **changed = properties_between(old, new);
	cleanup(scope_manager_done) struct scope_manager m = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (!changed)
		return;
	if (scope_manager_find(&m, true) &&
	    scope_set_properties(&m, strrchr(d->path, '/') + 1, changed, &err) < 0) {
		log_debug("weights of the scope '%s': %s", d->path, cmk_err_msg(&err));
		cmk_err_done(&err);
	}
	if (limits_change_weights(d->fd, before, after, &err) < 0)
		log_debug("weights of the scope '%s': %s", d->path, cmk_err_msg(&err));
}

int cgroup_update(const char *mount, const char *path, const struct spec_resources *before,
		  const struct spec_resources *after, struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT;
	cleanup_close int fd = cgroup_open(mount, path);
	const char *slash = strrchr(path, '/');
	int r;

	if (fd < 0 || !slash)
		return cmk_err_set(err, fd < 0 ? fd : -EINVAL, "open cgroup '%s'", path);
	d.mount = xstrdup(mount);
	d.path = xstrndup(path, (size_t)(slash - path));
	d.fd = cgroup_open(mount, d.path);
	if (d.fd < 0)
		return cmk_err_set(err, d.fd, "open cgroup '%s'", d.path);
	d.controllers = control_words(d.fd, "cgroup.controllers");
	r = cgroup_check_limits(&d, after, err);
	if (r == 0)
		r = limits_enable(&d, after, err);
	if (r < 0)
		return r;
	r = limits_change(fd, before, after, err);
	/* All or nothing. */
	if (r < 0)
		(void)limits_change(fd, after, before, NULL);
	else if (streq(slash, "/" CONTAINER_GROUP) && str_has_suffix(d.path, ".scope"))
		update_scope_weights(&d, before, after);
	return r;
}

/* --- what is done to a group
 * -------------------------------------------------------------------------------------- */

int cgroup_kill(int group_fd, struct cmk_err *err)
{
	return control_write(group_fd, "cgroup.kill", "1", err);
}

/* The value of "KEY N" in a flat-keyed file. */
static int read_key(int dirfd, const char *file, const char *key, uint64_t *ret)
{
	cleanup_free char *text = NULL;
	size_t n = strlen(key);
	char *save = NULL;

	if (file_read_at(dirfd, file, 65536, &text, NULL, NULL) < 0)
		return -ENOENT;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return parse_u64(line + n + 1, UINT64_MAX, ret);
	return -ENOENT;
}

/* Waits until KEY of cgroup.events is VALUE; the kernel tells of a change by POLLPRI. */
static int wait_event(int group_fd, const char *key, uint64_t value, int timeout_ms)
{
	cleanup_close int fd = openat(group_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t end = time_monotonic_ms() + timeout_ms;
	char buf[256];

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		uint64_t v = 0;
		int64_t left;
		int r;

		r = read_key(group_fd, "cgroup.events", key, &v);
		if (r < 0 || v == value)
			return r;
		left = end - time_monotonic_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		/* Reading arms the next notice of this open file. */
		if (pread(fd, buf, sizeof(buf), 0) < 0)
			return -errno;
		r = read_key(group_fd, "cgroup.events", key, &v);
		if (r < 0 || v == value)
			return r;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

int cgroup_child(int group_fd, const char *name)
{
	int fd;

	if (mkdirat(group_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(group_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool cgroup_frozen(int group_fd)
{
	uint64_t v = 0;

	return read_key(group_fd, "cgroup.events", "frozen", &v) == 0 && v;
}

bool cgroup_populated(int group_fd)
{
	uint64_t v = 0;

	return read_key(group_fd, "cgroup.events", "populated", &v) == 0 && v;
}

int cgroup_value(int group_fd, const char *file, const char *name, uint64_t *ret)
{
	cleanup_free char *text = NULL;
	int r = name ? 0 : file_read_at(group_fd, file, 65536, &text, NULL, NULL);

	if (name)
		return read_key(group_fd, file, name, ret);
	return r < 0 ? r : parse_u64_n(text, strcspn(text, "\n"), UINT64_MAX, ret);
}

int cgroup_memory_used(int group_fd, uint64_t *ret_memory, uint64_t *ret_swap)
{
	*ret_swap = 0;
	/* Not there where the kernel does not account swap. */
	(void)cgroup_value(group_fd, "memory.swap.current", NULL, ret_swap);
	return cgroup_value(group_fd, "memory.current", NULL, ret_memory);
}

int cgroup_oom_kills(int group_fd, uint64_t *ret)
{
	return read_key(group_fd, "memory.events", "oom_kill", ret);
}

int cgroup_freeze(int group_fd, bool freeze, struct cmk_err *err)
{
	int r = control_write(group_fd, "cgroup.freeze", freeze ? "1" : "0", err);

	if (r < 0)
		return r;
	r = wait_event(group_fd, "frozen", freeze, EVENT_TIMEOUT_MS);
	/* A process in an uninterruptible sleep freezes when it wakes: none is left half frozen. */
	if (r < 0 && freeze)
		(void)control_write(group_fd, "cgroup.freeze", "0", NULL);
	if (r < 0)
		return cmk_err_set(err, r, "the group does not get %s: %s",
				   freeze ? "frozen" : "thawed", errno_text(-r));
	return 0;
}

int cgroup_open(const char *mount, const char *path)
{
	cleanup_free char *full = xasprintf("%s%s", mount, path);
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* Sub-groups first; only directories can be removed in a cgroup file system. */
static int remove_below(int fd, unsigned int depth)
{
	cleanup_dir DIR *dir = NULL;
	cleanup_close int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *de;

	if (again < 0 || depth > 256)
		return -errno;
	dir = fdopendir(again);
	if (!dir)
		return -errno;
	(void)steal_fd(&again);
	while ((de = readdir(dir))) {
		cleanup_close int sub = -1;

		if (de->d_type != DT_DIR || de->d_name[0] == '.')
			continue;
		sub = openat(fd, de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			(void)remove_below(sub, depth + 1);
		(void)unlinkat(fd, de->d_name, AT_REMOVEDIR);
	}
	return 0;
}

int cgroup_remove(const char *mount, const char *path, struct cmk_err *err)
{
	cleanup_free char *full = xasprintf("%s%s", mount, path);
	cleanup_close int fd = -1;
	uint64_t populated = 0;
	int r;

	if (rmdir(full) == 0 || errno == ENOENT)
		return 0;
	fd = cgroup_open(mount, path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : cmk_err_errno(err, "open cgroup '%s'", path);
	r = read_key(fd, "cgroup.events", "populated", &populated);
	if (r == 0 && populated) {
		r = cgroup_kill(fd, err);
		if (r == 0)
			r = wait_event(fd, "populated", 0, EVENT_TIMEOUT_MS);
		if (r < 0)
			return cmk_err_set(err, r, "cgroup '%s' does not get empty", path);
	}
	(void)remove_below(fd, 0);
	if (rmdir(full) < 0 && errno != ENOENT)
		return cmk_err_errno(err, "remove cgroup '%s'", path);
	return 0;
}
