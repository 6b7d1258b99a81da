// SPDX-License-Identifier: Apache-2.0
#include "cmd/events_filter.h"

#include <ctype.h>

#include "cmd/containers.h"

/* What cmk writes: libpod/events/events.h. */
#define EVENT_WORDS                                                                             \
	"attach|cleanup|commit|create|died|exec|exec_died|export|health_status|init|kill|load|" \
	"mount|oom|pause|prune|pull|pull-error|push|refresh|remove|rename|restart|save|start|"  \
	"stop|"                                                                                 \
	"tag|unmount|unpause|untag|update"

enum filter_key {
	FILTER_ARTIFACT,
	FILTER_CONFIG, /* docker's: nothing of it happens here */
	FILTER_CONTAINER,
	FILTER_DAEMON, /* docker's */
	FILTER_EVENT,
	FILTER_IMAGE,
	FILTER_LABEL,
	FILTER_NETWORK,
	FILTER_NODE,   /* docker's */
	FILTER_PLUGIN, /* docker's */
	FILTER_POD,
	FILTER_SCOPE,
	FILTER_SECRET,
	FILTER_SERVICE, /* docker's */
	FILTER_STATUS,	/* another word for event */
	FILTER_TYPE,
	FILTER_VOLUME,
	N_FILTERS
};

const struct cmk_option_key events_filter_keys[N_FILTERS + 1] = {
	[FILTER_ARTIFACT] = { "artifact", COMPLETE_NONE, NULL },
	[FILTER_CONFIG] = { "config", COMPLETE_NONE, NULL },
	[FILTER_CONTAINER] = { "container", COMPLETE_CONTAINERS, NULL },
	[FILTER_DAEMON] = { "daemon", COMPLETE_NONE, NULL },
	[FILTER_EVENT] = { "event", COMPLETE_WORDS, EVENT_WORDS },
	[FILTER_IMAGE] = { "image", COMPLETE_IMAGES, NULL },
	[FILTER_LABEL] = { "label", COMPLETE_NONE, NULL },
	[FILTER_NETWORK] = { "network", COMPLETE_NONE, NULL },
	[FILTER_NODE] = { "node", COMPLETE_NONE, NULL },
	[FILTER_PLUGIN] = { "plugin", COMPLETE_NONE, NULL },
	[FILTER_POD] = { "pod", COMPLETE_NONE, NULL },
	[FILTER_SCOPE] = { "scope", COMPLETE_WORDS, "local|swarm" },
	[FILTER_SECRET] = { "secret", COMPLETE_SECRETS, NULL },
	[FILTER_SERVICE] = { "service", COMPLETE_NONE, NULL },
	[FILTER_STATUS] = { "status", COMPLETE_WORDS, EVENT_WORDS },
	[FILTER_TYPE] = { "type", COMPLETE_WORDS, "artifact|container|image|secret|system|volume" },
	[FILTER_VOLUME] = { "volume", COMPLETE_VOLUMES, NULL },
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

/* docker's word for an event as the one that is written. */
static const char *event_word(const char *word)
{
	static const struct {
		const char *docker, *ours;
	} words[] = {
		{ "die", "died" },	   { "destroy", "remove" },  { "delete", "remove" },
		{ "exec_create", "exec" }, { "exec_start", "exec" }, { "exec_die", "exec_died" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i].docker, word))
			return words[i].ours;
	return word;
}

static int term_parse(const char *text, struct term *t, struct cmk_err *err)
{
	cleanup_free char *lower = xstrdup(text);
	const struct cmk_option_key *key;
	const char *eq = strchr(text, '=');

	for (char *c = lower; *c && *c != '='; c++)
		*c = (char)tolower((unsigned char)*c);
	key = cmk_option_find_key(events_filter_keys, lower);
	if (!eq || !key) {
		(void)cmk_err_set(err, -EINVAL, "'%s' is an invalid filter", text);
		(void)cmk_err_hint(err,
				   "KEY=VALUE, where KEY is one of container, event, image, label, "
				   "network, pod, scope, secret, status, type, volume");
		return -EINVAL;
	}
	t->key = (enum filter_key)(key - events_filter_keys);
	t->value = eq + 1;
	if (t->key == FILTER_STATUS)
		t->key = FILTER_EVENT;
	if (t->key == FILTER_EVENT)
		t->value = event_word(t->value);
	return 0;
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
	case FILTER_STATUS:
		return streq(e->status, t->value);
	case FILTER_SCOPE:
		return streq(t->value, "local");
	case FILTER_TYPE:
		return streq(e->type, t->value);
	case FILTER_LABEL:
		return cmk_label_fits(e->attributes, t->value);
	case FILTER_NETWORK:
		return is_object(e, "network", t->value) ||
		       (streq(e->type, "network") && streq_null(e->network, t->value));
	case FILTER_ARTIFACT:
	case FILTER_CONFIG:
	case FILTER_CONTAINER:
	case FILTER_DAEMON:
	case FILTER_IMAGE:
	case FILTER_NODE:
	case FILTER_PLUGIN:
	case FILTER_POD:
	case FILTER_SECRET:
	case FILTER_SERVICE:
	case FILTER_VOLUME:
		return is_object(e, events_filter_keys[t->key].key, t->value);
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
