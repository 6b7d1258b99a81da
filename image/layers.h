/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the layers of one image into the storage, several side by side. */
#pragma once

#include "image/client.h"
#include "image/manifest.h"
#include "image/progress.h"

struct layer_fetch {
	const struct descriptor *blob; /* borrowed */
	struct digest diff_id;
	uint64_t size; /* out: of the tar stream; 0 where it was here already */
	bool was_here; /* out */
};

/*
 * Downloads and unpacks what is missing: download ∥ hash ∥ decompress ∥ write. Every blob goes to
 * DATA/partial/sha256-HEX as well (flock held), from which an interrupted download goes on; the
 * file is removed when its layer is in place or turned out to be wrong. Another pull's download of
 * the same blob is waited for.
 */
int layers_fetch(struct storage *st, struct client *c, struct progress *p, struct layer_fetch *list,
		 size_t n, struct cmk_err *err);
