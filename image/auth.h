/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: containers-auth.json(5), docker's config.json, and their helper programs. */
#pragma once

#include "base/err.h"

struct credentials {
	char *user,
		*password; /* NULL: anonymous. User "<token>": the password is an identity token */
};
void credentials_done(struct credentials *c);

/*
 * For REGISTRY ("docker.io", "host:port") and REPOSITORY. AUTHFILE (NULL: $REGISTRY_AUTH_FILE)
 * stands alone; otherwise the usual files are asked in turn and the first that knows wins. May run
 * a docker-credential-NAME program. Finding none is success.
 */
int credentials_find(const char *authfile, const char *registry, const char *repository,
		     struct credentials *ret, struct cmk_err *err);
/* "USER[:PASSWORD]". */
int credentials_parse(const char *text, struct credentials *ret, struct cmk_err *err);

/* What one file says: 1 with *RET filled, 0 where it knows nothing. *RET_HELPER (owned) names a
 * program to be asked instead. */
int auth_file_lookup(const char *text, size_t len, const char *registry, const char *repository,
		     struct credentials *ret, char **ret_helper, struct cmk_err *err);
