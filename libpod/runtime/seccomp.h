/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters: the default profile kept as data, compiled with libseccomp once and cached as
 * BPF.
 *
 * Unknown (newer) system calls give ENOSYS, those that the profile knows and does not allow EPERM.
 * The cache key covers profile digest, capabilities, architectures, libseccomp version and API
 * level, and cmk's build; a damaged entry is compiled again.
 */
#pragma once

#include <linux/filter.h>

#include "base/err.h"

struct seccomp_filter {
	struct sock_filter *insns; /* owned; NULL: unconfined */
	uint16_t n;
};
void seccomp_filter_done(struct seccomp_filter *f);
/* PROFILE is "default", "unconfined", or the path of a docker/containers-common style JSON profile.
 * CAPS are the bounding set's names. CACHE_FD: directory for the cache (data directory's "seccomp",
 * made on use) or -1. libseccomp is loaded on a cache miss only (dlopen), so that the usual start
 * never maps it. */
int seccomp_filter_get(const char *profile, char *const *caps, int cache_dirfd,
		       struct seccomp_filter *ret, struct cmk_err *err);
/* Installs F on the calling thread: needs no_new_privs or CAP_SYS_ADMIN. */
int seccomp_filter_install(const struct seccomp_filter *f, struct cmk_err *err);
