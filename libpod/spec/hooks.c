// SPDX-License-Identifier: Apache-2.0
#include "libpod/spec/hooks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/pattern.h"

#define HOOK_FILE_MAX ((size_t)1 << 20)
#define HOOK_VERSION "1.0.0"
#define HOOK_VERSION_OLD "0.1.0" /* or none */

/* The last one counts most. */
static const char *const default_dirs[] = { "/usr/share/containers/oci/hooks.d",
					    "/etc/containers/oci/hooks.d", NULL };

static const char *const stage_names[N_HOOK_STAGES] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

const char *hook_stage_name(enum spec_hook_stage stage)
{
	return stage_names[stage];
}

int hook_stage_number(const char *name)
{
	for (int i = 0; i < N_HOOK_STAGES; i++)
		if (streq(stage_names[i], name))
			return i;
	return -EINVAL;
}

/* --- one file ----------------------------------------------------------------------------------
 */

static void hook_done(struct spec_hook *h)
{
	free(h->path);
	(void)strv_free(h->args);
	(void)strv_free(h->env);
}

void hook_file_done(struct hook_file *f)
{
	hook_done(&f->hook);
	(void)strv_free(f->annotations);
	(void)strv_free(f->commands);
	(void)strv_free(f->stages);
	*f = (struct hook_file){ 0 };
}

static int check_pattern(const char *text, struct cmk_err *err)
{
	cleanup_pattern struct pattern *p = NULL;

	return pattern_new(text, &p, err);
}

static int matches(const char *pattern, const char *text, struct cmk_err *err)
{
	cleanup_pattern struct pattern *p = NULL;
	int r = pattern_new(pattern, &p, err);

	return r < 0 ? r : pattern_matches(p, text, err);
}

static int read_bool(const struct json *v, const char *name, bool *has, bool *ret,
		     struct cmk_err *err)
{
	if (!v)
		return 0;
	if (v->type != JSON_BOOL)
		return cmk_err_set(err, -EINVAL, "%s: neither true nor false", name);
	*has = true;
	*ret = v->boolean;
	return 0;
}

static int read_when(const struct json *when, struct hook_file *f, struct cmk_err *err)
{
	const struct json *notes = json_get(when, "annotations");
	int r;

	if (!when || when->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "missing required property: when");
	r = read_bool(json_get(when, "always"), "when.always", &f->has_always, &f->always, err);
	if (r == 0)
		r = read_bool(json_get(when, "hasBindMounts"), "when.hasBindMounts",
			      &f->has_binds_asked, &f->binds_asked, err);
	if (r == 0 && json_strv(json_get(when, "commands"), &f->commands) < 0)
		r = cmk_err_set(err, -EINVAL, "when.commands: not a list of strings");
	for (char **c = f->commands; r == 0 && c && *c; c++)
		r = check_pattern(*c, err);
	if (r == 0 && notes && notes->type != JSON_OBJECT)
		r = cmk_err_set(err, -EINVAL, "when.annotations: not an object");
	json_each (n, notes) {
		if (r == 0 && !json_str(n))
			r = cmk_err_set(err, -EINVAL, "when.annotations: not a string");
		if (r == 0)
			r = check_pattern(n->key, err);
		if (r == 0)
			r = check_pattern(json_str(n), err);
		if (r < 0)
			return r;
		strv_add(&f->annotations, n->key);
		strv_add(&f->annotations, json_str(n));
	}
	return r;
}

static int read_hook(const struct json *v, struct spec_hook *ret, struct cmk_err *err)
{
	const char *path = json_str(json_get(v, "path"));
	const struct json *timeout = json_get(v, "timeout");
	int64_t seconds = 0;

	if (!path || !*path)
		return cmk_err_set(err, -EINVAL, "missing required property: hook.path");
	if (*path != '/')
		return cmk_err_set(err, -EINVAL, "hook.path '%s' is not absolute", path);
	ret->path = xstrdup(path);
	if (json_strv(json_get(v, "args"), &ret->args) < 0 ||
	    json_strv(json_get(v, "env"), &ret->env) < 0)
		return cmk_err_set(err, -EINVAL, "hook.args or hook.env: not a list of strings");
	if (!timeout || timeout->type == JSON_NULL)
		return 0;
	if (json_i64(timeout, &seconds) < 0 || seconds < 1 || seconds > INT32_MAX / 1000)
		return cmk_err_set(err, -EINVAL, "hook.timeout: not a number of seconds");
	ret->has_timeout = true;
	ret->timeout = (int)seconds;
	return 0;
}

