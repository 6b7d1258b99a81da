// SPDX-License-Identifier: Apache-2.0
/* One body from a registry to a file, resumed and tried again until it is whole. */
#include <fcntl.h>
#include <sys/sendfile.h>

#include "base/file.h"
#include "base/parse.h"
#include "image/registry.h"

#define ERROR_BODY_MAX ((size_t)16 << 10)
#define ANSWER_MAX ((size_t)1 << 20)
#define HEADER_MAX ((size_t)4 << 10)
#define REDIRECTS_MAX 10
#define ATTEMPTS_MAX 100
#define RETRY_AFTER_MAX 60
#define RETRY_DELAY_MAX_MS ((int64_t)RETRY_AFTER_MAX * 1000)
/* An attempt that brought so much starts the count of attempts again. */
#define WORTHWHILE ((uint64_t)64 << 10)

static void response_reset(struct response *p)
{
	challenge_done(&p->challenge);
	free(p->content_type);
	free(p->digest);
	free(p->retry_after);
	free(p->location);
	free(p->link);
	strbuf_done(&p->body);
	*p = (struct response){ 0 };
}

void transfer_free(struct transfer *t)
{
	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	if (t->file >= 0)
		(void)close(t->file);
	if (t->pipe >= 0)
		(void)close(t->pipe);
	if (t->answer >= 0)
		(void)close(t->answer);
	free(t->path);
	free(t->type);
	free(t->redirect);
	response_reset(&t->resp);
	cmk_err_done(&t->abort);
	free(t);
}

static bool range_is_possible(const struct proto_msg *m)
{
	return m->head.bytes > 0 && m->head.bytes <= INT64_MAX &&
	       m->head.offset <= INT64_MAX - m->head.bytes && !(m->head.flags & PROTO_PIPE);
}

int transfer_new(struct registry *rg, struct proto_msg *m, struct cmk_err *err)
{
	struct transfer *t;
	struct stat st;

	if (m->fds[0] < 0 || fstat(m->fds[0], &st) < 0 || !S_ISREG(st.st_mode) ||
	    m->head.kind >= PROTO_BLOB_HEAD || (m->head.kind == PROTO_URL) != rg->ep.files ||
	    (m->head.kind == PROTO_API && m->str[0][0] != '/') ||
	    (m->head.kind == PROTO_RANGE && !range_is_possible(m)) ||
	    ((m->head.flags & PROTO_PIPE) && (m->fds[1] < 0 || rg->ep.files)))
		return cmk_err_set(err, -EPROTO, "bad fetch request");
	t = xcalloc(1, sizeof(*t));
	t->id = m->head.id;
	t->kind = m->head.kind;
	if (t->kind == PROTO_URL || t->kind == PROTO_API)
		t->path = xstrdup(m->str[0]);
	else
		t->path = xasprintf("/v2/%s/%s/%s", rg->ep.repository,
				    t->kind == PROTO_BLOB || t->kind == PROTO_RANGE ? "blobs"
										    : "manifests",
				    m->str[0]);
	/* Nothing says that what comes later is of the same file. */
	t->no_range = t->kind == PROTO_URL || t->kind == PROTO_API;
	t->file = steal_fd(&m->fds[0]);
	t->pipe = m->head.flags & PROTO_PIPE ? steal_fd(&m->fds[1]) : -1;
	t->answer = -1;
	if (t->pipe >= 0) {
		(void)fcntl(t->pipe, F_SETFL, O_NONBLOCK);
		(void)fcntl(t->pipe, F_SETPIPE_SZ, 1 << 20);
	}
	t->size = m->head.bytes;
	t->limit = m->head.limit;
	if (t->kind == PROTO_RANGE) {
		t->base = m->head.offset;
		t->limit = t->size;
	} else {
		t->have = (uint64_t)st.st_size;
		(void)lseek(t->file, st.st_size, SEEK_SET);
	}
	t->state = t->size && t->have == t->size ? TRANSFER_FEED : TRANSFER_START;
	t->next = rg->transfers;
	rg->transfers = t;
	return 0;
}

