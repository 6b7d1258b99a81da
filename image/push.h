/* SPDX-License-Identifier: Apache-2.0 */
/* A push to what is no registry. */
#pragma once

#include "image/image.h"

/* As image_push(), to the files that TO, which has a transport, names. What is there already, is an
 * archive of docker's, and is not empty, is refused; another archive and dir: are replaced, and an
 * OCI layout gets one image more. */
int push_files(struct storage *st, const char *id, const char *to,
	       const struct image_push_options *o, char **ret_digest, struct cmk_err *err);
