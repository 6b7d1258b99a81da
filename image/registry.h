/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the helper program cmk-registry: one endpoint, and transfers from it side by side.
 *
 * The helper is told what to fetch and writes bodies to descriptors that it was given; it opens no
 * file for writing and starts no program. Everything that a server says is hostile.
 */
#pragma once

#include <curl/curl.h>

#include "base/strbuf.h"
#include "image/challenge.h"
#include "image/proto.h"

enum auth_mode { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct endpoint {
	char *host, *repository, *user, *password;
	char *name; /* "registry 'HOST'", for messages */
	char *base; /* "https://host" */
	bool insecure, works /* an answer has come from BASE */;
	bool files;    /* no registry: all is of PROTO_URL or PROTO_URL_POST, BASE is not used */
	char *ca_blob; /* the system's certificates and those of the registry; NULL: the system's */
	size_t ca_len;
	char *client_cert, *client_key; /* paths */
	uint32_t retries, retry_delay_ms;
	enum auth_mode auth;
	unsigned int auth_gen; /* counts changes of what follows */
	char *token;
};
void endpoint_done(struct endpoint *ep);
int endpoint_open(struct endpoint *ep, const struct proto_msg *m, struct cmk_err *err);
/* What every request of ours has in common. SAME_HOST: certificates of the client may be shown. */
void endpoint_setup(const struct endpoint *ep, CURL *easy, bool same_host);
/* Answers the challenge: gets a token (blocks) or turns to Basic. -EACCES where the registry wants
 * to know who we are, -EKEYREJECTED where it does not believe it. */
int endpoint_authenticate(struct endpoint *ep, const struct challenge *c, struct cmk_err *err);
/* "scheme://host:port" of URL is that of the endpoint. */
bool endpoint_is_own(const struct endpoint *ep, const char *url);
/* The message for a failed connection. */
int curl_failure(CURLcode code, const char *text, const struct endpoint *ep, struct cmk_err *err);

enum transfer_state {
	TRANSFER_START,	  /* to be started now */
	TRANSFER_RUNNING, /* curl has it */
	TRANSFER_WAIT,	  /* until not_before_ms, then again */
	TRANSFER_FEED,	  /* the body is complete; the pipe is not yet */
	TRANSFER_OVER,
};

struct response {
	long status;
	struct challenge challenge;
	char *location, *content_type, *digest, *retry_after, *link;
	uint64_t range_start;
	bool has_range;
	struct strbuf body; /* of errors, and to what was sent, cut */
};

struct transfer {
	struct transfer *next;
	uint32_t id;
	enum proto_kind kind;
	enum transfer_state state;
	char *path; /* "/v2/…", or the URL */
	char *type; /* of what is sent; NULL where nothing is */
	uint64_t sent;
	char *redirect; /* where the last answer sent us, NULL: to the endpoint */
	unsigned int redirects;
	int file, pipe;	      /* owned; pipe -1 where absent or broken */
	int answer;	      /* owned; of what is sent, gets the answer; -1: nobody wants it */
	uint64_t size, limit; /* exact (0: unknown), most */
	uint64_t have, fed;   /* bytes in the file, bytes of it in the pipe */
	uint64_t base;	      /* PROTO_RANGE: where in blob and file they begin */
	uint64_t skip;	      /* to drop from a body that begins again */
	bool no_range;	      /* this server does not do ranges */
	unsigned int attempts, total_attempts, auth_tries, auth_gen;
	uint64_t have_at_start; /* of this attempt */
	int64_t not_before_ms, last_progress_ms;
	CURL *easy;
	struct curl_slist *headers;
	char error_text[CURL_ERROR_SIZE];
	struct response resp;
	struct cmk_err abort; /* why our own callback ended the transfer */
};

struct registry {
	int sock;
	CURLM *multi;
	struct endpoint ep;
	struct transfer *transfers;
};

/* Takes the descriptors of M. */
int transfer_new(struct registry *rg, struct proto_msg *m, struct cmk_err *err);
/* The same for what goes to the registry. */
int upload_new(struct registry *rg, struct proto_msg *m, struct cmk_err *err);
void upload_setup(struct transfer *t);
bool upload_is_accepted(const struct transfer *t);
void transfer_free(struct transfer *t);
/* Starts what is due. */
void transfers_start(struct registry *rg);
/* Milliseconds until the next is due; -1 where none waits. */
int transfers_timeout(const struct registry *rg);
/* Handles what curl finished. */
void transfers_finish(struct registry *rg);
/* Moves file bytes into pipes, as far as they take them. */
void transfers_feed(struct registry *rg);
