/* SPDX-License-Identifier: Apache-2.0 */
/* What the parsers of -v, --tmpfs and --mount share: the words that all of them know. */
#pragma once

#include "libpod/option/optparse.h"

/* Options of which one of a group may be given. */
enum word_group {
	GROUP_WRITE,
	GROUP_EXEC,
	GROUP_SUID,
	GROUP_DEV,
	GROUP_PROPAGATION,
	GROUP_RECURSE,
	GROUP_COPYUP,
	GROUP_ATIME,
	GROUP_LABEL,
	GROUP_OVERLAY,
	GROUP_CHOWN,
	GROUP_COPY,
	GROUP_CREATE,
	GROUP_IDMAP,
	GROUP_CONSISTENCY,
	N_GROUPS
};

/* What has been seen of one mount's words; a NULL word of a group: none. */
struct mount_words {
	const char *given[N_GROUPS];
	bool field; /* of --mount, whose messages are others */
};

/* One word of a mount of M's type: "ro", "U"… -EINVAL where it is not known or its group is taken.
 */
int mount_word_add(struct opt_mount *m, struct mount_words *w, const char *word,
		   struct cmk_err *err);
/* "idmap=VALUE". */
int mount_idmap(struct opt_mount *m, struct mount_words *w, const char *value, struct cmk_err *err);
/* size=, mode=, nr_inodes=, uid=, gid= of tmpfs(5), each checked before the kernel sees it. */
int mount_tmpfs_value(struct opt_mount *m, const char *key, const char *value, struct cmk_err *err);
/* What is so where nothing else was asked for. */
void mount_defaults(struct opt_mount *m, const struct mount_words *w);
int mount_set_destination(struct opt_mount *m, const char *path, struct cmk_err *err);
/* M->source is a volume's name. */
int mount_check_volume_name(const char *name, struct cmk_err *err);
/* upperdir= and workdir= of an overlay: both or none. */
int mount_check_overlay(const struct opt_mount *m, struct cmk_err *err);
