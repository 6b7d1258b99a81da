// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "image/registries.h"

static void write_endpoint(struct json_writer *w, const struct registry_endpoint *e)
{
	json_write_str(w, "Location", e->location);
	json_write_bool(w, "Insecure", e->insecure);
	json_write_str(w, "PullFromMirror",
		       e->digest_only ? "digest-only"
		       : e->tag_only  ? "tag-only"
				      : "");
}

static void write_entry(struct json_writer *w, const struct registry_entry *e)
{
	json_write_object(w, e->prefix);
	json_write_str(w, "Prefix", e->prefix);
	write_endpoint(w, &e->own);
	if (e->n_mirrors == 0) {
		json_write_null(w, "Mirrors");
	} else {
		json_write_array(w, "Mirrors");
		for (size_t i = 0; i < e->n_mirrors; i++) {
			json_write_object(w, NULL);
			write_endpoint(w, &e->mirrors[i]);
			json_write_end(w, '}');
		}
		json_write_end(w, ']');
	}
	json_write_bool(w, "Blocked", e->blocked);
	json_write_bool(w, "MirrorByDigestOnly", e->mirror_by_digest_only);
	json_write_end(w, '}');
}

int image_registries_write(struct json_writer *w, struct cmk_err *err)
{
	cleanup(registries_conf_done) struct registries_conf conf = { 0 };
	int r = registries_conf_load(&conf, err);

	if (r < 0)
		return r;
	json_write_object(w, "registries");
	for (size_t i = 0; i < conf.n_entries; i++)
		write_entry(w, &conf.entries[i]);
	json_write_strv(w, "search", registries_search(&conf));
	json_write_end(w, '}');
	return 0;
}
