// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "image/image.h"

/* The full name that TEXT gives to the image REC: as `tag` would give it, or as it is found. */
static int find_name(struct storage *st, const struct image_record *rec, const char *text,
		     char **ret, struct cmk_err *err)
{
	cleanup_free char *name = NULL, *id = NULL, *found = NULL;
	bool pinned = strchr(text, '@');
	int r = pinned ? 0 : image_new_name(text, &name, err);

	if (r < 0)
		return r;
	if (name && strv_has(rec->names, name)) {
		*ret = steal_ptr(&name);
		return 0;
	}
	if (image_find_local(st, text, &id, &found, NULL) == 0 && found &&
	    strv_has(rec->names, found)) {
		*ret = steal_ptr(&found);
		return 0;
	}
	/* By its digest it can still be named: that is no name that could be taken away. */
	if (pinned && id && streq(id, rec->id)) {
		*ret = NULL;
		return 0;
	}
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "%s: tag not known", text);
}

/* All are looked at before the first is taken away. */
static int find_names(struct storage *st, const struct image_record *rec, char **texts, char ***ret,
		      struct cmk_err *err)
{
	for (; *texts; texts++) {
		char *name = NULL;
		int r = find_name(st, rec, *texts, &name, err);

		if (r < 0)
			return r;
		if (name)
			strv_add_take(ret, name);
	}
	return 0;
}

static int untag_exec(const struct cmk_globals *g, void *args cmk_unused, int argc, char **argv,
		      struct cmk_err *err)
{
	cleanup(image_record_done) struct image_record rec = { 0 };
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	cleanup_free char *id = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = image_find_local(st, argv[0], &id, NULL, err);
	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r == 0 && argc > 1)
		r = find_names(st, &rec, argv + 1, &names, err);
	else if (r == 0)
		names = strv_dup(rec.names);
	for (char **n = names; r == 0 && n && *n; n++) {
		r = storage_name_remove(st, *n, err);
		if (r == 0)
			event_write_image(st, "untag", id, *n);
	}
	return r;
}

static const char *const untag_aliases[] = { "image untag", NULL };

static const struct cmk_example untag_examples[] = {
	{ "cmk untag base", "Takes all of its names from the image" },
	{ "cmk untag base localhost/base:1", "Takes one name from it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_untag = {
	.name = "untag",
	.aliases = untag_aliases,
	.summary = "Take names from an image",
	.operands = "IMAGE [NAME...]",
	.description = "The image stays, without the names that are given, or without any. `images "
		       "--history` still tells them.",
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = untag_examples,
	.exec = untag_exec,
};
