/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage: where everything lies on disk, layers, image records, and the root file systems of
 * containers.
 *
 * Data directory ($XDG_DATA_HOME/cmk, --root):
 *   version                     schema of the whole tree; a newer one is refused
 *   driver*.json                what was found to work here (see storage_driver)
 *   layers/DIFFID-HEX/          layer.json, diff/ (files, owners as in the parent user namespace),
 *                               map-HASH/diff/ (the same with other owners: storage_layers_map())
 *   maps/DIFFID-HEX/            map-HASH/diff/ of layers in additional stores
 *   files/KEY                   files of layers by what they are: those of several are one inode
 *   images/ID-HEX/              image.json (record); manifest, config (bytes as they came; of a
 *                               manifest list: manifest, instances); former-names
 *   names/REFERENCE             symbolic link "../images/ID-HEX" for a full reference; '/' is '%'
 *   partial/ALGO-HEX            a download under way (flock held by its owner)
 *   artifacts/HEX/              an artifact: manifest, and blobs by the hex of their digests
 *   artifacts/names/REFERENCE   symbolic link "../HEX"
 *   blobs/HEX                   a layer's blob as it was shipped, kept for a push
 *   tmp/                        what is being built; swept when its lock is free
 *   containers/ID/              see libpod; storage owns upper/ work/ merged/ in it
 *   container-names/NAME        symbolic link to the ID
 * Additional stores (storage.conf(5), additionalimagestores) are such directories that others
 * write: their images, names and layers are found behind the own ones, and are never written. Run
 * directory ($XDG_RUNTIME_DIR/cmk, else /run/user/UID/cmk, else 0700 under /tmp; --runroot): chosen
 * once per boot and recorded in the data directory with the boot id, so that ssh, cron and su see
 * one truth.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/userns.h"

/* A driver: kernel overlay first, fuse-overlayfs next, plain copy last; detected by trying,
 * recorded in driver.json with the kernel release, shown by `cmk info`. $STORAGE_DRIVER (overlay,
 * vfs) overrides. */
struct storage_driver {
	const char *name; /* "overlay", "fuse-overlayfs", "vfs" */
	const char *why;  /* what the probe found, one line; lives as long as the storage */
	bool userxattr, lowerdir_append /* fsconfig lowerdir+ */, volatile_ok;
	bool data_lower; /* layers of metadata over data-only ones: one copy of an image for all
			    maps */
};

struct storage {
	char *root, *runroot; /* absolute paths, for messages and for others' programs */
	int root_fd, run_fd;  /* O_DIRECTORY */
	int layers_fd, images_fd, names_fd, containers_fd, container_names_fd, tmp_fd;
	char *volumes;			/* where volumes are */
	int volumes_fd, volumes_tmp_fd; /* internal: of storage_set_volume_path(), or -1 */
	struct userns_config userns;	/* loaded on use: storage_userns() */
	bool userns_loaded;
	char *driver_why;	      /* internal: what storage_driver.why points to */
	struct storage_driver driver; /* internal: once it was found; storage_driver_get() */
	bool swept;		      /* internal */
	struct storage_conf *conf;    /* internal: storage.conf, once it was read */
	char **extra;		      /* internal: the additional stores */
	bool extra_loaded;	      /* internal */
	int claim_fd; /* internal: the promise of a pull under way, -1 where there is none */
};

/* ROOT and RUNROOT NULL: the defaults. Makes what is missing (0700). A read-only home or unwritable
 * run directory is an error that names it. Takes no lock. */
int storage_open(const char *root, const char *runroot, struct storage **ret, struct cmk_err *err);
/* The directory of volumes, instead of volumes/ of the data directory, in what is opened from now
 * on; borrowed. NULL or "": that. What is being made or removed there lies in its .tmp. */
void storage_set_volume_path(const char *path);
struct storage *storage_free(struct storage *st);
/* What is made of the keys of containers-storage.conf(5); ended by a NULL name. */
enum storage_key_use {
	STORAGE_KEY_USED,
	STORAGE_KEY_PODMAN, /* says where Podman's own store is */
	STORAGE_KEY_MOOT,   /* about what cmk does not have */
	STORAGE_KEY_WARNED, /* cmk cannot do it: said where a container is made */
};
struct storage_key {
	const char *name; /* "storage.options.overlay.size" */
	enum storage_key_use use;
	const char *same; /* "|a|b|": values for what cmk does anyway */
	const char *text; /* for the man page; or NULL */
};
extern const struct storage_key storage_keys[];
int storage_userns(struct storage *st, const struct userns_config **ret, struct cmk_err *err);
/* Once per boot and data directory: true the first time a warning of this NAME is asked for (a file
 * in the run directory). */
bool storage_warn_once(struct storage *st, const char *name);

/* Removes all that there is, and the data and run directories with it where they hold nothing else.
 * The caller has removed what runs and what is mounted. ST is good for storage_free() alone then.
 */
int storage_reset(struct storage *st, struct cmk_err *err);

/* --- digests
 * ------------------------------------------------------------------------------------------------
 */

/* "sha256:" + 64 lower-case hex digits. Anything else is refused before it becomes a path or URL
 * (CVE-2024-3727). */
#define DIGEST_HEX_LEN 64
struct digest {
	char hex[DIGEST_HEX_LEN + 1];
};
int digest_parse(const char *s, struct digest *ret, struct cmk_err *err); /* with the prefix */
int digest_parse_hex(const char *s, struct digest *ret);
void digest_of(const void *data, size_t len, struct digest *ret);
/* The digest of nothing, for a name that is unique. */
void digest_draw(struct digest *ret);
/* "sha256:HEX" in BUF. */
const char *digest_str(const struct digest *d, char buf[static 72]);
/* Of all that FD gives from its position on. 0 or -errno. */
int digest_of_fd(int fd, struct digest *ret);
/* Incremental hashing (nettle, SHA instructions where the CPU has them). */
struct digest_ctx;
struct digest_ctx *digest_new(void);
void digest_update(struct digest_ctx *c, const void *data, size_t len);
void digest_final(struct digest_ctx *c, struct digest *ret); /* and starts again */
void digest_ctx_free(struct digest_ctx *c);

