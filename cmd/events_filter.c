// SPDX-License-Identifier: Apache-2.0
#include "cmd/events_filter.h"

#include <strings.h>

#include "cmd/containers.h"

enum filter_key {
	FILTER_CONTAINER,
	FILTER_EVENT,
	FILTER_IMAGE,
	FILTER_LABEL,
	FILTER_NETWORK,
	FILTER_POD,
	FILTER_SECRET,
	FILTER_TYPE,
	FILTER_VOLUME,
	N_FILTERS
};

static const char *const filter_names[N_FILTERS] = {
	[FILTER_CONTAINER] = "container", [FILTER_EVENT] = "event",	[FILTER_IMAGE] = "image",
	[FILTER_LABEL] = "label",	  [FILTER_NETWORK] = "network", [FILTER_POD] = "pod",
	[FILTER_SECRET] = "secret",	  [FILTER_TYPE] = "type",	[FILTER_VOLUME] = "volume",
};

/* Other words for the same. */
static const struct {
	const char *name;
	enum filter_key key;
} filter_aliases[] = {
	{ "status", FILTER_EVENT },
};

struct term {
	enum filter_key key;
	const char *value; /* borrowed from the command line */
};

struct events_filter {
	size_t n;
	struct term term[];
};

struct events_filter *events_filter_free(struct events_filter *f)
{
	free(f);
	return NULL;
}

static bool is_word(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && strncasecmp(word, text, len) == 0;
}

/* N_FILTERS where the LEN bytes of TEXT name none. */
static enum filter_key find_key(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(filter_aliases); i++)
		if (is_word(filter_aliases[i].name, text, len))
			return filter_aliases[i].key;
	for (size_t i = 0; i < N_FILTERS; i++)
		if (is_word(filter_names[i], text, len))
			return (enum filter_key)i;
	return N_FILTERS;
}

static int term_parse(const char *text, struct term *t, struct cmk_err *err)
{
	const char *eq = strchr(text, '=');

	t->key = eq ? find_key(text, (size_t)(eq - text)) : N_FILTERS;
	if (t->key != N_FILTERS) {
		t->value = eq + 1;
		/* docker's word for it */
		if (t->key == FILTER_EVENT && streq(t->value, "die"))
			t->value = "died";
		return 0;
	}
	(void)cmk_err_set(err, -EINVAL, "'%s' is an invalid filter", text);
	(void)cmk_err_hint(err, "KEY=VALUE, where KEY is one of container, event, image, label, "
				"network, pod, secret, status, type, volume");
	return -EINVAL;
}

int events_filter_new(char *const *texts, struct events_filter **ret, struct cmk_err *err)
{
	size_t n = strv_len(texts);
	cleanup_free struct events_filter *f = xcalloc(1, sizeof(*f) + n * sizeof(struct term));

	for (; f->n < n; f->n++) {
		int r = term_parse(texts[f->n], &f->term[f->n], err);

		if (r < 0)
			return r;
	}
	*ret = steal_ptr(&f);
	return 0;
}

/* An object of TYPE by its whole name or the beginning of its id. */
static bool is_object(const struct event *e, const char *type, const char *value)
{
	return streq(e->type, type) &&
	       (streq_null(e->name, value) || (*value && e->id && str_after(e->id, value)));
}

static bool match_term(const struct term *t, const struct event *e)
{
	switch (t->key) {
	case FILTER_EVENT:
		return streq(e->status, t->value);
	case FILTER_TYPE:
		return streq(e->type, t->value);
	case FILTER_LABEL:
		return cmk_label_fits(e->attributes, t->value);
	case FILTER_NETWORK:
		return is_object(e, "network", t->value) ||
		       (streq(e->type, "network") && streq_null(e->network, t->value));
	case FILTER_CONTAINER:
	case FILTER_IMAGE:
	case FILTER_POD:
	case FILTER_SECRET:
	case FILTER_VOLUME:
		return is_object(e, filter_names[t->key], t->value);
	case N_FILTERS:
		break;
	}
	return false;
}

bool events_filter_match(const struct events_filter *f, const struct event *e)
{
	struct cmk_filter_tally tally = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		const struct term *t = &f->term[i];

		if (!cmk_filter_count(&tally, t->key, match_term(t, e), t->key == FILTER_LABEL))
			return false;
	}
	return cmk_filter_fits(&tally);
}
