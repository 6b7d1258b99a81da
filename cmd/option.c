// SPDX-License-Identifier: Apache-2.0
#include "cmd/option.h"

#include <assert.h>

#include "base/parse.h"
#include "cmd/conf.h"

#define FIELD(type, args, o) ((type *)((char *)(args) + (o)->offset))

/* One row, the struct it fills, and what was seen of it. */
struct entry {
	const struct cmk_option *o;
	void *args;
	bool given;
};

struct parser {
	struct entry *entries; /* owned */
	size_t n;
	struct cmk_parse *out;
};

bool cmk_option_takes_value(const struct cmk_option *o)
{
	return o->type != OPT_FLAG && o->type != OPT_TRISTATE &&
	       (o->type != OPT_CALLBACK || o->arg);
}

static size_t count_rows(const struct cmk_option *rows)
{
	size_t n = 0;

	for (const struct cmk_option *o = rows; o && o->type != OPT_END; o++)
		n += o->type == OPT_USE ? count_rows(o->use) : 1;
	return n;
}

static void flatten(const struct cmk_option *rows, const struct cmk_option ***to)
{
	for (const struct cmk_option *o = rows; o && o->type != OPT_END; o++) {
		if (o->type == OPT_USE)
			flatten(o->use, to);
		else
			*(*to)++ = o;
	}
}

const struct cmk_option **cmk_options_flatten(const struct cmk_option *rows)
{
	const struct cmk_option **flat = xcalloc(count_rows(rows) + 1, sizeof(*flat)), **to = flat;

	flatten(rows, &to);
	return flat;
}

static int compare_names(const void *a, const void *b)
{
	const struct cmk_option *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

const struct cmk_option **cmk_options_shown(const struct cmk_option *rows)
{
	const struct cmk_option **flat = cmk_options_flatten(rows);
	size_t n = 0;

	for (size_t i = 0; flat[i]; i++)
		if (!(flat[i]->flags & OPT_HIDDEN))
			flat[n++] = flat[i];
	flat[n] = NULL;
	qsort(flat, n, sizeof(*flat), compare_names);
	return flat;
}

bool cmk_option_is_word(const char *words, const char *value)
{
	size_t n = strcspn(value, "|");

	if (n == 0 || value[n])
		return false;
	for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL)
		if (strncmp(w, value, n) == 0 && (w[n] == '|' || !w[n]))
			return true;
	return false;
}

const struct cmk_option_key *cmk_option_find_key(const struct cmk_option_key *keys,
						 const char *text)
{
	size_t n = strcspn(text, "=");

	for (const struct cmk_option_key *k = keys; k->key; k++)
		if (strlen(k->key) == n && strncmp(k->key, text, n) == 0)
			return k;
	return NULL;
}

static const char *why_refused(const struct cmk_option *o, int r)
{
	if (r == -ERANGE)
		return "out of range";
	switch (o->type) {
	case OPT_FLAG:
	case OPT_TRISTATE:
		return "not true or false";
	case OPT_BYTES:
		return "not a size (a number, then b, k, m, g or t)";
	case OPT_NANO_CPUS:
		return "not a number of CPUs";
	default:
		return "not a whole number";
	}
}

static int refuse_value(const struct cmk_option *o, const char *value, int r, struct cmk_err *err)
{
	if (o->words)
		return cmk_err_set(err, r, "invalid value '%s' for option '--%s': not one of %s",
				   value, o->name, o->words);
	/* In the words of podman's parser, behind which stands why. */
	if (r != -ERANGE && (o->type == OPT_INT || o->type == OPT_UINT32))
		return cmk_err_set(err, r, "invalid argument \"%s\" for \"%s%.1s%s--%s\" flag: %s",
				   value, o->letter ? "-" : "", o->letter ? &o->letter : "",
				   o->letter ? ", " : "", o->name, why_refused(o, r));
	if (r == -ERANGE && (o->min || o->max))
		return cmk_err_set(err, r,
				   "invalid value '%s' for option '--%s': not in %lld..%lld", value,
				   o->name, (long long)o->min, (long long)o->max);
	return cmk_err_set(err, r, "invalid value '%s' for option '--%s': %s", value, o->name,
			   why_refused(o, r));
}

static int parse_signed_bytes(const char *value, int64_t *ret)
{
	uint64_t u;
	int r = parse_bytes(*value == '-' ? value + 1 : value, &u);

	if (r < 0)
		return r;
	if (u > INT64_MAX)
		return -ERANGE;
	*ret = *value == '-' ? -(int64_t)u : (int64_t)u;
	return 0;
}

