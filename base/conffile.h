/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration files that cmk shares with Podman and its kin: where they are, and how they are
 * read. A file that is not there costs one open(2). */
#pragma once

#include "base/toml.h"

#define CONFFILE_DIR "/etc/containers"
#define CONFFILE_DIST_DIR "/usr/share/containers"

/* $XDG_CONFIG_HOME, else ~/.config; owned, NULL without a home. */
char *conffile_home(void);
/* "containers" in the user's configuration directory; owned, NULL without a home. */
char *conffile_user_dir(void);
/* This is root of the machine: within `cmk unshare` its files are nobody's. */
bool conffile_machine_root(void);
/* Takes the text of one file (at most TOML_SIZE_MAX bytes). */
typedef int (*conffile_fn)(void *arg, const char *text, size_t len, struct cmk_err *err);
/* 1 where the file was there, 0 where it is not. Errors name it. */
int conffile_read(const char *path, conffile_fn fn, void *arg, struct cmk_err *err);
/* The same of DIR/NAME; DIR may be NULL: nothing. */
int conffile_read_in(const char *dir, const char *name, conffile_fn fn, void *arg,
		     struct cmk_err *err);
/* All *.conf files of the directory DIR/NAME, in order of their names; DIR may be NULL. */
int conffile_read_all(const char *dir, const char *name, conffile_fn fn, void *arg,
		      struct cmk_err *err);
/* TEXT is one of the words of LIST, "|a|b|" (may be NULL); an empty text is one of "||". */
bool conffile_word_in(const char *list, const char *text);
/* The file that the environment VARIABLE names: 0 where it names none, an error where that is not
 * there. */
int conffile_read_env(const char *variable, conffile_fn fn, void *arg, struct cmk_err *err);
