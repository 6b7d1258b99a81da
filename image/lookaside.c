// SPDX-License-Identifier: Apache-2.0
#include "image/lookaside.h"

#include <fcntl.h>

#include "base/file.h"
#include "image/tool.h"

#define JSON_MAX ((size_t)16 << 20)
#define ENTRIES_MAX 10000

static void entry_done(struct lookaside_entry *e)
{
	free(e->scope);
	free(e->read);
	free(e->write);
	*e = (struct lookaside_entry){ 0 };
}

void lookaside_conf_done(struct lookaside_conf *c)
{
	for (size_t i = 0; i < c->n; i++)
		entry_done(&c->entries[i]);
	free(c->entries);
	*c = (struct lookaside_conf){ 0 };
}

/* --- the files --- */

static int get_str(const struct json *obj, const char *key, const char **ret, struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);

	if (!v || v->type == JSON_NULL)
		return 0;
	if (!json_str(v))
		return cmk_err_set(err, -EINVAL, "'%s' is not a string", key);
	if (*v->text)
		*ret = v->text;
	return 0;
}

static const struct lookaside_entry *find(const struct lookaside_conf *c, const char *scope)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq_null(c->entries[i].scope, scope))
			return &c->entries[i];
	return NULL;
}

static int add_entry(struct lookaside_conf *c, const char *scope, const struct json *obj,
		     struct cmk_err *err)
{
	const struct json *attach = json_get(obj, "use-sigstore-attachments");
	const char *read = NULL, *write = NULL, *old = NULL, *old_write = NULL;
	int r;

	if (obj->type != JSON_OBJECT && obj->type != JSON_NULL)
		return cmk_err_set(err, -EINVAL, "it is not a mapping");
	if (find(c, scope) || c->n >= ENTRIES_MAX)
		return cmk_err_set(err, -EEXIST, "it is defined in another file too");
	if (attach && attach->type != JSON_BOOL)
		return cmk_err_set(err, -EINVAL, "'%s' is neither true nor false", attach->key);
	if ((r = get_str(obj, "lookaside", &read, err)) < 0 ||
	    (r = get_str(obj, "lookaside-staging", &write, err)) < 0 ||
	    (r = get_str(obj, "sigstore", &old, err)) < 0 ||
	    (r = get_str(obj, "sigstore-staging", &old_write, err)) < 0)
		return r;
	c->entries = xrealloc(c->entries, c->n + 1, sizeof(*c->entries));
	c->entries[c->n++] = (struct lookaside_entry){
		.scope = xstrdup_null(scope),
		.read = xstrdup_null(read ? read : old),
		.write = xstrdup_null(write ? write : old_write),
		.attachments = attach ? attach->boolean : -1,
	};
	return 0;
}

int lookaside_conf_add(struct lookaside_conf *c, const char *json, size_t len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *root, *dflt, *docker;
	int r = json_parse(json, len, JSON_MAX, &doc, err);

	if (r < 0)
		return r;
	root = json_root(doc);
	if (root->type == JSON_NULL)
		return 0;
	if (root->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "it is not a mapping");
	dflt = json_get(root, "default-docker");
	docker = json_get(root, "docker");
	if (dflt) {
		r = add_entry(c, NULL, dflt, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "'default-docker'");
	}
	if (docker && docker->type != JSON_OBJECT && docker->type != JSON_NULL)
		return cmk_err_set(err, -EINVAL, "'docker' is not a mapping");
	json_each (e, docker) {
		r = add_entry(c, e->key, e, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "'docker', '%.300s'", e->key);
	}
	return 0;
}

