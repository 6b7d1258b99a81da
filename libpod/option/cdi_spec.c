// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/cdi_spec.h"

#include <stdarg.h>

#include "base/parse.h"
#include "libpod/option/cdi_name.h"
#include "libpod/option/cdi_yaml.h"
#include "libpod/spec/spec.h"

struct reader {
	struct json_writer w;
	struct cmk_err *err;
	char where[256]; /* "devices[1].containerEdits." */
};

static int bad(const struct reader *r, const struct yaml *y, const char *field, const char *fmt,
	       ...) __attribute__((format(printf, 4, 5)));
static int bad(const struct reader *r, const struct yaml *y, const char *field, const char *fmt,
	       ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return cmk_err_set(r->err, -EINVAL, "line %zu: %s%s: %s", y->line, r->where, field, why);
}

/* Goes down to a part of the document; the length to come back to. */
static size_t enter(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static size_t enter(struct reader *r, const char *fmt, ...)
{
	size_t len = strlen(r->where);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->where + len, sizeof(r->where) - len, fmt, ap);
	va_end(ap);
	return len;
}

static void leave(struct reader *r, size_t len)
{
	r->where[len] = '\0';
}

enum kind { TEXT, NUMBER, TEXTS, NUMBERS, OBJECT, OBJECTS, NOTES };
struct field {
	const char *name;
	enum kind kind;
	bool required;
	int64_t max;					     /* of numbers */
	int (*read)(struct reader *r, const struct yaml *y); /* of objects */
};

static int one_text(struct reader *r, const struct yaml *y, const char *field, const char *key)
{
	if (y->kind != YAML_TEXT || (y->plain && yaml_is_null(y)))
		return bad(r, y, field, "it is not a text");
	json_write_str(&r->w, key, y->text);
	return 0;
}

/* Also 0666 and 0o666, as a mode is written. */
static int one_number(struct reader *r, const struct yaml *y, const struct field *f,
		      const char *key)
{
	bool octal = y->kind == YAML_TEXT && y->text[0] == '0' && y->text[1];
	uint32_t mode;
	int64_t n;

	if (y->kind != YAML_TEXT || !y->plain)
		return bad(r, y, f->name, "it is not a number");
	if (octal && parse_octal(y->text + (y->text[1] == 'o' ? 2 : 1), UINT32_MAX, &mode) == 0)
		n = mode;
	else if (octal || parse_i64(y->text, INT64_MIN, INT64_MAX, &n) < 0)
		return bad(r, y, f->name, "'%.40s' is not a number", y->text);
	if (n < 0 || n > f->max)
		return bad(r, y, f->name, "%lld is not from 0 to %lld", (long long)n,
			   (long long)f->max);
	json_write_i64(&r->w, key, n);
	return 0;
}

static int a_list(struct reader *r, const struct yaml *y, const struct field *f)
{
	size_t i = 0;
	int r2 = 0;

	if (y->kind != YAML_LIST)
		return bad(r, y, f->name, "it is not a list");
	json_write_array(&r->w, f->name);
	yaml_each(v, y)
	{
		size_t back = enter(r, "%s[%zu]", f->name, i++);

		if (f->kind == TEXTS) {
			r2 = one_text(r, v, "", NULL);
		} else if (f->kind == NUMBERS) {
			const struct field element = { .name = "", .max = f->max };

			r2 = one_number(r, v, &element, NULL);
		} else {
			(void)enter(r, ".");
			json_write_object(&r->w, NULL);
			r2 = f->read(r, v);
			json_write_end(&r->w, '}');
		}
		leave(r, back);
		if (r2 < 0)
			return r2;
	}
	json_write_end(&r->w, ']');
	return 0;
}

/* Words for people, which change nothing. */
static int notes(struct reader *r, const struct yaml *y, const struct field *f)
{
	if (y->kind != YAML_MAP)
		return bad(r, y, f->name, "it is not an object");
	yaml_each(v, y) if (v->kind != YAML_TEXT) return bad(r, v, f->name, "'%.80s' is not a text",
							     v->key);
	return 0;
}

