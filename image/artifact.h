/* SPDX-License-Identifier: Apache-2.0 */
/* What the files on artifacts share. */
#pragma once

#include "image/manifest.h"

#define ARTIFACT_TITLE "org.opencontainers.image.title"
#define ARTIFACT_CREATED "org.opencontainers.image.created"
#define ARTIFACT_EMPTY "{}" /* the config of one that has none, by its media type: */
#define ARTIFACT_EMPTY_TYPE "application/vnd.oci.empty.v1+json"

/* The name under which TEXT is kept: with a tag or a digest; owned. */
int artifact_name(const char *text, char **ret, struct cmk_err *err);
/* The media type of a file that begins with DATA, as net/http's DetectContentType tells it for what
 * is common. */
const char *artifact_detect_type(const void *data, size_t len);
