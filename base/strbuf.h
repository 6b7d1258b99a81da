/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer. Invariant: data[len] is NUL whenever data is not NULL, so that a buffer
 * without inner NULs is a C string. Zero-initialised is empty.
 */
#pragma once

#include "base/util.h"

struct strbuf {
	char *data;
	size_t len, cap;
};

#define STRBUF_INIT ((struct strbuf){ 0 })
#define cleanup_strbuf cleanup(strbuf_done)

void strbuf_done(struct strbuf *sb);
void strbuf_reset(struct strbuf *sb); /* empties, keeps the memory */
/* Room for EXTRA more bytes; the caller writes at data + len and adds to len. */
char *strbuf_reserve(struct strbuf *sb, size_t extra);
void strbuf_add(struct strbuf *sb, const void *p, size_t len);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addc(struct strbuf *sb, char c);
/* The code point C, up to 0x10ffff, in UTF-8. */
void strbuf_add_utf8(struct strbuf *sb, uint32_t c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) cmk_printf(2, 3);
/* The string, owned by the caller; never NULL; SB is empty after. */
char *strbuf_steal(struct strbuf *sb);
/* Borrowed; never NULL. */
const char *strbuf_str(const struct strbuf *sb);