/* --- layers
 * -------------------------------------------------------------------------------------------------
 */

/* Not where a power cut may have emptied it before it was synced: it is unpacked again then. */
bool storage_layer_exists(struct storage *st, const struct digest *diff_id);
/* A descriptor of the directory of the layer "sha256:…", in whichever store it is. -ENOENT. */
int storage_layer_open(struct storage *st, const char *diff_id, struct cmk_err *err);
/* Bytes of the tar stream that it was; 0 where there is none, or its record cannot be read. */
uint64_t storage_layer_size(struct storage *st, const struct digest *diff_id);

struct image_layer_ref;
/*
 * For containers whose ids are not those of the parent user namespace (MAP: ids inside to ids of
 * the parent): sees to files with the owners that MAP gives them, and sets .map of LAYERS: of each
 * to a copy of it; where the driver can (.data_lower) of the last one alone, to the metadata of
 * them all, over their data. Each is made once, by rename, lies in the layer's directory and is
 * removed with it. Blocks meanwhile. Metadata that need not be DURABLE are there until the power
 * goes, and mostly then, too: they are synced behind the caller's back.
 */
int storage_layers_map(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
		       const struct id_map_pair *map, bool durable, struct cmk_err *err);

/* The same for containers whose ids are those of the parent, where LAYERS are in another user's
 * store, whose ids are not: gives the files the owners that the layers say. Does nothing where that
 * is not so, or the driver cannot. */
int storage_layers_own(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
		       bool durable, struct cmk_err *err);

/* The highest user or group id among the owners of the files of LAYERS, as these say; UINT32_MAX
 * where one does not tell. */
uint32_t storage_layers_max_id(struct storage *st, const struct image_layer_ref *layers, size_t n);

/* A file that a layer shares with other layers: those of the same KEY are one inode. */
struct storage_shared_file {
	char key[33];
	size_t layer; /* of the caller's list */
	uint64_t size;
};
/* Files that several of the N layers DIFF_IDS ("sha256:…") of this store have, by key; owned. A
 * layer that cannot be read shares nothing. */
void storage_shared_files(struct storage *st, const char *const *diff_ids, size_t n,
			  struct storage_shared_file **ret, size_t *ret_n);
/* What storage_layers_map() made. */
struct storage_map {
	struct digest layer; /* in whose directory it is */
	bool is_foreign;     /* beside that, which is in an additional store */
	char name[32];	     /* as in image_layer_ref.map */
	uint64_t bytes;	     /* that it takes on the disk */
	uint64_t saved;	     /* that a copy would take beside */
};
/* All of them, with their sizes, measured in one child inside the parent user namespace; owned. */
int storage_map_list(struct storage *st, struct storage_map **ret, size_t *ret_n,
		     struct cmk_err *err);

enum layer_compression {
	LAYER_TAR,
	LAYER_GZIP,
	LAYER_ZSTD,
	LAYER_ZSTD_CHUNKED, /* to be written; read as zstd */
	/* Only read: */
	LAYER_XZ,
	LAYER_BZIP2,
	LAYER_DETECT,
};
/* "tar", "gzip", "zstd", "zstd:chunked", "xz", "bzip2", "detect". */
const char *layer_compression_name(enum layer_compression c);
int layer_compression_parse(const char *name, enum layer_compression *ret); /* -EINVAL */

/* How a blob lets parts of it be read: not at all; containers-storage-zstd-chunked.md;
 * stargz-snapshotter's estargz.md. */
enum layer_chunking { CHUNKED_NONE, CHUNKED_ZSTD, CHUNKED_ESTARGZ };
#define LAYER_TOC_MAX ((size_t)16 << 20) /* bytes of a table of contents, compressed or not */
#define LAYER_RANGES_MAX 256
struct layer_range {
	uint64_t offset, len; /* of the blob */
};
/* Where its table of contents is. */
struct layer_toc {
	enum layer_chunking kind;
	struct digest digest;	   /* of it: compressed (zstd), not compressed (eStargz) */
	struct layer_range place;  /* of an eStargz: unknown (0) until its footer was read */
	struct layer_range split;  /* tar-split data; LEN 0: none */
	uint64_t size, split_size; /* not compressed; 0 where not known */
};

struct layer_unpack {
	int in_fd;			  /* pipe or file with the blob's bytes, read to its end */
	const struct digest *blob_digest; /* of the bytes as they come, or NULL (import) */
	uint64_t blob_size;		  /* exact, or 0 where unknown */
	const struct digest *diff_id;	  /* expected, or NULL: any (import) */
	enum layer_compression compression;
	/* IN_FD is a file of which others read too: the blob is its BLOB_SIZE bytes from OFFSET on.
	 */
	bool part;
	uint64_t offset;
	const struct digest *pending; /* internal: the files are there, in this pending layer */
};
struct layer_result {
	struct digest diff_id, blob_digest;
	uint64_t size;	      /* bytes of the tar stream */
	uint64_t blob_size;   /* bytes as they came */
	struct layer_toc toc; /* of a stream that was written as zstd:chunked, where it has one */
};
/*
 * Unpacks one layer in a child inside the parent user namespace: hash ∥ decompress ∥ hash ∥ write.
 * The layer appears by rename when both digests have been verified, or not at all. Blocks. Every
 * path is hostile: see tar.h. Two unpacks of the same diff ID: the second finds it done and drops
 * its own. No syncfs here: see storage_sync().
 */
int storage_layer_unpack(struct storage *st, const struct layer_unpack *u, struct layer_result *ret,
			 struct cmk_err *err);
/* The same without waiting: a child process does it; collect with storage_layer_collect(). For
 * several side by side. */
struct layer_job;
int storage_layer_start(struct storage *st, const struct layer_unpack *u, struct layer_job **ret,
			struct cmk_err *err);
