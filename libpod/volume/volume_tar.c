// SPDX-License-Identifier: Apache-2.0
/* A volume's files as a tar archive, and back: in the parent user namespace, whose ids they bear.
 */
#include <fcntl.h>
#include <signal.h>

#include "base/process.h"
#include "libpod/volume/volume.h"

struct tar_work {
	const struct volume_record *v;
	int fd; /* of the archive */
};

/* Where the files are: of its own, or a directory of the host. */
static int open_files(const struct volume_record *v, struct cmk_err *err)
{
	const char *type = strv_env_get(v->options, "type");
	const char *device = strv_env_get(v->options, "device");
	int fd;

	if (type && streq(type, "tmpfs"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "volume '%s' is in the memory of the containers that use it",
				    v->name);
	fd = open(device ? device : v->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? cmk_err_errno(err, "volume '%s'", v->name) : fd;
}

int volume_find(struct storage *st, const char *name, struct volume_record *ret,
		struct cmk_err *err)
{
	int r = storage_volume_find(st, name, ret, err);

	if (r < 0 && err && err->kind == CMK_ERR_NOT_FOUND)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, r, "no such volume %s", name);
	return r;
}

static int export_work(void *arg, struct cmk_err *err)
{
	const struct storage_pack_options o = { 0 };
	const struct tar_work *w = arg;
	cleanup_close int dir = open_files(w->v, err);
	int r;

	if (dir < 0)
		return dir;
	r = storage_extract_confine(err);
	return r < 0 ? r : storage_pack_entry(dir, ".", NULL, &o, w->fd, err);
}

int volume_export(struct storage *st, const char *name, int out_fd, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	struct tar_work w = { .v = &v, .fd = out_fd };
	const struct userns_config *config;
	int r = volume_find(st, name, &v, err);

	if (r == 0)
		r = storage_userns(st, &config, err);
	return r < 0 ? r : userns_run(st->run_fd, config, false, export_work, &w, err);
}

static int import_work(void *arg, struct cmk_err *err)
{
	const struct storage_extract_options o = { .overwrite = true, .shown = "" };
	const struct tar_work *w = arg;
	cleanup_close int dir = open_files(w->v, err);
	int r;

	if (dir < 0)
		return dir;
	r = storage_extract_confine(err);
	return r < 0 ? r : storage_extract(dir, w->fd, &o, err);
}

/* What is imported counts as the volume's content, whatever an image has. */
static int mark_used(struct storage *st, const char *name, struct cmk_err *err)
{
	cleanup_close int fd = storage_volume_lock(st, name, true, err);

	if (fd < 0)
		return fd;
	(void)unlinkat(fd, "needs-copy-up", 0);
	(void)unlinkat(fd, "filling", 0);
	return 0;
}

int volume_import(struct storage *st, const char *name, int in_fd, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	const struct userns_config *config;
	struct tar_work w = { .v = &v };
	cleanup_close int plain = -1;
	pid_t pid = -1;
	int r = volume_find(st, name, &v, err);

	if (r == 0)
		r = mark_used(st, v.name, err);
	if (r == 0)
		r = storage_userns(st, &config, err);
	if (r >= 0)
		r = storage_decompress_start(in_fd, &plain, &pid, err);
	if (r < 0)
		return r;
	w.fd = plain;
	r = userns_run(st->run_fd, config, false, import_work, &w, err);
	(void)close(steal_fd(&plain));
	if (r < 0)
		(void)kill(pid, SIGKILL);
	(void)process_reap(pid);
	return r < 0 ? cmk_err_wrap(err, r, "import into volume '%s'", v.name) : 0;
}
