// SPDX-License-Identifier: Apache-2.0
/* The image config (image-spec config.md), as far as a container takes from it. */
#include "image/image.h"
#include "image/manifest.h"

void image_config_done(struct image_config *c)
{
	char ***vectors[] = { &c->env,		 &c->entrypoint, &c->cmd,      &c->labels,
			      &c->exposed_ports, &c->volumes,	 &c->diff_ids, &c->on_build };
	char *strings[] = { c->user,	     c->working_dir, c->stop_signal,
			    c->architecture, c->os,	     c->variant,
			    c->created,	     c->author,	     c->healthcheck_json,
			    c->history_json };

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		*vectors[i] = strv_free(*vectors[i]);
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free(strings[i]);
	*c = (struct image_config){ 0 };
}

static void cleanup_config(struct image_config *c)
{
	image_config_done(c);
}

static int take_str(const struct json *obj, const char *key, char **ret, struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);

	if (!v || v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING)
		return cmk_err_set(err, -EINVAL, "'%s' is not a string", key);
	*ret = xstrdup(v->text);
	return 0;
}

static int take_strv(const struct json *obj, const char *key, char ***ret, struct cmk_err *err)
{
	if (json_strv(json_get(obj, key), ret) < 0)
		return cmk_err_set(err, -EINVAL, "'%s' is not an array of strings", key);
	return 0;
}

/* An object; "KEY=VALUE" each where the values count (labels), the keys alone otherwise. */
static int take_map(const struct json *obj, const char *key, bool values, char ***ret,
		    struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);

	if (!v || v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "'%s' is not an object", key);
	json_each (m, v) {
		if (!values)
			strv_add(ret, m->key);
		else if (m->type == JSON_STRING)
			strv_add_take(ret, xasprintf("%s=%s", m->key, m->text));
		else
			return cmk_err_set(err, -EINVAL, "'%s.%s' is not a string", key, m->key);
	}
	return 0;
}

static int take_raw(const struct json *obj, const char *key, char **ret, struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);
	struct json_writer w = JSON_WRITER_INIT;
	size_t len;

	if (!v || v->type == JSON_NULL)
		return 0;
	json_write_value(&w, NULL, v);
	return json_writer_finish(&w, ret, &len, err);
}

static int take_diff_ids(const struct json *root, char ***ret, struct cmk_err *err)
{
	const struct json *v = json_path(root, "rootfs.diff_ids");
	const char *type = json_str(json_path(root, "rootfs.type"));
	struct digest d;

	if (type && !streq(type, "layers"))
		return cmk_err_set(err, -EINVAL, "rootfs type '%.40s' is not 'layers'", type);
	if (json_strv(v, ret) < 0)
		return cmk_err_set(err, -EINVAL, "'rootfs.diff_ids' is not an array of strings");
	if (strv_len(*ret) > IMAGE_LAYERS_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d layers", IMAGE_LAYERS_MAX);
	for (char **p = *ret; p && *p; p++) {
		int r = digest_parse(*p, &d, err);

		if (r < 0)
			return cmk_err_wrap(err, r, "rootfs.diff_ids");
	}
	return 0;
}

static int config_read(const struct json *root, struct image_config *c, struct cmk_err *err)
{
	const struct json *cfg = json_get(root, "config");
	int r;

	if (!root || root->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "not a JSON object");
	if (cfg && cfg->type != JSON_OBJECT && cfg->type != JSON_NULL)
		return cmk_err_set(err, -EINVAL, "'config' is not an object");
	if ((r = take_str(root, "architecture", &c->architecture, err)) < 0 ||
	    (r = take_str(root, "os", &c->os, err)) < 0 ||
	    (r = take_str(root, "variant", &c->variant, err)) < 0 ||
	    (r = take_str(root, "created", &c->created, err)) < 0 ||
	    (r = take_str(root, "author", &c->author, err)) < 0 ||
	    (r = take_diff_ids(root, &c->diff_ids, err)) < 0 ||
	    (r = take_raw(root, "history", &c->history_json, err)) < 0 ||
	    (r = take_str(cfg, "User", &c->user, err)) < 0 ||
	    (r = take_str(cfg, "WorkingDir", &c->working_dir, err)) < 0 ||
	    (r = take_str(cfg, "StopSignal", &c->stop_signal, err)) < 0 ||
	    (r = take_strv(cfg, "Env", &c->env, err)) < 0 ||
	    (r = take_strv(cfg, "Entrypoint", &c->entrypoint, err)) < 0 ||
	    (r = take_strv(cfg, "Cmd", &c->cmd, err)) < 0 ||
	    (r = take_strv(cfg, "OnBuild", &c->on_build, err)) < 0 ||
	    (r = take_map(cfg, "Labels", true, &c->labels, err)) < 0 ||
	    (r = take_map(cfg, "ExposedPorts", false, &c->exposed_ports, err)) < 0 ||
	    (r = take_map(cfg, "Volumes", false, &c->volumes, err)) < 0 ||
	    (r = take_raw(cfg, "Healthcheck", &c->healthcheck_json, err)) < 0)
		return r;
	return 0;
}

int image_config_parse(const char *text, size_t len, struct image_config *ret, struct cmk_err *err)
{
	cleanup(cleanup_config) struct image_config c = { 0 };
	cleanup_json_doc struct json_doc *doc = NULL;
	int r;

	r = json_parse(text, len, IMAGE_CONFIG_MAX, &doc, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "image config");
	r = config_read(json_root(doc), &c, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "image config");
	*ret = c;
	c = (struct image_config){ 0 };
	return 0;
}

int image_config_load(struct storage *st, const char *id, struct image_config *ret,
		      struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	r = storage_image_config(st, id, &text, &len, err);
	if (r < 0)
		return r;
	r = image_config_parse(text, len, ret, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "image '%.12s'", id);
	return 0;
}