static int member(struct reader *r, const struct yaml *y, const struct field *f)
{
	size_t back;
	int r2;

	switch (f->kind) {
	case TEXT:
		return one_text(r, y, f->name, f->name);
	case NUMBER:
		return one_number(r, y, f, f->name);
	case NOTES:
		return notes(r, y, f);
	case OBJECT:
		back = enter(r, "%s.", f->name);
		json_write_object(&r->w, f->name);
		r2 = f->read(r, y);
		json_write_end(&r->w, '}');
		leave(r, back);
		return r2;
	default:
		return a_list(r, y, f);
	}
}

static int object(struct reader *r, const struct yaml *y, const struct field *fields)
{
	if (y->kind != YAML_MAP)
		return bad(r, y, "", "it is not an object");
	yaml_each(v, y)
	{
		const struct field *f = fields;
		int r2;

		while (f->name && !streq(f->name, v->key))
			f++;
		if (!f->name)
			return bad(r, v, v->key, "there is no such field");
		if (yaml_is_null(v))
			continue;
		r2 = member(r, v, f);
		if (r2 < 0)
			return r2;
	}
	for (const struct field *f = fields; f->name; f++)
		if (f->required && yaml_is_null(yaml_get(y, f->name)))
			return bad(r, y, f->name, "it is missing");
	return 0;
}

static const char *text_of(const struct yaml *map, const char *key)
{
	const struct yaml *y = yaml_get(map, key);

	return y && y->kind == YAML_TEXT && !yaml_is_null(y) ? y->text : "";
}

static int check_path(const struct reader *r, const struct yaml *y, const char *key)
{
	const char *path = text_of(y, key);

	return *path && *path != '/'
		       ? bad(r, yaml_get(y, key), key, "'%.200s' is not an absolute path", path)
		       : 0;
}

static int device_node(struct reader *r, const struct yaml *y)
{
	static const struct field fields[] = {
		{ "path", TEXT, true },
		{ "hostPath", TEXT },
		{ "type", TEXT },
		{ "major", NUMBER, .max = INT32_MAX },
		{ "minor", NUMBER, .max = INT32_MAX },
		{ "fileMode", NUMBER, .max = UINT32_MAX },
		{ "permissions", TEXT },
		{ "uid", NUMBER, .max = UINT32_MAX - 1 },
		{ "gid", NUMBER, .max = UINT32_MAX - 1 },
		{ 0 },
	};
	const char *type = text_of(y, "type"), *permissions = text_of(y, "permissions");
	int r2 = object(r, y, fields);

	if (r2 < 0 || check_path(r, y, "path") < 0 || check_path(r, y, "hostPath") < 0)
		return -EINVAL;
	if (*type && (type[1] || !strchr("bcup", *type)))
		return bad(r, yaml_get(y, "type"), "type", "'%.40s' is not b, c, u or p", type);
	if (permissions[strspn(permissions, "rwm")])
		return bad(r, yaml_get(y, "permissions"), "permissions",
			   "'%.40s' is not made of r, w and m", permissions);
	return 0;
}

static int bind_mount(struct reader *r, const struct yaml *y)
{
	static const struct field fields[] = {
		{ "hostPath", TEXT, true },
		{ "containerPath", TEXT, true },
		{ "options", TEXTS },
		{ "type", TEXT },
		{ 0 },
	};
	int r2 = object(r, y, fields);

	return r2 < 0 ? r2 : check_path(r, y, "containerPath");
}

static int hook(struct reader *r, const struct yaml *y)
{
	static const struct field fields[] = {
		{ "hookName", TEXT, true },
		{ "path", TEXT, true },
		{ "args", TEXTS },
		{ "env", TEXTS },
		{ "timeout", NUMBER, .max = INT32_MAX / 1000 },
		{ 0 },
	};
	const char *name = text_of(y, "hookName");
	int r2 = object(r, y, fields);

	if (r2 < 0)
		return r2;
	if (hook_stage_number(name) >= 0)
		return check_path(r, y, "path");
	return bad(r, yaml_get(y, "hookName"), "hookName", "'%.80s' is not the name of a hook",
		   name);
}

/* Whatever stands in it, of this alone one thing is said: who asks for it is refused. */
static int intel_rdt(struct reader *r, const struct yaml *y)
{
	return y->kind == YAML_MAP ? 0 : bad(r, y, "", "it is not an object");
}

