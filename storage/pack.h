/* SPDX-License-Identifier: Apache-2.0 */
/* From files to a tar stream. */
#pragma once

#include "storage/links.h"
#include "storage/tar_write.h"
#include "storage/tree.h"

struct pack {
	struct tar_writer w;
	const struct storage_pack_options *o;
	struct strbuf path; /* of the entry at hand, as it stands in the archive */
	struct link_table links;
	bool shallow;	      /* directories without what is in them */
	bool no_kernel_files; /* nor those of /proc, /sys and their like */
};

void pack_init(struct pack *p, const struct storage_pack_options *o, int out_fd);
void pack_done(struct pack *p);
/* D and all below it, under P's path; WITH_ROOT: D itself too. */
int pack_tree(struct pack *p, struct tree_dir *d, bool with_root, struct cmk_err *err);
/* What D holds, under P's path. */
int pack_names(struct pack *p, const struct tree_dir *d, unsigned int depth, struct cmk_err *err);
/* Of the tree D what CHANGES name: "A/path", "C/path", "D/path". */
int pack_changes(struct pack *p, struct tree_dir *d, char *const *changes, struct cmk_err *err);
/* The entry NAME of D, and all below it, under P's path, which names it. */
int pack_entry(struct pack *p, const struct tree_dir *d, const char *name, unsigned int depth,
	       struct cmk_err *err);
