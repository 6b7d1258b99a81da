/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/userns.h"

/*
 * Copies what the directory SRC of a layer holds into TARGET; called in the parent user namespace.
 * Without MAP as a container sees it, over what TARGET has already: whiteouts and opaque
 * directories act. With MAP (ids of the image to those of the parent namespace) into an empty
 * directory, a layer as it was but for its owners; -EINVAL where the map lacks one.
 */
int layer_copy(int src, int target, const struct id_map_pair *map, struct cmk_err *err);
