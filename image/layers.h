/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the layers of one image into the storage, several side by side. */
#pragma once

#include "image/client.h"
#include "image/manifest.h"
#include "image/progress.h"

struct layer_fetch {
	const struct descriptor *blob; /* borrowed */
	struct digest diff_id;
	uint64_t size; /* out: of the tar stream */
	bool was_here; /* out */
};

/* Where a layer's blob lies on this machine. */
struct layer_part {
	int fd; /* a regular file, owned */
	uint64_t offset, size;
	/* Or FD is a pipe, to which this writes the layer's tar stream; owned. */
	struct layer_assembly *assembly;
};

/*
 * Downloads and unpacks what is missing: download ∥ hash ∥ decompress ∥ write. Every blob goes to
 * DATA/partial/sha256-HEX as well (flock held), from which an interrupted download goes on; the
 * file is removed when its layer is in place or turned out to be wrong, or kept as KEEP says.
 * Another pull's download of the same blob is waited for.
 */
int layers_fetch(struct storage *st, struct client *c, struct progress *p, enum storage_keep keep,
		 struct layer_fetch *list, size_t n, struct cmk_err *err);

/* Says where the blob of L lies. */
typedef int (*layer_open_fn)(void *arg, const struct layer_fetch *l, struct layer_part *ret,
			     struct cmk_err *err);
/*
 * The same for layers that need no download: each that is missing is read where FIND says. VERIFY:
 * the blob's size and digest are compared with its descriptor, as a download's; without, only what
 * is in it, with the diff ID.
 */
int layers_unpack(struct storage *st, struct progress *p, struct layer_fetch *list, size_t n,
		  bool verify, layer_open_fn find, void *arg, struct cmk_err *err);
