// SPDX-License-Identifier: Apache-2.0
#include "cmd/prune.h"

#include "base/log.h"
#include "cmd/images_filter.h"
#include "cmd/ps_filter.h"
#include "cmd/volumes.h"

void cmk_pruned_done(struct cmk_pruned *p)
{
	p->ids = strv_free(p->ids);
}

void cmk_pruned_print(const struct cmk_pruned *p, const char *title)
{
	if (title && p->ids)
		(void)printf("%s\n", title);
	for (char *const *id = p->ids; id && *id; id++)
		(void)printf("%s\n", *id);
}

const struct cmk_option_key cmk_prune_keys[] = {
	{ "until", COMPLETE_NONE, NULL },
	{ "label", COMPLETE_NONE, NULL },
	{ "label!", COMPLETE_NONE, NULL },
	{ NULL, COMPLETE_NONE, NULL },
};

int cmk_prune_check_filters(char *const *filters, struct cmk_err *err)
{
	for (; filters && *filters; filters++) {
		if (!strchr(*filters, '=') || !cmk_option_find_key(cmk_prune_keys, *filters))
			return cmk_err_set(err, -EINVAL,
					   "'%s' is an invalid filter: prune knows until=, label= "
					   "and label!=",
					   *filters);
	}
	return 0;
}

/* Goes on after the failure ERR, unless it only says that somebody uses the object by now. */
static void failed(struct cmk_pruned *p, const struct cmk_err *err)
{
	if (err->kind == CMK_ERR_IN_USE || err->code == -ENOENT)
		return;
	cmk_print_error(err);
	p->code = EXIT_CMK_FAILED;
}

/* --- containers --- */

static void remove_container(struct container *c, struct cmk_pruned *p)
{
	const struct container *const list[] = { c };
	struct container_size size = { 0 };
	cleanup_err struct cmk_err e = CMK_ERR_INIT;

	if (p->count)
		(void)container_sizes(c->st, list, 1, &size, NULL);
	if (container_remove(c, false, 0, &e) < 0) {
		failed(p, &e);
		return;
	}
	p->bytes += size.changed;
	strv_add(&p->ids, c->cfg.id);
}

int cmk_prune_containers(struct storage *st, char *const *filters, struct cmk_pruned *ret,
			 struct cmk_err *err)
{
	struct container **list = NULL;
	struct ps_filter *f = NULL;
	size_t n = 0;
	int r = ps_filter_new(st, filters, &f, err);

	if (r == 0)
		r = container_list(st, &list, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		/* What init has made does not run yet. */
		bool runs = container_is_active(list[i]) && list[i]->state != CONTAINER_INITIALIZED;

		if (!runs && ps_filter_match(f, list[i]))
			remove_container(list[i], ret);
	}
	container_list_free(list, n);
	(void)ps_filter_free(f);
	return r;
}

/* --- images --- */

int cmk_image_remove(struct storage *st, const struct image_record *rec, const char *text,
		     bool force, struct cmk_err *err)
{
	int r = force ? storage_mount_end(st, STORAGE_MOUNT_IMAGE, rec->id, err) : 0;

	if (r == 0)
		r = storage_image_remove(st, rec->id, err);
	if (r < 0)
		return r;
	for (char *const *name = rec->names; name && *name; name++)
		event_write_image(st, "untag", rec->id, *name);
	event_write_image(st, "remove", rec->id, text);
	return 0;
}

static int compare_layers(const void *a, const void *b)
{
	const struct image_layer_ref *const *x = a, *const *y = b;

	return strcmp((*x)->diff_id, (*y)->diff_id);
}

uint64_t cmk_layers_size(const struct image_record *list, size_t n)
{
	cleanup_free const struct image_layer_ref **layers = NULL;
	size_t count = 0, k = 0;
	uint64_t size = 0;

	for (size_t i = 0; i < n; i++)
		count += list[i].n_layers;
	layers = xcalloc(count + 1, sizeof(*layers));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < list[i].n_layers; j++)
			layers[k++] = &list[i].layers[j];
	qsort(layers, count, sizeof(*layers), compare_layers);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !streq(layers[i]->diff_id, layers[i - 1]->diff_id))
			size += layers[i]->size;
	return size;
}

static bool is_unused(const struct images_world *w, const struct image_record *image, bool all)
{
	if (image->read_only)
		return false;
	return images_count_containers(w, image->id) == 0 && (all || images_is_dangling(w, image));
}

