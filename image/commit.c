// SPDX-License-Identifier: Apache-2.0
/* An image of what a container has become. */
#include "image/changes.h"
#include "image/compose.h"
#include "image/manifest.h"
#include "image/progress.h"

static void set(char **to, const char *value)
{
	free(*to);
	*to = xstrdup_null(value);
}

static int finish_config(const struct image_commit_options *o, struct image_config *cfg,
			 struct cmk_err *err)
{
	struct platform host;

	platform_host(&host);
	if (!cfg->os)
		cfg->os = xstrdup(host.os);
	if (!cfg->architecture) {
		cfg->architecture = xstrdup(host.arch);
		set(&cfg->variant, host.variant);
	}
	free(cfg->created);
	cfg->created = time_now_rfc3339();
	set(&cfg->author, o->author);
	if (o->squash)
		set(&cfg->history_json, NULL);
	for (char *const *c = o->changes; c && *c; c++) {
		int r = change_apply(*c, cfg, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void copy_ref(struct image_layer_ref *to, const struct image_layer_ref *from)
{
	*to = (struct image_layer_ref){ .diff_id = xstrdup(from->diff_id),
					.pending = from->pending,
					.blob = xstrdup_null(from->blob),
					.media_type = xstrdup_null(from->media_type),
					.blob_size = from->blob_size,
					.size = from->size };
}

/* What is known of the layers below: of an image that is gone, their names alone. */
static size_t base_layers(struct storage *st, const struct image_commit_options *o,
			  struct image_layer_ref *ret)
{
	struct image_record base = { 0 };
	size_t n = o->squash ? 0 : o->n_layers, n_base = n - MIN(n, o->n_own);
	bool known = n_base && o->base && storage_image_load(st, o->base, &base, NULL) == 0 &&
		     base.n_layers == n_base;

	for (size_t i = 0; i < n; i++) {
		struct digest id;

		copy_ref(&ret[i], known && i < n_base ? &base.layers[i] : &o->layers[i]);
		if (ret[i].size == 0 && digest_parse(ret[i].diff_id, &id, NULL) == 0)
			ret[i].size = storage_layer_size(st, &id);
		storage_layer_resolve(st, &ret[i]);
	}
	image_record_done(&base);
	return n;
}

/* The new layer, *N of them: one, or none where the layers below are all that there is. */
static int top_layer(struct storage *st, const struct image_commit_options *o,
		     struct image_layer_ref *ret, size_t *n, struct cmk_err *err)
{
	enum image_commit_top how = COMMIT_READ;
	struct layer_result layer;
	int r = o->top && !o->squash ? o->top(o->arg, &how, ret, err) : 0;

	*n = how != COMMIT_NOTHING;
	if (r < 0 || how != COMMIT_READ)
		return r;
	r = storage_layer_make(st, o->pack, o->arg, &layer, err);
	if (r == 0)
		compose_layer(ret, &layer);
	return r;
}

static void tell_layers(struct progress *p, const struct image_layer_ref *refs, size_t n,
			size_t n_base)
{
	for (size_t i = 0; i < n; i++)
		progress_line(p, "Copying blob %s %s", refs[i].diff_id,
			      i < n_base ? "skipped: already exists" : "done");
}

/* A step of the history for each layer that is not the image's; the last one is written with the
 * config. */
static int add_steps(struct image_config *cfg, const struct image_commit_options *o, size_t n_new,
		     struct cmk_err *err)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < n_new; i++)
		r = config_add_step(cfg, o->created_by, err);
	return r;
}

static int commit(struct storage *st, struct image_config *cfg,
		  const struct image_commit_options *o, struct image_layer_ref *refs, size_t *n,
		  char **ret_id, struct cmk_err *err)
{
	cleanup_progress struct progress *progress = progress_new(o->quiet);
	size_t n_top = 0;
	int r;

	progress_line(progress, "Getting image source signatures");
	*n = base_layers(st, o, refs);
	r = top_layer(st, o, &refs[*n], &n_top, err);
	if (r < 0)
		return r;
	*n += n_top;
	tell_layers(progress, refs, *n, *n - n_top);
	r = add_steps(cfg, o, n_top + (o->squash ? 0 : o->n_own), err);
	cfg->diff_ids = strv_free(cfg->diff_ids);
	for (size_t i = 0; i < *n; i++)
		strv_add(&cfg->diff_ids, refs[i].diff_id);
	if (r == 0)
		r = compose_image(st, cfg, refs, *n,
				  o->docker_format ? COMPOSE_DOCKER : COMPOSE_OCI, o->created_by,
				  o->message, ret_id, err);
	if (r < 0)
		return r;
	progress_line(progress, "Copying config sha256:%s", *ret_id);
	progress_line(progress, "Writing manifest to image destination");
	return 0;
}

int image_commit(struct storage *st, struct image_config *cfg, const char *name,
		 const struct image_commit_options *o, char **ret_id, struct cmk_err *err)
{
	struct image_layer_ref *refs = xcalloc(o->n_layers + 1, sizeof(*refs));
	cleanup_free char *full = NULL, *id = NULL;
	size_t n = 0;
	int r;

	r = name ? image_new_name(name, &full, err) : 0;
	if (r >= 0)
		r = finish_config(o, cfg, err);
	if (r >= 0)
		r = commit(st, cfg, o, refs, &n, &id, err);
	for (size_t i = 0; i < n; i++)
		compose_layer_done(&refs[i]);
	free(refs);
	if (r >= 0 && full)
		r = storage_name_set(st, full, id, err);
	if (r < 0)
		return r;
	*ret_id = steal_ptr(&id);
	return 0;
}