static bool header_is(const char *line, size_t len, const char *name, const char **ret_value)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	*ret_value = line + n + 1 + strspn(line + n + 1, " \t");
	return true;
}

static void take_once(char **to, const char *value)
{
	if (!*to)
		*to = xstrdup(value);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	cleanup_free char *line = xstrndup(data, size * n);
	struct transfer *t = arg;
	struct response *p = &t->resp;
	size_t len = strlen(line);
	const char *v;

	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		line[--len] = '\0';
	if (str_after(line, "HTTP/"))
		response_reset(p);
	else if (header_is(line, len, "content-type", &v))
		take_once(&p->content_type, v);
	else if (header_is(line, len, "docker-content-digest", &v))
		take_once(&p->digest, v);
	else if (header_is(line, len, "retry-after", &v))
		take_once(&p->retry_after, v);
	else if (header_is(line, len, "location", &v))
		take_once(&p->location, v);
	else if (header_is(line, len, "link", &v))
		take_once(&p->link, v);
	else if (header_is(line, len, "www-authenticate", &v))
		challenge_parse(v, &p->challenge);
	else if (header_is(line, len, "content-range", &v) && str_after(v, "bytes "))
		p->has_range = parse_u64_n(v + 6, strcspn(v + 6, "-"), INT64_MAX,
					   &p->range_start) == 0;
	return size * n;
}

static size_t abort_with(struct transfer *t, int code, const char *why)
{
	(void)cmk_err_set(&t->abort, code, "%s", why);
	return 0;
}

/* The first bytes of a body: where in the file do they belong? */
static bool place_body(struct transfer *t)
{
	if (t->resp.status == 206 && t->resp.has_range && t->resp.range_start == t->base + t->have)
		return true;
	if (t->kind == PROTO_RANGE)
		return abort_with(t, -EOPNOTSUPP, "no parts of a blob can be had");
	if (t->resp.status == 206) {
		if (t->no_range)
			return abort_with(t, -EIO,
					  "the server sends a range that nobody asked for");
		t->no_range = true;
		return abort_with(t, -EAGAIN, "the server sent another range than asked for");
	}
	/* It begins again: what is in the file stays, since the pipe has had it. */
	if (t->kind != PROTO_URL && t->kind != PROTO_API) {
		t->skip = t->have;
		return true;
	}
	/* What is left behind its end, the parent cuts off. */
	(void)lseek(t->file, 0, SEEK_SET);
	t->have = 0;
	return true;
}

