// SPDX-License-Identifier: Apache-2.0
/* The parent user namespace: finding it, making it, working in it. */
#include "base/userns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/apparmor.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"

#define HINT_DIR "userns"
#define PROC_MAP_MAX 32768

/*
 * A hint is a symbolic link RUN/userns/PID -> START or START.NS: made and read with one call, never
 * torn. The process, which was started at START, is in the parent namespace or in one nested below
 * it; NS is the inode of the parent namespace, where who wrote the hint was in it.
 */

/* Inode of the process's namespace TYPE; 0 where that cannot be seen. */
static uint64_t ns_inode(pid_t pid, const char *type)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, type);
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

int userns_hint_add(int run_fd, pid_t pid, bool in_parent, struct cmk_err *err)
{
	char name[48], target[64];
	struct process_id id;
	int r;

	r = process_id_of(pid, &id);
	if (r < 0)
		return cmk_err_set(err, r, "start time of process %d: %s", (int)pid,
				   errno_text(-r));
	if (in_parent)
		(void)snprintf(target, sizeof(target), "%llu.%llu",
			       (unsigned long long)id.start_time,
			       (unsigned long long)ns_inode(getpid(), "user"));
	else
		(void)snprintf(target, sizeof(target), "%llu", (unsigned long long)id.start_time);
	(void)snprintf(name, sizeof(name), HINT_DIR "/%d", (int)pid);
	for (int tries = 0; tries < 3; tries++) {
		if (symlinkat(target, run_fd, name) == 0)
			return 0;
		if (errno == ENOENT)
			(void)mkdirat(run_fd, HINT_DIR, 0700);
		else if (errno == EEXIST)
			(void)unlinkat(run_fd, name, 0);
		else
			break;
	}
	return cmk_err_errno(err, "write '%s' in the run directory", name);
}

void userns_hint_remove(int run_fd, pid_t pid)
{
	char name[48];

	(void)snprintf(name, sizeof(name), HINT_DIR "/%d", (int)pid);
	(void)unlinkat(run_fd, name, 0);
}

/*
 * The one among NS and its ancestors that lies right below our own namespace. A container's process
 * may have made namespaces of its own and moved into them: one step up from there would be the
 * container's, whose root would rule over all that we put below it.
 */
static int climb(int ns, const struct stat *own)
{
	cleanup_close int at = ns;

	for (;;) {
		struct stat st;
		int parent = ioctl(at, NS_GET_PARENT);

		/* EPERM: the parent is not below us, so NS was ours or another's. */
		if (parent < 0)
			return -errno;
		if (fstat(parent, &st) == 0 && st.st_ino == own->st_ino &&
		    st.st_dev == own->st_dev) {
			(void)close(parent);
			return steal_fd(&at);
		}
		(void)close(at);
		at = parent;
	}
}

int userns_parent_of(pid_t pid, int pidfd)
{
	cleanup_close int ns = -1;
	char path[48];
	int parent;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	/* After the open: the number is still that process's. */
	if (process_pidfd_signal(pidfd, 0) < 0)
		return -ESRCH;
	parent = ioctl(ns, NS_GET_PARENT);
	return parent < 0 ? -errno : parent;
}

/* What the hint NAME says; *RET_NS is 0 where it does not name the parent. */
static int hint_read(int dirfd, const char *name, struct process_id *ret, uint64_t *ret_ns)
{
	char target[64];
	uint32_t pid;
	size_t len;
	ssize_t n;

	if (parse_u32(name, INT32_MAX, &pid) < 0)
		return -EINVAL;
	n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	if (n < 1)
		return -EINVAL;
	target[n] = '\0';
	len = strcspn(target, ".");
	*ret_ns = 0;
	if (parse_u64_n(target, len, UINT64_MAX, &ret->start_time) < 0 ||
	    (target[len] &&
	     parse_u64_n(target + len + 1, (size_t)n - len - 1, UINT64_MAX, ret_ns) < 0))
		return -EINVAL;
	ret->pid = (pid_t)pid;
	return 0;
}

/* The parent namespace to which the hint NAME leads: a descriptor, or -errno (the hint is stale or
 * not ours). */
