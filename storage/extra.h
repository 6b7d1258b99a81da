/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers-storage.conf(5): $CONTAINERS_STORAGE_CONF, else the first that is there of
 * ~/.config/containers/storage.conf, /etc/containers/storage.conf and
 * /usr/share/containers/storage.conf. graphroot, runroot and rootless_storage_path name Podman's
 * store, which is none of ours.
 *
 * And the additional stores that it names: data directories of cmk, of which this one only reads.
 * They are found by their paths on each use, so that no descriptor of them is held. What they hold
 * was written by another user perhaps: records are believed no more than an image is, and nothing
 * is followed out of them.
 */
#pragma once

#include "storage/storage.h"

struct storage_conf {
	char *driver;  /* as --storage-driver, or NULL: the best that works */
	char **stores; /* additionalimagestores */
};
/* Adds the text of a file. */
int storage_conf_add(struct storage_conf *c, const char *text, size_t len, struct cmk_err *err);
void storage_conf_done(struct storage_conf *c);
/* Reads it at the first call; borrowed. */
int storage_conf_get(struct storage *st, const struct storage_conf **ret, struct cmk_err *err);

/* The paths of the additional stores, NULL-ended; may be NULL. A storage.conf that cannot be read
 * is said once, and means none. */
char *const *storage_extra(struct storage *st);
/* The first of them that has the directory PART/NAME ("images", "layers"), or NULL. */
const char *storage_extra_find(struct storage *st, const char *part, const char *name);
/* A descriptor of the directory PART of the first additional store that has NAME in it, or -ENOENT.
 */
int storage_extra_open(struct storage *st, const char *part, const char *name);
