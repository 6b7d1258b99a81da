// SPDX-License-Identifier: Apache-2.0
/* The directories of `cmk oci`, and what they say. */
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/userns.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/oci/internal.h"
#include "libpod/runtime/hooks.h"

#define STATE_NAME "state.json"
#define STATE_MAX ((size_t)4 << 20)
#define CONFIG_NAME "config.json"
#define RESOURCES_NAME "resources.json"
#define ID_MAX 255

static const struct json_field record_fields[] = {
	JSON_FIELD(struct oci_record, schema, "schema", JSON_F_INT, JSON_REQUIRED),
	JSON_FIELD(struct oci_record, id, "id", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct oci_record, bundle, "bundle", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct oci_record, rootfs, "rootfs", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, created, "created", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, owner, "owner", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, oci_version, "ociVersion", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, cgroup_mount, "cgroupMount", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, cgroup, "cgroup", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, annotations, "annotations", JSON_F_MAP, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, creator_pid, "creatorPid", JSON_F_INT, 0),
	JSON_FIELD(struct oci_record, creator_start, "creatorStart", JSON_F_U64, 0),
	JSON_FIELD(struct oci_record, pid, "pid", JSON_F_INT, 0),
	JSON_FIELD(struct oci_record, start, "start", JSON_F_U64, 0),
	JSON_FIELD(struct oci_record, systemd, "systemd", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD(struct oci_record, shares_pids, "sharesPids", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

const char *oci_status_name(enum oci_status s)
{
	static const char *const names[] = { "creating", "created", "running", "paused",
					     "stopped" };

	return names[s];
}

void oci_container_done(struct oci_container *c)
{
	cleanup_close_fn(&c->root_fd);
	cleanup_close_fn(&c->dir_fd);
	json_free_fields(record_fields, &c->rec);
	*c = OCI_CONTAINER_INIT;
}

/* --- places ------------------------------------------------------------------------------------
 */

bool oci_is_machine_root(void)
{
	cleanup(id_map_done) struct id_map map = { 0 };
	cleanup_free char *text = NULL;

	return geteuid() == 0 &&
	       file_read_at(AT_FDCWD, "/proc/self/uid_map", 65536, &text, NULL, NULL) == 0 &&
	       id_map_parse(text, &map) == 0 && map.n == 1 && map.range[0].outside == 0 &&
	       map.range[0].count == UINT32_MAX;
}

static char *root_path(const struct oci_settings *set)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (set->root)
		return xstrdup(set->root);
	if (set->store)
		return xasprintf("%s/oci", set->store);
	if (run && *run == '/' && (set->rootless < 0 ? !oci_is_machine_root() : set->rootless))
		return xasprintf("%s/cmk-oci", run);
	return xstrdup("/run/cmk-oci");
}

int oci_root_open(const struct oci_settings *set, bool make, struct cmk_err *err)
{
	cleanup_free char *path = root_path(set);
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make) {
		r = mkdir_p_at(AT_FDCWD, path, 0700, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "state directory '%s'", path);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return cmk_err_errno(err, "state directory '%s'", path);
	/* Whoever can write there chooses what we signal and remove. */
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return cmk_err_set(err, -EPERM, "state directory '%s' belongs to another user",
				   path);
	return steal_fd(&fd);
}

/* As runc's: letters, digits, '_', '+', '-', '.'; the first is no dot. */
static int check_id(const char *id, struct cmk_err *err)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_+-.";
	size_t n = strlen(id);

	if (strspn(id, chars) < n)
		return cmk_err_set(err, -EINVAL, "invalid character '%c' in the container ID '%s'",
				   id[strspn(id, chars)], id);
	if (n > 0 && n <= ID_MAX && *id != '.' && *id != '-')
		return 0;
	return cmk_err_set(err, -EINVAL, "invalid container ID '%s'", id);
}

/* --- containers --------------------------------------------------------------------------------
 */

int oci_container_new(const struct oci_settings *set, const char *id, struct oci_container *ret,
		      struct cmk_err *err)
{
	int r = check_id(id, err);

	if (r < 0)
		return r;
	ret->root_fd = oci_root_open(set, true, err);
	if (ret->root_fd < 0)
		return ret->root_fd;
	if (mkdirat(ret->root_fd, id, 0700) < 0) {
		if (errno == EEXIST)
			return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST,
					    "container with id '%s' exists already", id);
		return cmk_err_errno(err, "make the directory of '%s'", id);
	}
	ret->dir_fd = openat(ret->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (ret->dir_fd < 0)
		return cmk_err_errno(err, "open the directory of '%s'", id);
	r = file_lock(ret->dir_fd, true, false);
	if (r < 0)
		return cmk_err_set(err, r, "lock container '%s': %s", id, errno_text(-r));
	ret->rec.id = xstrdup(id);
	return 0;
}

static int not_there(const char *id, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "container '%s' does not exist", id);
}

