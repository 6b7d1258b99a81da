// SPDX-License-Identifier: Apache-2.0
/* Keys that are more than an option: paths, and what other files make. */
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "libpod/unit/quadlet_internal.h"
#include "libpod/unit/unit_escape.h"
#include "network/network.h"

/* The network of U is, over others perhaps, that of the container whose unit is made. */
static bool leads_back(const struct quadlet_job *j, const struct quadlet_unit *u)
{
	for (size_t i = 0; u && u != j->unit && i < j->set->n; i++) {
		const char *network = u->kind == QUADLET_CONTAINER
					      ? unitfile_value(&u->file, "Container", "Network")
					      : NULL;

		u = network && quadlet_kind_of(network) == QUADLET_CONTAINER
			    ? quadlet_find(j->set, network)
			    : NULL;
	}
	return u == j->unit;
}

int quadlet_need(struct quadlet_job *j, const struct unitfile_line *l, const char *name,
		 const char **ret)
{
	struct quadlet_unit *u = quadlet_find(j->set, name);
	cleanup_free char *service = NULL;

	if (!u) {
		(void)quadlet_wrong(j, l, "requested Quadlet %s %.200s was not found",
				    streq(l->key, "Image")     ? "image"
				    : streq(l->key, "Network") ? "unit"
							       : "source",
				    name);
		j->err->kind = CMK_ERR_NOT_FOUND;
		return -EINVAL;
	}
	if (quadlet_kinds[u->kind].missing)
		return quadlet_wrong(j, l, "'%.200s': %s", name, quadlet_kinds[u->kind].missing);
	if (u == j->unit)
		return quadlet_wrong(j, l, "'%.200s' is this file itself", name);
	if (leads_back(j, u))
		return quadlet_wrong(j, l, "'%.200s' needs this file's container itself", name);
	/* Volumes and images need no container, so that there is no way round. */
	if (u->kind != QUADLET_CONTAINER)
		(void)quadlet_convert(j->set, u);
	if (u->err.msg)
		return quadlet_wrong(j, l, "'%.200s' is refused itself", name);
	if (!u->resource)
		return quadlet_wrong(j, l,
				     "what '%.200s' makes has a name that only its own unit "
				     "knows",
				     name);
	service = quadlet_service_of(j->set, name);
	unitfile_add(&j->out, "Unit", "Requires", service);
	unitfile_add(&j->out, "Unit", "After", service);
	*ret = u->resource;
	return 0;
}

char *quadlet_absolute(const struct quadlet_unit *unit, const char *path)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_free char *dir = NULL;

	/* A specifier that begins it may be an absolute path. */
	if (*path == '/' || (*path == '%' && path[1] != '%'))
		return xstrdup(path);
	while (str_after(path, "./"))
		path += 2;
	dir = xstrndup(unit->path, (size_t)(strrchr(unit->path, '/') - unit->path));
	unitfile_literal(&sb, dir);
	if (*path && !streq(path, "."))
		strbuf_addf(&sb, "/%s", path);
	return strbuf_steal(&sb);
}

/* The words of all lines of K, each through ADD. */
static int each_word(struct quadlet_job *j, const struct quadlet_key *k,
		     int (*add)(struct quadlet_job *j, const struct quadlet_key *k,
				const struct unitfile_line *l, const char *word))
{
	const struct unitfile_line *l;
	size_t pos = 0;
	int r = 0;

	while (r == 0 && (l = unitfile_next(&j->unit->file, j->section, k->name, &pos))) {
		cleanup_strv char **words = NULL;

		if (k->how == QUADLET_EACH)
			strv_add(&words, l->value);
		else if (unitfile_split(l->value,
					k->how == QUADLET_ARGS ? UNITFILE_ARGS : UNITFILE_WORDS,
					&words) < 0)
			return quadlet_wrong(j, l, "a quote is not closed, or an escape is wrong");
		for (char **w = words; r == 0 && w && *w; w++)
			r = add(j, k, l, *w);
	}
	return r;
}

static int add_device(struct quadlet_job *j, const struct quadlet_key *k,
		      const struct unitfile_line *l cmk_unused, const char *word)
{
	if (*word == '-') {
		cleanup_free char *path = xstrndup(word + 1, strcspn(word + 1, ":"));
		struct stat sb;

		word++;
		if (stat(path, &sb) < 0 && errno == ENOENT)
			return 0;
	}
	quadlet_option(j, k->option, k->prefix, word);
	return 0;
}

int quadlet_key_device(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_device);
}

