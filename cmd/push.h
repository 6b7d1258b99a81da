/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that push share. */
#pragma once

#include "cmd/containers.h"
#include "image/image.h"

/* The first member of a command's arguments, for the rows below. */
struct cmk_push_args {
	const char *authfile, *cert_dir, *compression, *creds, *digestfile, *format, *retry_delay;
	struct image_signing sign;
	int tls_verify;
	uint32_t level, retry;
	bool force_compression, quiet, remove_signatures;
};
extern const struct cmk_option cmk_push_options[];
int cmk_push_fill(const struct cmk_push_args *a, struct image_push_options *o, struct cmk_err *err);
/* The full name (owned) of the place that TEXT is. */
int cmk_push_destination(const char *text, char **ret, struct cmk_err *err);
/* --digestfile PATH, or nothing where PATH is NULL. */
int cmk_push_digestfile(const char *path, const char *digest, struct cmk_err *err);
/* Pushes the list ID with its instances (ALL) or alone; --digestfile and event. */
int cmk_push_list(struct storage *st, const char *id, const char *to, bool all,
		  const struct cmk_push_args *a, const struct image_push_options *o,
		  struct cmk_err *err);
