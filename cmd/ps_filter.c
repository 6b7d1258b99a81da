// SPDX-License-Identifier: Apache-2.0
#include "cmd/ps_filter.h"

#include <regex.h>

#include "base/parse.h"
#include "image/image.h"

enum filter_key {
	FILTER_ID,
	FILTER_NAME,
	FILTER_LABEL,
	FILTER_NO_LABEL,
	FILTER_STATUS,
	FILTER_EXITED,
	FILTER_ANCESTOR,
	FILTER_BEFORE,
	FILTER_SINCE,
	FILTER_NETWORK,
	FILTER_COMMAND,
	N_FILTERS
};

static const char *const filter_names[N_FILTERS] = {
	[FILTER_ID] = "id",
	[FILTER_NAME] = "name",
	[FILTER_LABEL] = "label",
	[FILTER_NO_LABEL] = "label!",
	[FILTER_STATUS] = "status",
	[FILTER_EXITED] = "exited",
	[FILTER_ANCESTOR] = "ancestor",
	[FILTER_BEFORE] = "before",
	[FILTER_SINCE] = "since",
	[FILTER_NETWORK] = "network",
	[FILTER_COMMAND] = "command",
};

/* Known to the peers, about things that cmk does not have yet. */
static const char *const later_names[] = { "volume",	     "pod",   "health",
					   "restart-policy", "until", "should-start-on-boot" };

struct term {
	enum filter_key key;
	char *value; /* of before, since: a time; of ancestor: an image id, where there is one */
	char *typed;
	regex_t regex;
	bool has_regex;
	int64_t number;
};

struct ps_filter {
	struct term *term;
	size_t n;
};

struct ps_filter *ps_filter_free(struct ps_filter *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++) {
		free(f->term[i].value);
		free(f->term[i].typed);
		if (f->term[i].has_regex)
			regfree(&f->term[i].regex);
	}
	free(f->term);
	free(f);
	return NULL;
}

static int check_status(const char *value, struct cmk_err *err)
{
	static const char *const words[] = { "created", "initialized", "running",
					     "paused",	"stopping",    "stopped",
					     "exited",	"removing",    "unknown" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (streq(value, words[i]))
			return 0;
	}
	return cmk_err_set(err, -EINVAL, "'%s' is not a state of a container", value);
}

static int term_prepare(struct storage *st, struct term *t, struct cmk_err *err)
{
	struct container *c = NULL;
	char *id = NULL;
	int r;

	switch (t->key) {
	case FILTER_STATUS:
		return check_status(t->value, err);
	case FILTER_EXITED:
		if (parse_i64(t->value, INT32_MIN, INT32_MAX, &t->number) < 0)
			return cmk_err_set(err, -EINVAL, "'%s' is not an exit code", t->value);
		return 0;
	case FILTER_NAME:
		if (regcomp(&t->regex, t->value, REG_EXTENDED | REG_NOSUB))
			return cmk_err_set(err, -EINVAL, "'%s' is not a regular expression",
					   t->value);
		t->has_regex = true;
		return 0;
	case FILTER_BEFORE:
	case FILTER_SINCE:
		r = container_open(st, t->value, &c, err);
		if (r < 0)
			return r;
		free(t->value);
		t->value = xstrdup(c->cfg.created);
		(void)container_free(c);
		return 0;
	case FILTER_ANCESTOR:
		/* An image that is gone may still be the ancestor by its name. */
		if (image_resolve_local(st, t->value, &id, NULL, NULL) == 0) {
			free(t->value);
			t->value = id;
		}
		return 0;
	default:
		return 0;
	}
}

