/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: references, short names, registries, pull, images in files, import.
 *
 * Everything that came from a registry is hostile. The helper program libexec/cmk/cmk-registry
 * (libcurl) speaks HTTP; this room decides, verifies digests, and hands the bytes to storage. cmk
 * itself never maps libcurl.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "storage/storage.h"

/* --- references (distribution/reference grammar)
 * -------------------------------------------------------------- */

struct image_ref {
	char *registry; /* "docker.io", "localhost:5000", NULL for a short name not yet resolved */
	char *repository; /* "library/alpine" */
	char *tag;	  /* NULL where only a digest was given */
	char *digest;	  /* "sha256:…" or NULL */
};
void image_ref_done(struct image_ref *r);
/* Parses a user's text. "alpine" has no registry; "alpine:3" neither; "localhost/x" and "a.b/c" do.
 * Default tag "latest" where neither tag nor digest is given. A 64-hex-digit name is refused as
 * ambiguous with an ID. docker:// is accepted before it. */
int image_ref_parse(const char *text, struct image_ref *ret, struct cmk_err *err);
/* The same, but what has no registry is docker.io's, as for docker. */
int image_ref_parse_docker(const char *text, struct image_ref *ret, struct cmk_err *err);
/* "registry/repository:tag" (and @digest); owned. */
char *image_ref_str(const struct image_ref *r);
/* "host[:port]", as it may stand before a repository. */
bool image_registry_valid(const char *s);
/* What stands before the first '/' of a name (LEN bytes) is a registry, not part of a repository.
 */
bool image_registry_like(const char *s, size_t len);
/* The full name, owned, that TEXT gives to an image: one without a registry is of this machine
 * (localhost/). With a digest it is -EINVAL. */
int image_new_name(const char *text, char **ret, struct cmk_err *err);
/* Candidates for a short name: alias, or each unqualified-search registry in order, docker.io where
 * none is configured (registries.conf(5)). N ≥ 1 on success. */
int image_ref_candidates(const struct image_ref *r, struct image_ref **ret, size_t *ret_n,
			 struct cmk_err *err);
/* What registries.conf(5) says as `podman info` tells it: the member "registries" with an object
 * for each prefix, and "search". -EINVAL where a file is wrong. */
int image_registries_write(struct json_writer *w, struct cmk_err *err);

/* --- local images
 * ------------------------------------------------------------------------------------------- */

/* Finds a local image by name (short names try localhost/ first, then the candidates), ID prefix,
 * or name@digest; else a short name stands for any name that ends in it, and a digest for any image
 * that has it. *RET_ID full hex; *RET_NAME (may be NULL) the full name that matched, NULL where
 * none did. -ENOENT
 * with CMK_ERR_NOT_FOUND. The name of a manifest list stands for the list's instance for this
 * machine; where that is not here, -ENODATA with CMK_ERR_NOT_FOUND. */
int image_resolve_local(struct storage *st, const char *text, char **ret_id, char **ret_name,
			struct cmk_err *err);
/* The same, but a manifest list is found itself (storage_is_list()). */
int image_find_local(struct storage *st, const char *text, char **ret_id, char **ret_name,
		     struct cmk_err *err);

/* What a container takes from an image's config. */
struct image_config {
	char **env, **entrypoint, **cmd, **labels /* KEY=VALUE */, **exposed_ports /* "80/tcp" */,
		**volumes;
	char *user, *working_dir, *stop_signal, *architecture, *os, *variant, *created, *author;
	char **diff_ids, **on_build;
	char *healthcheck_json, *history_json; /* raw, later issues */
};
void image_config_done(struct image_config *c);
int image_config_parse(const char *text, size_t len, struct image_config *ret, struct cmk_err *err);
int image_config_load(struct storage *st, const char *id, struct image_config *ret,
		      struct cmk_err *err);

/* The first N layers of A and B are the same. */
bool image_layers_same(const struct image_layer_ref *a, const struct image_layer_ref *b, size_t n);
/* Which of the images of LIST (N, borrowed) was made of which. What is read for that is read once.
 */
struct image_family;
struct image_family *image_family_new(struct storage *st, const struct image_record *list,
				      size_t n);
