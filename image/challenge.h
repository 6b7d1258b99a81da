/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry answers about authentication (RFC 9110 11.6.1; distribution token.md). */
#pragma once

#include "base/err.h"

struct challenge {
	bool basic, bearer;
	char *realm, *service, *scope, *error; /* of Bearer */
};
void challenge_done(struct challenge *c);
/* Adds what one WWW-Authenticate header says; what is malformed is passed over. */
void challenge_parse(const char *header, struct challenge *c);
/* The token of a token server's answer (owned); -EINVAL. */
int token_parse(const char *text, size_t len, char **ret, struct cmk_err *err);
/* "code: message" of a registry's error document (owned), NULL where it is none. Printable. */
char *registry_error_text(const char *text, size_t len);
/* Seconds of a Retry-After header: a number, or an HTTP date against NOW; -1 where neither. */
long retry_after_parse(const char *s, long long now);
