/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes of layers, inside this room.
 *
 * What a layer brings as user.overlay.* would act on our own overlay mounts, so it is kept under
 * the name by which the kernel itself shows such an attribute through an overlay mount (6.7):
 * "user.overlay.X" becomes "user.overlay.overlay.X". What only the host's root may set
 * (trusted.*, and security.* but security.capability) and fuse-overlayfs's own marks are kept as
 * "user.overlay.cmk.NAME", which an overlay mount hides. Both can be told back to what the layer
 * had.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define XATTR_OVERLAY "user.overlay."
#define XATTR_ESCAPED "user.overlay.overlay."
#define XATTR_KEPT "user.overlay.cmk."
#define XATTR_FUSE "user.fuseoverlayfs."
#define XATTR_OPAQUE "user.overlay.opaque"
#define XATTR_METACOPY "user.overlay.metacopy"
#define XATTR_REDIRECT "user.overlay.redirect"
#define XATTR_CAPABILITY "security.capability"
#define XATTR_NAME_MAX 255

enum xattr_fate {
	XATTR_AS_IS,	  /* set it under its own name */
	XATTR_RENAMED,	  /* set it under the name in BUF */
	XATTR_UNWANTED,	  /* the host's own business (security.selinux): never taken from a layer */
	XATTR_IMPOSSIBLE, /* not a name that could be set */
};
/* What becomes of the attribute NAME of a layer. */
enum xattr_fate xattr_stored_name(const char *name, char buf[static XATTR_NAME_MAX + 1]);

/* The way back: under which name a layer has what is stored as NAME, in BUF; false for marks of an
 * overlay and the host's own business. */
bool xattr_layer_name(const char *name, char buf[static XATTR_NAME_MAX + 1]);

/* Copies what a container should see when no overlay mount stands between: escaped names are told
 * back, marks of the overlay left out. -errno. Without security.capability, which chown(2) clears:
 */
int xattr_copy_fd(int in, int out);
int xattr_copy_capability_fd(int in, int out);
struct id_map_pair;
/* As it lies on disk, for a layer of other owners; again without security.capability. */
int xattr_copy_mapped_fd(int in, int out, const struct id_map_pair *map);
/* NAME in DIR, or DIR itself where it is "", has what these copy: 1 or 0, or -errno where that
 * cannot be said without opening it. */
int xattr_any_at(int dir, const char *name);
bool xattr_is_opaque(int fd);
