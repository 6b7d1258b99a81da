// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optmount.h"

#include <linux/limits.h>

#include "base/parse.h"
#include "base/strbuf.h"
#include "libpod/option/optidmap.h"
#include "storage/storage.h"

void opt_mount_done(struct opt_mount *m)
{
	free(m->type);
	free(m->source);
	free(m->destination);
	free(m->subpath);
	free(m->upper);
	free(m->work);
	free(m->idmap_own);
	free(m->artifact);
	free(m->title);
	free(m->digest);
	free(m->name);
	(void)strv_free(m->options);
	(void)strv_free(m->volume_options);
	(void)strv_free(m->volume_labels);
	*m = (struct opt_mount){ 0 };
}

int opt_path_clean(const char *path, char **ret, struct cmk_err *err)
{
	cleanup_strv char **parts = NULL;
	struct strbuf sb = STRBUF_INIT;

	if (path[0] != '/')
		return cmk_err_set(err, -EINVAL,
				   "invalid container path '%s', must be an absolute path", path);
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

int mount_set_destination(struct opt_mount *m, const char *path, struct cmk_err *err)
{
	int r;

	free(steal_ptr(&m->destination));
	if (path[0] == '\0')
		return cmk_err_set(err, -EINVAL, "container directory cannot be empty");
	r = opt_path_clean(path, &m->destination, err);
	if (r < 0)
		return r;
	if (streq(m->destination, "/"))
		return cmk_err_set(err, -EINVAL, "the path in the container must not be '/'");
	return 0;
}

enum word_types {
	FOR_BIND = 1 << 0,
	FOR_VOLUME = 1 << 1,
	FOR_TMPFS = 1 << 2,
	FOR_FILES = 3,
	FOR_ALL = 7
};

static const struct mount_word {
	const char *word, *option; /* option NULL: the word itself, "": none */
	enum word_group group;
	enum word_types types;
} mount_words[] = {
	{ "ro", NULL, GROUP_WRITE, FOR_ALL },
	{ "readonly", "ro", GROUP_WRITE, FOR_ALL },
	{ "rw", NULL, GROUP_WRITE, FOR_ALL },
	{ "exec", NULL, GROUP_EXEC, FOR_ALL },
	{ "noexec", NULL, GROUP_EXEC, FOR_ALL },
	{ "suid", NULL, GROUP_SUID, FOR_ALL },
	{ "nosuid", NULL, GROUP_SUID, FOR_ALL },
	{ "dev", NULL, GROUP_DEV, FOR_ALL },
	{ "nodev", NULL, GROUP_DEV, FOR_ALL },
	{ "noatime", NULL, GROUP_ATIME, FOR_ALL },
	{ "relatime", NULL, GROUP_ATIME, FOR_ALL },
	{ "private", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "rprivate", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "shared", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "rshared", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "slave", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "rslave", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "unbindable", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "runbindable", NULL, GROUP_PROPAGATION, FOR_ALL },
	{ "bind", NULL, GROUP_RECURSE, FOR_FILES },
	{ "rbind", NULL, GROUP_RECURSE, FOR_FILES },
	{ "tmpcopyup", NULL, GROUP_COPYUP, FOR_TMPFS },
	{ "notmpcopyup", "", GROUP_COPYUP, FOR_TMPFS },
	{ "z", "", GROUP_LABEL, FOR_FILES },
	{ "Z", "", GROUP_LABEL, FOR_FILES },
	{ "O", "", GROUP_OVERLAY, FOR_FILES },
	{ "U", "", GROUP_CHOWN, FOR_ALL },
	{ "chown", "", GROUP_CHOWN, FOR_ALL },
	{ "copy", "", GROUP_COPY, FOR_FILES },
	{ "nocopy", "", GROUP_COPY, FOR_FILES },
	{ "nocreate", "", GROUP_CREATE, FOR_VOLUME },
	{ "idmap", "", GROUP_IDMAP, FOR_FILES },
	/* Of Docker Desktop, where the host is another machine; docker and podman on Linux take
	 * them as what is so anyway. */
	{ "consistent", "", GROUP_CONSISTENCY, FOR_FILES },
	{ "cached", "", GROUP_CONSISTENCY, FOR_FILES },
	{ "delegated", "", GROUP_CONSISTENCY, FOR_FILES },
};

static const char *const group_texts[N_GROUPS] = {
	[GROUP_WRITE] = "'rw' or 'ro'",
	[GROUP_EXEC] = "'exec' or 'noexec'",
	[GROUP_SUID] = "'suid' or 'nosuid'",
	[GROUP_DEV] = "'dev' or 'nodev'",
	[GROUP_PROPAGATION] = "'[r]shared', '[r]private', '[r]slave' or '[r]unbindable'",
	[GROUP_RECURSE] = "'bind' or 'rbind'",
	[GROUP_COPYUP] = "'tmpcopyup' or 'notmpcopyup'",
	[GROUP_ATIME] = "'noatime' or 'relatime'",
	[GROUP_LABEL] = "'z' or 'Z'",
	[GROUP_OVERLAY] = "'O'",
	[GROUP_CHOWN] = "'U'",
	[GROUP_COPY] = "'copy' or 'nocopy'",
	[GROUP_CREATE] = "'nocreate'",
	[GROUP_IDMAP] = "'idmap'",
	[GROUP_CONSISTENCY] = "'consistent', 'cached' or 'delegated'",
};

/* As podman says it of --mount; NULL: as of -v. */
static const char *const field_texts[N_GROUPS] = {
	[GROUP_WRITE] = "'readonly', 'ro', or 'rw'",
	[GROUP_EXEC] = "'noexec' and 'exec'",
	[GROUP_SUID] = "'nosuid' and 'suid'",
	[GROUP_DEV] = "'nodev' and 'dev'",
	[GROUP_COPYUP] = "'tmpcopyup' and 'notmpcopyup'",
};

static enum word_types type_bit(const struct opt_mount *m)
{
	if (streq(m->type, "bind") || streq(m->type, "glob"))
		return FOR_BIND;
	return streq(m->type, "volume") ? FOR_VOLUME : FOR_TMPFS;
}

/* Words that are no option of the mount itself. */
static void special_word(struct opt_mount *m, const struct mount_word *mw)
{
	if (mw->group == GROUP_LABEL)
		m->relabel = mw->word;
	m->overlay |= mw->group == GROUP_OVERLAY;
	m->chown |= mw->group == GROUP_CHOWN;
	m->nocreate |= mw->group == GROUP_CREATE;
	m->idmap |= mw->group == GROUP_IDMAP;
	m->nocopy |= mw->group == GROUP_COPY && streq(mw->word, "nocopy");
}

int mount_word_add(struct opt_mount *m, struct mount_words *w, const char *word,
		   struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(mount_words); i++) {
		const struct mount_word *mw = &mount_words[i];

		if (!streq(word, mw->word) || !(mw->types & type_bit(m)))
			continue;
		if (w->given[mw->group] && w->field && field_texts[mw->group])
			return cmk_err_set(
				err, -EINVAL,
				"cannot pass %s mnt.Options more than once: must provide "
				"an argument for option",
				field_texts[mw->group]);
		if (w->given[mw->group])
			return cmk_err_set(err, -EINVAL,
					   "invalid options '%s, %s', can only specify 1 %s option",
					   w->given[mw->group], mw->word, group_texts[mw->group]);
		w->given[mw->group] = mw->word;
		if (!mw->option || mw->option[0])
			strv_add(&m->options, mw->option ? mw->option : mw->word);
		special_word(m, mw);
		return 0;
	}
	if (type_bit(m) == FOR_TMPFS)
		return cmk_err_set(err, -EINVAL, "unknown mount option '%s': invalid mount option",
				   word);
	return cmk_err_set(err, -EINVAL, "invalid option type '%s': invalid mount option", word);
}

