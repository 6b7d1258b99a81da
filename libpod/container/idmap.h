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
/* What `auto` was asked for. */
struct idmap_auto {
	uint32_t size;		 /* 0: as many as the image needs */
	struct id_map_pair maps; /* given ones: inside → parent namespace */
};
/* "size=N,uidmapping=INSIDE:PARENT:LENGTH,gidmapping=…", or NULL. */
int idmap_auto_parse(const char *options, struct idmap_auto *ret, struct cmk_err *err);
void idmap_auto_done(struct idmap_auto *a);
/*
 * SIZE ids from 0 on, and the GIVEN ones, from the IDS that the parent has (of which 0 is the
 * user's own, and stays out) and nobody USES (PARENT ids in their outside member): one range where
 * one is large enough, the lowest. -ENOSPC where there are too few. WHAT: "UID" or "GID".
 */
int idmap_auto_choose(const struct id_map *parent, const struct id_map *given,
		      const struct id_map *used, uint32_t size, const char *what,
		      struct id_map *ret, struct cmk_err *err);
/* All but the user. */
int idmap_nomap(const struct userns_config *c, struct id_map_pair *ret, struct cmk_err *err);
/*
 * --uidmap and --gidmap: "[FLAGS]INSIDE:[@]FROM[:LENGTH]". '@': an id of the host. '+': takes the
 * place of what would clash with it; where the first one has it, all other ids follow in what is
 * free. 'u', 'g': only for users, or groups, where one option stands for both.
 */
int idmap_given(const struct userns_config *c, char *const *uidmap, char *const *gidmap,
		struct id_map_pair *ret, struct cmk_err *err);
