/* SPDX-License-Identifier: Apache-2.0 */
/* Containerfile instructions that change an image's config (import --change; later commit, build).
 */
#pragma once

#include "image/image.h"

/* "CMD …", "ENV K=V", also "CMD=…". -EINVAL for one that is malformed or no such instruction. */
int change_apply(const char *line, struct image_config *cfg, struct cmk_err *err);
/* One more step, by CREATED_BY, in CFG's history. */
int config_add_step(struct image_config *cfg, const char *created_by, struct cmk_err *err);
/* The document of a config with these members; HISTORY entries are one: CREATED_BY and COMMENT (may
 * be NULL). Owned. */
int config_write(const struct image_config *cfg, const char *created_by, const char *comment,
		 char **ret, size_t *ret_len, struct cmk_err *err);
