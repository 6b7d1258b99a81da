// SPDX-License-Identifier: Apache-2.0
/*
 * What keeps the records true after a kill or a power cut.
 *
 * RUN/unfinished/ID stands beside every creation under way and every --rm container until it is
 * erased: the next command that makes a container looks there (usually an empty directory) and
 * removes what nobody holds any more. The run directory does not outlive a reboot, so that once per
 * boot all records are looked at; DATA/swept is a link that names that boot.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/cgroup/manager.h"
#include "libpod/record/internal.h"
#include "libpod/record/volume_users.h"

#define KILL_WAIT_MS 10000
#define MONITOR_DEATH_MS 5000
#define ERASE_TRIES 5

int container_lock_id(struct storage *st, const char *id, bool nonblock, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	int r;

	fd = openat(st->containers_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "open container '%.12s'", id);
	r = file_lock(fd, true, nonblock);
	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "lock container '%.12s'", id);
	}
	return steal_fd(&fd);
}

static int removed_meanwhile(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "container '%s' has been removed: no such container", c->cfg.name);
}

static void unfinished_path(const char *id, char buf[static 80])
{
	(void)snprintf(buf, 80, "unfinished/%.64s", id);
}

int container_unfinished_begin(struct storage *st, const char *id, struct cmk_err *err)
{
	char path[80];
	int fd;

	unfinished_path(id, path);
	fd = openat(st->run_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(st->run_fd, "unfinished", 0700) < 0 && errno != EEXIST)
			return cmk_err_errno(err, "make '%s/unfinished'", st->runroot);
		fd = openat(st->run_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return cmk_err_errno(err, "make '%s/%s'", st->runroot, path);
	(void)close(fd);
	return 0;
}

void container_unfinished_end(struct storage *st, const char *id)
{
	char path[80];

	unfinished_path(id, path);
	(void)unlinkat(st->run_fd, path, 0);
}

static bool is_unfinished(struct storage *st, const char *id)
{
	char path[80];

	unfinished_path(id, path);
	return faccessat(st->run_fd, path, F_OK, 0) == 0;
}

/* Kills what a lost monitor left: its parent-death signal has killed init already, mostly. */
static void kill_init(const struct container_live *l)
{
	struct process_id id = { .pid = (pid_t)l->init_pid, .start_time = l->init_start };
	cleanup_close int pidfd = -1;
	struct pollfd p;

	if (l->init_pid <= 0)
		return;
	pidfd = process_id_open(&id);
	if (pidfd < 0)
		return;
	(void)process_pidfd_signal(pidfd, SIGKILL);
	p = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	(void)poll(&p, 1, KILL_WAIT_MS);
}

void container_await_monitor_death(const struct container *c)
{
	struct process_id id = { .pid = (pid_t)c->live.monitor_pid,
				 .start_time = c->live.monitor_start };
	cleanup_close int pidfd = container_pids_are_ours(c) ? process_id_open(&id) : -1;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	while (pidfd >= 0 && poll(&p, 1, MONITOR_DEATH_MS) < 0 && errno == EINTR)
		;
}

int container_cgroup_request(const struct container_config *cfg, struct cgroup_request *ret,
			     struct cmk_err *err)
{
	struct cgroup_request q = {
		.id = cfg->id,
		.name = cfg->name,
		.manager = cfg->cgroup_manager,
		.parent = cfg->cgroup_parent,
	};
	int r = cgroup_mode_parse(cfg->cgroups, &q.mode, err);

	if (r == 0)
		*ret = q;
	return r;
}

void container_remove_stray_group(const struct container_config *cfg)
{
	struct cgroup_request q;

	if (container_cgroup_request(cfg, &q, NULL) == 0)
		cgroup_stray_remove(&q);
}

