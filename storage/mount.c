// SPDX-License-Identifier: Apache-2.0
/*
 * What people mount to look into: containers and images, in a session of `cmk unshare`.
 *
 *   RUN/mounts/c-ID.PID, i-ID.PID   "START COUNT": the session's process, and how often the
 *                                   container or image ID was mounted in it
 *   RUN/mounts/ID/                  where an image is mounted
 *
 * A record is written before the mount is made and removed after it has gone. Whether there is a
 * mount is told by the session's mountinfo alone: a mount ends with its namespace, and a command
 * may be killed between the two steps. The lock is flock on RUN/mounts.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "storage/driver.h"
#include "storage/internal.h"

#define MOUNTS_DIR "mounts"
#define MOUNTINFO_MAX (64 << 20)
#define COUNT_MAX 1000000

struct mount_record {
	char name[DIGEST_HEX_LEN + 24];
	enum storage_mount_kind kind;
	char id[DIGEST_HEX_LEN + 1];
	struct process_id session;
	uint64_t count;
};

static char *place_of(struct storage *st, enum storage_mount_kind kind, const char *id)
{
	if (kind == STORAGE_MOUNT_IMAGE)
		return xasprintf("%s/" MOUNTS_DIR "/%s", st->runroot, id);
	return xasprintf("%s/containers/%s/merged", st->root, id);
}

static int open_mounts(struct storage *st, bool lock, struct cmk_err *err)
{
	cleanup_close int fd = open_dir_at(st->run_fd, MOUNTS_DIR, 0700, err);
	int r;

	if (fd < 0 || !lock)
		return steal_fd(&fd);
	r = file_lock(fd, true, false);
	return r < 0 ? cmk_err_set(err, r, "lock '%s/" MOUNTS_DIR "': %s", st->runroot,
				   errno_text(-r))
		     : steal_fd(&fd);
}

/* "c-ID.PID" and "START COUNT". */
static int read_record(int fd, const char *name, struct mount_record *ret)
{
	cleanup_free char *text = NULL;
	struct digest id;
	char hex[DIGEST_HEX_LEN + 1];
	uint32_t pid;
	size_t len;

	if (strlen(name) >= sizeof(ret->name) || strlen(name) < DIGEST_HEX_LEN + 4 ||
	    (name[0] != STORAGE_MOUNT_CONTAINER && name[0] != STORAGE_MOUNT_IMAGE) ||
	    name[1] != '-' || name[2 + DIGEST_HEX_LEN] != '.')
		return -EINVAL;
	memcpy(hex, name + 2, DIGEST_HEX_LEN);
	hex[DIGEST_HEX_LEN] = '\0';
	if (digest_parse_hex(hex, &id) < 0 ||
	    parse_u32(name + DIGEST_HEX_LEN + 3, INT32_MAX, &pid) < 0 ||
	    file_read_at(fd, name, 64, &text, NULL, NULL) < 0)
		return -EINVAL;
	*ret = (struct mount_record){ .kind = (enum storage_mount_kind)name[0],
				      .session.pid = (pid_t)pid };
	memcpy(ret->id, hex, sizeof(hex));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	len = strcspn(text, " ");
	if (parse_u64_n(text, len, UINT64_MAX, &ret->session.start_time) < 0 || !text[len] ||
	    parse_u64_n(text + len + 1, strcspn(text + len + 1, "\n"), COUNT_MAX, &ret->count) < 0)
		return -EINVAL;
	return 0;
}

static int write_record(int fd, const struct mount_record *m, struct cmk_err *err)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%llu %llu\n", (unsigned long long)m->session.start_time,
		       (unsigned long long)m->count);
	return file_replace_at(fd, m->name, text, strlen(text), 0600, 0, err);
}

/* FIELD of mountinfo, of LEN bytes with \ooo for blanks, is PATH. */
static bool field_is(const char *field, size_t len, const char *path)
{
	for (size_t i = 0; i < len; i++, path++) {
		char c = field[i];

		if (c == '\\' && i + 3 < len) {
			c = (char)((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 +
				   (field[i + 3] - '0'));
			i += 3;
		}
		if (c != *path)
			return false;
	}
	return *path == '\0';
}

/* Field 5 of a line is where something is mounted (proc_pid_mountinfo(5)). */
static bool line_is_of(const char *line, const char *path)
{
	for (int i = 0; i < 4; i++) {
		line += strcspn(line, " \n");
		if (*line != ' ')
			return false;
		line++;
	}
	return field_is(line, strcspn(line, " \n"), path);
}

static bool is_mounted_in(const struct process_id *session, const char *path)
{
	cleanup_free char *text = NULL;
	char file[48];

	(void)snprintf(file, sizeof(file), "/proc/%d/mountinfo", (int)session->pid);
	if (file_read_at(AT_FDCWD, file, MOUNTINFO_MAX, &text, NULL, NULL) < 0 ||
	    !process_id_alive(session))
		return false;
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');

		if (line_is_of(line, path))
			return true;
		line = end + (*end == '\n');
	}
	return false;
}

