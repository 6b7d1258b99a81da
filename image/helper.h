/* SPDX-License-Identifier: Apache-2.0 */
/* What the helpers that use OpenSSL share: cmk-sign and cmk-verify. */
#pragma once

#include <openssl/types.h>

#include "base/util.h"

/* Their exit code where the input is bad. */
enum { HELPER_FAILED = 125 };

/* Says TEXT on standard error; HELPER_FAILED. */
int helper_fail(const char *text);
/* All of FD (owned, NUL-ended); -EFBIG beyond what an input may have. */
int helper_read_all(int fd, char **ret, size_t *ret_len);
/* Of the kinds and sizes of which signatures are made and verified. */
bool helper_key_is_known(const EVP_PKEY *key);
