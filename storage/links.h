/* SPDX-License-Identifier: Apache-2.0 */
/* Where an inode was met first: what makes one file of several names, in an archive or a copy. */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

struct link_table {
	struct link_entry *slots; /* open addressing; path NULL: free */
	size_t n, cap;
};

/* The path under which ST's inode was met before; NULL where this is the first time, and PATH is
 * remembered (copied). */
const char *link_first(struct link_table *l, const struct stat *st, const char *path);
void link_table_done(struct link_table *l);
