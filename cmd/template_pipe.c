// SPDX-License-Identifier: Apache-2.0
/* What stands in the actions of --format templates: operands, commands, pipelines. */
#include <stdarg.h>

#include "cmd/template_parser.h"

void template_pipe_free(struct template_pipe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct template_command *c = &p->commands[i];

		for (size_t j = 0; j < c->n; j++) {
			struct template_operand *o = &c->operands[j];

			free(o->name);
			if (o->kind == OPERAND_LITERAL)
				free((char *)o->literal.text);
			template_pipe_free(o->paren);
			strv_free(o->fields);
		}
		free(c->operands);
	}
	free(p->commands);
	free(p->vars[0]);
	free(p->vars[1]);
	free(p);
}

void template_place(const struct template_parser *ps, const char *p, int *line, int *column)
{
	*line = 1;
	*column = ps->first_column;
	for (const char *c = ps->start; c < p; c++) {
		*column = *c == '\n' ? 1 : *column + 1;
		*line += *c == '\n';
	}
}

/* Puts the place before the message that is set, or before WHY. */
int template_fail(struct template_parser *ps, const char *why)
{
	int line, column;

	template_place(ps, ps->p, &line, &column);
	return cmk_err_set(ps->err, -EINVAL, "template: %d:%d: %s", line, column, why);
}

int template_fail_with(struct template_parser *ps, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return template_fail(ps, why);
}

bool template_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

void template_skip_space(struct template_parser *ps)
{
	while (ps->p < ps->end && strchr(" \t\r\n", *ps->p))
		ps->p++;
}

bool template_at(const struct template_parser *ps, char c)
{
	return ps->p < ps->end && *ps->p == c;
}

static char *take_word(struct template_parser *ps)
{
	const char *start = ps->p;

	while (ps->p < ps->end && template_is_word(*ps->p))
		ps->p++;
	return xstrndup(start, (size_t)(ps->p - start));
}

int template_take_string(struct template_parser *ps, char **ret)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	char quote = *ps->p++;

	for (; ps->p < ps->end && *ps->p != quote; ps->p++) {
		char c = *ps->p;

		if (c == '\\' && quote == '"') {
			static const char from[] = "nt\\\"r", to[] = "\nt\\\"\r";
			const char *f;

			if (++ps->p >= ps->end)
				break;
			f = strchr(from, *ps->p);
			if (!f)
				return template_fail(ps, "unknown escape in a string");
			c = *f == 't' ? '\t' : to[f - from];
		}
		strbuf_addc(&sb, c);
	}
	if (ps->p >= ps->end)
		return template_fail(ps, "unterminated quoted string");
	ps->p++;
	*ret = strbuf_steal(&sb);
	return 0;
}

static void set_literal(struct template_operand *o, enum json_type type, char *text)
{
	o->kind = OPERAND_LITERAL;
	o->literal = (struct json){ .type = type, .text = text, .n = strlen(text) };
}

static int parse_paren(struct template_parser *ps, struct template_operand *o)
{
	int r;

	ps->p++;
	if (++ps->depth > TEMPLATE_DEPTH_MAX)
		return template_fail(ps, "nested too deep");
	o->kind = OPERAND_PAREN;
	r = template_parse_pipe(ps, &o->paren);
	if (r < 0)
		return r;
	if (!template_at(ps, ')'))
		return template_fail(ps, "')' was expected");
	ps->p++;
	ps->depth--;
	return 0;
}

static int parse_word(struct template_parser *ps, struct template_operand *o)
{
	const char *start = ps->p;
	cleanup_free char *w = take_word(ps);

	if (streq(w, "true") || streq(w, "false")) {
		bool yes = *w == 't';

		set_literal(o, JSON_BOOL, steal_ptr(&w));
		o->literal.boolean = yes;
	} else if (streq(w, "nil")) {
		set_literal(o, JSON_NULL, steal_ptr(&w));
	} else if (!template_is_func(w)) {
		ps->p = start;
		return template_fail_with(ps, "function \"%.40s\" not defined", w);
	} else {
		o->kind = OPERAND_FUNC;
		o->name = steal_ptr(&w);
	}
	return 0;
}

/* 12, -3, 0x1f, 1_000, 1.5, 2e3: the text of the number in decimal. */
static int parse_number(struct template_parser *ps, struct template_operand *o)
{
	const char *start = ps->p;
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	bool hex, negative = *ps->p == '-';
	size_t digits = 0;
	uint64_t v = 0;

	ps->p += *ps->p == '-' || *ps->p == '+';
	hex = ps->p[0] == '0' && (ps->p[1] == 'x' || ps->p[1] == 'X');
	ps->p += hex ? 2 : 0;
	for (; ps->p < ps->end && (template_is_word(*ps->p) || *ps->p == '.'); ps->p++) {
		char c = *ps->p;
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;

		if (c == '_')
			continue;
		if (hex ? c == '.' || digit > 15 : digit > 9 && c != '.' && (c | 32) != 'e')
			goto bad;
		v = hex ? v << 4 | (uint64_t)digit : 0;
		digits++;
		strbuf_addc(&sb, c);
	}
	if (digits == 0 || (hex && digits > 15))
		goto bad;
	if (hex)
		set_literal(o, JSON_NUMBER,
			    xasprintf("%s%llu", negative ? "-" : "", (unsigned long long)v));
	else
		set_literal(o, JSON_NUMBER,
			    xasprintf("%s%s", negative ? "-" : "", strbuf_str(&sb)));
	return 0;
bad:
	ps->p = start;
	return template_fail(ps, "bad number syntax");
}

