/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.conf(5). The files, of which a later one wins key by key:
 *   /usr/share/containers/containers.conf
 *   /etc/containers/containers.conf, /etc/containers/containers.conf.d/?*.conf
 *   ~/.config/containers/containers.conf, ~/.config/containers/containers.conf.d/?*.conf
 * or $CONTAINERS_CONF instead of all these; then each --module; then $CONTAINERS_CONF_OVERRIDE. An
 * array takes the place of the earlier one, or is added to it where {append=true} stands in it or
 * in that.
 *
 * One table says what cmk makes of each key: most are the default of an option, whose row names the
 * key (.conf). From the table comes cmk-containers.conf(5).
 */
#pragma once

#include "base/err.h"

enum conf_type {
	CONF_STRING,
	CONF_LIST,
	CONF_BOOL,
	CONF_NUMBER,
	CONF_TABLE, /* of arrays of strings: as a list of "NAME=STRING" */
};
enum conf_use {
	CONF_USED,    /* default of an option, or read where it is needed */
	CONF_MOOT,    /* about parts of podman that cmk does not have */
	CONF_WARNED,  /* cmk cannot do it: said where a container is made */
	CONF_REFUSED, /* the same, and a container would be less isolated than was asked for */
};
struct conf_key {
	const char *name; /* "containers.env_host" */
	enum conf_type type;
	enum conf_use use;
	const char *option; /* whose default it is, for the man page; or NULL */
	const char *same;   /* "|a|b|": values for what cmk does anyway, taken as not given */
	const char *text;   /* for the man page; or NULL */
};
/* Ended by a NULL name. */
extern const struct conf_key cmk_conf_keys[];

/* Reads all files, and gives this process the variables of [engine] env that it has not. MODULES:
 * paths; NULL is none. */
int cmk_conf_load(char *const *modules, struct cmk_err *err);
/* Where modules with a relative path are: containers.conf.modules in the directories above, the
 * user's first (of all but root). Owned. */
char **cmk_conf_module_dirs(void);
/* The path of the module NAME, owned. -ENOENT: the message has a line for each place, as podman's.
 */
int cmk_conf_module_find(const char *name, char **ret, struct cmk_err *err);
/* Adds the text of one file. */
int cmk_conf_add(const char *text, size_t len, struct cmk_err *err);
void cmk_conf_done(void);
/* What is wrong in what was read, for a command that makes containers: warnings on stderr, or an
 * error. */
int cmk_conf_check(struct cmk_err *err);

/* The value of "table.key", which must be one of the table's, as text; NULL where it is not given.
 * Valid until cmk_conf_done(). */
const char *cmk_conf_text(const char *name);
char *const *cmk_conf_list(const char *name);