static int add_file(struct lookaside_conf *c, const char *path, struct cmk_err *err)
{
	cleanup_free char *json = NULL;
	size_t len = 0;
	int r = tool_read_yaml(path, &json, &len, err);

	if (r == 0)
		r = lookaside_conf_add(c, json, len, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s", path) : 0;
}

static char *usual_dir(void)
{
	const char *home = getenv("HOME");

	if (home && *home == '/') {
		cleanup_free char *own = xasprintf("%s/.config/containers/registries.d", home);

		if (faccessat(AT_FDCWD, own, F_OK, 0) == 0)
			return steal_ptr(&own);
	}
	return xstrdup("/etc/containers/registries.d");
}

int lookaside_conf_load(const char *dir, struct lookaside_conf *ret, struct cmk_err *err)
{
	cleanup_free char *path = dir && *dir ? xstrdup(dir) : usual_dir();
	cleanup_dir DIR *d = opendir(path);
	struct lookaside_conf c = { 0 };
	struct dirent *de;
	int r = 0;

	if (!d && errno != ENOENT && errno != ENOTDIR)
		return cmk_err_errno(err, "open '%s'", path);
	while (d && r == 0 && (de = readdir(d))) {
		cleanup_free char *file = xasprintf("%s/%s", path, de->d_name);

		if (str_has_suffix(de->d_name, ".yaml"))
			r = add_file(&c, file, err);
	}
	if (r < 0)
		lookaside_conf_done(&c);
	else
		*ret = c;
	return r;
}

/* --- what they say of an image --- */

const struct lookaside_entry *lookaside_of_scope(const struct lookaside_conf *c, const char *scope)
{
	cleanup_free char *name = xstrdup_null(scope);

	if (!scope)
		return find(c, NULL);
	for (;;) {
		const struct lookaside_entry *e = find(c, name);
		char *slash = strrchr(name, '/');

		if (e || !slash)
			return e;
		*slash = '\0';
	}
}

/* The next entry that is about I, the narrowest first, default-docker last; NULL: there is no more.
 * *AT is 0 at first. */
static const struct lookaside_entry *next_entry(const struct lookaside_conf *c,
						const struct policy_image *i, size_t *at)
{
	const struct lookaside_entry *e = NULL;
	size_t names = strv_len(i->namespaces);

	while (!e && *at < names + 2) {
		size_t n = (*at)++;

		e = find(c, n == 0 ? i->identity : n <= names ? i->namespaces[n - 1] : NULL);
	}
	return e;
}

static char *usual_base(void)
{
	const char *home = getenv("HOME");

	if (geteuid() == 0 || !home)
		return xstrdup("file:///var/lib/containers/sigstore");
	return xasprintf("file://%s/.local/share/containers/sigstore", home);
}

char *lookaside_base(const struct lookaside_conf *c, const struct policy_image *i, bool write)
{
	const struct lookaside_entry *e;
	size_t at = 0;

	while ((e = next_entry(c, i, &at))) {
		const char *url = write && e->write ? e->write : e->read;

		if (url)
			return xstrdup(url);
	}
	return usual_base();
}

bool lookaside_attachments(const struct lookaside_conf *c, const struct policy_image *i)
{
	const struct lookaside_entry *e;
	size_t at = 0;

	while ((e = next_entry(c, i, &at)))
		if (e->attachments >= 0)
			return e->attachments > 0;
	return false;
}

/* --- signatures there --- */

char *lookaside_place(const char *base, const struct policy_image *i, const struct digest *d)
{
	size_t len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	return xasprintf("%.*s/%s@sha256=%s", (int)len, base, i->named.repository, d->hex);
}

/* The path of a file:// URL; NULL: it is none. */
static const char *url_path(const char *url)
{
	const char *path = str_after(url, "file://");

	return path && *path == '/' ? path : NULL;
}

static int read_files(const char *path, struct signatures *s, struct cmk_err *err)
{
	for (int n = 1; n <= SIGNATURES_MAX; n++) {
		cleanup_free char *name = xasprintf("%s/signature-%d", path, n), *text = NULL;
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;
		size_t len = 0;
		int r = file_read_at(AT_FDCWD, name, SIGNATURE_MAX, &text, &len, &mine);

		if (r == -ENOENT || r == -ENOTDIR)
			return 0;
		if (r < 0)
			return cmk_err_move(err, &mine);
		r = signatures_add_blob(s, text, len, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "%s", name);
	}
	return cmk_err_set(err, -E2BIG, "'%s': more than %d signatures", path, SIGNATURES_MAX);
}

static int read_urls(const char *place, struct client *c, struct signatures *s, struct cmk_err *err)
{
	for (int n = 1; n <= SIGNATURES_MAX; n++) {
		cleanup_free char *url = xasprintf("%s/signature-%d", place, n);
		struct fetched f = { 0 };
		int r = client_fetch_text(c, PROTO_URL, url, 0, SIGNATURE_MAX, &f, err);

		if (r == -ENOENT)
			return 0;
		if (r == 0)
			r = signatures_add_blob(s, f.text, f.len, err);
		fetched_done(&f);
		if (r < 0)
			return cmk_err_wrap(err, r, "%s", url);
	}
	return cmk_err_set(err, -E2BIG, "'%s': more than %d signatures", place, SIGNATURES_MAX);
}

int lookaside_read(const char *place, const char *cert_dir, struct signatures *s,
		   struct cmk_err *err)
{
	cleanup_free char *host = NULL, *dirs = NULL;
	const char *path = url_path(place);
	cleanup_client struct client *c = NULL;
	struct client_target target = { .files = true, .retries = 3, .retry_delay_ms = 1000 };
	int r;

	if (path)
		return read_files(path, s, err);
	if (!image_is_url(place))
		return cmk_err_set(err, -EINVAL,
				   "lookaside '%.300s': neither http://, https:// nor file:///",
				   place);
	host = image_url_host(place);
	if (!host)
		return cmk_err_set(err, -EINVAL, "lookaside '%.300s': no host in it", place);
	target.host = host;
	target.cert_dirs = dirs = client_cert_dirs(cert_dir, host);
	r = client_start(&c, err);
	if (r == 0)
		r = client_open(c, &target, err);
	return r < 0 ? r : read_urls(place, c, s, err);
}

static const char *path_of(const char *place)
{
	return *place == '/' ? place : url_path(place);
}

int lookaside_check_writable(const char *place, struct cmk_err *err)
{
	return path_of(place) ? 0
			      : cmk_err_set(err, -EINVAL,
					    "signatures can only be written to files, not to "
					    "'%.300s'",
					    place);
}

int lookaside_write(const char *place, const void *message, size_t len, struct cmk_err *err)
{
	const char *path = path_of(place);
	cleanup_close int dir = -1;
	int r = lookaside_check_writable(place, err);

	if (r == 0)
		r = mkdir_p_at(AT_FDCWD, path, 0751, err);
	if (r < 0)
		return r;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return cmk_err_errno(err, "open '%s'", path);
	for (int n = 1; n <= SIGNATURES_MAX; n++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "signature-%d", n);
		r = file_replace_at(dir, name, message, len, 0644, FILE_DURABLE | FILE_EXCL, err);
		if (r != -EEXIST)
			return r < 0 ? cmk_err_wrap(err, r, "%s", path) : 0;
	}
	return cmk_err_set(err, -E2BIG, "'%s': more than %d signatures", path, SIGNATURES_MAX);
}
