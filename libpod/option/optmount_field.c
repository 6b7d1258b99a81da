// SPDX-License-Identifier: Apache-2.0
/* --mount: one CSV record of key=value; which keys depends on the type (podman-run(1)). */
#include "libpod/option/optmount.h"

#include "base/parse.h"
#include "base/strbuf.h"

/* One CSV record into fields; a field may stand in quotes, a quote in it is doubled (RFC 4180). */
static int csv_fields(const char *s, char ***ret, struct cmk_err *err)
{
	struct strbuf sb = STRBUF_INIT;
	char **v = NULL;

	for (;;) {
		if (*s == '"') {
			for (s++; *s && !(s[0] == '"' && s[1] != '"'); s++) {
				if (s[0] == '"')
					s++;
				strbuf_addc(&sb, *s);
			}
			if (*s != '"' || (s[1] && s[1] != ',')) {
				strbuf_done(&sb);
				(void)strv_free(v);
				return cmk_err_set(err, -EINVAL, "a quote is not closed");
			}
			s++;
		} else {
			size_t n = strcspn(s, ",");

			strbuf_add(&sb, s, n);
			s += n;
		}
		strv_add_take(&v, strbuf_steal(&sb));
		if (*s == '\0')
			break;
		s++;
	}
	*ret = v;
	return 0;
}

/* "ro", "ro=true": a flag whose =false means its opposite. */
static int flag_field(const char *value, bool *ret, struct cmk_err *err)
{
	*ret = true;
	if (value && parse_bool(value, ret) < 0)
		return cmk_err_set(err, -EINVAL, "'%s' is not true or false", value);
	return 0;
}

static int no_argument(const char *key, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "%s: must provide an argument for option", key);
}

static int invalid_option(const char *key, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "%s: invalid mount option", key);
}

static bool is_type(const struct opt_mount *m, const char *a, const char *b)
{
	return streq(m->type, a) || streq(m->type, b);
}

static bool is_source(const char *key)
{
	return streq(key, "src") || streq(key, "source");
}

/* docker's: what becomes of the mounts below the source. */
static int bind_recursive(struct opt_mount *m, struct mount_words *w, const char *value,
			  struct cmk_err *err)
{
	static const char *const words[] = { "enabled", "disabled", "writable", "readonly", NULL };
	const char *const *word = words;

	while (*word && !streq_null(value, *word))
		word++;
	if (!*word)
		return cmk_err_set(err, -EINVAL,
				   "bind-recursive: '%s': must be 'enabled', 'disabled', "
				   "'writable' or 'readonly'",
				   value ?: "");
	m->recursive = *word;
	return mount_word_add(m, w, streq(value, "disabled") ? "bind" : "rbind", err);
}

/* What is read-only is so with all that is mounted below, unless they are to be writable. */
static int check_recursive(struct opt_mount *m, struct cmk_err *err)
{
	bool read_only = strv_has(m->options, "ro");

	if (!m->recursive)
		return 0;
	if (streq(m->recursive, "readonly") && !read_only)
		return cmk_err_set(err, -EINVAL,
				   "bind-recursive=readonly needs 'readonly' beside it");
	if (read_only && (streq(m->recursive, "readonly") || streq(m->recursive, "enabled")))
		strv_add(&m->options, "rro");
	return 0;
}

static int propagation(struct opt_mount *m, struct mount_words *w, const char *key,
		       const char *value, struct cmk_err *err)
{
	static const char *const words[] = { "private",	   "rprivate",	  "shared",
					     "rshared",	   "slave",	  "rslave",
					     "unbindable", "runbindable", NULL };
	const char *const *word = words;

	if (!value)
		return no_argument(key, err);
	while (*word && !streq(value, *word))
		word++;
	if (!*word)
		return cmk_err_set(err, -EINVAL, "invalid value \"%s=%s\"", key, value);
	return mount_word_add(m, w, value, err);
}

