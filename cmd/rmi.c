// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "base/text.h"
#include "cmd/images_filter.h"
#include "cmd/prune.h"

struct rmi_args {
	bool all, force, ignore, no_prune;
	bool lists; /* only manifest lists */
	const char *platform;
};

static const struct cmk_option rmi_options[] = {
	CMK_OPT_FLAG('a', "all", struct rmi_args, all, "remove all images"),
	CMK_OPT_FLAG('f', "force", struct rmi_args, force,
		     "remove containers of the image first, and all of its names"),
	CMK_OPT_FLAG('i', "ignore", struct rmi_args, ignore,
		     "an image that is not here is no error"),
	CMK_OPT_FLAG(0, "no-prune", struct rmi_args, no_prune,
		     "keep the nameless images of which it was made"),
	CMK_OPT_STRING(0, "platform", struct rmi_args, platform, "OS/ARCH[/VARIANT]",
		       "only where the image is for this platform; of a manifest list its image "
		       "for it"),
	CMK_OPT_END(),
};

static int remove_container(struct storage *st, const char *id, struct cmk_err *err)
{
	struct container *c = NULL;
	int r;

	r = container_open(st, id, &c, err);
	if (r == 0)
		r = container_remove(c, true, 0, err);
	container_free(c);
	return r;
}

/* -EBUSY names the first container in the way; with FORCE they go. */
static int free_of_containers(struct storage *st, const char *image, bool force,
			      struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int r;

	r = container_list(st, &list, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct container_config *cfg = &list[i]->cfg;

		if (!container_uses_image(cfg, image))
			continue;
		if (force) {
			r = remove_container(st, cfg->id, err);
			continue;
		}
		r = cmk_err_set(err, -EBUSY,
				"image used by %s: image is in use by a container: consider "
				"listing external containers and force-removing image",
				cfg->id);
		(void)cmk_err_hint(err, "remove container '%s' first, or use --force", cfg->name);
	}
	container_list_free(list, n);
	return r;
}

/* The nameless images of which REC was made, by their IDs: told before it goes. */
static char **nameless_parents(struct storage *st, const struct image_record *rec)
{
	struct image_record *list = NULL;
	const struct image_record *own = NULL;
	struct image_family *family;
	char **ids = NULL;
	size_t n = 0;

	if (storage_image_list(st, &list, &n, NULL) < 0)
		return NULL;
	family = image_family_new(st, list, n);
	for (size_t i = 0; i < n; i++)
		own = streq(list[i].id, rec->id) ? &list[i] : own;
	for (size_t i = 0; own && i < n; i++)
		if ((!list[i].names || !*list[i].names) &&
		    image_family_is_parent(family, &list[i], own))
			strv_add(&ids, list[i].id);
	(void)image_family_free(family);
	storage_image_list_free(list, n);
	return ids;
}

/* Removes those of IDS of which no other image was made, and which no container uses. How many. */
static int remove_dangling(struct storage *st, char *const *ids)
{
	struct images_world w = { .st = st };
	struct container **containers = NULL;
	struct image_record *list = NULL;
	int removed = 0;
	int r = container_list(st, &containers, &w.n_containers, NULL);

	if (r == 0)
		r = storage_image_list(st, &list, &w.n_images, NULL);
	w.containers = containers;
	w.images = list;
	w.family = image_family_new(st, list, w.n_images);
	for (size_t i = 0; r == 0 && i < w.n_images; i++) {
		if (!strv_has(ids, list[i].id) || !images_is_dangling(&w, &list[i]) ||
		    images_count_containers(&w, list[i].id) > 0 ||
		    cmk_image_remove(st, &list[i], list[i].id, false, NULL) < 0)
			continue;
		printf("Deleted: %s\n", list[i].id);
		removed++;
	}
	(void)image_family_free(w.family);
	storage_image_list_free(list, w.n_images);
	container_list_free(containers, w.n_containers);
	return removed;
}

static int remove_whole(struct storage *st, const struct image_record *rec, const char *text,
			const struct rmi_args *a, struct cmk_err *err)
{
	cleanup_strv char **parents = a->no_prune ? NULL : nameless_parents(st, rec);
	int r = free_of_containers(st, rec->id, a->force, err);

	if (r == 0)
		r = cmk_image_remove(st, rec, text, a->force, err);
	if (r < 0)
		return r;
	for (char **name = rec->names; name && *name; name++)
		printf("Untagged: %s\n", *name);
	printf("Deleted: %s\n", rec->id);
	/* The parent of a parent is dangling only once that has gone. */
	while (parents && remove_dangling(st, parents) > 0)
		;
	return 0;
}

/* By one of several names: that name goes. By its last name, its ID or with force: the image. */
static int remove_one(struct storage *st, const char *text, const struct rmi_args *a,
		      struct cmk_err *err)
{
	cleanup_free char *id = NULL, *name = NULL;
	struct image_record rec = { 0 };
	int r;

