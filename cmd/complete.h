/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: what the words of complete.c can be. */
#pragma once

#include "cmd/option.h"

struct completion {
	const char *current;
	const char *prefix; /* "--name=" where the value of an option is completed behind it */
	const char *directive;
	bool nospace; /* the word goes on behind the candidate */
	bool no_descriptions;
};
/* Prints WORD where it fits what was typed. */
void cmk_candidate(const struct completion *c, const char *word, const char *description);
/* Each of "a|b|c"; NULL is none. */
void cmk_complete_words(const struct completion *c, const char *words);
/* Candidates of the kinds that are read from the store; nothing for the other kinds. */
void cmk_complete_names(const struct cmk_globals *g, enum cmk_complete kind,
			const struct completion *c);

/* --- complete_value.c --- */
/* "KEY=VALUE": the key, then the value. */
void cmk_complete_key(const struct cmk_globals *g, const struct cmk_option_key *keys,
		      struct completion *c);
/* A Go template: the name that is being typed in it, of FIELDS as an option's row has them. */
void cmk_complete_template(const char *fields, struct completion *c);
/* "CONTAINER:PATH" or a file here. */
void cmk_complete_place(const struct cmk_globals *g, struct completion *c);