/* The file's position is that of other transfers, too. */
static int write_there(const struct transfer *t, const char *data, size_t len)
{
	uint64_t at = t->base + t->have;

	while (len > 0) {
		ssize_t n = pwrite(t->file, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n, skip, max = t->answer >= 0 ? ANSWER_MAX : ERROR_BODY_MAX;
	int r;

	if (t->resp.status == 0) {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->resp.status);
		if (!t->type && (t->resp.status == 200 || t->resp.status == 206) && !place_body(t))
			return 0;
	}
	if (t->type || (t->resp.status != 200 && t->resp.status != 206)) {
		strbuf_add(&t->resp.body, data, MIN(len, max - MIN(t->resp.body.len, max)));
		return len;
	}
	skip = (size_t)MIN((uint64_t)len, t->skip);
	t->skip -= skip;
	data += skip;
	if (len - skip > t->limit - MIN(t->have, t->limit))
		return abort_with(t, -EFBIG, "the body is larger than it may be");
	r = t->kind == PROTO_RANGE ? write_there(t, data, len)
				   : write_all(t->file, data, len - skip);
	if (r < 0) {
		(void)cmk_err_set(&t->abort, r, "write the download: %s", errno_text(-r));
		return 0;
	}
	t->have += len - skip;
	return len;
}

static void set_headers(struct registry *rg, struct transfer *t, bool own)
{
	static const char accept[] = "Accept: application/vnd.oci.image.manifest.v1+json, "
				     "application/vnd.docker.distribution.manifest.v2+json, "
				     "application/vnd.oci.image.index.v1+json, "
				     "application/vnd.docker.distribution.manifest.list.v2+json";

	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (t->kind == PROTO_MANIFEST || t->kind == PROTO_MANIFEST_HEAD)
		t->headers = curl_slist_append(t->headers, accept);
	/* A redirect leads to storage of another host, which must not see who we are. */
	if (own && rg->ep.auth == AUTH_BEARER) {
		cleanup_free char *h = xasprintf("Authorization: Bearer %s", rg->ep.token);

		t->headers = curl_slist_append(t->headers, h);
	}
	if (own && rg->ep.auth == AUTH_BASIC) {
		curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(t->easy, CURLOPT_USERNAME, rg->ep.user);
		curl_easy_setopt(t->easy, CURLOPT_PASSWORD, rg->ep.password);
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_range(struct transfer *t)
{
	unsigned long long from = t->base + t->have;
	char range[48];

	if (t->kind == PROTO_RANGE)
		(void)snprintf(range, sizeof(range), "%llu-%llu", from,
			       (unsigned long long)(t->base + t->size - 1));
	else if (t->have > 0 && !t->no_range)
		(void)snprintf(range, sizeof(range), "%llu-", from);
	else
		return;
	curl_easy_setopt(t->easy, CURLOPT_RANGE, range);
}

static void transfer_start(struct registry *rg, struct transfer *t)
{
	bool is_url = t->kind == PROTO_URL || t->kind == PROTO_URL_POST;
	bool whole = is_url || (t->kind == PROTO_UPLOAD_END && *t->path != '/');
	cleanup_free char *own_url = xasprintf("%s%s", whole ? "" : rg->ep.base, t->path);
	const char *url = t->redirect ? t->redirect : own_url;
	bool own = (is_url && !t->redirect) || endpoint_is_own(&rg->ep, url);

	response_reset(&t->resp);
	cmk_err_done(&t->abort);
	t->skip = 0;
	t->error_text[0] = '\0';
	t->auth_gen = rg->ep.auth_gen;
	if (!t->redirect)
		t->have_at_start = t->have;
	if (!t->easy)
		t->easy = curl_easy_init();
	if (!t->easy)
		abort();
	curl_easy_reset(t->easy);
	endpoint_setup(&rg->ep, t->easy, own);
	set_headers(rg, t, own);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error_text);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, 512L << 10);
	if (t->type)
		upload_setup(t);
	if (t->kind == PROTO_MANIFEST_HEAD)
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	set_range(t);
	(void)curl_multi_add_handle(rg->multi, t->easy);
	t->state = TRANSFER_RUNNING;
}

void transfers_start(struct registry *rg)
{
	int64_t now = time_monotonic_ms();

	for (struct transfer *t = rg->transfers; t; t = t->next)
		if (t->state == TRANSFER_START ||
		    (t->state == TRANSFER_WAIT && t->not_before_ms <= now))
			transfer_start(rg, t);
}

int transfers_timeout(const struct registry *rg)
{
	int64_t now = time_monotonic_ms(), next = -1;

	for (const struct transfer *t = rg->transfers; t; t = t->next) {
		int64_t left = t->state == TRANSFER_WAIT ? MAX(t->not_before_ms - now, 0) : 0;

		if (t->state != TRANSFER_START && t->state != TRANSFER_WAIT)
			continue;
		if (next < 0 || left < next)
			next = left;
	}
	return (int)next;
}

static void report_error(struct registry *rg, struct transfer *t, struct cmk_err *err)
{
	(void)proto_send_err(rg->sock, t->id, err);
	cmk_err_done(err);
	t->state = TRANSFER_OVER;
}

/* What the server said to what was sent. */
static int write_answer(struct transfer *t, struct cmk_err *err)
{
	int r = t->answer >= 0 ? write_all(t->answer, strbuf_str(&t->resp.body), t->resp.body.len)
			       : 0;

	return r < 0 ? cmk_err_set(err, r, "write the answer: %s", errno_text(-r)) : 0;
}

static void report_done(struct registry *rg, struct transfer *t)
{
	struct proto_head h = { .type = PROTO_DONE, .id = t->id, .bytes = t->have };
	const char *strings[] = { t->resp.content_type, t->resp.digest, t->resp.link,
				  t->resp.location, NULL };

	/* Headers of any length come from outside. */
	for (size_t i = 0; i + 1 < ARRAY_LEN(strings); i++)
		if (!strings[i] || strlen(strings[i]) > HEADER_MAX)
			strings[i] = "";
	(void)proto_send(rg->sock, &h, strings, NULL, 0);
	t->state = TRANSFER_OVER;
}

/* Tries again after a pause, or gives up with ERR. */
static void retry(struct registry *rg, struct transfer *t, struct cmk_err *err)
{
	struct proto_head h = { .type = PROTO_NOTE, .id = t->id };
	long after = retry_after_parse(t->resp.retry_after, (long long)time(NULL));
	cleanup_free char *note = NULL;
	int64_t delay;

	if (t->have - MIN(t->have_at_start, t->have) >= WORTHWHILE)
		t->attempts = 0;
	if (after > RETRY_AFTER_MAX) {
		(void)cmk_err_hint(err, "try again in %ld seconds", after);
		report_error(rg, t, err);
		return;
	}
	if (t->attempts >= rg->ep.retries || t->total_attempts >= ATTEMPTS_MAX) {
		report_error(rg, t, err);
		return;
	}
	delay = (int64_t)rg->ep.retry_delay_ms << MIN(t->attempts, 5U);
	if (after >= 0)
		delay = (int64_t)after * 1000;
	delay = MIN(delay, RETRY_DELAY_MAX_MS);
	t->attempts++;
	t->total_attempts++;
	t->auth_tries = 0;
	t->redirects = 0;
	free(steal_ptr(&t->redirect));
	/* In podman's words. */
	note = xasprintf("Failed, retrying in %g%s ... (%u/%u). Error: %.500s%s",
			 delay < 1000 ? (double)delay : (double)delay / 1000,
			 delay < 1000 ? "ms" : "s", t->attempts, rg->ep.retries, cmk_err_msg(err),
			 t->have > 0 && !t->no_range ? "; from where it stopped" : "");
	(void)proto_send(rg->sock, &h, (const char *const[]){ note, NULL }, NULL, 0);
	t->not_before_ms = time_monotonic_ms() + delay;
	t->state = TRANSFER_WAIT;
	cmk_err_done(err);
}

/* Nobody is led from https to what anybody on the way may read and write. */
static bool may_be_plain(const struct registry *rg, const struct transfer *t)
{
	if (rg->ep.files)
		return str_after(t->redirect ? t->redirect : t->path, "http://");
	return rg->ep.insecure;
}

static void follow(struct registry *rg, struct transfer *t)
{
	struct cmk_err err = CMK_ERR_INIT;
	char *url = NULL;

	(void)curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &url);
	if (!url || ++t->redirects > REDIRECTS_MAX) {
		(void)cmk_err_set(&err, -ELOOP, "%s: %s", rg->ep.name,
				  url ? "too many redirects" : "redirect to nowhere");
		report_error(rg, t, &err);
		return;
	}
	if (!str_after(url, "https://") && !(may_be_plain(rg, t) && str_after(url, "http://"))) {
		(void)cmk_err_set(&err, -EACCES, "%s: redirects to '%.200s', which is not https",
				  rg->ep.name, url);
		report_error(rg, t, &err);
		return;
	}
	url = xstrdup(url);
	free(t->redirect);
	t->redirect = url;
	t->state = TRANSFER_START;
}

