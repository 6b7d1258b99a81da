/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers-policy.json(5): which images may be taken in, and whose signatures they need.
 *
 * What --signature-policy names, else ~/.config/containers/policy.json, else
 * /etc/containers/policy.json. A file is believed whole or not at all: a member that is not known
 * here may be the one that was to protect somebody.
 */
#pragma once

#include "image/image.h"

#define POLICY_MAX ((size_t)1 << 20)
#define POLICY_KEY_MAX ((size_t)1 << 20)

/* Which name in a signature stands for the image. */
enum identity_type {
	IDENTITY_REPO_DIGEST_OR_EXACT, /* the default */
	IDENTITY_EXACT,
	IDENTITY_REPOSITORY,
	IDENTITY_REFERENCE,	   /* NAME, whatever the image is called here */
	IDENTITY_GIVEN_REPOSITORY, /* any tag of NAME */
	IDENTITY_REMAP,		   /* SIGNED in the place of the prefix NAME */
};
struct policy_identity {
	enum identity_type type;
	char *name, *signed_prefix;
};

enum policy_type { POLICY_ACCEPT, POLICY_REJECT, POLICY_SIGNED_BY, POLICY_SIGSTORE };

/* A key as it stands in the file, decoded. */
struct policy_data {
	char *data;
	size_t len;
};

/* Keys or certificates (PEM, or OpenPGP), in files and as they stand in the policy. */
struct policy_keys {
	char **paths;
	struct policy_data *datas;
	size_t n_datas;
};
bool policy_keys_any(const struct policy_keys *k);

/* What vouches for who made a signature of sigstoreSigned. */
enum policy_by { BY_KEY, BY_FULCIO, BY_PKI };

struct policy_requirement {
	enum policy_type type;
	/* Of the two kinds of signatures: any of these keys will do. */
	struct policy_keys keys;
	/* Of sigstoreSigned: the logs, one of which has to know the signature; none: it need not be
	 * logged. By a certificate: that chains up to one of the roots, and names these. */
	enum policy_by by;
	struct policy_keys logs, roots, intermediates;
	char *issuer, *email, *host; /* NULL: not asked for */
	struct policy_identity identity;
	char *unsupported; /* what it asks for and cmk cannot do; nothing fulfils it then */
};

struct policy_scope {
	char *transport; /* NULL: the default of all */
	char *name;	 /* "": all of the transport */
	struct policy_requirement *list;
	size_t n;
};

struct policy {
	char *path;		     /* NULL: there is no file, and all is accepted */
	struct policy_scope *scopes; /* the default first, then as they stand in the file */
	size_t n_scopes;
};
void policy_done(struct policy *p);
int policy_parse(const char *text, size_t len, struct policy *ret, struct cmk_err *err);
/* Where the policy is, owned: PATH, where it is given, or the first of the usual files that is
 * there, or the last of them. */
char *policy_path(const char *path);
/* Reads PATH (NULL: the usual files, of which there may be none). */
int policy_load(const char *path, struct policy *ret, struct cmk_err *err);

/* --- for policy_sigstore.c --- */

/* OBJ is an object without members that are not KNOWN (NULL-terminated). */
int policy_only_members(const struct json *obj, const char *const *known, const char *what,
			struct cmk_err *err);
/* A member that has to be there, a string. */
int policy_want_str(const struct json *obj, const char *key, const char **ret, struct cmk_err *err);
/* The member KEY, where it is there: a path or data ("…Data") or, ending in "s", a list of them.
 * Counts it in *SOURCES. */
int policy_read_keys(const struct json *obj, const char *key, struct policy_keys *k, int *sources,
		     struct cmk_err *err);
int policy_read_identity(const struct json *obj, struct policy_identity *ret, struct cmk_err *err);
/* A requirement of the type sigstoreSigned. */
int policy_read_sigstore(const struct json *obj, struct policy_requirement *q, struct cmk_err *err);

/* An image as policies name it. */
struct policy_image {
	const char *transport;
	char *identity;		/* the scope of this image alone; NULL: it has none */
	char **namespaces;	/* wider ones, the widest last */
	char *shown;		/* "docker://…" */
	struct image_ref named; /* in a registry; else all is NULL */
};
void policy_image_done(struct policy_image *i);
/* An image in a registry, by the name that it was asked for; a digest wins over a tag. */
void policy_image_docker(const struct image_ref *ref, struct policy_image *ret);
/* One in PATH, or one that has no scopes (PATH NULL); REF may be NULL. */
void policy_image_file(const char *transport, const char *path, const char *ref,
		       struct policy_image *ret);
/* The scope of P with the requirements for I; NULL where there is no file. */
const struct policy_scope *policy_find(const struct policy *p, const struct policy_image *i);
/* The name SIGNED, of a signature, stands for I. */
bool policy_identity_matches(const struct policy_identity *want, const struct policy_image *i,
			     const char *name_signed);