static int hint_follow(int dirfd, const char *name, uid_t owner, const struct stat *own)
{
	cleanup_close int ns = -1, parent = -1;
	struct process_id said, id;
	uid_t uid = (uid_t)-1;
	uint64_t ns_said;
	char path[48];

	if (hint_read(dirfd, name, &said, &ns_said) < 0)
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)said.pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	/* After the open: the process that we opened has this start time still. */
	if (process_id_of(said.pid, &id) < 0 || id.start_time != said.start_time)
		return -ESRCH;
	parent = climb(steal_fd(&ns), own);
	if (parent < 0)
		return parent;
	/* The directory is ours alone, but a pid may lead anywhere. */
	if (ioctl(parent, NS_GET_OWNER_UID, &uid) < 0 || uid != owner)
		return -EPERM;
	return steal_fd(&parent);
}

/* Joins by the first hint that works and sweeps those that do not. True where joined. */
static bool join_by_hint(int dirfd, uid_t owner)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	struct stat own;
	int fd;

	if (stat("/proc/self/ns/user", &own) < 0)
		return false;
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return false;
	}
	while ((de = readdir(d))) {
		cleanup_close int ns = -1;

		if (de->d_name[0] == '.')
			continue;
		ns = hint_follow(dirfd, de->d_name, owner, &own);
		if (ns >= 0 && setns(ns, CLONE_NEWUSER) == 0)
			return true;
		/* The namespaces of a zombie are gone too: ENOENT. */
		if (ns == -ESRCH || ns == -ENOENT || ns == -EINVAL)
			(void)unlinkat(dirfd, de->d_name, 0);
	}
	return false;
}

/* Whether FITS says so of a live hint that names our own namespace as the parent. */
static bool any_hint_of_ours(int run_fd, bool (*fits)(const struct process_id *id),
			     struct process_id *ret)
{
	cleanup_dir DIR *d = NULL;
	uint64_t own = ns_inode(getpid(), "user");
	struct dirent *de;
	int fd = openat(run_fd, HINT_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		cleanup_close_fn(&fd);
		return false;
	}
	while ((de = readdir(d))) {
		struct process_id id;
		uint64_t ns;

		if (de->d_name[0] == '.' || hint_read(fd, de->d_name, &id, &ns) < 0 || ns == 0 ||
		    ns != own || !process_id_alive(&id) || !fits(&id))
			continue;
		*ret = id;
		return true;
	}
	return false;
}

static bool fits_any(const struct process_id *id cmk_unused)
{
	return true;
}

bool userns_is_parent(int run_fd)
{
	struct process_id id;

	return geteuid() == 0 && any_hint_of_ours(run_fd, fits_any, &id);
}

static bool is_session(const struct process_id *id)
{
	uint64_t mnt = ns_inode(getpid(), "mnt");

	return mnt && ns_inode(id->pid, "mnt") == mnt &&
	       ns_inode(id->pid, "user") == ns_inode(getpid(), "user");
}

int userns_session(int run_fd, struct process_id *ret)
{
	return geteuid() == 0 && any_hint_of_ours(run_fd, is_session, ret) ? 0 : -ESRCH;
}

/* --- making one --- */

