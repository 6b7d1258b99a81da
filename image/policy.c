// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include <fcntl.h>

#include "base/base64.h"
#include "base/file.h"

#define SCOPES_MAX 100000
#define KEYS_MAX 100

static void keys_done(struct policy_keys *k)
{
	k->paths = strv_free(k->paths);
	for (size_t i = 0; i < k->n_datas; i++)
		free(k->datas[i].data);
	free(k->datas);
}

bool policy_keys_any(const struct policy_keys *k)
{
	return k->paths || k->n_datas > 0;
}

static void requirement_done(struct policy_requirement *r)
{
	keys_done(&r->keys);
	keys_done(&r->logs);
	keys_done(&r->roots);
	keys_done(&r->intermediates);
	free(r->issuer);
	free(r->email);
	free(r->host);
	free(r->identity.name);
	free(r->identity.signed_prefix);
	free(r->unsupported);
}

void policy_done(struct policy *p)
{
	for (size_t i = 0; i < p->n_scopes; i++) {
		struct policy_scope *s = &p->scopes[i];

		for (size_t j = 0; j < s->n; j++)
			requirement_done(&s->list[j]);
		free(s->list);
		free(s->transport);
		free(s->name);
	}
	free(p->scopes);
	free(p->path);
	*p = (struct policy){ 0 };
}

/* --- strict JSON --- */

int policy_only_members(const struct json *obj, const char *const *known, const char *what,
			struct cmk_err *err)
{
	if (!obj || obj->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "%s is not an object", what);
	json_each (m, obj) {
		size_t i = 0;

		while (known[i] && !streq(known[i], m->key))
			i++;
		if (!known[i])
			return cmk_err_set(err, -EINVAL, "unknown key \"%.100s\" in %s", m->key,
					   what);
	}
	return 0;
}

int policy_want_str(const struct json *obj, const char *key, const char **ret, struct cmk_err *err)
{
	*ret = json_str(json_get(obj, key));
	if (!*ret)
		return cmk_err_set(err, -EINVAL, "\"%s\" is missing, or not a string", key);
	return 0;
}

/* --- who an image is in a signature --- */

static int check_reference(const char *name, bool whole, struct cmk_err *err)
{
	struct image_ref ref = { 0 };
	int r = image_ref_parse_docker(name, &ref, NULL);
	const char *last = strrchr(name, '/');

	image_ref_done(&ref);
	if (r < 0)
		return cmk_err_set(err, -EINVAL, "Invalid format of %s \"%.300s\"",
				   whole ? "dockerReference" : "dockerRepository", name);
	if (whole && !strchr(name, '@') && !strchr(last ? last : name, ':'))
		return cmk_err_set(err, -EINVAL,
				   "dockerReference \"%.300s\" contains neither a tag nor digest",
				   name);
	return 0;
}

/* A host, or a path below one. */
static int check_prefix(const char *s, struct cmk_err *err)
{
	cleanup_free char *host = xstrndup(s, strcspn(s, "/"));
	struct image_ref ref = { 0 };
	bool ok = image_registry_valid(host);

	if (ok && s[strlen(host)]) {
		ok = image_ref_parse(s, &ref, NULL) == 0 && ref.registry && !ref.digest &&
		     !strchr(s + strlen(host), ':');
		image_ref_done(&ref);
	}
	return ok ? 0 : cmk_err_set(err, -EINVAL, "prefix \"%.300s\" is not valid", s);
}

static const struct {
	const char *type;
	const char *members[4];
} identities[] = {
	[IDENTITY_REPO_DIGEST_OR_EXACT] = { "matchRepoDigestOrExact", { "type" } },
	[IDENTITY_EXACT] = { "matchExact", { "type" } },
	[IDENTITY_REPOSITORY] = { "matchRepository", { "type" } },
	[IDENTITY_REFERENCE] = { "exactReference", { "type", "dockerReference" } },
	[IDENTITY_GIVEN_REPOSITORY] = { "exactRepository", { "type", "dockerRepository" } },
	[IDENTITY_REMAP] = { "remapIdentity", { "type", "prefix", "signedPrefix" } },
};

int policy_read_identity(const struct json *obj, struct policy_identity *ret, struct cmk_err *err)
{
	const char *type = NULL, *name = NULL, *other = NULL;
	size_t i = 0;
	int r;

	if (!obj)
		return 0;
	r = policy_want_str(obj, "type", &type, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "signedIdentity");
	while (i < ARRAY_LEN(identities) && !streq(identities[i].type, type))
		i++;
	if (i == ARRAY_LEN(identities))
		return cmk_err_set(err, -EINVAL, "Unknown policy reference match type \"%.100s\"",
				   type);
	ret->type = (enum identity_type)i;
	r = policy_only_members(obj, identities[i].members, type, err);
	if (r == 0 && identities[i].members[1])
		r = policy_want_str(obj, identities[i].members[1], &name, err);
	if (r == 0 && identities[i].members[2])
		r = policy_want_str(obj, identities[i].members[2], &other, err);
	if (r == 0 && ret->type == IDENTITY_REMAP) {
		r = check_prefix(name, err);
		if (r == 0)
			r = check_prefix(other, err);
	} else if (r == 0 && name) {
		r = check_reference(name, ret->type == IDENTITY_REFERENCE, err);
	}
	ret->name = xstrdup_null(name);
	ret->signed_prefix = xstrdup_null(other);
	return r;
}

