// SPDX-License-Identifier: Apache-2.0
/* The blocks of --format templates: text, actions, if, range and friends. */
#include "cmd/template_parser.h"

void template_free(struct template_node *n)
{
	while (n) {
		struct template_node *next = n->next;

		free(n->text);
		template_pipe_free(n->pipe);
		template_free(n->body);
		template_free(n->otherwise);
		free(n);
		n = next;
	}
}

/* The end of the action that begins at P, outside of its strings; NULL where there is none. */
static const char *action_end(const char *p)
{
	const char *text = p + strspn(p, " \t\r\n");

	/* A comment may hold anything. */
	if (text[0] == '/' && text[1] == '*') {
		p = strstr(text + 2, "*/");
		if (!p)
			return NULL;
	}
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

enum block_end { END_OF_TEXT, END_END, END_ELSE, END_ELSE_IF, END_ELSE_WITH };

static int parse_block(struct template_parser *ps, struct template_node **ret, enum block_end *how);

static bool take_keyword(struct template_parser *ps, const char *word)
{
	size_t n = strlen(word);

	template_skip_space(ps);
	if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, word, n) != 0 ||
	    (ps->p + n < ps->end && template_is_word(ps->p[n])))
		return false;
	ps->p += n;
	return true;
}

/* Steps over "}}", and over the white space behind "-}}". */
static void leave_action(struct template_parser *ps, bool trim)
{
	ps->p = ps->end + (trim ? 3 : 2);
	if (trim)
		while (*ps->p && strchr(" \t\r\n", *ps->p))
			ps->p++;
}

/* if, with and range, from the pipeline on; TRIM belongs to the action that is being read. */
static int parse_branch(struct template_parser *ps, struct template_node *n, bool trim)
{
	enum block_end how;
	int r;

	if (++ps->depth > TEMPLATE_DEPTH_MAX)
		return template_fail(ps, "nested too deep");
	template_skip_space(ps);
	if (ps->p >= ps->end)
		return template_fail_with(ps, "missing value for %s",
					  n->kind == NODE_IF	 ? "if"
					  : n->kind == NODE_WITH ? "with"
								 : "range");
	r = template_parse_pipe(ps, &n->pipe);
	if (r < 0)
		return r;
	if (ps->p != ps->end)
		return template_fail(ps, "unexpected ')'");
	leave_action(ps, trim);
	ps->ranges += n->kind == NODE_RANGE;
	r = parse_block(ps, &n->body, &how);
	ps->ranges -= n->kind == NODE_RANGE;
	if (r == 0 && how == END_ELSE) {
		r = parse_block(ps, &n->otherwise, &how);
	} else if (r == 0 && (how == END_ELSE_IF || how == END_ELSE_WITH)) {
		trim = ps->end[0] == '-';
		n->otherwise = xcalloc(1, sizeof(*n));
		n->otherwise->kind = how == END_ELSE_IF ? NODE_IF : NODE_WITH;
		r = parse_branch(ps, n->otherwise, trim);
		how = END_END;
	}
	ps->depth--;
	if (r == 0 && how != END_END)
		return template_fail(ps, "unexpected EOF: 'end' is missing");
	return r;
}

/* {{define "x"}}…{{end}}, {{block "x" PIPE}}…{{end}}, {{template "x" PIPE}}, from the name on. */
static int parse_named(struct template_parser *ps, struct template_node *n, bool trim)
{
	enum block_end how = END_END;
	int r;

	template_skip_space(ps);
	if (!template_at(ps, '"') && !template_at(ps, '`'))
		return template_fail(ps, "a name in quotes was expected");
	r = template_take_string(ps, &n->text);
	template_skip_space(ps);
	if (r == 0 && ps->p < ps->end && n->kind != NODE_DEFINE)
		r = template_parse_pipe(ps, &n->pipe);
	if (r < 0)
		return r;
	if (ps->p != ps->end || (n->kind == NODE_BLOCK && !n->pipe))
		return template_fail(ps, n->kind == NODE_BLOCK && !n->pipe
						 ? "missing value for block"
						 : "unexpected words");
	leave_action(ps, trim);
	if (n->kind == NODE_TEMPLATE)
		return 0;
	if (++ps->depth > TEMPLATE_DEPTH_MAX)
		return template_fail(ps, "nested too deep");
	r = parse_block(ps, &n->body, &how);
	ps->depth--;
	if (r == 0 && how != END_END)
		return template_fail(ps, how == END_OF_TEXT ? "unexpected EOF: 'end' is missing"
							    : "unexpected {{else}}");
	return r;
}

