// SPDX-License-Identifier: Apache-2.0
/* Which image was made of which: told by layers and history, nothing else records it. */
#include "image/image.h"

#define HISTORY_MAX (8U << 20)

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

static int load_history(struct storage *st, const char *id, struct json_doc **ret)
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

static bool same_step(const struct json *a, const struct json *b)
{
	static const char *const keys[] = { "created", "created_by", "author", "comment" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!streq(json_str(json_get(a, keys[i])) ?: "",
			   json_str(json_get(b, keys[i])) ?: ""))
			return false;
	return json_bool(json_get(a, "empty_layer"), false) ==
	       json_bool(json_get(b, "empty_layer"), false);
}

bool image_is_parent(struct storage *st, const struct image_record *parent,
		     const struct image_record *child)
{
	cleanup_json_doc struct json_doc *of_parent = NULL, *of_child = NULL;
	const struct json *p, *c;

	if (parent->n_layers == 0 || streq(parent->id, child->id) || !layers_begin(parent, child) ||
	    load_history(st, parent->id, &of_parent) < 0 ||
	    load_history(st, child->id, &of_child) < 0)
		return false;
	p = json_root(of_parent)->first;
	c = json_root(of_child)->first;
	for (; p && c; p = p->next, c = c->next)
		if (!same_step(p, c))
			return false;
	return !p && c;
}

bool image_has_children(struct storage *st, const struct image_record *image,
			const struct image_record *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (image_is_parent(st, image, &list[i]))
			return true;
	return false;
}