int storage_layer_collect(struct layer_job *job, struct layer_result *ret,
			  struct cmk_err *err); /* waits, frees JOB */
int storage_layer_job_pidfd(const struct layer_job *job);
/* Kills and reaps the job and sweeps what it wrote. */
void storage_layer_cancel(struct layer_job *job);
/* Writes a layer's tar stream to FD; blocks. -EPIPE where nobody reads. */
typedef int (*storage_pack_fn)(void *arg, int fd, struct cmk_err *err);
/* A layer of what PACK writes, which one child does while others unpack it: the layer's digest is
 * of what was read back, and what is kept is what it is of. */
int storage_layer_make(struct storage *st, storage_pack_fn pack, void *arg,
		       struct layer_result *ret, struct cmk_err *err);

struct layer_stream {
	const struct digest *diff_id;
	enum layer_compression compression; /* one that can be written */
	int level;			    /* gzip 1..9, zstd 1..22; negative: the default */
	int out_fd;			    /* pipe or file; -1: nobody wants it */
	bool check; /* damaged files are told by their names, a line each, whatever it costs */
};
/*
 * Writes the tar stream of a layer that is here, byte for byte as it once came: the helper cmk-pack
 * puts it together in the parent user namespace. *RET has what its digests are. -EBADMSG where the
 * stream is not the one of the diff ID: the layer is damaged (and what was written is nothing to
 * keep); -ENODATA where an older cmk has kept nothing from which it could be made. Blocks.
 */
int storage_layer_stream(struct storage *st, const struct layer_stream *s, struct layer_result *ret,
			 struct cmk_err *err);

/*
 * A layer that lies in another program's store, as files and as a record of what else was in its
 * tar stream (tar_asm.h): the helper cmk-pack, in the parent user namespace, puts the stream
 * together. *RET_FD is a pipe that gives it. DIR_FD (which may be O_PATH) is the directory of the
 * files, SPLIT_FD the record; both borrowed. Nothing outside of DIR_FD is read.
 */
struct layer_assembly;
int storage_assembly_start(struct storage *st, int dir_fd, int split_fd, int *ret_fd,
			   struct layer_assembly **ret, struct cmk_err *err);
/* Waits, and frees A. -EBADMSG where files or the record are damaged: says which; -EPIPE where
 * nobody read on. */
int storage_assembly_finish(struct layer_assembly *a, struct cmk_err *err);
void storage_assembly_cancel(struct layer_assembly *a);
/* Whether storage.conf lets layers be completed from parts (pull_options). */
bool storage_partial_wanted(struct storage *st);
/* The storage.conf that is read, owned; where there is none, the user's own, which would be. */
char *storage_conf_path(void);
/* What of it is set here, by Podman's names: "overlay.mountopt=nodev"; owned, may be NULL. */
char **storage_conf_options(struct storage *st);
/* The additional image stores; borrowed, may be NULL. */
char *const *storage_conf_stores(struct storage *st);
/* Options (--storage-opt) in the place of those of storage.conf and $STORAGE_OPTS, for what is
 * opened from now on; borrowed. NULL: none are given. */
void storage_set_options(char *const *list);
/* Where Podman keeps its images, as storage.conf says or by default. */
struct storage_podman {
	char *driver; /* that it names; NULL: none */
	char **roots; /* absolute paths: the store first, then what it reads beside it (which may be
			 none of Podman's) */
};
int storage_podman_find(struct storage *st, struct storage_podman *ret, struct cmk_err *err);
void storage_podman_done(struct storage_podman *p);

/* Where the footer of an eStargz (its last ESTARGZ_FOOTER bytes) says that the table of contents
 * is. -EBADMSG. */
#define ESTARGZ_FOOTER 51
int storage_estargz_footer(const uint8_t footer[static ESTARGZ_FOOTER], uint64_t blob_size,
			   struct layer_range *ret, struct cmk_err *err);
/*
 * A layer from parts of its blob and files of other layers. BLOB_FD (borrowed) is a file that holds
 * each byte that is here of the blob where it belongs: TOC->place and TOC->split at first. The
 * helper cmk-chunked reads them and looks for the layer's files in the store. What it still wants
 * is in storage_partial_ranges(); with that in BLOB_FD, storage_partial_finish() makes the layer as
 * storage_layer_unpack() does, of its whole tar stream, whose diff ID is verified. A blob that is
 * not as it should be is -EBADMSG, and may be taken as a whole all the same.
 */
struct layer_partial;
int storage_partial_start(struct storage *st, const struct layer_toc *toc, uint64_t blob_size,
			  int blob_fd, struct layer_partial **ret, struct cmk_err *err);
/* Borrowed. */
const struct layer_range *storage_partial_ranges(const struct layer_partial *p, size_t *ret_n);
/* Blocks; frees P. */
int storage_partial_finish(struct layer_partial *p, const struct digest *diff_id,
			   struct layer_result *ret, struct cmk_err *err);
void storage_partial_cancel(struct layer_partial *p);
/* One syncfs(2) for everything that a pull wrote. */
int storage_sync(struct storage *st, struct cmk_err *err);
/* -ENOSPC naming need and room where the file system of the data directory has less than BYTES
 * free, and no kept blobs that could make way. */
int storage_check_space(struct storage *st, uint64_t bytes, struct cmk_err *err);

/* --- kept blobs: see blobs.c
 * ------------------------------------------------------------------------------------------ */

/* Which of the blobs that were downloaded are kept: those for which there is room, a share of the
 * free space; all; none. */
enum storage_keep { STORAGE_KEEP_ROOM, STORAGE_KEEP_ALWAYS, STORAGE_KEEP_NEVER };
/* "room", "always", "never"; -EINVAL. */
int storage_keep_parse(const char *word, enum storage_keep *ret);
/* Takes over the file NAME of DIRFD, a directory of the store: SIZE bytes that were compared with
 * DIGEST. False, and the file is where it was, where KEEP is against it. */