/* 'a' is a number, as in Go. */
static int parse_char(struct template_parser *ps, struct template_operand *o)
{
	const char *p = ps->p + 1;

	if (ps->end - ps->p < 3 || p[1] != '\'' || *p == '\\' || (unsigned char)*p > 127)
		return template_fail(ps, "malformed character constant");
	set_literal(o, JSON_NUMBER, xasprintf("%d", *p));
	ps->p += 3;
	return 0;
}

static int parse_chain(struct template_parser *ps, struct template_operand *o)
{
	while (template_at(ps, '.')) {
		char *w;

		ps->p++;
		w = take_word(ps);
		if (!*w) {
			free(w);
			/* A lone dot is the data itself, and ends the chain. */
			if (o->kind == OPERAND_DOT && !o->fields)
				return 0;
			return template_fail(ps, "field name expected behind '.'");
		}
		strv_add_take(&o->fields, w);
	}
	return 0;
}

static int parse_operand(struct template_parser *ps, struct template_operand *o)
{
	char c = *ps->p, *text = NULL;
	int r = 0;

	template_place(ps, ps->p, &o->line, &o->column);

	if (c == '.') {
		o->kind = OPERAND_DOT;
	} else if (c == '$') {
		ps->p++;
		o->kind = OPERAND_VAR;
		o->name = take_word(ps);
	} else if (c == '"' || c == '`') {
		r = template_take_string(ps, &text);
		if (r == 0)
			set_literal(o, JSON_STRING, text);
		return r;
	} else if (c == '-' || c == '+' || (c >= '0' && c <= '9')) {
		return parse_number(ps, o);
	} else if (c == '\'') {
		return parse_char(ps, o);
	} else if (c == '(') {
		r = parse_paren(ps, o);
	} else if (template_is_word(c)) {
		return parse_word(ps, o);
	} else {
		return template_fail_with(ps, "unexpected '%c'", c);
	}
	return r < 0 ? r : parse_chain(ps, o);
}

static int parse_command(struct template_parser *ps, struct template_command *c)
{
	for (;;) {
		int r;

		template_skip_space(ps);
		if (ps->p >= ps->end || *ps->p == '|' || *ps->p == ')')
			break;
		c->operands = xrealloc(c->operands, c->n + 1, sizeof(*c->operands));
		c->operands[c->n++] = (struct template_operand){ 0 };
		r = parse_operand(ps, &c->operands[c->n - 1]);
		if (r < 0)
			return r;
	}
	return c->n ? 0 : template_fail(ps, "missing value");
}

/* "$x :=", "$x =" or "$k, $v :="; leaves the parser where it was if it is neither. */
static void parse_vars(struct template_parser *ps, struct template_pipe *pipe)
{
	const char *start = ps->p;
	cleanup_free char *a = NULL, *b = NULL;

	if (!template_at(ps, '$'))
		return;
	ps->p++;
	a = take_word(ps);
	template_skip_space(ps);
	if (template_at(ps, ',')) {
		ps->p++;
		template_skip_space(ps);
		if (template_at(ps, '$'))
			ps->p++;
		b = take_word(ps);
		template_skip_space(ps);
	}
	if (!*a || (b && !*b) || (!template_at(ps, ':') && !template_at(ps, '=')) ||
	    (template_at(ps, ':') && (ps->end - ps->p < 2 || ps->p[1] != '='))) {
		ps->p = start;
		return;
	}
	pipe->assign = template_at(ps, '=');
	ps->p += pipe->assign ? 1 : 2;
	pipe->vars[0] = b ? steal_ptr(&a) : NULL;
	pipe->vars[1] = b ? steal_ptr(&b) : steal_ptr(&a);
}

static void cleanup_pipe(struct template_pipe **p)
{
	template_pipe_free(*p);
}

int template_parse_pipe(struct template_parser *ps, struct template_pipe **ret)
{
	cleanup(cleanup_pipe) struct template_pipe *pipe = xcalloc(1, sizeof(*pipe));

	template_skip_space(ps);
	parse_vars(ps, pipe);
	for (;;) {
		int r;

		pipe->commands = xrealloc(pipe->commands, pipe->n + 1, sizeof(*pipe->commands));
		pipe->commands[pipe->n++] = (struct template_command){ 0 };
		r = parse_command(ps, &pipe->commands[pipe->n - 1]);
		if (r < 0)
			return r;
		if (!template_at(ps, '|'))
			break;
		ps->p++;
	}
	*ret = steal_ptr(&pipe);
	return 0;
}