/* --- keys --- */

static int add_data(struct policy_keys *k, const char *key, const struct json *v,
		    struct cmk_err *err)
{
	const char *text = json_str(v);
	struct policy_data d = { 0 };

	if (!text || v->n > POLICY_KEY_MAX)
		return cmk_err_set(err, -EINVAL, "\"%s\": not a string in base64", key);
	d.data = base64_decoded(text, v->n, &d.len);
	if (!d.data)
		return cmk_err_set(err, -EINVAL, "\"%s\": not base64", key);
	k->datas = xrealloc(k->datas, k->n_datas + 1, sizeof(*k->datas));
	k->datas[k->n_datas++] = d;
	return 0;
}

int policy_read_keys(const struct json *obj, const char *key, struct policy_keys *k, int *sources,
		     struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);
	bool data = strstr(key, "Data"), many = str_has_suffix(key, "s");
	const struct json *first = v;

	if (!v)
		return 0;
	++*sources;
	if (many) {
		if (v->type != JSON_ARRAY || v->n == 0 || v->n > KEYS_MAX)
			return cmk_err_set(err, -EINVAL, "\"%s\" is not a list of 1 to %d strings",
					   key, KEYS_MAX);
		first = v->first;
	}
	for (const struct json *i = first; i; i = many ? i->next : NULL) {
		const char *text = json_str(i);
		int r = 0;

		if (data)
			r = add_data(k, key, i, err);
		else if (!text || !*text)
			r = cmk_err_set(err, -EINVAL, "\"%s\": not the path of a file", key);
		else
			strv_add(&k->paths, text);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_signed_by(const struct json *obj, struct policy_requirement *q, struct cmk_err *err)
{
	static const char *const members[] = { "type",	  "keyType",	    "keyPath", "keyPaths",
					       "keyData", "signedIdentity", NULL };
	static const char *const types[] = { "GPGKeys", "signedByGPGKeys", "X509Certificates",
					     "signedByX509CAs" };
	int r = policy_only_members(obj, members, "signedBy", err), sources = 0;
	const char *type = NULL;
	size_t i = 0;

	if (r == 0)
		r = policy_want_str(obj, "keyType", &type, err);
	if (r < 0)
		return r;
	while (i < ARRAY_LEN(types) && !streq(types[i], type))
		i++;
	if (i == ARRAY_LEN(types))
		return cmk_err_set(err, -EINVAL, "Unrecognized keyType value \"%.100s\"", type);
	if (i > 0)
		q->unsupported = xasprintf("Unimplemented \"keyType\" value \"%s\"", type);
	for (i = 2; r == 0 && i < 5; i++)
		r = policy_read_keys(obj, members[i], &q->keys, &sources, err);
	if (r == 0 && sources != 1)
		r = cmk_err_set(err, -EINVAL,
				"Exactly one of keyPath, keyPaths and keyData must be specified, "
				"%s present",
				sources ? "more than one" : "none of them");
	return r < 0 ? r : policy_read_identity(json_get(obj, "signedIdentity"), &q->identity, err);
}

/* --- scopes --- */

static int read_base_layer(const struct json *obj, struct policy_requirement *q,
			   struct cmk_err *err)
{
	static const char *const members[] = { "type", "baseLayerIdentity", NULL };
	int r = policy_only_members(obj, members, "signedBaseLayer", err);

	if (r == 0 && !json_get(obj, "baseLayerIdentity"))
		r = cmk_err_set(err, -EINVAL, "baseLayerIdentity not specified");
	q->unsupported = xstrdup("signedBaseLayer is not implemented");
	return r < 0 ? r
		     : policy_read_identity(json_get(obj, "baseLayerIdentity"), &q->identity, err);
}

static int read_plain(const struct json *obj, struct policy_requirement *q, struct cmk_err *err)
{
	static const char *const members[] = { "type", NULL };

	return policy_only_members(
		obj, members, q->type == POLICY_REJECT ? "reject" : "insecureAcceptAnything", err);
}

static const struct {
	const char *type;
	enum policy_type as;
	int (*read)(const struct json *obj, struct policy_requirement *q, struct cmk_err *err);
} requirements[] = {
	{ "insecureAcceptAnything", POLICY_ACCEPT, read_plain },
	{ "reject", POLICY_REJECT, read_plain },
	{ "signedBy", POLICY_SIGNED_BY, read_signed_by },
	{ "sigstoreSigned", POLICY_SIGSTORE, policy_read_sigstore },
	{ "signedBaseLayer", POLICY_REJECT, read_base_layer },
};

static int read_requirement(const struct json *obj, struct policy_requirement *q,
			    struct cmk_err *err)
{
	const char *type = NULL;
	int r = policy_want_str(obj, "type", &type, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(requirements); i++)
		if (streq(requirements[i].type, type)) {
			q->type = requirements[i].as;
			r = requirements[i].read(obj, q, err);
			return r < 0 ? cmk_err_wrap(err, r, "%s", type) : 0;
		}
	return cmk_err_set(err, -EINVAL, "Unknown policy requirement type \"%.100s\"", type);
}

static int read_scope(const char *transport, const char *name, const struct json *list,
		      struct policy *p, struct cmk_err *err)
{
	struct policy_scope *s;

	if (!list || list->type != JSON_ARRAY)
		return cmk_err_set(err, -EINVAL, "the requirements are not an array");
	if (list->n == 0)
		return cmk_err_set(err, -EINVAL,
				   "List of verification policy requirements must not be empty");
	if (p->n_scopes >= SCOPES_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d scopes", SCOPES_MAX);
	p->scopes = xrealloc(p->scopes, p->n_scopes + 1, sizeof(*p->scopes));
	s = &p->scopes[p->n_scopes++];
	*s = (struct policy_scope){
		.transport = xstrdup_null(transport),
		.name = xstrdup(name),
		.list = xcalloc(list->n, sizeof(*s->list)),
	};
	json_each (obj, list) {
		int r = read_requirement(obj, &s->list[s->n++], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A path as the transports of files have it: "//", "/./", "/../" and a last "/" would never match.
 */
static bool is_canonical(const char *path)
{
	for (const char *s = path; s; s = strchr(s + 1, '/')) {
		size_t n = strcspn(s + 1, "/:");

		if (n == 0 || (n == 1 && s[1] == '.') || (n == 2 && s[1] == '.' && s[2] == '.'))
			return false;
	}
	return true;
}

static int check_scope(const char *transport, const char *name, struct cmk_err *err)
{
	bool dir = streq(transport, "dir");

	if (!*name)
		return 0;
	if (streq(transport, "docker-archive") || streq(transport, "tarball"))
		return cmk_err_set(err, -EINVAL,
				   "%s: does not support any scopes except the default \"\" one",
				   transport);
	if (!dir && !streq(transport, "oci") && !streq(transport, "oci-archive"))
		return 0;
	if (*name != '/')
		return cmk_err_set(err, -EINVAL, "Invalid scope %.300s: Must be an absolute path",
				   name);
	if (streq(name, "/"))
		return cmk_err_set(err, -EINVAL,
				   "Invalid scope \"/\": Use the generic default scope \"\"");
	if (!is_canonical(name))
		return cmk_err_set(err, -EINVAL, "Invalid scope %.300s: Uses non-canonical format",
				   name);
	return 0;
}

static int read_transport(const struct json *scopes, struct policy *p, struct cmk_err *err)
{
	if (scopes->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "\"%.100s\" is not an object", scopes->key);
	json_each (list, scopes) {
		int r = check_scope(scopes->key, list->key, err);

		if (r == 0)
			r = read_scope(scopes->key, list->key, list, p, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "%.100s, scope \"%.300s\"", scopes->key,
					    list->key);
	}
	return 0;
}

static int read_policy(const struct json *root, struct policy *p, struct cmk_err *err)
{
	static const char *const members[] = { "default", "transports", NULL };
	const struct json *all = json_get(root, "transports");
	int r = policy_only_members(root, members, "the policy", err);

	if (r < 0)
		return r;
	if (!json_get(root, "default"))
		return cmk_err_set(err, -EINVAL, "Default policy is missing");
	r = read_scope(NULL, "", json_get(root, "default"), p, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "default");
	if (all && all->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "\"transports\" is not an object");
	json_each (t, all) {
		r = read_transport(t, p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int policy_parse(const char *text, size_t len, struct policy *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct policy p = { 0 };
	int r = json_parse(text, len, POLICY_MAX, &doc, err);

	if (r == 0)
		r = read_policy(json_root(doc), &p, err);
	if (r < 0)
		policy_done(&p);
	else
		*ret = p;
	return r;
}

char *policy_path(const char *path)
{
	const char *home = getenv("HOME");

	if (path && *path)
		return xstrdup(path);
	if (home && *home == '/') {
		cleanup_free char *own = xasprintf("%s/.config/containers/policy.json", home);

		if (faccessat(AT_FDCWD, own, F_OK, 0) == 0)
			return steal_ptr(&own);
	}
	return xstrdup("/etc/containers/policy.json");
}

int policy_load(const char *path, struct policy *ret, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *file = policy_path(path), *text = NULL;
	size_t len = 0;
	int r = file_read_at(AT_FDCWD, file, POLICY_MAX, &text, &len, &mine);

	if ((r == -ENOENT || r == -ENOTDIR) && !(path && *path)) {
		*ret = (struct policy){ 0 };
		return 0;
	}
	if (r < 0)
		return cmk_err_move(err, &mine);
	r = policy_parse(text, len, ret, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "invalid policy in \"%s\"", file);
	ret->path = steal_ptr(&file);
	return 0;
}