/* Keys of bind, glob and volume. */
static int files_field(struct opt_mount *m, struct mount_words *w, const char *key,
		       const char *value, struct cmk_err *err)
{
	bool on;
	int r;

	if (streq(key, "bind-propagation") || streq(key, "propagation"))
		return propagation(m, w, key, value, err);
	if (str_after(key, "tmpcopyup") || str_after(key, "notmpcopyup"))
		return cmk_err_set(err, -EINVAL,
				   "\"%s\" option not supported for \"%s\" mount types", key,
				   m->type);
	if (streq(key, "bind-nonrecursive")) {
		r = flag_field(value, &on, err);
		return r < 0 ? r : mount_word_add(m, w, on ? "bind" : "rbind", err);
	}
	if (streq(key, "bind-recursive") && streq(m->type, "bind"))
		return bind_recursive(m, w, value, err);
	if (streq(key, "relabel")) {
		if (!value || (!streq(value, "shared") && !streq(value, "private")))
			return cmk_err_set(err, -EINVAL,
					   "relabel: '%s': must be 'shared' or 'private'",
					   value ?: "");
		return mount_word_add(m, w, streq(value, "shared") ? "z" : "Z", err);
	}
	if (streq(key, "consistency"))
		return value ? mount_word_add(m, w, value, err) : no_argument(key, err);
	if (streq(key, "volume-nocopy")) {
		r = flag_field(value, &on, err);
		return r < 0 ? r : mount_word_add(m, w, on ? "nocopy" : "copy", err);
	}
	if (streq(key, "idmap") && value) {
		if (parse_bool(value, &on) < 0)
			return mount_idmap(m, w, value, err);
		return on ? mount_word_add(m, w, key, err) : 0;
	}
	return value ? invalid_option(key, err) : mount_word_add(m, w, key, err);
}

static int tmpfs_field(struct opt_mount *m, struct mount_words *w, const char *key,
		       const char *value, struct cmk_err *err)
{
	if (is_source(key))
		return cmk_err_set(err, -EINVAL, "source is not supported with %s mounts", m->type);
	if (streq(key, "tmpfs-size"))
		key = "size";
	if (streq(key, "tmpfs-mode"))
		key = "mode";
	if (!value)
		return mount_word_add(m, w, key, err);
	/* ramfs has no limit at all, and no owner. */
	if (streq(m->type, "ramfs") && !streq(key, "mode"))
		return invalid_option(key, err);
	return mount_tmpfs_value(m, key, value, err);
}

static int devpts_field(struct opt_mount *m, const char *key, const char *value,
			struct cmk_err *err)
{
	uint32_t n;
	bool octal;

	if (is_source(key))
		return cmk_err_set(err, -EINVAL, "source is not supported with devpts mounts");
	octal = streq(key, "mode") || streq(key, "ptmxmode");
	if (!octal && !streq(key, "uid") && !streq(key, "gid") && !streq(key, "max"))
		return invalid_option(key, err);
	if (!value)
		return no_argument(key, err);
	if ((octal ? parse_octal(value, 0777, &n) : parse_u32(value, UINT32_MAX - 1, &n)) < 0)
		return cmk_err_set(err, -EINVAL, "devpts option '%s': bad value '%s'", key, value);
	strv_add_take(&m->options, xasprintf("%s=%s", key, value));
	return 0;
}

static int image_field(struct opt_mount *m, const char *key, const char *value, struct cmk_err *err)
{
	bool on;
	int r;

	if (!streq(key, "rw") && !streq(key, "readwrite"))
		return invalid_option(key, err);
	r = flag_field(value, &on, err);
	m->rw = on;
	return r;
}

static int artifact_field(struct opt_mount *m, const char *key, const char *value,
			  struct cmk_err *err)
{
	char **to = streq(key, "title")	   ? &m->title
		    : streq(key, "digest") ? &m->digest
		    : streq(key, "name")   ? &m->name
					   : NULL;

	if (!to)
		return invalid_option(key, err);
	if (!value || !*value)
		return no_argument(key, err);
	if (to == &m->name && (strchr(value, '/') || streq(value, ".") || streq(value, "..")))
		return cmk_err_set(err, -EINVAL, "name '%s': not the name of a file", value);
	free(*to);
	*to = xstrdup(value);
	return 0;
}

static int set_subpath(struct opt_mount *m, const char *key, const char *value, struct cmk_err *err)
{
	if (!value || !*value)
		return no_argument(key, err);
	free(m->subpath);
	m->subpath = xstrdup(value);
	return 0;
}

/* "volume-opt=KEY=VALUE" */
static int add_volume_option(struct opt_mount *m, const char *value, struct cmk_err *err)
{
	if (!value || !strchr(value, '='))
		return cmk_err_set(err, -EINVAL, "volume-opt: KEY=VALUE was expected");
	strv_add(&m->volume_options, value);
	return 0;
}

/* What a volume that is made gets. */
static int volume_field(struct opt_mount *m, const char *key, const char *value,
			struct cmk_err *err)
{
	if (streq(key, "volume-opt"))
		return add_volume_option(m, value, err);
	if (streq(key, "volume-label")) {
		if (!value || !*value || *value == '=')
			return no_argument(key, err);
		strv_add(&m->volume_labels, value);
		return 0;
	}
	if (!value || !*value)
		return no_argument(key, err);
	if (!streq(value, "local"))
		return cmk_err_set(err, -EOPNOTSUPP,
				   "volume-driver: '%s' is not supported: there is 'local' alone",
				   value);
	return 0;
}

