// SPDX-License-Identifier: Apache-2.0
/*
 * --userns auto: ids that no other such container has. Which they are stands in the container's
 * directory, CONTAINER_IDS_FILE, from the moment that they are chosen, and they are free again when
 * that goes. Who chooses holds the lock of DATA/auto-ids meanwhile: no two see the same ids free.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/container/idmap.h"

#define CONTAINER_IDS_FILE "auto-ids"
#define IDS_MAX 65536
#define SIZE_MIN 1024 /* containers/storage's */
#define SIZE_MAX_FOUND 65536
#define NOBODY 65534

int create_auto_parse(struct create_plan *p, const char *options, struct cmk_err *err)
{
	int r;

	p->auto_ids = xcalloc(1, sizeof(*p->auto_ids));
	r = idmap_auto_parse(options, p->auto_ids, err);
	return r < 0 ? cmk_err_wrap(err, r, "user namespace mode 'auto'") : 0;
}

void create_auto_done(struct create_plan *p)
{
	if (p->auto_ids)
		idmap_auto_done(p->auto_ids);
	free(p->auto_ids);
	p->auto_ids = NULL;
}

/* --- how many ids the image needs --- */

/* The highest id of the lines of /etc/passwd or /etc/group; nobody's would be 65534 in any image.
 */
static uint32_t highest_id(const char *text)
{
	cleanup_strv char **lines = strv_split(text, '\n');
	uint32_t highest = 0;

	for (char **l = lines; *l; l++) {
		cleanup_strv char **fields = strv_split(*l, ':');

		if (strv_len(fields) < 3 || streq(fields[0], "nobody") ||
		    streq(fields[0], "nogroup"))
			continue;
		for (size_t i = 2; i < MIN(strv_len(fields), 4); i++) {
			uint32_t id;

			/* The fourth of a group is its members. */
			if (parse_u32(fields[i], NOBODY - 1, &id) == 0)
				highest = MAX(highest, id);
		}
	}
	return highest;
}

/* NAME of the topmost layer that has it, or NULL. */
static char *read_of_image(const struct create_plan *p, const char *name)
{
	const struct container_config *cfg = &p->c->cfg;
	cleanup_free char *path = xasprintf("diff/%s", name);

	for (size_t i = cfg->n_layers; i-- > 0;) {
		cleanup_close int layer = storage_layer_open(p->st, cfg->layers[i].diff_id, NULL),
				  fd = -1;
		char *text = NULL;
		struct stat sb;
		size_t len;

		if (layer < 0)
			return NULL;
		fd = open_resolved(layer, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
				   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
		if (fd == -ENOENT)
			continue;
		if (fd < 0 || fstat(fd, &sb) < 0 || !S_ISREG(sb.st_mode) ||
		    file_read_fd(fd, 1 << 20, &text, &len, NULL) < 0)
			return NULL;
		return text;
	}
	return NULL;
}

/* As containers/storage counts: owners of files, users and groups of the image, and who was asked
 * for by number. */
static uint32_t size_needed(const struct create_plan *p)
{
	static const char *const files[] = { "etc/passwd", "etc/group" };
	const struct container_config *cfg = &p->c->cfg;
	uint32_t highest = storage_layers_max_id(p->st, cfg->layers, cfg->n_layers);
	cleanup_strv char **user = cfg->user ? strv_split(cfg->user, ':') : NULL;

	/* Made by an older cmk. */
	if (highest == UINT32_MAX)
		return SIZE_MAX_FOUND;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup_free char *text = read_of_image(p, files[i]);

		if (text)
			highest = MAX(highest, highest_id(text));
	}
	for (char **u = user; u && *u; u++) {
		uint32_t id;

		if (parse_u32(*u, INT32_MAX, &id) == 0)
			highest = MAX(highest, id);
	}
	return MAX(highest + 1, SIZE_MIN);
}

/* --- who has which --- */

/* "u FROM COUNT" and "g FROM COUNT" lines; what is neither is passed over. */
static void add_used(const char *text, struct id_map_pair *used)
{
	cleanup_strv char **lines = strv_split(text, '\n');

	for (char **l = lines; *l; l++) {
		cleanup_strv char **w = strv_split(*l, ' ');
		uint32_t from, count;

		if (strv_len(w) == 3 && parse_u32(w[1], UINT32_MAX - 1, &from) == 0 &&
		    parse_u32(w[2], UINT32_MAX - 1 - from, &count) == 0 && count > 0)
			id_map_add(**l == 'u' ? &used->uids : &used->gids, from, from, count);
	}
}

static int find_used(const struct create_plan *p, struct id_map_pair *used, struct cmk_err *err)
{
	cleanup_strv char **texts = NULL;
	int r = dir_read_each(p->st->containers_fd, CONTAINER_IDS_FILE, IDS_MAX, &texts, err);

	for (char **text = texts; r == 0 && text && *text; text++)
		add_used(*text, used);
	return r;
}

static void note(struct strbuf *sb, char kind, const struct id_map *m)
{
	for (size_t i = 0; i < m->n; i++)
		strbuf_addf(sb, "%c %u %u\n", kind, m->range[i].outside, m->range[i].count);
}

static int choose(struct create_plan *p, uint32_t size, struct id_map_pair *ret,
		  struct cmk_err *err)
{
	cleanup(id_map_pair_done) struct id_map_pair used = { 0 };
	const struct idmap_auto *a = p->auto_ids;
	const struct userns_config *config;
	int r = storage_userns(p->st, &config, err);

	if (r == 0)
		r = find_used(p, &used, err);
	if (r == 0)
		r = idmap_auto_choose(&config->uids, &a->maps.uids, &used.uids, size, "UID",
				      &ret->uids, err);
	if (r == 0)
		r = idmap_auto_choose(&config->gids, &a->maps.gids, &used.gids, size, "GID",
				      &ret->gids, err);
	return r;
}

int create_auto_ids(struct create_plan *p, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct id_map_pair maps = { 0 };
	cleanup_close int lock = -1;
	uint32_t size;
	int r;

	if (!p->auto_ids)
		return 0;
	size = p->auto_ids->size ?: size_needed(p);
	lock = open_dir_at(p->st->root_fd, "auto-ids", 0700, err);
	if (lock < 0)
		return lock;
	r = file_lock(lock, true, false);
	if (r < 0)
		return cmk_err_set(err, r, "lock '%s/auto-ids': %s", p->st->root, errno_text(-r));
	r = choose(p, size, &maps, err);
	if (r == 0) {
		note(&text, 'u', &maps.uids);
		note(&text, 'g', &maps.gids);
		r = file_replace_at(p->c->dir_fd, CONTAINER_IDS_FILE, text.data, text.len, 0600,
				    p->c->cfg.remove ? 0 : FILE_DURABLE_DATA, err);
	}
	if (r == 0)
		create_take_maps(p, &maps);
	id_map_pair_done(&maps);
	return r < 0 ? cmk_err_wrap(err, r, "user namespace mode 'auto'") : 0;
}
