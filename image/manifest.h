/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and indexes (image-spec manifest.md, image-index.md; docker's schema 2 and list). */
#pragma once

#include "image/image.h"

#define IMAGE_MANIFEST_MAX ((size_t)4 << 20)
#define IMAGE_CONFIG_MAX ((size_t)4 << 20)
#define IMAGE_LAYERS_MAX 500 /* what the kernel's overlay stacks */
#define IMAGE_INDEX_MAX 1000

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct descriptor {
	char *media_type;
	struct digest digest;
	uint64_t size;
	enum layer_compression compression; /* of layers */
	struct layer_toc toc;		    /* of layers */
	char *os, *arch, *variant;	    /* entries of an index; NULL where not given */
	bool attestation;		    /* an index entry that is no image (buildkit) */
	/* What an index calls it, NULL where it does not: the annotations org.opencontainers.
	 * image.ref.name, and containerd's and buildkit's io.containerd.image.name. */
	char *ref_name, *full_name;
	char *title; /* org.opencontainers.image.title: the file's name, hostile; or NULL */
};

struct manifest {
	enum manifest_kind kind;
	bool artifact; /* in: manifest_parse_artifact() */
	char *media_type;
	struct descriptor config;
	struct descriptor *items; /* layers, or the index's manifests */
	size_t n_items;
};
void manifest_done(struct manifest *m);

/*
 * Parses the bytes of a manifest. CONTENT_TYPE is what the server said (may be NULL). Refused: both
 * `layers` and `manifests` and a mediaType that contradicts the content type (CVE-2021-41190),
 * schema 1, foreign layers, layers of an unknown type, digests that are none (CVE-2024-3727).
 */
int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest *ret,
		   struct cmk_err *err);

/*
 * The same, of an artifact: config and layers may be of any type (image-spec
 * manifest.md#guidelines- for-artifact-usage), and layers have titles. An index is refused.
 */
int manifest_parse_artifact(const char *text, size_t len, const char *content_type,
			    struct manifest *ret, struct cmk_err *err);

struct platform {
	const char *os, *arch, *variant; /* variant NULL: any, the newest first */
	bool only;			 /* an image for another is refused, not warned of */
};
/* This host's, in Go's words ("linux", "amd64", ""). */
void platform_host(struct platform *ret);
/* What a pull with these options is for. Borrows from O. */
void platform_wanted(const struct image_pull_options *o, struct platform *ret);
/* The best entry of the index for WANT; -ENOENT names what there is. */
int manifest_choose(const struct manifest *index, const struct platform *want,
		    const struct descriptor **ret, struct cmk_err *err);
