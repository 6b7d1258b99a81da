/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest lists of this store: docker's, or OCI image indexes. What a list says of its instances
 * is kept as the file "instances" of its record, and beside it, made of that, the manifest as it
 * stands.
 */
#pragma once

#include "image/manifest.h"

/* What an instance is for. Members are NULL where nothing is said. */
struct list_platform {
	char *arch, *os, *os_version, *variant;
	char **os_features, **features;
};

struct list_instance {
	char *media_type, *digest; /* digest "sha256:…" */
	uint64_t size;
	char *artifact_type;
	struct list_platform platform;
	char **annotations; /* KEY=VALUE */
	/* Where it is: the image of this store (full ID; it may be gone by now), and repositories
	 * "registry/repository" that had it. */
	char *image;
	char **sources;
};
/* Empties it. */
void list_instance_done(struct list_instance *i);

/* The image or list that a list is about (image-spec image-index.md, "subject"). */
struct list_subject {
	char *media_type, *digest;
	uint64_t size;
};

struct list {
	struct image_record rec;      /* .is_list; of a new one only the ID */
	char **annotations;	      /* of the list itself */
	struct list_subject *subject; /* NULL: none */
	struct list_instance *items;
	size_t n;
};
void list_done(struct list *l);

/* CMK_ERR_INVALID where the image ID is no list. */
int list_load(struct storage *st, const char *id, struct list *ret, struct cmk_err *err);
/* Reads the list again, lets CHANGE change it, and writes it; once more, from the beginning, where
 * somebody else has written it meanwhile. */
int list_edit(struct storage *st, const char *id,
	      int (*change)(struct list *l, void *arg, struct cmk_err *err), void *arg,
	      struct cmk_err *err);
/* A new list without instances and without a name. */
int list_new(struct storage *st, char *const *annotations, struct digest *ret_id,
	     struct cmk_err *err);
/* A copy of I goes to the end; one of the same digest goes away. */
int list_append(struct list *l, const struct list_instance *i, struct cmk_err *err);
void list_remove(struct list *l, struct list_instance *i);
struct list_instance *list_instance_by_digest(struct list *l, const char *digest);

/* The manifest; *RET_TYPE is its media type. As it is: OCI's, unless only docker's has a place for
 * what it says. -EFBIG beyond IMAGE_MANIFEST_MAX. */
int list_write(const struct list *l, enum image_push_format format, char **ret, size_t *ret_len,
	       const char **ret_type, struct cmk_err *err);
/* The text of an index from outside, which manifest_parse() has taken, as a list without record. */
int list_read_index(const char *text, size_t len, struct list *ret, struct cmk_err *err);
/* Fills the platform of an image by the text of its config; what it does not say is NULL. */
int list_read_config(const char *text, size_t len, struct list_platform *ret, struct cmk_err *err);

/* Which of the images in LIST the instance I is: its full ID, or NULL. */
const char *list_image_in(const struct image_record *list, size_t n, const struct list_instance *i);
/* image_resolve_local() for the platform WANT. */
int list_resolve(struct storage *st, const char *text, const struct platform *want, char **ret_id,
		 char **ret_name, struct cmk_err *err);
