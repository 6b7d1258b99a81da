// SPDX-License-Identifier: Apache-2.0
#include "cmd/images_filter.h"

#include <fnmatch.h>
#include <time.h>

#include "base/parse.h"
#include "cmd/containers.h"
#include "cmd/format.h"

#define NS_PER_S 1000000000

enum images_key {
	KEY_LABEL,
	KEY_NO_LABEL,
	KEY_UNTIL,
	KEY_DANGLING,
	N_PRUNE_KEYS, /* `image prune` knows those before it, too */
	KEY_REFERENCE = N_PRUNE_KEYS,
	KEY_ID,
	KEY_DIGEST,
	KEY_BEFORE,
	KEY_SINCE,
	KEY_AFTER, /* another word for it */
	KEY_INTERMEDIATE,
	KEY_CONTAINERS,
	KEY_READONLY,
	KEY_MANIFEST,
	N_KEYS
};

#define PRUNE_KEYS                                          \
	[KEY_LABEL] = { "label", COMPLETE_NONE, NULL },     \
	[KEY_NO_LABEL] = { "label!", COMPLETE_NONE, NULL }, \
	[KEY_UNTIL] = { "until", COMPLETE_NONE, NULL },     \
	[KEY_DANGLING] = { "dangling", COMPLETE_WORDS, "true|false" }

const struct cmk_option_key images_prune_keys[N_PRUNE_KEYS + 1] = { PRUNE_KEYS };
const struct cmk_option_key images_filter_keys[N_KEYS + 1] = {
	PRUNE_KEYS,
	[KEY_REFERENCE] = { "reference", COMPLETE_IMAGES, NULL },
	[KEY_ID] = { "id", COMPLETE_IMAGES, NULL },
	[KEY_DIGEST] = { "digest", COMPLETE_NONE, NULL },
	[KEY_BEFORE] = { "before", COMPLETE_IMAGES, NULL },
	[KEY_SINCE] = { "since", COMPLETE_IMAGES, NULL },
	[KEY_AFTER] = { "after", COMPLETE_IMAGES, NULL },
	[KEY_INTERMEDIATE] = { "intermediate", COMPLETE_WORDS, "true|false" },
	[KEY_CONTAINERS] = { "containers", COMPLETE_WORDS, "true|false|external" },
	[KEY_READONLY] = { "readonly", COMPLETE_WORDS, "true|false" },
	[KEY_MANIFEST] = { "manifest", COMPLETE_WORDS, "true|false" },
};

struct images_term {
	enum images_key key;
	char *value;
	bool yes;
	int64_t time; /* seconds since the epoch */
};

struct images_filter {
	const struct images_world *w;
	struct images_term *term;
	size_t n;
};

void images_filter_free(struct images_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->term[i].value);
	free(f->term);
	free(f);
}

bool images_filter_wants_containers(char *const *filters)
{
	for (; filters && *filters; filters++)
		if (str_after(*filters, "containers="))
			return true;
	return false;
}

static bool has_name(const struct image_record *image)
{
	return image->names && *image->names;
}

bool images_is_dangling(const struct images_world *w, const struct image_record *image)
{
	return !has_name(image) && !image_family_has_children(w->family, image);
}

bool images_is_intermediate(const struct images_world *w, const struct image_record *image)
{
	return !has_name(image) && image_family_has_children(w->family, image);
}

int images_all_ids(struct storage *st, char ***ret, struct cmk_err *err)
{
	struct image_record *list = NULL;
	size_t n = 0;
	int r = storage_image_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		strv_add(ret, list[i].id);
	storage_image_list_free(list, n);
	return r;
}

void images_split_name(const char *name, char **ret_repository, char **ret_tag)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	const char *colon = name ? strrchr(slash ? slash : name, ':') : NULL;
	size_t len = colon ? (size_t)(colon - name) : strlen(name ?: "");

	*ret_repository = name ? xstrndup(name, len) : xstrdup("<none>");
	*ret_tag = xstrdup(colon ? colon + 1 : "<none>");
}

