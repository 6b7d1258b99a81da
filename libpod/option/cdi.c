// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/cdi.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "libpod/option/cdi_spec.h"
#include "libpod/option/helper.h"

#define FILES_MAX 1024
/* The names of members are longer than what they stand for. */
#define JSON_MAX (8 * CDI_FILE_MAX)

#define NODE(member, json_name, kind, flags) \
	JSON_FIELD(struct cdi_node, member, json_name, kind, flags)
static const struct json_field node_fields[] = {
	NODE(path, "path", JSON_F_STR, JSON_REQUIRED),
	NODE(host_path, "hostPath", JSON_F_STR, 0),
	NODE(type, "type", JSON_F_STR, 0),
	NODE(permissions, "permissions", JSON_F_STR, 0),
	JSON_FIELD_HAS(struct cdi_node, major, has_major, "major", JSON_F_INT),
	JSON_FIELD_HAS(struct cdi_node, minor, has_minor, "minor", JSON_F_INT),
	JSON_FIELD_END,
};

#define MOUNT(member, json_name, kind, flags) \
	JSON_FIELD(struct cdi_mount, member, json_name, kind, flags)
static const struct json_field mount_fields[] = {
	MOUNT(host_path, "hostPath", JSON_F_STR, JSON_REQUIRED),
	MOUNT(container_path, "containerPath", JSON_F_STR, JSON_REQUIRED),
	MOUNT(type, "type", JSON_F_STR, 0),
	MOUNT(options, "options", JSON_F_STRV, 0),
	JSON_FIELD_END,
};

static const struct json_field hook_fields[] = {
	JSON_FIELD(struct cdi_hook, name, "hookName", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct cdi_hook, hook.path, "path", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct cdi_hook, hook.args, "args", JSON_F_STRV, 0),
	JSON_FIELD(struct cdi_hook, hook.env, "env", JSON_F_STRV, 0),
	JSON_FIELD_HAS(struct cdi_hook, hook.timeout, hook.has_timeout, "timeout", JSON_F_INT),
	JSON_FIELD_END,
};

static const struct json_field edits_fields[] = {
	JSON_FIELD(struct cdi_edits, env, "env", JSON_F_STRV, 0),
	JSON_FIELD_ARRAY(struct cdi_edits, nodes, n_nodes, "deviceNodes", 0, node_fields,
			 struct cdi_node),
	JSON_FIELD_ARRAY(struct cdi_edits, mounts, n_mounts, "mounts", 0, mount_fields,
			 struct cdi_mount),
	JSON_FIELD_ARRAY(struct cdi_edits, hooks, n_hooks, "hooks", 0, hook_fields,
			 struct cdi_hook),
	JSON_FIELD_U32V(struct cdi_edits, gids, n_gids, "additionalGids", 0),
	JSON_FIELD(struct cdi_edits, intel_rdt, "hasIntelRdt", JSON_F_BOOL, 0),
	JSON_FIELD_END,
};

struct device {
	char *name;
	struct cdi_edits edits;
};