/* For everybody, since it has its privilege by itself. */
static bool is_helper(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static bool has_privilege(const char *path)
{
	struct stat st;
	char cap[64];

	return (stat(path, &st) == 0 && (st.st_mode & S_ISUID) && st.st_uid == 0) ||
	       getxattr(path, "security.capability", cap, sizeof(cap)) > 0;
}

int userns_check_helper(const char *name, struct cmk_err *err)
{
	cleanup_free char *path = process_find(name, NULL, is_helper);

	if (path && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return cmk_err_set(err, -EPERM,
				   "%s: no_new_privs is set on this process: '%s' cannot gain its "
				   "privilege",
				   name, path);
	if (path && has_privilege(path))
		return 0;
	if (path)
		(void)cmk_err_set(err, -EPERM, "%s: '%s' is neither setuid nor has cap_set%cid",
				  name, path, name[3]);
	else
		(void)cmk_err_set(err, -EPERM, "%s: not found in PATH", name);
	(void)cmk_err_hint(err, "run: sudo apt-get install --reinstall uidmap");
	return -EPERM;
}

/* newuidmap or newgidmap at work. */
struct map_writer {
	const char *program, *file;
	const struct id_map *map;
	pid_t pid;
	int err_fd;
};

static char **writer_argv(const struct map_writer *w, pid_t target)
{
	char **argv = NULL;

	strv_add(&argv, w->program);
	strv_add_take(&argv, xasprintf("%d", (int)target));
	for (size_t i = 0; i < w->map->n; i++) {
		strv_add_take(&argv, xasprintf("%u", w->map->range[i].inside));
		strv_add_take(&argv, xasprintf("%u", w->map->range[i].outside));
		strv_add_take(&argv, xasprintf("%u", w->map->range[i].count));
	}
	return argv;
}

/* posix_spawn(3) shares our memory until the exec: nothing is copied for a program of 0.4 ms. */
static int writer_spawn(struct map_writer *w, pid_t target, struct cmk_err *err)
{
	cleanup_strv char **argv = writer_argv(w, target);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int out[2], r;

	if (pipe2(out, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	sigemptyset(&set);
	(void)posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	(void)posix_spawnattr_setsigdefault(&attr, &set);
	r = posix_spawnp(&w->pid, w->program, &actions, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(out[1]);
	w->err_fd = out[0];
	if (r == 0)
		return 0;
	w->pid = -1;
	if (userns_check_helper(w->program, err) < 0)
		return -EPERM;
	return cmk_err_set(err, -r, "%s: %s", w->program, errno_text(r));
}

/* Waits for the writer. Where it failed: its own words, or what is wrong with the program. */
static int writer_finish(struct map_writer *w, struct cmk_err *err)
{
	struct cmk_err why = CMK_ERR_INIT;
	char text[1024];
	ssize_t n = read_full(w->err_fd, text, sizeof(text) - 1);
	int status = process_reap(w->pid);

	w->pid = -1;
	if (status == 0)
		return 0;
	if (status < 0)
		return cmk_err_set(err, status, "wait for %s: %s", w->program, errno_text(-status));
	if (userns_check_helper(w->program, &why) < 0)
		return cmk_err_move(err, &why);
	text[MAX(n, 0)] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return cmk_err_set(err, -EPERM, "%s", text[0] ? text : w->program);
}

static void writer_done(struct map_writer *w)
{
	cleanup_close_fn(&w->err_fd);
	if (w->pid > 0)
		(void)process_reap(w->pid);
}

static int write_text(pid_t target, const char *file, const char *text, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)target, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return cmk_err_errno(err, "write '%s'", path);
	return 0;
}

static int write_direct(pid_t target, const struct map_writer *w, struct cmk_err *err)
{
	cleanup_free char *text = id_map_text(w->map);

	return write_text(target, w->file, text, err);
}

int userns_write_parent(pid_t pid, const struct userns_config *c, struct cmk_err *err)
{
	struct map_writer w[2] = {
		{ "newuidmap", "uid_map", &c->uids, -1, -1 },
		{ "newgidmap", "gid_map", &c->gids, -1, -1 },
	};
	int r = 0;

	if (c->uid != 0 && c->mode == USERNS_SINGLE)
		r = write_text(pid, "setgroups", "deny", err);
	if (c->uid == 0 || c->mode == USERNS_SINGLE) {
		if (r == 0)
			r = write_direct(pid, &w[0], err);
		return r < 0 ? r : write_direct(pid, &w[1], err);
	}
	/* Side by side: 0.39 ms each. */
	for (int i = 0; r == 0 && i < 2; i++)
		r = writer_spawn(&w[i], pid, err);
	for (int i = 0; r == 0 && i < 2; i++)
		r = writer_finish(&w[i], err);
	writer_done(&w[0]);
	writer_done(&w[1]);
	return r;
}

/* A child that stays in the old namespace (from inside the new one a setuid program does not gain
 * its privilege), for who has nobody to ask. */
struct map_child {
	pid_t pid;
	int fd; /* a byte says go; its end or an error comes back */
};

static void cmk_noreturn map_child_main(int fd, pid_t target, const struct userns_config *c)
{
	struct cmk_err e = CMK_ERR_INIT;
	char go;

	if (read_full(fd, &go, 1) != 1)
		_exit(1);
	if (userns_write_parent(target, c, &e) < 0)
		cmk_err_send(fd, &e);
	_exit(0);
}

static int map_child_start(struct map_child *m, const struct userns_config *c, struct cmk_err *err)
{
	pid_t self = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return cmk_err_errno(err, "make a socket");
	m->pid = process_fork("cmk-map", PROCESS_DEATH_SIGNAL, NULL, err);
	if (m->pid == 0) {
		(void)close(pair[0]);
		map_child_main(pair[1], self, c);
	}
	(void)close(pair[1]);
	m->fd = pair[0];
	return m->pid < 0 ? m->pid : 0;
}

static int map_child_ask(struct map_child *m, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX];
	ssize_t n;

	if (send(m->fd, "g", 1, MSG_NOSIGNAL) != 1)
		return cmk_err_errno(err, "tell the process that writes the map");
	n = read_full(m->fd, buf, sizeof(buf));
	if (n == 0)
		return 0;
	return n < 0 ? (int)n
		     : cmk_err_decode(buf, (size_t)n,
				      "bad answer of the process that writes the map", err);
}

static void map_child_done(struct map_child *m)
{
	cleanup_close_fn(&m->fd);
	if (m->pid > 0)
		(void)process_reap(m->pid);
}

/* No privilege is needed to map one's own id (user_namespaces(7)); setgroups goes with it. */
static int write_single(const struct userns_config *c, struct cmk_err *err)
{
	static const char *const files[] = { "/proc/self/uid_map", "/proc/self/setgroups",
					     "/proc/self/gid_map" };
	char text[3][48];

	(void)snprintf(text[0], sizeof(text[0]), "0 %u 1", c->uid);
	(void)snprintf(text[1], sizeof(text[1]), "deny");
	(void)snprintf(text[2], sizeof(text[2]), "0 %u 1", c->gid);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup_close int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, text[i], strlen(text[i])) < 0)
			return cmk_err_errno(err, "write '%s'", files[i]);
	}
	return 0;
}