static void unauthorized(struct registry *rg, struct transfer *t)
{
	struct cmk_err err = CMK_ERR_INIT;
	int r = 0;

	if (t->redirect && !endpoint_is_own(&rg->ep, t->redirect)) {
		/* Whoever a redirect led to does not get to ask for our credentials. */
		r = cmk_err_set(&err, -EACCES, "%s: access denied after a redirect", rg->ep.name);
	} else if (t->auth_gen == rg->ep.auth_gen) {
		/* Thrice: the first answer asks who we are, a later one may say that a token is too
		 * old. Where another transfer renewed it meanwhile, that one is tried first. */
		bool denied = streq_null(t->resp.challenge.error, "insufficient_scope");

		if (++t->auth_tries > 1 && denied)
			r = cmk_err_set(&err, -EACCES,
					"%s: access to '%s' denied: it does not exist, or "
					"needs other credentials",
					rg->ep.name, rg->ep.repository);
		else if (t->auth_tries > 3)
			r = cmk_err_set(&err, -EACCES, "%s: access denied", rg->ep.name);
		else
			r = endpoint_authenticate(&rg->ep, &t->resp.challenge, &err);
	}
	if (r == 0) {
		free(steal_ptr(&t->redirect));
		t->state = TRANSFER_START;
		return;
	}
	if (r == -EAGAIN) {
		retry(rg, t, &err);
		return;
	}
	if (r == -EACCES || r == -EKEYREJECTED)
		(void)cmk_err_hint(&err,
				   "run 'cmk login %s', or give credentials with --creds "
				   "USER:PASSWORD",
				   rg->ep.host);
	report_error(rg, t, &err);
}

