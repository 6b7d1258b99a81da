/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid UTF-8 sequence at TEXT, of which LEFT (at least 1) bytes may be read; 0 for a
 * bad byte (RFC 3629: no overlong form, no surrogate). */
size_t text_utf8_len(const char *text, size_t left);
bool text_is_utf8(const char *s);
/* Puts WITH in the place of each byte of a control character: of ASCII, but for those in KEEP (may
 * be NULL), or of C1 as UTF-8 or as a byte of its own. What is left commands no terminal. */
void text_make_plain(char *s, const char *keep, char with);