const char *images_parent(const struct images_world *w, const struct image_record *image)
{
	const struct image_record *nearest = NULL;

	for (size_t i = 0; i < w->n_images; i++) {
		const struct image_record *one = &w->images[i];

		if (image_family_is_parent(w->family, one, image) &&
		    (!nearest || image_family_is_parent(w->family, nearest, one)))
			nearest = one;
	}
	return nearest ? nearest->id : NULL;
}

uint64_t images_count_containers(const struct images_world *w, const char *id)
{
	uint64_t count = 0;

	for (size_t i = 0; i < w->n_containers; i++)
		count += container_uses_image(&w->containers[i]->cfg, id);
	return count;
}

/* The time of another image. */
static int time_of(struct storage *st, const char *key, const char *image, int64_t *ret,
		   struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_free char *id = NULL;
	int r = image_find_local(st, image, &id, NULL, err);

	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "could not find local image for filter \"%s\"=\"%s\"",
				    key, image);
	if (format_parse_time(rec.created, ret) < 0)
		*ret = 0;
	return 0;
}

static int until(const char *value, int64_t *ret, struct cmk_err *err)
{
	struct timespec now;
	int64_t ns = 0;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	r = log_time_parse(value, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec, &ns, err);
	*ret = ns / NS_PER_S;
	return r;
}

static int term_prepare(const struct images_world *w, const char *key, struct images_term *t,
			struct cmk_err *err)
{
	const char *hex;

	switch (t->key) {
	case KEY_ID:
		hex = str_after(t->value, "sha256:");
		if (hex)
			memmove(t->value, hex, strlen(hex) + 1);
		return 0;
	case KEY_BEFORE:
	case KEY_SINCE:
		return time_of(w->st, key, t->value, &t->time, err);
	case KEY_UNTIL:
		return until(t->value, &t->time, err);
	case KEY_CONTAINERS:
		/* No other tool has containers in this store. */
		if (streq(t->value, "external")) {
			t->yes = true;
			return 0;
		}
		/* fall through */
	case KEY_DANGLING:
	case KEY_INTERMEDIATE:
	case KEY_READONLY:
	case KEY_MANIFEST:
		if (parse_bool(t->value, &t->yes) == 0)
			return 0;
		return cmk_err_set(err, -EINVAL,
				   "non-boolean value \"%s\" for %s filter: must be true or false",
				   t->value, key);
	default:
		return 0;
	}
}

static int add_term(struct images_filter *f, const char *text, bool prune, struct cmk_err *err)
{
	const struct cmk_option_key *keys = prune ? images_prune_keys : images_filter_keys, *row;
	cleanup_free char *key = xstrndup(text, strcspn(text, "="));
	const char *eq = strchr(text, '=');
	struct images_term *t;
	int r;

	if (!eq || eq == text)
		return cmk_err_set(err, -EINVAL,
				   "invalid image filter \"%s\": must be in the format "
				   "\"filter=value or filter!=value\"",
				   text);
	row = cmk_option_find_key(keys, text);
	if (!row)
		return cmk_err_set(err, -EINVAL, "unsupported image filter \"%s\"", key);
	f->term = xrealloc(f->term, f->n + 1, sizeof(*f->term));
	t = &f->term[f->n++];
	*t = (struct images_term){ .key = (enum images_key)(row - keys), .value = xstrdup(eq + 1) };
	if (t->key == KEY_AFTER)
		t->key = KEY_SINCE;
	r = term_prepare(f->w, key, t, err);
	return r < 0 ? cmk_err_wrap(err, r, "filter '%s'", text) : 0;
}