static int set_number(const struct cmk_option *o, const char *value, void *args)
{
	bool limited = o->min || o->max;
	int64_t v = 0;
	int r;

	if (o->type == OPT_BYTES)
		r = parse_signed_bytes(value, &v);
	else if (o->type == OPT_NANO_CPUS)
		r = parse_nano_cpus(value, &v);
	else
		r = parse_i64(value, INT64_MIN, INT64_MAX, &v);
	if (r < 0)
		return r;
	if (limited && (v < o->min || v > o->max))
		return -ERANGE;
	if (!limited && v < 0 && o->type != OPT_INT)
		return -EINVAL;
	if (o->type == OPT_UINT32) {
		if (v > UINT32_MAX)
			return -ERANGE;
		*FIELD(uint32_t, args, o) = (uint32_t)v;
	} else {
		*FIELD(int64_t, args, o) = v;
	}
	return 0;
}

static void set_list(struct entry *e, const char *value)
{
	char ***v = FIELD(char **, e->args, e->o);

	/* The first occurrence replaces the default. */
	if (!e->given && !(e->o->flags & OPT_CONF_ADDED))
		*v = strv_free(*v);
	if (e->o->type == OPT_STRV) {
		strv_add(v, value);
		return;
	}
	for (const char *p = value;; p++) {
		size_t n = strcspn(p, ",");

		if (n > 0)
			strv_add_take(v, xstrndup(p, n));
		p += n;
		if (!*p)
			return;
	}
}

/* As podman: blanks around "json" count for nothing, and "{{json}}" is of the whole. */
static const char *plain_format(const char *value)
{
	static const char blanks[] = " \t\n";
	const char *p = value + strspn(value, blanks), *word = str_after(p, "{{");
	bool braces = word != NULL;

	p = braces ? word + strspn(word, blanks) : p;
	word = str_after(p, "json");
	if (!word)
		return value;
	p = word + strspn(word, blanks);
	p = braces ? str_after(p, "}}") : p;
	if (!p || p[strspn(p, blanks)])
		return value;
	return braces ? "{{json .}}" : "json";
}

static int set_value(struct entry *e, const char *value, struct cmk_err *err)
{
	const struct cmk_option *o = e->o;
	bool b = false;
	int r = 0;

	switch (o->type) {
	case OPT_FLAG:
		r = parse_bool(value, &b);
		if (r == 0)
			*FIELD(bool, e->args, o) = b;
		break;
	case OPT_TRISTATE:
		r = parse_bool(value, &b);
		if (r == 0)
			*FIELD(int, e->args, o) = b;
		break;
	case OPT_STRING:
		if (o->words && !cmk_option_is_word(o->words, value))
			r = -EINVAL;
		else
			*FIELD(const char *, e->args,
			       o) = streq(o->name, "format") ? plain_format(value) : value;
		break;
	case OPT_STRV:
	case OPT_CSV:
		set_list(e, value);
		break;
	case OPT_INT:
	case OPT_UINT32:
	case OPT_BYTES:
	case OPT_NANO_CPUS:
		r = set_number(o, value, e->args);
		break;
	case OPT_CALLBACK:
		r = o->parse(o, value, e->args, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "invalid value '%s' for option '--%s'", value,
					    o->name);
		break;
	case OPT_USE:
	case OPT_END:
		assert(false);
	}
	return r < 0 ? refuse_value(o, value, r, err) : 0;
}

/* 1 where containers.conf gives the default. */
static int set_from_conf(struct entry *e, struct cmk_err *err)
{
	cleanup_free char *plain = NULL;
	const char *text;
	uint64_t bytes;
	int r;

	if (e->o->type == OPT_STRV || e->o->type == OPT_CSV) {
		char *const *list = cmk_conf_list(e->o->conf);

		for (char *const *s = list; s && *s; s++)
			strv_add(FIELD(char **, e->args, e->o), *s);
		return list != NULL;
	}
	text = cmk_conf_text(e->o->conf);
	if (!text)
		return 0;
	/* As podman, whose options count in powers of 1024 all the same. */
	if (e->o->type == OPT_BYTES && parse_bytes_decimal(text, &bytes) == 0)
		text = plain = xasprintf("%llu", (unsigned long long)bytes);
	r = set_value(e, text, err);
	return r < 0 ? cmk_err_wrap(err, r, "containers.conf: '%s'", e->o->conf) : 1;
}

static int set_default(struct entry *e, struct cmk_err *err)
{
	const char *env = e->o->env ? getenv(e->o->env) : NULL;
	int r;

	if (e->o->type == OPT_TRISTATE)
		*FIELD(int, e->args, e->o) = -1;
	if (env && *env) {
		r = set_value(e, env, err);
		return r < 0 ? cmk_err_wrap(err, r, "environment variable %s", e->o->env) : 0;
	}
	r = e->o->conf ? set_from_conf(e, err) : 0;
	if (r)
		return MIN(r, 0);
	return e->o->def ? set_value(e, e->o->def, err) : 0;
}

