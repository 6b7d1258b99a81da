/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux as cmk needs it: whether it is on, what its policy says of containers, contexts as text,
 * and files' labels.
 *
 * Without libselinux: that maps a library into each start, on hosts without SELinux too (with PCRE
 * behind it, and a constructor that reads /proc), for what are a statfs(2) of selinuxfs, small
 * files of /proc/self/attr and the attribute security.selinux of files. These interfaces are
 * the kernel's promise to user space. Nothing here is asked before selinux_enabled() has said yes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SELINUX_FS "/sys/fs/selinux"
#define SELINUX_LABEL_MAX 4096
#define SELINUX_CATEGORIES 1024 /* c0 to c1023 */

/* Whether it is on, and a policy is loaded that we may see: not in a container, where selinuxfs is
 * masked or read-only. Costs one statfs(2) where it is off. */
bool selinux_enabled(void);

/* --- contexts --- */

/* "user:role:type[:level]"; the level may have colons of its own ("s0:c1,c2"). Owned. */
struct selinux_context {
	char *user, *role, *type, *level; /* level: NULL where there is none */
};
/* -EINVAL; *RET is untouched then. */
int selinux_context_parse(const char *text, struct selinux_context *ret, struct cmk_err *err);
void selinux_context_done(struct selinux_context *c);
/* Owned. */
char *selinux_context_text(const struct selinux_context *c);
/* LABEL with LEVEL in the place of its own, where it has one: owned, NULL where LABEL is no
 * context. */
char *selinux_with_level(const char *label, const char *level);
/* Whether the policy that is loaded knows LABEL: 1 or 0, -errno where that cannot be asked. */
int selinux_label_known(const char *label, struct cmk_err *err);
/* What may be done about CODE (a negative errno), which the kernel gave for a label that ERR names.
 */
void selinux_hint(struct cmk_err *err, int code);

/* What a policy says of containers: lxc_contexts(5). NULL where it does not say. Owned. */
struct selinux_containers {
	char *process, *file, *init_process;
};
void selinux_containers_done(struct selinux_containers *c);
/* From TEXT, the file's. Lines that are none of ours are passed over. */
void selinux_containers_parse(const char *text, struct selinux_containers *ret);
/* That of this host: of the package container-selinux, or else of the policy of
 * /etc/selinux/config. */
int selinux_containers_read(struct selinux_containers *ret, struct cmk_err *err);
/* The value of SELINUXTYPE= in the text of /etc/selinux/config, "targeted" where there is none:
 * owned. */
char *selinux_policy_type(const char *config);

/* --- files --- */

/* Labels NAME in DIRFD, which may be a link: that itself. 0 too where the file system keeps no
 * labels. */
int selinux_label_file(int dirfd, const char *name, const char *label, struct cmk_err *err);
/*
 * Labels the file or directory FD, which may be O_PATH, and what lies below it. No link is
 * followed: each entry is named by the descriptor of its directory. What vanishes meanwhile, and
 * what lies on a file system that keeps no labels, is passed over. FD itself comes last, so that
 * its label tells that all is done: where it has it already, nothing is looked at. Needs /proc, and
 * to own the files (or the user namespace of their owners).
 */
int selinux_label_tree(int fd, const char *label, struct cmk_err *err);
