/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: small values that containers get at their start, in memory alone.
 *
 *   DATA/secrets/names/NAME   the record, without the value
 *   DATA/secrets/data/ID      the value, 0600
 *   DATA/containers/ID/values links to the values that a container has as files: they outlive the
 * secret
 *
 * Writers hold flock on DATA/secrets and remove, on their way, values that no record names; readers
 * take no lock. A value never changes: replacing a secret makes a new ID.
 */
#pragma once

#include "base/err.h"
#include "storage/storage.h"

#define SECRET_MAX 512000 /* bytes; podman-secret-create(1) */
#define SECRET_ID_LEN 25

struct secret {
	int schema;
	char *id, *name, *driver, *created, *updated;
	char **labels, **driver_opts; /* "KEY=VALUE" */
	char *extra;
};
void secret_done(struct secret *s);
void secret_list_free(struct secret *list, size_t n);

/* S's name, driver, labels and options count. CMK_ERR_EXISTS where there is one of the name and
 * REPLACE is not given. RET_ID is owned. Durable. */
int secret_create(struct storage *st, const struct secret *s, const void *data, size_t len,
		  bool replace, char **ret_id, struct cmk_err *err);
/* By name, ID or the unique beginning of one. */
int secret_find(struct storage *st, const char *name, struct secret *ret, struct cmk_err *err);
/* By name. */
int secret_list(struct storage *st, struct secret **ret, size_t *ret_n, struct cmk_err *err);
/* Makes the file ID in DIRFD of the value of the secret ID, which outlives the secret: a link to
 * it, or a copy where the file system has none. */
int secret_hold(struct storage *st, const char *id, int dirfd, struct cmk_err *err);
/* The value, owned and NUL-ended. */
int secret_value(struct storage *st, const struct secret *s, char **ret, size_t *ret_len,
		 struct cmk_err *err);
int secret_remove(struct storage *st, const struct secret *s, struct cmk_err *err);