/* Calls FN for each record whose mount is there, until it says to stop (not 0: the result). With
 * the lock held, records of sessions that are gone are removed. */
static int each_mount(struct storage *st, int fd, bool locked,
		      int (*fn)(const struct mount_record *m, const char *path, void *arg),
		      void *arg)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(fd, &d, NULL);

	while (r == 0 && (de = readdir(d))) {
		cleanup_free char *path = NULL;
		struct mount_record m;

		if (read_record(fd, de->d_name, &m) < 0)
			continue;
		path = place_of(st, m.kind, m.id);
		if (is_mounted_in(&m.session, path))
			r = fn(&m, path, arg);
		else if (locked && !process_id_alive(&m.session))
			(void)unlinkat(fd, de->d_name, 0);
	}
	return r;
}

int storage_mount_check(struct storage *st, const char *command, struct cmk_err *err)
{
	struct process_id session;

	if (userns_session(st->run_fd, &session) == 0)
		return 0;
	return cmk_err_set(err, -EPERM,
			   "cannot run command \"cmk %s\" in rootless mode, must execute `cmk "
			   "unshare` first",
			   command);
}

/* --- copies of mounts --- */

static void cmk_noreturn clone_child(int mnt_ns, const char *path, int out)
{
	struct cmk_err e = CMK_ERR_INIT;
	int fd = -1;

	/* The container, whose namespace it may be, must not see into us (CVE-2019-5736). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setns(mnt_ns, CLONE_NEWNS) < 0)
		(void)cmk_err_errno(&e, "enter the mount namespace");
	else
		fd = open_tree(AT_FDCWD, path,
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (!e.code && fd < 0)
		(void)cmk_err_errno(&e, "copy the mount '%s'", path);
	if (e.code)
		cmk_err_send(out, &e);
	else
		(void)!write(out, &fd, sizeof(fd));
	_exit(0);
}

int storage_mount_clone(int mnt_ns, const char *path, struct cmk_err *err)
{
	cleanup_close int rd = -1;
	char wire[CMK_ERR_WIRE_MAX];
	int p[2], fd;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	rd = p[0];
	/* With our table of descriptors: the mount arrives by its number alone. */
	pid = process_clone3(CLONE_FILES, SIGCHLD, -1, NULL);
	if (pid == 0)
		clone_child(mnt_ns, path, p[1]);
	if (pid < 0) {
		(void)close(p[1]);
		return cmk_err_set(err, pid, "fork: %s", errno_text(-pid));
	}
	(void)process_reap(pid);
	(void)close(p[1]);
	n = read_full(rd, wire, sizeof(wire));
	if (n != (ssize_t)sizeof(fd))
		return cmk_err_decode(wire, n > 0 ? (size_t)n : 0,
				      "the process that copies a mount died", err);
	memcpy(&fd, wire, sizeof(fd));
	return fd;
}

static int open_mnt_ns(const struct process_id *id)
{
	char path[48];
	cleanup_close int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)id->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* After the open: the number is still that process's. */
	return fd >= 0 && process_id_alive(id) ? steal_fd(&fd) : -ESRCH;
}

struct wanted {
	enum storage_mount_kind kind;
	const char *id;
	int fd;
};

static int copy_it(const struct mount_record *m, const char *path, void *arg)
{
	cleanup_close int ns = -1;
	struct wanted *w = arg;

	if (m->kind != w->kind || !streq(m->id, w->id))
		return 0;
	ns = open_mnt_ns(&m->session);
	w->fd = ns < 0 ? ns : storage_mount_clone(ns, path, NULL);
	return w->fd >= 0;
}

