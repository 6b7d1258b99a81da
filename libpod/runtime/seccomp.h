/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters (seccomp(2)): the default profile kept as data (seccomp.json), compiled by the
 * helper program cmk-seccomp with libseccomp once, and cached as BPF.
 *
 * Unknown (newer) system calls give ENOSYS, those that the profile knows and does not allow EPERM.
 * The name of a cache entry covers the profile (built in: cmk's own build; a file: the digest of
 * its bytes), capabilities, architecture, kernel release (on which libseccomp's API level depends)
 * and cmk's build id; its content names the libseccomp file that was used, which must be unchanged.
 * A damaged entry is compiled again, never trusted or skipped.
 *
 * Of a profile with SCMP_ACT_NOTIFY and a listenerPath the monitor gets the listening descriptor
 * and hands it to who listens there (config-linux.md#containerprocessstate), before the command is
 * executed.
 */
#pragma once

#include <linux/filter.h>

#include "base/err.h"

struct seccomp_filter {
	struct sock_filter *insns; /* owned; NULL: unconfined */
	uint16_t n;
	unsigned int flags;			 /* SECCOMP_FILTER_FLAG_… */
	char *listener_path, *listener_metadata; /* owned; NULL: nobody is notified */
};
void seccomp_filter_done(struct seccomp_filter *f);
/*
 * PROFILE is "default", "unconfined", or the path of a docker/containers-common style JSON profile
 * of at most 1 MiB. CAPS are the names of the bounding set ("CAP_CHOWN"), in any order. CACHE_DIRFD
 * is the directory for the cache (made by the caller), or -1. Forks and execs cmk-seccomp on a
 * miss. A profile that cannot be used is CMK_ERR_INVALID naming it, line and field.
 */
int seccomp_filter_get(const char *profile, char *const *caps, int cache_dirfd,
		       struct seccomp_filter *ret, struct cmk_err *err);
/* The same of a profile's TEXT, which NAME names in messages. */
int seccomp_filter_get_text(const char *name, const char *text, size_t len, char *const *caps,
			    int cache_dirfd, struct seccomp_filter *ret, struct cmk_err *err);
/* PROFILE as above, in the runtime-spec's form (linux.seccomp) and with what applies to CAPS and
 * this host alone: owned; NULL for "unconfined". Forks and execs cmk-seccomp. */
int seccomp_text_get(const char *profile, char *const *caps, char **ret, struct cmk_err *err);
/* Installs F on the calling thread; needs no_new_privs or CAP_SYS_ADMIN in its user namespace.
 * Nothing for unconfined. *RET_LISTENER: what is to be told of its calls, with a listener_path;
 * else -1. */
int seccomp_filter_install(const struct seccomp_filter *f, int *ret_listener, struct cmk_err *err);