struct image_family *image_family_free(struct image_family *f);
/* Whether CHILD was made of PARENT, both of the list: it has its layers and its history, and more.
 */
bool image_family_is_parent(struct image_family *f, const struct image_record *parent,
			    const struct image_record *child);
/* Whether one of the list was made of IMAGE, of the same list. One without a name and without
 * children is dangling, one without a name and with children is a step on the way to these. */
bool image_family_has_children(struct image_family *f, const struct image_record *image);

/* --- pull
 * ---------------------------------------------------------------------------------------------------
 */

enum image_pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEWER, PULL_NEVER };
int image_pull_policy_parse(const char *s, enum image_pull_policy *ret);
/* -ENOENT where the file of --authfile is not there; NULL is fine. $REGISTRY_AUTH_FILE may name a
 * file that only a login makes. */
int image_authfile_check(const char *authfile, struct cmk_err *err);
/* The retry_delay_ms of what follows, at least 1, from a duration of at most one minute. */
int image_retry_delay_parse(const char *text, uint32_t *ret_ms, struct cmk_err *err);

struct image_pull_options {
	enum image_pull_policy policy;
	const char *platform_os, *arch, *variant; /* NULL: this host's */
	const char *authfile, *creds /* USER[:PASSWORD] */, *cert_dir;
	const char *signature_policy; /* NULL: the usual policy.json */
	int tls_verify;		      /* -1 as configured, 0, 1 */
	bool quiet;
	const char *keep_blobs;	 /* storage_keep_parse(); NULL: $CMK_KEEP_BLOBS, else "room" */
	int retry;		 /* attempts after the first; 0: the default (3), negative: none */
	uint32_t retry_delay_ms; /* before the second attempt, doubled each time; 0: 1000 */
};
/*
 * Gets the image that TEXT names, by the policy, from a registry or, where it has a transport, from
 * files of this machine, which are asked whatever the policy but PULL_NEVER. Progress goes to
 * stderr (bars on a terminal, plain lines elsewhere, nothing when quiet). *RET_ID full hex,
 * *RET_NAME full name. Blocks; holds no lock but those of its own partial files. Interrupted or
 * failed, it leaves nothing but resumable partial downloads.
 */
int image_pull(struct storage *st, const char *text, const struct image_pull_options *o,
	       char **ret_id, char **ret_name, struct cmk_err *err);
/* 1 where the registry of the full name TEXT has another manifest for it than one that the image ID
 * (full) was pulled by, else 0. Only the manifest's digest is asked for. Blocks. */
int image_is_newer(struct storage *st, const char *text, const char *id,
		   const struct image_pull_options *o, struct cmk_err *err);
/* The full names of all tags (an owned vector, at least one) of the repository that TEXT names, for
 * a pull of each. A tag or digest in TEXT does not count. Blocks. */
int image_pull_tags(struct storage *st, const char *text, const struct image_pull_options *o,
		    char ***ret, struct cmk_err *err);

/* --- images in files: OCI layouts, docker's archives, dir:
 * ------------------------------------------------------------------------------------------------
 */

/* TEXT begins with the transport of an image that is in no registry, "oci:", "docker-archive:"…
 * (containers-transports(5)). image_pull() takes such names too; they never name what is here. */
bool image_has_transport(const char *text);
struct image_load_options {
	const char *signature_policy; /* NULL: the usual policy.json */
	const char *platform;	      /* "OS/ARCH[/VARIANT]", alone; NULL: this host's, or any */
	bool quiet;
};
/*
 * Takes in all images of the directory or archive PATH, or of what FD (not -1; borrowed) gives,
 * called PATH, as the policy lets them in. Progress as
 * image_pull(). *RET_NAMES: what they are called, "sha256:ID" for one without a name; *RET_IDS the
 * image of each; owned. Blocks. Interrupted or failed, it leaves whole images, and perhaps layers
 * that belong to none, which are collected.
 */
int image_load(struct storage *st, const char *path, int fd, const struct image_load_options *o,
	       char ***ret_ids, char ***ret_names, struct cmk_err *err);

/* --- logins
 * ---------------------------------------------------------------------------------------------------
 */

/* A login is kept under KEY, "registry[/repository]", and checked with the REGISTRY. */
struct image_login {
	char *key, *registry;
};
void image_login_done(struct image_login *l);
/* What TEXT names; NULL: the first unqualified-search registry. COMPAT: as in docker's files, a
 * registry alone. */
