// SPDX-License-Identifier: Apache-2.0
/*
 * A container's changes as an image. Where it can, its upper directory becomes the new layer as it
 * is, or shares its data with it, and nobody reads it before a digest is needed; what is small is
 * read at once, so that its digests are known.
 */
#include "base/json.h"
#include "base/log.h"
#include "image/image.h"
#include "libpod/copy/internal.h"
#include "libpod/record/internal.h"

/* To read what is less takes no longer than the rest of a commit. */
#define READ_BYTES_MAX (8U << 20)
#define READ_ENTRIES_MAX 1000
/* More layers than that are not put below a container: the kernel mounts 500, and an image that is
 * made of it shall have room for others. */
#define LAYERS_MAX 120
#define COMMIT_CONFIG_MAX (4U << 20)

struct commit {
	struct container *c;
	const struct container_commit_options *o;
	struct copy_source source;
};

static int commit_pack(void *arg, int fd, struct cmk_err *err)
{
	const struct commit *j = arg;
	struct storage *st = j->c->st;
	bool whole = j->o->squash || j->c->cfg.rootfs;
	struct storage_pack_options o = copy_pack_options(&j->source, !whole);
	cleanup(rootfs_plan_done) struct rootfs_plan before = { 0 };
	cleanup_strv char **changes = NULL;
	int r = 0;

	if (!whole && !storage_rootfs_has_upper(&j->source.plan)) {
		r = storage_layers_plan(st, j->c->cfg.layers, j->c->cfg.n_layers, &before, err);
		if (r >= 0)
			r = storage_rootfs_changes(st, &j->source.plan, &before, &changes, err);
		if (r >= 0 && !changes)
			changes = xcalloc(1, sizeof(*changes));
		o.changes = changes;
	}
	return r < 0 ? r : storage_rootfs_pack(st, &j->source.plan, &o, fd, err);
}

/* With its record, before the files: see storage_pending_make(). */
static int add_own_layer(struct container *c, const struct image_layer_ref *layer,
			 struct cmk_err *err)
{
	struct container_config *cfg = &c->cfg;
	int r = container_dir(c, err);

	if (r < 0)
		return r;
	cfg->layers = xrealloc(cfg->layers, cfg->n_layers + 1, sizeof(*cfg->layers));
	cfg->layers[cfg->n_layers++] = (struct image_layer_ref){ .diff_id = xstrdup(layer->diff_id),
								 .pending = true };
	cfg->own_layers++;
	return container_config_save(c->dir_fd, cfg, true, err);
}

/* The last one, which is still empty. */
static int drop_own_layer(struct container *c, struct cmk_err *err)
{
	struct container_config *cfg = &c->cfg;

	free(cfg->layers[--cfg->n_layers].diff_id);
	cfg->own_layers--;
	return container_config_save(c->dir_fd, cfg, true, err);
}

/* 1 where the directories cannot change places here: nothing is different then. */
static int take_upper(struct commit *j, const struct storage_upper *upper,
		      struct image_layer_ref *ret, struct cmk_err *err)
{
	struct storage *st = j->c->st;
	const struct rootfs_plan *plan = &j->source.plan;
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	struct image_layer_ref layer = { 0 };
	int r = storage_pending_make(st, plan, upper, &layer, err);

	if (r == 0)
		r = add_own_layer(j->c, &layer, err);
	if (r == 0 && storage_pending_take(st, plan, &layer, &why) < 0) {
		log_debug("%s: its files are read", cmk_err_msg(&why));
		r = drop_own_layer(j->c, err) ?: 1;
	}
	if (r == 0)
		*ret = layer;
	else
		free(layer.diff_id);
	return r;
}

/* 1 where it is not to be had. */
static int share_upper(struct commit *j, const struct storage_upper *upper,
		       struct image_layer_ref *ret)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT;

	if (storage_pending_share(j->c->st, &j->source.plan, upper, ret, &why) == 0)
		return 0;
	log_debug("%s: its files are read", cmk_err_msg(&why));
	return 1;
}

static bool may_take(const struct commit *j)
{
	const struct container *c = j->c;

	return j->source.lock >= 0 && c->cfg.n_layers < LAYERS_MAX &&
	       !storage_is_mounted(c->st, STORAGE_MOUNT_CONTAINER, c->cfg.id);
}

static bool is_small(const struct storage_upper *u)
{
#ifdef CMK_TEST_HOOKS
	if (getenv("CMK_TEST_COMMIT_PENDING"))
		return false;
#endif
	return u->bytes <= READ_BYTES_MAX && u->n_entries <= READ_ENTRIES_MAX;
}

static int commit_top(void *arg, enum image_commit_top *ret, struct image_layer_ref *ret_layer,
		      struct cmk_err *err)
{
	struct commit *j = arg;
	const struct container_config *cfg = &j->c->cfg;
	struct storage_upper upper = { 0 };
	int r;

	/* Files with owners of another map are none of a layer. */
	if (cfg->rootfs || j->source.uids.n || j->source.gids.n)
		return 0;
	r = storage_upper_look(j->c->st, &j->source.plan, &upper, err);
	if (r < 0 || !upper.plain)
		return r;
	if (cfg->own_layers && storage_upper_is_empty(&upper)) {
		*ret = COMMIT_NOTHING;
		return 0;
	}
	if (is_small(&upper))
		return 0;
	if (may_take(j))
		r = take_upper(j, &upper, ret_layer, err);
	else
		r = share_upper(j, &upper, ret_layer);
	if (r == 0)
		*ret = COMMIT_MADE;
	return MIN(r, 0);
}

static void replace_strv(char ***to, char *const *from)
{
	strv_free(*to);
	*to = strv_dup(from);
}

