/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Podman's own store (containers-storage, containers-transports(5)), of which cmk only reads:
 *   ROOT/DRIVER-images/images.json, ID/NAME            images; manifests, configs, signatures
 *   ROOT/DRIVER-layers/layers.json, ID.tar-split.gz    layers, each with its parent; the record of
 *                                                      what else was in its tar stream
 *   ROOT/overlay/ID/diff, ROOT/vfs/dir/ID              files
 * An image may lie in one root and its layers in another (imagestore, additional stores).
 *
 * While it is open, its lock files are held for reading, as Podman does it (fcntl(2)), so that
 * nothing is removed meanwhile: ROOT/storage.lock, then layers.lock, then images.lock. What is in
 * it is hostile: no name leads out of a root, and links are not followed there.
 */
#pragma once

#include "image/bundle.h"

#define PODMAN_IMAGES_MAX 10000
#define PODMAN_LAYERS_MAX 100000

struct podman_root {
	char *path;
	const char *driver; /* "overlay" or "vfs" */
	int fd;
	int locks[3];
};
struct podman_image {
	const struct podman_root *root;
	char *id;	/* hex */
	char *digest;	/* "sha256:…" by which it came, of a manifest or index; or NULL */
	char *manifest; /* the same of the manifest itself, as it is now */
	char *layer;	/* the uppermost; NULL: none, as of a manifest list */
	char *metadata; /* JSON, or NULL */
	char **names, **data;
};
struct podman_layer {
	const struct podman_root *root;
	char *id, *parent; /* hex; NULL: none */
	bool incomplete;
};
struct podman_store {
	char *shown; /* "containers-storage:[DRIVER@ROOT]" */
	struct podman_root *roots;
	size_t n_roots;
	struct podman_image *images;
	size_t n_images;
	struct podman_layer *layers;
	size_t n_layers;
};

/* PLACE: "[DRIVER@]ROOT[+RUNROOT][:OPTIONS]", or "": where storage.conf says. CMK_ERR_NOT_FOUND
 * where there is none; CMK_ERR_IN_USE where another program has kept its locks too long. Blocks. */
int podman_store_open(struct storage *st, const char *place, struct podman_store **ret,
		      struct cmk_err *err);
void podman_store_free(struct podman_store *s);
/* What Podman keeps of I under NAME: at most MAX bytes; -ENOENT. */
int podman_image_data(const struct podman_image *i, const char *name, size_t max, char **ret,
		      size_t *ret_len, struct cmk_err *err);
/* Its N layers, the lowest first. -EBADMSG where they are not there, or another number. */
int podman_image_layers(const struct podman_store *s, const struct podman_image *i, size_t n,
			const struct podman_layer **ret, struct cmk_err *err);
/* Descriptors of the directory of L's files, and of its tar-split record. */
int podman_layer_open(const struct podman_layer *l, int *ret_dir, int *ret_split,
		      struct cmk_err *err);

/* --- podman_find.c --- */

/* The image that REF means: NAME[:TAG], [NAME]@ID, NAME@DIGEST, an ID or its beginning.
 * CMK_ERR_NOT_FOUND. *RET_NAMES, owned: what it is to be called: NAME in full, or where that was
 * not given all that it is called there. */
int podman_find(const struct podman_store *s, const char *ref, const struct podman_image **ret,
		char ***ret_names, struct cmk_err *err);
/* Names of the same transport for a pull of each of S's images that REPOSITORY (may be "": all)
 * has; owned. What has no name, and lists, are left out, which is said. */
int podman_list(const struct podman_store *s, const char *repository, char ***ret,
		struct cmk_err *err);
/* The image has the manifest DIGEST ("sha256:…"). */
bool podman_image_has(const struct podman_image *i, const char *digest);

/* --- podman_source.c --- */

extern const struct bundle_kind bundle_podman;
/* TEXT, behind "containers-storage:": the PLACE in brackets, if there is one (owned, else ""), and
 * *RET_REST behind it. */
int podman_split(const char *text, char **ret_place, const char **ret_rest, struct cmk_err *err);
/* The store as a bundle of images. */
int podman_bundle_open(struct storage *st, const char *place, struct bundle *ret,
		       struct cmk_err *err);
