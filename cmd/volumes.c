// SPDX-License-Identifier: Apache-2.0
#include "cmd/volumes.h"

#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/pattern.h"
#include "cmd/containers.h"
#include "cmd/format.h"

enum volume_key {
	KEY_NAME,
	KEY_DRIVER,
	KEY_SCOPE,
	KEY_LABEL,
	KEY_NO_LABEL,
	KEY_OPT,
	KEY_DANGLING,
	KEY_ANONYMOUS,
	KEY_UNTIL,
	KEY_SINCE,
	KEY_AFTER, /* another word for it */
	N_KEYS
};

const struct cmk_option_key volumes_filter_keys[N_KEYS + 1] = {
	[KEY_NAME] = { "name", COMPLETE_VOLUMES, NULL },
	[KEY_DRIVER] = { "driver", COMPLETE_WORDS, "local" },
	[KEY_SCOPE] = { "scope", COMPLETE_WORDS, "local" },
	[KEY_LABEL] = { "label", COMPLETE_NONE, NULL },
	[KEY_NO_LABEL] = { "label!", COMPLETE_NONE, NULL },
	[KEY_OPT] = { "opt", COMPLETE_NONE, NULL },
	[KEY_DANGLING] = { "dangling", COMPLETE_WORDS, "true|false" },
	[KEY_ANONYMOUS] = { "anonymous", COMPLETE_WORDS, "true|false" },
	[KEY_UNTIL] = { "until", COMPLETE_NONE, NULL },
	[KEY_SINCE] = { "since", COMPLETE_VOLUMES, NULL },
	[KEY_AFTER] = { "after", COMPLETE_VOLUMES, NULL },
};

struct volume_term {
	enum volume_key key;
	char *value;
	struct pattern *pattern;
	bool yes;
	int64_t time_ns;
};

struct volumes_filter {
	struct volume_term *term;
	size_t n;
};

void volumes_filter_free(struct volumes_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		free(f->term[i].value);
		pattern_free(f->term[i].pattern);
	}
	free(f->term);
	free(f);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int created_ns(const char *created, int64_t *ret)
{
	return log_time_parse(created, now_ns(), ret, NULL);
}

static int term_prepare(struct storage *st, struct volume_term *t, struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	int r = 0;

	switch (t->key) {
	case KEY_NAME:
		r = pattern_new(t->value, &t->pattern, err);
		break;
	case KEY_DANGLING:
	case KEY_ANONYMOUS:
		if (parse_bool(t->value, &t->yes) < 0)
			return cmk_err_set(err, -EINVAL,
					   "'%s' is not a valid value: must be true or false",
					   t->value);
		break;
	case KEY_UNTIL:
		r = log_time_parse(t->value, now_ns(), &t->time_ns, err);
		break;
	case KEY_SINCE:
		r = storage_volume_find(st, t->value, &v, err);
		if (r == 0 && created_ns(v.created, &t->time_ns) < 0)
			t->time_ns = 0;
		break;
	default:
		break;
	}
	return r;
}

static int add_term(struct storage *st, struct volumes_filter *f, const char *text, bool prune,
		    struct cmk_err *err)
{
	const struct cmk_option_key *row = cmk_option_find_key(volumes_filter_keys, text);
	cleanup_free char *key = xstrndup(text, strcspn(text, "="));
	const char *eq = strchr(text, '=');
	struct volume_term *t;
	int r;

	if (!eq)
		return cmk_err_set(err, -EINVAL,
				   "'%s' is an invalid filter: filter input must be in the form of "
				   "filter=value",
				   text);
	if (!row)
		return cmk_err_set(err, -EINVAL, "'%s' is an invalid volume%s filter", key,
				   prune ? " prune" : "");
	f->term = xrealloc(f->term, f->n + 1, sizeof(*f->term));
	t = &f->term[f->n++];
	*t = (struct volume_term){ .key = (enum volume_key)(row - volumes_filter_keys),
				   .value = xstrdup(eq + 1) };
	if (t->key == KEY_AFTER)
		t->key = KEY_SINCE;
	r = term_prepare(st, t, err);
	return r < 0 ? cmk_err_wrap(err, r, "filter '%s'", text) : 0;
}

