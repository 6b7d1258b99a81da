/* SPDX-License-Identifier: Apache-2.0 */
/* State of one extraction. */
#pragma once

#include "storage/internal.h"
#include "storage/unpack.h"

struct open_dir {
	int fd;
	size_t len;
	char *path; /* LEN bytes, clean */
};

struct late_dir {
	char *path;
	uint32_t mode;
	struct timespec mtime;
};

struct extract {
	int root;
	struct tar_reader *t;
	const struct tar_entry *e;
	const struct extract_options *o;
	struct open_dir dirs[16]; /* last used ones; last_dir is the newest */
	size_t last_dir;
	struct late_dir *late;
	size_t n_late, cap_late;
	bool has_root, opaque_root;
};

void dirs_forget(struct extract *x);
