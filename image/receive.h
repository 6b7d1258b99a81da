/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes one image in, wherever it comes from: the manifest (through indexes), the config, the
 * layers; every digest is verified; then the image's record and its names.
 */
#pragma once

#include "image/client.h"
#include "image/layers.h"
#include "image/manifest.h"
#include "image/progress.h"
#include "image/verify.h"

struct receive;

/* A place where images come from. */
struct receive_source {
	/* The manifest with DIGEST ("sha256:…"), of SIZE bytes (0: unknown); NULL: the one that was
	 * asked for. At most IMAGE_MANIFEST_MAX bytes. */
	int (*manifest)(struct receive *r, const char *digest, uint64_t size, struct fetched *ret,
			struct cmk_err *err);
	/* D->size bytes, which the caller has bounded. */
	int (*config)(struct receive *r, const struct descriptor *d, struct fetched *ret,
		      struct cmk_err *err);
	/* Sees to it that the layers are in the store. */
	int (*layers)(struct receive *r, struct layer_fetch *list, size_t n, struct cmk_err *err);
};

struct receive {
	struct storage *st;
	struct progress *progress;
	struct platform want;
	const struct receive_source *source;
	void *arg;		     /* the source's */
	const struct verify *verify; /* is asked before more than the manifest is read */
	/* What it is to be called, with registries; one with a digest gives no name, but by each
	 * the image is known by its digests. */
	const struct image_ref *names;
	size_t n_names;

	/* What came; receive_done(). */
	struct fetched text, config;
	struct manifest manifest;
	char **digests;		  /* of the index, where there is one, and of the manifest */
	struct image_record here; /* the image that the name is of already: has not to be fetched */
};

/* DIGEST may be NULL: whatever the source gives. *RET_ID full hex, owned. */
int receive_image(struct receive *r, const char *digest, char **ret_id, struct cmk_err *err);
void receive_done(struct receive *r);
/* The bytes of F are what was asked for (WANT NULL: anything), and what the server says they are.
 */
int receive_check_digest(const struct fetched *f, const char *want, struct digest *ret,
			 struct cmk_err *err);