static void http_failure(struct registry *rg, struct transfer *t)
{
	static const char *const nouns[PROTO_N_KINDS] = {
		[PROTO_MANIFEST] = "manifest", [PROTO_MANIFEST_HEAD] = "manifest",
		[PROTO_BLOB] = "blob",	       [PROTO_API] = "document",
		[PROTO_URL] = "file",	       [PROTO_RANGE] = "blob",
		[PROTO_BLOB_HEAD] = "blob",    [PROTO_UPLOAD_BEGIN] = "repository",
		[PROTO_UPLOAD_END] = "upload", [PROTO_MANIFEST_PUT] = "manifest",
		[PROTO_URL_POST] = "service",
	};
	cleanup_free char *text = registry_error_text(strbuf_str(&t->resp.body), t->resp.body.len);
	const char *sep = text ? ": " : "", *more = text ? text : "";
	struct cmk_err err = CMK_ERR_INIT;
	long status = t->resp.status;

	switch (status) {
	case 403:
		(void)cmk_err_set(&err, -EACCES, "%s: access forbidden%s%s", rg->ep.name, sep,
				  more);
		break;
	case 404:
		(void)cmk_err_set(&err, -ENOENT, "%s: %s not found%s%s", rg->ep.name,
				  nouns[t->kind], sep, more);
		break;
	case 429:
		(void)cmk_err_set(&err, -EBUSY, "%s: too many requests%s%s", rg->ep.name, sep,
				  more);
		err.kind = CMK_ERR_OTHER;
		retry(rg, t, &err);
		return;
	default:
		(void)cmk_err_set(&err, -EIO, "%s: HTTP status %ld%s%s", rg->ep.name, status, sep,
				  more);
		if (status >= 500 || status == 408) {
			retry(rg, t, &err);
			return;
		}
	}
	report_error(rg, t, &err);
}

static void http_answer(struct registry *rg, struct transfer *t)
{
	struct cmk_err err = CMK_ERR_INIT;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->resp.status);
	if (!t->redirect)
		rg->ep.works = true;
	if (t->type && upload_is_accepted(t)) {
		t->state = TRANSFER_FEED;
		if (write_answer(t, &err) < 0)
			report_error(rg, t, &err);
		return;
	}
	switch (t->resp.status) {
	case 200:
	case 206:
		if (t->type)
			break;
		if (t->kind != PROTO_MANIFEST_HEAD && t->size && t->have < t->size) {
			(void)cmk_err_set(&err, -EPIPE, "%s: the blob ended at %llu of %llu bytes",
					  rg->ep.name, (unsigned long long)t->have,
					  (unsigned long long)t->size);
			retry(rg, t, &err);
			return;
		}
		t->state = TRANSFER_FEED;
		return;
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		follow(rg, t);
		return;
	case 401:
		if (rg->ep.files)
			break;
		unauthorized(rg, t);
		return;
	case 416:
		/* Once more without a range; then it is a failure like any other. */
		if (t->kind != PROTO_RANGE && t->have > 0 && !t->no_range) {
			t->no_range = true;
			free(steal_ptr(&t->redirect));
			t->state = TRANSFER_START;
			return;
		}
		break;
	default:
		break;
	}
	http_failure(rg, t);
}