bool storage_blob_keep(struct storage *st, enum storage_keep keep, int dirfd, const char *name,
		       const struct digest *digest, uint64_t size);
/* A descriptor of the kept blob DIGEST ("sha256:…") of SIZE bytes, whose bytes have been compared
 * with it; -ENOENT where there is none. Reads the whole of it. */
int storage_blob_open(struct storage *st, const char *digest, uint64_t size);
struct storage_blob {
	struct digest digest;
	uint64_t size;
	int64_t used_ns; /* when it was kept, or last used: since the epoch */
};
/* All, the one not used for the longest time first; owned. */
int storage_blob_list(struct storage *st, struct storage_blob **ret, size_t *ret_n,
		      struct cmk_err *err);
/* Removes all; *RET_BYTES is what went. */
int storage_blob_drop_all(struct storage *st, uint64_t *ret_bytes, struct cmk_err *err);

/* --- image records
 * ------------------------------------------------------------------------------------------ */

struct image_layer_ref {
	char *diff_id; /* "sha256:…" */
	bool pending;  /* that is a name of this store alone (see storage_layer_settle()) */
	char *map;  /* of a container: which copy with other owners (storage_layers_map()); or NULL
		     */
	char *blob; /* digest of the blob as shipped, "" where unknown */
	char *media_type;
	uint64_t blob_size, size;
	char **notes; /* "KEY=VALUE": annotations for a manifest; not in the record */
};

struct image_record {
	int schema;
	char *id;	       /* hex of the config's digest, but see CONFIG_DIGEST */
	char *manifest_digest; /* "sha256:…" of the manifest's bytes */
	char *manifest_type;   /* media type */
	char **digests;	       /* manifest and index digests by which it was pulled: "sha256:…" */
	char **repo_digests;   /* "registry/repo@sha256:…" */
	char *created;	       /* RFC 3339, from the config */
	char *architecture, *os, *variant;
	uint64_t size;			/* sum of the layers' tar sizes */
	struct image_layer_ref *layers; /* bottom first */
	size_t n_layers;
	/* A manifest list: it has no config and no layers, and its ID, which stays when it changes,
	 * is the digest of nothing. DIGESTS has that of the list as it is alone. */
	bool is_list;
	/* Some layers are pending: there is no manifest yet, and the config has their names for
	 * diff IDs. The ID was drawn, and stays when the image has been settled; CONFIG_DIGEST is
	 * "sha256:…" then. */
	bool pending;
	char *config_digest;
	char **names;	/* not stored in the record: filled from names/ by load and list */
	bool read_only; /* nor this: it is in an additional store */
	char *extra;
};
void image_record_done(struct image_record *r);

/* What the image is known by elsewhere: of the index by which it was pulled, or else of its
 * manifest; "sha256:…", R's, or NULL. */
const char *storage_image_digest(const struct image_record *r);
/* Of the config: "sha256:…" in BUF; of a pending image what it is not. */
const char *storage_image_config_digest(const struct image_record *r, char buf[static 72]);
/* Writes the image directory (durable); the layers must exist. An image that exists gets DIGESTS
 * merged. MANIFEST is NULL of a pending image. */
int storage_image_put(struct storage *st, const struct image_record *r, const void *manifest,
		      size_t manifest_len, const void *config, size_t config_len,
		      struct cmk_err *err);
/* Instead of the pending image of R's ID the one that it has become; -ENOENT where that is gone,
 * and nothing where somebody else was first. */
int storage_image_settled(struct storage *st, const struct image_record *r, const void *manifest,
			  size_t manifest_len, const void *config, size_t config_len,
			  struct cmk_err *err);
/* ID is full hex. */
int storage_image_load(struct storage *st, const char *id, struct image_record *ret,
		       struct cmk_err *err);
/* The raw bytes; owned by the caller. */
int storage_image_config(struct storage *st, const char *id, char **ret, size_t *ret_len,
			 struct cmk_err *err);
int storage_image_manifest(struct storage *st, const char *id, char **ret, size_t *ret_len,
			   struct cmk_err *err);
/*
 * Writes the manifest list R (.is_list): its MANIFEST, and INSTANCES, what else the caller keeps of
 * it. WAS is the digest of the list that it takes the place of, NULL where it is a new one; -EAGAIN
 * where by now there is another: somebody else has changed it, and it must be read again. Durable.
 */
int storage_list_put(struct storage *st, const struct image_record *r, const char *was,
		     const void *manifest, size_t manifest_len, const void *instances,
		     size_t instances_len, struct cmk_err *err);
/* ID is a manifest list's. */
bool storage_is_list(struct storage *st, const char *id);
int storage_list_instances(struct storage *st, const char *id, char **ret, size_t *ret_len,
			   struct cmk_err *err);
/* All images, newest first. A record that cannot be read is named on stderr and skipped. */
int storage_image_list(struct storage *st, struct image_record **ret, size_t *ret_n,
		       struct cmk_err *err);
void storage_image_list_free(struct image_record *list, size_t n);
/* NAME is a full reference with tag ("docker.io/library/alpine:latest"). Replaces atomically. */
int storage_name_set(struct storage *st, const char *name, const char *id, struct cmk_err *err);
int storage_name_remove(struct storage *st, const char *name, struct cmk_err *err); /* -ENOENT */
/* 0 with *RET_ID (owned) or -ENOENT. */
int storage_name_lookup(struct storage *st, const char *name, char **ret_id);
/* The names of REC, then those that it had before, the last one first; owned. */
char **storage_image_name_history(struct storage *st, const struct image_record *rec);
/* The image whose ID was drawn, and whose config has the digest that begins with PREFIX, in hex: 0
 * with *RET_ID (owned), -ENOENT, -ENOTUNIQ. */
int storage_image_by_config(struct storage *st, const char *prefix, char **ret_id);
/* Full id from a unique hex prefix, of it or else of its config's digest: -ENOENT, -ENOTUNIQ. */
int storage_image_by_prefix(struct storage *st, const char *prefix, char **ret_id,
			    struct cmk_err *err);
