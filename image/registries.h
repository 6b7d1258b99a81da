/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers-registries.conf(5), versions 1 and 2: which registries a short name is looked for in,
 * and how each registry is reached.
 *
 * $CONTAINERS_REGISTRIES_CONF, else ~/.config/containers/registries.conf, else
 * /etc/containers/registries.conf; then the *.conf files of registries.conf.d beside them in order
 * of their names (the user's last, so that they win); and in any case the aliases that were chosen
 * on a terminal, which win over all.
 */
#pragma once

#include "image/image.h"

struct registry_endpoint {
	char *location; /* "host[:port][/path]" that takes the place of the prefix */
	bool insecure;
	bool digest_only, tag_only; /* pull-from-mirror */
};

struct registry_entry {
	char *prefix; /* "docker.io", "quay.io/org", "quay.io/org/x:1", "*.example.com" */
	struct registry_endpoint own;
	bool blocked, mirror_by_digest_only;
	struct registry_endpoint *mirrors;
	size_t n_mirrors;
};

/* What is done with a short name that may stand for several images. */
enum short_name_mode {
	SHORT_NAME_PERMISSIVE, /* ask on a terminal, else try them all */
	SHORT_NAME_ENFORCING,  /* ask, or fail */
	SHORT_NAME_DISABLED,   /* try them all */
};

/* In place of a program: the files of credentials. */
#define CREDENTIALS_FILES "containers-auth.json"

struct registries_conf {
	char **search;	/* unqualified-search-registries */
	char **helpers; /* credential-helpers: docker-credential-NAME, or CREDENTIALS_FILES */
	char **aliases; /* "short=full/name" */
	enum short_name_mode mode;
	struct registry_entry *entries;
	size_t n_entries;
};
void registries_conf_done(struct registries_conf *c);
/* Reads all files; absent ones are passed over. */
int registries_conf_load(struct registries_conf *ret, struct cmk_err *err);
/* Where short names without an alias are looked for, borrowed: docker.io where nothing is said. */
char *const *registries_search(const struct registries_conf *c);
/* Where the aliases are that were chosen on a terminal, short-name-aliases.conf; owned, NULL
 * without a home. */
char *registries_alias_file(void);
/* Adds the text of one file; what it sets wins over what was there. */
int registries_conf_add(struct registries_conf *c, const char *text, size_t len,
			struct cmk_err *err);

/* Whether NAME ("host[:port][/path]") is called insecure. -EACCES where it is blocked. */
int registries_insecure(const struct registries_conf *c, const char *name, bool *ret,
			struct cmk_err *err);

/* One place to ask for an image. */
struct registry_source {
	char *registry;	  /* "host[:port]" */
	char *repository; /* below it */
	char *tag;	  /* what REF's is called there; NULL: it has none */
	bool insecure;
};
void registry_sources_free(struct registry_source *s, size_t n);
/* Where REF (with a registry) is to be asked for: mirrors in order, then the registry itself.
 * -EACCES where it is blocked. */
int registries_sources(const struct registries_conf *c, const struct image_ref *ref,
		       struct registry_source **ret, size_t *ret_n, struct cmk_err *err);
/* The same by the usual registries.conf. */
int registries_sources_of(const struct image_ref *ref, struct registry_source **ret, size_t *ret_n,
			  struct cmk_err *err);