static bool worth_retrying(const struct endpoint *ep, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return ep->works;
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

/* What the kernel said, too: curl's words leave it out. */
static int connect_failure(const struct registry *rg, const struct transfer *t, CURLcode code,
			   struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	long os_error = 0;

	if (code == CURLE_COULDNT_CONNECT)
		(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_error);
	if (os_error > 0)
		text = xasprintf("%s: connect: %s", t->error_text, errno_text((int)os_error));
	return curl_failure(code, text ?: t->error_text, &rg->ep, err);
}

static void connection_failure(struct registry *rg, struct transfer *t, CURLcode code)
{
	struct cmk_err err = CMK_ERR_INIT;

	if (t->abort.code == -EAGAIN) {
		t->state = TRANSFER_START;
		cmk_err_done(&t->abort);
		return;
	}
	if (t->abort.code) {
		(void)cmk_err_move(&err, &t->abort);
		(void)cmk_err_wrap(&err, err.code, "%s", rg->ep.name);
		report_error(rg, t, &err);
		return;
	}
	/* A registry that is marked as insecure may have no TLS at all. */
	if (rg->ep.insecure && !rg->ep.works && !t->redirect &&
	    str_after(rg->ep.base, "https://") && code != CURLE_COULDNT_RESOLVE_HOST) {
		free(rg->ep.base);
		rg->ep.base = xasprintf("http://%s", rg->ep.host);
		t->state = TRANSFER_START;
		return;
	}
	(void)connect_failure(rg, t, code, &err);
	if (worth_retrying(&rg->ep, code))
		retry(rg, t, &err);
	else
		report_error(rg, t, &err);
}

void transfers_finish(struct registry *rg)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(rg->multi, &left))) {
		CURLcode code = msg->data.result;
		struct transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		(void)curl_multi_remove_handle(rg->multi, msg->easy_handle);
		if (code == CURLE_OK)
			http_answer(rg, t);
		else
			connection_failure(rg, t, code);
	}
}

/* The file's pages go to the pipe as they are (sendfile(2)); the file is only ever added to. */
static void feed(struct transfer *t)
{
	while (t->pipe >= 0 && t->fed < t->have) {
		off_t at = (off_t)t->fed;
		ssize_t n = sendfile(t->pipe, t->file, &at,
				     (size_t)MIN(t->have - t->fed, (uint64_t)1 << 20));

		if (n > 0) {
			t->fed += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		/* Its reader is gone; the parent knows why. */
		(void)close(steal_fd(&t->pipe));
	}
}

static void report_progress(struct registry *rg, struct transfer *t)
{
	struct proto_head h = { .type = PROTO_PROGRESS, .id = t->id, .bytes = t->have };
	int64_t now = time_monotonic_ms();

	if (t->kind != PROTO_BLOB || now - t->last_progress_ms < 90)
		return;
	t->last_progress_ms = now;
	(void)proto_send(rg->sock, &h, NULL, NULL, 0);
}

void transfers_feed(struct registry *rg)
{
	struct transfer **at = &rg->transfers, *t;

	while ((t = *at)) {
		feed(t);
		if (t->state == TRANSFER_RUNNING || t->state == TRANSFER_FEED)
			report_progress(rg, t);
		if (t->state == TRANSFER_FEED && (t->pipe < 0 || t->fed == t->have))
			report_done(rg, t);
		if (t->state != TRANSFER_OVER) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		transfer_free(t);
	}
}
