/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the policy lets an image in. */
#pragma once

#include "image/signature.h"

/* What is asked, and where signatures are. */
struct verify {
	const struct policy *policy;
	struct policy_image image;
	/* Adds the signatures of the manifest D; called at most once, where some are needed; NULL:
	 * there are none. */
	int (*signatures)(void *arg, const struct digest *d, struct signatures *ret,
			  struct cmk_err *err);
	void *arg;
};
/* -EACCES, "Source image rejected: …", where not all that the policy requires of the image with the
 * manifest D is fulfilled. Blocks. */
int verify_manifest(const struct verify *v, const struct digest *d, struct cmk_err *err);
/* The same of what has no manifest, or none that could be signed. */
int verify_unsigned(const char *policy_path, const char *transport, struct cmk_err *err);
