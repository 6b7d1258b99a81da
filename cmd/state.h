/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other tools of this kind have and cmk has not: docs/commands.tsv, compiled in as text, and
 * read only when a command or option is unknown, so that a command that works pays nothing.
 */
#pragma once

#include "base/err.h"

/* Replaces ERR ("unknown …") where the table knows OPTION ("--x" or "-x") of COMMAND as not built
 * yet or never to be. Returns whether it did. */
bool cmk_state_explain_option(const char *command, const char *option, struct cmk_err *err);
/* The same for the command that WORDS begin with. */
bool cmk_state_explain_command(int n_words, char *const *words, struct cmk_err *err);
