/* SPDX-License-Identifier: Apache-2.0 */
/* What `container prune`, `image prune`, `volume prune` and `system prune` share. */
#pragma once

#include "cmd/containers.h"
#include "image/image.h"

/* What was removed. Failures on single objects are told on stderr at once. */
struct cmk_pruned {
	char **ids; /* or names, in the order of their removal */
	bool count; /* in: whether bytes are wanted, which takes time */
	uint64_t bytes;
	int code; /* exit code: 125 where something could not be removed */
};
void cmk_pruned_done(struct cmk_pruned *p);
/* A line each, below TITLE where there are any and a title is given. */
void cmk_pruned_print(const struct cmk_pruned *p, const char *title);

/* For the rows of --filter. */
extern const struct cmk_option_key cmk_prune_keys[];
/* -EINVAL where one of the filters is none of until=, label=, label!=. */
int cmk_prune_check_filters(char *const *filters, struct cmk_err *err);
/* Those that do not run. */
int cmk_prune_containers(struct storage *st, char *const *filters, struct cmk_pruned *ret,
			 struct cmk_err *err);
/* Those that no container uses: of these the dangling ones, or ALL. */
int cmk_prune_images(struct storage *st, bool all, char *const *filters, struct cmk_pruned *ret,
		     struct cmk_err *err);
/* The names of the volumes that no container uses and FILTERS leave; owned. */
int cmk_unused_volumes(struct storage *st, char *const *filters, char ***ret, struct cmk_err *err);
/* Removes those of NAMES that no container has come to use. */
int cmk_prune_volumes(struct storage *st, char *const *names, struct cmk_pruned *ret,
		      struct cmk_err *err);

/* Removes the image with all of its names (-EBUSY where it is mounted, without FORCE). TEXT, for
 * the event, is what it was called. */
int cmk_image_remove(struct storage *st, const struct image_record *rec, const char *text,
		     bool force, struct cmk_err *err);
/* Bytes of all layers of the images, each counted once. */
uint64_t cmk_layers_size(const struct image_record *list, size_t n);
/* The kept blobs, unless FILTERS are given, which are about other things. Only bytes are counted.
 */
int cmk_prune_blobs(struct storage *st, char *const *filters, struct cmk_pruned *ret,
		    struct cmk_err *err);
