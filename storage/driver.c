// SPDX-License-Identifier: Apache-2.0
/*
 * Which driver: what --storage-driver, $STORAGE_DRIVER or storage.conf says, else the first that
 * works. What was found is recorded with the kernel's release and the device of the data directory,
 * since the answer depends on both, and found again where either differs.
 */
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "storage/conf.h"
#include "storage/driver.h"
#include "storage/internal.h"

static const struct rootfs_driver *const drivers[] = {
	&driver_overlay,
	&driver_fuse_overlayfs,
	&driver_vfs,
};

/* Of what is asked of a driver: answers of fewer questions are found again. */
#define DRIVER_SCHEMA 2

struct driver_record {
	int schema;
	char *kernel, *name, *why;
	uint64_t device;
	bool userxattr, lowerdir_append, volatile_ok, data_lower;
};

static const struct json_field driver_fields[] = {
	JSON_FIELD(struct driver_record, schema, "schema", JSON_F_INT, JSON_REQUIRED),
	JSON_FIELD(struct driver_record, kernel, "kernel", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct driver_record, device, "device", JSON_F_U64, JSON_REQUIRED),
	JSON_FIELD(struct driver_record, name, "name", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct driver_record, why, "why", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct driver_record, userxattr, "userxattr", JSON_F_BOOL, 0),
	JSON_FIELD(struct driver_record, lowerdir_append, "lowerdir_append", JSON_F_BOOL, 0),
	JSON_FIELD(struct driver_record, volatile_ok, "volatile", JSON_F_BOOL, 0),
	JSON_FIELD(struct driver_record, data_lower, "data_lower", JSON_F_BOOL, 0),
	JSON_FIELD_END,
};

static void driver_record_done(struct driver_record *r)
{
	json_free_fields(driver_fields, r);
}

const struct rootfs_driver *rootfs_driver_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (streq(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

static void set_found(struct storage *st, struct storage_driver *d,
		      const struct rootfs_driver *found, const char *why)
{
	free(st->driver_why);
	st->driver_why = xstrdup(why);
	d->name = found->name;
	d->why = st->driver_why;
}

static int probe_one(struct storage *st, const char *name, struct storage_driver *ret,
		     struct cmk_err *err)
{
	const struct rootfs_driver *d = rootfs_driver_by_name(name);
	struct storage_driver found = { 0 };
	int r;

	if (!d) {
		(void)cmk_err_set(err, -EINVAL, "storage driver '%.40s' is not known", name);
		(void)cmk_err_hint(err, "there are overlay, fuse-overlayfs and vfs");
		return -EINVAL;
	}
	r = d->probe(st, &found, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "storage driver '%s'", name);
	set_found(st, &found, d, "chosen by --storage-driver, STORAGE_DRIVER or storage.conf");
	*ret = found;
	return 0;
}

static int probe_all(struct storage *st, struct storage_driver *ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf why = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		struct storage_driver found = { 0 };
		int r = drivers[i]->probe(st, &found, &e);

		log_debug("storage driver '%s': %s", drivers[i]->name,
			  r < 0 ? cmk_err_msg(&e) : "works");
		if (r >= 0) {
			strbuf_adds(&why, "works in the user namespace");
			set_found(st, &found, drivers[i], strbuf_str(&why));
			*ret = found;
			return 0;
		}
		/* No user namespace, no driver: say that, not "no driver". */
		if (r == -EPERM && i + 1 == ARRAY_LEN(drivers))
			return cmk_err_move(err, &e);
		strbuf_addf(&why, "%s: %s; ", drivers[i]->name, e.msg ? e.msg : "does not work");
	}
	return cmk_err_set(err, -EOPNOTSUPP, "no storage driver works: %s", strbuf_str(&why));
}

static int load_recorded(struct storage *st, const char *file, const char *kernel, uint64_t device,
			 struct storage_driver *ret)
{
	cleanup(driver_record_done) struct driver_record rec = { 0 };
	const struct rootfs_driver *d;
	int r;

	r = json_load_record(st->root_fd, file, 65536, driver_fields, &rec, NULL);
	if (r < 0)
		return r;
	d = rootfs_driver_by_name(rec.name);
	if (!d || rec.schema != DRIVER_SCHEMA || !streq(rec.kernel, kernel) || rec.device != device)
		return -ENOENT;
	*ret = (struct storage_driver){ .userxattr = rec.userxattr,
					.lowerdir_append = rec.lowerdir_append,
					.volatile_ok = rec.volatile_ok,
					.data_lower = rec.data_lower };
	set_found(st, ret, d, rec.why);
	return 0;
}

static void record(struct storage *st, const char *file, const char *kernel, uint64_t device,
		   const struct storage_driver *d)
{
	cleanup(driver_record_done) struct driver_record rec = {
		.schema = DRIVER_SCHEMA,
		.device = device,
		.userxattr = d->userxattr,
		.lowerdir_append = d->lowerdir_append,
		.volatile_ok = d->volatile_ok,
		.data_lower = d->data_lower
	};
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	rec.kernel = xstrdup(kernel);
	rec.name = xstrdup(d->name);
	rec.why = xstrdup(d->why);
	/* Only saves the next command the trying. */
	if (json_save_record(st->root_fd, file, driver_fields, &rec, 0, &err) < 0)
		log_debug("%s", cmk_err_msg(&err));
}

int rootfs_driver_find(struct storage *st, const char *name, struct storage_driver *ret,
		       struct cmk_err *err)
{
	cleanup_free char *file = NULL;
	struct utsname uts;
	struct stat root;
	int r;

	if (uname(&uts) < 0 || fstat(st->root_fd, &root) < 0)
		return cmk_err_errno(err, "find the storage driver");
	if (!name)
		file = xstrdup("driver.json");
	else if (rootfs_driver_by_name(name))
		file = xasprintf("driver-%s.json", name);
	if (file && load_recorded(st, file, uts.release, root.st_dev, ret) >= 0)
		return 0;
	r = name ? probe_one(st, name, ret, err) : probe_all(st, ret, err);
	if (r < 0)
		return r;
	record(st, file, uts.release, root.st_dev, ret);
	return 0;
}

/* What shall be used; NULL where nothing was said. */
static int forced_driver(struct storage *st, const char **ret, struct cmk_err *err)
{
	const struct storage_conf *conf = NULL;
	int r = 0;

	*ret = getenv("STORAGE_DRIVER");
	if (!*ret || !**ret) {
		r = storage_conf_get(st, &conf, err);
		*ret = conf ? conf->driver : NULL;
	}
	if (*ret && !**ret)
		*ret = NULL;
	return r;
}

int storage_driver_get(struct storage *st, struct storage_driver *ret, struct cmk_err *err)
{
	const char *forced;
	int r = 0;

	if (!st->driver.name) {
		r = forced_driver(st, &forced, err);
		if (r >= 0)
			r = rootfs_driver_find(st, forced, &st->driver, err);
	}
	if (r < 0)
		return r;
	*ret = st->driver;
	return 0;
}
