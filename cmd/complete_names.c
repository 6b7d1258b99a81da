// SPDX-License-Identifier: Apache-2.0
#include "cmd/complete.h"

#include <dirent.h>
#include <stdlib.h>

#include "cmd/conf.h"
#include "cmd/quadlets.h"
#include "libpod/libpod.h"
#include "storage/storage.h"

#define ID_SHORT 12
#define ID_TYPED 2 /* fewer digits than that may be meant for a name */

/* Who begins to type an id gets the short one, or the whole where that is not enough. */
static void id_candidate(const struct completion *c, const char *id, const char *description)
{
	size_t n = strlen(c->current);
	cleanup_free char *word = xstrndup(id, n > ID_SHORT ? strlen(id) : ID_SHORT);

	if (n >= ID_TYPED)
		cmk_candidate(c, word, description);
}

/* "alpine:latest" for "docker.io/library/alpine:latest": what users type. */
static const char *short_name(const char *name)
{
	const char *rest = str_after(name, "docker.io/library/");

	if (!rest)
		rest = str_after(name, "docker.io/");
	if (!rest)
		rest = str_after(name, "localhost/");
	return rest ? rest : name;
}

static void complete_images(struct storage *st, const struct completion *c)
{
	struct image_record *list = NULL;
	size_t n = 0;

	if (storage_image_list(st, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		for (char **name = list[i].names; name && *name; name++) {
			cmk_candidate(c, short_name(*name), NULL);
			if (short_name(*name) != *name)
				cmk_candidate(c, *name, NULL);
		}
		id_candidate(c, list[i].id, list[i].names ? list[i].names[0] : NULL);
	}
	storage_image_list_free(list, n);
}

static void complete_containers(struct storage *st, bool running, const struct completion *c)
{
	struct container **list = NULL;
	size_t n = 0;

	if (container_list(st, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct container *ct = list[i];

		if (!running || container_is_up(ct)) {
			cmk_candidate(c, ct->cfg.name, ct->cfg.image_name);
			id_candidate(c, ct->cfg.id, ct->cfg.name);
		}
		container_free(list[i]);
	}
	free(list);
}

static void complete_volumes(struct storage *st, const struct completion *c)
{
	struct volume_record *list = NULL;
	size_t n = 0;

	if (storage_volume_list(st, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		cmk_candidate(c, list[i].name, list[i].driver);
	storage_volume_list_free(list, n);
}

static void complete_secrets(struct storage *st, const struct completion *c)
{
	struct secret *list = NULL;
	size_t n = 0;

	if (secret_list(st, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		cmk_candidate(c, list[i].name, list[i].id);
	secret_list_free(list, n);
}

static void complete_quadlets(const struct completion *c)
{
	struct quadlet_set set = { 0 };

	if (cmk_quadlets_load(&set, NULL) == 0)
		for (size_t i = 0; i < set.n; i++)
			cmk_candidate(c, set.units[i]->name, set.units[i]->service);
	quadlet_set_done(&set);
}

/* Those of the user first. */
static void complete_modules(const struct completion *c)
{
	cleanup_strv char **dirs = cmk_conf_module_dirs();

	for (char **d = dirs; *d; d++) {
		cleanup_dir DIR *dir = opendir(*d);
		cleanup_strv char **names = NULL;
		const struct dirent *de;

		while (dir && (de = readdir(dir)))
			if (de->d_name[0] != '.')
				strv_add(&names, de->d_name);
		strv_sort(names);
		for (char **n = names; n && *n; n++)
			cmk_candidate(c, *n, *d);
	}
}

void cmk_complete_names(const struct cmk_globals *g, enum cmk_complete kind,
			const struct completion *c)
{
	struct storage *st = NULL;
	bool all = kind == COMPLETE_OBJECTS;

	if (kind == COMPLETE_QUADLETS)
		complete_quadlets(c);
	if (kind == COMPLETE_MODULES)
		complete_modules(c);
	if (!all && kind != COMPLETE_IMAGES && kind != COMPLETE_CONTAINERS &&
	    kind != COMPLETE_RUNNING && kind != COMPLETE_VOLUMES && kind != COMPLETE_SECRETS)
		return;
	if (storage_open(g->root, g->runroot, &st, NULL) < 0)
		return;
	if (all || kind == COMPLETE_CONTAINERS || kind == COMPLETE_RUNNING)
		complete_containers(st, kind == COMPLETE_RUNNING, c);
	if (all || kind == COMPLETE_IMAGES)
		complete_images(st, c);
	if (all || kind == COMPLETE_VOLUMES)
		complete_volumes(st, c);
	if (kind == COMPLETE_SECRETS)
		complete_secrets(st, c);
	storage_free(st);
}