int mount_idmap(struct opt_mount *m, struct mount_words *w, const char *value, struct cmk_err *err)
{
	struct opt_idmap maps = { 0 };
	int r = mount_word_add(m, w, "idmap", err);

	if (r == 0)
		r = opt_idmap_parse(value, &maps, err);
	if (r < 0)
		return r;
	opt_idmap_done(&maps);
	m->idmap_own = xstrdup(value);
	return 0;
}

int mount_tmpfs_value(struct opt_mount *m, const char *key, const char *value, struct cmk_err *err)
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
		return cmk_err_set(err, -EINVAL, "unknown mount option '%s': invalid mount option",
				   key);
	}
	if (!s)
		return cmk_err_set(err, -EINVAL, "tmpfs option '%s': bad value '%s'", key, value);
	strv_add(&m->options, s);
	return 0;
}

void mount_defaults(struct opt_mount *m, const struct mount_words *w)
{
	enum word_types type = type_bit(m);

	if (!w->given[GROUP_WRITE])
		strv_add(&m->options, "rw");
	if (!w->given[GROUP_PROPAGATION])
		strv_add(&m->options, "rprivate");
	if (type != FOR_BIND && !w->given[GROUP_SUID])
		strv_add(&m->options, "nosuid");
	if (type != FOR_BIND && !w->given[GROUP_DEV])
		strv_add(&m->options, "nodev");
	if (type != FOR_TMPFS && !w->given[GROUP_RECURSE])
		strv_add(&m->options, "rbind");
	if (streq(m->type, "tmpfs") && !w->given[GROUP_COPYUP])
		strv_add(&m->options, "tmpcopyup");
}

