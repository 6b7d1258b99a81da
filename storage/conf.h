/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers-storage.conf(5): $CONTAINERS_STORAGE_CONF, else the first that is there of
 * ~/.config/containers/storage.conf, /etc/containers/storage.conf and
 * /usr/share/containers/storage.conf. Keys of [storage.options.overlay] may stand in
 * [storage.options], as they once did. What cmk makes of each key says storage_keys[], from which
 * comes cmk-storage.conf(5).
 */
#pragma once

#include "storage/storage.h"

struct storage_conf {
	char *driver;  /* as --storage-driver, or NULL: the best that works */
	char **stores; /* additionalimagestores */
	/* Of Podman's store, as they stand there; NULL: not given. */
	char *podman_driver, *graph_root, *image_store, *rootless_path;
	bool is_system; /* not the user's own file */

	char *mountopt;
	uint64_t mount_set, mount_clear; /* of it: MOUNT_ATTR_… */
	bool always_volatile, never_volatile;
	bool ignore_chown; /* ids that are not the user's become 0 */
	bool no_partial;   /* layers are fetched as a whole */
	char **notes;	   /* what has no effect, though somebody asked for it */
};
/* Adds the text of a file. */
int storage_conf_add(struct storage_conf *c, const char *text, size_t len, struct cmk_err *err);
void storage_conf_done(struct storage_conf *c);
/* Options "DRIVER.KEY=VALUE" in the place of those that C has; an empty one is none. */
int storage_conf_give(struct storage_conf *c, char *const *options, struct cmk_err *err);
/* Reads the machine's file, whatever there is of the user's. */
int storage_conf_system(struct storage_conf *c, struct cmk_err *err);
/* Reads it at the first call; borrowed. */
int storage_conf_get(struct storage *st, const struct storage_conf **ret, struct cmk_err *err);
/* Warns of what has no effect. */
void storage_conf_warn(const struct storage_conf *c);
