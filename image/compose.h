/* SPDX-License-Identifier: Apache-2.0 */
/* A new image of this machine, from a config and layers (import, commit). */
#pragma once

#include "image/image.h"

enum compose_format { COMPOSE_OCI, COMPOSE_DOCKER };

/* Writes config and manifest, and the image's record; a pending one where one of LAYERS is. CFG's
 * diff_ids are those of LAYERS (bottom first). CREATED_BY and COMMENT (may be NULL) are the
 * history's last entry. */
int compose_image(struct storage *st, const struct image_config *cfg,
		  const struct image_layer_ref *layers, size_t n_layers, enum compose_format format,
		  const char *created_by, const char *comment, char **ret_id, struct cmk_err *err);
/* The manifest of an image with the config CONFIG and LAYERS, described by their blobs; the ending
 * of media_type ("gzip", "+zstd") says how a blob is compressed. */
int compose_manifest(enum compose_format format, const struct digest *config, size_t config_len,
		     const struct image_layer_ref *layers, size_t n, char **ret, size_t *ret_len,
		     struct cmk_err *err);
/* How a blob of this media type (may be NULL) is compressed. */
enum layer_compression compose_compression(const char *media_type);
/* L came as a compressed blob. (A docker archive's layers lie there uncompressed, whatever its
 * manifest calls them.) */
bool compose_came_compressed(const struct image_layer_ref *l);
/* RET is L with the blob that it once was. */
void compose_layer_same(struct image_layer_ref *ret, const struct image_layer_ref *l);
/* The layer L, compressed now: *RET describes it, *RET_FD is an unnamed file that holds it. Blocks.
 */
int compose_compressed(struct storage *st, const struct image_layer_ref *l,
		       enum layer_compression compression, int level, struct image_layer_ref *ret,
		       int *ret_fd, struct cmk_err *err);
/*
 * The manifest of REC's image in FORMAT, its layers being REFS (as for compose_manifest()): that
 * with which it came, byte for byte, where nothing is different. *RET_TYPE is its media type.
 */
int compose_again(struct storage *st, const struct image_record *rec,
		  const struct image_layer_ref *refs, size_t config_len,
		  enum image_push_format format, char **ret, size_t *ret_len, const char **ret_type,
		  struct cmk_err *err);
const char *compose_manifest_type(enum compose_format format);
/* An uncompressed layer that was made here. Owned members. */
void compose_layer(struct image_layer_ref *ref, const struct layer_result *layer);
/* REF, a pending layer, is that one now. */
void compose_layer_settled(struct image_layer_ref *ref, const struct layer_result *layer);
void compose_layer_done(struct image_layer_ref *ref);