static bool apparmor_restricts(void)
{
	cleanup_free char *text = NULL;
	size_t len;

	return file_read_at(AT_FDCWD, APPARMOR_RESTRICTS, 16, &text, &len, NULL) == 0 &&
	       *text == '1';
}

static int unshare_user(struct cmk_err *err)
{
	int r;

	if (unshare(CLONE_NEWUSER) == 0)
		return 0;
	r = cmk_err_errno(err, "make a user namespace");
	if (r == -ENOSPC)
		(void)cmk_err_hint(err, "raise it: sysctl user.max_user_namespaces");
	else if ((r == -EPERM || r == -EACCES) && apparmor_restricts())
		(void)cmk_err_hint(err, APPARMOR_MEND);
	else if (r == -EPERM || r == -EACCES)
		(void)cmk_err_hint(
			err,
			"allow them: sysctl kernel.unprivileged_userns_clone=1 (see cmk doctor)");
	return r;
}

static int make_mapped(int run_fd, const struct userns_config *c,
		       const struct userns_mapper *mapper, struct cmk_err *err)
{
	struct map_child child = { .pid = -1, .fd = -1 };
	int r = mapper ? 0 : map_child_start(&child, c, err);

	if (r == 0)
		r = unshare_user(err);
	if (r == 0)
		r = mapper ? mapper->ask(mapper->arg, err) : map_child_ask(&child, err);
	map_child_done(&child);
	if (r < 0) {
		/* newuidmap is the judge of ranges: what we had cached may be of yesterday. */
		userns_cache_forget(run_fd);
		return cmk_err_wrap(err, r, "map user ids");
	}
	return 0;
}

/* The namespace that was joined must have our maps: ranges may have changed under containers that
 * run. */
