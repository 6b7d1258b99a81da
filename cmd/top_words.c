// SPDX-License-Identifier: Apache-2.0
/* What `top` can show by itself of what ps(1) is asked for: the options with which docker's users
 * call it. */
#include "cmd/top_words.h"

/* ps's names of columns where ours are others. */
static const struct {
	const char *ps, *ours;
} synonyms[] = {
	{ "%cpu", "pcpu" },  { "cmd", "args" },	  { "command", "args" }, { "egroup", "group" },
	{ "euid", "uid" },   { "euser", "user" }, { "fname", "comm" },	 { "ni", "nice" },
	{ "pgrp", "pgid" },  { "rssize", "rss" }, { "s", "state" },	 { "start", "stime" },
	{ "stat", "state" }, { "tname", "tty" },  { "tt", "tty" },	 { "ucmd", "comm" },
	{ "uname", "user" }, { "vsize", "vsz" },
};

static const char *our_name(const char *ps)
{
	for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
		if (streq(synonyms[i].ps, ps))
			return synonyms[i].ours;
	return ps;
}

/* Letters that choose among processes of which the container has no others. */
static bool is_choice(const char *letters, size_t n)
{
	return strspn(letters, "Aaedxw") >= n;
}

static bool take_list(const char *list, char ***ret)
{
	cleanup_free char *text = xstrdup(list);
	cleanup_strv char **names = NULL;

	for (char *c = text; *c; c++)
		*c = *c == ' ' ? ',' : *c;
	names = strv_split(text, ',');
	for (char **n = names; *n; n++) {
		/* "pid=": a title of the caller's own. */
		if (!**n || strchr(*n, '='))
			return false;
		strv_add(ret, our_name(*n));
	}
	return true;
}

static const char *format_of(const char *letters, bool bsd)
{
	if (strchr(letters, 'u'))
		return strspn(letters, "aeuxw") == strlen(letters)
			       ? "user,pid,pcpu,vsz,rss,tty,state,stime,time,args"
			       : NULL;
	if (strchr(letters, 'f'))
		return strspn(letters, "Aaefdxw") == strlen(letters)
			       ? "user,pid,ppid,pcpu,stime,tty,time,args"
			       : NULL;
	if (!is_choice(letters, strlen(letters)))
		return NULL;
	return bsd ? "pid,tty,state,time,args" : "pid,tty,time,comm";
}

char **top_words_columns(char *const *words)
{
	cleanup_strv char **columns = NULL, **split = NULL;
	const char *format = NULL;
	bool listed = false;

	if (words[0] && !words[1]) {
		if (strv_split_words(words[0], &split) < 0)
			return NULL;
		words = split;
	}
	for (; words && *words; words++) {
		bool bsd = **words != '-';
		const char *letters = *words + !bsd;
		size_t n = strlen(letters);

		if (n > 0 && letters[n - 1] == 'o' && is_choice(letters, n - 1)) {
			listed = true;
			if (!words[1] || !take_list(*++words, &columns))
				return NULL;
			continue;
		}
		format = n > 0 ? format_of(letters, bsd) : NULL;
		if (!format)
			return NULL;
	}
	if (!listed && (!format || !take_list(format, &columns)))
		return NULL;
	return steal_ptr(&columns);
}