static int edits(struct reader *r, const struct yaml *y)
{
	static const struct field fields[] = {
		{ "env", TEXTS },
		{ "deviceNodes", OBJECTS, .read = device_node },
		{ "hooks", OBJECTS, .read = hook },
		{ "mounts", OBJECTS, .read = bind_mount },
		{ "intelRdt", OBJECT, .read = intel_rdt },
		{ "additionalGids", NUMBERS, .max = UINT32_MAX - 1 },
		{ 0 },
	};
	const struct yaml *env = yaml_get(y, "env");
	int r2 = object(r, y, fields);

	if (r2 < 0)
		return r2;
	if (!yaml_is_null(yaml_get(y, "intelRdt")))
		json_write_bool(&r->w, "hasIntelRdt", true);
	yaml_each(v, env) if (!strchr(v->text, '=') || v->text[0] == '=') return bad(
		r, v, "env", "'%.80s' is not of the form NAME=VALUE", v->text);
	return 0;
}

static int device(struct reader *r, const struct yaml *y)
{
	static const struct field fields[] = {
		{ "name", TEXT, true },
		{ "annotations", NOTES },
		{ "containerEdits", OBJECT, true, .read = edits },
		{ 0 },
	};
	int r2 = object(r, y, fields);

	if (r2 == 0 && !cdi_device_valid(text_of(y, "name")))
		r2 = bad(r, yaml_get(y, "name"), "name", "'%.80s' is not a device's name",
			 text_of(y, "name"));
	return r2;
}

static int check_version(const struct reader *r, const struct yaml *y)
{
	static const char *const known[] = { "0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
					     "0.6.0", "0.7.0", "0.8.0", "1.0.0" };
	const char *version = text_of(y, "cdiVersion");

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(version, known[i]))
			return 0;
	return bad(r, yaml_get(y, "cdiVersion"), "cdiVersion",
		   "version '%.40s' of CDI is not known here (0.1.0 to 1.0.0)", version);
}

static int check_devices(const struct reader *r, const struct yaml *list)
{
	if (!list || list->n == 0)
		return bad(r, list, "devices", "there is no device");
	yaml_each(a, list) for (const struct yaml *b = a->next; b; b = b->next) if (
		streq(text_of(a, "name"), text_of(b, "name"))) return bad(r, b, "devices",
									  "'%.80s' is there twice",
									  text_of(a, "name"));
	return 0;
}

static int root(struct reader *r, const struct yaml *y)
{
	static const struct field fields[] = {
		{ "cdiVersion", TEXT, true },
		{ "kind", TEXT, true },
		{ "annotations", NOTES },
		{ "devices", OBJECTS, true, .read = device },
		{ "containerEdits", OBJECT, .read = edits },
		{ 0 },
	};
	int r2;

	/* A newer version may have what we do not know: that is said first. */
	if (y->kind == YAML_MAP && *text_of(y, "cdiVersion") && check_version(r, y) < 0)
		return -EINVAL;
	r2 = object(r, y, fields);
	if (r2 < 0)
		return r2;
	if (!cdi_kind_valid(text_of(y, "kind")))
		return bad(r, yaml_get(y, "kind"), "kind",
			   "'%.80s' is not of the form VENDOR/CLASS", text_of(y, "kind"));
	return check_devices(r, yaml_get(y, "devices"));
}

int cdi_spec_to_json(const char *text, size_t len, char **ret, size_t *ret_len, struct cmk_err *err)
{
	struct reader r = { .err = err };
	struct yaml *tree = NULL;
	int r2;

	if (len > CDI_FILE_MAX)
		return cmk_err_set(err, -EFBIG, "it is larger than %zu bytes", CDI_FILE_MAX);
	r2 = yaml_tree(text, len, &tree, err);
	if (r2 < 0)
		return r2;
	json_write_object(&r.w, NULL);
	r2 = root(&r, tree);
	json_write_end(&r.w, '}');
	yaml_tree_free(tree);
	if (r2 < 0) {
		json_writer_done(&r.w);
		return r2;
	}
	return json_writer_finish(&r.w, ret, ret_len, err);
}