static int add_env_file(struct quadlet_job *j, const struct quadlet_key *k,
			const struct unitfile_line *l cmk_unused, const char *word)
{
	cleanup_free char *path = quadlet_absolute(j->unit, word + (*word == '-'));

	quadlet_option(j, k->option, *word == '-' ? "-" : NULL, path);
	return 0;
}

int quadlet_key_env_file(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_env_file);
}

static void requires_mounts(struct quadlet_job *j, const char *path)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	/* Variables are of command lines alone. */
	if (strchr(path, '$'))
		return;
	unit_word(&sb, path, UNIT_SPECIFIERS);
	unitfile_add(&j->out, "Unit", "RequiresMountsFor", strbuf_str(&sb));
}

/* A path of the host, or what another file makes, in the place of SOURCE; owned. */
static int resolve_source(struct quadlet_job *j, const struct unitfile_line *l, const char *source,
			  bool image, char **ret)
{
	const char *resource;
	int r;

	if (*source == '.' || *source == '/') {
		*ret = quadlet_absolute(j->unit, source);
		requires_mounts(j, *ret);
		return 0;
	}
	if (str_has_suffix(source, image ? ".image" : ".volume")) {
		r = quadlet_need(j, l, source, &resource);
		if (r == 0)
			*ret = xstrdup(resource);
		return r;
	}
	if (image && str_has_suffix(source, ".build"))
		return quadlet_wrong(j, l, "'%.200s': %s", source,
				     quadlet_kinds[QUADLET_BUILD].missing);
	*ret = xstrdup(source);
	return 0;
}

static int add_volume(struct quadlet_job *j, const struct quadlet_key *k cmk_unused,
		      const struct unitfile_line *l, const char *word)
{
	cleanup_free char *source = xstrndup(word, strcspn(word, ":")), *place = NULL,
			  *whole = NULL;
	const char *rest = word + strlen(source);
	int r;

	if (*rest) {
		r = resolve_source(j, l, source, false, &place);
		if (r < 0)
			return r;
		whole = xasprintf("%s%s", place, rest);
	}
	strv_add(&j->argv, "-v");
	strv_add(&j->argv, whole ?: word);
	return 0;
}

int quadlet_key_volume(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_volume);
}

/* The field of a mount that begins at *P: where it is and how long it is; its quotes may have
 * commas between them. False behind the last. */
static bool next_field(const char **p, const char **ret, size_t *ret_len)
{
	bool quoted = false;
	const char *at = *p;

	if (!*at)
		return false;
	while (*at && (quoted || *at != ',')) {
		quoted ^= *at == '"';
		at++;
	}
	*ret = *p;
	*ret_len = (size_t)(at - *p);
	*p = at + (*at == ',');
	return true;
}

/* The value of the field NAME of "type=bind,source=/x": owned, NULL. Its quotes are not of it. */
static char *field(const char *text, const char *name)
{
	size_t n = strlen(name), len = 0;
	const char *at = NULL;

	while (next_field(&text, &at, &len)) {
		bool quoted = len > 1 && *at == '"' && at[len - 1] == '"';

		at += quoted;
		len -= 2 * (size_t)quoted;
		if (len > n && strncmp(at, name, n) == 0 && at[n] == '=')
			return xstrndup(at + n + 1, len - n - 1);
	}
	return NULL;
}

/* All fields of TEXT but the three that ADD_MOUNT writes itself. */
static void other_fields(struct strbuf *sb, const char *text)
{
	static const char *const own[] = { "type=", "source=", "src=" };
	const char *at = NULL;
	size_t len = 0;

	while (next_field(&text, &at, &len)) {
		bool is_own = false;

		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			is_own |= strncmp(at + (*at == '"'), own[i], strlen(own[i])) == 0;
		if (!is_own)
			strbuf_addf(sb, ",%.*s", (int)len, at);
	}
}

static int add_mount(struct quadlet_job *j, const struct quadlet_key *k,
		     const struct unitfile_line *l, const char *word)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	/* As podman's: without a type it is a volume. */
	cleanup_free char *type = field(word, "type") ?: xstrdup("volume"), *place = NULL,
			  *source = field(word, "source") ?: field(word, "src");
	bool volume = streq(type, "volume");
	const char *quote;
	int r;

	if (!strchr(word, '='))
		return quadlet_wrong(
			j, l, "invalid quadlet mount format: '%.200s' has no KEY=VALUE", word);
	if (!volume && !streq(type, "bind") && !streq(type, "glob") && !streq(type, "image")) {
		quadlet_option(j, k->option, NULL, word);
		return 0;
	}
	if (!source && !volume)
		return quadlet_wrong(j, l, "source parameter is required for mount type %s", type);
	r = source ? resolve_source(j, l, source, streq(type, "image"), &place) : 0;
	if (r < 0)
		return r;
	strbuf_addf(&sb, "type=%s", type);
	quote = place && strchr(place, ',') ? "\"" : "";
	if (place)
		strbuf_addf(&sb, ",%ssource=%s%s", quote, place, quote);
	other_fields(&sb, word);
	quadlet_option(j, k->option, NULL, strbuf_str(&sb));
	return 0;
}

