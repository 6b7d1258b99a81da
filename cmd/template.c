// SPDX-License-Identifier: Apache-2.0
/* The parser of --format templates. */
#include "cmd/template.h"

struct parser {
	const char *p;
	const char *end; /* of the action being read */
	int depth;
	struct cmk_err *err;
};

static void pipe_free(struct template_pipe *p)
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
			pipe_free(o->paren);
			strv_free(o->fields);
		}
		free(c->operands);
	}
	free(p->commands);
	free(p->vars[0]);
	free(p->vars[1]);
	free(p);
}

void template_free(struct template_node *n)
{
	while (n) {
		struct template_node *next = n->next;

		free(n->text);
		pipe_free(n->pipe);
		template_free(n->body);
		template_free(n->otherwise);
		free(n);
		n = next;
	}
}

static int fail(struct parser *ps, const char *why)
{
	return cmk_err_set(ps->err, -EINVAL, "bad template: %s", why);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static void skip_space(struct parser *ps)
{
	while (ps->p < ps->end && strchr(" \t\r\n", *ps->p))
		ps->p++;
}

static bool at(const struct parser *ps, char c)
{
	return ps->p < ps->end && *ps->p == c;
}

static char *take_word(struct parser *ps)
{
	const char *start = ps->p;

	while (ps->p < ps->end && is_word(*ps->p))
		ps->p++;
	return xstrndup(start, (size_t)(ps->p - start));
}

static int take_string(struct parser *ps, char **ret)
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
				return fail(ps, "unknown escape in a string");
			c = *f == 't' ? '\t' : to[f - from];
		}
		strbuf_addc(&sb, c);
	}
	if (ps->p >= ps->end)
		return fail(ps, "string without its end");
	ps->p++;
	*ret = strbuf_steal(&sb);
	return 0;
}

static int parse_pipe(struct parser *ps, struct template_pipe **ret);

static void set_literal(struct template_operand *o, enum json_type type, char *text)
{
	o->kind = OPERAND_LITERAL;
	o->literal = (struct json){ .type = type, .text = text, .n = strlen(text) };
}

static int parse_paren(struct parser *ps, struct template_operand *o)
{
	int r;

	ps->p++;
	if (++ps->depth > TEMPLATE_DEPTH_MAX)
		return fail(ps, "nested too deep");
	o->kind = OPERAND_PAREN;
	r = parse_pipe(ps, &o->paren);
	if (r < 0)
		return r;
	if (!at(ps, ')'))
		return fail(ps, "')' was expected");
	ps->p++;
	ps->depth--;
	return 0;
}

static int parse_word(struct parser *ps, struct template_operand *o)
{
	char *w = take_word(ps);

	if (streq(w, "true") || streq(w, "false")) {
		set_literal(o, JSON_BOOL, w);
		o->literal.boolean = *w == 't';
	} else if (streq(w, "nil")) {
		set_literal(o, JSON_NULL, w);
	} else {
		o->kind = OPERAND_FUNC;
		o->name = w;
		if (!template_is_func(w))
			return cmk_err_set(ps->err, -EINVAL,
					   "bad template: function '%.40s' is not known", w);
	}
	return 0;
}

static int parse_chain(struct parser *ps, struct template_operand *o)
{
	while (at(ps, '.')) {
		char *w;

		ps->p++;
		w = take_word(ps);
		if (!*w) {
			free(w);
			/* A lone dot is the data itself, and ends the chain. */
			if (o->kind == OPERAND_DOT && !o->fields)
				return 0;
			return fail(ps, "field name expected behind '.'");
		}
		strv_add_take(&o->fields, w);
	}
	return 0;
}

static int parse_operand(struct parser *ps, struct template_operand *o)
{
	char c = *ps->p, *text = NULL;
	int r = 0;

	if (c == '.') {
		o->kind = OPERAND_DOT;
	} else if (c == '$') {
		ps->p++;
		o->kind = OPERAND_VAR;
		o->name = take_word(ps);
	} else if (c == '"' || c == '`') {
		r = take_string(ps, &text);
		if (r == 0)
			set_literal(o, JSON_STRING, text);
		return r;
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		const char *start = ps->p++;

		while (ps->p < ps->end && (is_word(*ps->p) || *ps->p == '.'))
			ps->p++;
		set_literal(o, JSON_NUMBER, xstrndup(start, (size_t)(ps->p - start)));
		return 0;
	} else if (c == '(') {
		r = parse_paren(ps, o);
	} else if (is_word(c)) {
		return parse_word(ps, o);
	} else {
		return cmk_err_set(ps->err, -EINVAL, "bad template: unexpected '%c'", c);
	}
	return r < 0 ? r : parse_chain(ps, o);
}

