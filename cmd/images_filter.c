// SPDX-License-Identifier: Apache-2.0
#include "cmd/images_filter.h"

#include <fnmatch.h>

#include "base/parse.h"
#include "cmd/containers.h"
#include "cmd/format.h"

void images_filter_done(struct images_filter *f)
{
	f->references = strv_free(f->references);
	f->labels = strv_free(f->labels);
	f->ids = strv_free(f->ids);
	f->digests = strv_free(f->digests);
}

/* The time of another image. */
static int time_of(struct storage *st, const char *image, int64_t *ret, struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	struct image_record rec = { 0 };
	int r;

	r = image_resolve_local(st, image, &id, NULL, err);
	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r < 0)
		return r;
	if (format_parse_time(rec.created, ret) < 0)
		*ret = 0;
	image_record_done(&rec);
	return 0;
}

static int parse_one(struct storage *st, const char *key, const char *value,
		     struct images_filter *f, struct cmk_err *err)
{
	bool yes = false;

	if (streq(key, "reference")) {
		strv_add(&f->references, value);
	} else if (streq(key, "label")) {
		strv_add(&f->labels, value);
	} else if (streq(key, "id")) {
		const char *hex = str_after(value, "sha256:");

		strv_add(&f->ids, hex ? hex : value);
	} else if (streq(key, "digest")) {
		strv_add(&f->digests, value);
	} else if (streq(key, "dangling")) {
		if (parse_bool(value, &yes) < 0)
			return cmk_err_set(err, -EINVAL, "filter 'dangling=%s': not true or false",
					   value);
		f->dangling = yes;
	} else if (streq(key, "before")) {
		f->has_before = true;
		return time_of(st, value, &f->before, err);
	} else if (streq(key, "since") || streq(key, "after")) {
		f->has_since = true;
		return time_of(st, value, &f->since, err);
	} else {
		return cmk_err_set(err, -EINVAL, "filter '%s' is not known", key);
	}
	return 0;
}

int images_filter_parse(struct storage *st, char *const *filters, const char *operand,
			struct images_filter *ret, struct cmk_err *err)
{
	int r = 0;

	ret->dangling = -1;
	for (; filters && *filters && r == 0; filters++) {
		const char *eq = strchr(*filters, '=');
		cleanup_free char *key = NULL;

		if (!eq || eq == *filters)
			return cmk_err_set(err, -EINVAL, "filter '%s': KEY=VALUE was expected",
					   *filters);
		key = xstrndup(*filters, (size_t)(eq - *filters));
		r = parse_one(st, key, eq + 1, ret, err);
	}
	if (r == 0 && operand)
		strv_add(&ret->references, operand);
	return r;
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
	if (!f->references)
		return true;
	for (char **r = f->references; *r; r++)
		if (reference_fits(*r, name))
			return true;
	return false;
}

static bool labels_fit(const struct images_filter *f, struct storage *st, const char *id)
{
	struct image_config cfg = { 0 };
	bool fits = true;

	if (!f->labels)
		return true;
	if (image_config_load(st, id, &cfg, NULL) < 0)
		return false;
	for (char **l = f->labels; *l && fits; l++)
		fits = cmk_label_fits(cfg.labels, *l);
	image_config_done(&cfg);
	return fits;
}

static bool any_prefix(char *const *list, const char *of)
{
	if (!list)
		return true;
	for (; *list; list++)
		if (of && **list && str_after(of, *list))
			return true;
	return false;
}

static bool names_fit(const struct images_filter *f, const struct image_record *image)
{
	if (!f->references)
		return true;
	for (char **n = image->names; n && *n; n++)
		if (images_filter_name(f, *n))
			return true;
	return false;
}

bool images_filter_image(const struct images_filter *f, struct storage *st,
			 const struct image_record *image)
{
	bool dangling = !image->names || !*image->names;
	int64_t created = 0;

	(void)format_parse_time(image->created, &created);
	return (f->dangling < 0 || f->dangling == dangling) &&
	       (!f->has_before || created < f->before) && (!f->has_since || created > f->since) &&
	       any_prefix(f->ids, image->id) && any_prefix(f->digests, image->manifest_digest) &&
	       names_fit(f, image) && labels_fit(f, st, image->id);
}