int images_filter_parse(const struct images_world *w, char *const *filters, const char *operand,
			bool prune, struct images_filter **ret, struct cmk_err *err)
{
	struct images_filter *f = xcalloc(1, sizeof(*f));
	const char *key = operand && str_after(operand, "sha256:") ? "id" : "reference";
	cleanup_free char *reference = operand ? xasprintf("%s=%s", key, operand) : NULL;
	int r = 0;

	f->w = w;
	for (; filters && *filters && r == 0; filters++)
		r = add_term(f, *filters, prune, err);
	if (r == 0 && reference)
		r = add_term(f, reference, false, err);
	if (r < 0) {
		images_filter_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* "alpine", "alpine:3", "library/alpine", "docker.io/library/alp*": the pattern stands for the end
 * of the name, from a slash on, with or without the tag. */
static bool reference_fits(const char *pattern, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *colon = strrchr(slash ? slash : name, ':');
	cleanup_free char *bare = xstrndup(name, colon ? (size_t)(colon - name) : strlen(name));

	for (const char *p = name, *q = bare;;) {
		const char *next;

		if (fnmatch(pattern, p, FNM_PATHNAME) == 0 ||
		    fnmatch(pattern, q, FNM_PATHNAME) == 0)
			return true;
		next = strchr(p, '/');
		if (!next)
			return false;
		q += next + 1 - p;
		p = next + 1;
	}
}

bool images_filter_name(const struct images_filter *f, const char *name)
{
	bool asked = false;

	for (size_t i = 0; i < f->n; i++) {
		if (f->term[i].key != KEY_REFERENCE)
			continue;
		if (reference_fits(f->term[i].value, name))
			return true;
		asked = true;
	}
	return !asked;
}

static bool label_fits(const struct images_filter *f, const char *id, const char *label)
{
	struct image_config cfg = { 0 };
	bool fits = image_config_load(f->w->st, id, &cfg, NULL) == 0 &&
		    cmk_label_fits(cfg.labels, label);

	image_config_done(&cfg);
	return fits;
}

static bool any_name_fits(const char *pattern, const struct image_record *image)
{
	for (char **n = image->names; n && *n; n++)
		if (reference_fits(pattern, *n))
			return true;
	return false;
}

static bool any_digest_fits(const char *begin, const struct image_record *image)
{
	if (image->manifest_digest && str_after(image->manifest_digest, begin))
		return true;
	for (char **d = image->digests; d && *d; d++)
		if (str_after(*d, begin))
			return true;
	return false;
}

static bool term_fits(const struct images_filter *f, const struct images_term *t,
		      const struct image_record *image, int64_t created)
{
	switch (t->key) {
	case KEY_REFERENCE:
		return any_name_fits(t->value, image);
	case KEY_LABEL:
		return label_fits(f, image->id, t->value);
	case KEY_NO_LABEL:
		return !label_fits(f, image->id, t->value);
	case KEY_ID:
		return *t->value && str_after(image->id, t->value);
	case KEY_DIGEST:
		return *t->value && any_digest_fits(t->value, image);
	case KEY_BEFORE:
	case KEY_UNTIL:
		return created < t->time;
	case KEY_SINCE:
	case KEY_AFTER:
		return created > t->time;
	case KEY_DANGLING:
		return t->yes == images_is_dangling(f->w, image);
	case KEY_INTERMEDIATE:
		return t->yes == images_is_intermediate(f->w, image);
	case KEY_CONTAINERS:
		return !streq(t->value, "external") &&
		       t->yes == (images_count_containers(f->w, image->id) > 0);
	case KEY_MANIFEST:
		return t->yes == image->is_list;
	case KEY_READONLY:
		return t->yes == image->read_only;
	case N_KEYS:
		break;
	}
	return false;
}

bool images_filter_image(const struct images_filter *f, const struct image_record *image)
{
	struct cmk_filter_tally tally = { 0 };
	int64_t created = 0;

	(void)format_parse_time(image->created, &created);
	for (size_t i = 0; i < f->n; i++) {
		const struct images_term *t = &f->term[i];

		if (!cmk_filter_count(&tally, t->key, term_fits(f, t, image, created),
				      t->key == KEY_LABEL || t->key == KEY_NO_LABEL))
			return false;
	}
	return cmk_filter_fits(&tally);
}