static int mount_field(struct opt_mount *m, struct mount_words *w, const char *key,
		       const char *value, struct cmk_err *err)
{
	bool on;
	int r;

	if (streq(key, "dst") || streq(key, "destination") || streq(key, "target"))
		return value ? mount_set_destination(m, value, err) : no_argument(key, err);
	if (streq(m->type, "devpts"))
		return devpts_field(m, key, value, err);
	if (is_source(key) && !is_type(m, "tmpfs", "ramfs")) {
		if (!value || !*value)
			return cmk_err_set(err, -EINVAL, "host directory cannot be empty");
		free(m->source);
		m->source = xstrdup(value);
		return 0;
	}
	if (is_type(m, "volume", "image") &&
	    (streq(key, "subpath") || streq(key, "volume-subpath") || streq(key, "image-subpath")))
		return set_subpath(m, key, value, err);
	if (streq(m->type, "volume") &&
	    (streq(key, "volume-opt") || streq(key, "volume-label") || streq(key, "volume-driver")))
		return volume_field(m, key, value, err);
	if (streq(m->type, "image"))
		return image_field(m, key, value, err);
	if (streq(m->type, "artifact"))
		return artifact_field(m, key, value, err);
	if (streq(key, "ro") || streq(key, "readonly") || streq(key, "rw")) {
		r = flag_field(value, &on, err);
		return r < 0 ? r : mount_word_add(m, w, on == streq(key, "rw") ? "rw" : "ro", err);
	}
	if (streq(key, "U") || streq(key, "chown")) {
		r = flag_field(value, &on, err);
		return r < 0 || !on ? r : mount_word_add(m, w, "U", err);
	}
	if (is_type(m, "tmpfs", "ramfs"))
		return tmpfs_field(m, w, key, value, err);
	return files_field(m, w, key, value, err);
}

static int mount_type(char *const *fields, struct opt_mount *m, struct cmk_err *err)
{
	static const char *const types[] = { "bind",	 "volume", "tmpfs", "ramfs", "image",
					     "artifact", "devpts", "glob",  NULL };
	const char *type = "volume";

	for (char *const *f = fields; *f; f++) {
		const char *v = str_after(*f, "type=");

		type = v ? v : type;
	}
	for (const char *const *t = types; *t; t++) {
		if (!streq(type, *t))
			continue;
		m->type = xstrdup(type);
		return 0;
	}
	return cmk_err_set(err, -EINVAL, "invalid filesystem type '%s'", type);
}

static int check_complete(struct opt_mount *m, struct cmk_err *err)
{
	if (!m->destination && !streq(m->type, "glob"))
		return cmk_err_set(err, -EINVAL, "must set volume destination");
	if ((is_type(m, "image", "glob") || streq(m->type, "artifact")) && !m->source)
		return cmk_err_set(err, -EINVAL, "must set source for %s mounts", m->type);
	/* As podman: the same path on both sides. */
	if (streq(m->type, "bind") && !m->source)
		m->source = xstrdup(m->destination);
	if (m->title && m->digest)
		return cmk_err_set(err, -EINVAL, "cannot specify both digest and title");
	if (streq(m->type, "glob") && m->overlay)
		return cmk_err_set(err, -EINVAL, "'O' is not supported with glob mounts");
	if (streq(m->type, "volume") && m->source) {
		int r = mount_check_volume_name(m->source, err);

		if (r < 0)
			return r;
	}
	return mount_check_overlay(m, err);
}

static int mount_fields(char *const *fields, struct opt_mount *m, struct cmk_err *err)
{
	struct mount_words w = { .field = true };
	int r = mount_type(fields, m, err);

	for (char *const *f = fields; r == 0 && *f; f++) {
		cleanup_free char *key = xstrndup(*f, strcspn(*f, "="));
		const char *eq = strchr(*f, '=');

		if (!streq(key, "type"))
			r = mount_field(m, &w, key, eq ? eq + 1 : NULL, err);
	}
	if (r == 0)
		r = check_complete(m, err);
	if (r == 0)
		r = check_recursive(m, err);
	if (r == 0 && streq(m->type, "devpts"))
		strv_add(&m->options, "newinstance");
	else if (r == 0 && !is_type(m, "image", "artifact"))
		mount_defaults(m, &w);
	return r;
}

int opt_mount_parse(const char *text, struct opt_mount *ret, struct cmk_err *err)
{
	cleanup_strv char **fields = NULL;
	struct opt_mount m = { .relabel = "" };
	int r = csv_fields(text, &fields, err);

	if (r == 0)
		r = mount_fields(fields, &m, err);
	if (r < 0) {
		opt_mount_done(&m);
		return cmk_err_wrap(err, r, "mount '%s'", text);
	}
	*ret = m;
	return 0;
}
