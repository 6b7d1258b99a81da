// SPDX-License-Identifier: Apache-2.0
/* Image references, after the grammar of the distribution project (reference.md). */
#include <ctype.h>

#include "image/image.h"

#define NAME_MAX_LEN 255
#define TAG_MAX_LEN 128

void image_ref_done(struct image_ref *r)
{
	free(r->registry);
	free(r->repository);
	free(r->tag);
	free(r->digest);
	*r = (struct image_ref){ 0 };
}

static void cleanup_ref(struct image_ref *r)
{
	image_ref_done(r);
}

/* ASCII only: what a locale calls a letter must not matter. */
static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool port_ok(const char *s, size_t len)
{
	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

static bool ipv6_ok(const char *s, size_t len)
{
	const char *end = memchr(s, ']', len);

	if (!end || end == s + 1)
		return false;
	for (const char *p = s + 1; p < end; p++)
		if (!isxdigit((unsigned char)*p) && *p != ':')
			return false;
	if (end + 1 == s + len)
		return true;
	return end[1] == ':' && port_ok(end + 2, len - (size_t)(end + 2 - s));
}

/* Host names, IPv4 and bracketed IPv6 addresses, each with an optional port. */
static bool registry_ok(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t host_len = colon ? (size_t)(colon - s) : len;
	char before = '.';

	if (len > 0 && s[0] == '[')
		return ipv6_ok(s, len);
	if (colon && !port_ok(colon + 1, len - host_len - 1))
		return false;
	if (host_len == 0)
		return false;
	for (size_t i = 0; i < host_len; i++) {
		if (s[i] == '.' ? before == '.' || before == '-'
				: !is_alnum(s[i]) && (s[i] != '-' || before == '.'))
			return false;
		before = s[i];
	}
	return before != '.' && before != '-';
}

bool image_registry_valid(const char *s)
{
	size_t len = strlen(s);

	return len <= NAME_MAX_LEN && registry_ok(s, len);
}

/* One component: runs of [a-z0-9] parted by one '.', one or two '_', or any number of '-'. */
static bool component_ok(const char *s, size_t len)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;
		char sep;

		while (i < len && is_lower_alnum(s[i]))
			i++;
		if (i == start)
			return false;
		if (i == len)
			return true;
		sep = s[i];
		start = i;
		while (i < len && s[i] == sep)
			i++;
		if (sep != '-' && !(sep == '.' && i - start == 1) &&
		    !(sep == '_' && i - start <= 2))
			return false;
	}
}

static bool repository_ok(const char *s)
{
	for (;;) {
		const char *end = strchrnul(s, '/');

		if (!component_ok(s, (size_t)(end - s)))
			return false;
		if (!*end)
			return true;
		s = end + 1;
	}
}

static bool tag_ok(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > TAG_MAX_LEN || (!is_alnum(s[0]) && s[0] != '_'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
			return false;
	return true;
}

static bool is_hex64(const char *s)
{
	struct digest d;

	return digest_parse_hex(s, &d) == 0;
}

/* The first component is a registry where it looks like a host. */
bool image_registry_like(const char *s, size_t len)
{
	return memchr(s, '.', len) || memchr(s, ':', len) ||
	       (len == 9 && !memcmp(s, "localhost", 9)) || s[0] == '[';
}

/* docker.io's official images live below library/. */
static void normalize_docker_io(struct image_ref *r)
{
	if (streq(r->registry, "index.docker.io")) {
		free(r->registry);
		r->registry = xstrdup("docker.io");
	}
	if (streq(r->registry, "docker.io") && !strchr(r->repository, '/')) {
		char *full = xasprintf("library/%s", r->repository);

		free(r->repository);
		r->repository = full;
	}
}

static int invalid(struct cmk_err *err, const char *text, const char *why)
{
	return cmk_err_set(err, -EINVAL, "invalid image reference '%.300s': %s", text, why);
}

static int split_tag_digest(char *name, const char *text, struct image_ref *r, struct cmk_err *err)
{
	char *at = strchr(name, '@'), *slash, *colon;
	struct digest d;

	if (at) {
		*at = '\0';
		if (digest_parse(at + 1, &d, NULL) < 0)
			return invalid(err, text,
				       "a digest reads 'sha256:' and 64 lower-case hex digits");
		r->digest = xstrdup(at + 1);
	}
	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	if (colon) {
		*colon = '\0';
		if (!tag_ok(colon + 1))
			return invalid(err, text, "bad tag");
		r->tag = xstrdup(colon + 1);
	}
	return 0;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct cmk_err *err)
{
	cleanup(cleanup_ref) struct image_ref r = { 0 };
	cleanup_free char *name = NULL;
	const char *rest = str_after(text, "docker://"), *slash;
	int rc;

	if (!rest)
		rest = text;
	if (strlen(rest) > NAME_MAX_LEN + TAG_MAX_LEN + 80)
		return invalid(err, text, "too long");
	name = xstrdup(rest);
	rc = split_tag_digest(name, text, &r, err);
	if (rc < 0)
		return rc;
	if (!*name)
		return invalid(err, text, "no name");
	if (strlen(name) > NAME_MAX_LEN)
		return invalid(err, text, "the name is longer than 255 characters");
	slash = strchr(name, '/');
	if (slash && image_registry_like(name, (size_t)(slash - name))) {
		if (!registry_ok(name, (size_t)(slash - name)))
			return invalid(err, text, "bad registry name");
		r.registry = xstrndup(name, (size_t)(slash - name));
	}
	r.repository = xstrdup(r.registry ? slash + 1 : name);
	if (!repository_ok(r.repository)) {
		for (const char *p = r.repository; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				return invalid(err, text, "repository name must be lowercase");
		return invalid(err, text, "bad repository name");
	}
	if (!r.registry && is_hex64(r.repository))
		return invalid(err, text, "64 hex digits are an image ID, not a name");
	if (!r.tag && !r.digest)
		r.tag = xstrdup("latest");
	if (r.registry)
		normalize_docker_io(&r);
	/* "docker.io/NAME" has become longer. */
	if (r.registry && strlen(r.registry) + 1 + strlen(r.repository) > NAME_MAX_LEN)
		return invalid(err, text, "the name is longer than 255 characters");
	*ret = r;
	r = (struct image_ref){ 0 };
	return 0;
}

char *image_ref_str(const struct image_ref *r)
{
	return xasprintf("%s%s%s%s%s%s%s", r->registry ? r->registry : "", r->registry ? "/" : "",
			 r->repository, r->tag ? ":" : "", r->tag ? r->tag : "",
			 r->digest ? "@" : "", r->digest ? r->digest : "");
}

int image_ref_parse_docker(const char *text, struct image_ref *ret, struct cmk_err *err)
{
	struct image_ref ref = { 0 };
	cleanup_free char *full = NULL;
	int r = image_ref_parse(text, &ref, err);

	if (r < 0 || ref.registry) {
		*ret = ref;
		return r;
	}
	/* Read once more, for the library/ of docker.io's own. */
	ref.registry = xstrdup("docker.io");
	full = image_ref_str(&ref);
	image_ref_done(&ref);
	return image_ref_parse(full, ret, err);
}

int image_new_name(const char *text, char **ret, struct cmk_err *err)
{
	struct image_ref ref = { 0 };
	int r;

	r = image_ref_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (ref.digest)
		r = cmk_err_set(err, -EINVAL, "'%s': a name must not hold a digest", text);
	if (!ref.registry)
		ref.registry = xstrdup("localhost");
	if (r == 0)
		*ret = image_ref_str(&ref);
	image_ref_done(&ref);
	return r;
}
