/* SPDX-License-Identifier: Apache-2.0 */
/* What cmk-seccomp writes and the cache keeps: this head, then N instructions, then path and
 * metadata of the listener, without NUL. Native byte order: a cache is never moved. */
#pragma once

#include <linux/filter.h>
#include <sys/stat.h>

#include "base/util.h"

#define SECCOMP_COMPILED_MAGIC 0x32434d43u /* "CMC2" */
#define SECCOMP_INSNS_MAX BPF_MAXINSNS	   /* 4096: the kernel's own limit */

struct seccomp_compiled {
	uint32_t magic, n;
	uint32_t version, api; /* of libseccomp: major << 16 | minor << 8 | micro; API level */
	uint32_t flags;	       /* SECCOMP_FILTER_FLAG_… */
	uint32_t notifies;     /* 0 or 1 */
	uint32_t path_len, metadata_len;
	uint64_t library_ino, library_size, library_mtime_ns;
	char library[232]; /* path of the libseccomp that was used */
};

static inline uint64_t seccomp_stat_mtime_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}
