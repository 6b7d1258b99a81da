// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/selinux.h"
#include "storage/internal.h"

#define VOLUME_SCHEMA 1
#define VOLUME_NAME_MAX 240 /* NAME_MAX, less what its name in tmp/ has in front */
#define LOCK_TRIES 100

#define VOL(member, kind, flags) JSON_FIELD(struct volume_record, member, #member, kind, flags)
static const struct json_field volume_fields[] = {
	VOL(schema, JSON_F_INT, JSON_REQUIRED),
	VOL(name, JSON_F_STR, JSON_REQUIRED),
	VOL(created, JSON_F_STR, JSON_REQUIRED),
	VOL(driver, JSON_F_STR, JSON_REQUIRED),
	VOL(labels, JSON_F_MAP, JSON_OMIT_EMPTY),
	VOL(options, JSON_F_MAP, JSON_OMIT_EMPTY),
	VOL(anonymous, JSON_F_BOOL, JSON_OMIT_EMPTY),
	VOL(unnamed, JSON_F_BOOL, JSON_OMIT_EMPTY),
	VOL(uid, JSON_F_U32, JSON_OMIT_EMPTY),
	VOL(gid, JSON_F_U32, JSON_OMIT_EMPTY),
	VOL(extra, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

void storage_volume_done(struct volume_record *v)
{
	json_free_fields(volume_fields, v);
	free(v->mountpoint);
	*v = (struct volume_record){ 0 };
}

void storage_volume_list_free(struct volume_record *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		storage_volume_done(&list[i]);
	free(list);
}

bool storage_volume_name_valid(const char *name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "_.-";

	return *name && !strchr("_.-", *name) && strlen(name) <= VOLUME_NAME_MAX &&
	       name[strspn(name, set)] == '\0';
}

int volumes_base(const struct storage *st)
{
	return st->volumes_fd >= 0 ? st->volumes_fd : st->root_fd;
}

char *volume_below(const struct storage *st, const char *name)
{
	return st->volumes_fd >= 0 ? xstrdup(name) : xasprintf("volumes/%s", name);
}

static int open_volumes(struct storage *st, struct cmk_err *err)
{
	int fd = open_dir_at(volumes_base(st), st->volumes_fd >= 0 ? "." : "volumes", 0700, err);

	return fd < 0 ? cmk_err_wrap(err, fd, "'%s'", st->volumes) : fd;
}

/* What is being made lies on the same file system. Returns the descriptor to give back. */
static int tmp_begin(struct storage *st)
{
	int fd = st->tmp_fd;

	if (st->volumes_tmp_fd >= 0)
		st->tmp_fd = st->volumes_tmp_fd;
	return fd;
}

static int make_file(int fd, const char *name, struct cmk_err *err)
{
	cleanup_close int f = openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return f < 0 ? cmk_err_errno(err, "make '%s'", name) : 0;
}

struct chown_arg {
	int fd;
	uint32_t uid, gid;
};

static int chown_data(void *arg, struct cmk_err *err)
{
	const struct chown_arg *a = arg;

	if (fchownat(a->fd, "_data", a->uid, a->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return cmk_err_errno(err, "give it to %u:%u", a->uid, a->gid);
	return 0;
}

/* As podman's: of all containers, or none could write to it. */
static int label_data(int fd, struct cmk_err *err)
{
	cleanup(selinux_containers_done) struct selinux_containers policy = { 0 };
	cleanup_free char *label = NULL;

	if (!selinux_enabled() || selinux_containers_read(&policy, NULL) < 0 || !policy.file)
		return 0;
	label = selinux_with_level(policy.file, "s0");
	return label && selinux_label_known(label, NULL) == 1
		       ? selinux_label_file(fd, "_data", label, err)
		       : 0;
}

/* What goes into the new directory FD. */
static int fill_new(struct storage *st, int fd, const struct volume_record *v, bool no_copy,
		    bool durable, struct cmk_err *err)
{
	struct volume_record copy = *v;
	int r;

	if (mkdirat(fd, "_data", 0755) < 0 || fchmodat(fd, "_data", 0755, 0) < 0)
		return cmk_err_errno(err, "make '_data'");
	r = label_data(fd, err);
	if (r < 0)
		return r;
	if (v->uid || v->gid) {
		struct chown_arg arg = { .fd = fd, .uid = v->uid, .gid = v->gid };
		const struct userns_config *config;

		r = storage_userns(st, &config, err);
		if (r >= 0)
			r = userns_run(st->run_fd, config, false, chown_data, &arg, err);
		if (r < 0)
			return r;
	}
	r = no_copy ? 0 : make_file(fd, "needs-copy-up", err);
	if (r == 0 && !v->uid && !v->gid)
		r = make_file(fd, "needs-chown", err);
	copy.schema = VOLUME_SCHEMA;
	if (r == 0)
		r = json_save_record(fd, "volume.json", volume_fields, &copy,
				     durable ? FILE_DURABLE : 0, err);
	if (r == 0 && fchmod(fd, 0700) < 0)
		r = cmk_err_errno(err, "mode");
	return r;
}

/* A volume's directory is never empty, so that a rename does not replace one. */
static int publish(struct storage *st, const char *tmp, const char *name, bool durable,
		   struct cmk_err *err)
{
	cleanup_close int dir = open_volumes(st, err);

	if (dir < 0)
		return dir;
	if (renameat(st->tmp_fd, tmp, dir, name) < 0) {
		if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
			return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST,
					    "volume with name %s already exists: volume already "
					    "exists",
					    name);
		return cmk_err_errno(err, "name it");
	}
	if (durable && fsync(dir) < 0)
		return cmk_err_errno(err, "write '%s'", st->volumes);
	return 0;
}

bool storage_volume_exists(const struct storage *st, const char *name)
{
	cleanup_free char *path = volume_below(st, name);

	return faccessat(volumes_base(st), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int make_new(struct storage *st, const struct volume_record *v, bool no_copy, bool durable,
		    struct cmk_err *err)
{
	cleanup_close int fd = -1;
	char tmp[32];
	int r = storage_tmp_make(st, tmp, &fd, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "volume '%s'", v->name);
	r = fill_new(st, fd, v, no_copy, durable, err);
	if (r < 0)
		r = cmk_err_wrap(err, r, "make volume '%s'", v->name);
	else
		r = publish(st, tmp, v->name, durable, err);
	if (r < 0)
		storage_tmp_remove(st, tmp);
	return r;
}

int storage_volume_create(struct storage *st, const struct volume_record *v, bool no_copy,
			  bool durable, struct cmk_err *err)
{
	int r, tmp_fd;

	if (!storage_volume_name_valid(v->name))
		return cmk_err_set(err, -EINVAL,
				   "volume name '%.300s': names must match "
				   "[a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument",
				   v->name);
	if (storage_volume_exists(st, v->name))
		return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST,
				    "volume with name %s already exists: volume already exists",
				    v->name);
	tmp_fd = tmp_begin(st);
	r = make_new(st, v, no_copy, durable, err);
	st->tmp_fd = tmp_fd;
	return r;
}

static int not_found(const char *name, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "no volume with name \"%s\" found: no such volume", name);
}

/* The first container may have given it to its user. */
static void take_owner(struct storage *st, int fd, struct volume_record *v)
{
	const struct userns_config *c;
	uint32_t uid, gid;
	struct stat sb;

	if (fstatat(fd, "_data", &sb, AT_SYMLINK_NOFOLLOW) < 0 || storage_userns(st, &c, NULL) < 0)
		return;
	uid = id_map_to_inside(&c->uids, sb.st_uid);
	gid = id_map_to_inside(&c->gids, sb.st_gid);
	if (uid == UINT32_MAX || gid == UINT32_MAX)
		return;
	v->uid = uid;
	v->gid = gid;
}

int storage_volume_load(struct storage *st, const char *name, struct volume_record *ret,
			struct cmk_err *err)
{
	cleanup_free char *path = volume_below(st, name);
	struct volume_record v = { 0 };
	cleanup_close int fd = -1;
	int r;

	if (!storage_volume_name_valid(name))
		return not_found(name, err);
	fd = openat(volumes_base(st), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return not_found(name, err);
	if (fd < 0)
		return cmk_err_errno(err, "volume '%s'", name);
	r = json_load_record(fd, "volume.json", RECORD_MAX, volume_fields, &v, err);
	if (r == 0 && (v.schema < 1 || v.schema > VOLUME_SCHEMA))
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "its record has schema %d, this cmk knows up to %d", v.schema,
				 VOLUME_SCHEMA);
	else if (r == 0 && !streq(v.name, name))
		r = cmk_err_set(err, -EBADMSG, "its record is of '%.300s'", v.name);
	if (r < 0) {
		storage_volume_done(&v);
		/* A removal under way. */
		if (r == -ENOENT && !storage_volume_exists(st, name))
			return not_found(name, err);
		return cmk_err_wrap(err, r == -ENOENT ? -EBADMSG : r, "volume '%s'", name);
	}
	v.mountpoint = xasprintf("%s/%s/_data", st->volumes, name);
	v.needs_copy_up = faccessat(fd, "needs-copy-up", F_OK, 0) == 0 ||
			  faccessat(fd, "filling", F_OK, 0) == 0;
	v.needs_chown = faccessat(fd, "needs-chown", F_OK, 0) == 0;
	if (!v.needs_chown)
		take_owner(st, fd, &v);
	*ret = v;
	return 0;
}

int volumes_names(struct storage *st, char ***ret, struct cmk_err *err)
{
	int fd = openat(volumes_base(st), st->volumes_fd >= 0 ? "." : "volumes",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char **names = NULL;
	struct dirent *de;

	if (!d && errno == ENOENT) {
		*ret = NULL;
		return 0;
	}
	if (!d) {
		int r = cmk_err_errno(err, "read '%s'", st->volumes);

		cleanup_close_fn(&fd);
		return r;
	}
	while ((de = readdir(d)))
		if (storage_volume_name_valid(de->d_name))
			strv_add(&names, de->d_name);
	strv_sort(names);
	*ret = names;
	return 0;
}

int storage_volume_find(struct storage *st, const char *name, struct volume_record *ret,
			struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	const char *found = NULL;
	int r;

	if (storage_volume_exists(st, name))
		return storage_volume_load(st, name, ret, err);
	r = volumes_names(st, &names, err);
	if (r < 0)
		return r;
	for (char **n = names; n && *n && *name; n++) {
		if (!str_after(*n, name))
			continue;
		if (found)
			return cmk_err_set(err, -ENOTUNIQ,
					   "more than one result for volume name %s: volume "
					   "already exists",
					   name);
		found = *n;
	}
	return found ? storage_volume_load(st, found, ret, err) : not_found(name, err);
}

int storage_volume_list(struct storage *st, struct volume_record **ret, size_t *ret_n,
			struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	struct volume_record *list;
	size_t n = 0;
	int r = volumes_names(st, &names, err);

	if (r < 0)
		return r;
	list = xcalloc(strv_len(names) + 1, sizeof(*list));
	for (char **name = names; name && *name; name++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		r = storage_volume_load(st, *name, &list[n], &e);
		if (r == 0)
			n++;
		else if (r != -ENOENT)
			log_warn("%s: left out", cmk_err_msg(&e));
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int storage_volume_lock(struct storage *st, const char *name, bool exclusive, struct cmk_err *err)
{
	cleanup_free char *path = volume_below(st, name);

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		cleanup_close int fd = -1;
		struct stat a, b;
		int r;

		fd = openat(volumes_base(st), path,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			return not_found(name, err);
		if (fd < 0)
			return cmk_err_errno(err, "open volume '%s'", name);
		r = file_lock(fd, exclusive, false);
		if (r < 0)
			return cmk_err_set(err, r, "lock volume '%s': %s", name, errno_text(-r));
		/* Removed, and perhaps made again, while we waited? */
		if (fstat(fd, &a) == 0 &&
		    fstatat(volumes_base(st), path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
		    a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			return steal_fd(&fd);
	}
	return cmk_err_set(err, -EBUSY, "lock volume '%s': it is made and removed again and again",
			   name);
}

static int remove_now(struct storage *st, int dir, const char *name, bool durable,
		      struct cmk_err *err)
{
	cleanup_free char *tmp = xasprintf("new-vol-%s", name);

	/* What an earlier removal of this name left would be in the way. */
	for (int tries = 0; renameat(dir, name, st->tmp_fd, tmp) < 0; tries++) {
		if (errno == ENOENT)
			return not_found(name, err);
		if (tries >= LOCK_TRIES || (errno != ENOTEMPTY && errno != EEXIST))
			return cmk_err_errno(err, "remove volume '%s'", name);
		storage_tmp_remove(st, tmp);
	}
	if (durable && fsync(dir) < 0)
		return cmk_err_errno(err, "write '%s'", st->volumes);
	storage_tmp_remove(st, tmp);
	return 0;
}

int storage_volume_remove(struct storage *st, const char *name, bool durable, struct cmk_err *err)
{
	cleanup_close int dir = open_volumes(st, err);
	int r, tmp_fd;

	if (dir < 0)
		return dir;
	tmp_fd = tmp_begin(st);
	r = remove_now(st, dir, name, durable, err);
	st->tmp_fd = tmp_fd;
	return r;
}

void storage_volume_sweep(struct storage *st)
{
	int tmp_fd = tmp_begin(st);

	storage_tmp_sweep(st, false);
	st->tmp_fd = tmp_fd;
}