static void replace_str(char **to, const char *from)
{
	if (!from || !*from)
		return;
	free(*to);
	*to = xstrdup(from);
}

static void merge_env(char ***to, char *const *from)
{
	for (; from && *from; from++)
		strv_env_set(to, *from);
}

static void merge_list(char ***to, char *const *from)
{
	for (; from && *from; from++)
		if (!strv_has(*to, *from))
			strv_add(to, *from);
}

/* --config: what is named there, of lists with names in addition. */
static int merge_config(const struct commit *j, struct image_config *to, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *whole = NULL;
	struct image_config given = { 0 };
	int r = json_parse(j->o->config, j->o->config_len, COMMIT_CONFIG_MAX, &doc, err);

	if (r == 0 && json_root(doc)->type != JSON_OBJECT)
		r = cmk_err_set(err, -EINVAL, "not an object");
	if (r < 0)
		return cmk_err_wrap(err, r, "--config");
	whole = xasprintf("{\"config\":%.*s}", (int)j->o->config_len, j->o->config);
	r = image_config_parse(whole, strlen(whole), &given, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "--config");
	merge_env(&to->env, given.env);
	merge_env(&to->labels, given.labels);
	merge_list(&to->exposed_ports, given.exposed_ports);
	merge_list(&to->volumes, given.volumes);
	if (given.entrypoint)
		replace_strv(&to->entrypoint, given.entrypoint);
	if (given.cmd)
		replace_strv(&to->cmd, given.cmd);
	if (given.on_build)
		replace_strv(&to->on_build, given.on_build);
	replace_str(&to->user, given.user);
	replace_str(&to->working_dir, given.working_dir);
	replace_str(&to->stop_signal, given.stop_signal);
	replace_str(&to->healthcheck_json, given.healthcheck_json);
	image_config_done(&given);
	return 0;
}

/* What is published is exposed. */
static void add_ports(char ***list, const struct container_port *p)
{
	for (int i = 0; i < MAX(p->range, 1); i++) {
		cleanup_free char *text = xasprintf("%d/%s", p->container_port + i,
						    p->protocol ?: "tcp");

		if (!strv_has(*list, text))
			strv_add(list, text);
	}
}

/* The image's, with what the container was told at its creation. */
static int commit_config(const struct commit *j, struct image_config *ret, struct cmk_err *err)
{
	const struct container_config *cfg = &j->c->cfg;
	cleanup_err struct cmk_err e = CMK_ERR_INIT;

	if (cfg->image_id && *cfg->image_id &&
	    image_config_load(j->c->st, cfg->image_id, ret, &e) < 0) {
		if (e.kind != CMK_ERR_NOT_FOUND)
			return cmk_err_move(err, &e);
		/* The image has been removed under the container: its environment is in there. */
		replace_strv(&ret->env, j->source.spec->process.env);
	}
	for (char *const *v = cfg->env_given; v && *v; v++)
		strv_env_set(&ret->env, *v);
	replace_strv(&ret->labels, cfg->labels);
	replace_strv(&ret->entrypoint, cfg->entrypoint);
	replace_strv(&ret->cmd, cfg->cmd);
	for (char *const *p = cfg->exposed_ports; p && *p; p++)
		if (!strv_has(ret->exposed_ports, *p))
			strv_add(&ret->exposed_ports, *p);
	for (size_t i = 0; i < cfg->n_ports; i++)
		add_ports(&ret->exposed_ports, &cfg->ports[i]);
	replace_str(&ret->user, cfg->user);
	replace_str(&ret->working_dir, cfg->workdir);
	replace_str(&ret->stop_signal, cfg->stop_signal);
	for (size_t i = 0; j->o->include_volumes && i < j->source.spec->n_mounts; i++) {
		const struct spec_mount *m = &j->source.spec->mounts[i];

		if (m->source && *m->source == '/' && !strv_has(ret->volumes, m->destination) &&
		    !copy_is_own_place(m->destination))
			strv_add(&ret->volumes, m->destination);
	}
	return j->o->config ? merge_config(j, ret, err) : 0;
}

static int commit_locked(struct commit *j, struct image_config *cfg, char **ret_id,
			 struct cmk_err *err)
{
	cleanup_free char *command = strv_join(j->c->cfg.command, " ");
	struct image_commit_options io = {
		.base = j->c->cfg.image_id,
		.layers = j->c->cfg.layers,
		.n_layers = j->c->cfg.n_layers,
		.n_own = j->c->cfg.own_layers,
		.changes = j->o->changes,
		.author = j->o->author,
		.message = j->o->message,
		.created_by = command,
		.docker_format = j->o->docker_format,
		.squash = j->o->squash,
		.quiet = j->o->quiet,
		.top = commit_top,
		.pack = commit_pack,
		.arg = j,
	};
	struct copy_freeze frozen = COPY_FREEZE_INIT;
	int r = j->o->pause ? copy_freeze(j->c, &frozen, err) : 0;

	if (r >= 0)
		r = image_commit(j->c->st, cfg, j->o->name, &io, ret_id, err);
	copy_thaw(&frozen);
	return r;
}

int container_commit(struct container *c, const struct container_commit_options *o, char **ret_id,
		     struct cmk_err *err)
{
	struct commit j = { .c = c, .o = o, .source = { .lock = -1 } };
	struct image_config cfg = { 0 };
	int r = copy_source_open(c, false, &j.source, err);

	if (r >= 0)
		r = commit_config(&j, &cfg, err);
	if (r >= 0)
		r = commit_locked(&j, &cfg, ret_id, err);
	image_config_done(&cfg);
	copy_source_done(&j.source);
	if (r < 0)
		return cmk_err_wrap(err, r, "commit container '%s'", c->cfg.name);
	copy_write_event(c, "commit");
	return 0;
}
