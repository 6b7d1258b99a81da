/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands `manifest ...` share. */
#pragma once

#include "cmd/containers.h"
#include "image/image.h"

/* What is said of an instance: the first member of a command's arguments, for the rows below. */
struct cmk_manifest_note {
	const char *os, *arch, *variant, *os_version;
	char **os_features, **features, **annotations;
};
extern const struct cmk_option cmk_manifest_note_options[];
/* Borrows from N. -EINVAL where an annotation has no '='. */
int cmk_manifest_note(const struct cmk_manifest_note *n, struct image_list_note *ret,
		      struct cmk_err *err);
int cmk_manifest_check_annotations(char *const *annotations, struct cmk_err *err);
