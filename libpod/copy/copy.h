/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's files: out and in (cp), as a whole (export), as a new image (commit), and what has
 * become of them (diff).
 *
 * Export, commit and diff read the layers themselves (see storage_rootfs_pack()), so that it does
 * not matter whether the container runs. Nothing of a container is ever executed or loaded.
 */
#pragma once

#include "libpod/record/record.h"

/* Writes the root file system as a tar stream, without what is mounted in it. Blocks. */
int container_export(struct container *c, int out_fd, struct cmk_err *err);

struct container_commit_options {
	const char *name;     /* of the new image, or NULL */
	char *const *changes; /* see struct image_import_options */
	const char *author, *message;
	const char *config; /* an image's "config" as JSON, merged into what the container gives */
	size_t config_len;
	bool pause; /* freeze a running one meanwhile, where it has a group */
	bool docker_format, squash, quiet;
	bool include_volumes; /* the container's volumes become the image's */
};
/* Makes an image of the container; *RET_ID is its full ID. Blocks. */
int container_commit(struct container *c, const struct container_commit_options *o, char **ret_id,
		     struct cmk_err *err);

/* What differs in NAME (a container or an image) from OTHER, or where that is NULL from what NAME
 * was made of: see storage_rootfs_changes(). Without the places in which cmk itself puts files. */
int container_changes(struct storage *st, const char *name, const char *other, bool images_only,
		      char ***ret, struct cmk_err *err);

/* Mounts the root file system, without what is mounted in it, for a session of `cmk unshare`:
 * *RET_PATH (owned) says where. Of a running container it is the very mount that it has. -EPERM
 * outside of a session. */
int container_mount(struct container *c, char **ret_path, struct cmk_err *err);
/* Takes one of its mounts in this session back, or ALL. 1 where there was none. */
int container_unmount(struct container *c, bool all, struct cmk_err *err);

/* One end of a copy. */
struct copy_place {
	struct container *c; /* borrowed; NULL: the host, or a stream */
	const char *path;    /* as typed */
	int stream_fd;	     /* a tar stream instead of a path; -1: none */
};
struct container_copy_options {
	bool archive;	/* what goes into a container belongs to its user (the default of cp) */
	bool overwrite; /* see struct storage_extract_options */
	bool follow;	/* a source that is a link stands for what it leads to */
	bool pause;	/* freeze those that run meanwhile, where they have a group */
};
/*
 * Copies a file or directory, as podman-cp(1) says of names and slashes. At least one end is a
 * container. Each end has a process of its own, which for a container is in its namespaces (one
 * that does not run is mounted there, with its volumes), with the fewest rights that do; between
 * them runs a tar stream. A container's links lead nowhere but into itself, whatever its processes
 * do meanwhile (CVE-2018-15664), and nothing of it is executed or loaded (CVE-2019-14271). Blocks.
 */
int container_copy(struct storage *st, const struct copy_place *from, const struct copy_place *to,
		   const struct container_copy_options *o, struct cmk_err *err);
/* The names in the directory PATH of C (not absolute: below its working directory), with a '/'
 * behind those of directories: added to *RET, in no order; of very many only some. As safe as a
 * copy. Blocks. */
int container_files(struct container *c, const char *path, char ***ret, struct cmk_err *err);
