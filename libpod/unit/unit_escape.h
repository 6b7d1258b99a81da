/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for unit files, so that systemd gives back what it was: systemd.syntax(7) "Quoting",
 * systemd.service(5) "Command lines", systemd.unit(5) "Specifiers". Pure functions that append to
 * OUT. A word is put in double quotes where it needs them; control characters and bytes that are no
 * UTF-8 become \xHH.
 */
#pragma once

#include "base/strbuf.h"

enum unit_escape_flags {
	UNIT_SPECIFIERS = 1 << 0, /* WORD means its specifiers: "%t/%n.ctr-id" */
	UNIT_VARIABLES = 1 << 1,  /* and its variables: "$FOO" */
};

/* One word of ExecStart= and its kin, but not the first. */
void unit_exec_word(struct strbuf *out, const char *word, enum unit_escape_flags flags);
/* The first: an absolute path, in which a '$' is nothing special. */
void unit_exec_program(struct strbuf *out, const char *path);
/* One of the words of other keys: Environment=, RequiresMountsFor=… */
void unit_word(struct strbuf *out, const char *word, enum unit_escape_flags flags);
/* The value of a key that takes the rest of its line as it is: Description=… Control characters
 * become blanks. */
void unit_text(struct strbuf *out, const char *text);