int storage_mount_open(struct storage *st, enum storage_mount_kind kind, const char *id)
{
	cleanup_close int fd = openat(st->run_fd, MOUNTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct wanted w = { kind, id, -ENOENT };

	if (fd >= 0)
		(void)each_mount(st, fd, false, copy_it, &w);
	return w.fd < 0 ? -ENOENT : w.fd;
}

static int is_it(const struct mount_record *m, const char *path cmk_unused, void *arg)
{
	const struct wanted *w = arg;

	return m->kind == w->kind && streq(m->id, w->id);
}

bool storage_is_mounted(struct storage *st, enum storage_mount_kind kind, const char *id)
{
	cleanup_close int fd = openat(st->run_fd, MOUNTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct wanted w = { kind, id, -1 };

	return fd >= 0 && each_mount(st, fd, false, is_it, &w) > 0;
}

/* --- this session's --- */

struct listing {
	struct process_id session;
	enum storage_mount_kind kind;
	struct storage_mounted *list;
	size_t n;
};

static int list_one(const struct mount_record *m, const char *path, void *arg)
{
	struct listing *l = arg;

	if (m->kind != l->kind || m->session.pid != l->session.pid)
		return 0;
	l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = (struct storage_mounted){ .id = xstrdup(m->id), .path = xstrdup(path) };
	return 0;
}

void storage_mounted_free(struct storage_mounted *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].id);
		free(list[i].path);
	}
	free(list);
}

int storage_mount_list(struct storage *st, enum storage_mount_kind kind,
		       struct storage_mounted **ret, size_t *ret_n, struct cmk_err *err)
{
	struct listing l = { .kind = kind };
	cleanup_close int fd = open_mounts(st, false, err);

	if (fd < 0)
		return fd;
	if (userns_session(st->run_fd, &l.session) == 0)
		(void)each_mount(st, fd, false, list_one, &l);
	*ret = l.list;
	*ret_n = l.n;
	return 0;
}

