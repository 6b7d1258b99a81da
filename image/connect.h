/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a registry: whose certificates are believed, and who we are to it. */
#pragma once

#include "image/auth.h"
#include "image/client.h"
#include "image/registries.h"

struct connect_options {
	const char *registry, *repository; /* REPOSITORY "": the registry as a whole */
	const char *host;		   /* NULL: the registry's own */
	int tls_verify;			   /* -1: as registries.conf says */
	const struct credentials *given;   /* these, or NULL: */
	const char *creds;		   /* USER[:PASSWORD], or NULL: */
	const char *authfile;		   /* what this file, or the usual ones, know */
	const char *cert_dir;		   /* NULL: the usual ones */
	int retry;			   /* both as in struct image_pull_options */
	uint32_t retry_delay_ms;
};
/* Starts a helper that is to talk to the registry; it has not done so yet. -EACCES where that is
 * blocked in registries.conf. */
int registry_connect(const struct connect_options *o, struct client **ret, struct cmk_err *err);
/* The same for a pull from SRC, which says how it is reached. */
int registry_connect_pull(const struct image_pull_options *o, const struct registry_source *src,
			  struct client **ret, struct cmk_err *err);
