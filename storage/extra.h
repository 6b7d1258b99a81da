/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The additional stores that storage.conf names: data directories of cmk, of which this one only
 * reads. They are found by their paths on each use, so that no descriptor of them is held. What
 * they hold was written by another user perhaps: records are believed no more than an image is, and
 * nothing is followed out of them.
 */
#pragma once

#include "storage/conf.h"

/* The paths of the additional stores, NULL-ended; may be NULL. A storage.conf that cannot be read
 * is said once, and means none. */
char *const *storage_extra(struct storage *st);
/* The first of them that has the directory PART/NAME ("images", "layers"), or NULL. */
const char *storage_extra_find(struct storage *st, const char *part, const char *name);
/* A descriptor of the directory PART of the first additional store that has NAME in it, or -ENOENT.
 */
int storage_extra_open(struct storage *st, const char *part, const char *name);