int image_login_parse(const char *text, bool compat, struct image_login *ret, struct cmk_err *err);
/* Who is logged in; *RET_USER and *RET_PASSWORD (may be NULL) are owned, and NULL where nobody is.
 * FILE NULL: the usual ones. User "<token>": the password is an identity token. */
int image_login_find(const char *file, const struct image_login *l, char **ret_user,
		     char **ret_password, struct cmk_err *err);
/* Asks the registry; blocks. -EKEYREJECTED where it refuses them. TLS_VERIFY -1 as configured,
 * 0, 1. */
int image_login_check(const struct image_login *l, const char *user, const char *password,
		      const char *cert_dir, int tls_verify, struct cmk_err *err);
/* Writes them to FILE (NULL: $REGISTRY_AUTH_FILE, else containers/auth.json in the user's run
 * directory), or hands them to the helper program that FILE names. *RET_WHERE (owned) says where.
 */
int image_login_store(const char *file, const struct image_login *l, const char *user,
		      const char *password, char **ret_where, struct cmk_err *err);
/* L NULL: all logins. -ENOENT where there is none. */
int image_login_remove(const char *file, const struct image_login *l, struct cmk_err *err);

/* --- search
 * ---------------------------------------------------------------------------------------------------
 */

struct image_search_options {
	const char *authfile, *creds /* USER[:PASSWORD] */, *cert_dir;
	int tls_verify; /* -1 as configured, 0, 1 */
	uint32_t limit; /* results of each registry; 0: 25 */
};
/* Of a tag only index, name and tag are there. Texts hold no control characters. */
struct image_found {
	char *index; /* the registry */
	char *name;  /* "registry/repository" */
	char *description, *tag;
	int64_t stars;
	bool official, automated;
};
void image_found_free(struct image_found *list, size_t n);
/* What TERM finds in the registry that it begins with, or in every one that is searched for short
 * names; a failure of one of these is a warning where another found something. "registry/" finds
 * all. Blocks. */
int image_search(const char *term, const struct image_search_options *o, struct image_found **ret,
		 size_t *ret_n, struct cmk_err *err);
/* The tags of the repositories that TERM, the name of an image, may stand for. */
int image_search_tags(const char *term, const struct image_search_options *o,
		      struct image_found **ret, size_t *ret_n, struct cmk_err *err);

/* --- import
 * -------------------------------------------------------------------------------------------------
 */

struct image_import_options {
	char *const *changes; /* Containerfile instructions: CMD, ENTRYPOINT, ENV, EXPOSE,
				 HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR */
	const char *message, *os, *arch, *variant, *platform;
	const char *signature_policy; /* NULL: the usual policy.json */
};
/* TEXT is an http:// or https:// URL. */
bool image_is_url(const char *text);
/* Fetches what URL leads to into an unnamed file, *RET_FD, of which nothing is left once it is
 * closed. Unless QUIET, says so on stderr. Blocks. */
int image_download(struct storage *st, const char *url, bool quiet, int *ret_fd,
		   struct cmk_err *err);
/* Makes a one-layer image of a tar stream (plain, gzip, bzip2, xz or zstd) and names it NAME (may
 * be NULL). */
int image_import(struct storage *st, int tar_fd, const char *name,
		 const struct image_import_options *o, char **ret_id, struct cmk_err *err);

/* --- commit
 * -------------------------------------------------------------------------------------------------
 */

