// SPDX-License-Identifier: Apache-2.0
/* `volume create`, and what the options of the driver "local" may be (podman-volume-create(1)). */
#include <fcntl.h>
#include <unistd.h>

#include "base/parse.h"
#include "libpod/option/optparse.h"
#include "libpod/record/internal.h"
#include "libpod/volume/volume.h"

static int bad_option(const char *key, const char *why, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "invalid volume option %s for driver 'local': %s", key,
			   why);
}

/* Options in "o" that are of the volume, not of a mount. */
struct own_words {
	bool no_copy, bind, has_uid, has_gid;
	uint32_t uid, gid;
	char *mount; /* the rest, comma-separated */
};

static int own_word(struct own_words *w, const char *word, bool tmpfs, struct strbuf *rest,
		    struct cmk_err *err)
{
	const char *v;

	if (streq(word, "nocopy") || streq(word, "copy")) {
		w->no_copy = streq(word, "nocopy");
		return 0;
	}
	if ((v = str_after(word, "uid="))) {
		w->has_uid = true;
		if (parse_u32(v, UINT32_MAX - 1, &w->uid) < 0)
			return bad_option("uid", v, err);
	}
	if ((v = str_after(word, "gid="))) {
		w->has_gid = true;
		if (parse_u32(v, UINT32_MAX - 1, &w->gid) < 0)
			return bad_option("gid", v, err);
	}
	/* A tmpfs is mounted with them. */
	if (!tmpfs && (str_after(word, "uid=") || str_after(word, "gid=")))
		return 0;
	if (!tmpfs && (str_after(word, "size=") || str_after(word, "inodes=")))
		return cmk_err_set(err, -EOPNOTSUPP,
				   "volume options size and inodes not supported: they need a "
				   "file system with project quotas, and root");
	w->bind |= streq(word, "bind") || streq(word, "rbind");
	strbuf_addf(rest, "%s%s", rest->len ? "," : "", word);
	return 0;
}

static int split_o(const char *o, bool tmpfs, struct own_words *w, struct cmk_err *err)
{
	cleanup_strv char **words = o && *o ? strv_split(o, ',') : NULL;
	struct strbuf rest = STRBUF_INIT;
	int r = 0;

	for (char **p = words; p && *p && r == 0; p++)
		r = own_word(w, *p, tmpfs, &rest, err);
	w->mount = strbuf_steal(&rest);
	return r;
}

/* Each word as the command line of a container would have it. */
static int check_words(const char *words, bool tmpfs, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	struct opt_mount m = { 0 };
	int r;

	if (!*words)
		return 0;
	text = xasprintf(tmpfs ? "/x:%s" : "/x:/x:%s", words);
	r = tmpfs ? opt_tmpfs_parse(text, &m, err) : opt_volume_parse(text, &m, err);
	opt_mount_done(&m);
	return r < 0 ? cmk_err_wrap(err, r, "invalid volume option o for driver 'local'") : 0;
}

static int check_type(const char *type, const char *device, const struct own_words *w,
		      struct cmk_err *err)
{
	if (type && streq(type, "tmpfs"))
		return check_words(w->mount, true, err);
	if (type && *type && !streq(type, "none") && !streq(type, "bind"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "volume type '%s' is not supported: only root may mount it",
				    type);
	if (!device)
		return *w->mount ? bad_option("o", "it has no sense without a device", err) : 0;
	if (device[0] != '/')
		return bad_option("device", "it must be an absolute path", err);
	if (!w->bind && !(type && streq(type, "bind")))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "device '%s' of a volume: only root may mount it; for a "
				    "directory add o=bind",
				    device);
	if (faccessat(AT_FDCWD, device, F_OK, 0) < 0)
		return cmk_err_set(err, -errno,
				   "invalid volume option device for driver 'local': faccessat %s: "
				   "%s",
				   device, errno_text(errno));
	return check_words(w->mount, false, err);
}

static int check_options(char *const *options, struct own_words *w, struct cmk_err *err)
{
	static const char *const known[] = { "type", "device", "o", "copy", "nocopy" };
	const char *type = strv_env_get(options, "type"), *device = strv_env_get(options, "device");
	int r;

	for (char *const *o = options; o && *o; o++) {
		cleanup_free char *key = xstrndup(*o, strcspn(*o, "="));
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			found |= streq(key, known[i]);
		if (!found)
			return cmk_err_set(err, -EINVAL,
					   "invalid mount option %s for driver 'local': invalid "
					   "argument",
					   key);
	}
	w->no_copy = strv_env_get(options, "nocopy") != NULL;
	r = split_o(strv_env_get(options, "o"), type && streq(type, "tmpfs"), w, err);
	return r == 0 ? check_type(type, device, w, err) : r;
}

static int add_pairs(char ***map, char *const *list, bool need_value, struct cmk_err *err)
{
	for (; list && *list; list++) {
		int r;

		if (need_value && !strchr(*list, '=') && !streq(*list, "copy") &&
		    !streq(*list, "nocopy"))
			return cmk_err_set(err, -EINVAL, "option '%s' is not of the form KEY=VALUE",
					   *list);
		r = opt_label_add(map, *list, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* As podman shows them. */
static void show_owner(const struct own_words *w, char ***options)
{
	cleanup_free char *uid = xasprintf("UID=%u", w->uid), *gid = xasprintf("GID=%u", w->gid);

	if (w->has_gid)
		strv_env_set(options, gid);
	if (w->has_uid)
		strv_env_set(options, uid);
}

static int create(struct storage *st, struct volume_record *v, const struct volume_options *o,
		  bool durable, struct cmk_err *err)
{
	struct own_words w = { 0 };
	int r;

	r = add_pairs(&v->labels, o->labels, false, err);
	if (r == 0)
		r = add_pairs(&v->options, o->options, true, err);
	if (r == 0)
		r = check_options(v->options, &w, err);
	v->uid = w.has_uid ? w.uid : o->uid;
	v->gid = w.has_gid ? w.gid : o->gid;
	if (r == 0) {
		show_owner(&w, &v->options);
		r = storage_volume_create(st, v, w.no_copy, durable, err);
	}
	free(w.mount);
	return r;
}

int volume_make(struct storage *st, const char *name, const struct volume_options *o,
		bool anonymous, bool durable, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = {
		.name = xstrdup(name),
		.created = time_now_rfc3339(),
		.driver = xstrdup("local"),
		.anonymous = anonymous,
	};
	int r = create(st, &v, o, durable, err);

	if (r == 0)
		volume_event(st, "create", name, v.labels);
	return r;
}

int volume_create(struct storage *st, const char *name, const struct volume_options *o,
		  char **ret_name, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	char id[CONTAINER_ID_LEN + 1];
	int r;

	if (o->driver && !streq(o->driver, "local"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "volume driver '%s' is not supported: there is 'local' alone",
				    o->driver);
	container_id_new(id);
	v.name = xstrdup(name ? name : id);
	v.unnamed = !name;
	v.created = time_now_rfc3339();
	v.driver = xstrdup("local");
	storage_volume_sweep(st);
	r = create(st, &v, o, true, err);
	if (r == -EEXIST && o->ignore) {
		cmk_err_done(err);
		r = 0;
	} else if (r == 0) {
		volume_event(st, "create", v.name, v.labels);
	}
	if (r == 0)
		*ret_name = xstrdup(v.name);
	return r;
}
