/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of which the store has most of the files already. */
#pragma once

#include "image/layers.h"

/*
 * Makes the layer of L of files that are here, and of those parts of its blob that are not, where
 * its blob lets parts of it be read (zstd:chunked, eStargz) and that is worth it. 1 where the layer
 * is in the storage now; 0 where its blob has to be fetched as a whole, whatever the reason was:
 * this way promises nothing that the other would not keep. Waits.
 */
int partial_fetch(struct storage *st, struct client *c, struct progress *p, struct layer_fetch *l);