/* What becomes the new layer. */
enum image_commit_top {
	COMMIT_READ,	/* what .pack writes */
	COMMIT_MADE,	/* a pending layer, that is there already */
	COMMIT_NOTHING, /* none: the layers below hold all */
};
struct image_commit_options {
	/* What the new image stands on: the layers, bottom first (diff IDs), and the image that
	 * they are of where it is still here (full ID), for its blobs' digests. */
	const char *base;
	const struct image_layer_ref *layers;
	size_t n_layers;
	size_t n_own;	      /* the last ones, which are none of the image's */
	char *const *changes; /* as above */
	const char *author, *message, *created_by;
	bool docker_format;
	bool squash; /* one layer, with all that the layers below hold */
	bool quiet;  /* else it tells on stderr what it does, as a pull */
	/* Is asked first, but for .squash; may be NULL. *RET_LAYER where it is made. */
	int (*top)(void *arg, enum image_commit_top *ret, struct image_layer_ref *ret_layer,
		   struct cmk_err *err);
	/* Writes the new layer's tar stream to FD; blocks. */
	storage_pack_fn pack;
	void *arg;
};
/*
 * Makes an image of CFG (borrowed but for what the changes alter; created, author and diff_ids are
 * set here) with one more layer, and names it NAME (may be NULL). All that can be wrong with the
 * options is said before anything is packed. Killed at any moment, nothing is left but perhaps a
 * layer that belongs to no image, which is collected. With a pending layer the image is pending.
 */
int image_commit(struct storage *st, struct image_config *cfg, const char *name,
		 const struct image_commit_options *o, char **ret_id, struct cmk_err *err);

/* Where the image ID (full) is pending: settles it, so that there are its diff IDs, its manifest
 * and its digests. Its ID stays. Blocks. Before anything that tells others of it; nothing to be
 * done for an image that is not pending. */
int image_settle(struct storage *st, const char *id, struct cmk_err *err);

/* --- save
 * -------------------------------------------------------------------------------------------------
 */

enum image_save_format { SAVE_DOCKER_ARCHIVE, SAVE_OCI_ARCHIVE, SAVE_OCI_DIR, SAVE_DOCKER_DIR };
struct image_save_item {
	char *id;     /* full hex */
	char **names; /* full references, as the archive shall call it; may be NULL */
};
struct image_save_options {
	enum image_save_format format;
	bool compress;	   /* layers of SAVE_DOCKER_DIR, by gzip */
	bool uncompressed; /* layers of an OCI layout, which are compressed by gzip */
	bool quiet;
	const char *signature_policy; /* has to let out of the store what is saved; or NULL */
	int fd, dir_fd; /* an archive goes to FD, the files of a directory below DIR_FD */
};
/* Writes N images (one, but for SAVE_DOCKER_ARCHIVE). Layers and configs are the bytes that once
 * came; the manifest is a new one. What was written is worth nothing where this fails. Blocks. */
int image_save(struct storage *st, const struct image_save_item *items, size_t n,
	       const struct image_save_options *o, struct cmk_err *err);

/* --- scp
 * -------------------------------------------------------------------------------------------------
 */

/* Copies an image between this machine and others by ssh(1): SOURCE is
 * "[[USER@]HOST[:PORT]::]IMAGE", DEST (may be NULL) the same, its image (the name there) may be
 * left out. What was taken in here is told as image_load() does; otherwise the other end says so on
 * stdout, unless QUIET. Blocks. */
int image_scp(struct storage *st, const char *source, const char *dest, bool quiet, char ***ret_ids,
	      char ***ret_names, struct cmk_err *err);

/* --- push
 * -------------------------------------------------------------------------------------------------
 */

/* Who signs what is pushed; members are NULL where nothing was said. */
struct image_signing {
	const char *gpg_key;	     /* whose key of GnuPG */
	const char *params_file;     /* containers-sigstore-signing-params.yaml(5) */
	const char *private_key;     /* a file, as cosign writes it */
	const char *passphrase_file; /* of one of gpg_key and private_key */
};
bool image_signing_any(const struct image_signing *o);

enum image_push_format { PUSH_AS_IS, PUSH_OCI, PUSH_DOCKER };
struct image_push_options {
	enum image_push_format format;
	enum layer_compression compression; /* LAYER_GZIP, LAYER_ZSTD or LAYER_ZSTD_CHUNKED, of what
					     * is compressed anew */
	int level;			    /* negative: the default */
	bool compression_given;		    /* COMPRESSION was asked for, and is no default */
	bool force_compression; /* of layers, too, that came compressed in another way */
	/* Of a list: bits 1 << enum layer_compression. For each platform that the list has, an
	 * instance with layers compressed so is added where none is marked so. */
	unsigned int add_compression;
	bool compress; /* of dir:, where layers lie as they are otherwise */
	bool quiet;
	const char *authfile, *creds, *cert_dir; /* as in image_pull_options */
	int tls_verify;
	int retry;
	uint32_t retry_delay_ms;
	struct image_signing sign;
};
/* Sends the image ID (full hex) to the registry that TO names, under that name, and signs it there;
 * or, where TO has a transport, to files of this machine, for which nothing behind .quiet counts,
 * and which cannot be signed. *RET_DIGEST is that of its manifest there. Blocks. */
