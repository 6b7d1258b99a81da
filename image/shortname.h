/* SPDX-License-Identifier: Apache-2.0 */
/* A pull by a short name that may stand for several: registries.conf(5), short-name-mode. */
#pragma once

#include "image/image.h"

/*
 * Which of the *N candidates of TEXT are to be tried; the others are freed and *N is less. Where
 * there is a choice it is that of an image that is here by this name, or of who sits at the
 * terminal, which sets *RET_ASKED. Without a terminal all are tried, or, as short-name-mode says,
 * it is an error.
 */
int shortname_choose(struct storage *st, const char *text, struct image_ref *list, size_t *n,
		     bool *ret_asked, struct cmk_err *err);
/* From now on the short name REPOSITORY stands for FULL, for podman too. That this fails is a
 * warning. */
void shortname_record(const char *repository, const struct image_ref *full);

/* The text of an alias file when NAME has become an alias for TARGET; owned. */
int shortname_edit(const char *text, size_t len, const char *name, const char *target, char **ret,
		   struct cmk_err *err);