int container_repair_locked(struct container *c, struct cmk_err *err)
{
	struct storage *st = c->st;
	cleanup_err struct cmk_err ignored = CMK_ERR_INIT;
	char path[80];
	int r;

	log_debug("container '%.12s': its monitor is gone, tidying up", c->cfg.id);
	if (container_pids_are_ours(c))
		kill_init(&c->live);
	if (!c->live.cgroup_path)
		container_remove_stray_group(&c->cfg);
	else if (c->live.cgroup_mount &&
		 cgroup_place_remove(c->live.cgroup_mount, c->live.cgroup_path, &ignored) < 0)
		log_warn("container '%.12s': its control group stays behind: %s", c->cfg.id,
			 cmk_err_msg(&ignored));
	if (c->live.init_pid > 0)
		userns_hint_remove(st->run_fd, (pid_t)c->live.init_pid);
	free(c->status.state);
	c->status.state = xstrdup("exited");
	free(c->status.finished_at);
	c->status.finished_at = time_now_rfc3339();
	r = container_status_save(st, c->cfg.id, &c->status, !c->cfg.remove, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "repair container '%.12s'", c->cfg.id);
	(void)snprintf(path, sizeof(path), "containers/%s", c->cfg.id);
	r = remove_tree_at(st->run_fd, path, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "repair container '%.12s'", c->cfg.id);
	return container_state_load(c, STATE_NOT_LIVE | STATE_LOCKED, err);
}

int container_refresh_locked(struct container *c, struct cmk_err *err)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/container.json", c->cfg.id);
	if (faccessat(c->st->containers_fd, path, F_OK, 0) < 0)
		return removed_meanwhile(c, err);
	return container_state_load(c, STATE_LOCKED, err);
}

