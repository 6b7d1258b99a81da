/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quadlet: files that describe containers, volumes and images, and the units of systemd that are
 * made of them (podman-systemd.unit(5)). One table says what becomes of each key; from it comes
 * cmk-systemd.unit(5).
 *
 * A file that cannot be a unit is refused with file, line and key, and the others are made all the
 * same. What the files say chooses names, and no path: nothing is written but into the directory
 * that systemd gave.
 */
#pragma once

#include "libpod/unit/unitfile.h"

enum quadlet_kind {
	QUADLET_CONTAINER,
	QUADLET_VOLUME,
	QUADLET_IMAGE,
	/* Parts of cmk that are not there yet: each file is refused. */
	QUADLET_NETWORK,
	QUADLET_POD,
	QUADLET_BUILD,
	QUADLET_KUBE,
	QUADLET_N_KINDS,
};
struct quadlet_kind_info {
	const char *suffix;  /* ".container" */
	const char *section; /* "Container" */
	const char *behind;  /* what the service's name has behind the file's: "-volume" */
	const char *missing; /* why such files are refused, or NULL */
};
extern const struct quadlet_kind_info quadlet_kinds[QUADLET_N_KINDS];
/* By the end of a file's name; -1 where it is of none. */
int quadlet_kind_of(const char *name);

enum quadlet_how {
	QUADLET_STRING, /* the last value is the option's */
	QUADLET_EACH,	/* the option for each value */
	QUADLET_WORDS,	/* the option for each word; quotes keep words together */
	QUADLET_ARGS,	/* the same, with escapes of C */
	QUADLET_BOOL,	/* the option as a flag */
	QUADLET_SET,	/* the option with PREFIX alone, where the value is true */
	QUADLET_OWN,	/* something else, which TEXT says */
	QUADLET_LINE,	/* the same, of a line of words with escapes of C */
	QUADLET_REFUSED,
};
enum quadlet_check {
	QUADLET_ANY,
	QUADLET_NUMBER,
	QUADLET_LIMIT,
	QUADLET_BYTES,
	QUADLET_SIGNAL,
	QUADLET_PORTS
};
struct quadlet_job;
struct quadlet_key {
	enum quadlet_kind kind; /* QUADLET_N_KINDS: of the section [Quadlet] */
	const char *name;
	enum quadlet_how how;
	const char *option; /* of `run`, `volume create` or `image pull`, without dashes; or NULL */
	const char *prefix; /* what stands before the value: "seccomp="; or NULL */
	const char *words;  /* "a|b|c", which it must be one of; or NULL */
	enum quadlet_check check;
	int (*add)(struct quadlet_job *j, const struct quadlet_key *k); /* or NULL */
	const char *text; /* for the man page: what else there is to say, or why it is refused */
};
/* Ended by a NULL name; what is added to a command line is added in this order. */
extern const struct quadlet_key quadlet_keys[];

/* A file; one that cannot be read or has a wrong name keeps the error alone. */
struct quadlet_unit {
	char *name, *path, *root; /* "web.container"; where it is; the search path it is from */
	enum quadlet_kind kind;
	struct unitfile file; /* with the lines of its drop-ins */
	char *service;	      /* "web.service"; "web@.service" of a template */
	char *resource;	      /* what it makes is called so by other files; NULL: unknown */
	struct cmk_err err;   /* why it is refused; no message: it is not */
	bool converted;	      /* SERVICE_TEXT was tried */
	char *service_text;   /* what becomes of it; NULL where it is refused */
	char **links;	      /* in turn a link for its [Install], and where it points */
};
struct quadlet_dropin {
	char *dir, *name; /* "web.container.d", "10-more.conf" */
	char *path;	  /* NULL: hidden by a link to /dev/null */
};
struct quadlet_set {
	bool user;		     /* for a user manager, not for the system's */
	const char *cmk;	     /* the program that units start; NULL: the installed one */
	struct quadlet_unit **units; /* volumes and images first, then by name */
	size_t n, room;
	struct quadlet_dropin *dropins; /* of all directories, in the order of these */
	size_t n_dropins, room_dropins;
	char **masked; /* names that a link to /dev/null hides */
};
#define QUADLET_FILES_MAX 4096

