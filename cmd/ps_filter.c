// SPDX-License-Identifier: Apache-2.0
#include "cmd/ps_filter.h"

#include <strings.h>
#include <time.h>

#include "base/parse.h"
#include "base/pattern.h"
#include "cmd/containers.h"
#include "cmd/ps.h"
#include "image/image.h"

enum filter_key {
	FILTER_ANCESTOR,
	FILTER_ANNOTATION,
	FILTER_BEFORE,
	FILTER_COMMAND,
	FILTER_EXITED,
	FILTER_EXPOSE,
	FILTER_HEALTH,
	FILTER_ID,
	FILTER_IS_TASK,
	FILTER_LABEL,
	FILTER_NAME,
	FILTER_NETWORK,
	FILTER_NO_ANNOTATION,
	FILTER_NO_LABEL,
	FILTER_POD,
	FILTER_PUBLISH,
	FILTER_RESTART_POLICY,
	FILTER_SINCE,
	FILTER_START_ON_BOOT,
	FILTER_STATUS,
	FILTER_UNTIL,
	FILTER_VOLUME,
	N_FILTERS
};

const struct cmk_option_key ps_filter_keys[N_FILTERS + 1] = {
	[FILTER_ANCESTOR] = { "ancestor", COMPLETE_IMAGES, NULL },
	[FILTER_ANNOTATION] = { "annotation", COMPLETE_NONE, NULL },
	[FILTER_BEFORE] = { "before", COMPLETE_CONTAINERS, NULL },
	[FILTER_COMMAND] = { "command", COMPLETE_NONE, NULL },
	[FILTER_EXITED] = { "exited", COMPLETE_NONE, NULL },
	[FILTER_EXPOSE] = { "expose", COMPLETE_NONE, NULL },
	[FILTER_HEALTH] = { "health", COMPLETE_WORDS, "starting|healthy|unhealthy|none" },
	[FILTER_ID] = { "id", COMPLETE_CONTAINERS, NULL },
	[FILTER_IS_TASK] = { "is-task", COMPLETE_WORDS, "true|false" },
	[FILTER_LABEL] = { "label", COMPLETE_NONE, NULL },
	[FILTER_NAME] = { "name", COMPLETE_CONTAINERS, NULL },
	[FILTER_NETWORK] = { "network", COMPLETE_WORDS, "host|none|slirp" },
	[FILTER_NO_ANNOTATION] = { "annotation!", COMPLETE_NONE, NULL },
	[FILTER_NO_LABEL] = { "label!", COMPLETE_NONE, NULL },
	[FILTER_POD] = { "pod", COMPLETE_NONE, NULL },
	[FILTER_PUBLISH] = { "publish", COMPLETE_NONE, NULL },
	[FILTER_RESTART_POLICY] = { "restart-policy", COMPLETE_WORDS,
				    "always|no|none|never|on-failure|unless-stopped" },
	[FILTER_SINCE] = { "since", COMPLETE_CONTAINERS, NULL },
	[FILTER_START_ON_BOOT] = { "should-start-on-boot", COMPLETE_WORDS, "true|false" },
	[FILTER_STATUS] = { "status", COMPLETE_WORDS,
			    "created|initialized|running|paused|stopping|stopped|restarting|exited|"
			    "removing|dead|unknown" },
	[FILTER_UNTIL] = { "until", COMPLETE_NONE, NULL },
	[FILTER_VOLUME] = { "volume", COMPLETE_VOLUMES, NULL },
};

struct term {
	enum filter_key key;
	char *value;
	struct pattern *pattern;
	int64_t number; /* exited, is-task, should-start-on-boot */
	char *time;	/* before, since, until: RFC 3339 in UTC, as records have it */
	struct {
		uint32_t first, last;
		const char *protocol;
	} ports;		    /* expose, publish */
	char *image;		    /* ancestor: the full id, where there is such an image */
	struct image_record record; /* of it */
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
		free(f->term[i].time);
		free(f->term[i].image);
		image_record_done(&f->term[i].record);
		pattern_free(f->term[i].pattern);
	}
	free(f->term);
	free(f);
	return NULL;
}