static int attach(int mnt, const char *path, struct cmk_err *err)
{
	if (move_mount(mnt, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return cmk_err_errno(err, "mount on '%s'", path);
	return 0;
}

/* The record of this session, which may not exist yet: count 0. */
static int own_record(struct storage *st, int fd, enum storage_mount_kind kind, const char *id,
		      const char *path, struct mount_record *ret, struct cmk_err *err)
{
	struct mount_record m = { .kind = kind }, found;
	int r = storage_mount_check(st, kind == STORAGE_MOUNT_IMAGE ? "image mount" : "mount", err);

	if (r < 0 || userns_session(st->run_fd, &m.session) < 0)
		return r < 0 ? r : -ESRCH;
	(void)snprintf(m.id, sizeof(m.id), "%s", id);
	(void)snprintf(m.name, sizeof(m.name), "%c-%s.%d", (char)kind, m.id, (int)m.session.pid);
	if (read_record(fd, m.name, &found) == 0 &&
	    found.session.start_time == m.session.start_time && is_mounted_in(&m.session, path))
		m.count = MAX(found.count, 1U);
	*ret = m;
	return 0;
}

int storage_mount_add(struct storage *st, enum storage_mount_kind kind, const char *id,
		      const struct rootfs_plan *plan, int mnt, char **ret_path, struct cmk_err *err)
{
	cleanup_free char *path = place_of(st, kind, id);
	cleanup_close int fd = open_mounts(st, true, err), other = -1;
	struct mount_record m;
	int r;

	if (fd < 0)
		return fd;
	r = own_record(st, fd, kind, id, path, &m, err);
	if (r < 0)
		return r;
	m.count++;
	r = write_record(fd, &m, err);
	if (r < 0)
		return r;
	if (m.count == 1) {
		/* One overlay must not have two instances. */
		if (mnt < 0)
			mnt = other = storage_mount_open(st, kind, id);
		if (kind == STORAGE_MOUNT_IMAGE && mkdirat(fd, id, 0700) < 0 && errno != EEXIST)
			r = cmk_err_errno(err, "create '%s'", path);
		if (r == 0)
			r = mnt >= 0 ? attach(mnt, path, err) : storage_rootfs_mount(plan, err);
		if (r < 0)
			(void)unlinkat(fd, m.name, 0);
	}
	if (r == 0)
		*ret_path = steal_ptr(&path);
	return r;
}

/* The image's mount point, unless it is used elsewhere: there it would end the mount. */
static void remove_place(struct storage *st, int fd, enum storage_mount_kind kind, const char *id)
{
	struct wanted w = { kind, id, -1 };

	if (kind == STORAGE_MOUNT_IMAGE && each_mount(st, fd, true, is_it, &w) == 0)
		(void)unlinkat(fd, id, AT_REMOVEDIR);
}

int storage_mount_drop(struct storage *st, enum storage_mount_kind kind, const char *id, bool all,
		       struct cmk_err *err)
{
	cleanup_free char *path = place_of(st, kind, id);
	cleanup_close int fd = open_mounts(st, true, err);
	struct mount_record m;
	int r;

	if (fd < 0)
		return fd;
	r = own_record(st, fd, kind, id, path, &m, err);
	if (r < 0 || m.count == 0)
		return r < 0 ? r : 1;
	if (m.count > 1 && !all) {
		m.count--;
		return write_record(fd, &m, err);
	}
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return cmk_err_errno(err, "unmount '%s'", path);
	(void)unlinkat(fd, m.name, 0);
	remove_place(st, fd, kind, id);
	return 0;
}

/* --- everybody's --- */

#define ENDING_MAX 64 /* at once */

struct ending {
	struct wanted wanted;
	char *path;
	char names[ENDING_MAX][DIGEST_HEX_LEN + 24];
	int ns[ENDING_MAX];
	size_t n;
};

static int note_it(const struct mount_record *m, const char *path cmk_unused, void *arg)
{
	struct ending *e = arg;
	int ns;

	if (!is_it(m, path, &e->wanted) || e->n == ARRAY_LEN(e->ns))
		return 0;
	ns = open_mnt_ns(&m->session);
	if (ns < 0)
		return 0;
	(void)snprintf(e->names[e->n], sizeof(e->names[0]), "%s", m->name);
	e->ns[e->n++] = ns;
	return 0;
}

static int end_inside(void *arg, struct cmk_err *err)
{
	const struct ending *e = arg;

	for (size_t i = 0; i < e->n; i++) {
		if (setns(e->ns[i], CLONE_NEWNS) < 0)
			return cmk_err_errno(err, "enter a session of `cmk unshare`");
		if (umount2(e->path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
			return cmk_err_errno(err, "unmount '%s'", e->path);
	}
	return 0;
}

/* How many were ended. */
static int end_some(struct storage *st, int fd, struct ending *e, struct cmk_err *err)
{
	const struct userns_config *config;
	int r;

	e->n = 0;
	(void)each_mount(st, fd, true, note_it, e);
	if (e->n == 0)
		return 0;
	r = storage_userns(st, &config, err);
	if (r >= 0)
		r = userns_run(st->run_fd, config, false, end_inside, e, err);
	for (size_t i = 0; i < e->n; i++) {
		(void)close(e->ns[i]);
		if (r >= 0)
			(void)unlinkat(fd, e->names[i], 0);
	}
	return r < 0 ? r : (int)e->n;
}

int storage_mount_end(struct storage *st, enum storage_mount_kind kind, const char *id,
		      struct cmk_err *err)
{
	cleanup_free struct ending *e = xcalloc(1, sizeof(*e));
	cleanup_free char *path = place_of(st, kind, id);
	cleanup_close int fd = open_mounts(st, true, err);
	int r = fd;

	*e = (struct ending){ .wanted = { kind, id, -1 }, .path = path };
	while (r >= 0 && (r = end_some(st, fd, e, err)) > 0)
		;
	if (r == 0)
		remove_place(st, fd, kind, id);
	return r;
}

/* --- images --- */

/* One directory needs no overlay, which would not do with one; but nothing may be written to it. */
static int bind_layer(const char *dir, struct cmk_err *err)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int mnt = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mnt < 0 || mount_setattr(mnt, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
		return cmk_err_errno(err, "'%s'", dir);
	return steal_fd(&mnt);
}

static int image_plan(struct storage *st, const struct image_record *rec, struct rootfs_plan *plan,
		      struct cmk_err *err)
{
	struct storage_driver driver;
	int r = storage_driver_get(st, &driver, err);

	if (r >= 0)
		r = storage_layers_plan(st, rec->layers, rec->n_layers, plan, err);
	if (r < 0)
		return r;
	if (!plan->lower)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "it has no files");
	if (strv_len(plan->lower) > 1 && streq(driver.name, driver_vfs.name))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "an image of several layers can be mounted only with the "
				    "driver overlay, and there is '%s'",
				    driver.name);
	plan->driver = xstrdup(driver.name);
	plan->merged = place_of(st, STORAGE_MOUNT_IMAGE, rec->id);
	return 0;
}

int storage_image_mount(struct storage *st, const char *id, char **ret_path, struct cmk_err *err)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_close int lock = -1, mnt = -1;
	/* So that it is not removed meanwhile. */
	int r = storage_lock(st, &lock, err);

	if (r >= 0)
		r = storage_image_load(st, id, &rec, err);
	if (r >= 0)
		r = image_plan(st, &rec, &plan, err);
	if (r >= 0 && strv_len(plan.lower) == 1)
		r = mnt = bind_layer(plan.lower[0], err);
	if (r >= 0)
		r = storage_mount_add(st, STORAGE_MOUNT_IMAGE, id, &plan, mnt, ret_path, err);
	return r < 0 ? cmk_err_wrap(err, r, "mount image '%.12s'", id) : 0;
}
