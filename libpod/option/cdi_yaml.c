// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/cdi_yaml.h"

#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	size_t n_nodes;
	struct cmk_err *err;
};

static int bad(const struct reader *r, size_t line, const char *why)
{
	return cmk_err_set(r->err, -EINVAL, "line %zu: %s", line, why);
}

static int next_event(struct reader *r, yaml_event_t *e)
{
	if (yaml_parser_parse(&r->parser, e))
		return 0;
	return bad(r, r->parser.problem_mark.line + 1,
		   r->parser.problem ? r->parser.problem : "it is neither YAML nor JSON");
}

void yaml_tree_free(struct yaml *y)
{
	/* Depth is bounded. */
	while (y) {
		struct yaml *next = y->next;

		yaml_tree_free(y->first);
		free(y->key);
		free(y->text);
		free(y);
		y = next;
	}
}

static int read_node(struct reader *r, const yaml_event_t *e, int depth, struct yaml **ret);

static void append(struct yaml *parent, struct yaml *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
}

static int read_list(struct reader *r, struct yaml *list, int depth)
{
	int r2 = 0;

	for (bool end = false; !end && r2 == 0;) {
		struct yaml *child = NULL;
		yaml_event_t e;

		r2 = next_event(r, &e);
		if (r2 < 0)
			return r2;
		end = e.type == YAML_SEQUENCE_END_EVENT;
		if (!end)
			r2 = read_node(r, &e, depth, &child);
		if (child)
			append(list, child);
		yaml_event_delete(&e);
	}
	return r2;
}

static int read_member(struct reader *r, struct yaml *map, const yaml_event_t *key, int depth)
{
	struct yaml *child = NULL;
	yaml_event_t value;
	int r2;

	if (key->type != YAML_SCALAR_EVENT || key->data.scalar.anchor)
		return bad(r, key->start_mark.line + 1, "a key has to be a plain word");
	if (yaml_get(map, (const char *)key->data.scalar.value))
		return cmk_err_set(r->err, -EINVAL, "line %zu: '%.80s' is there twice",
				   key->start_mark.line + 1, (const char *)key->data.scalar.value);
	r2 = next_event(r, &value);
	if (r2 < 0)
		return r2;
	r2 = read_node(r, &value, depth, &child);
	yaml_event_delete(&value);
	if (child) {
		child->key = xstrdup((const char *)key->data.scalar.value);
		append(map, child);
	}
	return r2;
}

static int read_map(struct reader *r, struct yaml *map, int depth)
{
	int r2 = 0;

	for (bool end = false; !end && r2 == 0;) {
		yaml_event_t e;

		r2 = next_event(r, &e);
		if (r2 < 0)
			return r2;
		end = e.type == YAML_MAPPING_END_EVENT;
		if (!end)
			r2 = read_member(r, map, &e, depth);
		yaml_event_delete(&e);
	}
	return r2;
}

static int read_scalar(struct reader *r, const yaml_event_t *e, struct yaml *y)
{
	const char *text = (const char *)e->data.scalar.value;

	if (memchr(text, '\0', e->data.scalar.length))
		return bad(r, y->line, "a text holds a NUL");
	y->text = xstrdup(text);
	y->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *e, int depth, struct yaml **ret)
{
	struct yaml *y;
	int r2 = 0;

	if (depth > YAML_DEPTH_MAX || r->n_nodes++ > YAML_NODES_MAX)
		return bad(r, e->start_mark.line + 1, "it is nested too deep, or too large");
	y = xcalloc(1, sizeof(*y));
	y->line = e->start_mark.line + 1;
	if (e->type == YAML_SCALAR_EVENT && !e->data.scalar.anchor) {
		r2 = read_scalar(r, e, y);
	} else if (e->type == YAML_SEQUENCE_START_EVENT && !e->data.sequence_start.anchor) {
		y->kind = YAML_LIST;
		r2 = read_list(r, y, depth + 1);
	} else if (e->type == YAML_MAPPING_START_EVENT && !e->data.mapping_start.anchor) {
		y->kind = YAML_MAP;
		r2 = read_map(r, y, depth + 1);
	} else {
		r2 = bad(r, y->line, "anchors and aliases are not taken");
	}
	if (r2 < 0) {
		yaml_tree_free(y);
		return r2;
	}
	*ret = y;
	return 0;
}

static int read_document(struct reader *r, struct yaml **ret)
{
	yaml_event_type_t type = YAML_NO_EVENT;
	struct yaml *root = NULL;
	yaml_event_t e;
	int r2 = 0;

	while (r2 == 0 && type != YAML_STREAM_END_EVENT) {
		r2 = next_event(r, &e);
		if (r2 < 0)
			break;
		type = e.type;
		if (type == YAML_DOCUMENT_START_EVENT && root)
			r2 = bad(r, e.start_mark.line + 1, "there is a second document");
		else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
			 type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT)
			r2 = read_node(r, &e, 0, &root);
		yaml_event_delete(&e);
	}
	if (r2 == 0 && !root)
		r2 = cmk_err_set(r->err, -EINVAL, "it is empty");
	if (r2 < 0) {
		yaml_tree_free(root);
		return r2;
	}
	*ret = root;
	return 0;
}

int yaml_tree(const char *text, size_t len, struct yaml **ret, struct cmk_err *err)
{
	struct reader r = { .err = err };
	int r2;

	if (!yaml_parser_initialize(&r.parser))
		return cmk_err_set(err, -ENOMEM, "libyaml cannot be started");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	r2 = read_document(&r, ret);
	yaml_parser_delete(&r.parser);
	return r2;
}

const struct yaml *yaml_get(const struct yaml *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	yaml_each(m, map) if (streq(m->key, key)) return m;
	return NULL;
}

bool yaml_is_null(const struct yaml *y)
{
	return !y || (y->kind == YAML_TEXT && y->plain &&
		      (!*y->text || streq(y->text, "~") || streq(y->text, "null") ||
		       streq(y->text, "Null") || streq(y->text, "NULL")));
}
