/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a push: to registries, of images, lists of them and artifacts; and to files. */
#pragma once

#include "image/client.h"
#include "image/manifest.h"
#include "image/progress.h"

/* As image_push(), to the files that TO, which has a transport, names. What is there already, is an
 * archive of docker's, and is not empty, is refused; another archive and dir: are replaced, and an
 * OCI layout gets one image more. */
int push_files(struct storage *st, const char *id, const char *to,
	       const struct image_push_options *o, char **ret_digest, struct cmk_err *err);

/* Where --compress has no meaning. */
int push_compress_refused(struct cmk_err *err);

/* A list to the files that TO names, by a saver (image/save.h) that is F's. */
struct push_files_list;
int push_files_begin(struct storage *st, const char *to, const struct image_push_options *o,
		     struct push_files_list **ret, struct cmk_err *err);
struct saver *push_files_saver(struct push_files_list *f);
/* NULL: none was given. */
const char *push_files_name(const struct push_files_list *f);
/* The only kind of manifests that may lie there; PUSH_AS_IS: any. */
enum image_push_format push_files_format(const struct push_files_list *f);
/* How layers are compressed from now on. */
void push_files_compress(struct push_files_list *f, const struct image_push_options *o);
/* R: whether all is there. Takes F. */
int push_files_end(struct push_files_list *f, int r, struct cmk_err *err);

/* A manifest as it was pushed. */
struct pushed {
	char *digest, *type;
	uint64_t size;
};
void pushed_done(struct pushed *p);
/* Only what a registry takes can be signed: the error for TO, which is files. */
int push_signing_refused(const char *to, struct cmk_err *err);

/* --- where blobs are had again --- */

struct push_source {
	struct client *client;
	char *place; /* "registry/repository" that CLIENT speaks to */
};
void push_source_done(struct push_source *s);
/* Sees to a connection to the repository; OWN: it is the destination's registry, of which O knows
 * the way in. One that could not be made is not tried again. */
int push_source_open(struct push_source *s, const struct image_push_options *o,
		     const char *registry, const char *repository, bool own, struct cmk_err *err);
/* The blob into FD, an empty file, which stands at its beginning then; its digest is verified. */
int push_source_blob(struct push_source *s, const char *digest, uint64_t size, int fd,
		     struct cmk_err *err);

/* --- a repository, to which things are sent by one helper program, however many --- */

struct push;
/* Of TO registry and repository count; O is borrowed until the end. */
int push_begin(struct storage *st, const struct image_ref *to, const struct image_push_options *o,
	       struct push **ret, struct cmk_err *err);
void push_end(struct push *p); /* takes NULL */
static inline void cleanup_push_fn(struct push **p)
{
	push_end(*p);
}
#define cleanup_push cleanup(cleanup_push_fn)
/* Manifests from now on go to the tag of REF; where it has none under their digest, which is that
 * of REF where it has one. NULL: any digest. */
void push_call(struct push *p, const struct image_ref *ref);
/* They are P's. */
struct client *push_client(struct push *p);
struct push_source *push_sources(struct push *p);
struct progress *push_progress(struct push *p);
/* The image ID of the store, all of it. */
int push_image(struct push *p, const char *id, struct pushed *ret, struct cmk_err *err);
/* The blobs that the manifest M of an image that is not here names: they come from the SOURCES,
 * "registry/repository@digest". */
int push_blobs(struct push *p, const struct manifest *m, char *const *sources, struct cmk_err *err);
/* A manifest of the media type TYPE. */
int push_manifest(struct push *p, const char *text, size_t len, const char *type,
		  struct pushed *ret, struct cmk_err *err);
