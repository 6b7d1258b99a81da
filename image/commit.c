// SPDX-License-Identifier: Apache-2.0
/* An image of what a container has become. */
#include <fcntl.h>

#include "image/changes.h"
#include "image/compose.h"
#include "image/manifest.h"

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

/* One child reads the files, another unpacks them again as a layer: that says the layer's digest,
 * and what is kept is what it is of. */
static int make_layer(struct storage *st, const struct image_commit_options *o,
		      struct layer_result *ret, struct cmk_err *err)
{
	struct cmk_err packing = CMK_ERR_INIT, unpacking = CMK_ERR_INIT;
	struct layer_unpack u = { .compression = LAYER_TAR };
	cleanup_close int in = -1, out = -1;
	struct layer_job *job = NULL;
	int p[2], r, packed;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	u.in_fd = in = p[0];
	out = p[1];
	(void)fcntl(out, F_SETPIPE_SZ, 1 << 20);
	r = storage_layer_start(st, &u, &job, err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&in));
	packed = o->pack(o->arg, out, &packing);
	/* A stream that was cut short must not be taken for a whole one. */
	if (packed < 0 && packed != -EPIPE) {
		storage_layer_cancel(job);
		return cmk_err_move(err, &packing);
	}
	(void)close(steal_fd(&out));
	r = storage_layer_collect(job, ret, &unpacking);
	if (r >= 0 && packed < 0)
		return cmk_err_move(err, &packing);
	cmk_err_done(&packing);
	return r < 0 ? cmk_err_move(err, &unpacking) : 0;
}

static void copy_ref(struct image_layer_ref *to, const struct image_layer_ref *from)
{
	*to = (struct image_layer_ref){ .diff_id = xstrdup(from->diff_id),
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
	size_t n = o->squash ? 0 : o->n_layers;
	bool known = n && o->base && storage_image_load(st, o->base, &base, NULL) == 0 &&
		     base.n_layers == n;

	for (size_t i = 0; i < n; i++)
		copy_ref(&ret[i], known ? &base.layers[i] : &o->layers[i]);
	image_record_done(&base);
	return n;
}

int image_commit(struct storage *st, struct image_config *cfg, const char *name,
		 const struct image_commit_options *o, char **ret_id, struct cmk_err *err)
{
	struct image_layer_ref *refs = xcalloc(o->n_layers + 1, sizeof(*refs));
	cleanup_free char *full = NULL, *id = NULL;
	struct layer_result layer;
	size_t n = 0;
	int r;

	r = name ? image_new_name(name, &full, err) : 0;
	if (r >= 0)
		r = finish_config(o, cfg, err);
	if (r >= 0)
		r = make_layer(st, o, &layer, err);
	if (r >= 0) {
		n = base_layers(st, o, refs);
		compose_layer(&refs[n++], &layer);
		cfg->diff_ids = strv_free(cfg->diff_ids);
		for (size_t i = 0; i < n; i++)
			strv_add(&cfg->diff_ids, refs[i].diff_id);
		r = compose_image(st, cfg, refs, n, o->docker_format ? COMPOSE_DOCKER : COMPOSE_OCI,
				  o->created_by, o->message, &id, err);
	}
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