int container_unmount_lock(int dir_fd)
{
	cleanup_close int fd = openat(dir_fd, "upper",
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : file_lock(fd, true, false);

	return r < 0 ? r : steal_fd(&fd);
}

static int lock(struct container *c, bool unmounted, struct cmk_err *err)
{
	cleanup_close int fd = container_lock_id(c->st, c->cfg.id, false, err), upper = -1;
	int r;

	if (fd == -ENOENT) {
		cmk_err_done(err);
		return removed_meanwhile(c, err);
	}
	if (fd < 0)
		return fd;
	/* A monitor that is about to unmount takes it while it has the other: to wait once does. */
	if (unmounted)
		upper = container_unmount_lock(fd);
	r = container_refresh_locked(c, err);
	if (r == 0)
		r = container_layers_refresh(c, err);
	if (r == 0)
		r = container_rename_repair(c, err);
	if (r < 0)
		return r;
	if (c->state == CONTAINER_MONITOR_LOST) {
		r = container_repair_locked(c, err);
		if (r < 0)
			return r;
	}
	return steal_fd(&fd);
}

int container_lock(struct container *c, struct cmk_err *err)
{
	return lock(c, true, err);
}

int container_lock_to_remove(struct container *c, struct cmk_err *err)
{
	return lock(c, false, err);
}

/* Removes NAME if it is (still) ID's; without a NAME every one that is: a killed removal left it.
 */
int container_name_remove(struct storage *st, const char *name, const char *id, struct cmk_err *err)
{
	char holder[CONTAINER_ID_LEN + 1];

	if (container_name_lookup(st, name, holder) < 0 || !streq(holder, id))
		return 0;
	if (unlinkat(st->container_names_fd, name, 0) < 0 && errno != ENOENT)
		return cmk_err_errno(err, "remove the name '%s'", name);
	return 0;
}

static int remove_names(struct storage *st, const char *name, const char *id, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int fd;

	if (name)
		return container_name_remove(st, name, id, err);
	fd = openat(st->container_names_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && (e = readdir(d))) {
		int r = e->d_name[0] == '.' ? 0 : container_name_remove(st, e->d_name, id, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * The record goes first: killed before it, the container is there as it was; killed after it, it is
 * gone, and its mark leads the next command to the rest. A container without its root file system
 * could not be started.
 */
static int erase(struct storage *st, const char *id, const char *name, struct cmk_err *err)
{
	char path[80];
	int r;

	(void)snprintf(path, sizeof(path), "%s/container.json", id);
	if (unlinkat(st->containers_fd, path, 0) < 0 && errno != ENOENT)
		return cmk_err_errno(err, "remove the record");
	(void)snprintf(path, sizeof(path), "containers/%s", id);
	exec_session_forget(st, id);
	r = remove_tree_at(st->run_fd, path, err);
	if (r == 0)
		r = storage_rootfs_remove(st, id, err);
	if (r == 0)
		r = remove_names(st, name, id, err);
	if (r == 0)
		container_rename_finish(st, id, NULL);
	if (r == 0)
		r = container_volumes_erase(st, id, err);
	for (int tries = 0; r == 0 && tries < ERASE_TRIES; tries++) {
		cmk_err_done(err);
		r = remove_tree_at(st->containers_fd, id, err);
		if (r != -ENOTEMPTY)
			return r;
		/* The monitor has just written down the end once more. */
		r = tries + 1 < ERASE_TRIES ? 0 : r;
	}
	return r;
}

int container_erase(struct storage *st, const char *id, const char *name, struct cmk_err *err)
{
	int r;

	(void)container_unfinished_begin(st, id, NULL);
	r = erase(st, id, name, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "remove container '%.12s'", id);
	container_unfinished_end(st, id);
	return 0;
}

static bool was_to_be_removed(struct storage *st, const char *id)
{
	struct stat sb;

	return fstatat(st->containers_fd, id, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (sb.st_mode & 07777) == CONTAINER_DIR_REMOVE;
}

bool container_reap_locked(struct storage *st, const char *id, const char *name, bool new_boot)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	struct container *c = NULL;
	bool gone = false;
	int r;

	r = container_open_id(st, id, &c, &e);
	if (r == -ENOENT) {
		/* Half-made or half-removed; who does that holds the lock that we have. */
		const struct container_config cfg = { .id = (char *)(uintptr_t)id };

		container_remove_stray_group(&cfg);
		gone = container_erase(st, id, name, &e) == 0;
	} else if (r < 0 && new_boot && was_to_be_removed(st, id)) {
		gone = container_erase(st, id, name, &e) == 0;
	} else if (r < 0) {
		log_debug("container '%.12s' is left as it is: %s", id, cmk_err_msg(&e));
	} else if (c->cfg.remove && !container_is_active(c) &&
		   (new_boot || is_unfinished(st, id))) {
		if (c->state == CONTAINER_CREATED)
			container_remove_stray_group(&c->cfg);
		if (c->state == CONTAINER_MONITOR_LOST && container_repair_locked(c, &e) < 0)
			log_debug("container '%.12s': %s", id, cmk_err_msg(&e));
		gone = container_erase(st, id, c->cfg.name, &e) == 0;
	} else if (!c->cfg.remove) {
		container_unfinished_end(st, id);
	}
	(void)container_free(c);
	return gone;
}

static void reap(struct storage *st, const char *id, bool new_boot)
{
	cleanup_close int lock = container_lock_id(st, id, true, NULL);

	if (lock >= 0)
		(void)container_reap_locked(st, id, NULL, new_boot);
	else if (lock == -ENOENT)
		container_unfinished_end(st, id);
}

/* Each 64-digit name below DIRFD/SUB. */
static void reap_all(struct storage *st, int dirfd, const char *sub, bool new_boot)
{
	int fd = openat(dirfd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (container_id_valid(e->d_name))
			reap(st, e->d_name, new_boot);
	}
}

static bool swept_in(struct storage *st, const char *boot)
{
	char swept[64];
	ssize_t n = readlinkat(st->root_fd, "swept", swept, sizeof(swept) - 1);

	swept[n > 0 ? n : 0] = '\0';
	return streq(swept, boot);
}

void container_sweep(struct storage *st)
{
	const char *boot = process_boot_id();
	cleanup_close int lock = -1;
	char tmp[64];

	if (swept_in(st, boot)) {
		reap_all(st, st->run_fd, "unfinished", false);
		return;
	}
	/* One at a time, or the second would take for old what the first has let be created. The
	 * mark comes last: of a killed sweep the rest is not forgotten. */
	lock = openat(st->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || file_lock(lock, true, false) < 0 || swept_in(st, boot))
		return;
	reap_all(st, st->containers_fd, ".", true);
	(void)snprintf(tmp, sizeof(tmp), "swept-%d", (int)getpid());
	(void)unlinkat(st->root_fd, tmp, 0);
	if (symlinkat(boot, st->root_fd, tmp) == 0)
		(void)renameat(st->root_fd, tmp, st->root_fd, "swept");
}
