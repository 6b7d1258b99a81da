/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of templates, as its two halves see it: blocks (template.c) and what stands in their
 * actions (template_pipe.c). */
#pragma once

#include "cmd/template.h"

struct template_parser {
	const char *start;
	int first_column;
	const char *p;
	const char *end; /* of the action being read */
	int depth;
	int ranges; /* around the place */
	struct cmk_err *err;
};

/* Line and column of P, from 1. */
void template_place(const struct template_parser *ps, const char *p, int *line, int *column);
/* Sets the error with the place before it: -EINVAL. */
int template_fail(struct template_parser *ps, const char *why);
int template_fail_with(struct template_parser *ps, const char *fmt, ...) cmk_printf(2, 3);
bool template_is_word(char c);
void template_skip_space(struct template_parser *ps);
bool template_at(const struct template_parser *ps, char c);
/* The string that begins here, owned. */
int template_take_string(struct template_parser *ps, char **ret);
/* A pipeline, up to the end of the action or a ')'. */
int template_parse_pipe(struct template_parser *ps, struct template_pipe **ret);
void template_pipe_free(struct template_pipe *p);
