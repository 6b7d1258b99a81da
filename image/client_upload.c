// SPDX-License-Identifier: Apache-2.0
/* A blob to a registry, as images and artifacts send it. */
#include "image/client.h"

#define UPLOAD_TRIES 3

int client_has_blob(struct client *c, const char *digest, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = client_send(c, PROTO_BLOB_HEAD, digest, "", -1, 0, NULL, NULL, &mine);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? cmk_err_move(err, &mine) : 1;
}

static int upload_once(struct client *c, const char *digest, int file, uint64_t size,
		       struct cmk_err *err)
{
	cleanup_free char *location = NULL, *place = NULL;
	int r = client_send(c, PROTO_UPLOAD_BEGIN, "", "", -1, 0, NULL, &location, err);

	if (r < 0)
		return r;
	if (!location)
		return cmk_err_set(err, -EPROTO, "the registry does not say where to upload");
	place = xasprintf("%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', digest);
	return client_send(c, PROTO_UPLOAD_END, place, "application/octet-stream", file, size, NULL,
			   NULL, err);
}

int client_upload(struct client *c, const char *digest, int file, uint64_t size,
		  struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int r = 0;

	/* A place that the registry has forgotten meanwhile is asked for again. */
	for (int i = 0; i < UPLOAD_TRIES; i++) {
		cmk_err_done(&mine);
		r = upload_once(c, digest, file, size, &mine);
		if (r != -ENOENT && r != -EIO)
			break;
	}
	return r < 0 ? cmk_err_move(err, &mine) : 0;
}