	if (str_after(text, "docker://"))
		return cmk_err_set(
			err, -EINVAL,
			"\"%.300s\" is not in local storage; remove the docker:// prefix", text);
	r = image_find_platform(st, text, a->platform, &id, &name, err);
	if (r == 0 && a->lists && !storage_is_list(st, id))
		r = cmk_err_set(err, -EINVAL, "%s: image is not a manifest list", text);
	if (r == 0)
		r = storage_image_load(st, id, &rec, err);
	if (r < 0)
		return r;
	if (strchr(text, '@') && strv_len(rec.names) > 0 && !a->force) {
		/* Its digest is one more name of it, though none that is kept. */
		printf("Untagged: %s\n", text);
	} else if (name && strv_has(rec.names, name) && strv_len(rec.names) > 1) {
		r = storage_name_remove(st, name, err);
		if (r == 0) {
			printf("Untagged: %s\n", name);
			event_write_image(st, "untag", id, name);
		}
	} else if (!name && strv_len(rec.names) > 1 && !a->force && !a->all) {
		cleanup_free char *names = strv_join(rec.names, " ");

		r = cmk_err_set(err, -EINVAL,
				"unable to delete image \"%s\" by ID with more than one tag "
				"([%s]): please force removal",
				id, names);
	} else {
		r = remove_whole(st, &rec, text, a, err);
	}
	image_record_done(&rec);
	return r;
}

/* The exit code for one failure: 1 unknown, 2 in use, 125 otherwise. */
static int code_of(const struct cmk_err *err)
{
	if (err->kind == CMK_ERR_NOT_FOUND)
		return 1;
	return err->kind == CMK_ERR_IN_USE ? 2 : 125;
}

static char *failure_text(const struct cmk_err *err)
{
	return err->hint ? xasprintf("%s (%s)", cmk_err_msg(err), err->hint)
			 : xstrdup(cmk_err_msg(err));
}

/* As podman's: one failure is a line, several are a list. */
static void print_failures(char *const *texts)
{
	cleanup_free char *list = NULL;

	if (strv_len(texts) == 1)
		log_error("%s", *texts);
	if (strv_len(texts) <= 1)
		return;
	list = strv_join(texts, "\n\t* ");
	text_make_plain(list, "\n\t", ' ');
	(void)fflush(stdout);
	(void)fprintf(stderr, "Error: %zu errors occurred:\n\t* %s\n", strv_len(texts), list);
}

/* Of all images those are meant that can go. */
static bool is_read_only(struct storage *st, const char *id)
{
	cleanup(image_record_done) struct image_record rec = { 0 };

	return storage_image_load(st, id, &rec, NULL) == 0 && rec.read_only;
}

static int remove_each(struct storage *st, char *const *which, const struct rmi_args *a)
{
	cleanup_strv char **failures = NULL;
	int code = 0;

	for (; which && *which; which++) {
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;

		if (a->all && is_read_only(st, *which))
			continue;
		if (remove_one(st, *which, a, &mine) >= 0 ||
		    (mine.kind == CMK_ERR_NOT_FOUND && (a->ignore || a->force || a->all)))
			continue;
		strv_add_take(&failures, failure_text(&mine));
		code = MAX(code, code_of(&mine));
	}
	print_failures(failures);
	return code;
}

static int rmi_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		    struct cmk_err *err)
{
	const struct rmi_args *a = args;
	cleanup_strv char **ids = NULL;
	struct storage *st = NULL;
	int r;

	if (a->all && argc > 0)
		return cmk_err_set(err, -EINVAL,
				   "when using the --all switch, you may not pass any images names "
				   "or IDs");
	if (!a->all && argc == 0)
		return cmk_err_set(err, -EINVAL, "image name or ID must be specified");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0 && a->all)
		r = images_all_ids(st, &ids, err);
	if (r == 0)
		r = remove_each(st, a->all ? ids : argv, a);
	storage_free(st);
	return r;
}

static const char *const rmi_aliases[] = { "image rm", "image remove", NULL };

static const struct cmk_example rmi_examples[] = {
	{ "cmk rmi alpine", "Takes the name away, and the image with its last name" },
	{ "cmk rmi --force $(cmk images -q)",
	  "Removes all images, and the containers made of them" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_rmi = {
	.name = "rmi",
	.aliases = rmi_aliases,
	.summary = "Remove images",
	.operands = "IMAGE [IMAGE...]",
	.description = "An image with several names loses the one that was given; with the last "
		       "one it goes itself, with the layers that nothing else uses, and with the "
		       "nameless images of which it was made, where no other was made of them.",
	.exit_codes = "1 where an image is not here, 2 where a container uses it.",
	.options = rmi_options,
	.args_size = sizeof(struct rmi_args),
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = rmi_examples,
	.exec = rmi_exec,
};

/* --- manifest rm --- */

static const struct cmk_option manifest_rm_options[] = {
	CMK_OPT_FLAG('i', "ignore", struct rmi_args, ignore, "a list that is not here is no error"),
	CMK_OPT_END(),
};

static int manifest_rm_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			    struct cmk_err *err)
{
	struct rmi_args *a = args;

	a->lists = a->no_prune = true;
	return rmi_exec(g, a, argc, argv, err);
}

static const struct cmk_example manifest_rm_examples[] = {
	{ "cmk manifest rm app:1", "Removes the list; its images stay" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_manifest_rm = {
	.name = "manifest rm",
	.summary = "Remove manifest lists from the local store",
	.operands = "LIST [LIST...]",
	.description = "As `cmk rmi`, of manifest lists alone: by one of several names the list "
		       "loses that name, by its last one or its ID it goes. The images in it stay.",
	.exit_codes = "1 where a list does not exist, 125 for other failures.",
	.examples = manifest_rm_examples,
	.options = manifest_rm_options,
	.args_size = sizeof(struct rmi_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.exec = manifest_rm_exec,
};
