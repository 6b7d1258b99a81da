// SPDX-License-Identifier: Apache-2.0
/* What goes to a registry (distribution-spec, "Push"): questions, beginnings and bodies of uploads,
 * manifests. Each is one request, sent again as a download is. */
#include <sys/stat.h>
#include <unistd.h>

#include "image/registry.h"

static const char *method_of(enum proto_kind kind)
{
	switch (kind) {
	case PROTO_UPLOAD_BEGIN:
	case PROTO_URL_POST:
		return "POST";
	case PROTO_UPLOAD_END:
	case PROTO_MANIFEST_PUT:
		return "PUT";
	default:
		return NULL;
	}
}

/* The server said where to; nobody is led to where others may read. */
static bool place_is_allowed(const struct registry *rg, const char *place)
{
	return *place == '/' || str_after(place, "https://") ||
	       (rg->ep.insecure && str_after(place, "http://"));
}

static char *path_of(const struct registry *rg, const struct proto_msg *m)
{
	switch (m->head.kind) {
	case PROTO_BLOB_HEAD:
		return xasprintf("/v2/%s/blobs/%s", rg->ep.repository, m->str[0]);
	case PROTO_UPLOAD_BEGIN:
		return xasprintf("/v2/%s/blobs/uploads/%s%s", rg->ep.repository,
				 *m->str[0] ? "?" : "", m->str[0]);
	case PROTO_UPLOAD_END:
	case PROTO_URL_POST:
		return xstrdup(m->str[0]);
	default:
		return xasprintf("/v2/%s/manifests/%s", rg->ep.repository, m->str[0]);
	}
}

int upload_new(struct registry *rg, struct proto_msg *m, struct cmk_err *err)
{
	struct transfer *t;
	struct stat st;

	if (m->fds[0] < 0 || fstat(m->fds[0], &st) < 0 || !S_ISREG(st.st_mode) ||
	    rg->ep.files != (m->head.kind == PROTO_URL_POST) || !proto_kind_sends(m->head.kind) ||
	    (m->head.kind == PROTO_UPLOAD_END && !place_is_allowed(rg, m->str[0])))
		return cmk_err_set(err, -EPROTO, "bad upload request");
	t = xcalloc(1, sizeof(*t));
	t->id = m->head.id;
	t->kind = m->head.kind;
	t->path = path_of(rg, m);
	t->type = xstrdup(m->str[1]);
	t->file = steal_fd(&m->fds[0]);
	t->pipe = -1;
	t->answer = steal_fd(&m->fds[1]);
	t->size = m->head.bytes;
	t->no_range = true;
	t->state = TRANSFER_START;
	t->next = rg->transfers;
	rg->transfers = t;
	return 0;
}

static size_t read_body(char *buf, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = (size_t)MIN((uint64_t)size * n, t->size - t->sent);
	ssize_t got;

	do
		got = pread(t->file, buf, len, (off_t)t->sent);
	while (got < 0 && errno == EINTR);
	if (got < 0 || (got == 0 && len > 0)) {
		(void)cmk_err_set(&t->abort, got < 0 ? -errno : -EIO, "read what is to be sent");
		return CURL_READFUNC_ABORT;
	}
	t->sent += (uint64_t)got;
	return (size_t)got;
}

static int seek_body(void *arg, curl_off_t offset, int origin)
{
	struct transfer *t = arg;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

void upload_setup(struct transfer *t)
{
	const char *method = method_of(t->kind);

	t->sent = 0;
	if (*t->type) {
		cleanup_free char *h = xasprintf("Content-Type: %s", t->type);

		t->headers = curl_slist_append(t->headers, h);
	}
	/* Who we are is known by the time that a body goes out. */
	t->headers = curl_slist_append(t->headers, "Expect:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (!method) {
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		return;
	}
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, read_body);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, seek_body);
	curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->size);
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
}

bool upload_is_accepted(const struct transfer *t)
{
	long status = t->resp.status;

	switch (t->kind) {
	case PROTO_UPLOAD_BEGIN:
		return status == 201 || (status == 202 && t->resp.location);
	case PROTO_UPLOAD_END:
	case PROTO_MANIFEST_PUT:
	case PROTO_URL_POST:
		return status == 201 || status == 202 || status == 204;
	default:
		return status == 200;
	}
}
