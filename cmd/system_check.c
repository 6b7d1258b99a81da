// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "base/text.h"
#include "cmd/prune.h"

struct system_check_args {
	bool quick, repair, force;
	int64_t max_s;
};

static int parse_max(const struct cmk_option *o cmk_unused, const char *value, void *args,
		     struct cmk_err *err)
{
	struct system_check_args *a = args;
	int64_t ns = 0;

	if (parse_duration(value, &ns) < 0 || ns < 0)
		return cmk_err_set(
			err, -EINVAL,
			"invalid argument \"%.80s\" for \"-m, --max\" flag: time: invalid "
			"duration",
			value);
	a->max_s = ns / 1000000000;
	return 0;
}

static const struct cmk_option system_check_options[] = {
	CMK_OPT_FLAG('f', "force", struct system_check_args, force,
		     "remove containers, too, that are damaged or use damaged images"),
	{ .type = OPT_CALLBACK,
	  .letter = 'm',
	  .name = "max",
	  .arg = "DURATION",
	  .help = "how old a layer may be that nothing uses",
	  .def = "24h",
	  .parse = parse_max },
	CMK_OPT_FLAG('q', "quick", struct system_check_args, quick,
		     "do not read the files of layers"),
	CMK_OPT_FLAG('r', "repair", struct system_check_args, repair,
		     "remove damaged images that no container uses"),
	CMK_OPT_END(),
};

static const char *kind_name(enum storage_damage_kind k)
{
	static const char *const names[] = {
		[DAMAGE_LAYER] = "layer",
		[DAMAGE_IMAGE] = "image",
		[DAMAGE_NAME] = "image name",
		[DAMAGE_VOLUME] = "volume",
		[DAMAGE_ARTIFACT] = "artifact",
		[DAMAGE_CONTAINER] = "container",
		[DAMAGE_CONTAINER_NAME] = "container name",
		[DAMAGE_LEFTOVER] = "run directory",
	};

	return names[k];
}

static int check(struct storage *st, const struct system_check_args *a, struct storage_check *ret,
		 struct cmk_err *err)
{
	int r;

	*ret = (struct storage_check){ .quick = a->quick, .max_age_s = a->max_s };
	r = storage_check(st, ret, err);
	if (r == 0)
		container_check(st, ret);
	return r;
}

static void print_damages(const struct storage_check *c)
{
	for (size_t i = 0; i < c->n_damages; i++) {
		const struct storage_damage *d = &c->damages[i];
		cleanup_free char *line = xasprintf("Damaged %s %s: %s (%s)", kind_name(d->kind),
						    d->id, d->what, d->todo);

		text_make_plain(line, NULL, ' ');
		(void)puts(line);
	}
}

/* --- repair --- */

static bool uses_damaged(const struct container *ctr, const struct storage_check *c)
{
	for (char *const *id = c->images; id && *id; id++)
		if (container_uses_image(&ctr->cfg, *id))
			return true;
	return strv_has(c->containers, ctr->cfg.id);
}

static void removed(const char *id, int r, const struct cmk_err *err)
{
	if (r == 0)
		(void)printf("Deleted damaged container: %s\n", id);
	else if (err->code != -ENOENT)
		cmk_print_error(err);
}

static int remove_containers(struct storage *st, const struct storage_check *c, struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		if (uses_damaged(list[i], c))
			removed(list[i]->cfg.id, container_remove(list[i], true, 0, &e), &e);
	}
	container_list_free(list, n);
	/* Those that are not listed, since their records cannot be read. */
	for (char *const *id = c->containers; r == 0 && id && *id; id++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		cleanup_container struct container *ctr = NULL;

		if (container_open(st, *id, &ctr, &e) < 0 && e.kind != CMK_ERR_NOT_FOUND)
			removed(*id, container_remove_damaged(st, *id, &e), &e);
	}
	return r;
}

/* The damaged images that containers use. */
static int images_in_use(struct storage *st, const struct storage_check *c, char ***ret,
			 struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		for (char *const *id = c->images; id && *id; id++)
			if (container_uses_image(&list[i]->cfg, *id))
				strv_add(ret, *id);
	container_list_free(list, n);
	return r;
}

static int repair(struct storage *st, const struct storage_check *c, bool force,
		  struct cmk_err *err)
{
	cleanup_strv char **keep = NULL, **images = NULL, **layers = NULL;
	int r = force ? remove_containers(st, c, err) : 0;

	if (r == 0)
		r = images_in_use(st, c, &keep, err);
	if (r < 0)
		return r;
	container_check_sweep(st);
	r = storage_check_repair(st, c, keep, &images, &layers, err);
	for (char **id = layers; id && *id; id++)
		(void)printf("Deleted damaged layer: %s\n", *id);
	for (char **id = images; id && *id; id++) {
		(void)printf("Deleted damaged image: %s\n", *id);
		event_write_image(st, "remove", *id, *id);
	}
	return r;
}

static int system_check_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			     char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(storage_check_done) struct storage_check found = { 0 }, left = { 0 };
	const struct system_check_args *a = args;
	cleanup_storage struct storage *st = NULL;
	int r = storage_open(g->root, g->runroot, &st, err);

	if (r == 0)
		r = check(st, a, &found, err);
	if (r < 0)
		return r;
	print_damages(&found);
	if (found.n_damages == 0)
		return 0;
	/* As podman: --force means a repair by itself. */
	if (!a->repair && !a->force)
		return cmk_err_set(err, -EBADMSG, "damage detected in local storage");
	r = repair(st, &found, a->force, err);
	if (r == 0)
		r = check(st, a, &left, err);
	if (r < 0)
		return r;
	if (left.n_damages == 0)
		return 0;
	return cmk_err_set(err, -EBADMSG,
			   "damage in local storage still present after repair attempt");
}

static const struct cmk_example system_check_examples[] = {
	{ "cmk system check", "Reads every file of every layer, and says what is damaged" },
	{ "cmk system check --quick", "Looks at records alone" },
	{ "cmk system check --repair --force --max=1h",
	  "Removes what is damaged, and containers that use it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_check = {
	.name = "system check",
	.summary = "Check the store for damage, and repair it",
	.description =
		"Compares image records, manifests and configurations with their digests and each "
		"layer's files with what was recorded when they were unpacked; looks for layers, "
		"volumes and upper directories that are missing, and for names, layers and run "
		"directories that belong to nothing. What is damaged is told, a line each, with "
		"what to do. Volumes and artifacts are looked at, but no repair removes them.\n\n"
		"A file counts as damaged where its bytes are others, or where it is missing; "
		"owners, modes and files that were added are not looked at. Layers of a cmk that "
		"recorded nothing are only checked for their own record.\n\n"
		"It may run beside containers and other commands.",
	.exit_codes = "125 where there is damage, or some is left after `--repair`.",
	.examples = system_check_examples,
	.options = system_check_options,
	.args_size = sizeof(struct system_check_args),
	.exec = system_check_exec,
};
