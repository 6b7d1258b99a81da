/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "libpod/record/record.h"
#include "libpod/runtime/runtime.h"

/* What runtime_create() is to join: the namespaces in a spec that have a path. */
struct container_joins {
	struct runtime_join *list;
	size_t n;
};
/* Opens them as they are now. "container:ID" leads to the init of that container, held by a pidfd:
 * CMK_ERR_STATE where it does not run. */
int container_joins_open(struct storage *st, const struct spec *spec, struct container_joins *ret,
			 struct cmk_err *err);
void container_joins_done(struct container_joins *j);