static int check_joined(const struct userns_config *c, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	struct id_map m = { 0 };
	bool same;
	int r;

	r = file_read_at(AT_FDCWD, "/proc/self/uid_map", PROC_MAP_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	r = id_map_parse(text, &m);
	same = r == 0 && m.n == c->uids.n &&
	       (m.n == 0 || memcmp(m.range, c->uids.range, m.n * sizeof(*m.range)) == 0);
	id_map_done(&m);
	if (same)
		return 0;
	(void)cmk_err_set(err, -ESTALE,
			  "the running containers have other subordinate ids than you have now");
	return cmk_err_hint(err, "stop them first: cmk stop --all") ?: -ESTALE;
}

static int enter_locked(int run_fd, int dirfd, const struct userns_config *c,
			const struct userns_mapper *mapper, bool *ret_joined, struct cmk_err *err)
{
	int r = file_lock(dirfd, true, false);

	if (r < 0)
		return cmk_err_set(err, r, "lock: %s", errno_text(-r));
	/* Another may have made it while we waited. */
	*ret_joined = join_by_hint(dirfd, c->uid);
	if (*ret_joined)
		return 0;
	log_debug("make the parent user namespace: %zu uid ranges", c->uids.n);
	if (c->mode != USERNS_SINGLE)
		return make_mapped(run_fd, c, mapper, err);
	r = unshare_user(err);
	return r < 0 ? r : write_single(c, err);
}

int userns_parent_enter(int run_fd, const struct userns_config *c,
			const struct userns_mapper *mapper, struct cmk_err *err)
{
	cleanup_close int dirfd = -1;
	bool joined;
	int r;

	if (c->mode == USERNS_INSIDE)
		return 0;
	dirfd = open_dir_at(run_fd, HINT_DIR, 0700, err);
	if (dirfd < 0)
		return dirfd;
	joined = join_by_hint(dirfd, c->uid);
	if (!joined) {
		r = enter_locked(run_fd, dirfd, c, mapper, &joined, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "enter the user namespace");
	}
	if (joined) {
		r = check_joined(c, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "enter the user namespace");
	}
	/* Before the lock goes (with dirfd): from here on others find this namespace through us. */
	return userns_hint_add(run_fd, getpid(), true, err);
}

/* --- work inside --- */

struct run_job {
	int run_fd;
	const struct userns_config *c;
	bool new_mount_ns;
	int (*fn)(void *arg, struct cmk_err *err);
	void *arg;
};

static int run_inside(const struct run_job *j, struct cmk_err *err)
{
	int r = userns_parent_enter(j->run_fd, j->c, NULL, err);

	if (r < 0)
		return r;
	if (j->new_mount_ns) {
		if (unshare(CLONE_NEWNS) < 0)
			return cmk_err_errno(err, "make a mount namespace");
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			return cmk_err_errno(err, "make mounts private");
	}
	return j->fn(j->arg, err);
}

static void cmk_noreturn run_child(const struct run_job *j, int out)
{
	struct cmk_err e = CMK_ERR_INIT;
	int r = run_inside(j, &e);

	(void)!write(out, &r, sizeof(r));
	if (r < 0) {
		if (!e.code)
			(void)cmk_err_set(&e, r, "%s", errno_text(-r));
		cmk_err_send(out, &e);
	}
	userns_hint_remove(j->run_fd, getpid());
	_exit(0);
}

int userns_run(int run_fd, const struct userns_config *c, bool new_mount_ns,
	       int (*fn)(void *arg, struct cmk_err *err), void *arg, struct cmk_err *err)
{
	struct run_job j = { run_fd, c, new_mount_ns, fn, arg };
	cleanup_close int rd = -1;
	char buf[sizeof(int) + CMK_ERR_WIRE_MAX];
	int p[2], r = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	rd = p[0];
	pid = process_fork("cmk-userns", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid == 0)
		run_child(&j, p[1]);
	(void)close(p[1]);
	if (pid < 0)
		return pid;
	n = read_full(rd, buf, sizeof(buf));
	(void)process_reap(pid);
	if (n < (ssize_t)sizeof(r))
		return cmk_err_set(err, -ECHILD, "the process in the user namespace died");
	memcpy(&r, buf, sizeof(r));
	if (r < 0)
		(void)cmk_err_decode(buf + sizeof(r), (size_t)n - sizeof(r), errno_text(-r), err);
	return r;
}
