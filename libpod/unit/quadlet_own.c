// SPDX-License-Identifier: Apache-2.0
/* Keys that are more than an option: paths, and what other files make. */
#include <sys/stat.h>

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
		(void)quadlet_wrong(j, l, "there is no file '%.200s'", name);
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
	cleanup_free char *path = quadlet_absolute(j->unit, word);

	quadlet_option(j, k->option, k->prefix, path);
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

static int add_volume(struct quadlet_job *j, const struct quadlet_key *k,
		      const struct unitfile_line *l, const char *word)
{
	cleanup_free char *source = xstrndup(word, strcspn(word, ":")), *place = NULL,
			  *whole = NULL;
	const char *rest = word + strlen(source);
	int r;

	if (!*rest) {
		quadlet_option(j, k->option, NULL, word);
		return 0;
	}
	r = resolve_source(j, l, source, false, &place);
	if (r < 0)
		return r;
	whole = xasprintf("%s%s", place, rest);
	quadlet_option(j, k->option, NULL, whole);
	return 0;
}

int quadlet_key_volume(struct quadlet_job *j, const struct quadlet_key *k)
{
	return each_word(j, k, add_volume);
}

/* The value of the field NAME of "type=bind,source=/x": its length, and where it begins; NULL. */
static const char *field(const char *text, const char *name, size_t *ret_len)
{
	size_t n = strlen(name);

	for (const char *p = text; *p; p += strcspn(p, ","), p += *p == ',') {
		if (strncmp(p, name, n) == 0 && p[n] == '=') {
			*ret_len = strcspn(p + n + 1, ",");
			return p + n + 1;
		}
	}
	return NULL;
}

static int add_mount(struct quadlet_job *j, const struct quadlet_key *k,
		     const struct unitfile_line *l, const char *word)
{
	size_t type_len = 0, len = 0;
	const char *type = field(word, "type", &type_len), *at = field(word, "source", &len);
	cleanup_free char *kind = NULL, *source = NULL, *place = NULL, *whole = NULL;
	int r;

	if (!at)
		at = field(word, "src", &len);
	/* As podman's: without a type it is a volume. */
	kind = type ? xstrndup(type, type_len) : xstrdup("volume");
	if (!at || *at == '"' ||
	    (!streq(kind, "volume") && !streq(kind, "bind") && !streq(kind, "image"))) {
		quadlet_option(j, k->option, NULL, word);
		return 0;
	}
	source = xstrndup(at, len);
	r = resolve_source(j, l, source, streq(kind, "image"), &place);
	if (r < 0)
		return r;
	whole = xasprintf("%.*s%s%s", (int)(at - word), word, place, at + len);
	quadlet_option(j, k->option, NULL, whole);
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
		return group ? quadlet_wrong(j, group, "there is no User=") : 0;
	both = group ? xasprintf("%s:%s", user, group->value) : xstrdup(user);
	quadlet_option(j, k->option, NULL, both);
	return 0;
}

/* User=, Group=, Copy= and Options= are words of one option. */
int quadlet_key_volume_options(struct quadlet_job *j, const struct quadlet_key *k)
{
	const struct unitfile_line *l = quadlet_own_line(j, k->name),
				   *type = quadlet_own_line(j, "Type");
	const char *user = quadlet_own(j, "User"), *group = quadlet_own(j, "Group");
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	int copy = quadlet_own_bool(j, "Copy");

	if (copy == -EINVAL)
		return copy;
	if ((l || type) && !quadlet_own(j, "Device"))
		return quadlet_wrong(j, l ?: type, "there is no Device=");
	if (user)
		strbuf_addf(&sb, ",uid=%s", user);
	if (group)
		strbuf_addf(&sb, ",gid=%s", group);
	if (copy >= 0)
		strbuf_adds(&sb, copy ? ",copy" : ",nocopy");
	if (l)
		strbuf_addf(&sb, ",%s", l->value);
	if (sb.len)
		quadlet_option(j, k->option, "o=", strbuf_str(&sb) + 1);
	if (type && streq(type->value, "bind"))
		requires_mounts(j, quadlet_own(j, "Device"));
	return 0;
}