/* Removes record, names, and layers no other image or container uses. Under the storage lock.
 * -EBUSY where it is mounted (storage_image_mount()), -EROFS where it is in an additional store.
 */
int storage_image_remove(struct storage *st, const char *id, struct cmk_err *err);

/* --- container root file systems
 * ----------------------------------------------------------------------------- */

/* Found once per command. */
int storage_driver_get(struct storage *st, struct storage_driver *ret, struct cmk_err *err);

/* What a container's mount step needs; opened before entering its namespaces, used inside
 * (descriptors survive). */
struct rootfs_plan {
	char *driver;
	char **lower;	    /* absolute paths of the layers' diff directories, top first */
	char **data;	    /* the same of directories below them with nothing but data (meta.h) */
	char *upper, *work; /* absolute, made by storage_rootfs_prepare(); NULL: read-only */
	char *merged;	    /* mount point, absolute */
	bool unsynced;	    /* its mount syncs nothing */
	bool is_volatile;   /* --rm: nothing of the upper directory must outlive a power cut */
	uint64_t mount_set, mount_clear; /* of MOUNT_ATTR_…, where it is mounted */
	bool read_only_bind; /* --rootfs: MERGED is the directory itself, no overlay: bound onto
				itself, so that it can be entered; read-only only where the spec
				says so */
	const char *label_option; /* "context=" and such; never freed */
	char *label;		  /* SELinux's; NULL: none */
};
/* The file system that is mounted has LABEL, by the option NAME of mount(8), "context" or one of
 * its kind, which is never freed. Nothing where LABEL is NULL or empty. */
void storage_rootfs_label(struct rootfs_plan *p, const char *name, const char *label);
void rootfs_plan_done(struct rootfs_plan *p);
/* Makes containers/ID/{upper,work,merged} (owned as the parent user namespace wants; for vfs copies
 * the layers) and fills the plan. LAYERS are diff IDs, bottom first. Read-only containers get an
 * upper directory as well. */
int storage_rootfs_prepare(struct storage *st, const char *container_id,
			   struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			   struct rootfs_plan *ret, struct cmk_err *err);
/* The name of the driver with which the container was made, and stays; NULL where that cannot be
 * told. Never freed. */
const char *storage_rootfs_driver(struct storage *st, const char *container_id);
/* What lies where for a container that was prepared before, whether it runs or not. Changes
 * nothing.
 */
int storage_rootfs_plan(struct storage *st, const char *container_id,
			struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			struct rootfs_plan *ret, struct cmk_err *err);
/* The same for layers alone (bottom first): without an upper directory, not to be mounted. */
int storage_layers_plan(struct storage *st, struct image_layer_ref *layers, size_t n_layers,
			struct rootfs_plan *ret, struct cmk_err *err);
/* Plan for a container that was prepared before (`start` again). Clears work/incompat/volatile. */
int storage_rootfs_reopen(struct storage *st, const char *container_id,
			  struct image_layer_ref *layers, size_t n_layers, bool is_volatile,
			  struct rootfs_plan *ret, struct cmk_err *err);
/* Plan of an overlay on the directory DIR, not of layers (--rootfs DIR:O); makes upper, work and
 * merged where they are absent. -EOPNOTSUPP where the driver is none that can. */
int storage_rootfs_over(struct storage *st, const char *container_id, const char *dir,
			struct rootfs_plan *ret, struct cmk_err *err);
/*
 * Mounts PLAN on its merged directory in the calling process's mount namespace; called by the
 * container's init inside its user and mount namespace, after it made mounts private, before it
 * enters the root. Needs CAP_SYS_ADMIN there. fuse-overlayfs is started by the caller's process (it
 * stays in the container's namespaces' parent; dies with the mount).
 */
int storage_rootfs_mount(const struct rootfs_plan *plan, struct cmk_err *err);
/* What a container's own files take: bytes of regular files and links. */
struct rootfs_usage {
	const char *id;
	const struct image_layer_ref *own; /* in: layers that count as its own files */
	size_t n_own;
	int64_t created_ns; /* in: since the epoch; tells what of a plain copy was changed since */
	uint64_t changed;   /* out: written by the container */
	uint64_t copied;    /* out: of the image, where the driver copies (vfs) */
};
/* Fills the sizes of N containers, in one child inside the parent user namespace. */
int storage_rootfs_usage(struct storage *st, struct rootfs_usage *list, size_t n,
			 struct cmk_err *err);
/* Removes containers/ID/{upper,work,merged} (in the parent user namespace: files belong to
 * subordinate ids). */
int storage_rootfs_remove(struct storage *st, const char *container_id, struct cmk_err *err);

/* --- layers without a diff ID yet
 * ----------------------------------------------------------------------------
 *
 * A commit need not read what a container has changed: its upper directory becomes a layer as it
 * is, or shares its data with one. Such a pending layer lies under a name that was drawn,
 * layers/NAME/, and has neither diff ID nor record of a tar stream. Who needs them settles it, once
 * and for all: then it lies under its diff ID like any other, and NAME is a link to that, for the
 * containers whose records have it.
 */

/* What an upper directory holds. */
struct storage_upper {
	uint64_t bytes, n_entries; /* of its tar stream, about */
	bool plain;		   /* nothing but what a layer can have */
	bool root_changed;	   /* "/" is not what the layers below have */
};
/* Looks through the upper directory of PLAN, in a child inside the parent user namespace; where the
 * driver is not the kernel's overlay, or layers have other owners, it is not plain. */
int storage_upper_look(struct storage *st, const struct rootfs_plan *plan,
		       struct storage_upper *ret, struct cmk_err *err);
static inline bool storage_upper_is_empty(const struct storage_upper *u)
{
	return u->n_entries == 0 && !u->root_changed;
}
/*
 * In two steps, for a container that nobody has mounted, under its lock. The first makes a pending
 * layer with an empty directory, *RET, which the caller then adds to the layers in the container's
 * record (durable): for the container nothing is different. The second is one rename(2) that
 * exchanges that directory and the upper one: again the container sees what it saw. Killed before,
 * between or after, nothing is to be repaired.
 */
