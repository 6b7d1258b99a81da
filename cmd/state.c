// SPDX-License-Identifier: Apache-2.0
#include "cmd/state.h"

static const char states[] =
#include "cmd/states.inc"
	;

/* One line of the table; the fields are not NUL-ended. */
struct row {
	const char *field[5];
	size_t len[5];
};
enum { FIELD_COMMAND, FIELD_OPTION, FIELD_LETTER, FIELD_STATE, FIELD_REASON };

/* Reads the line at *TEXT and moves on; false at the end. */
static bool next_row(const char **text, struct row *row)
{
	const char *p = *text;

	if (!*p)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(row->field); i++) {
		row->field[i] = p;
		row->len[i] = strcspn(p, "\t\n");
		p += row->len[i];
		p += *p == '\t';
	}
	*text = strchrnul(p, '\n') + (*strchrnul(p, '\n') == '\n');
	return true;
}

static bool field_is(const struct row *row, int field, const char *word)
{
	return row->len[field] == strlen(word) &&
	       memcmp(row->field[field], word, row->len[field]) == 0;
}

static bool find_row(const char *command, const char *option, struct row *row)
{
	const char *text = states;
	bool is_letter = option[0] == '-' && option[1] && option[1] != '-';

	while (next_row(&text, row)) {
		if (!field_is(row, FIELD_COMMAND, command) || field_is(row, FIELD_STATE, "built"))
			continue;
		if (field_is(row, is_letter ? FIELD_LETTER : FIELD_OPTION, option + is_letter))
			return true;
	}
	return false;
}

static void explain(const struct row *row, const char *what, struct cmk_err *err)
{
	if (field_is(row, FIELD_STATE, "never"))
		(void)cmk_err_set(err, -EOPNOTSUPP, "not supported: %s: %.*s", what,
				  (int)row->len[FIELD_REASON], row->field[FIELD_REASON]);
	else
		(void)cmk_err_set(err, -EOPNOTSUPP, "not supported yet: %s", what);
}

static bool explain_option(const char *command, const char *option, struct cmk_err *err)
{
	cleanup_free char *what = NULL;
	bool global = streq(command, "(global)");
	struct row row;

	if (!find_row(command, option, &row))
		return false;
	what = xasprintf("option '%s' of 'cmk%s%s'", option, global ? "" : " ",
			 global ? "" : command);
	explain(&row, what, err);
	return true;
}

bool cmk_state_explain_option(const char *command, const char *option, struct cmk_err *err)
{
	if (explain_option(command, option, err))
		return true;
	/* The global options may stand behind the command, with their long names. */
	return option[1] == '-' && explain_option("(global)", option, err);
}

bool cmk_state_explain_command(int n_words, char *const *words, struct cmk_err *err)
{
	for (int n = n_words > 1 ? 2 : 1; n > 0; n--) {
		cleanup_free char *name = n > 1 ? xasprintf("%s %s", words[0], words[1])
						: xstrdup(words[0]);
		cleanup_free char *what = xasprintf("'cmk %s'", name);
		struct row row;

		if (find_row(name, "-", &row)) {
			explain(&row, what, err);
			return true;
		}
	}
	return false;
}
