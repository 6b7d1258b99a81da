/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filter of base/sandbox.c. */
#pragma once

#include "base/util.h"

/* Builds the allow-list for RIGHTS (enum sandbox_rights) and loads it for all later threads; needs
 * no_new_privs. 0 or -errno. */
int sandbox_filter_load(unsigned int rights);
