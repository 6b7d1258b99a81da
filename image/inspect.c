// SPDX-License-Identifier: Apache-2.0
/* `image inspect`: the keys and types are podman's. */
#include "image/image.h"
#include "image/manifest.h"

static void write_member(struct json_writer *w, const struct json *from, const char *key)
{
	const struct json *v = json_get(from, key);

	if (v && v->type != JSON_NULL)
		json_write_value(w, key, v);
}

static void write_str_or_empty(struct json_writer *w, const char *key, const char *s)
{
	json_write_str(w, key, s ? s : "");
}

/* The container part of the config, without what is empty there too. */
static void write_config(struct json_writer *w, const struct json *cfg)
{
	static const char *const keys[] = { "User",	  "ExposedPorts", "Env",
					    "Entrypoint", "Cmd",	  "Volumes",
					    "WorkingDir", "Labels",	  "StopSignal",
					    "OnBuild",	  "Shell",	  "ArgsEscaped",
					    "Healthcheck" }; /* the last: docker's place for it */

	json_write_object(w, "Config");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		write_member(w, cfg, keys[i]);
	json_write_end(w, '}');
}

static void write_graph_driver(struct json_writer *w, struct storage *st,
			       const struct image_record *rec)
{
	cleanup_strbuf struct strbuf lower = STRBUF_INIT;
	struct storage_driver driver = { 0 };
	const char *hex;

	json_write_object(w, "GraphDriver");
	if (storage_driver_get(st, &driver, NULL) < 0)
		driver.name = "overlay";
	json_write_str(w, "Name", driver.name);
	json_write_object(w, "Data");
	for (size_t i = rec->n_layers; i-- > 0;) {
		hex = str_after(rec->layers[i].diff_id, "sha256:");
		if (i + 1 == rec->n_layers) {
			cleanup_free char *upper = xasprintf("%s/layers/%s/diff", st->root,
							     hex ? hex : "");

			json_write_str(w, "UpperDir", upper);
			continue;
		}
		strbuf_addf(&lower, "%s%s/layers/%s/diff", lower.len ? ":" : "", st->root,
			    hex ? hex : "");
	}
	if (lower.len)
		json_write_str(w, "LowerDir", strbuf_str(&lower));
	json_write_end(w, '}');
	json_write_end(w, '}');
}

static void write_image(struct json_writer *w, struct storage *st, const struct image_record *rec,
			const struct json *root, const struct json *annotations)
{
	const struct json *cfg = json_get(root, "config"), *v;
	const struct json *history = json_get(root, "history");
	cleanup_strv char **names_history = storage_image_name_history(st, rec);
	const char *comment = json_str(json_get(root, "comment"));

	json_write_object(w, NULL);
	json_write_str(w, "Id", rec->id);
	write_str_or_empty(w, "Digest", storage_image_digest(rec));
	json_write_strv(w, "RepoTags", rec->names);
	json_write_strv(w, "RepoDigests", rec->repo_digests);
	json_write_str(w, "Parent", "");
	/* Buildah writes the comment into the last step. */
	for (v = history ? history->first : NULL; v && !comment; v = v->next)
		if (!v->next)
			comment = json_str(json_get(v, "comment"));
	write_str_or_empty(w, "Comment", comment);
	write_str_or_empty(w, "Created", rec->created);
	write_config(w, cfg);
	write_str_or_empty(w, "Version", json_str(json_get(root, "docker_version")));
	write_str_or_empty(w, "Author", json_str(json_get(root, "author")));
	write_str_or_empty(w, "Architecture", rec->architecture);
	write_str_or_empty(w, "Os", rec->os);
	if (rec->variant && *rec->variant)
		json_write_str(w, "Variant", rec->variant);
	json_write_u64(w, "Size", rec->size);
	json_write_u64(w, "VirtualSize", rec->size);
	write_graph_driver(w, st, rec);
	json_write_object(w, "RootFS");
	json_write_str(w, "Type", "layers");
	json_write_array(w, "Layers");
	for (size_t i = 0; i < rec->n_layers; i++)
		json_write_str(w, NULL, rec->layers[i].diff_id);
	json_write_end(w, ']');
	json_write_end(w, '}');
	v = json_get(cfg, "Labels");
	if (v && v->type == JSON_OBJECT)
		json_write_value(w, "Labels", v);
	else
		json_write_null(w, "Labels");
	if (annotations && annotations->type == JSON_OBJECT) {
		json_write_value(w, "Annotations", annotations);
	} else {
		json_write_object(w, "Annotations");
		json_write_end(w, '}');
	}
	write_str_or_empty(w, "ManifestType", rec->manifest_type);
	write_str_or_empty(w, "User", json_str(json_get(cfg, "User")));
	if (history && history->type == JSON_ARRAY) {
		json_write_value(w, "History", history);
	} else {
		json_write_array(w, "History");
		json_write_end(w, ']');
	}
	json_write_strv(w, "NamesHistory", names_history);
	v = json_get(cfg, "Healthcheck");
	if (v && v->type == JSON_OBJECT)
		json_write_value(w, "Healthcheck", v);
	json_write_end(w, '}');
}

int image_inspect(struct storage *st, const char *id, struct json_writer *w, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *config = NULL, *manifest = NULL;
	cleanup_free char *config_text = NULL, *manifest_text = NULL;
	struct image_record rec = { 0 };
	size_t config_len = 0, manifest_len = 0;
	int r;

	r = storage_image_load(st, id, &rec, err);
	if (r < 0)
		return r;
	/* A manifest list has none. */
	if (!rec.is_list)
		r = storage_image_config(st, id, &config_text, &config_len, err);
	if (r == 0 && !rec.is_list)
		r = json_parse(config_text, config_len, IMAGE_CONFIG_MAX, &config, err);
	if (r == 0 && !rec.pending)
		r = storage_image_manifest(st, id, &manifest_text, &manifest_len, err);
	if (r == 0 && !rec.pending)
		r = json_parse(manifest_text, manifest_len, IMAGE_MANIFEST_MAX, &manifest, err);
	if (r == 0)
		write_image(w, st, &rec, json_root(config),
			    manifest ? json_get(json_root(manifest), "annotations") : NULL);
	else
		(void)cmk_err_wrap(err, r, "image '%.12s'", id);
	image_record_done(&rec);
	return r;
}
