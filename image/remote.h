/* SPDX-License-Identifier: Apache-2.0 */
/* Reading manifests of a registry, without taking anything into the store. */
#pragma once

#include "image/client.h"
#include "image/manifest.h"

struct remote {
	struct client *client;
	char *place;		 /* "registry/repository", where it was found */
	struct fetched manifest; /* its bytes are DIGEST's */
	struct digest digest;
};
void remote_done(struct remote *r);
/* Finds the manifest or index that TEXT names: "docker://" stands for docker.io where there is no
 * registry; a short name is looked for as in a pull. Blocks. */
int remote_open(const char *text, const struct image_pull_options *o, struct remote *ret,
		struct cmk_err *err);
/* The config of M. */
int remote_config(struct remote *r, const struct manifest *m, struct fetched *ret,
		  struct cmk_err *err);
