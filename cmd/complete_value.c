// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>

#include "cmd/complete.h"
#include "cmd/containers.h"

/* What goes on behind BEHIND, the part of the word up to where C is now. */
static struct completion completion_behind(const struct completion *c, const char *behind,
					   char **ret_prefix)
{
	struct completion inner = *c;
	size_t n = (size_t)(behind - c->current);

	inner.prefix = *ret_prefix = xasprintf("%s%.*s", c->prefix ? c->prefix : "", (int)n,
					       c->current);
	inner.current = behind;
	return inner;
}

void cmk_complete_key(const struct cmk_globals *g, const struct cmk_option_key *keys,
		      struct completion *c)
{
	const char *eq = strchr(c->current, '=');
	const struct cmk_option_key *key;
	cleanup_free char *prefix = NULL;
	struct completion value;

	if (!eq) {
		for (key = keys; key->key; key++) {
			cleanup_free char *word = xasprintf("%s=", key->key);

			cmk_candidate(c, word, NULL);
		}
		c->nospace = true;
		return;
	}
	key = cmk_option_find_key(keys, c->current);
	if (!key)
		return;
	value = completion_behind(c, eq + 1, &prefix);
	cmk_complete_words(&value, key->words);
	cmk_complete_names(g, key->complete, &value);
}

/* --- templates --- */

/* Behind the entry P of a structure, "A|B{C|D}": at a '|', a '}' or the end. */
static const char *entry_end(const char *p)
{
	int depth = 0;

	for (; *p && (depth || (*p != '|' && *p != '}')); p++)
		depth += (*p == '{') - (*p == '}');
	return p;
}

/* The names of the structure LEVEL that PATH ("State.Health.") leads to. */
static void complete_fields(const struct completion *c, const char *level, const char *path,
			    const char *closing)
{
	const char *dot = strchr(path, '.');

	for (const char *p = level;; p++) {
		size_t n = strcspn(p, "|{}");
		bool structure = p[n] == '{';

		if (dot && structure && n == (size_t)(dot - path) && strncmp(p, path, n) == 0) {
			complete_fields(c, p + n + 1, dot + 1, closing);
			return;
		}
		if (!dot) {
			cleanup_free char *word = xasprintf("%.*s%s", (int)n, p,
							    structure ? "." : closing);

			cmk_candidate(c, word, NULL);
		}
		p = entry_end(p);
		if (*p != '|')
			return;
	}
}

/* Behind the last "{{" that is not closed, or NULL. */
static const char *open_action(const char *text)
{
	const char *action = NULL;

	for (const char *p = text; (p = strstr(p, "{{")); p++)
		action = p + 2;
	return action && !strstr(action, "}}") ? action : NULL;
}

static bool in_parentheses(const char *p)
{
	int depth = 0;

	for (; *p; p++)
		depth += (*p == '(') - (*p == ')');
	return depth > 0;
}

void cmk_complete_template(const char *fields, struct completion *c)
{
	const char *action = open_action(c->current), *path, *last;
	const char *end = c->current + strlen(c->current);
	cleanup_free char *prefix = NULL;
	struct completion name;

	if (!action) {
		cmk_candidate(c, "json", NULL);
		return;
	}
	for (path = end; path > action &&
			 (isalnum((unsigned char)path[-1]) || path[-1] == '_' || path[-1] == '.');)
		path--;
	if (*path != '.')
		return;
	last = strrchr(path, '.') + 1;
	name = completion_behind(c, last, &prefix);
	complete_fields(&name, fields, path + 1, in_parentheses(action) ? "" : "}}");
	c->nospace = true;
}

/* --- places --- */

static void complete_containers(struct storage *st, const struct completion *c)
{
	struct container **list = NULL;
	size_t n = 0;

	if (container_list(st, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *word = xasprintf("%s:", list[i]->cfg.name);

		cmk_candidate(c, word, list[i]->cfg.image_name);
	}
	container_list_free(list, n);
}

/* The directory that the path behind the colon is in, and of its names those that fit. */
static void complete_path(struct storage *st, const struct completion *c, const char *path)
{
	cleanup_free char *container = xstrndup(c->current, (size_t)(path - 1 - c->current));
	const char *slash = strrchr(path, '/'), *rest = slash ? slash + 1 : path;
	/* Nothing typed yet: from the root on. */
	const char *root = *path ? "" : "/";
	cleanup_free char *dir = xasprintf("%s%.*s.", root, (int)(rest - path), path);
	cleanup_container struct container *ct = NULL;
	cleanup_free char *prefix = NULL;
	cleanup_strv char **names = NULL;
	struct completion name = completion_behind(c, rest, &prefix);

	if (container_open(st, container, &ct, NULL) < 0 ||
	    container_files(ct, dir, &names, NULL) < 0)
		return;
	for (char **n = names; n && *n; n++) {
		cleanup_free char *word = xasprintf("%s%s", root, *n);

		if (**n != '.' || *rest == '.')
			cmk_candidate(&name, word, NULL);
	}
}

void cmk_complete_place(const struct cmk_globals *g, struct completion *c)
{
	const char *here = c->current[0] == '.' || c->current[0] == '/' ? c->current : NULL;
	const char *colon = here ? NULL : strchr(c->current, ':');
	cleanup_storage struct storage *st = NULL;

	c->nospace = !here;
	if (!colon)
		c->directive = ":files";
	if (here || storage_open(g->root, g->runroot, &st, NULL) < 0)
		return;
	if (colon)
		complete_path(st, c, colon + 1);
	else
		complete_containers(st, c);
}
