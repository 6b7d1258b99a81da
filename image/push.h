/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a push: to what is no registry, and of lists of images. */
#pragma once

#include "image/manifest.h"

/* As image_push(), to the files that TO, which has a transport, names. What is there already, is an
 * archive of docker's, and is not empty, is refused; another archive and dir: are replaced, and an
 * OCI layout gets one image more. */
int push_files(struct storage *st, const char *id, const char *to,
	       const struct image_push_options *o, char **ret_digest, struct cmk_err *err);

/* --- of lists: destinations are repositories, with a registry --- */

/* A manifest as it was pushed. */
struct pushed {
	char *digest, *type;
	uint64_t size;
};
void pushed_done(struct pushed *p);

/* As image_push(), to the repository of TO, under the digest alone that the manifest has there. */
int push_instance(struct storage *st, const char *id, const struct image_ref *to,
		  const struct image_push_options *o, struct pushed *ret, struct cmk_err *err);
/* An image that is not here, by the blobs M that its manifest names: they come from the SOURCES,
 * "registry/repository@digest". */
int push_blobs(struct storage *st, const struct manifest *m, char **sources,
	       const struct image_ref *to, const struct image_push_options *o, struct cmk_err *err);
/* A manifest of the media type TYPE, to the tag of TO, or where it has none under its digest.
 * RET->type is not set. */
int push_text(struct storage *st, const char *text, size_t len, const char *type,
	      const struct image_ref *to, const struct image_push_options *o, struct pushed *ret,
	      struct cmk_err *err);
