// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <linux/limits.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/strbuf.h"
#include "libpod/container/optparse.h"

void opt_mount_done(struct opt_mount *m)
{
	free(m->type);
	free(m->source);
	free(m->destination);
	(void)strv_free(m->options);
	*m = (struct opt_mount){ 0 };
}

int opt_path_clean(const char *path, char **ret, struct cmk_err *err)
{
	cleanup_strv char **parts = NULL;
	struct strbuf sb = STRBUF_INIT;

	if (path[0] != '/')
		return cmk_err_set(err, -EINVAL, "path '%s' in the container is not absolute",
				   path);
	if (strlen(path) >= PATH_MAX)
		return cmk_err_set(err, -EINVAL, "a path in the container is longer than %d bytes",
				   PATH_MAX - 1);
	parts = strv_split(path, '/');
	for (char **p = parts; *p; p++) {
		if (**p == '\0' || streq(*p, "."))
			continue;
		if (streq(*p, "..")) {
			char *slash = sb.data ? strrchr(sb.data, '/') : NULL;

			if (slash) {
				*slash = '\0';
				sb.len = (size_t)(slash - sb.data);
			}
			continue;
		}
		strbuf_addc(&sb, '/');
		strbuf_adds(&sb, *p);
	}
	if (sb.len == 0)
		strbuf_addc(&sb, '/');
	*ret = strbuf_steal(&sb);
	return 0;
}

static int set_destination(struct opt_mount *m, const char *path, struct cmk_err *err)
{
	int r;

	free(steal_ptr(&m->destination));
	if (path[0] == '\0')
		return cmk_err_set(err, -EINVAL, "the path in the container is empty");
	r = opt_path_clean(path, &m->destination, err);
	if (r < 0)
		return r;
	if (streq(m->destination, "/"))
		return cmk_err_set(err, -EINVAL, "the path in the container must not be '/'");
	return 0;
}

/* Options of which one of a group may be given. */
enum group {
	GROUP_WRITE,
	GROUP_EXEC,
	GROUP_SUID,
	GROUP_DEV,
	GROUP_PROPAGATION,
	GROUP_RECURSE,
	GROUP_COPYUP,
	GROUP_ATIME,
	GROUP_NONE,
	N_GROUPS
};

static const struct mount_word {
	const char *word, *option; /* option NULL: the word itself */
	enum group group;
	bool bind, tmpfs;
} mount_words[] = {
	{ "ro", NULL, GROUP_WRITE, true, true },
	{ "readonly", "ro", GROUP_WRITE, true, true },
	{ "rw", NULL, GROUP_WRITE, true, true },
	{ "exec", NULL, GROUP_EXEC, true, true },
	{ "noexec", NULL, GROUP_EXEC, true, true },
	{ "suid", NULL, GROUP_SUID, true, true },
	{ "nosuid", NULL, GROUP_SUID, true, true },
	{ "dev", NULL, GROUP_DEV, true, true },
	{ "nodev", NULL, GROUP_DEV, true, true },
	{ "noatime", NULL, GROUP_ATIME, true, true },
	{ "relatime", NULL, GROUP_ATIME, true, true },
	{ "private", NULL, GROUP_PROPAGATION, true, true },
	{ "rprivate", NULL, GROUP_PROPAGATION, true, true },
	{ "shared", NULL, GROUP_PROPAGATION, true, true },
	{ "rshared", NULL, GROUP_PROPAGATION, true, true },
	{ "slave", NULL, GROUP_PROPAGATION, true, true },
	{ "rslave", NULL, GROUP_PROPAGATION, true, true },
	{ "unbindable", NULL, GROUP_PROPAGATION, true, true },
	{ "runbindable", NULL, GROUP_PROPAGATION, true, true },
	{ "bind", NULL, GROUP_RECURSE, true, false },
	{ "rbind", NULL, GROUP_RECURSE, true, false },
	{ "tmpcopyup", NULL, GROUP_COPYUP, false, true },
	{ "notmpcopyup", "", GROUP_COPYUP, false, true },
};

struct words {
	bool seen[N_GROUPS];
	const char *given[N_GROUPS];
};