static int give_value(struct entry *e, const char *value, struct cmk_err *err)
{
	int r = set_value(e, value, err);

	e->given = true;
	return r;
}

static struct entry *find_long(struct parser *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct cmk_option *o = p->entries[i].o;

		if (strncmp(o->name, name, len) == 0 && !o->name[len])
			return &p->entries[i];
		if (o->alias && strncmp(o->alias, name, len) == 0 && !o->alias[len])
			return &p->entries[i];
	}
	return NULL;
}

static struct entry *find_letter(struct parser *p, char letter)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->entries[i].o->letter == letter)
			return &p->entries[i];
	return NULL;
}

/* Few edits make the one the other: a slip of the hand. The distance of Levenshtein, in one row. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[33];

	if (n > 32 || strlen(a) > 32)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t up = row[j], best = diagonal + (*a != b[j - 1]);

			row[j] = MIN(best, MIN(up, row[j - 1]) + 1);
			diagonal = up;
		}
	}
	return row[n];
}

bool cmk_is_near(const char *typed, const char *name)
{
	size_t n = strlen(name);

	return distance(typed, name) <= (n > 3 ? 2 : 1) && n > 1;
}

/* In the peers' words, for which scripts look. WORD is the option alone (taken), TYPED all letters
 * that stand together. */
static int unknown_option(struct parser *p, char *word, const char *typed, struct cmk_err *err)
{
	p->out->unknown = word;
	if (word[1] == '-')
		(void)cmk_err_set(err, -EINVAL, "unknown flag: %s", word);
	else
		(void)cmk_err_set(err, -EINVAL, "unknown shorthand flag: '%s' in %s", word + 1,
				  typed);
	if (p->out->command)
		(void)cmk_err_hint(err, "see 'cmk %s --help'", p->out->command);
	for (size_t i = 0; word[1] == '-' && i < p->n; i++) {
		const struct cmk_option *o = p->entries[i].o;

		if (!(o->flags & OPT_HIDDEN) && cmk_is_near(word + 2, o->name)) {
			(void)cmk_err_hint(err, "did you mean '--%s'?", o->name);
			break;
		}
	}
	return -EINVAL;
}

/* LETTERS: as which it was typed, or NULL. */
static int need_value(const struct cmk_option *o, const char *letters, struct cmk_err *err)
{
	if (letters)
		return cmk_err_set(err, -EINVAL, "flag needs an argument: '%c' in %s", o->letter,
				   letters);
	return cmk_err_set(err, -EINVAL, "flag needs an argument: --%s", o->name);
}

/* Returns how many words were used. */
static int parse_long(struct parser *p, char *const *argv, struct cmk_err *err)
{
	const char *name = argv[0] + 2, *eq = strchrnul(name, '=');
	struct entry *e = find_long(p, name, (size_t)(eq - name));
	int r;

	if (!e)
		return unknown_option(p, xstrndup(argv[0], (size_t)(eq - argv[0])), argv[0], err);
	if (*eq) {
		r = give_value(e, eq + 1, err);
		return r < 0 ? r : 1;
	}
	if (!cmk_option_takes_value(e->o) || (e->o->flags & OPT_VALUE_OPTIONAL)) {
		r = give_value(e, e->o->value_if_alone ? e->o->value_if_alone : "true", err);
		return r < 0 ? r : 1;
	}
	if (!argv[1])
		return need_value(e->o, NULL, err);
	r = give_value(e, argv[1], err);
	return r < 0 ? r : 2;
}

static int parse_letters(struct parser *p, char *const *argv, struct cmk_err *err)
{
	for (const char *l = argv[0] + 1; *l; l++) {
		struct entry *e = find_letter(p, *l);
		int r;

		if (!e)
			return unknown_option(p, xasprintf("-%c", *l), argv[0], err);
		if (l[1] == '=') {
			r = give_value(e, l + 2, err);
			return r < 0 ? r : 1;
		}
		if (!cmk_option_takes_value(e->o) || (e->o->flags & OPT_VALUE_OPTIONAL)) {
			r = give_value(e, e->o->value_if_alone ? e->o->value_if_alone : "true",
				       err);
			if (r < 0)
				return r;
			continue;
		}
		if (!l[1] && !argv[1])
			return need_value(e->o, argv[0], err);
		r = give_value(e, l[1] ? l + 1 : argv[1], err);
		return r < 0 ? r : l[1] ? 1 : 2;
	}
	return 1;
}

