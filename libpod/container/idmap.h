/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Id maps as users ask for them (--userns, --uidmap, --gidmap): from ids inside the container to
 * those of the user's parent user namespace, where 0 is the user and 1, 2, … are the subordinate
 * ids.
 */
#pragma once

#include "base/userns.h"

/* keep-id with OPTIONS ("uid=N,gid=N,size=N" or NULL): the user has the same id inside, or the one
 * given (*RET_UID, *RET_GID). */
int idmap_keep_id(const struct userns_config *c, const char *options, struct id_map_pair *ret,
		  uint32_t *ret_uid, uint32_t *ret_gid, struct cmk_err *err);
/* All but the user. */
int idmap_nomap(const struct userns_config *c, struct id_map_pair *ret, struct cmk_err *err);
/*
 * --uidmap and --gidmap: "[FLAGS]INSIDE:[@]FROM[:LENGTH]". '@': an id of the host. '+': takes the
 * place of what would clash with it; where the first one has it, all other ids follow in what is
 * free. 'u', 'g': only for users, or groups, where one option stands for both.
 */
int idmap_given(const struct userns_config *c, char *const *uidmap, char *const *gidmap,
		struct id_map_pair *ret, struct cmk_err *err);
