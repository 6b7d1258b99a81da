/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's text/template, as far as people give it to --format: fields, variables, pipelines,
 * functions, if, with, range, break, continue, define, template, block. The data is a JSON
 * document. See format.h for what commands call. Errors begin with the place: "template: 1:12: …".
 */
#pragma once

#include "base/json.h"

/* An operand: what it starts from, then a chain of field names. */
enum operand_kind { OPERAND_DOT, OPERAND_VAR, OPERAND_LITERAL, OPERAND_FUNC, OPERAND_PAREN };
struct template_operand {
	enum operand_kind kind;
	char *name;	     /* variable ("" is $) or function */
	struct json literal; /* text owned by the operand */
	struct template_pipe *paren;
	char **fields;
	int line, column; /* where it stands, from 1 */
};

struct template_command {
	struct template_operand *operands;
	size_t n;
};

struct template_pipe {
	char *vars[2]; /* "$k, $v :=" or "$v :=" (then vars[1] alone); NULL where absent */
	struct template_command *commands;
	size_t n;
	bool assign; /* "$v = …": the variable is there already */
};

enum node_kind {
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_WITH,
	NODE_RANGE,
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_DEFINE,   /* body under a name; prints nothing */
	NODE_TEMPLATE, /* what is defined under that name */
	NODE_BLOCK     /* both at once */
};
struct template_node {
	enum node_kind kind;
	char *text; /* or name */
	int line, column;
	struct template_pipe *pipe;
	struct template_node *body, *otherwise;
	struct template_node *next;
};

#define TEMPLATE_DEPTH_MAX 32

/* Parses TEXT, whose first byte stands in column COLUMN of what the user typed (from 1). -EINVAL
 * says what is wrong and where. */
int template_parse(const char *text, int column, struct template_node **ret, struct cmk_err *err);
void template_free(struct template_node *n);
static inline void cleanup_template_fn(struct template_node **n)
{
	template_free(*n);
}
#define cleanup_template cleanup(cleanup_template_fn)

/* Field names stand for themselves: HEADER(name, ctx) gives the text of each `.Name`. */
typedef const char *(*template_header_fn)(const char *field, void *ctx);

struct template_header {
	template_header_fn fn;
	void *ctx;
};

/* Appends what the template makes of DATA to OUT. With HEADER the data is not looked at. */
int template_exec(const struct template_node *n, const struct json *data,
		  const struct template_header *header, struct strbuf *out, struct cmk_err *err);

/* Functions, by name; ARGS includes the piped value at its end. Values that it makes live in
 * ARENA. */
struct template_arena;
int template_call(const char *name, const struct json *const *args, size_t n,
		  struct template_arena *arena, const struct json **ret, struct cmk_err *err);
bool template_is_func(const char *name);
const struct json *template_string(struct template_arena *arena, char *s); /* takes S */
const struct json *template_number(struct template_arena *arena, int64_t v);
const struct json *template_bool(struct template_arena *arena, bool v);
const struct json *template_array(struct template_arena *arena, char **v); /* takes V */
bool template_truth(const struct json *v);
/* As Go prints with %v. */
void template_print(const struct json *v, struct strbuf *out);