int image_push(struct storage *st, const char *id, const char *to,
	       const struct image_push_options *o, char **ret_digest, struct cmk_err *err);

/* --- manifest lists
 * ------------------------------------------------------------------------------------------------
 */

/* What is to be said of an instance; NULL: what was said before. Of what an ANNOTATION (KEY=VALUE)
 * does not name the value stays. */
struct image_list_note {
	const char *os, *arch, *variant, *os_version;
	char *const *os_features, *const *features, *const *annotations;
};
struct image_list_add {
	bool all; /* all instances of what is a list itself */
	struct image_list_note note;
	const struct image_pull_options *pull;
};
/* A new list named NAME, with ANNOTATIONS of its own. -EEXIST where an image has that name. */
int image_list_create(struct storage *st, const char *name, char *const *annotations, char **ret_id,
		      struct cmk_err *err);
/* The list that TEXT names; -EINVAL where it is another image. */
int image_list_find(struct storage *st, const char *text, char **ret_id, struct cmk_err *err);
/* Adds the image TEXT: one that is here, else one of a registry, of which only the manifest is
 * read, or with a transport one that is taken in. Of a list without ALL, its instance for this
 * machine. Blocks. */
int image_list_add(struct storage *st, const char *id, const char *text,
		   const struct image_list_add *o, struct cmk_err *err);
/* INSTANCE is a digest, or names an image that is here. */
int image_list_annotate(struct storage *st, const char *id, const char *instance,
			const struct image_list_note *note, struct cmk_err *err);
/* Of the list itself. */
int image_list_annotate_index(struct storage *st, const char *id, char *const *annotations,
			      struct cmk_err *err);
/* Says that the list is about the image or list TEXT, one that is here, else one of a registry. */
int image_list_set_subject(struct storage *st, const char *id, const char *text,
			   const struct image_pull_options *o, struct cmk_err *err);
int image_list_remove(struct storage *st, const char *id, const char *instance,
		      struct cmk_err *err);
/* The manifest of the list TEXT, or else, whatever it is, of what a registry has under that name;
 * owned. Blocks. */
int image_manifest_read(struct storage *st, const char *text, const struct image_pull_options *o,
			char **ret, size_t *ret_len, struct cmk_err *err);
/* Sends the list ID to the registry that TO names, or to files as image_push(), and before it with
 * ALL its instances: those that are here, and those that are still in the registry where they were
 * found. Where one gets another digest on the way, so does the list. *RET_DIGEST is the list's
 * there. Blocks. */
int image_list_push(struct storage *st, const char *id, const char *to, bool all,
		    const struct image_push_options *o, char **ret_digest, struct cmk_err *err);
/* --- signing
 * ------------------------------------------------------------------------------------------------
 */

struct image_sign_options {
	const char *sign_by;   /* whose key of GnuPG */
	const char *directory; /* NULL: where registries.d says */
	const char *authfile, *cert_dir;
	bool all; /* also every manifest of an index */
};
/* Signs the image that TEXT names in its registry and writes the signature (container-signature(5))
 * to files. Needs gpg. Blocks. */
int image_sign(const char *text, const struct image_sign_options *o, struct cmk_err *err);

/* --- trust
 * ------------------------------------------------------------------------------------------------
 */

/* One requirement of a policy. */
struct image_trust {
	char *transport;  /* NULL: the default of all */
	char *scope;	  /* "": all of the transport */
	const char *type; /* "accept", "reject", "signed", "sigstoreSigned" */
	char *store;	  /* where its signatures are read from, "" where nothing says so */
	char *ids;	  /* whose keys they are, with commas; needs gpg */
};
void image_trust_free(struct image_trust *list, size_t n);
/* The requirements of POLICY (NULL: the usual file, which has to be there), the default first, then
 * sorted. REGISTRIES_DIR NULL: the usual one. */
int image_trust_list(const char *policy, const char *registries_dir, struct image_trust **ret,
		     size_t *ret_n, struct cmk_err *err);