/* Version 0.1.0 has each list under two names. */
static int read_list(const struct json *root, const char *name, const char *other, char ***ret,
		     struct cmk_err *err)
{
	const struct json *v = json_get(root, name) ?: json_get(root, other);

	if (v && json_strv(v, ret) < 0)
		return cmk_err_set(err, -EINVAL, "%s: not a list of strings", name);
	return 0;
}

/* Patterns of version 0.1.0 are for the values of annotations, whatever their keys. */
static int read_old_patterns(char *const *values, struct hook_file *f, struct cmk_err *err)
{
	int r = 0;

	for (char **c = f->commands; r == 0 && c && *c; c++)
		r = check_pattern(*c, err);
	for (; r == 0 && values && *values; values++) {
		r = check_pattern(*values, err);
		strv_add(&f->annotations, ".*");
		strv_add(&f->annotations, *values);
	}
	return r;
}

static int read_old(const struct json *root, struct hook_file *f, struct cmk_err *err)
{
	const char *path = json_str(json_get(root, "hook"));
	cleanup_strv char **arguments = NULL, **values = NULL;
	int r;

	if (!path || *path != '/')
		return cmk_err_set(err, -EINVAL, "hook: not an absolute path");
	f->any = true;
	f->hook.path = xstrdup(path);
	r = read_list(root, "arguments", "args", &arguments, err);
	if (r == 0)
		r = read_list(root, "cmds", "cmd", &f->commands, err);
	if (r == 0)
		r = read_list(root, "annotations", "annotation", &values, err);
	if (r == 0)
		r = read_list(root, "stages", "stage", &f->stages, err);
	if (r == 0)
		r = read_bool(json_get(root, "hasbindmounts"), "hasbindmounts", &f->has_binds_asked,
			      &f->binds_asked, err);
	if (r < 0)
		return r;
	if (arguments)
		strv_add(&f->hook.args, path);
	for (char **a = arguments; a && *a; a++)
		strv_add(&f->hook.args, *a);
	return read_old_patterns(values, f, err);
}

static int read_current(const struct json *root, struct hook_file *f, struct cmk_err *err)
{
	int r = read_hook(json_get(root, "hook"), &f->hook, err);

	if (r == 0)
		r = read_when(json_get(root, "when"), f, err);
	if (r == 0 && json_strv(json_get(root, "stages"), &f->stages) < 0)
		r = cmk_err_set(err, -EINVAL, "stages: not a list of strings");
	return r;
}

static int read_file(const struct json *root, struct hook_file *f, struct cmk_err *err)
{
	const char *version = json_str(json_get(root, "version"));
	bool old = root->type == JSON_OBJECT &&
		   (version ? streq(version, HOOK_VERSION_OLD) : !json_get(root, "version"));
	int r;

	if (!old && (!version || !streq(version, HOOK_VERSION)))
		return cmk_err_set(err, -EINVAL,
				   "unexpected hook version \"%s\" (expecting " HOOK_VERSION ")",
				   version ?: "");
	r = (old ? read_old : read_current)(root, f, err);
	if (r < 0)
		return r;
	if (!f->stages)
		return cmk_err_set(err, -EINVAL, "missing required property: stages");
	for (char **s = f->stages; *s; s++) {
		if (streq(*s, "precreate"))
			return cmk_err_set(err, -EOPNOTSUPP, "stage \"%s\": not supported yet", *s);
		if (hook_stage_number(*s) < 0)
			return cmk_err_set(err, -EINVAL, "unknown stage \"%s\"", *s);
	}
	return 0;
}

int hook_file_parse(const char *text, size_t len, struct hook_file *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct hook_file f = { 0 };
	int r = json_parse(text, len, HOOK_FILE_MAX, &doc, err);

	if (r == 0)
		r = read_file(json_root(doc), &f, err);
	if (r < 0) {
		hook_file_done(&f);
		return r;
	}
	*ret = f;
	return 0;
}

/* --- which containers --------------------------------------------------------------------------
 */

static int annotation_matches(char *const *pair, char *const *annotations, struct cmk_err *err)
{
	int r = 0;

	for (; r == 0 && annotations && *annotations; annotations++) {
		cleanup_free char *key = xstrndup(*annotations, strcspn(*annotations, "="));
		const char *value = *annotations + strlen(key);

		r = matches(pair[0], key, err);
		if (r > 0)
			r = matches(pair[1], *value ? value + 1 : value, err);
	}
	return r;
}

