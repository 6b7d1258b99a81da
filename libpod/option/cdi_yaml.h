/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML document as a tree that knows its lines. Everything is the document's, and goes with it.
 */
#pragma once

#include "base/err.h"

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 65536

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml {
	enum yaml_kind kind;
	bool plain;  /* a text without quotes: may be a number, true, null */
	size_t line; /* from 1 */
	char *key;   /* in a map */
	char *text;  /* "" for null */
	size_t n;    /* elements */
	struct yaml *first, *last, *next;
};

/* -EINVAL with the line. */
int yaml_tree(const char *text, size_t len, struct yaml **ret, struct cmk_err *err);
void yaml_tree_free(struct yaml *y);
/* Member KEY of a map, or NULL. */
const struct yaml *yaml_get(const struct yaml *map, const char *key);
/* Absent, "null", "~" or nothing. */
bool yaml_is_null(const struct yaml *y);

#define yaml_each(child, parent)                                                  \
	for (const struct yaml *child = (parent) ? (parent)->first : NULL; child; \
	     child = child->next)
