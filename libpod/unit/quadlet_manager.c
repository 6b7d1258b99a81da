// SPDX-License-Identifier: Apache-2.0
/* What systemd says of units, through systemctl(1). */
#include "libpod/option/helper.h"
#include "libpod/unit/quadlet.h"

#define ANSWER_MAX (4 * 1024 * 1024)

static int ask(bool user, const char *const *words, char **ret, struct cmk_err *err)
{
	cleanup_strv char **args = NULL;
	size_t len = 0;

	strv_add(&args, user ? "--user" : "--system");
	strv_add(&args, "--no-pager");
	for (; *words; words++)
		strv_add(&args, *words);
	return helper_run_path("systemctl", (const char *const *)args, "", 0, ANSWER_MAX, ret, &len,
			       err);
}

int quadlet_systemctl(bool user, const char *const *words, struct cmk_err *err)
{
	cleanup_free char *said = NULL;
	int r = ask(user, words, &said, err);

	return r < 0 ? cmk_err_wrap(err, r, "systemctl %s", words[0]) : 0;
}

/* The value of KEY in a block of "KEY=VALUE" lines; owned, "" where there is none. */
static char *value_in(const char *block, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = block; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, key, n) == 0 && p[n] == '=')
			return xstrndup(p + n + 1, strcspn(p + n + 1, "\n"));
	return xstrdup("");
}

static char *state_in(const char *block)
{
	cleanup_free char *load = value_in(block, "LoadState"),
			  *active = value_in(block, "ActiveState"),
			  *sub = value_in(block, "SubState");

	if (streq(load, "not-found"))
		return xstrdup("Not loaded");
	return xasprintf("%s/%s", active, sub);
}

/* Of a template or of nothing systemd has no state. */
static bool can_be_asked(const struct quadlet_unit *u)
{
	return u->service && !strstr(u->service, "@.");
}

static char *state_of(const struct quadlet_unit *u, char **at)
{
	cleanup_free char *block = NULL;
	char *end;

	if (!*at)
		return xstrdup("unknown");
	if (!can_be_asked(u))
		return xstrdup(u->service ? "loaded template" : "Not loaded");
	end = strstr(*at, "\n\n");
	block = end ? xstrndup(*at, (size_t)(end - *at)) : xstrdup(*at);
	*at = end ? end + 2 : *at + strlen(*at);
	return state_in(block);
}

char **quadlet_states(const struct quadlet_set *set)
{
	cleanup_free const char **words = xcalloc(set->n + 5, sizeof(*words));
	cleanup_free char *answer = NULL;
	char **states = NULL, *at;
	size_t n = 0;

	words[n++] = "show";
	words[n++] = "--property=LoadState,ActiveState,SubState";
	words[n++] = "--";
	for (size_t i = 0; i < set->n; i++)
		if (can_be_asked(set->units[i]))
			words[n++] = set->units[i]->service;
	/* So that there is one to ask about. */
	words[n++] = "default.target";
	if (ask(set->user, words, &answer, NULL) < 0)
		answer = NULL;
	at = answer;
	for (size_t i = 0; i < set->n; i++)
		strv_add_take(&states, state_of(set->units[i], &at));
	return states;
}
