/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands print: --format json, --format with a Go template, and the default tables, which
 * are templates as well. The data is always a JSON document, made with struct json_writer.
 */
#pragma once

#include "base/json.h"

/* Titles of columns; a field without a row gets its own name in capitals. Ends with a NULL field.
 */
struct format_title {
	const char *field, *title;
};

/*
 * Prints ITEMS (a JSON array, as text) to stdout, one line each, through TEMPLATE: Go's syntax as
 * in template.h, "\t" and "\n" typed as two characters count. A template that begins with "table "
 * gets a line of titles (not with NOHEADING) and aligned columns. "json" prints the array itself
 * (4 spaces, as podman); "{{json .}}" one document a line. -EINVAL for a bad template or a field
 * that does not exist.
 */
int format_print(const char *template, const char *items, size_t len,
		 const struct format_title *titles, bool noheading, struct cmk_err *err);

/* What was typed behind --format, or NULL for the usual table: "table" alone is docker's word for
 * it, as is nothing at all. */
const char *format_typed(const char *format);

/* Whether TEMPLATE parses: for commands that wait before they print. */
int format_check(const char *template, struct cmk_err *err);

/* Whether TEMPLATE may print a member of one of these NAMES (NULL-ended): JSON and what prints an
 * object as a whole may print all. */
bool format_may_print(const char *template, const char *const *names);

/* A member of this name in an object is what `json` prints of it: where the fields of templates are
 * texts ("0.0.0.0:80->80/tcp") and JSON has more to say. */
#define FORMAT_JSON_FORM "json form"

/* Prints the one object that W wrote (emptied), so that "json" gives it alone, not in an array. */
int format_print_object(const char *template, struct json_writer *w, struct cmk_err *err);

/* Ends the array that W wrote (emptied), and prints it as format_print() does. */
int format_print_array(const char *template, struct json_writer *w,
		       const struct format_title *titles, bool noheading, struct cmk_err *err);

/* As format_print(), appended to OUT instead of printed. */
int format_items(const char *template, const struct json *items, const struct format_title *titles,
		 bool noheading, struct strbuf *out, struct cmk_err *err);

/* An object as YAML, as podman shows it; members may be objects, and arrays of objects or scalars.
 */
void format_yaml(const struct json *v, struct strbuf *out);

/* Aligns tab-separated columns with at least two blanks between them, at least 12 wide
 * (UTF-8: one column each). */
void format_align(const char *text, struct strbuf *out);

/* "2.22 MB": decimal units, as podman images. */
void format_size(uint64_t bytes, char buf[static 32]);
/* "2.215MB": DIGITS that count and no blank, as podman ps --size (3) and stats (4). */
void format_size_tight(uint64_t bytes, int digits, char buf[static 32]);
/* "2024-01-02 03:04:05.5 +0000 UTC", as Go writes the RFC 3339 time, "" for none; owned. */
char *format_go_time(const char *rfc3339);
/* The same time (RFC 3339) without a fraction of a second; "" for NULL. */
char *format_whole_seconds(const char *rfc3339);
/* "1h2m3.5s", "250ms", "0s": as Go prints a duration. */
void format_go_duration(int64_t ns, char buf[static 40]);
/* "3 minutes", "About an hour", "2 days": a span as docker's units say it. */
void format_duration(int64_t seconds, char buf[static 40]);
/* "3 minutes ago", from an RFC 3339 time; "N/A" where it is none. */
void format_ago(const char *rfc3339, char buf[static 48]);
/* Seconds since the epoch of "2024-05-01T10:20:30.5Z" or with an offset; -EINVAL. */
int format_parse_time(const char *rfc3339, int64_t *ret);