static enum node_kind take_kind(struct template_parser *ps)
{
	static const struct {
		const char *word;
		enum node_kind kind;
	} words[] = {
		{ "if", NODE_IF },
		{ "with", NODE_WITH },
		{ "range", NODE_RANGE },
		{ "break", NODE_BREAK },
		{ "continue", NODE_CONTINUE },
		{ "define", NODE_DEFINE },
		{ "template", NODE_TEMPLATE },
		{ "block", NODE_BLOCK },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (take_keyword(ps, words[i].word))
			return words[i].kind;
	return NODE_ACTION;
}

static int parse_loop_end(struct template_parser *ps, bool trim)
{
	template_skip_space(ps);
	if (ps->p != ps->end)
		return template_fail(ps, "unexpected words behind break or continue");
	if (!ps->ranges)
		return template_fail(ps, "break or continue outside of range");
	leave_action(ps, trim);
	return 0;
}

static int parse_plain(struct template_parser *ps, struct template_node *n, bool trim)
{
	int r = template_parse_pipe(ps, &n->pipe);

	if (r == 0 && ps->p != ps->end)
		r = template_fail(ps, "unexpected ')'");
	if (r == 0)
		leave_action(ps, trim);
	return r;
}

/* One action; *HOW tells where it closes a block. */
static int parse_action(struct template_parser *ps, struct template_node **ret, enum block_end *how)
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
		*how = take_keyword(ps, "if")	  ? END_ELSE_IF
		       : take_keyword(ps, "with") ? END_ELSE_WITH
						  : END_ELSE;
		template_skip_space(ps);
		if (*how == END_ELSE && ps->p != ps->end)
			return template_fail(ps, "unexpected words behind else");
		if (*how == END_ELSE)
			leave_action(ps, trim);
		return 0;
	}
	n = xcalloc(1, sizeof(*n));
	template_place(ps, ps->p, &n->line, &n->column);
	n->kind = take_kind(ps);
	switch (n->kind) {
	case NODE_IF:
	case NODE_WITH:
	case NODE_RANGE:
		r = parse_branch(ps, n, trim);
		break;
	case NODE_DEFINE:
	case NODE_TEMPLATE:
	case NODE_BLOCK:
		r = parse_named(ps, n, trim);
		break;
	case NODE_BREAK:
	case NODE_CONTINUE:
		r = parse_loop_end(ps, trim);
		break;
	default:
		r = parse_plain(ps, n, trim);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(&n);
	return 0;
}

/* The text up to the next action; sets the parser inside of it. False at the end of the text. */
static int parse_text(struct template_parser *ps, struct template_node **ret, bool *more)
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
		return template_fail(ps, "unclosed action: '}}' is missing");
	if (stop - ps->p >= 2 && stop[-1] == '-' && strchr(" \t\n", stop[-2]))
		stop--;
	ps->end = stop;
	return 0;
}

static int parse_block(struct template_parser *ps, struct template_node **ret, enum block_end *how)
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
		template_skip_space(ps);
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

int template_parse(const char *text, int column, struct template_node **ret, struct cmk_err *err)
{
	struct template_parser ps = {
		.start = text, .first_column = column, .p = text, .end = text, .err = err
	};
	cleanup_template struct template_node *n = NULL;
	enum block_end how;
	int r;

	r = parse_block(&ps, &n, &how);
	if (r == 0 && how != END_OF_TEXT)
		r = template_fail(&ps,
				  how == END_END ? "unexpected {{end}}" : "unexpected {{else}}");
	if (r < 0)
		return r;
	*ret = steal_ptr(&n);
	return 0;
}