int volumes_filter_parse(struct storage *st, char *const *filters, bool prune,
			 struct volumes_filter **ret, struct cmk_err *err)
{
	struct volumes_filter *f = xcalloc(1, sizeof(*f));

	for (; filters && *filters; filters++) {
		int r = add_term(st, f, *filters, prune, err);

		if (r < 0) {
			volumes_filter_free(f);
			return r;
		}
	}
	*ret = f;
	return 0;
}

/* Nobody gave it a name: made for a container, or by `volume create` without one. */
static bool is_anonymous(const struct volume_record *v)
{
	return v->anonymous || v->unnamed;
}

static bool term_fits(const struct volume_term *t, const struct volume_record *v,
		      const struct volume_users *users)
{
	int64_t created = 0;

	switch (t->key) {
	case KEY_NAME:
		return pattern_matches(t->pattern, v->name, NULL) > 0;
	case KEY_DRIVER:
		return streq(t->value, v->driver);
	case KEY_SCOPE:
		return streq(t->value, "local");
	case KEY_LABEL:
		return cmk_label_fits(v->labels, t->value);
	case KEY_NO_LABEL:
		return !cmk_label_fits(v->labels, t->value);
	case KEY_OPT:
		return cmk_label_fits(v->options, t->value);
	case KEY_DANGLING:
		return t->yes == (volume_users_of(users, v->name, NULL) == 0);
	case KEY_ANONYMOUS:
		return t->yes == is_anonymous(v);
	case KEY_UNTIL:
		return created_ns(v->created, &created) == 0 && created < t->time_ns;
	case KEY_SINCE:
	case KEY_AFTER:
		return created_ns(v->created, &created) == 0 && created > t->time_ns;
	case N_KEYS:
		break;
	}
	return false;
}

bool volumes_filter_fits(const struct volumes_filter *f, const struct volume_record *v,
			 const struct volume_users *users)
{
	struct cmk_filter_tally tally = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		const struct volume_term *t = &f->term[i];

		if (!cmk_filter_count(&tally, t->key, term_fits(t, v, users),
				      t->key == KEY_LABEL || t->key == KEY_NO_LABEL))
			return false;
	}
	return cmk_filter_fits(&tally);
}

const char cmk_volume_fields[] =
	"Name|Driver|Mountpoint|CreatedAt|Labels|Scope|Options|Status|UID|GID|Anonymous|"
	"MountCount|NeedsCopyUp|NeedsChown|Timeout|StorageID|LockNumber";

static void write_members(struct json_writer *w, const struct volume_record *v,
			  const struct volume_users *users)
{
	json_write_str(w, "Name", v->name);
	json_write_str(w, "Driver", v->driver);
	json_write_str(w, "Mountpoint", v->mountpoint);
	json_write_str(w, "CreatedAt", v->created);
	json_write_map(w, "Labels", v->labels);
	json_write_str(w, "Scope", "local");
	json_write_map(w, "Options", v->options);
	json_write_null(w, "Status");
	json_write_u64(w, "UID", v->uid);
	json_write_u64(w, "GID", v->gid);
	json_write_bool(w, "Anonymous", is_anonymous(v));
	json_write_u64(w, "MountCount", users ? volume_users_of(users, v->name, NULL) : 0);
	json_write_bool(w, "NeedsCopyUp", v->needs_copy_up);
	json_write_bool(w, "NeedsChown", v->needs_chown);
	json_write_i64(w, "Timeout", 0);
	json_write_str(w, "StorageID", "");
	json_write_i64(w, "LockNumber", 0);
}

void cmk_volume_write(struct json_writer *w, const struct volume_record *v,
		      const struct volume_users *users)
{
	json_write_object(w, NULL);
	write_members(w, v, users);
	json_write_end(w, '}');
}

void cmk_volume_write_row(struct json_writer *w, const struct volume_record *v,
			  const struct volume_users *users)
{
	/* As docker prints them where they are not looked for. */
	static const char *const unknown[] = { "Availability", "Group", "Links", "Size" };

	json_write_object(w, NULL);
	write_members(w, v, users);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		json_write_str(w, unknown[i], "N/A");
	json_write_end(w, '}');
}