static int check_excludes(struct parser *p, struct cmk_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct cmk_option *o = p->entries[i].o;
		struct entry *other;

		if (!p->entries[i].given || !o->excludes)
			continue;
		other = find_long(p, o->excludes, strlen(o->excludes));
		/* In podman's words. */
		if (other && other->given && streq(o->excludes, "platform") &&
		    (streq(o->name, "arch") || streq(o->name, "os")))
			return cmk_err_set(err, -EINVAL,
					   "--platform option can not be specified with --arch or "
					   "--os");
		if (other && other->given)
			return cmk_err_set(err, -EINVAL,
					   "options '--%s' and '--%s' cannot be used together",
					   o->name, o->excludes);
	}
	return 0;
}

static int fill_entries(struct parser *p, const struct cmk_option_set *sets, size_t n_sets,
			struct cmk_err *err)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < n_sets; i++)
		n += count_rows(sets[i].rows);
	p->entries = xcalloc(n, sizeof(*p->entries));
	for (size_t i = 0; i < n_sets; i++) {
		cleanup_free const struct cmk_option **flat = cmk_options_flatten(sets[i].rows);

		for (size_t j = 0; flat[j]; j++) {
			struct entry *e = &p->entries[p->n++];

			*e = (struct entry){ flat[j], sets[i].args, false };
			r = sets[i].keep ? 0 : set_default(e, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int parse_words(struct parser *p, bool stop_at_operand, int argc, char *const *argv,
		       struct cmk_err *err)
{
	bool only_operands = false;
	int i = 0, r;

	while (i < argc) {
		const char *a = argv[i];

		if (only_operands || a[0] != '-' || !a[1]) {
			p->out->operands[p->out->n_operands++] = argv[i++];
			only_operands |= stop_at_operand;
			continue;
		}
		if (streq(a, "--")) {
			only_operands = true;
			i++;
			continue;
		}
		r = a[1] == '-' ? parse_long(p, argv + i, err) : parse_letters(p, argv + i, err);
		if (r < 0)
			return r;
		i += r;
	}
	return 0;
}

int cmk_parse_options(const struct cmk_option_set *sets, size_t n_sets, bool stop_at_operand,
		      int argc, char *const *argv, struct cmk_parse *ret, struct cmk_err *err)
{
	struct parser p = { .out = ret };
	int r;

	ret->operands = xcalloc((size_t)argc + 1, sizeof(char *));
	r = fill_entries(&p, sets, n_sets, err);
	if (r == 0)
		r = parse_words(&p, stop_at_operand, argc, argv, err);
	if (r == 0)
		r = check_excludes(&p, err);
	free(p.entries);
	return r;
}

void cmk_parse_done(struct cmk_parse *p)
{
	free(p->operands);
	free(p->unknown);
	*p = (struct cmk_parse){ 0 };
}

void cmk_options_done(const struct cmk_option *rows, void *args)
{
	for (const struct cmk_option *o = rows; o && o->type != OPT_END; o++) {
		if (o->type == OPT_USE)
			cmk_options_done(o->use, args);
		else if (o->type == OPT_STRV || o->type == OPT_CSV)
			*FIELD(char **, args, o) = strv_free(*FIELD(char **, args, o));
	}
}

static char *check_pair(const struct cmk_option *a, const struct cmk_option *b)
{
	if (streq(a->name, b->name) || streq_null(a->alias ? a->alias : "-", b->name) ||
	    streq_null(b->alias ? b->alias : "-", a->name))
		return xasprintf("option '--%s' stands twice", a->name);
	if (a->letter && a->letter == b->letter)
		return xasprintf("letter '-%c' of '--%s' and '--%s'", a->letter, a->name, b->name);
	return NULL;
}

static char *check_row(const struct cmk_option *o)
{
	size_t n;

	if (!o->name || !*o->name)
		return xstrdup("a row without a name");
	n = o->help ? strlen(o->help) : 0;
	if (n == 0 || o->help[n - 1] == '.')
		return xasprintf("the help of '--%s' is empty or ends in a full stop", o->name);
	if (cmk_option_takes_value(o) != (o->arg != NULL))
		return xasprintf("'--%s' needs an argument word, and only if it takes a value",
				 o->name);
	if ((o->type == OPT_CALLBACK) != (o->parse != NULL))
		return xasprintf("'--%s' needs .parse, and only as a callback", o->name);
	if (o->words && o->def && !cmk_option_is_word(o->words, o->def))
		return xasprintf("the default of '--%s' is not one of its words", o->name);
	return NULL;
}

char *cmk_options_check(const struct cmk_option *rows)
{
	cleanup_free const struct cmk_option **flat = cmk_options_flatten(rows);
	char *bad = NULL;

	for (size_t i = 0; flat[i] && !bad; i++) {
		bad = check_row(flat[i]);
		for (size_t j = 0; j < i && !bad; j++)
			bad = check_pair(flat[i], flat[j]);
	}
	return bad;
}