int storage_pending_make(struct storage *st, const struct rootfs_plan *plan,
			 const struct storage_upper *upper, struct image_layer_ref *ret,
			 struct cmk_err *err);
int storage_pending_take(struct storage *st, const struct rootfs_plan *plan,
			 const struct image_layer_ref *layer, struct cmk_err *err);
/* A pending layer whose files share their data with those of the upper directory, which stays.
 * -EOPNOTSUPP where the file system cannot do that. */
int storage_pending_share(struct storage *st, const struct rootfs_plan *plan,
			  const struct storage_upper *upper, struct image_layer_ref *ret,
			  struct cmk_err *err);
/* Gives the pending layer DIFF_ID ("sha256:NAME") its own diff ID and the record of its stream;
 * *RET is what is known of it, also where it has been settled before. Reads all of it. Killed, it
 * is still pending. -EROFS where it is in an additional store. */
int storage_layer_settle(struct storage *st, const char *diff_id, struct layer_result *ret,
			 struct cmk_err *err);
/* A pending LAYER that somebody has settled since is called by its diff ID. */
void storage_layer_resolve(struct storage *st, struct image_layer_ref *layer);
/* The diff ID of the layer that is or was called DIFF_ID, or that itself; owned. */
char *storage_layer_diff_id(struct storage *st, const char *diff_id);
/* Removes layers that nothing names any more, as the removal of an image does. */
int storage_layers_collect(struct storage *st, struct cmk_err *err);

/* --- mounts for people: containers and images, in a session of `cmk unshare`
 * ---------------------------------------------------------------------------
 *
 * They are of the session's mount namespace and end with it. See mount.c for the records.
 */

enum storage_mount_kind { STORAGE_MOUNT_CONTAINER = 'c', STORAGE_MOUNT_IMAGE = 'i' };
struct storage_mounted {
	char *id, *path;
};
/* -EPERM where the caller, `cmk COMMAND`, is not in a session. */
int storage_mount_check(struct storage *st, const char *command, struct cmk_err *err);
/* Mounts the container ID, under its lock: MNT, a detached mount, or where that is -1 what PLAN
 * says. One that is mounted in the session already is only counted. *RET_PATH is the caller's. */
int storage_mount_add(struct storage *st, enum storage_mount_kind kind, const char *id,
		      const struct rootfs_plan *plan, int mnt, char **ret_path,
		      struct cmk_err *err);
/* An image, read-only. Takes the storage lock. */
int storage_image_mount(struct storage *st, const char *id, char **ret_path, struct cmk_err *err);
/* One count less, or ALL; with the last one it is unmounted. 1 where it was not mounted here. */
int storage_mount_drop(struct storage *st, enum storage_mount_kind kind, const char *id, bool all,
		       struct cmk_err *err);
/* What is mounted in this session; the list is freed by storage_mounted_free(). */
int storage_mount_list(struct storage *st, enum storage_mount_kind kind,
		       struct storage_mounted **ret, size_t *ret_n, struct cmk_err *err);
void storage_mounted_free(struct storage_mounted *list, size_t n);
/* In any session. */
bool storage_is_mounted(struct storage *st, enum storage_mount_kind kind, const char *id);
/* Unmounts it in all sessions. */
int storage_mount_end(struct storage *st, enum storage_mount_kind kind, const char *id,
		      struct cmk_err *err);
/* A detached copy of its mount in some session, for a process in the parent user namespace: the
 * same overlay must not be mounted a second time. -ENOENT where there is none. */
int storage_mount_open(struct storage *st, enum storage_mount_kind kind, const char *id);
/* The same of the mount at PATH in the mount namespace MNT_NS (a descriptor of it). */
int storage_mount_clone(int mnt_ns, const char *path, struct cmk_err *err);

/* --- root file systems as tar streams, and what changed in them
 * ------------------------------------------------------------------ */

struct storage_pack_options {
	/* Only what the uppermost directory holds, with the marks of a layer (image-spec
	 * layer.md#whiteouts), for a driver that has one; else everything, merged. */
	bool marks;
	/* For a driver without one: what storage_rootfs_changes() says, with marks too; NULL:
	 * everything. */
	char *const *changes;
	const struct id_map *uids, *gids; /* the container's, in the parent user namespace; NULL:
					     ids are as they lie there */
	bool owner_given;		  /* everything belongs to UID and GID */
	uint32_t uid, gid;
};
/*
 * Writes PLAN's files to OUT_FD as a tar stream, sorted by name: the same files give the same
 * bytes. Read from the layers themselves, without a mount, by a child in the parent user namespace;
 * mounts of a running container are not in it, sockets neither. Blocks. -EPIPE where nobody reads.
 */
int storage_rootfs_pack(struct storage *st, const struct rootfs_plan *plan,
			const struct storage_pack_options *o, int out_fd, struct cmk_err *err);
/* Whether PLAN's driver keeps what a container changed apart, as `marks` wants it. */
bool storage_rootfs_has_upper(const struct rootfs_plan *plan);
/* What differs in NOW from BEFORE, sorted by path: "A/path" added, "C/path" changed, "D/path"
 * deleted; an owned vector. Of a directory that was added all below it is named, of one that was
 * deleted only itself. Blocks. */
int storage_rootfs_changes(struct storage *st, const struct rootfs_plan *now,
			   const struct rootfs_plan *before, char ***ret, struct cmk_err *err);

/* --- files between directories, through a tar stream (cp)
 * ------------------------------------------------------------------------------------- */

/* Writes the entry NAME of the directory PARENT_FD, with all below it, to OUT_FD as an archive in
 * which it is called AS; AS NULL: what is in the directory NAME, without itself. Nothing is
 * followed. What the kernel shows there as files (/proc, /sys) is left out. In this process. */
