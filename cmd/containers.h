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
	const char *detach_keys; /* NULL: the container's */
};
int cmk_check_detach_keys(const char *keys, struct cmk_err *err);
/* Starts C and stays with it as A says: its exit code; 0 where it was detached from, or where A
 * wants neither stdin nor output. A monitor that dies on the way: 137, with *ERR set. */
int cmk_start_attached(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		       const struct cmk_attach *a, struct cmk_err *err);

/* The operands, the lines of each --cidfile, or with ALL the ids of all containers: an owned
 * vector. -EINVAL where there is nothing, or ALL and names. */
int cmk_container_names(struct storage *st, bool all, char *const *cidfiles, bool ignore, int argc,
			char **argv, char ***ret, struct cmk_err *err);
/* Calls FN for each name, goes on after a failure and prints its message. FN has opened nothing yet
 * and returns 0 or a negative errno. FAILED (may be NULL) turns a failure into an exit code; the
 * greatest one is returned; NULL: 125. */
int cmk_each_name(struct storage *st, char *const *names,
		  int (*fn)(struct storage *st, const char *name, void *arg, struct cmk_err *err),
		  void *arg, int (*failed)(const struct cmk_err *err));
