// SPDX-License-Identifier: Apache-2.0
#include "libpod/record/volume_users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "libpod/events/events.h"
#include "libpod/record/internal.h"

#define ANONYMOUS_MAX (1 << 20)

void volume_users_done(struct volume_users *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->volume[i]);
		free(u->container[i]);
	}
	free(u->volume);
	free(u->container);
	*u = (struct volume_users){ 0 };
}

static void add_user(struct volume_users *u, const char *volume, const char *id)
{
	u->volume = xrealloc(u->volume, u->n + 1, sizeof(*u->volume));
	u->container = xrealloc(u->container, u->n + 1, sizeof(*u->container));
	u->volume[u->n] = xstrdup(volume);
	u->container[u->n++] = xstrdup(id);
}

/* One container's record, as far as it tells of volumes. One that cannot be read may name any. */
static int add_container(struct storage *st, const char *id, struct volume_users *u,
			 struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *path = xasprintf("%s/container.json", id), *text = NULL;
	size_t len = 0;
	int r = file_read_at(st->containers_fd, path, CONTAINER_RECORD_MAX, &text, &len, err);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0)
		r = json_parse(text, len, CONTAINER_RECORD_MAX, &doc, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "record of container '%.12s'", id);
	json_each (m, json_get(json_root(doc), "mounts")) {
		const char *type = json_str(json_get(m, "type"));
		const char *name = json_str(json_get(m, "name"));

		if (type && name && streq(type, "volume"))
			add_user(u, name, id);
	}
	return 0;
}

int volume_users_load(struct storage *st, struct volume_users *ret, struct cmk_err *err)
{
	int fd = openat(st->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct volume_users u = { 0 };
	struct dirent *e;

	if (!d) {
		r = cmk_err_errno(err, "read '%s/containers'", st->root);
		cleanup_close_fn(&fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = add_container(st, e->d_name, &u, err);
	if (r < 0)
		volume_users_done(&u);
	else
		*ret = u;
	return r;
}

size_t volume_users_of(const struct volume_users *u, const char *name, char **ret_ids)
{
	struct strbuf ids = STRBUF_INIT;
	const char *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++) {
		/* A container may use it twice; its entries stand side by side. */
		if (!streq(u->volume[i], name) || (last && streq(last, u->container[i])))
			continue;
		last = u->container[i];
		strbuf_addf(&ids, "%s%s", n ? ", " : "", last);
		n++;
	}
	if (ret_ids)
		*ret_ids = strbuf_steal(&ids);
	strbuf_done(&ids);
	return n;
}

void volume_event(struct storage *st, const char *status, const char *name, char *const *labels)
{
	const struct event e = {
		.type = "volume", .status = status, .id = name, .name = name, .attributes = labels
	};

	event_write(st, &e);
}

/* Under the exclusive lock no container can come to name it: whoever makes one holds it shared from
 * before it looks until its record is written. */
int volume_remove_unused(struct storage *st, const char *name, bool durable, char **ret_ids,
			 struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	cleanup(volume_users_done) struct volume_users u = { 0 };
	cleanup_close int lock = storage_volume_lock(st, name, true, err);
	int r;

	if (lock < 0)
		return lock;
	r = volume_users_load(st, &u, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "volume '%s': who uses it cannot be told", name);
	if (volume_users_of(&u, name, ret_ids) > 0)
		return 1;
	/* Its labels are told where they can be read. */
	(void)storage_volume_load(st, name, &v, NULL);
	r = storage_volume_remove(st, name, durable, err);
	if (r == 0)
		volume_event(st, "remove", name, v.labels);
	return r;
}

int container_volumes_mark(int dirfd, const struct container_config *cfg, bool go,
			   struct cmk_err *err)
{
	struct strbuf names = STRBUF_INIT;
	int r = 0;

	for (size_t i = 0; go && i < cfg->n_mounts; i++)
		if (cfg->mounts[i].anonymous && cfg->mounts[i].name)
			strbuf_addf(&names, "%s\n", cfg->mounts[i].name);
	if (names.len)
		r = file_replace_at(dirfd, CONTAINER_ANONYMOUS_FILE, names.data, names.len, 0600, 0,
				    err);
	else if (unlinkat(dirfd, CONTAINER_ANONYMOUS_FILE, 0) < 0 && errno != ENOENT)
		r = cmk_err_errno(err, "remove '" CONTAINER_ANONYMOUS_FILE "'");
	strbuf_done(&names);
	return r;
}

int container_volumes_erase(struct storage *st, const char *id, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/" CONTAINER_ANONYMOUS_FILE, id), *text = NULL;
	cleanup_strv char **names = NULL;
	size_t len = 0;

	if (faccessat(st->containers_fd, path, F_OK, 0) < 0)
		return 0;
	if (file_read_at(st->containers_fd, path, ANONYMOUS_MAX, &text, &len, err) < 0)
		return err ? err->code : -EIO;
	names = strv_split(text, '\n');
	for (char **n = names; *n; n++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r;

		if (!storage_volume_name_valid(*n))
			continue;
		r = volume_remove_unused(st, *n, false, NULL, &e);
		if (r < 0 && r != -ENOENT)
			log_warn("%s", cmk_err_msg(&e));
	}
	/* Of one whose making or removal was cut short. */
	storage_volume_sweep(st);
	return 0;
}
