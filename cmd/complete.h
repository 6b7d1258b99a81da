/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: names of images and containers for the words of complete.c. */
#pragma once

#include "cmd/option.h"

struct completion {
	const char *current;
	const char *prefix; /* "--name=" where the value of an option is completed behind it */
	const char *directive;
};
/* Prints WORD where it fits what was typed. */
void cmk_candidate(const struct completion *c, const char *word, const char *description);
/* Candidates of the kinds that are read from the store; nothing for the other kinds. */
void cmk_complete_names(const struct cmk_globals *g, enum cmk_complete kind,
			const struct completion *c);
