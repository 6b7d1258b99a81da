// SPDX-License-Identifier: Apache-2.0
/* A file from a web server, for an import. */
#include "image/client.h"
#include "image/image.h"
#include "image/progress.h"

bool image_is_url(const char *text)
{
	return str_after(text, "http://") || str_after(text, "https://");
}

/* The host becomes part of the path of a directory of certificates. */
static bool host_is_plain(const char *host)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "_.-:[]";

	return *host && *host != '.' && host[strspn(host, set)] == '\0';
}

char *image_url_host(const char *url)
{
	const char *at = strstr(url, "://") + 3, *user;
	cleanup_free char *host = NULL;
	size_t len = strcspn(at, "/?#");

	user = memrchr(at, '@', len);
	if (user) {
		len -= (size_t)(user + 1 - at);
		at = user + 1;
	}
	host = xstrndup(at, len);
	return host_is_plain(host) ? steal_ptr(&host) : NULL;
}

int image_download(struct storage *st, const char *url, bool quiet, int *ret_fd,
		   struct cmk_err *err)
{
	cleanup_free char *host = image_url_host(url), *dirs = NULL;
	cleanup_progress struct progress *progress = progress_new(quiet);
	cleanup_client struct client *c = NULL;
	cleanup_close int fd = -1;
	struct client_target target = {
		.host = host,
		.files = true,
		.retries = 3,
		.retry_delay_ms = 1000,
	};
	int r;

	if (!host)
		return cmk_err_set(err, -EINVAL, "'%.300s': there is not the name of a host in it",
				   url);
	target.cert_dirs = dirs = client_cert_dirs(NULL, host);
	fd = storage_unnamed_file(st, err);
	if (fd < 0)
		return fd;
	progress_line(progress, "Downloading from %s", host);
	r = client_start(&c, err);
	if (r == 0)
		r = client_open(c, &target, err);
	if (r == 0)
		r = client_fetch_url(c, url, fd, err);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = cmk_err_errno(err, "read the download");
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}
