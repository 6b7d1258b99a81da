/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on Quadlet's files share. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

#define cleanup_quadlets cleanup(quadlet_set_done)

/* All files of the user, or of the system for its root; warns of directories that cannot be read.
 */
int cmk_quadlets_load(struct quadlet_set *set, struct cmk_err *err);
/* Has the manager read its units again; warns where there is none. */
void cmk_quadlets_reload(bool user);
/* The row "--reload-systemd" of a command whose arguments are TYPE, with the member reload. */
#define CMK_OPT_RELOAD_SYSTEMD(type)                                                         \
	CMK_OPT_FLAG(0, "reload-systemd", type, reload, "have systemd read its units again", \
		     .def = "true")