int quadlet_key_mount(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_mount);
}

static int add_network(struct quadlet_job *j, const struct quadlet_key *k,
		       const struct unitfile_line *l, const char *word)
{
	cleanup_free char *name = xstrndup(word, strcspn(word, ":")), *joined = NULL;
	enum network_mode mode;
	const char *resource;
	int r;

	if (strv_has(j->argv, "--network"))
		return quadlet_wrong(j, l, "a container has one network: %s",
				     quadlet_kinds[QUADLET_NETWORK].missing);
	if (str_has_suffix(name, ".container")) {
		if (word[strlen(name)])
			return quadlet_wrong(j, l, "another container's network has no options");
		r = quadlet_need(j, l, name, &resource);
		if (r < 0)
			return r;
		joined = xasprintf("container:%s", resource);
		word = joined;
	} else if (!strpbrk(word, "%$") && network_mode_parse(word, &mode, NULL) < 0) {
		return quadlet_wrong(j, l,
				     "'%.80s' is not host, none, private, container:NAME, ns:PATH "
				     "or NAME.container: %s",
				     word, quadlet_kinds[QUADLET_NETWORK].missing);
	}
	quadlet_option(j, k->option, NULL, word);
	return 0;
}

int quadlet_key_network(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_network);
}

int quadlet_key_user(struct quadlet_job *j, const struct quadlet_key *k)
{
	const char *user = quadlet_own(j, k->name);
	const struct unitfile_line *group = quadlet_own_line(j, "Group");
	cleanup_free char *both = NULL;

	if (!user)
		return group ? quadlet_wrong(j, group, "invalid Group set without User") : 0;
	both = group ? xasprintf("%s:%s", user, group->value) : xstrdup(user);
	quadlet_option(j, k->option, NULL, both);
	return 0;
}

/* The number of an owner, by which the host knows NAME, where it is none itself; -EINVAL. */
static int owner_id(struct quadlet_job *j, const struct unitfile_line *l, bool group, uint32_t *ret)
{
	char buf[4096];
	struct passwd pw, *user = NULL;
	struct group gr, *found = NULL;

	if (parse_u32(l->value, UINT32_MAX - 1, ret) == 0)
		return 0;
	if (group)
		(void)getgrnam_r(l->value, &gr, buf, sizeof(buf), &found);
	else
		(void)getpwnam_r(l->value, &pw, buf, sizeof(buf), &user);
	if (!user && !found)
		return quadlet_wrong(j, l, "there is no %s '%.80s'", group ? "group" : "user",
				     l->value);
	*ret = group ? found->gr_gid : user->pw_uid;
	return 0;
}

static int add_owner(struct quadlet_job *j, const char *key, const char *word, struct strbuf *sb)
{
	const struct unitfile_line *l = quadlet_own_line(j, key);
	uint32_t id;
	int r;

	if (!l)
		return 0;
	/* What systemd puts in is not known yet. */
	if (strpbrk(l->value, "%$")) {
		strbuf_addf(sb, ",%s=%s", word, l->value);
		return 0;
	}
	r = owner_id(j, l, streq(word, "gid"), &id);
	if (r == 0)
		strbuf_addf(sb, ",%s=%u", word, id);
	return r;
}

/* User=, Group= and Options= are words of one option. */
int quadlet_key_volume_options(struct quadlet_job *j, const struct quadlet_key *k)
{
	const struct unitfile_line *l = quadlet_own_line(j, k->name),
				   *type = quadlet_own_line(j, "Type");
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	int copy = quadlet_own_bool(j, "Copy"), r;

	if (copy == -EINVAL)
		return copy;
	if ((l || type) && !quadlet_own(j, "Device"))
		return quadlet_wrong(j, l ?: type, "there is no Device=");
	r = add_owner(j, "User", "uid", &sb);
	if (r == 0)
		r = add_owner(j, "Group", "gid", &sb);
	if (r < 0)
		return r;
	if (copy >= 0)
		quadlet_option(j, k->option, NULL, copy ? "copy" : "nocopy");
	if (l)
		strbuf_addf(&sb, ",%s", l->value);
	if (sb.len)
		quadlet_option(j, k->option, "o=", strbuf_str(&sb) + 1);
	if (type && streq(type->value, "bind"))
		requires_mounts(j, quadlet_own(j, "Device"));
	return 0;
}

