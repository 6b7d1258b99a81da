// SPDX-License-Identifier: Apache-2.0
/* Which image was made of which: told by layers and history, nothing else records it. */
#include "image/image.h"

#define HISTORY_MAX (8U << 20)
/* A history that is longer has no family: each step costs memory. */
#define STEPS_MAX ((size_t)8192)

/* steps[i] is the digest of all steps up to the i-th. */
struct history {
	bool loaded;
	struct digest *steps;
	size_t n;
};

struct image_family {
	struct storage *st;
	const struct image_record *list;
	size_t n;
	struct history *histories; /* of each of LIST, read when it is first asked for */
};

struct image_family *image_family_new(struct storage *st, const struct image_record *list, size_t n)
{
	struct image_family *f = xcalloc(1, sizeof(*f));

	f->st = st;
	f->list = list;
	f->n = n;
	f->histories = xcalloc(n + 1, sizeof(*f->histories));
	return f;
}

struct image_family *image_family_free(struct image_family *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		free(f->histories[i].steps);
	free(f->histories);
	free(f);
	return NULL;
}

bool image_layers_same(const struct image_layer_ref *a, const struct image_layer_ref *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!streq_null(a[i].diff_id, b[i].diff_id))
			return false;
	return true;
}

static bool layers_begin(const struct image_record *parent, const struct image_record *child)
{
	return parent->n_layers <= child->n_layers &&
	       image_layers_same(parent->layers, child->layers, parent->n_layers);
}

static int parse_history(struct storage *st, const char *id, struct json_doc **ret)
{
	struct image_config cfg = { 0 };
	int r = image_config_load(st, id, &cfg, NULL);

	if (r == 0)
		r = cfg.history_json ? json_parse(cfg.history_json, strlen(cfg.history_json),
						  HISTORY_MAX, ret, NULL)
				     : -ENODATA;
	image_config_done(&cfg);
	return r;
}

/* The step as far as it counts, with its end after each word. */
static void add_step(struct digest_ctx *c, const struct json *step)
{
	static const char *const keys[] = { "created", "created_by", "author", "comment" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *word = json_str(json_get(step, keys[i])) ?: "";

		digest_update(c, word, strlen(word) + 1);
	}
	digest_update(c, json_bool(json_get(step, "empty_layer"), false) ? "1" : "0", 1);
}

static const struct history *history_of(struct image_family *f, const struct image_record *image)
{
	struct history *h = &f->histories[image - f->list];
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *root;
	struct digest_ctx *c;

	if (h->loaded)
		return h;
	h->loaded = true;
	if (parse_history(f->st, image->id, &doc) < 0)
		return h;
	root = json_root(doc);
	if (root->type != JSON_ARRAY || root->n > STEPS_MAX)
		return h;
	h->steps = xcalloc(root->n + 1, sizeof(*h->steps));
	c = digest_new();
	json_each (step, root) {
		if (h->n > 0)
			digest_update(c, h->steps[h->n - 1].hex, DIGEST_HEX_LEN);
		add_step(c, step);
		digest_final(c, &h->steps[h->n++]);
	}
	digest_ctx_free(c);
	return h;
}

bool image_family_is_parent(struct image_family *f, const struct image_record *parent,
			    const struct image_record *child)
{
	const struct history *p, *c;

	if (parent->n_layers == 0 || parent == child || !layers_begin(parent, child))
		return false;
	p = history_of(f, parent);
	c = history_of(f, child);
	return p->n < c->n && (p->n > 0 ? streq(p->steps[p->n - 1].hex, c->steps[p->n - 1].hex)
					: p->steps != NULL);
}

bool image_family_has_children(struct image_family *f, const struct image_record *image)
{
	for (size_t i = 0; i < f->n; i++)
		if (image_family_is_parent(f, image, &f->list[i]))
			return true;
	return false;
}
