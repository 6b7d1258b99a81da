/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The bytes that TEXT of LEN characters stands for (RFC 4648, 4; with its padding), and a NUL
 * behind them: owned. NULL where it is not base64. By nettle, which the program has to link. */
char *base64_decoded(const char *text, size_t len, size_t *ret_len);
/* DATA of LEN bytes in base64, with padding; owned. By nettle, too. */
char *base64_encoded(const void *data, size_t len);
