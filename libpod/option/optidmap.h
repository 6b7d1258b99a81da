/* SPDX-License-Identifier: Apache-2.0 */
/* The map of its own that a mount may have: `idmap=uids=0-1-10#10-11-10;gids=0-100-10`, of -v and
 * --mount as podman and crun(1) have it. */
#pragma once

#include "base/err.h"

/* COUNT ids from FILE on, as the file system has them, are those from TO on: of the host, or where
 * RELATIVE ("@0-1-10") of the container. */
struct opt_idmap_range {
	bool relative;
	uint32_t file, to, count;
};
struct opt_idmap {
	struct opt_idmap_range *uids, *gids;
	size_t n_uids, n_gids; /* 0: as the container's own map */
};
void opt_idmap_done(struct opt_idmap *m);
/* TEXT is what stands behind "idmap=". No id is in two ranges of one kind, on either side. */
int opt_idmap_parse(const char *text, struct opt_idmap *ret, struct cmk_err *err);
