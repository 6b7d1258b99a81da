/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side of the helper program cmk-registry. */
#pragma once

#include <sys/types.h>

#include "image/image.h"
#include "image/proto.h"

struct client;

/* Starts the helper. It dies with us. */
int client_start(struct client **ret, struct cmk_err *err);
void client_free(struct client *c); /* ends it, reaps it */
static inline void cleanup_client_fn(struct client **c)
{
	client_free(*c);
}
#define cleanup_client cleanup(cleanup_client_fn)
int client_fd(const struct client *c); /* readable when client_read() has something */

struct client_target {
	const char *host, *repository, *user, *password, *cert_dirs;
	bool insecure;
	bool files; /* a server of files, of which client_fetch_url() gets one; REPOSITORY is NULL
		     */
	uint32_t retries, retry_delay_ms;
};
/* The host and port that the URL (image_is_url()) leads to, owned; NULL where that is no name of a
 * host. "https://user:password@host:8443/path?query" -> "host:8443" (RFC 3986, 3.2). */
char *image_url_host(const char *url);
/* Where certificates for HOST are (containers-certs.d(5)), one directory a line; DIR alone where it
 * is given. */
char *client_cert_dirs(const char *dir, const char *host);
int client_open(struct client *c, const struct client_target *t, struct cmk_err *err);

/* Starts a transfer; FILE (and PIPE, -1: none) are borrowed for the call. SIZE 0: unknown. */
int client_fetch(struct client *c, uint32_t id, enum proto_kind kind, const char *what,
		 uint64_t size, uint64_t limit, int file, int pipe, struct cmk_err *err);
/* Next message; -EAGAIN where none is there and WAIT is false. The helper's end is an error. */
int client_read(struct client *c, bool wait, struct proto_msg *m, struct cmk_err *err);

struct fetched {
	char *text; /* NUL-ended */
	size_t len;
	char *content_type, *digest, *link; /* NULL where the server gave none */
};
void fetched_done(struct fetched *f);
/* A small body into memory; waits. Notes go to the log as warnings. */
int client_fetch_text(struct client *c, enum proto_kind kind, const char *what, uint64_t size,
		      uint64_t limit, struct fetched *ret, struct cmk_err *err);
/* One of the kinds that send, with the first SIZE bytes of FILE (-1: nothing) of the content type
 * TYPE; waits. *RET_DIGEST and *RET_LOCATION (each may be NULL): what the server said, or NULL. */
int client_send(struct client *c, enum proto_kind kind, const char *what, const char *type,
		int file, uint64_t size, char **ret_digest, char **ret_location,
		struct cmk_err *err);
/* Posts the first SIZE bytes of FILE to URL; what is answered goes to ANSWER (empty); waits. */
int client_post(struct client *c, const char *url, const char *type, int file, uint64_t size,
		int answer, struct cmk_err *err);
/* The blob DIGEST of SIZE bytes into FILE (empty), not yet verified; waits. */
int client_fetch_blob(struct client *c, const char *digest, uint64_t size, int file,
		      struct cmk_err *err);
/* 1 where the repository has the blob; waits. */
int client_has_blob(struct client *c, const char *digest, struct cmk_err *err);
/* Sends the blob, the first SIZE bytes of FILE; waits. */
int client_upload(struct client *c, const char *digest, int file, uint64_t size,
		  struct cmk_err *err);
/* The ranges of the blob DIGEST into FILE, each to the place where it belongs, a few side by side;
 * FN is told after each how many there are; waits for all. -EOPNOTSUPP where the registry has no
 * ranges. */
int client_fetch_ranges(struct client *c, const char *digest, const struct layer_range *ranges,
			size_t n, int file, void (*fn)(void *arg, uint64_t bytes), void *arg,
			struct cmk_err *err);
/* What URL leads to, into FILE (empty); waits. */
int client_fetch_url(struct client *c, const char *url, int file, struct cmk_err *err);