static int parse_command(struct parser *ps, struct template_command *c)
{
	for (;;) {
		int r;

		skip_space(ps);
		if (ps->p >= ps->end || *ps->p == '|' || *ps->p == ')')
			break;
		c->operands = xrealloc(c->operands, c->n + 1, sizeof(*c->operands));
		c->operands[c->n++] = (struct template_operand){ 0 };
		r = parse_operand(ps, &c->operands[c->n - 1]);
		if (r < 0)
			return r;
	}
	return c->n ? 0 : fail(ps, "a value is missing");
}

/* "$x :=" or "$k, $v :="; leaves the parser where it was if it is neither. */
static void parse_vars(struct parser *ps, struct template_pipe *pipe)
{
	const char *start = ps->p;
	cleanup_free char *a = NULL, *b = NULL;

	if (!at(ps, '$'))
		return;
	ps->p++;
	a = take_word(ps);
	skip_space(ps);
	if (at(ps, ',')) {
		ps->p++;
		skip_space(ps);
		if (at(ps, '$'))
			ps->p++;
		b = take_word(ps);
		skip_space(ps);
	}
	if (ps->end - ps->p < 2 || ps->p[0] != ':' || ps->p[1] != '=' || !*a || (b && !*b)) {
		ps->p = start;
		return;
	}
	ps->p += 2;
	pipe->vars[0] = b ? steal_ptr(&a) : NULL;
	pipe->vars[1] = b ? steal_ptr(&b) : steal_ptr(&a);
}

static void cleanup_pipe(struct template_pipe **p)
{
	pipe_free(*p);
}

static int parse_pipe(struct parser *ps, struct template_pipe **ret)
{
	cleanup(cleanup_pipe) struct template_pipe *pipe = xcalloc(1, sizeof(*pipe));

	skip_space(ps);
	parse_vars(ps, pipe);
	for (;;) {
		int r;

		pipe->commands = xrealloc(pipe->commands, pipe->n + 1, sizeof(*pipe->commands));
		pipe->commands[pipe->n++] = (struct template_command){ 0 };
		r = parse_command(ps, &pipe->commands[pipe->n - 1]);
		if (r < 0)
			return r;
		if (!at(ps, '|'))
			break;
		ps->p++;
	}
	*ret = steal_ptr(&pipe);
	return 0;
}

/* The end of the action that begins at P, outside of its strings; NULL where there is none. */
static const char *action_end(const char *p)
{
	for (; *p; p++) {
		if (p[0] == '}' && p[1] == '}')
			return p;
		if (*p == '"' || *p == '`') {
			char quote = *p++;

			for (; *p && *p != quote; p++)
				if (*p == '\\' && quote == '"' && p[1])
					p++;
			if (!*p)
				return NULL;
		}
	}
	return NULL;
}

/* What stands in the text outside of actions: "\t" and "\n" typed as two characters count. */
static char *unescape(const char *s, size_t len)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len && (s[i + 1] == 't' || s[i + 1] == 'n'))
			strbuf_addc(&sb, s[++i] == 't' ? '\t' : '\n');
		else
			strbuf_addc(&sb, s[i]);
	}
	return strbuf_steal(&sb);
}

static size_t trimmed(const char *s, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", s[len - 1]))
		len--;
	return len;
}

enum block_end { END_OF_TEXT, END_END, END_ELSE, END_ELSE_IF };

static int parse_block(struct parser *ps, struct template_node **ret, enum block_end *how);

static bool take_keyword(struct parser *ps, const char *word)
{
	size_t n = strlen(word);

	skip_space(ps);
	if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, word, n) != 0 ||
	    (ps->p + n < ps->end && is_word(ps->p[n])))
		return false;
	ps->p += n;
	return true;
}

/* Steps over "}}", and over the white space behind "-}}". */
static void leave_action(struct parser *ps, bool trim)
{
	ps->p = ps->end + (trim ? 3 : 2);
	if (trim)
		while (*ps->p && strchr(" \t\r\n", *ps->p))
			ps->p++;
}

