/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands say of the host. */
#pragma once

#include "image/image.h"

/* This host in the words of image indexes: "linux", "amd64" and a variant or NULL. */
int cmk_host_platform(struct image_platform *ret, struct cmk_err *err);

/* The members of podman's structure Version, as next members of W's object. */
void cmk_write_version(struct json_writer *w, const struct image_platform *host);
