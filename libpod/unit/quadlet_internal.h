/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of Quadlet share. */
#pragma once

#include "libpod/unit/quadlet.h"

/* One conversion. */
struct quadlet_job {
	const struct quadlet_set *set;
	struct quadlet_unit *unit;
	const char *section; /* the unit's own */
	struct unitfile out;
	char **argv; /* words of ExecStart=, with what systemd replaces in them */
	struct cmk_err *err;
};

/* Sets the error "FILE:LINE: KEY=: WHAT", -EINVAL. */
int quadlet_wrong(struct quadlet_job *j, const struct unitfile_line *l, const char *fmt, ...)
	cmk_printf(3, 4);
/* The value of the unit's own section, or NULL. */
const char *quadlet_own(const struct quadlet_job *j, const char *key);
const struct unitfile_line *quadlet_own_line(const struct quadlet_job *j, const char *key);
/* The same for a boolean: 1, 0, -ENOENT where it is not given, -EINVAL. */
int quadlet_own_bool(struct quadlet_job *j, const char *key);
/* "--OPTION", "PREFIX VALUE". */
void quadlet_option(struct quadlet_job *j, const char *option, const char *prefix,
		    const char *value);
/* PATH, where it is relative below the file's directory; owned. A "%" in front keeps it as it is,
 * and one of the directory's own is escaped. */
char *quadlet_absolute(const struct quadlet_unit *unit, const char *path);
/* Adds Requires= and After= on what NAME ("x.volume", named by L) becomes; *RET is the name of what
 * that makes, borrowed. */
int quadlet_need(struct quadlet_job *j, const struct unitfile_line *l, const char *name,
		 const char **ret);
/* The links of [Install]. */
int quadlet_install_links(struct quadlet_job *j);
/* All keys of the unit's own section in the order of the table. */
int quadlet_add_keys(struct quadlet_job *j);
/* No key that the table has not, and none that is refused. */
int quadlet_check_keys(struct quadlet_job *j);
/* Options of the generic kinds, for keys whose function has more to do. */
int quadlet_add_key(struct quadlet_job *j, const struct quadlet_key *k);

/* Functions of keys. */
int quadlet_key_capability(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_device(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_entrypoint(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_env_file(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_mount(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_network(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_remap(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_user(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_volatile_tmp(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_volume(struct quadlet_job *j, const struct quadlet_key *k);
int quadlet_key_volume_options(struct quadlet_job *j, const struct quadlet_key *k);

/* Names of the service and of what it makes, of a unit whose file has been read. */
int quadlet_name_unit(struct quadlet_unit *unit, struct cmk_err *err);
/* "a@" and "b" of "a@b.container", owned; false where there is no "@" in it. */
bool quadlet_template_parts(const char *name, char **ret_base, char **ret_instance);