/* if, with and range, from the pipeline on; TRIM belongs to the action that is being read. */
static int parse_branch(struct parser *ps, struct template_node *n, bool trim)
{
	enum block_end how;
	int r;

	if (++ps->depth > TEMPLATE_DEPTH_MAX)
		return fail(ps, "nested too deep");
	r = parse_pipe(ps, &n->pipe);
	if (r < 0)
		return r;
	if (ps->p != ps->end)
		return fail(ps, "unexpected ')'");
	leave_action(ps, trim);
	r = parse_block(ps, &n->body, &how);
	if (r == 0 && how == END_ELSE)
		r = parse_block(ps, &n->otherwise, &how);
	else if (r == 0 && how == END_ELSE_IF) {
		trim = ps->end[0] == '-';
		n->otherwise = xcalloc(1, sizeof(*n));
		n->otherwise->kind = NODE_IF;
		r = parse_branch(ps, n->otherwise, trim);
		how = END_END;
	}
	ps->depth--;
	if (r == 0 && how != END_END)
		return fail(ps, "'end' is missing");
	return r;
}

/* One action; *HOW tells where it closes a block. */
static int parse_action(struct parser *ps, struct template_node **ret, enum block_end *how)
{
	cleanup_template struct template_node *n = NULL;
	bool trim = ps->end[0] == '-';
	int r;

	*how = END_OF_TEXT;
	if (take_keyword(ps, "end")) {
		*how = END_END;
		leave_action(ps, trim);
		return 0;
	}
	if (take_keyword(ps, "else")) {
		*how = take_keyword(ps, "if") ? END_ELSE_IF : END_ELSE;
		if (*how == END_ELSE)
			leave_action(ps, trim);
		return 0;
	}
	n = xcalloc(1, sizeof(*n));
	n->kind = take_keyword(ps, "if")      ? NODE_IF
		  : take_keyword(ps, "with")  ? NODE_WITH
		  : take_keyword(ps, "range") ? NODE_RANGE
					      : NODE_ACTION;
	if (n->kind == NODE_ACTION) {
		r = parse_pipe(ps, &n->pipe);
		if (r == 0 && ps->p != ps->end)
			r = fail(ps, "unexpected ')'");
		if (r == 0)
			leave_action(ps, trim);
	} else {
		r = parse_branch(ps, n, trim);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(&n);
	return 0;
}

/* The text up to the next action; sets the parser inside of it. False at the end of the text. */
static int parse_text(struct parser *ps, struct template_node **ret, bool *more)
{
	const char *open = strstr(ps->p, "{{"), *stop;
	size_t len = open ? (size_t)(open - ps->p) : strlen(ps->p);
	size_t keep = len;

	*more = open != NULL;
	if (open && open[2] == '-' && strchr(" \t\n", open[3]))
		keep = trimmed(ps->p, len);
	if (keep > 0) {
		*ret = xcalloc(1, sizeof(**ret));
		(*ret)->kind = NODE_TEXT;
		(*ret)->text = unescape(ps->p, keep);
	}
	ps->p += len;
	if (!open)
		return 0;
	ps->p += open[2] == '-' && strchr(" \t\n", open[3]) ? 3 : 2;
	stop = action_end(ps->p);
	if (!stop)
		return fail(ps, "'}}' is missing");
	if (stop - ps->p >= 2 && stop[-1] == '-' && strchr(" \t\n", stop[-2]))
		stop--;
	ps->end = stop;
	return 0;
}

static int parse_block(struct parser *ps, struct template_node **ret, enum block_end *how)
{
	struct template_node **tail = ret;
	bool more = true;
	int r;

	*how = END_OF_TEXT;
	for (;;) {
		r = parse_text(ps, tail, &more);
		if (*tail)
			tail = &(*tail)->next;
		if (r < 0 || !more)
			return r;
		skip_space(ps);
		if (ps->end - ps->p >= 4 && !memcmp(ps->p, "/*", 2)) {
			leave_action(ps, ps->end[0] == '-');
			continue;
		}
		r = parse_action(ps, tail, how);
		if (r < 0 || *how != END_OF_TEXT)
			return r;
		tail = &(*tail)->next;
	}
}

int template_parse(const char *text, struct template_node **ret, struct cmk_err *err)
{
	struct parser ps = { .p = text, .end = text, .err = err };
	cleanup_template struct template_node *n = NULL;
	enum block_end how;
	int r;

	r = parse_block(&ps, &n, &how);
	if (r == 0 && how != END_OF_TEXT)
		r = fail(&ps, "'end' or 'else' without its 'if'");
	if (r < 0)
		return r;
	*ret = steal_ptr(&n);
	return 0;
}