/* Where files are looked for, first those that win: $QUADLET_UNIT_DIRS, else the directories of the
 * user or the system. *RET_LEFT (may be NULL) is set where `containers/systemd` is left to podman,
 * whose own generator is installed. Owned. */
int quadlet_dirs(bool user, char ***ret, bool *ret_left, struct cmk_err *err);
/* The directories for what `quadlet install` installs, of which the first gets what is new; owned,
 * NULL without a home. */
char **quadlet_install_dirs(bool user);

/* Reads all files below DIRS; one that is wrong is in the set with its error. Where a directory
 * that is there cannot be read, or there are too many files, it fails, and the rest is in the set.
 */
int quadlet_set_load(struct quadlet_set *set, char *const *dirs, struct cmk_err *err);
/* The file NAME with TEXT, as if it was in the directory DIR, instead of one of that name. */
struct quadlet_unit *quadlet_set_put(struct quadlet_set *set, const char *dir, const char *name,
				     const char *text, size_t len);
void quadlet_set_done(struct quadlet_set *set);
/* The unit of the file NAME, or NULL. */
struct quadlet_unit *quadlet_find_file(const struct quadlet_set *set, const char *name);
/* The unit NAME, or the template of which NAME is an instance; NULL. */
struct quadlet_unit *quadlet_find(const struct quadlet_set *set, const char *name);
/* Makes SERVICE_TEXT of a unit, and before it of those that it needs; 0, or the code of its error.
 */
int quadlet_convert(const struct quadlet_set *set, struct quadlet_unit *unit);
/* All of them. How many are refused. */
size_t quadlet_convert_all(const struct quadlet_set *set);
/* The service of NAME, "web@1.service" for "web@1.container" of a template; owned, NULL where it is
 * not known. */
char *quadlet_service_of(const struct quadlet_set *set, const char *name);

/* Writes all services, and the links that their [Install] asks for, into the directory FD. A unit
 * that cannot be written gets its error. */
void quadlet_write(const struct quadlet_set *set, int fd);

/* A unit by which those of users wait for the network while the machine starts: its text, where a
 * unit of SET needs it; else NULL. Its name is that of podman's, which users' files may order
 * themselves by; where that is installed it is used. */
#define QUADLET_ONLINE "podman-user-wait-network-online.service"
const char *quadlet_online_text(const struct quadlet_set *set);

/* --- what is installed -------------------------------------------------------------------------
 */

/* A list of files that were installed together, in their directory: ".NAME.app" of a directory,
 * ".FILE.asset" of what came with one file. */
enum quadlet_list { QUADLET_APP, QUADLET_ASSETS };
/* A name that may stand in such a list, and be that of a file in the directory. */
bool quadlet_is_file_name(const char *name);
/* The names in the list of NAME; owned, NULL where there is none. */
char **quadlet_list_read(int dir, enum quadlet_list what, const char *name);
int quadlet_list_write(int dir, enum quadlet_list what, const char *name, char *const *files,
		       struct cmk_err *err);
int quadlet_list_remove(int dir, enum quadlet_list what, const char *name, struct cmk_err *err);
/* The app that FILE is of; owned, NULL where it is of none. */
char *quadlet_app_of(int dir, const char *file);

/* What systemd says of the services of SET's units, in their order: "active/running", "Not loaded",
 * "loaded template", or "unknown" where there is no manager. Owned. */
char **quadlet_states(const struct quadlet_set *set);
/* Runs `systemctl` with WORDS (NULL-ended) for the manager of USER or the system. */
int quadlet_systemctl(bool user, const char *const *words, struct cmk_err *err);
