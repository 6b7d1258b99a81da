/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cmk and its helper cmk-registry say to each other, over one SOCK_SEQPACKET pair.
 *
 * A message is a struct proto_head and N_STRINGS NUL-ended strings. Descriptors travel beside
 * PROTO_FETCH and PROTO_SEND. Bodies never travel here: the helper writes them to the descriptors.
 * After the requests come answers, any number of PROGRESS and NOTE, and one DONE or ERROR for each
 * FETCH or SEND.
 */
#pragma once

#include "base/err.h"

#define PROTO_MAX ((size_t)32 << 10)
#define PROTO_STRINGS_MAX 8
#define PROTO_FDS_MAX 2

enum proto_type {
	PROTO_OPEN = 1, /* to the helper: host, repository, user, password, certificate directories
			   (one a line); forgets what was open */
	PROTO_FETCH,	/* to the helper: tag, digest, path or URL; file [and pipe] */
	PROTO_SEND, /* to the helper: what (see the kinds), content type; file with the body [and
		       one for the answer] */
	PROTO_PROGRESS, /* bytes = of the body so far */
	PROTO_NOTE,	/* one line for the user */
	PROTO_DONE,	/* bytes = of the body; content type, Docker-Content-Digest, Link,
			   Location */
	PROTO_ERROR,	/* a struct cmk_err as cmk_err_encode() made it */
	PROTO_N_TYPES,
};

enum proto_flags {
	PROTO_INSECURE = 1 << 0, /* OPEN: take any certificate, and plain HTTP */
	PROTO_PIPE = 1 << 1,	 /* FETCH: a pipe gets the body as well, from its first byte */
	PROTO_FILES =
		1 << 2, /* OPEN: HOST is no registry; only what has a URL may be fetched or sent */
};

enum proto_kind {
	PROTO_MANIFEST,
	PROTO_MANIFEST_HEAD,
	PROTO_BLOB,
	PROTO_API, /* a document of the host's own: "/v2/...", "/v1/..." */
	PROTO_URL, /* what http:// or https:// URL leads to; begun anew, not resumed, when it breaks
		    */
	PROTO_RANGE, /* BYTES bytes of the blob from OFFSET on, to the same place of the file; not
			resumed by another FETCH. -EOPNOTSUPP where the registry has no ranges */
	/* of PROTO_SEND: */
	PROTO_BLOB_HEAD,    /* is the blob DIGEST there? -ENOENT where it is not */
	PROTO_UPLOAD_BEGIN, /* "" or "mount=DIGEST&from=REPOSITORY"; DONE has a location, or none
			       where the mount was made */
	PROTO_UPLOAD_END,   /* the whole blob, to a location with digest=DIGEST added */
	PROTO_MANIFEST_PUT, /* a manifest, to a tag or digest */
	PROTO_URL_POST,	    /* to a URL; what it answers goes to the second file */
	PROTO_N_KINDS,
};

static inline bool proto_kind_sends(uint32_t kind)
{
	return kind >= PROTO_BLOB_HEAD && kind < PROTO_N_KINDS;
}

struct proto_head {
	uint32_t type, id, flags, kind;
	uint64_t bytes;			  /* FETCH: exact size, 0 where unknown */
	uint64_t limit;			  /* FETCH: no more than this */
	uint64_t offset;		  /* FETCH of a RANGE */
	uint32_t retries, retry_delay_ms; /* OPEN */
	uint32_t n_strings, reserved;
};

struct proto_msg {
	struct proto_head head;
	char buf[PROTO_MAX + 1];
	size_t len; /* of what stands behind the head */
	const char *str[PROTO_STRINGS_MAX];
	int fds[PROTO_FDS_MAX]; /* owned by the receiver, -1 where absent */
};

/* Sends one message; FDS are borrowed. 0 or -errno. */
int proto_send(int sock, const struct proto_head *head, const char *const *strings, const int *fds,
	       size_t n_fds);
int proto_send_err(int sock, uint32_t id, const struct cmk_err *err);
/* Receives one message. 1, 0 at end of file, -EAGAIN (only with MSG_DONTWAIT in FLAGS), -EBADMSG
 * for what is no message. */
int proto_recv(int sock, int flags, struct proto_msg *ret);
/* Closes what descriptors are left in M. */
void proto_done(struct proto_msg *m);