static int check_word(const struct term *t, const char *what, struct cmk_err *err)
{
	if (cmk_option_is_word(ps_filter_keys[t->key].words, t->value))
		return 0;
	return cmk_err_set(err, -EINVAL, "unknown %s: %s", what, t->value);
}

static int compile(struct term *t, struct cmk_err *err)
{
	return pattern_new(t->value, &t->pattern, err);
}

/* The container that is named, as a time. */
static int created_of(struct storage *st, struct term *t, struct cmk_err *err)
{
	struct container *c = NULL;
	int r = container_open(st, t->value, &c, err);

	if (r < 0)
		return r;
	t->time = xstrdup(c->cfg.created);
	(void)container_free(c);
	return 0;
}

static int until_time(struct term *t, struct cmk_err *err)
{
	struct timespec ts;
	int64_t ns = 0;
	char date[32];
	struct tm tm;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	r = log_time_parse(t->value, (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec, &ns, err);
	if (r < 0)
		return r;
	ts.tv_sec = (time_t)(ns / 1000000000);
	if (!gmtime_r(&ts.tv_sec, &tm))
		return cmk_err_set(err, -ERANGE, "time '%s' is out of range", t->value);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	t->time = xasprintf("%s.%09dZ", date, (int)(ns % 1000000000));
	return 0;
}

/* "80", "8000-8080/udp"; tcp where nothing is said. */
static int parse_ports(struct term *t, struct cmk_err *err)
{
	size_t n = strcspn(t->value, "/");
	cleanup_free char *numbers = xstrndup(t->value, n);
	char *dash = strchr(numbers, '-');
	uint32_t last;

	t->ports.protocol = t->value[n] ? t->value + n + 1 : "tcp";
	if (dash)
		*dash = '\0';
	if (parse_u32(numbers, 65535, &t->ports.first) < 0 ||
	    parse_u32(dash ? dash + 1 : numbers, 65535, &last) < 0 || last < t->ports.first ||
	    (!streq(t->ports.protocol, "tcp") && !streq(t->ports.protocol, "udp")))
		return cmk_err_set(err, -EINVAL, "'%s' is not of the form PORT[-PORT][/tcp|/udp]",
				   t->value);
	t->ports.last = last;
	return 0;
}

static bool is_alphanumeric(const char *s)
{
	return *s && !s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

/* An image that is gone may still be the ancestor by its name. */
static int ancestor_image(struct storage *st, struct term *t)
{
	if (image_resolve_local(st, t->value, &t->image, NULL, NULL) == 0)
		(void)storage_image_load(st, t->image, &t->record, NULL);
	return 0;
}

/* Of whose network it is the one: by its ID, as records have it. */
static int network_of(struct storage *st, struct term *t)
{
	const char *name = str_after(t->value, "container:");
	cleanup_container struct container *c = NULL;

	if (name && container_open(st, name, &c, NULL) == 0) {
		free(t->value);
		t->value = xasprintf("container:%s", c->cfg.id);
	}
	return 0;
}

static int term_prepare(struct storage *st, struct term *t, struct cmk_err *err)
{
	bool yes = false;

	switch (t->key) {
	case FILTER_STATUS:
		return check_word(t, "container state", err);
	case FILTER_HEALTH:
		return check_word(t, "health state", err);
	case FILTER_EXITED:
		if (parse_i64(t->value, INT32_MIN, INT32_MAX, &t->number) < 0)
			return cmk_err_set(err, -EINVAL, "'%s' is not an exit code", t->value);
		return 0;
	case FILTER_IS_TASK:
	case FILTER_START_ON_BOOT:
		if (parse_bool(t->value, &yes) < 0)
			return cmk_err_set(err, -EINVAL, "'%s' is not true or false", t->value);
		t->number = yes;
		return 0;
	case FILTER_RESTART_POLICY:
		if (*t->value && !cmk_option_is_word(ps_filter_keys[t->key].words, t->value))
			return cmk_err_set(err, -EINVAL, "%s invalid restart policy", t->value);
		return 0;
	case FILTER_NAME:
	case FILTER_COMMAND:
		return compile(t, err);
	case FILTER_ID:
		return is_alphanumeric(t->value) ? 0 : compile(t, err);
	case FILTER_BEFORE:
	case FILTER_SINCE:
		return created_of(st, t, err);
	case FILTER_UNTIL:
		return until_time(t, err);
	case FILTER_EXPOSE:
	case FILTER_PUBLISH:
		return parse_ports(t, err);
	case FILTER_ANCESTOR:
		return ancestor_image(st, t);
	case FILTER_NETWORK:
		return network_of(st, t);
	default:
		return 0;
	}
}

static int term_parse(const char *text, struct term *t, struct cmk_err *err)
{
	const struct cmk_option_key *key = cmk_option_find_key(ps_filter_keys, text);
	const char *eq = strchr(text, '=');

	if (!eq)
		return cmk_err_set(err, -EINVAL, "not of the form KEY=VALUE");
	if (!key)
		return cmk_err_set(err, -EINVAL, "'%.*s' is an invalid filter", (int)(eq - text),
				   text);
	t->key = (enum filter_key)(key - ps_filter_keys);
	t->value = xstrdup(eq + 1);
	return 0;
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
			/* podman's words for this one alone. */
			if (t->key != FILTER_RESTART_POLICY)
				r = cmk_err_wrap(err, r, "filter '%s'", *texts);
			(void)ps_filter_free(f);
			return r;
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

/* The layers of the container's image begin with those of IMAGE. */
static bool is_built_on(const struct container *c, const struct image_record *image)
{
	if (!image->n_layers || image->n_layers > container_image_layers(&c->cfg))
		return false;
	for (size_t i = 0; i < image->n_layers; i++) {
		cleanup_free char *id = storage_layer_diff_id(c->st, c->cfg.layers[i].diff_id);

		if (!streq_null(image->layers[i].diff_id, id))
			return false;
	}
	return true;
}

static bool matches(const struct term *t, const char *text)
{
	return t->pattern && text && pattern_matches(t->pattern, text, NULL) > 0;
}

static bool match_ancestor(const struct term *t, const struct container *c)
{
	const struct container_config *cfg = &c->cfg;
	const char *rest;

	if (t->image)
		return streq_null(cfg->image_id, t->image) || is_built_on(c, &t->record);
	/* As podman: any part of the ID; the whole name, of which ":latest" may be left out. */
	rest = cfg->image_name ? str_after(cfg->image_name, t->value) : NULL;
	return (cfg->image_id && *t->value && strstr(cfg->image_id, t->value)) ||
	       (rest && (!*rest || streq(rest, ":latest")));
}

/* docker's names begin with a slash: scripts ask for "^/web$". */
static bool match_name(const struct term *t, const struct container *c)
{
	cleanup_free char *slashed = xasprintf("/%s", c->cfg.name);

	return matches(t, c->cfg.name) || matches(t, slashed);
}

static bool ports_meet(const struct term *t, const char *protocol, int64_t first, int n)
{
	return streq(protocol, t->ports.protocol) && first <= (int64_t)t->ports.last &&
	       first + MAX(n, 1) > (int64_t)t->ports.first;
}

/* What is published is exposed as well. */
static bool match_port(const struct term *t, const struct container *c)
{
	bool publish = t->key == FILTER_PUBLISH, meets = false;
	cleanup_free struct exposed_port *exposed = NULL;
	size_t n = 0;

	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		const struct container_port *p = &c->cfg.ports[i];

		if (ports_meet(t, p->protocol, publish ? p->host_port : p->container_port,
			       p->range))
			return true;
	}
	if (publish)
		return false;
	exposed = container_exposed_ports(&c->cfg, &n);
	for (size_t i = 0; i < n && !meets; i++)
		meets = ports_meet(t, exposed[i].protocol, exposed[i].port, 1);
	return meets;
}

/* A name or a path, or what is mounted and where: SOURCE:DESTINATION. */
static bool match_volume(const struct term *t, const struct container *c)
{
	const char *colon = strchr(t->value, ':');
	cleanup_free char *source = xstrndup(t->value,
					     colon ? (size_t)(colon - t->value) : strlen(t->value));

	for (size_t i = 0; i < c->cfg.n_mounts; i++) {
		const struct container_mount *m = &c->cfg.mounts[i];

		bool is_source = streq_null(m->name, source) || streq_null(m->source, source);

		if (colon ? is_source && streq_null(m->destination, colon + 1)
			  : is_source || streq_null(m->destination, source))
			return true;
	}
	return false;
}

static bool match_policy(const struct term *t, const struct container *c)
{
	const char *policy = c->cfg.restart_policy ? c->cfg.restart_policy : "no";

	/* podman calls "no" so as well, where none was given. */
	return streq(policy, t->value) ||
	       (!c->cfg.restart_policy &&
		(streq(t->value, "never") || streq(t->value, "none") || !*t->value));
}

/* Who would run again after a reboot (`start --all --filter should-start-on-boot=true`). */
static bool starts_on_boot(const struct container *c)
{
	return streq_null(c->cfg.restart_policy, "always") ||
	       (streq_null(c->cfg.restart_policy, "unless-stopped") && !c->status.stopped_by_user);
}

static bool match_status(const struct term *t, const struct container *c)
{
	return streq(container_state_name(c->state), t->value) ||
	       (c->state >= CONTAINER_EXITED && streq(t->value, "stopped"));
}

static bool match_annotation(const struct container *c, const char *value)
{
	cleanup_strv char **annotations = container_annotations(c);

	return cmk_label_fits(annotations, value);
}

static bool match_term(const struct term *t, const struct container *c)
{
	switch (t->key) {
	case FILTER_ID:
		return t->pattern ? matches(t, c->cfg.id)
				  : strncasecmp(c->cfg.id, t->value, strlen(t->value)) == 0;
	case FILTER_NAME:
		return match_name(t, c);
	case FILTER_COMMAND:
		return c->cfg.command && matches(t, c->cfg.command[0]);
	case FILTER_ANNOTATION:
		return match_annotation(c, t->value);
	case FILTER_NO_ANNOTATION:
		return !match_annotation(c, t->value);
	case FILTER_LABEL:
		return cmk_label_fits(c->cfg.labels, t->value);
	case FILTER_NO_LABEL:
		return !cmk_label_fits(c->cfg.labels, t->value);
	case FILTER_STATUS:
		return match_status(t, c);
	case FILTER_EXITED:
		return c->state >= CONTAINER_EXITED && c->status.exit_code == t->number;
	case FILTER_ANCESTOR:
		return match_ancestor(t, c);
	case FILTER_BEFORE:
	case FILTER_UNTIL:
		return strcmp(c->cfg.created, t->time) < 0;
	case FILTER_SINCE:
		return strcmp(c->cfg.created, t->time) > 0;
	case FILTER_NETWORK:
		return streq_null(c->cfg.network, t->value);
	case FILTER_VOLUME:
		return match_volume(t, c);
	case FILTER_EXPOSE:
	case FILTER_PUBLISH:
		return match_port(t, c);
	case FILTER_RESTART_POLICY:
		return match_policy(t, c);
	case FILTER_IS_TASK:
		return t->number == 0;
	case FILTER_START_ON_BOOT:
		return starts_on_boot(c) == (t->number != 0);
	case FILTER_HEALTH:
		return streq(ps_health(c), t->value);
	case FILTER_POD: /* no container is in one */
	case N_FILTERS:
		break;
	}
	return false;
}

/* Every one of them must fit. */
static bool counts_each(enum filter_key key)
{
	return key == FILTER_LABEL || key == FILTER_NO_LABEL || key == FILTER_ANNOTATION ||
	       key == FILTER_NO_ANNOTATION;
}

bool ps_filter_match(const struct ps_filter *f, const struct container *c)
{
	struct cmk_filter_tally tally = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		const struct term *t = &f->term[i];

		if (!cmk_filter_count(&tally, t->key, match_term(t, c), counts_each(t->key)))
			return false;
	}
	return cmk_filter_fits(&tally);
}
