/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fewest rights for a helper program that reads hostile data: no_new_privs, no capabilities,
 * Landlock where the kernel has it (5.13), and a seccomp allow-list.
 *
 * The filter is put together here and needs no library: the helpers start in well under a
 * millisecond and map nothing for it. It is for helper programs, not for containers.
 */
#pragma once

#include "base/err.h"

/* A sanitizer's run time maps terabytes and asks for what no helper needs. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* What a helper may ask of the kernel beside reading and writing what is open, memory, time,
 * polling, its own signals and its end. */
enum sandbox_rights {
	/* IPv4 and IPv6 sockets; other families are EAFNOSUPPORT. */
	SANDBOX_INET = 1 << 0,
	/* Unix and netlink sockets too, as the C library's resolver uses. */
	SANDBOX_RESOLVER = 1 << 1,
	/* Opens files for reading (for writing is EACCES), stat, lists directories. */
	SANDBOX_READ = 1 << 2,
	/* Makes, changes and removes files. */
	SANDBOX_WRITE = 1 << 3,
	/* Threads (not processes). */
	SANDBOX_THREADS = 1 << 4,
	/* Maps executable memory: dlopen(), as nsswitch modules need. */
	SANDBOX_DLOPEN = 1 << 5,
	/* A core dump and a debugger are possible (off: the process may hold secrets). */
	SANDBOX_DUMPABLE = 1 << 6,
	/* No Landlock: any path that its user may open. */
	SANDBOX_ANY_PATH = 1 << 7,
	/* Is told of changes below what it may read (inotify(7)). */
	SANDBOX_WATCH = 1 << 8,
};

struct sandbox_policy {
	unsigned int rights; /* enum sandbox_rights */
	uint64_t keep_caps;  /* 1 << CAP_…, of those that it has; 0: none */
	/* Landlock: files and directories (and all below) that may be read; those that do not exist
	 * are passed over. NULL-terminated, may be NULL. */
	const char *const *read_paths;
	/* Landlock: directories below which everything may be done. */
	const int *write_dirs;
	size_t n_write_dirs;
};

/*
 * Enters the sandbox, for good, with all threads that start later: call it before any starts, after
 * the last privileged step. What the policy does not allow ends the process with SIGSYS; a system
 * call newer than this program answers ENOSYS, so that a newer C library falls back. Builds with
 * a sanitizer get no seccomp filter (it would end their run time).
 */
int sandbox_enter(const struct sandbox_policy *p, struct cmk_err *err);