int storage_pack_entry(int parent_fd, const char *name, const char *as,
		       const struct storage_pack_options *o, int out_fd, struct cmk_err *err);

struct storage_extract_options {
	bool overwrite;	  /* a directory may give way to what is none, and the other way round */
	bool single;	  /* everything belongs to the caller */
	bool not_empty;	  /* nothing at all is no archive */
	bool owner_given; /* everything belongs to UID and GID */
	uint32_t uid, gid;
	const char *shown; /* how the directory is called in messages: "" or "/tmp" */
};
/* Reads a tar stream (not compressed) from IN_FD to its end and makes its files below DIR_FD,
 * among those that are there; never anywhere else. Devices are left out. In this process. The
 * archive is hostile: confine the process before, see storage_extract_confine(). -EBADMSG where
 * it is no archive. */
int storage_extract(int dir_fd, int in_fd, const struct storage_extract_options *o,
		    struct cmk_err *err);
/* Fewest rights for a process that makes, or reads, files of a container, for good; after the last
 * change of ids and namespaces. */
int storage_extract_confine(struct cmk_err *err);
/* Starts the helper that copies FD's bytes, decompressed where they are compressed, to *RET_FD, a
 * pipe. Reap *RET_PID. */
int storage_decompress_start(int fd, int *ret_fd, pid_t *ret_pid, struct cmk_err *err);
/* --- archives of files, for images
 * ------------------------------------------------------------------------------------- */

/* A tar archive of plain files, mode 0644, and directories (a NAME that ends in '/'), of no time
 * and nobody: the same files make the same bytes. FD is borrowed. */
struct archive_writer;
struct archive_writer *storage_writer_new(int fd);
void storage_writer_free(struct archive_writer *w);
int storage_writer_add(struct archive_writer *w, const char *name, const void *data, size_t len,
		       struct cmk_err *err);
/* SIZE bytes of the file FD. */
int storage_writer_add_fd(struct archive_writer *w, const char *name, int fd, uint64_t size,
			  struct cmk_err *err);
/* The caller, or a process of its, then writes SIZE bytes to the archive's descriptor itself. */
int storage_writer_begin(struct archive_writer *w, const char *name, uint64_t size,
			 struct cmk_err *err);
int storage_writer_finish(struct archive_writer *w, struct cmk_err *err);

/* --- members of an archive, by name
 * -------------------------------------------------------------------------------------------------
 *
 * For archives that hold images: nothing is ever extracted under a name of theirs. The archive is
 * hostile; its names stand for nothing but themselves, and links lead to other members alone.
 */

struct storage_archive;
struct storage_member {
	uint64_t offset, size; /* in the archive's file */
};
/* Reads the places of all members, once, from FD's position on: a regular file, borrowed as long as
 * the archive is open. -EBADMSG where it is no tar file. */
int storage_archive_open(int fd, struct storage_archive **ret, struct cmk_err *err);
struct storage_archive *storage_archive_free(struct storage_archive *a);
static inline void storage_archive_cleanup(struct storage_archive **a)
{
	(void)storage_archive_free(*a);
}
/* The regular file NAME ("a/b"); links are followed, within the archive. -ENOENT; -EBADMSG where
 * there are two of that name, or links that lead nowhere. */
int storage_archive_find(const struct storage_archive *a, const char *name,
			 struct storage_member *ret, struct cmk_err *err);
/*
 * What FD gives from its position on, as a file that can be sought and is not compressed: FD's own,
 * where it is one (*RET_FD is another descriptor of it), else an unnamed file in the data directory
 * into which it was copied, decompressed where it is compressed. -ENOSPC before the file system
 * is full: as much as was copied stays free. Blocks.
 */
int storage_plain_file(struct storage *st, int fd, int *ret_fd, struct cmk_err *err);
/* An empty file without a name in the data directory; a descriptor. */
int storage_unnamed_file(struct storage *st, struct cmk_err *err);
/* --- volumes
 * -------------------------------------------------------------------------------------------------
 *
 *   DATA/volumes/NAME/volume.json     the record, written once
 *   DATA/volumes/NAME/_data           the files
 *   DATA/volumes/NAME/needs-copy-up   until the first container that finds content for it in its
 *                                     image has copied that; "filling" instead while it copies
 *   DATA/volumes/NAME/needs-chown     until the first container has used it
 *
 * A volume appears and goes by rename: one winner per name, whole or not at all. Lock: flock on its
 * directory; shared by who is about to name it in a container's record, exclusive for its removal
 * and for whoever fills it. Which containers use a volume is told by their records alone.
 */

struct volume_record {
	int schema;
	char *name, *created, *driver; /* RFC 3339; "local" */
	char **labels, **options;      /* "KEY=VALUE" */
	bool anonymous;		       /* goes with the last container that uses it */
	bool unnamed;		       /* made without a name, for no container: it does not */
	uint32_t uid,
		gid; /* owner of _data, as in a container: at its creation, once used as it is */
	char *extra;
	/* not in the record: */
	char *mountpoint; /* of _data, absolute */
	bool needs_copy_up, needs_chown;
};
void storage_volume_done(struct volume_record *v);
void storage_volume_list_free(struct volume_record *list, size_t n);
/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 240 bytes. */
bool storage_volume_name_valid(const char *name);
/* Whether there is a directory of this name, in whatever state. */
bool storage_volume_exists(const struct storage *st, const char *name);
/* -EEXIST where there is one of the name. NO_COPY: nothing is copied into it from images. */
int storage_volume_create(struct storage *st, const struct volume_record *v, bool no_copy,
			  bool durable, struct cmk_err *err);
int storage_volume_load(struct storage *st, const char *name, struct volume_record *ret,
			struct cmk_err *err);
/* By name or the unique beginning of one: -ENOENT, -ENOTUNIQ. */
int storage_volume_find(struct storage *st, const char *name, struct volume_record *ret,
			struct cmk_err *err);
/* By name. One that cannot be read is named on stderr and left out. */
int storage_volume_list(struct storage *st, struct volume_record **ret, size_t *ret_n,
			struct cmk_err *err);