static int term_parse(const char *text, struct term *t, struct cmk_err *err)
{
	cleanup_free char *key = NULL;
	const char *eq = strchr(text, '=');

	if (!eq)
		return cmk_err_set(err, -EINVAL, "not of the form KEY=VALUE");
	key = xstrndup(text, (size_t)(eq - text));
	for (size_t i = 0; i < N_FILTERS; i++) {
		if (streq(key, filter_names[i])) {
			t->key = (enum filter_key)i;
			t->value = xstrdup(eq + 1);
			t->typed = xstrdup(eq + 1);
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(later_names); i++) {
		if (streq(key, later_names[i]))
			return cmk_err_set(err, -EOPNOTSUPP, "'%s' is not supported yet", key);
	}
	return cmk_err_set(err, -EINVAL, "'%s' is an invalid filter", key);
}

int ps_filter_new(struct storage *st, char *const *texts, struct ps_filter **ret,
		  struct cmk_err *err)
{
	struct ps_filter *f = xcalloc(1, sizeof(*f));

	f->term = xcalloc(strv_len(texts) + 1, sizeof(*f->term));
	for (; texts && *texts; texts++) {
		struct term *t = &f->term[f->n++];
		int r = term_parse(*texts, t, err);

		if (r == 0)
			r = term_prepare(st, t, err);
		if (r < 0) {
			(void)ps_filter_free(f);
			return cmk_err_wrap(err, r, "filter '%s'", *texts);
		}
	}
	*ret = f;
	return 0;
}

bool ps_filter_wants_all(const struct ps_filter *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->term[i].key == FILTER_STATUS || f->term[i].key == FILTER_EXITED)
			return true;
	}
	return false;
}

/* "key" or "key=value". */
static bool has_label(const struct container *c, const char *want)
{
	size_t len = strlen(want);

	for (char **l = c->cfg.labels; l && *l; l++) {
		if (streq(*l, want))
			return true;
		if (!strchr(want, '=') && strncmp(*l, want, len) == 0 && (*l)[len] == '=')
			return true;
	}
	return false;
}

static bool match_ancestor(const struct term *t, const struct container *c)
{
	if (streq_null(c->cfg.image_id, t->value) || streq_null(c->cfg.image_name, t->value) ||
	    streq_null(c->cfg.image_name, t->typed))
		return true;
	return false;
}

static bool match_term(const struct term *t, const struct container *c)
{
	switch (t->key) {
	case FILTER_ID:
		return str_after(c->cfg.id, t->value) != NULL;
	case FILTER_NAME:
		return regexec(&t->regex, c->cfg.name, 0, NULL, 0) == 0;
	case FILTER_LABEL:
		return has_label(c, t->value);
	case FILTER_NO_LABEL:
		return !has_label(c, t->value);
	case FILTER_STATUS:
		return streq(container_state_name(c->state), t->value) ||
		       (c->state >= CONTAINER_EXITED && streq(t->value, "stopped"));
	case FILTER_EXITED:
		return c->state >= CONTAINER_EXITED && c->status.exit_code == t->number;
	case FILTER_ANCESTOR:
		return match_ancestor(t, c);
	case FILTER_BEFORE:
		return strcmp(c->cfg.created, t->value) < 0;
	case FILTER_SINCE:
		return strcmp(c->cfg.created, t->value) > 0;
	case FILTER_NETWORK:
		return streq_null(c->cfg.network, t->value);
	case FILTER_COMMAND:
		return c->cfg.command && str_after(c->cfg.command[0], t->value);
	case N_FILTERS:
		break;
	}
	return false;
}

bool ps_filter_match(const struct ps_filter *f, const struct container *c)
{
	bool asked[N_FILTERS] = { false }, found[N_FILTERS] = { false };

	for (size_t i = 0; i < f->n; i++) {
		const struct term *t = &f->term[i];
		bool m = match_term(t, c);

		if ((t->key == FILTER_LABEL || t->key == FILTER_NO_LABEL) && !m)
			return false;
		asked[t->key] = true;
		found[t->key] |= m;
	}
	for (size_t k = 0; k < N_FILTERS; k++) {
		if (asked[k] && !found[k])
			return false;
	}
	return true;
}