void opt_volume_defaults(struct opt_mount *m)
{
	free(m->type);
	m->type = xstrdup("volume");
	m->relabel = "";
	mount_defaults(m, &(struct mount_words){ .field = false });
}

int mount_check_overlay(const struct opt_mount *m, struct cmk_err *err)
{
	if ((m->upper || m->work) && !m->overlay)
		return cmk_err_set(err, -EINVAL, "'upperdir' and 'workdir' need the option 'O'");
	if (!m->upper != !m->work)
		return cmk_err_set(err, -EINVAL, "must specify both upperdir and workdir");
	if (m->overlay && m->idmap)
		return cmk_err_set(err, -EINVAL, "'O' and 'idmap' exclude each other");
	if (m->chown && m->idmap)
		return cmk_err_set(err, -EINVAL, "'U' and 'idmap' exclude each other");
	return 0;
}

/* One of the words behind -v and --tmpfs. */
static int add_csv_word(struct opt_mount *m, struct mount_words *w, const char *word,
			struct cmk_err *err)
{
	const char *eq = strchr(word, '='), *value;
	cleanup_free char *key = NULL;

	if (!eq)
		return mount_word_add(m, w, word, err);
	if (type_bit(m) == FOR_TMPFS) {
		key = xstrndup(word, (size_t)(eq - word));
		return mount_tmpfs_value(m, key, eq + 1, err);
	}
	value = str_after(word, "upperdir=");
	if (value) {
		free(m->upper);
		m->upper = xstrdup(value);
		return 0;
	}
	value = str_after(word, "workdir=");
	if (value) {
		free(m->work);
		m->work = xstrdup(value);
		return 0;
	}
	value = str_after(word, "idmap=");
	return value ? mount_idmap(m, w, value, err) : mount_word_add(m, w, word, err);
}

static int parse_options_csv(struct opt_mount *m, const char *csv, struct cmk_err *err)
{
	cleanup_strv char **words = strv_split(csv, ',');
	struct mount_words w = { .field = false };

	for (char **p = words; *p; p++) {
		int r = add_csv_word(m, &w, *p, err);

		if (r < 0)
			return r;
	}
	mount_defaults(m, &w);
	return mount_check_overlay(m, err);
}

int mount_check_volume_name(const char *name, struct cmk_err *err)
{
	if (storage_volume_name_valid(name))
		return 0;
	(void)cmk_err_set(err, -EINVAL,
			  "volume name '%s': names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid "
			  "argument",
			  name);
	if (strchr(name, '/'))
		(void)cmk_err_hint(err, "for a directory write './%s' or an absolute path", name);
	return -EINVAL;
}

static int volume_parts(const char *text, char **parts, struct opt_mount *m, struct cmk_err *err)
{
	size_t n = strv_len(parts);
	int r;

	m->relabel = "";
	if (n > 3)
		return cmk_err_set(
			err, -EINVAL,
			"%s: incorrect volume format, should be [host-dir:]ctr-dir[:option]", text);
	/* A source with a slash or a dot at its front is a path, as with the peers; else a name. */
	if (n > 1 && (parts[0][0] == '/' || parts[0][0] == '.'))
		m->type = xstrdup("bind");
	else
		m->type = xstrdup("volume");
	if (n > 1) {
		if (parts[0][0] == '\0')
			return cmk_err_set(err, -EINVAL, "host directory cannot be empty");
		m->source = xstrdup(parts[0]);
	}
	r = mount_set_destination(m, parts[n > 1], err);
	if (r == 0 && n > 1 && streq(m->type, "volume"))
		r = mount_check_volume_name(m->source, err);
	if (r < 0)
		return r;
	if (n == 3)
		return parse_options_csv(m, parts[2], err);
	mount_defaults(m, &(struct mount_words){ .field = false });
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
	struct opt_mount m = { .relabel = "" };
	int r = mount_set_destination(&m, dst, err);

	if (r == 0) {
		m.type = xstrdup("tmpfs");
		if (colon && colon[1])
			r = parse_options_csv(&m, colon + 1, err);
		else
			mount_defaults(&m, &(struct mount_words){ .field = false });
	}
	if (r < 0) {
		opt_mount_done(&m);
		return cmk_err_wrap(err, r, "tmpfs '%s'", text);
	}
	*ret = m;
	return 0;
}