/* The file itself. */
int image_trust_text(const char *policy, char **ret, size_t *ret_len, struct cmk_err *err);
/* Sets what is required of SCOPE ("default", or a registry or a path below one), each of the KEYS
 * (may be NULL) being required; the rest of the file stays. */
int image_trust_set(const char *policy, const char *scope, const char *type, char *const *keys,
		    struct cmk_err *err);
/* --- artifacts: files in registries that are no images (image-spec manifest.md)
 * ------------------------------------------------------------------------------------------------
 */

/* What NAME stands for: the name of an artifact that is here, or the beginning of the digest (hex,
 * with or without "sha256:") of one. -ENOENT with CMK_ERR_NOT_FOUND. */
int image_artifact_find(struct storage *st, const char *name, struct storage_artifact *ret,
			struct cmk_err *err);
struct image_artifact_add {
	const char *type, *file_type; /* media types, or NULL: none; what the bytes look like */
	char *const *annotations;     /* KEY=VALUE, of each file */
	bool append, replace;
};
/* Makes an artifact NAME of the FILES (a vector of paths), or adds them to the one that is here.
 * *RET is the digest of its manifest. */
int image_artifact_add(struct storage *st, const char *name, char *const *files,
		       const struct image_artifact_add *o, struct digest *ret, struct cmk_err *err);
/* Gets the artifact NAME from its registry, as it is there; all digests are verified. Blocks. */
int image_artifact_pull(struct storage *st, const char *name, const struct image_pull_options *o,
			struct digest *ret, struct cmk_err *err);
/* Sends A to the registry that its name says, and signs it there. The options of layers do not
 * count. */
int image_artifact_push(struct storage *st, const struct storage_artifact *a,
			const struct image_push_options *o, struct cmk_err *err);
/* Writes its files: all of them into the directory TARGET, by their titles or else digests; or one
 * to the file TARGET. TITLE, DIGEST (one of them, or NULL): that file alone. -EINVAL where a title
 * is no plain name. */
int image_artifact_extract(struct storage *st, const struct storage_artifact *a, const char *title,
			   const char *digest, const char *target, struct cmk_err *err);
/* The files of A, or the one of TITLE or DIGEST, as names (as above) and as paths; owned vectors.
 */
int image_artifact_files(struct storage *st, const struct storage_artifact *a, const char *title,
			 const char *digest, char ***ret_names, char ***ret_paths,
			 struct cmk_err *err);
/* Bytes of its files, and when it was made (owned, NULL where it does not say). */
int image_artifact_usage(const struct storage_artifact *a, uint64_t *ret_size, char **ret_created,
			 struct cmk_err *err);
/* Its manifest, name and digest, as the next value of W, an object; EXTRA: and its size. */
int image_artifact_inspect(const struct storage_artifact *a, bool extra, struct json_writer *w,
			   struct cmk_err *err);

/* --- inspect
 * ------------------------------------------------------------------------------------------------
 */

/* One object as podman's `image inspect` prints it, as the next value of W. ID is full hex. */
int image_inspect(struct storage *st, const char *id, struct json_writer *w, struct cmk_err *err);

/* --- platforms
 * ------------------------------------------------------------------------------------------------
 */

/* What the options ask for; members are NULL where nothing was said. */
struct image_platform {
	char *os, *arch, *variant;
};
void image_platform_done(struct image_platform *p);
/* The image of this store that TEXT names, which has to be for PLATFORM, "OS/ARCH[/VARIANT]", or of
 * a list the one that is; NULL: as image_find_local(). */
int image_find_platform(struct storage *st, const char *text, const char *platform, char **ret_id,
			char **ret_name, struct cmk_err *err);
/* The same, but without a PLATFORM as image_resolve_local(): of a list this machine's. */
int image_resolve_platform(struct storage *st, const char *text, const char *platform,
			   char **ret_id, char **ret_name, struct cmk_err *err);
/* From "OS/ARCH[/VARIANT]" (may be NULL) and the single options (may be NULL), which win. "x86_64"
 * and "aarch64" are understood. */
int image_platform_parse(const char *platform, const char *os, const char *arch,
			 const char *variant, struct image_platform *ret, struct cmk_err *err);