static bool selinux_enabled(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

/* z and Z ask for a label that only SELinux has; without it there is nothing to do. */
static int relabel(const char *word, struct cmk_err *err)
{
	if (!selinux_enabled())
		return 0;
	return cmk_err_set(err, -EOPNOTSUPP, "relabelling for SELinux ('%s') is not supported yet",
			   word);
}

static int add_word(struct opt_mount *m, struct words *w, bool tmpfs, const char *word,
		    struct cmk_err *err)
{
	if (!tmpfs && (streq(word, "z") || streq(word, "Z")))
		return relabel(word, err);
	if (streq(word, "O") || streq(word, "U") || streq(word, "idmap") ||
	    str_after(word, "idmap=") || str_after(word, "upperdir=") ||
	    str_after(word, "workdir="))
		return cmk_err_set(err, -EOPNOTSUPP, "mount option '%s' is not supported yet",
				   word);
	for (size_t i = 0; i < ARRAY_LEN(mount_words); i++) {
		const struct mount_word *mw = &mount_words[i];

		if (!streq(word, mw->word) || !(tmpfs ? mw->tmpfs : mw->bind))
			continue;
		if (w->seen[mw->group])
			return cmk_err_set(err, -EINVAL,
					   "mount options '%s' and '%s' exclude each other",
					   w->given[mw->group], mw->word);
		w->seen[mw->group] = true;
		w->given[mw->group] = mw->word;
		if (!mw->option || mw->option[0])
			strv_add(&m->options, mw->option ? mw->option : mw->word);
		return 0;
	}
	return cmk_err_set(err, -EINVAL, "unknown mount option '%s'", word);
}

/* size=, mode=, nr_inodes=, uid=, gid= of tmpfs(5), each checked before the kernel sees it. */
static int add_tmpfs_value(struct opt_mount *m, const char *key, const char *value,
			   struct cmk_err *err)
{
	cleanup_free char *s = NULL;
	uint64_t bytes;
	uint32_t n;

	if (streq(key, "size")) {
		size_t len = strlen(value);

		if (len > 1 && value[len - 1] == '%' &&
		    parse_u64_n(value, len - 1, 100, &bytes) == 0)
			s = xasprintf("size=%s", value);
		else if (parse_bytes(value, &bytes) == 0)
			s = xasprintf("size=%llu", (unsigned long long)bytes);
	} else if (streq(key, "mode")) {
		if (parse_octal(value, 07777, &n) == 0)
			s = xasprintf("mode=%o", n);
	} else if (streq(key, "uid") || streq(key, "gid")) {
		if (parse_u32(value, UINT32_MAX - 1, &n) == 0)
			s = xasprintf("%s=%u", key, n);
	} else if (streq(key, "nr_inodes")) {
		if (parse_bytes(value, &bytes) == 0)
			s = xasprintf("nr_inodes=%llu", (unsigned long long)bytes);
	} else {
		return cmk_err_set(err, -EINVAL, "unknown tmpfs option '%s'", key);
	}
	if (!s)
		return cmk_err_set(err, -EINVAL, "tmpfs option '%s': bad value '%s'", key, value);
	strv_add(&m->options, s);
	return 0;
}

static void add_defaults(struct opt_mount *m, const struct words *w, bool tmpfs)
{
	if (!w->seen[GROUP_WRITE])
		strv_add(&m->options, "rw");
	if (!w->seen[GROUP_PROPAGATION])
		strv_add(&m->options, "rprivate");
	if (!tmpfs) {
		if (!w->seen[GROUP_RECURSE])
			strv_add(&m->options, "rbind");
		return;
	}
	if (!w->seen[GROUP_SUID])
		strv_add(&m->options, "nosuid");
	if (!w->seen[GROUP_DEV])
		strv_add(&m->options, "nodev");
	if (!w->seen[GROUP_COPYUP])
		strv_add(&m->options, "tmpcopyup");
}

static int add_tmpfs_word(struct opt_mount *m, struct words *w, const char *word,
			  struct cmk_err *err)
{
	const char *eq = strchr(word, '=');
	cleanup_free char *key = NULL;

	if (!eq)
		return add_word(m, w, true, word, err);
	key = xstrndup(word, (size_t)(eq - word));
	return add_tmpfs_value(m, key, eq + 1, err);
}

static int parse_options_csv(struct opt_mount *m, bool tmpfs, const char *csv, struct cmk_err *err)
{
	cleanup_strv char **words = strv_split(csv, ',');
	struct words w = { 0 };
	int r;

	for (char **p = words; *p; p++) {
		r = tmpfs ? add_tmpfs_word(m, &w, *p, err) : add_word(m, &w, false, *p, err);
		if (r < 0)
			return r;
	}
	add_defaults(m, &w, tmpfs);
	return 0;
}

static int volume_parts(const char *text, char **parts, struct opt_mount *m, struct cmk_err *err)
{
	size_t n = strv_len(parts);
	int r;

	if (n > 3)
		return cmk_err_set(err, -EINVAL, "not of the form SOURCE:DESTINATION[:OPTIONS]");
	if (n == 1 && text[0] == '/')
		return cmk_err_set(err, -EOPNOTSUPP, "anonymous volumes are not supported yet");
	if (n == 1 || parts[0][0] == '\0')
		return cmk_err_set(err, -EINVAL, "not of the form SOURCE:DESTINATION[:OPTIONS]");
	/* A source with a slash at or near its front is a path, as with the peers; else a name. */
	if (parts[0][0] != '/' && parts[0][0] != '.') {
		cmk_err_set(err, -EOPNOTSUPP, "named volumes ('%s') are not supported yet",
			    parts[0]);
		(void)cmk_err_hint(err, "for a directory write './%s' or an absolute path",
				   parts[0]);
		return -EOPNOTSUPP;
	}
	r = set_destination(m, parts[1], err);
	if (r < 0)
		return r;
	m->type = xstrdup("bind");
	m->source = xstrdup(parts[0]);
	if (n == 3)
		return parse_options_csv(m, false, parts[2], err);
	add_defaults(m, &(struct words){ 0 }, false);
	return 0;
}

int opt_volume_parse(const char *text, struct opt_mount *ret, struct cmk_err *err)
{
	cleanup_strv char **parts = strv_split(text, ':');
	struct opt_mount m = { 0 };
	int r = volume_parts(text, parts, &m, err);

	if (r < 0) {
		opt_mount_done(&m);
		return cmk_err_wrap(err, r, "volume '%s'", text);
	}
	*ret = m;
	return 0;
}

int opt_tmpfs_parse(const char *text, struct opt_mount *ret, struct cmk_err *err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *dst = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	struct opt_mount m = { 0 };
	int r = set_destination(&m, dst, err);

	if (r == 0) {
		m.type = xstrdup("tmpfs");
		if (colon && colon[1])
			r = parse_options_csv(&m, true, colon + 1, err);
		else
			add_defaults(&m, &(struct words){ 0 }, true);
	}
	if (r < 0) {
		opt_mount_done(&m);
		return cmk_err_wrap(err, r, "tmpfs '%s'", text);
	}
	*ret = m;
	return 0;
}

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

static int mount_field_bind(struct opt_mount *m, struct words *w, const char *key,
			    const char *value, struct cmk_err *err)
{
	bool on;
	int r;

	if (streq(key, "bind-propagation") || streq(key, "propagation"))
		return add_word(m, w, false, value ? value : "", err);
	if (streq(key, "bind-nonrecursive")) {
		r = flag_field(value, &on, err);
		return r < 0 ? r : add_word(m, w, false, on ? "bind" : "rbind", err);
	}
	if (streq(key, "relabel")) {
		if (!value || (!streq(value, "shared") && !streq(value, "private")))
			return cmk_err_set(err, -EINVAL, "relabel is 'shared' or 'private'");
		return relabel(value, err);
	}
	if (streq(key, "U") || streq(key, "chown")) {
		r = flag_field(value, &on, err);
		return r < 0 || !on ? r : add_word(m, w, false, "U", err);
	}
	return add_word(m, w, false, key, err);
}

static int mount_field(struct opt_mount *m, struct words *w, const char *key, const char *value,
		       struct cmk_err *err)
{
	bool tmpfs = streq(m->type, "tmpfs"), on;
	int r;

	if (streq(key, "dst") || streq(key, "destination") || streq(key, "target"))
		return set_destination(m, value ? value : "", err);
	if (streq(key, "ro") || streq(key, "readonly") || streq(key, "rw")) {
		r = flag_field(value, &on, err);
		return r < 0 ? r : add_word(m, w, tmpfs, on == streq(key, "rw") ? "rw" : "ro", err);
	}
	if (!tmpfs && (streq(key, "src") || streq(key, "source"))) {
		free(m->source);
		m->source = xstrdup(value ? value : "");
		return 0;
	}
	if (!tmpfs)
		return mount_field_bind(m, w, key, value, err);
	if (streq(key, "tmpfs-size"))
		key = "size";
	if (streq(key, "tmpfs-mode"))
		key = "mode";
	return value ? add_tmpfs_value(m, key, value, err) : add_word(m, w, true, key, err);
}

static int mount_type(char *const *fields, struct opt_mount *m, struct cmk_err *err)
{
	static const char *const later[] = { "volume", "image",	   "devpts", "glob",
					     "ramfs",  "artifact", NULL };
	const char *type = NULL;

	for (char *const *f = fields; *f; f++) {
		const char *v = str_after(*f, "type=");

		type = v ? v : type;
	}
	if (!type)
		type = "volume";
	for (const char *const *l = later; *l; l++) {
		if (streq(type, *l))
			return cmk_err_set(err, -EOPNOTSUPP, "type '%s' is not supported yet",
					   type);
	}
	if (!streq(type, "bind") && !streq(type, "tmpfs"))
		return cmk_err_set(err, -EINVAL, "unknown type '%s'", type);
	m->type = xstrdup(type);
	return 0;
}

static int mount_fields(char *const *fields, struct opt_mount *m, struct cmk_err *err)
{
	struct words w = { 0 };
	int r = mount_type(fields, m, err);

	for (char *const *f = fields; r == 0 && *f; f++) {
		cleanup_free char *key = xstrndup(*f, strcspn(*f, "="));
		const char *eq = strchr(*f, '=');

		if (!streq(key, "type"))
			r = mount_field(m, &w, key, eq ? eq + 1 : NULL, err);
	}
	if (r < 0)
		return r;
	if (!m->destination)
		return cmk_err_set(err, -EINVAL, "no destination is given (dst=PATH)");
	if (streq(m->type, "bind") && (!m->source || !m->source[0]))
		return cmk_err_set(err, -EINVAL, "no source is given (src=PATH)");
	add_defaults(m, &w, streq(m->type, "tmpfs"));
	return 0;
}

int opt_mount_parse(const char *text, struct opt_mount *ret, struct cmk_err *err)
{
	cleanup_strv char **fields = NULL;
	struct opt_mount m = { 0 };
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
