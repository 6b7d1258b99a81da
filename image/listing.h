/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of a registry, page by page: repositories and tags (distribution-spec, "Listing Tags"), and
 * what the search of the first version answers. */
#pragma once

#include "image/client.h"
#include "image/image.h"

/* The strings of the array MEMBER in one page, at the end of *LIST (owned; N of them). Null or
 * absent is none. Without control characters. */
int listing_strings(const char *text, size_t len, const char *member, char ***list, size_t *n,
		    struct cmk_err *err);
/* The results of a search; index and registry of their names are not set. */
int listing_results(const char *text, size_t len, struct image_found **list, size_t *n,
		    struct cmk_err *err);
/* The path that a Link header calls next (owned), NULL where there is none. RFC 8288. */
char *listing_next(const char *link);
/* TEXT as it may stand in the query of an URL (RFC 3986); owned. */
char *listing_escape(const char *text);

/* All strings of MEMBER from PATH and its next pages, until ENOUGH (may be NULL) says so of what
 * there is. *LIST is owned also after a failure. -EFBIG beyond all reason. */
int listing_fetch(struct client *c, const char *path, const char *member,
		  bool (*enough)(char *const *list, size_t n, void *arg), void *arg, char ***list,
		  size_t *n, struct cmk_err *err);
/* The tags of the repository that C was opened for; at most LIMIT (0: all). */
int listing_tags(struct client *c, const char *repository, size_t limit, char ***list, size_t *n,
		 struct cmk_err *err);
