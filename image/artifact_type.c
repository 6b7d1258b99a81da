// SPDX-License-Identifier: Apache-2.0
/* The media type of a file by its first bytes (WHATWG "MIME Sniffing", as Go's net/http has it). */
#include <strings.h>

#include "image/artifact.h"

struct magic {
	const char *bytes;
	size_t len;
	const char *type;
};
#define MAGIC(bytes_, type_)                                                  \
	{                                                                     \
		.bytes = (bytes_), .len = sizeof(bytes_) - 1, .type = (type_) \
	}

static const struct magic magics[] = {
	MAGIC("%PDF-", "application/pdf"),
	MAGIC("%!PS-Adobe-", "application/postscript"),
	MAGIC("\xfe\xff", "text/plain; charset=utf-16be"),
	MAGIC("\xff\xfe", "text/plain; charset=utf-16le"),
	MAGIC("\xef\xbb\xbf", "text/plain; charset=utf-8"),
	MAGIC("GIF87a", "image/gif"),
	MAGIC("GIF89a", "image/gif"),
	MAGIC("\x89PNG\r\n\x1a\n", "image/png"),
	MAGIC("\xff\xd8\xff", "image/jpeg"),
	MAGIC("BM", "image/bmp"),
	MAGIC("OggS\0", "application/ogg"),
	MAGIC("ID3", "audio/mpeg"),
	MAGIC("\x1a\x45\xdf\xa3", "video/webm"),
	MAGIC("wOFF", "font/woff"),
	MAGIC("wOF2", "font/woff2"),
	MAGIC("\x1f\x8b\x08", "application/x-gzip"),
	MAGIC("PK\x03\x04", "application/zip"),
	MAGIC("Rar!\x1a\x07\0", "application/x-rar-compressed"),
	MAGIC("Rar!\x1a\x07\x01\0", "application/x-rar-compressed"),
	MAGIC("\0asm", "application/wasm"),
};

static bool is_space(uint8_t c)
{
	return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' ';
}

/* A tag of HTML, ended by a blank or '>', behind blanks. */
static bool is_html(const uint8_t *p, size_t len)
{
	static const char *const tags[] = {
		"<!DOCTYPE HTML", "<HTML", "<HEAD",  "<SCRIPT", "<IFRAME", "<H1",   "<DIV", "<FONT",
		"<TABLE",	  "<A",	   "<STYLE", "<TITLE",	"<B",	   "<BODY", "<BR",  "<P"
	};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		size_t n = strlen(tags[i]);

		if (len > n && strncasecmp((const char *)p, tags[i], n) == 0 &&
		    (p[n] == ' ' || p[n] == '>'))
			return true;
	}
	return len >= 4 && memcmp(p, "<!--", 4) == 0;
}

static bool is_text(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] <= 0x08 || p[i] == 0x0b || (p[i] >= 0x0e && p[i] <= 0x1a) ||
		    (p[i] >= 0x1c && p[i] <= 0x1f))
			return false;
	return true;
}

const char *artifact_detect_type(const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t blank = 0;

	while (blank < len && is_space(p[blank]))
		blank++;
	if (is_html(p + blank, len - blank))
		return "text/html; charset=utf-8";
	if (len - blank >= 5 && memcmp(p + blank, "<?xml", 5) == 0)
		return "text/xml; charset=utf-8";
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (len >= magics[i].len && memcmp(p, magics[i].bytes, magics[i].len) == 0)
			return magics[i].type;
	return is_text(p, len) ? "text/plain; charset=utf-8" : "application/octet-stream";
}
