/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML 1.0, as far as configuration files use it: tables, arrays of tables, inline tables, arrays,
 * the four kinds of strings, integers, booleans and comments. Floats and dates are kept as text.
 * Double keys are refused. Errors name the line.
 */
#pragma once

#include "base/err.h"

enum toml_type { TOML_STRING, TOML_INT, TOML_BOOL, TOML_OTHER, TOML_ARRAY, TOML_TABLE };

/* A value; lives as long as its document. `key` is its name inside a table, else NULL. */
struct toml {
	enum toml_type type;
	char *key;
	char *text; /* strings (NUL-ended, no inner NUL) and other scalars */
	int64_t integer;
	bool boolean;
	bool opened; /* a table with a header line of its own */
	bool closed; /* a table that may not be opened again, an array that was written out */
	int line;
	struct toml *first, *last; /* children of arrays and tables */
	struct toml *next;
};

#define TOML_SIZE_MAX ((size_t)1 << 20)
#define TOML_DEPTH_MAX 16

/* Parses TEXT (at most TOML_SIZE_MAX bytes). -EINVAL with "line N: reason". The root is a table;
 * free it with toml_free(). */
int toml_parse(const char *text, size_t len, struct toml **ret, struct cmk_err *err);
void toml_free(struct toml *t);
static inline void cleanup_toml_fn(struct toml **t)
{
	toml_free(*t);
}
#define cleanup_toml cleanup(cleanup_toml_fn)

/* Member KEY of a table, or NULL (also where TABLE is NULL or no table). */
const struct toml *toml_get(const struct toml *table, const char *key);
/* *RET is untouched where KEY is absent; another type is -EINVAL and names key and line. */
int toml_get_str(const struct toml *table, const char *key, const char **ret, struct cmk_err *err);
int toml_get_bool(const struct toml *table, const char *key, bool *ret, struct cmk_err *err);
/* Owned; replaces what *RET had. */
int toml_get_strv(const struct toml *table, const char *key, char ***ret, struct cmk_err *err);
