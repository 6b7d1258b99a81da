/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option tables: from one row per option come the parser, --help, `cmk __complete`, the shell files
 * in completions/ and the OPTIONS part of each man page. Longer text for an option is one file
 * docs/options/NAME.md, shared by all commands that take it.
 *
 * Parsing follows pflag, as podman does: "--name=v", "--name v", "-n v", "-nv", "-n=v", grouped
 * flags "-it", "--flag=false", "--" ends options; commands with .stop_at_operand (run, exec,
 * create) end at the first operand, others take options anywhere. The last of a single-valued
 * option wins. The global options with a long name may also stand behind the command.
 */
#pragma once

#include "base/err.h"

enum cmk_opt_type {
	OPT_FLAG,      /* bool */
	OPT_STRING,    /* const char * (borrowed from argv) */
	OPT_STRV,      /* char ** (owned vector): repeatable, each occurrence whole */
	OPT_CSV,       /* char ** (owned): repeatable, each occurrence also split on commas */
	OPT_INT,       /* int64_t, min..max */
	OPT_UINT32,    /* uint32_t */
	OPT_BYTES,     /* int64_t */
	OPT_NANO_CPUS, /* int64_t */
	OPT_TRISTATE,  /* int: -1 unset (default), 0, 1 */
	OPT_CALLBACK,  /* set through .parse */
	OPT_USE,       /* rows shared with another table */
	OPT_END,
};
enum cmk_opt_flags {
	OPT_HIDDEN = 1 << 0,
	OPT_VALUE_OPTIONAL = 1 << 1, /* "--opt" alone means .value_if_alone */
	OPT_CONF_ADDED = 1 << 2,     /* a list is added to that of .conf, and does not replace it */
};
enum cmk_complete {
	COMPLETE_NONE,
	COMPLETE_FILES,
	COMPLETE_DIRS,
	COMPLETE_IMAGES,
	COMPLETE_CONTAINERS,
	COMPLETE_RUNNING,
	COMPLETE_VOLUMES,
	COMPLETE_SECRETS,
	COMPLETE_QUADLETS,
	COMPLETE_MODULES, /* of containers.conf */
	COMPLETE_OBJECTS, /* containers, images and volumes */
	COMPLETE_PLACES,  /* files here and in containers, "CONTAINER:PATH" */
	COMPLETE_WORDS /* .words */,
	COMPLETE_COMMANDS,
};

/* A key of an option that is "KEY=VALUE", for its parser and completion. Tables end with a NULL
 * key. */
struct cmk_option_key {
	const char *key;
	enum cmk_complete complete; /* of its value */
	const char *words;	    /* of which it is one, "a|b|c", or NULL */
};

struct cmk_option {
	enum cmk_opt_type type;
	enum cmk_opt_flags flags;
	char letter;	   /* 0: none */
	const char *name;  /* without dashes */
	const char *alias; /* second long spelling ("net" for "network"), or NULL */
	size_t offset;	   /* in the command's args struct */
	const char *arg;   /* argument word for help: "NAME"; NULL for flags */
	const char *help;  /* one line, no full stop */
	/* Default as text, for help and for the parser, which reads it as if it had been given; of
	 * a repeatable option the first occurrence replaces it. NULL: what zeroed memory says. */
	const char *def;
	const char *env;   /* environment variable that gives the default (where not empty), or NULL
			    */
	const char *conf;  /* "table.key" of containers.conf that gives the default, or NULL */
	const char *words; /* accepted words, "a|b|c" (checked where OPT_STRING), or NULL */
	int64_t min, max;  /* of numbers; both 0: whatever the type holds */
	const char *excludes; /* name of an option that may not stand beside it */
	enum cmk_complete complete;
	const struct cmk_option_key *keys; /* completion of "KEY=VALUE", or NULL */
	/* What a Go template may name, for completion: "Id|State{Status|Pid}"; or NULL. */
	const char *fields;
	const char *value_if_alone;
	int (*parse)(const struct cmk_option *o, const char *value, void *args,
		     struct cmk_err *err);
	const struct cmk_option *use;
};
#define CMK_OPT_FLAG(letter_, name_, type_, member_, help_, ...)                 \
	{                                                                        \
		.type = OPT_FLAG, .letter = (letter_), .name = (name_),          \
		.offset = offsetof(type_, member_), .help = (help_), __VA_ARGS__ \
	}
#define CMK_OPT_STRING(letter_, name_, type_, member_, arg_, help_, ...)                        \
	{                                                                                       \
		.type = OPT_STRING, .letter = (letter_), .name = (name_),                       \
		.offset = offsetof(type_, member_), .arg = (arg_), .help = (help_), __VA_ARGS__ \
	}
#define CMK_OPT_OF(opt_type_, letter_, name_, type_, member_, arg_, help_, ...)                 \
	{                                                                                       \
		.type = (opt_type_), .letter = (letter_), .name = (name_),                      \
		.offset = offsetof(type_, member_), .arg = (arg_), .help = (help_), __VA_ARGS__ \
	}
