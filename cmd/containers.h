/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on containers share. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

static inline void cleanup_storage_fn(struct storage **st)
{
	int saved = errno;

	*st = storage_free(*st);
	errno = saved;
}
#define cleanup_storage cleanup(cleanup_storage_fn)

static inline void cleanup_container_fn(struct container **c)
{
	int saved = errno;

	*c = container_free(*c);
	errno = saved;
}
#define cleanup_container cleanup(cleanup_container_fn)

struct cmk_attach {
	bool use_stdin, use_out, tty, sig_proxy;
	bool no_stdout, no_stderr; /* as in attach_args */
	const char *detach_keys;   /* NULL: the container's */
};
int cmk_check_detach_keys(const char *keys, struct cmk_err *err);
/* Starts C and stays with it as A says: its exit code; 0 where it was detached from, or where A
 * wants neither stdin nor output. A monitor that dies on the way: 137, with *ERR set. */
int cmk_start_attached(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		       const struct cmk_attach *a, struct cmk_err *err);

/* Starts the created or exited container C with its bundle as it is, and what it requires before
 * it: cmk_start_attached(), or CMK_RUNS_ALREADY with nothing done. */
#define CMK_RUNS_ALREADY 256
int cmk_start_container(struct container *c, const struct cmk_attach *a, struct cmk_err *err);
/* The same in the background; 0 also where it runs already. */
int cmk_start_detached(struct container *c, struct cmk_err *err);

/* Whether a filter's "KEY" or "KEY=VALUE" is among LABELS (KEY=VALUE); a KEY with '*' is a shell
 * pattern of a part of one, as with podman. */
bool cmk_label_fits(char *const *labels, const char *want);
/* How filters count: those of one KEY (less than 64) are alternatives, those of different keys must
 * all fit; where EACH is set, every one of the key must. */
struct cmk_filter_tally {
	uint64_t asked, fits;
};
/* False where nothing can fit any more. */
static inline bool cmk_filter_count(struct cmk_filter_tally *t, unsigned int key, bool fits,
				    bool each)
{
	t->asked |= 1ULL << key;
	t->fits |= (uint64_t)fits << key;
	return fits || !each;
}
static inline bool cmk_filter_fits(const struct cmk_filter_tally *t)
{
	return !(t->asked & ~t->fits);
}
/* WHAT, a warning, and whether to go on: asked on stderr, answered on stdin; no answer is no. */
bool cmk_confirm(const char *what);
/* A timer for what is shown again and again: by its own clock, so that the time of the showing is
 * not added. A descriptor. */
int cmk_ticks_open(int64_t seconds, struct cmk_err *err);
/* Waits for the next tick: 1, or 0 where nobody reads stdout any more. */
int cmk_ticks_wait(int timer, struct cmk_err *err);

/*
 * Which containers a command is about: the first member of its arguments, filled by those of the
 * rows below that the command has (CMK_OPT_USE).
 */
struct cmk_select {
	bool all, latest, ignore;
	bool filter_names; /* --filter may stand beside names, and chooses among them */
	char **cidfiles, **filters;
};
extern const struct cmk_option cmk_select_all[], cmk_select_cidfile[], cmk_select_filter[] /* -f */,
	cmk_select_ignore[], cmk_select_latest[];
/* -t SECONDS of stop, restart, rm: an OPT_CALLBACK row's .parse and the member that it fills. */
struct cmk_timeout {
	bool given;
	int64_t ms;
};
int cmk_timeout_parse(const struct cmk_option *o, const char *value, void *args,
		      struct cmk_err *err);
/* For container_stop(): the container's own where it was not given. */
static inline int64_t cmk_timeout_ms(const struct cmk_timeout *t)
{
	return t->given ? t->ms : CONTAINER_TIMEOUT_OWN;
}
/* The operands as typed, or the first line of each --cidfile, or the ids of the latest, of all, or
 * of those that the filters leave: an owned vector, NULL where nothing matches. -EINVAL where they
 * contradict each other or there is nothing at all. With .ignore an absent --cidfile is left out.
 */
int cmk_select(struct storage *st, const struct cmk_select *s, int argc, char **argv, char ***ret,
	       struct cmk_err *err);
/* The container that was made last; CMK_ERR_NOT_FOUND where there is none. */
int cmk_container_latest(struct storage *st, struct container **ret, struct cmk_err *err);
/* For commands about one container: NAME, or with LATEST the last one; -EINVAL for both or neither.
 */
int cmk_container_or_latest(struct storage *st, bool latest, const char *name,
			    struct container **ret, struct cmk_err *err);
/* Calls FN for each name, goes on after a failure and prints its message. FN has opened nothing yet
 * and returns 0 or a negative errno. FAILED (may be NULL) turns a failure into an exit code; the
 * greatest one is returned; NULL: 125. */
int cmk_each_name(struct storage *st, char *const *names,
		  int (*fn)(struct storage *st, const char *name, void *arg, struct cmk_err *err),
		  void *arg, int (*failed)(const struct cmk_err *err));
