/* SPDX-License-Identifier: Apache-2.0 */
/* Makes tar streams, good and bad, in memory. */
#pragma once

#include "base/strbuf.h"

struct tar_spec {
	const char *name, *link;
	char type; /* 0: '0' */
	unsigned int mode, uid, gid;
	long long mtime;
	const char *data;
	size_t data_len;
	unsigned long long claim_size; /* 0: data_len */
	const char *pax;	       /* records without their lengths, each ended by '\n' */
	bool gnu_magic, bad_checksum, no_padding;
};

static inline void tarmake_finish_header(char *h, bool bad)
{
	unsigned int sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + 148, 8, "%06o", (sum + bad) & 0777777);
}

static inline void tarmake_header(char *h, const struct tar_spec *s)
{
	memset(h, 0, 512);
	memcpy(h, s->name, MIN(strlen(s->name), (size_t)100));
	(void)snprintf(h + 100, 8, "%07o", (s->mode ? s->mode : 0644U) & 07777777);
	(void)snprintf(h + 108, 8, "%07o", s->uid & 07777777);
	(void)snprintf(h + 116, 8, "%07o", s->gid & 07777777);
	(void)snprintf(h + 124, 12, "%011llo",
		       (s->claim_size ? s->claim_size : s->data_len) & 077777777777ULL);
	(void)snprintf(h + 136, 12, "%011llo", (unsigned long long)s->mtime & 077777777777ULL);
	h[156] = s->type ? s->type : '0';
	if (s->link)
		memcpy(h + 157, s->link, MIN(strlen(s->link), (size_t)100));
	memcpy(h + 257, s->gnu_magic ? "ustar  " : "ustar\00000", 8);
	tarmake_finish_header(h, s->bad_checksum);
}

static inline void tarmake_pad(struct strbuf *sb, size_t len)
{
	static const char zero[512];

	strbuf_add(sb, zero, -len & 511);
}

static inline void tarmake_pax_record(struct strbuf *sb, const char *record, size_t len)
{
	size_t total = len + 3;
	char digits[16];

	for (int i = 0; i < 3; i++)
		total = len + 1 + (size_t)snprintf(digits, sizeof(digits), "%zu", total);
	strbuf_addf(sb, "%zu ", total);
	strbuf_add(sb, record, len);
}

static inline void tarmake_raw(struct strbuf *sb, const struct tar_spec *s)
{
	char h[512];

	tarmake_header(h, s);
	strbuf_add(sb, h, sizeof(h));
	if (s->data_len) {
		strbuf_add(sb, s->data, s->data_len);
		if (!s->no_padding)
			tarmake_pad(sb, s->data_len);
	}
}

static inline void tarmake_add(struct strbuf *sb, const struct tar_spec *s)
{
	if (s->pax) {
		cleanup_strbuf struct strbuf body = STRBUF_INIT;
		struct tar_spec x = { .name = "pax", .type = 'x' };

		for (const char *p = s->pax; *p;) {
			size_t n = strcspn(p, "\n") + 1;

			tarmake_pax_record(&body, p, n);
			p += n;
		}
		x.data = body.data;
		x.data_len = body.len;
		tarmake_raw(sb, &x);
	}
	tarmake_raw(sb, s);
}

/* GNU's long name ('L') or long link ('K'). */
static inline void tarmake_long(struct strbuf *sb, char type, const char *text)
{
	struct tar_spec l = { .name = "././@LongLink",
			      .type = type,
			      .data = text,
			      .data_len = strlen(text) + 1,
			      .gnu_magic = true };

	tarmake_raw(sb, &l);
}

static inline void tarmake_end(struct strbuf *sb)
{
	static const char zero[1024];

	strbuf_add(sb, zero, sizeof(zero));
}