static int load(struct oci_container *c, const char *id, struct cmk_err *err)
{
	int r = json_load_record(c->dir_fd, STATE_NAME, STATE_MAX, record_fields, &c->rec, err);

	/* Its maker was killed before the first word. */
	if (r == -ENOENT) {
		if (err)
			cmk_err_done(err);
		json_free_fields(record_fields, &c->rec);
		c->rec.id = xstrdup(id);
		c->rec.bundle = xstrdup("");
		return 0;
	}
	if (r == 0 && c->rec.schema != 1)
		r = cmk_err_set(err, -EOPNOTSUPP, "a newer version wrote it");
	return r < 0 ? cmk_err_wrap(err, r, "state of container '%s'", id) : 0;
}

bool oci_container_relock(const struct oci_container *c)
{
	struct stat held, there;

	return file_lock(c->dir_fd, true, false) == 0 && fstat(c->dir_fd, &held) == 0 &&
	       fstatat(c->root_fd, c->rec.id, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_ino == there.st_ino;
}

int oci_container_open(const struct oci_settings *set, const char *id, bool lock,
		       struct oci_container *ret, struct cmk_err *err)
{
	int r = check_id(id, err);

	if (r < 0)
		return r;
	ret->root_fd = oci_root_open(set, false, NULL);
	if (ret->root_fd < 0 && errno != ENOENT)
		return oci_root_open(set, false, err);
	ret->dir_fd = ret->root_fd < 0 ? -1
				       : openat(ret->root_fd, id,
						O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (ret->dir_fd < 0)
		return errno == ENOENT ? not_there(id, err)
				       : cmk_err_errno(err, "open the directory of '%s'", id);
	if (lock) {
		ret->rec.id = xstrdup(id);
		if (!oci_container_relock(ret))
			return not_there(id, err);
		free(steal_ptr(&ret->rec.id));
	}
	return load(ret, id, err);
}

int oci_container_save(const struct oci_container *c, struct cmk_err *err)
{
	return json_save_record(c->dir_fd, STATE_NAME, record_fields, &c->rec, 0, err);
}

int oci_container_remove(struct oci_container *c, struct cmk_err *err)
{
	return remove_tree_at(c->root_fd, c->rec.id, err);
}

struct process_id oci_container_init(const struct oci_container *c)
{
	return (struct process_id){ .pid = c->rec.pid, .start_time = c->rec.start };
}

int oci_container_group(const struct oci_container *c)
{
	int fd = c->rec.cgroup && c->rec.cgroup_mount
			 ? cgroup_open(c->rec.cgroup_mount, c->rec.cgroup)
			 : -1;

	return fd < 0 ? -1 : fd;
}

enum oci_status oci_container_status(const struct oci_container *c)
{
	const struct process_id creator = { .pid = c->rec.creator_pid,
					    .start_time = c->rec.creator_start };
	const struct process_id init = oci_container_init(c);
	cleanup_close int group = -1;

	if (c->rec.pid <= 0)
		return c->rec.creator_pid > 0 && process_id_alive(&creator) ? OCI_CREATING
									    : OCI_STOPPED;
	if (!process_id_alive(&init))
		return OCI_STOPPED;
	if (faccessat(c->dir_fd, OCI_START_SOCKET, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return OCI_CREATED;
	group = oci_container_group(c);
	return group >= 0 && cgroup_frozen(group) ? OCI_PAUSED : OCI_RUNNING;
}

int oci_wrong_status(const struct oci_container *c, const char *wanted, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_STATE, -EINVAL, "container '%s' is %s, not %s", c->rec.id,
			    oci_status_name(oci_container_status(c)), wanted);
}

int oci_container_bundle(const struct oci_container *c, struct bundle **ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r = file_read_at(c->dir_fd, CONFIG_NAME, STATE_MAX * 4, &text, &len, err);

	if (r == 0)
		r = bundle_parse(c->rec.bundle, text, len, ret, err);
	return r < 0 ? cmk_err_wrap(err, r, "container '%s'", c->rec.id) : 0;
}

int oci_resources_load(const struct oci_container *c, struct bundle *b, struct cmk_err *err)
{
	struct spec_resources now = { 0 };
	int r = json_load_record(c->dir_fd, RESOURCES_NAME, STATE_MAX, spec_resources_fields, &now,
				 err);

	if (r < 0) {
		bundle_resources_done(&now);
		if (r == -ENOENT && err)
			cmk_err_done(err);
		return r == -ENOENT ? 0 : r;
	}
	bundle_resources_done(&b->spec->resources);
	b->spec->resources = now;
	return 0;
}

int oci_resources_save(const struct oci_container *c, const struct bundle *b, struct cmk_err *err)
{
	return json_save_record(c->dir_fd, RESOURCES_NAME, spec_resources_fields,
				&b->spec->resources, 0, err);
}

int oci_hooks(const struct oci_container *c, const struct bundle *b, enum spec_hook_stage stage,
	      const char *status, struct cmk_err *err)
{
	const struct hook_state state = { .id = c->rec.id,
					  .status = status,
					  .bundle = c->rec.bundle,
					  .pid = stage == HOOK_POSTSTOP ? 0 : c->rec.pid };

	return hooks_run(b->spec, stage, &state, err);
}

/* --- what is shown -----------------------------------------------------------------------------
 */

void oci_row_done(struct oci_row *row)
{
	free(row->id);
	free(row->bundle);
	free(row->rootfs);
	free(row->created);
	free(row->owner);
	free(row->oci_version);
	free(row->scope);
	(void)strv_free(row->annotations);
	*row = (struct oci_row){ 0 };
}

/* The unit of a group "/…/NAME.scope/…" (owned), or NULL. */
static char *scope_of(const char *group)
{
	cleanup_strv char **parts = strv_split(group ? group : "", '/');
	char *scope = NULL;

	for (char **p = parts; p && *p; p++)
		if (str_has_suffix(*p, ".scope")) {
			free(scope);
			scope = xstrdup(*p);
		}
	return scope;
}

static void take_row(struct oci_container *c, struct oci_row *ret)
{
	struct oci_record *rec = &c->rec;

	*ret = (struct oci_row){
		.status = oci_container_status(c),
		.id = steal_ptr(&rec->id),
		.bundle = steal_ptr(&rec->bundle),
		.rootfs = steal_ptr(&rec->rootfs),
		.created = steal_ptr(&rec->created),
		.owner = steal_ptr(&rec->owner),
		.oci_version = steal_ptr(&rec->oci_version),
		.annotations = steal_ptr(&rec->annotations),
		.scope = rec->systemd ? scope_of(rec->cgroup) : NULL,
	};
	ret->pid = ret->status == OCI_STOPPED ? 0 : rec->pid;
}

int oci_state(const struct oci_settings *set, const char *id, struct oci_row *ret,
	      struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	int r = oci_container_open(set, id, false, &c, err);

	if (r == 0)
		take_row(&c, ret);
	return r;
}

void oci_state_write(struct json_writer *w, const struct oci_row *row)
{
	json_write_str(w, "ociVersion", row->oci_version ? row->oci_version : BUNDLE_SPEC_VERSION);
	json_write_str(w, "id", row->id);
	json_write_i64(w, "pid", row->pid);
	json_write_str(w, "status", oci_status_name(row->status));
	json_write_str(w, "bundle", row->bundle);
	if (row->rootfs)
		json_write_str(w, "rootfs", row->rootfs);
	if (row->created)
		json_write_str(w, "created", row->created);
	/* As crun's. */
	if (row->scope)
		json_write_str(w, "systemd-scope", row->scope);
	json_write_str(w, "owner", row->owner ? row->owner : "");
	if (row->annotations)
		json_write_map(w, "annotations", row->annotations);
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct oci_row *)a)->id, ((const struct oci_row *)b)->id);
}

