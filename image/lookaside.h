/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where signatures of images in registries are: containers-registries.d(5). The YAML files are read
 * by cmk-verify.
 *
 * ~/.config/containers/registries.d where it is there, else /etc/containers/registries.d: all its
 * *.yaml files, each scope in one of them.
 */
#pragma once

#include "image/signature.h"

struct lookaside_entry {
	char *scope; /* NULL: default-docker */
	char *read, *write;
	int attachments; /* use-sigstore-attachments; -1 where it is not said */
};
struct lookaside_conf {
	struct lookaside_entry *entries;
	size_t n;
};
void lookaside_conf_done(struct lookaside_conf *c);
/* DIR NULL: the usual one. Starts the helper where there are files. */
int lookaside_conf_load(const char *dir, struct lookaside_conf *ret, struct cmk_err *err);
/* The text of one file, as JSON. */
int lookaside_conf_add(struct lookaside_conf *c, const char *json, size_t len, struct cmk_err *err);
/* The URL below which signatures of I are read, or written (owned). */
char *lookaside_base(const struct lookaside_conf *c, const struct policy_image *i, bool write);
bool lookaside_attachments(const struct lookaside_conf *c, const struct policy_image *i);
/* The entry for SCOPE, a registry or a path below it, or for what it lies in; else NULL.
 * SCOPE NULL: default-docker. */
const struct lookaside_entry *lookaside_of_scope(const struct lookaside_conf *c, const char *scope);

/* BASE "/" the repository of I "@sha256=" the digits of D; owned. */
char *lookaside_place(const char *base, const struct policy_image *i, const struct digest *d);
/* Adds the signatures of D at PLACE. CERT_DIR as in struct image_pull_options. */
int lookaside_read(const char *place, const char *cert_dir, struct signatures *s,
		   struct cmk_err *err);
/* BASE or PLACE is of files, a file:// URL or plain path; else -EINVAL. */
int lookaside_check_writable(const char *place, struct cmk_err *err);
/* Writes MESSAGE as the first signature-N below the file:// URL, or plain path, PLACE that is free.
 * -EINVAL where it is not a place of files. */
int lookaside_write(const char *place, const void *message, size_t len, struct cmk_err *err);
