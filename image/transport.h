/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of images that are not in a registry, "TRANSPORT:PATH[:REFERENCE|:@INDEX]"
 * (containers-transports(5)), where images are read.
 */
#pragma once

#include "image/bundle.h"

struct transport_name {
	const struct bundle_kind *kind;
	bool is_dir; /* PATH is a directory, not an archive */
	char *path;
	char *ref;     /* NULL: the only image that is there */
	int64_t index; /* of the image, from 0; -1: not given */
};
void transport_name_done(struct transport_name *n);
/* TEXT has a transport (image_has_transport()). CMK_ERR_UNSUPPORTED for those that are not here. */
int transport_parse(const char *text, struct transport_name *ret, struct cmk_err *err);

/* The image that TEXT names, as image_pull(); it is taken in whether one of the same name is here
 * or not. *RET_NAME is the ID where the image has no name. */
int transport_pull(struct storage *st, const char *text, const struct image_pull_options *o,
		   char **ret_id, char **ret_name, struct cmk_err *err);

/* TEXT's transport knows all its images. */
bool transport_can_list(const char *text);
/* Names for a pull of each image that TEXT ("containers-storage:[PLACE][REPOSITORY]") means. */
int transport_list(struct storage *st, const char *text, char ***ret, struct cmk_err *err);