static int add_capability(struct quadlet_job *j, const struct quadlet_key *k,
			  const struct unitfile_line *l cmk_unused, const char *word)
{
	cleanup_free char *name = xstrdup(word);

	/* As podman's; a specifier has its case. */
	for (char *p = name; !strchr(word, '%') && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	quadlet_option(j, k->option, NULL, name);
	return 0;
}

int quadlet_key_capability(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_capability);
}

/* An empty one says something. */
int quadlet_key_entrypoint(struct quadlet_job *j, const struct quadlet_key *k)
{
	if (!quadlet_own(j, k->name) && unitfile_has_key(&j->unit->file, j->section, k->name)) {
		strv_add_take(&j->argv, xasprintf("--%s=", k->option));
		return 0;
	}
	return quadlet_add_key(j, k);
}

/* --- deprecated keys ---------------------------------------------------------------------------
 */

/* The words of the lines KEY, each behind PREFIX, as more words of a user namespace. */
static int remap_words(struct quadlet_job *j, const char *key, const char *prefix, bool one,
		       struct strbuf *sb)
{
	const struct unitfile_line *l;
	size_t pos = 0, n = 0;

	while ((l = unitfile_next(&j->unit->file, j->section, key, &pos))) {
		cleanup_strv char **words = NULL;

		if (unitfile_split(l->value, UNITFILE_WORDS, &words) < 0)
			return quadlet_wrong(j, l, "a quote is not closed");
		for (char **w = words; w && *w; w++) {
			if (one && n++ > 0)
				return quadlet_wrong(
					j, l, "RemapUsers=keep-id supports only a single value");
			strbuf_addf(sb, "%c%s%s", sb->len ? ',' : ':', prefix, *w);
		}
	}
	return 0;
}

static int remap_manual(struct quadlet_job *j)
{
	static const struct quadlet_key uid = { .name = "RemapUid",
						.how = QUADLET_WORDS,
						.option = "uidmap" },
					gid = { .name = "RemapGid",
						.how = QUADLET_WORDS,
						.option = "gidmap" };
	int r = quadlet_add_key(j, &uid);

	return r < 0 ? r : quadlet_add_key(j, &gid);
}

static int remap_userns(struct quadlet_job *j, const struct quadlet_key *k, const char *mode)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	bool keep = streq(mode, "keep-id");
	const char *size = quadlet_own(j, "RemapUidSize");
	int r = remap_words(j, "RemapUid", keep ? "uid=" : "uidmapping=", keep, &sb);

	if (r == 0)
		r = remap_words(j, "RemapGid", keep ? "gid=" : "gidmapping=", keep, &sb);
	if (r < 0)
		return r;
	if (size && !keep)
		strbuf_addf(&sb, "%csize=%s", sb.len ? ',' : ':', size);
	quadlet_option(j, k->option, mode, strbuf_str(&sb));
	return 0;
}

int quadlet_key_remap(struct quadlet_job *j, const struct quadlet_key *k)
{
	static const char *const now[] = { "UserNS", "UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap" };
	const struct unitfile_line *mode = quadlet_own_line(j, k->name),
				   *map = quadlet_own_line(j, "RemapUid")
						  ?: quadlet_own_line(j, "RemapGid");

	for (size_t i = 0; (mode || map) && i < ARRAY_LEN(now); i++)
		if (quadlet_own(j, now[i]))
			return cmk_err_set(j->err, -EINVAL,
					   "deprecated Remap keys are set along with explicit "
					   "mapping keys in %s",
					   j->unit->path);
	if (!mode)
		return map ? quadlet_wrong(j, map, "it is set without RemapUsers") : 0;
	if (streq(mode->value, "manual"))
		return remap_manual(j);
	if (streq(mode->value, "auto") || streq(mode->value, "keep-id"))
		return remap_userns(j, k, mode->value);
	return quadlet_wrong(j, mode, "unsupported RemapUsers option '%.80s'", mode->value);
}

int quadlet_key_volatile_tmp(struct quadlet_job *j, const struct quadlet_key *k)
{
	int yes = quadlet_own_bool(j, k->name), read_only = quadlet_own_bool(j, "ReadOnly");

	if (yes == -EINVAL || read_only == -EINVAL)
		return -EINVAL;
	/* A read-only container has one anyway. */
	if (yes == 1 && read_only != 1)
		quadlet_option(j, k->option, NULL, "/tmp:rw,size=512M,mode=1777");
	return 0;
}
