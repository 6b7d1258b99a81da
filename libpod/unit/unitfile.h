/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in the syntax of systemd.syntax(7): sections of KEY=VALUE lines, of which each keeps where
 * it stood. Values are as they were typed, but for the lines that a backslash continues, which are
 * one. A file is data from outside: its size and its lines are bounded, and it is UTF-8 without
 * NUL.
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

#define UNITFILE_SIZE_MAX (256 * 1024)
#define UNITFILE_LINES_MAX 8192

struct unitfile_line {
	const char *section, *key, *value; /* borrowed from the file's texts */
	const char *file;		   /* where it stood, NULL: added by cmk */
	unsigned int line;
};
/* Zeroed is empty. Its lines are in the order in which they were read. */
struct unitfile {
	struct unitfile_line *lines;
	size_t n, room;
	char **texts; /* owned */
	size_t n_texts;
};

void unitfile_done(struct unitfile *u);
/* Adds the lines of TEXT (LEN bytes), which stood in FILE: a drop-in comes behind what is there.
 * -EINVAL names file and line. */
int unitfile_parse(struct unitfile *u, const char *file, const char *text, size_t len,
		   struct cmk_err *err);
/* The same of the file PATH, which may be a link. */
int unitfile_read(struct unitfile *u, const char *path, struct cmk_err *err);
/* Adds a line; VALUE is copied, SECTION and KEY are literals. */
void unitfile_add(struct unitfile *u, const char *section, const char *key, const char *value);
/* A copy of TEXT that lives as long as U. */
const char *unitfile_keep(struct unitfile *u, const char *text);

/* The lines of KEY that count, which are those behind the last that assigns nothing, one after the
 * other; *POS is 0 at the beginning. NULL at the end. */
const struct unitfile_line *unitfile_next(const struct unitfile *u, const char *section,
					  const char *key, size_t *pos);
/* The last of them, or NULL. */
const struct unitfile_line *unitfile_last(const struct unitfile *u, const char *section,
					  const char *key);
/* Its value, or NULL. */
const char *unitfile_value(const struct unitfile *u, const char *section, const char *key);
/* Whether it is there, be it empty. */
bool unitfile_has_key(const struct unitfile *u, const char *section, const char *key);
bool unitfile_has_section(const struct unitfile *u, const char *section);

enum unitfile_split {
	UNITFILE_WORDS, /* quotes keep words together, backslashes are what they are */
	UNITFILE_ARGS,	/* and escapes of C, as in a command line of systemd.service(5) */
};
/* Adds the words of VALUE to *V. -EINVAL: a quote is not closed, or an escape makes a NUL or bytes
 * that are not UTF-8. */
int unitfile_split(const char *value, enum unitfile_split how, char ***v);
/* Appends TEXT so that no "%" and "$" in it means anything to systemd. */
void unitfile_literal(struct strbuf *sb, const char *text);

/* Characters of units' names, and the most of them (systemd.unit(5)). */
#define UNITFILE_NAME_SET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
#define UNITFILE_NAME_MAX 255
/* Whether NAME may be that of a unit, without a slash. */
bool unitfile_is_unit_name(const char *name);

/* As text: sections in the order in which they came first. */
void unitfile_write(const struct unitfile *u, struct strbuf *sb);