int oci_list(const struct oci_settings *set, struct oci_row **ret, size_t *ret_n,
	     struct cmk_err *err)
{
	cleanup_close int fd = oci_root_open(set, false, err);
	cleanup_dir DIR *d = NULL;
	struct oci_row *rows = NULL;
	struct dirent *e;
	size_t n = 0;
	int r;

	*ret = NULL;
	*ret_n = 0;
	/* Nobody has made a container yet; where somebody names the directory, it was to be there.
	 */
	if (fd == -ENOENT && !set->root) {
		if (err)
			cmk_err_done(err);
		return 0;
	}
	r = fd < 0 ? fd : dir_read(fd, &d, err);
	if (r < 0)
		return r;
	while ((e = readdir(d))) {
		struct oci_container c = OCI_CONTAINER_INIT;

		if (e->d_name[0] == '.')
			continue;
		/* Gone meanwhile, or not ours. */
		if (oci_container_open(set, e->d_name, false, &c, NULL) == 0) {
			rows = xrealloc(rows, n + 1, sizeof(*rows));
			take_row(&c, &rows[n++]);
		}
		oci_container_done(&c);
	}
	if (n > 0)
		qsort(rows, n, sizeof(*rows), compare_rows);
	*ret = rows;
	*ret_n = n;
	return 0;
}