static int command_matches(char *const *patterns, const char *command, struct cmk_err *err)
{
	int r = 0;

	for (; r == 0 && command && *patterns; patterns++)
		r = matches(*patterns, command, err);
	return r;
}

static int any_matches(const struct hook_file *f, const struct spec *s, bool has_binds,
		       struct cmk_err *err)
{
	int r = f->binds_asked && has_binds;

	for (char **pair = f->annotations; r == 0 && pair && *pair; pair += 2)
		r = annotation_matches(pair, s->annotations, err);
	if (r == 0 && f->commands)
		r = command_matches(f->commands, s->process.args ? s->process.args[0] : NULL, err);
	return r;
}

int hook_file_matches(const struct hook_file *f, const struct spec *s, bool has_binds,
		      struct cmk_err *err)
{
	bool some = false;
	int r;

	if (f->any)
		return any_matches(f, s, has_binds, err);
	if (f->has_always && !f->always)
		return 0;
	some |= f->has_always;
	if (f->has_binds_asked && !(f->binds_asked && has_binds))
		return 0;
	some |= f->has_binds_asked;
	for (char **pair = f->annotations; pair && *pair; pair += 2) {
		r = annotation_matches(pair, s->annotations, err);
		if (r <= 0)
			return r;
		some = true;
	}
	if (f->commands && *f->commands) {
		r = command_matches(f->commands, s->process.args ? s->process.args[0] : NULL, err);
		if (r <= 0)
			return r;
		some = true;
	}
	return some;
}

static void add_to(struct spec *s, const struct hook_file *f)
{
	for (char **name = f->stages; *name; name++) {
		struct spec_hook_list *l = &s->hooks[hook_stage_number(*name)];

		l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
		l->list[l->n++] = (struct spec_hook){ .path = xstrdup(f->hook.path),
						      .args = strv_dup(f->hook.args),
						      .env = strv_dup(f->hook.env),
						      .has_timeout = f->hook.has_timeout,
						      .timeout = f->hook.timeout };
	}
}

/* --- directories -------------------------------------------------------------------------------
 */

struct found {
	char *name, *path;
};

struct found_list {
	struct found *list;
	size_t n;
};

static void found_done(struct found_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->list[i].name);
		free(l->list[i].path);
	}
	free(l->list);
}

static void take(struct found_list *l, const char *dir, const char *name)
{
	struct found *f = NULL;

	for (size_t i = 0; i < l->n && !f; i++)
		if (streq(l->list[i].name, name))
			f = &l->list[i];
	if (!f) {
		l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
		f = &l->list[l->n++];
		*f = (struct found){ .name = xstrdup(name) };
	}
	free(f->path);
	f->path = xasprintf("%s/%s", dir, name);
}

static int scan(struct found_list *l, const char *dir, struct cmk_err *err)
{
	cleanup_dir DIR *d = opendir(dir);
	struct dirent *de;

	if (!d && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!d)
		return cmk_err_errno(err, "hooks directory '%s'", dir);
	while ((de = readdir(d)))
		if (str_has_suffix(de->d_name, ".json"))
			take(l, dir, de->d_name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static int add_file(struct spec *s, const char *path, bool has_binds, struct cmk_err *err)
{
	cleanup(hook_file_done) struct hook_file f = { 0 };
	cleanup_free char *text = NULL;
	struct stat sb;
	size_t len;
	int r = file_read_at(AT_FDCWD, path, HOOK_FILE_MAX, &text, &len, err);

	if (r == 0)
		r = hook_file_parse(text, len, &f, err);
	if (r == 0 && stat(f.hook.path, &sb) < 0)
		r = cmk_err_errno(err, "stat '%s'", f.hook.path);
	if (r == 0)
		r = hook_file_matches(&f, s, has_binds, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "parsing hook '%s'", path);
	if (r > 0)
		add_to(s, &f);
	return 0;
}

int hooks_add(struct spec *s, char *const *dirs, bool has_binds, struct cmk_err *err)
{
	cleanup(found_done) struct found_list l = { 0 };
	int r = 0;

	if (!dirs || !*dirs)
		dirs = (char *const *)(uintptr_t)default_dirs;
	for (; *dirs && r == 0; dirs++)
		r = scan(&l, *dirs, err);
	if (r == 0 && l.n)
		qsort(l.list, l.n, sizeof(*l.list), by_name);
	for (size_t i = 0; i < l.n && r == 0; i++)
		r = add_file(s, l.list[i].path, has_binds, err);
	return r;
}
