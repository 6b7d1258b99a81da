/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images that lie in files of this machine: OCI layouts (image-spec image-layout.md) as directories
 * and archives, what `docker save` writes, and the directories of skopeo's `dir:`.
 */
#pragma once

#include "image/files.h"
#include "image/receive.h"

#define BUNDLE_IMAGES_MAX 1000

struct bundle_image {
	char **names;	      /* as they stand there; NULL: it has none */
	struct digest digest; /* OCI: of its manifest or index */
	uint64_t size;
	char *ref_name;		/* OCI: by which a reference finds it, or NULL */
	char *config, **layers; /* docker: the names of the files */
};

struct bundle;
struct bundle_use;
struct bundle_kind {
	const char *name; /* "oci" */
	bool (*probe)(const struct files *f);
	/* Fills the images. */
	int (*read)(struct bundle *b, const struct platform *want, struct cmk_err *err);
	/* The one that REF (a transport's, never empty) means. */
	int (*choose)(const struct bundle *b, const char *ref, const struct bundle_image **ret,
		      char ***ret_names, struct cmk_err *err);
	struct receive_source source; /* its arg is a struct bundle_use, */
	/* as that of this, struct verify's; NULL where there are none */
	int (*signatures)(void *arg, const struct digest *d, struct signatures *ret,
			  struct cmk_err *err);
	/* How policies name the image, asked for as NAME (may be NULL); NULL: by its path. */
	void (*identify)(const struct bundle_use *u, const struct image_ref *name,
			 struct policy_image *ret);
};
extern const struct bundle_kind bundle_oci, bundle_docker_archive, bundle_dir;

struct bundle {
	struct storage *st;
	const struct bundle_kind *kind;
	struct files files;
	struct podman_store *podman; /* podman.h; or NULL */
	struct bundle_image *images;
	size_t n_images;
	struct policy policy; /* of all its images */
};
struct bundle_use {
	const struct bundle *b;
	const struct bundle_image *image;
};

/* Reads what is in FILES (taken, also on failure). KIND NULL: whatever it is. A multi-platform
 * index without names stands for its entry for WANT. */
int bundle_open(struct storage *st, struct files *files, const struct bundle_kind *kind,
		const struct platform *want, struct bundle *ret, struct cmk_err *err);
/* Reads the policy (NULL: the usual policy.json), before the first image is taken in. */
int bundle_read_policy(struct bundle *b, const char *signature_policy, struct cmk_err *err);
void bundle_done(struct bundle *b);
/* A new image at the end of the list. */
struct bundle_image *bundle_add(struct bundle *b);

/* Takes IMAGE in, called NAMES (may be NULL). *RET_NAMES are the full names that it got; owned, as
 * *RET_ID. */
int bundle_receive(const struct bundle *b, const struct bundle_image *image, char *const *names,
		   const struct platform *want, struct progress *progress, char **ret_id,
		   char ***ret_names, struct cmk_err *err);

/* --- docker_archive.c --- */

#define DOCKER_MANIFEST_MAX ((size_t)4 << 20)
/* Reads the text of a manifest.json into B's images. */
int docker_manifest_parse(struct bundle *b, const char *text, size_t len, struct cmk_err *err);
/* The manifest of an archive's image, which holds none: byte for byte as everybody makes it, with
 * the layers as if they were gzip, which they are not. */
int docker_manifest_write(const struct digest *config, size_t config_len,
			  const struct digest *diff_ids, const uint64_t *sizes, size_t n,
			  struct fetched *ret, struct cmk_err *err);
/* --- oci_layout.c --- */

/* Reads the text of an index.json. */
int oci_index_parse(struct bundle *b, const char *text, size_t len, const struct platform *want,
		    struct cmk_err *err);
/* Refuses a layout of another version: the text of an oci-layout file. */
int oci_layout_check(const char *text, size_t len, struct cmk_err *err);
