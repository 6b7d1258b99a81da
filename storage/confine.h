/* SPDX-License-Identifier: Apache-2.0 */
/* How helper programs that work in the parent user namespace give up what they do not need. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* After the last change of ids: dies with PARENT, cmk, and has the directory DIR_FD as its root. */
int confine_root(pid_t parent, int dir_fd, struct cmk_err *err);
/* And then may read any file below it, with RIGHTS (enum sandbox_rights) beside, and write none. */
int confine_reader(pid_t parent, int dir_fd, unsigned int rights, struct cmk_err *err);
