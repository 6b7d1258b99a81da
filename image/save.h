/* SPDX-License-Identifier: Apache-2.0 */
/* How images are written to files, by `save` and by a push to files. */
#pragma once

#include "image/push.h"

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

/* --- lists, which are not for SAVE_DOCKER_ARCHIVE: all that they name, then they themselves --- */

struct saver;
/* PLAN is borrowed until the end. */
int saver_new(struct storage *st, const struct save_plan *plan, struct saver **ret,
	      struct cmk_err *err);
void saver_free(struct saver *s);
/* An image of the store. */
int saver_image(struct saver *s, const char *id, struct pushed *ret, struct cmk_err *err);
/* The blob was written already; from now on it counts as such. */
bool saver_has_blob(struct saver *s, const char *digest);
/* The first SIZE bytes of FD, an unnamed file. */
int saver_blob(struct saver *s, const char *digest, int fd, uint64_t size, struct cmk_err *err);
/* The manifest of an image whose blobs were written. */
int saver_manifest(struct saver *s, const char *text, size_t len, const char *type,
		   struct pushed *ret, struct cmk_err *err);
/* The list, of the media type TYPE, which NAME (may be NULL) is: the last. */
int saver_list(struct saver *s, const char *name, const char *text, size_t len, const char *type,
	       struct cmk_err *err);

/* One image or list of a layout. */
struct save_entry {
	const char *name; /* may be NULL */
	const char *type; /* of its manifest */
	struct digest digest;
	size_t len;
};
/*
 * The text of an index.json that has E, too. OLD (may be NULL) is the text that it has to be added
 * to: what that holds stays, but for an entry of the same name, or where there is none of the same
 * manifest.
 */
int save_index(const char *old, size_t old_len, const struct save_entry *e, char **ret,
	       size_t *ret_len, struct cmk_err *err);
