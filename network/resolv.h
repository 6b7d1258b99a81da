/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf(5) as it is read from the host; the room's own (and its fuzz target's). */
#pragma once

#include "base/strbuf.h"

enum {
	RESOLV_SERVERS_MAX = 3, /* MAXNS of the C library: it asks no more */
	RESOLV_WORDS_MAX = 32,
};

struct resolv {
	char **servers, **searches, **options; /* owned */
};

/* Adds what TEXT says to *RET (zeroed by the caller). Lines that it does not understand are passed
 * over, as the C library does. */
void resolv_parse(const char *text, size_t len, struct resolv *ret);
void resolv_done(struct resolv *r);