static const struct json_field device_fields[] = {
	JSON_FIELD(struct device, name, "name", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD_SUB(struct device, edits, "containerEdits", JSON_F_OBJ, 0, edits_fields,
		       struct cdi_edits),
	JSON_FIELD_END,
};

struct file {
	char *path;
	size_t rank; /* of its directory */
	bool used;
	char *kind;
	struct device *devices;
	size_t n_devices;
	struct cdi_edits edits;
};

static const struct json_field file_fields[] = {
	JSON_FIELD(struct file, kind, "kind", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD_ARRAY(struct file, devices, n_devices, "devices", 0, device_fields,
			 struct device),
	JSON_FIELD_SUB(struct file, edits, "containerEdits", JSON_F_OBJ, 0, edits_fields,
		       struct cdi_edits),
	JSON_FIELD_END,
};

struct registry {
	struct file *files;
	size_t n;
	char **errors; /* of files that are passed over */
};

void cdi_edits_done(struct cdi_edits *e)
{
	json_free_fields(edits_fields, e);
}

static void file_done(struct file *f)
{
	json_free_fields(file_fields, f);
	free(f->path);
}

static void registry_done(struct registry *g)
{
	for (size_t i = 0; i < g->n; i++)
		file_done(&g->files[i]);
	free(g->files);
	(void)strv_free(g->errors);
}

static int parse_file(const char *json, size_t len, struct file *f, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = json_parse(json, len, JSON_MAX, &doc, err);

	return r < 0 ? r : json_read_fields(json_root(doc), file_fields, f, err);
}

static int load_file(int dirfd, const char *name, struct file *f, struct cmk_err *err)
{
	static const char *const no_args[] = { NULL };
	cleanup_free char *text = NULL, *json = NULL;
	size_t len = 0, json_len = 0;
	int r = file_read_at(dirfd, name, CDI_FILE_MAX, &text, &len, err);

	if (r == 0)
		r = helper_run("cmk-cdi", no_args, text, len, JSON_MAX, &json, &json_len, err);
	return r < 0 ? r : parse_file(json, json_len, f, err);
}

static void add_file(struct registry *g, int dirfd, const char *dir, size_t rank, const char *name)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	struct file f = { .path = xasprintf("%s/%s", dir, name), .rank = rank };

	if (load_file(dirfd, name, &f, &e) < 0) {
		strv_add_take(&g->errors, xasprintf("CDI file '%s': %s", f.path, cmk_err_msg(&e)));
		file_done(&f);
		return;
	}
	g->files = xrealloc(g->files, g->n + 1, sizeof(*g->files));
	g->files[g->n++] = f;
}

static bool is_cdi_file(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot && (streq(dot, ".json") || streq(dot, ".yaml"));
}

/* One that does not exist is empty. */
static int add_dir(struct registry *g, const char *dir, size_t rank, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	cleanup_dir DIR *d = opendir(dir);
	struct dirent *e;

	if (!d && errno != ENOENT && errno != ENOTDIR)
		return cmk_err_errno(err, "CDI directory '%s'", dir);
	while (d && (e = readdir(d)))
		if (is_cdi_file(e->d_name))
			strv_add(&names, e->d_name);
	if (strv_len(names) > FILES_MAX)
		return cmk_err_set(err, -EFBIG, "CDI directory '%s': more than %d files", dir,
				   FILES_MAX);
	strv_sort(names);
	for (char **n = names; n && *n; n++)
		add_file(g, dirfd(d), dir, rank, *n);
	return 0;
}

static int load(struct registry *g, char *const *dirs, struct cmk_err *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	cleanup_strv char **own = NULL;
	size_t rank = 0;
	int r = 0;

	if (!dirs || !*dirs) {
		strv_add(&own, "/etc/cdi");
		strv_add(&own, "/var/run/cdi");
		if (config && *config == '/')
			strv_add_take(&own, xasprintf("%s/cdi", config));
		else if (home && *home == '/')
			strv_add_take(&own, xasprintf("%s/.config/cdi", home));
		dirs = own;
	}
	for (; *dirs && r == 0; dirs++)
		r = add_dir(g, *dirs, rank++, err);
	return r;
}

/* Moves what FROM has to the end of TO. */
#define MOVE(to, from, list, count)                                                \
	do {                                                                       \
		(to)->list = xrealloc((to)->list, (to)->count + (from)->count + 1, \
				      sizeof(*(to)->list));                        \
		if ((from)->count)                                                 \
			memcpy((to)->list + (to)->count, (from)->list,             \
			       (from)->count * sizeof(*(to)->list));               \
		(to)->count += (from)->count;                                      \
		free((from)->list);                                                \
		(from)->list = NULL;                                               \
		(from)->count = 0;                                                 \
	} while (0)

static void take_edits(struct cdi_edits *to, struct cdi_edits *from)
{
	for (char **e = from->env; e && *e; e++)
		strv_env_set(&to->env, *e);
	MOVE(to, from, nodes, n_nodes);
	MOVE(to, from, mounts, n_mounts);
	MOVE(to, from, hooks, n_hooks);
	MOVE(to, from, gids, n_gids);
	to->intel_rdt |= from->intel_rdt;
}

static struct device *device_of(struct file *f, const char *name)
{
	const char *eq = strchr(name, '=');

	if (!eq || strncmp(f->kind, name, (size_t)(eq - name)) != 0 || f->kind[eq - name])
		return NULL;
	for (size_t i = 0; i < f->n_devices; i++)
		if (streq(f->devices[i].name, eq + 1))
			return &f->devices[i];
	return NULL;
}

static int find(struct registry *g, const char *name, struct file **ret_file, struct device **ret,
		struct cmk_err *err)
{
	struct file *found = NULL;

	for (size_t i = 0; i < g->n; i++) {
		struct file *f = &g->files[i];

		if (!device_of(f, name))
			continue;
		if (found && found->rank == f->rank)
			return cmk_err_set(err, -ENOTUNIQ, "CDI device '%s' is in '%s' and in '%s'",
					   name, found->path, f->path);
		found = f;
	}
	*ret_file = found;
	*ret = found ? device_of(found, name) : NULL;
	return 0;
}

static int unresolvable(const struct registry *g, const char *names, struct cmk_err *err)
{
	if (g->errors)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "unresolvable CDI devices %s: %s", names, g->errors[0]);
	(void)cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "unresolvable CDI devices %s", names);
	(void)cmk_err_hint(err, "devices are described by files in /etc/cdi, /var/run/cdi and "
				"~/.config/cdi, or --cdi-spec-dir");
	return -ENOENT;
}

static int take_devices(struct registry *g, char *const *names, struct cdi_edits *ret,
			struct cmk_err *err)
{
	cleanup_strbuf struct strbuf missing = STRBUF_INIT;

	for (char *const *name = names; *name; name++) {
		char *const *before = names;
		struct device *d = NULL;
		struct file *f = NULL;
		int r;

		while (before != name && !streq(*before, *name))
			before++;
		/* Twice is no more than once. */
		if (before != name)
			continue;
		r = find(g, *name, &f, &d, err);
		if (r < 0)
			return r;
		if (!d) {
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", *name);
			continue;
		}
		if (!f->used)
			take_edits(ret, &f->edits);
		f->used = true;
		take_edits(ret, &d->edits);
	}
	if (missing.len)
		return unresolvable(g, strbuf_str(&missing), err);
	for (char **e = g->errors; e && *e; e++)
		log_warn("%s", *e);
	return 0;
}

int cdi_resolve(char *const *names, char *const *dirs, struct cdi_edits *ret, struct cmk_err *err)
{
	cleanup(registry_done) struct registry g = { 0 };
	struct cdi_edits edits = { 0 };
	int r = load(&g, dirs, err);

	if (r == 0)
		r = take_devices(&g, names, &edits, err);
	if (r == 0 && edits.intel_rdt)
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "CDI: 'intelRdt' of a device is not supported: only the host's "
				 "root can set it");
	if (r < 0) {
		cdi_edits_done(&edits);
		return r;
	}
	*ret = edits;
	return 0;
}

int cdi_parse_edits(const char *json, size_t len, const char *device, struct cdi_edits *ret,
		    struct cmk_err *err)
{
	struct file f = { 0 };
	int r = parse_file(json, len, &f, err);

	for (size_t i = 0; r == 0 && i < f.n_devices; i++)
		if (streq(f.devices[i].name, device))
			take_edits(ret, &f.devices[i].edits);
	file_done(&f);
	return r;
}
