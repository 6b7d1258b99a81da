// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/events/events.h"
#include "libpod/record/internal.h"

static bool is_used(struct storage *st, const char *image)
{
	struct container **list = NULL;
	bool used = false;
	size_t n = 0;
	int r = container_list(st, &list, &n, NULL);

	for (size_t i = 0; i < n && !used; i++)
		used = streq_null(list[i]->cfg.image_id, image);
	container_list_free(list, n);
	return used || r < 0;
}

void container_remove_cidfile(const struct container_config *cfg)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (cfg->cidfile &&
	    file_read_at(AT_FDCWD, cfg->cidfile, CONTAINER_ID_LEN + 1, &text, &len, NULL) == 0 &&
	    str_after(text, cfg->id))
		(void)unlink(cfg->cidfile);
}

bool container_left_image(const struct container *c)
{
	struct image_record rec = { 0 };
	bool there = c->cfg.remove_image && c->cfg.image_id &&
		     !container_has_record(c->st, c->cfg.id) &&
		     storage_image_load(c->st, c->cfg.image_id, &rec, NULL) == 0 &&
		     (strv_len(rec.names) < 2 || strv_has(rec.names, c->cfg.image_name));

	image_record_done(&rec);
	return there;
}

void container_remove_image(struct storage *st, const struct container_config *cfg)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct image_record rec = { 0 };
	bool whole, used = false;
	int r;

	if (!cfg->remove_image || !cfg->image_id)
		return;
	r = storage_image_load(st, cfg->image_id, &rec, &err);
	whole = strv_len(rec.names) < 2 || !strv_has(rec.names, cfg->image_name);
	if (r == 0 && !whole)
		r = storage_name_remove(st, cfg->image_name, &err);
	else if (r == 0) {
		used = is_used(st, cfg->image_id);
		r = used ? 0 : storage_image_remove(st, cfg->image_id, &err);
	}
	if (r < 0)
		log_warn("remove image '%s': %s", cfg->image_name, cmk_err_msg(&err));
	else if (!used)
		event_write_image(st, whole ? "remove" : "untag", cfg->image_id, cfg->image_name);
	image_record_done(&rec);
}