/* A descriptor of its directory, locked; -ENOENT. */
int storage_volume_lock(struct storage *st, const char *name, bool exclusive, struct cmk_err *err);
/* Under the exclusive lock: with all its files. */
int storage_volume_remove(struct storage *st, const char *name, bool durable, struct cmk_err *err);
/* What volumes take: bytes of regular files and links; what is mounted there is not looked at. */
struct volume_usage {
	const char *name;
	uint64_t bytes; /* out */
};
/* Fills the sizes of N volumes, in one child inside the parent user namespace. */
int storage_volume_usage(struct storage *st, struct volume_usage *list, size_t n,
			 struct cmk_err *err);
/* Removes what a killed removal or creation left. */
void storage_volume_sweep(struct storage *st);

/* --- artifacts: manifests and blobs that are files, never unpacked
 * -------------------------------------------------------------------------------------------------
 */

struct storage_artifact {
	char *name;	  /* as it was given, with a tag or digest */
	struct digest id; /* of the manifest */
	char *manifest;
	size_t manifest_len;
};
void storage_artifact_done(struct storage_artifact *a);
void storage_artifact_list_free(struct storage_artifact *list, size_t n);
/* By name; one that cannot be read is named on stderr and left out. */
int storage_artifact_list(struct storage *st, struct storage_artifact **ret, size_t *ret_n,
			  struct cmk_err *err);
/* -ENOENT with CMK_ERR_NOT_FOUND; NAME whole. */
int storage_artifact_find(struct storage *st, const char *name, struct storage_artifact *ret,
			  struct cmk_err *err);
/* Where a blob of the artifact ID is, owned; and a descriptor of it. */
char *storage_artifact_path(const struct storage *st, const struct digest *id,
			    const struct digest *blob);
int storage_artifact_open(struct storage *st, const struct digest *id, const struct digest *blob,
			  struct cmk_err *err);

/* One that is being made; .fd is -1 where there is none. */
struct artifact_build {
	struct storage *st;
	int fd;
	char tmp[32];
};
int storage_artifact_begin(struct storage *st, struct artifact_build *ret, struct cmk_err *err);
/* Nothing is left of it; none of its blobs, where it was not put. */
void storage_artifact_cancel(struct artifact_build *b);
/* An empty file for the next blob; a descriptor. */
int storage_artifact_file(struct artifact_build *b, struct cmk_err *err);
/* That file FD is whole: it becomes the blob of its digest, *RET. */
int storage_artifact_take(struct artifact_build *b, int fd, struct digest *ret, uint64_t *ret_size,
			  struct cmk_err *err);
/* Takes the blob from another artifact; false where none has it. */
bool storage_artifact_reuse(struct artifact_build *b, const struct digest *blob, uint64_t size);
/* What NAME may be before it is given: nothing, or the artifact ID, or ANY. */
struct artifact_before {
	const struct digest *id;
	bool any;
};
/* Keeps it under NAME, durable; the artifact that had the name goes, where that was its last one.
 * -EEXIST, or -EAGAIN where NAME is another than ID by now. */
int storage_artifact_put(struct artifact_build *b, const char *name, const void *manifest,
			 size_t len, const struct artifact_before *before, struct digest *ret,
			 struct cmk_err *err);
int storage_artifact_remove(struct storage *st, const char *name, struct cmk_err *err);

/* --- consistency (`system check`)
 * -------------------------------------------------------------------------------------------------
 */

enum storage_damage_kind {
	DAMAGE_LAYER,
	DAMAGE_IMAGE,
	DAMAGE_NAME, /* of an image */
	DAMAGE_VOLUME,
	DAMAGE_ARTIFACT,
	DAMAGE_CONTAINER,
	DAMAGE_CONTAINER_NAME,
	DAMAGE_LEFTOVER, /* in the run directory */
};
struct storage_damage {
	enum storage_damage_kind kind;
	char *id;   /* or name */
	char *what; /* one line */
	char *todo; /* what the user can do */
};
struct storage_bad_layer {
	struct digest id;
	dev_t dev; /* what was looked at, not what has taken its place since */
	ino_t ino;
};
struct storage_check {
	bool quick;	   /* in: files are not read */
	int64_t max_age_s; /* in: a layer without a user that is older is a damage */
	struct storage_damage *damages;
	size_t n_damages;
	struct storage_bad_layer *layers; /* those that are here and damaged */
	size_t n_layers;
	char **images;	   /* full IDs of those that are damaged themselves or by a layer */
	char **containers; /* the same of containers: libpod fills it */
};
void storage_check_done(struct storage_check *c);
/* What is wrong with ID is WHAT, what to do about it is told beside; other lines than the first of
 * a WHAT with several become damages of their own. */
void storage_check_add(struct storage_check *c, enum storage_damage_kind kind, const char *id,
		       const char *todo, const char *what);
/* Takes back all but the first N. */
void storage_check_forget(struct storage_check *c, size_t n);
/*
 * Looks at image records, names, layers, volumes and artifacts, and says in C what is wrong. Holds
 * the storage lock while it reads records, but not while files are read. Changes nothing. Fails
 * only where it cannot tell. Blocks.
 */
int storage_check(struct storage *st, struct storage_check *c, struct cmk_err *err);
/* Whether the layer DIFF_ID ("sha256:…") is neither here nor being put back by a collection. */
bool storage_check_is_missing(struct storage *st, const char *diff_id);
bool storage_check_is_bad(const struct storage_check *c, const char *diff_id);
/*
 * Removes those of C's images that are still damaged and not in KEEP (may be NULL), names that lead
 * nowhere, what killed commands left, and layers that nothing needs any more. *RET (owned) are the
 * images that have gone, *RET_LAYERS the damaged layers.
 */
int storage_check_repair(struct storage *st, const struct storage_check *c, char *const *keep,
			 char ***ret_images, char ***ret_layers, struct cmk_err *err);