#define CMK_OPT_USE(rows_)                      \
	{                                       \
		.type = OPT_USE, .use = (rows_) \
	}
#define CMK_OPT_END()           \
	{                       \
		.type = OPT_END \
	}

struct cmk_globals {
	const char *root, *runroot, *log_level, *storage_driver, *events_backend, *out,
		*cgroup_manager, *runtime, *volumepath, *mounts_file, *tmpdir, *config, *conmon,
		*db_backend, *network_backend, *network_config_dir;
	char **hooks_dirs, **cdi_dirs, **modules, **runtime_flags, **storage_opts;
	bool help, version, noout;
	bool debug, level_given;  /* --debug, --log-level */
	struct cmk_err *conf_err; /* why containers.conf could not be read */
	int argc;
	char **argv; /* the whole command line, for create_command */
};

/* Codes that mean the same of every command; one's own stand in its file. */
#define EXIT_CMK_FAILED 125
#define EXIT_CANNOT_EXEC 126
#define EXIT_CMD_NOT_FOUND 127

struct cmk_example {
	const char *line; /* what is typed: "cmk run -it alpine sh" */
	const char *what; /* one sentence without full stop: what it does */
};

struct cmk_command {
	const char *name;	    /* "run", "image inspect" */
	const char *const *aliases; /* other spellings, "container run", NULL-ended; or NULL */
	const char *summary;	    /* one line, no full stop */
	const char *operands;	    /* "IMAGE [COMMAND [ARG...]]" */
	const char *description;    /* paragraphs, `code` in backquotes, for help and man page */
	const char *exit_codes;	    /* man page part where it has codes of its own, or NULL */
	const struct cmk_example *examples; /* for the man page; ended by a NULL line */
	const struct cmk_option *options;   /* NULL: none */
	size_t args_size;
	int min_operands, max_operands; /* max -1: any */
	bool stop_at_operand, hidden;
	bool no_options;	    /* whatever a word begins with, it is an operand */
	enum cmk_complete complete; /* of its operands */
	/* ARGS was zeroed and filled from defaults and options; vectors in it are freed by main.
	 * ARGV are the operands, NULL-ended. Returns the exit code (0..255; main prints *ERR first
	 * where it is set), or a negative errno with *ERR set: main prints it and exits with 125,
	 * or 126/127 for the two exec kinds. */
	int (*exec)(const struct cmk_globals *g, void *args, int argc, char **argv,
		    struct cmk_err *err);
};
/* All commands: cmd/commands.c. NULL-ended. */
extern const struct cmk_command *const cmk_commands[];

/* --- the parser: what main, help, completion and tests use --------------------------------------
 */

/* A table and the struct that its rows fill. */
struct cmk_option_set {
	const struct cmk_option *rows; /* may be NULL */
	void *args;
	bool keep; /* ARGS was filled before: no defaults (globals behind the command) */
};
struct cmk_parse {
	const char *command; /* in: its name for messages, or NULL */
	char **operands;     /* owned vector of borrowed strings, NULL-ended */
	int n_operands;
	char *unknown; /* set where it failed because no row takes it: "--name" or "-x" (owned) */
};
void cmk_parse_done(struct cmk_parse *p);
/* Reads ARGV (the words behind the command's name) into the sets; the first set with a fitting row
 * takes it. Defaults are filled in first. *RET is zeroed by the caller but for .command, and given
 * to cmk_parse_done() also after a failure. */
int cmk_parse_options(const struct cmk_option_set *sets, size_t n_sets, bool stop_at_operand,
		      int argc, char *const *argv, struct cmk_parse *ret, struct cmk_err *err);
/* Frees the vectors (OPT_STRV, OPT_CSV) in ARGS. */
void cmk_options_done(const struct cmk_option *rows, void *args);
/* All rows, OPT_USE resolved, in order; owned, NULL-ended; ROWS may be NULL. */
const struct cmk_option **cmk_options_flatten(const struct cmk_option *rows);
/* The same without hidden rows, sorted by name: for people. */
const struct cmk_option **cmk_options_shown(const struct cmk_option *rows);
bool cmk_option_takes_value(const struct cmk_option *o);
/* Whether VALUE is one of WORDS, "a|b|c". */
bool cmk_option_is_word(const char *words, const char *value);
/* The row of the key that begins TEXT, "KEY=VALUE" or "KEY"; NULL where there is none. */
const struct cmk_option_key *cmk_option_find_key(const struct cmk_option_key *keys,
						 const char *text);
/* TYPED is a slip of the hand for NAME. */
bool cmk_is_near(const char *typed, const char *name);
/* NULL where the table is sound, else what is wrong with it (owned). */
char *cmk_options_check(const struct cmk_option *rows);

/* "Error: message (hint)" on stderr, with control characters made harmless. For commands that go
 * on after an error. */
void cmk_print_error(const struct cmk_err *err);
