/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: containers-auth.json(5), docker's config.json, and their helper programs. */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define AUTH_MAX ((size_t)1 << 20) /* bytes of a file, or of a helper's answer */

struct credentials {
	char *user,
		*password; /* NULL: anonymous. User "<token>": the password is an identity token */
};
void credentials_done(struct credentials *c);

/*
 * For REGISTRY ("docker.io", "host:port") and REPOSITORY. AUTHFILE (NULL: $REGISTRY_AUTH_FILE)
 * stands alone; otherwise the credential-helpers of registries.conf and the usual files are asked
 * in turn and the first that knows wins. May run docker-credential-NAME programs. Finding none is
 * success.
 */
int credentials_find(const char *authfile, const char *registry, const char *repository,
		     struct credentials *ret, struct cmk_err *err);
/* "USER[:PASSWORD]". */
int credentials_parse(const char *text, struct credentials *ret, struct cmk_err *err);

/* What one file says: 1 with *RET filled, 0 where it knows nothing. *RET_HELPER (owned) names a
 * program to be asked instead. */
int auth_file_lookup(const char *text, size_t len, const char *registry, const char *repository,
		     struct credentials *ret, char **ret_helper, struct cmk_err *err);
/* RAW, a key of a file, which may be a URL, is that of KEY: a registry, or "registry/repository".
 */
bool auth_key_is(const char *raw, const char *key);
bool auth_is_docker_io(const char *host);
/* The program that credHelpers names for REGISTRY; borrowed, NULL for none. */
const char *auth_file_helper(const struct json *root, const char *registry);

/* $REGISTRY_AUTH_FILE, or where a login goes without it; owned. */
char *auth_default_path(void);

/*
 * What becomes of a file's text (LEN 0: there is none yet) when C takes the place of KEY's entry,
 * or, C NULL, that entry goes; KEY NULL: all entries. All else stays as it was. *RET is owned. 1; 0
 * with *RET NULL where there was nothing to remove; -EINVAL where TEXT is no such file.
 */
int auth_file_edit(const char *text, size_t len, const char *key, const struct credentials *c,
		   char **ret, size_t *ret_len, struct cmk_err *err);

/*
 * In the file PATH, which is made where it is absent, or in the program that it names for KEY:
 * written whole, mode 0600, other members kept, one login after the other. *RET_WHERE (owned, may
 * be NULL) says where it went.
 */
int auth_store_set(const char *path, const char *key, const struct credentials *c, char **ret_where,
		   struct cmk_err *err);
/* KEY NULL: everything. -ENOENT where KEY is not there. */
int auth_store_remove(const char *path, const char *key, struct cmk_err *err);

/* The program docker-credential-NAME. 1 with *RET filled, 0 where it knows nothing. */
int credential_helper_get(const char *name, const char *registry, struct credentials *ret,
			  struct cmk_err *err);
int credential_helper_store(const char *name, const char *registry, const struct credentials *c,
			    struct cmk_err *err);
/* -ENOENT where it knows nothing. */
int credential_helper_erase(const char *name, const char *registry, struct cmk_err *err);
/* All that it lists. */
int credential_helper_erase_all(const char *name, struct cmk_err *err);