/* How many were removed. */
static int prune_once(const struct images_world *w, bool all, char *const *filters,
		      struct cmk_pruned *ret, struct cmk_err *err)
{
	struct images_filter *f = NULL;
	int removed = 0, r = images_filter_parse(w, filters, NULL, true, &f, err);

	for (size_t i = 0; r == 0 && i < w->n_images; i++) {
		const struct image_record *image = &w->images[i];
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		if (!is_unused(w, image, all) || !images_filter_image(f, image))
			continue;
		if (cmk_image_remove(w->st, image, image->id, false, &e) < 0) {
			failed(ret, &e);
			continue;
		}
		strv_add(&ret->ids, image->id);
		removed++;
	}
	images_filter_free(f);
	return r < 0 ? r : removed;
}

/* What one that was killed has left: layers of images that had gone. */
static void collect(struct storage *st)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT;

	if (storage_layers_collect(st, &why) < 0)
		log_warn("%s: unused layers stay", cmk_err_msg(&why));
}

/* What an image was made of may be dangling once that has gone: again, until nothing goes. */
int cmk_prune_images(struct storage *st, bool all, char *const *filters, struct cmk_pruned *ret,
		     struct cmk_err *err)
{
	struct container **containers = NULL;
	struct images_world w = { .st = st };
	uint64_t before = 0, after = 0;
	bool any = false;
	int r = container_list(st, &containers, &w.n_containers, err), removed = r == 0;

	w.containers = containers;
	for (bool first = true; r == 0 && removed > 0; first = false) {
		struct image_record *list = NULL;

		r = storage_image_list(st, &list, &w.n_images, err);
		if (r < 0)
			break;
		w.images = list;
		w.family = image_family_new(st, list, w.n_images);
		after = ret->count ? cmk_layers_size(list, w.n_images) : 0;
		before = first ? after : before;
		removed = prune_once(&w, all, filters, ret, err);
		any |= removed > 0;
		w.family = image_family_free(w.family);
		storage_image_list_free(list, w.n_images);
	}
	container_list_free(containers, w.n_containers);
	ret->bytes += before > after ? before - after : 0;
	if (r == 0 && !any)
		collect(st);
	return r < 0 ? r : MIN(removed, 0);
}

int cmk_prune_blobs(struct storage *st, char *const *filters, struct cmk_pruned *ret,
		    struct cmk_err *err)
{
	uint64_t bytes = 0;
	int r = filters && *filters ? 0 : storage_blob_drop_all(st, &bytes, err);

	ret->bytes += bytes;
	return r;
}

/* --- volumes --- */

int cmk_unused_volumes(struct storage *st, char *const *filters, char ***ret, struct cmk_err *err)
{
	cleanup(volume_users_done) struct volume_users users = { 0 };
	struct volume_record *list = NULL;
	struct volumes_filter *f = NULL;
	size_t n = 0;
	int r = volumes_filter_parse(st, filters, true, &f, err);

	if (r == 0)
		r = volume_users_load(st, &users, err);
	if (r == 0)
		r = storage_volume_list(st, &list, &n, err);
	for (size_t i = 0; i < n; i++)
		if (volume_users_of(&users, list[i].name, NULL) == 0 &&
		    volumes_filter_fits(f, &list[i], &users))
			strv_add(ret, list[i].name);
	storage_volume_list_free(list, n);
	volumes_filter_free(f);
	return r;
}

int cmk_prune_volumes(struct storage *st, char *const *names, struct cmk_pruned *ret,
		      struct cmk_err *err)
{
	size_t n = strv_len(names);
	cleanup_free struct volume_usage *usage = xcalloc(n + 1, sizeof(*usage));
	int r = 0;

	for (size_t i = 0; i < n; i++)
		usage[i].name = names[i];
	if (ret->count)
		r = storage_volume_usage(st, usage, n, err);
	if (r < 0)
		return r;
	storage_volume_sweep(st);
	for (size_t i = 0; i < n; i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		/* 1: a container has come to use it meanwhile. */
		r = volume_remove_unused(st, names[i], true, NULL, &e);
		if (r < 0)
			failed(ret, &e);
		if (r != 0)
			continue;
		strv_add(&ret->ids, names[i]);
		ret->bytes += usage[i].bytes;
	}
	if (ret->code == 0)
		volume_event(st, "prune", NULL, NULL);
	return 0;
}
