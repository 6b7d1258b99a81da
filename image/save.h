/* SPDX-License-Identifier: Apache-2.0 */
/* How images are written to files, by `save` and by a push to files. */
#pragma once

#include "image/image.h"

struct save_plan {
	enum image_save_format format;
	enum layer_compression
		compression; /* of layers, but in SAVE_DOCKER_ARCHIVE; LAYER_TAR: none */
	int level;	     /* negative: the default */
	bool kept;	     /* a layer whose blob was kept goes as that one... */
	bool recompress;     /* ... if it is compressed as COMPRESSION says */
	enum image_push_format manifest; /* of SAVE_DOCKER_DIR */
	bool quiet;
	int fd, dir_fd; /* as in image_save_options */
};
/* As image_save(). What SAVE_OCI_DIR finds in DIR_FD stays, and the image is added to it; what
 * SAVE_DOCKER_DIR finds is replaced. *RET_DIGEST (owned, may be NULL): of the manifest that was
 * written last; for an archive of docker's, which has none, the one that it gets where it is
 * loaded. */
int save_images(struct storage *st, const struct image_save_item *items, size_t n,
		const struct save_plan *plan, char **ret_digest, struct cmk_err *err);

/*
 * The text of an index.json that names one more image, NAME (may be NULL), with a manifest of LEN
 * bytes. OLD (may be NULL) is the text that it has to be added to: what that holds stays, but for
 * an entry of the same name, or where there is none of the same manifest.
 */
int save_index(const char *old, size_t old_len, const char *name, const struct digest *manifest,
	       size_t len, char **ret, size_t *ret_len, struct cmk_err *err);
