// SPDX-License-Identifier: Apache-2.0
/* auth.json, written: containers-auth.json(5). */
#include <fcntl.h>
#include <libgen.h>

#include "base/base64.h"
#include "base/file.h"
#include "image/auth.h"

static void write_entry(struct json_writer *w, const char *key, const struct credentials *c)
{
	cleanup_free char *pair = xasprintf("%s:%s", c->user, c->password);
	size_t len = strlen(pair);
	cleanup_free char *auth = base64_encoded(pair, len);

	json_write_object(w, key);
	json_write_str(w, "auth", auth);
	json_write_end(w, '}');
	explicit_bzero(pair, len);
	explicit_bzero(auth, strlen(auth));
}

/* True where an entry was put in or left out. */
static bool write_entries(struct json_writer *w, const struct json *auths, const char *key,
			  const struct credentials *c)
{
	bool changed = false;

	json_write_object(w, "auths");
	json_each (v, auths) {
		if (key && !auth_key_is(v->key, key)) {
			json_write_value(w, v->key, v);
			continue;
		}
		if (c && !changed)
			write_entry(w, key, c);
		changed = true;
	}
	if (c && !changed)
		write_entry(w, key, c);
	json_write_end(w, '}');
	return changed || c;
}

static int parse_file(const char *text, size_t len, struct json_doc **ret, struct cmk_err *err)
{
	const struct json *auths;
	int r = len > 0 ? json_parse(text, len, AUTH_MAX, ret, err)
			: json_parse("{}", 2, AUTH_MAX, ret, err);

	if (r < 0)
		return r;
	auths = json_get(json_root(*ret), "auths");
	if (json_root(*ret)->type != JSON_OBJECT ||
	    (auths && auths->type != JSON_OBJECT && auths->type != JSON_NULL))
		return cmk_err_set(err, -EINVAL, "it is not a file of credentials");
	return 0;
}

int auth_file_edit(const char *text, size_t len, const char *key, const struct credentials *c,
		   char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	bool seen = false, changed = false;
	cleanup_free char *out = NULL;
	size_t out_len = 0;
	int r;

	r = parse_file(text, len, &doc, err);
	if (r < 0)
		return r;
	w.pretty = true;
	json_write_object(&w, NULL);
	json_each (v, json_root(doc)) {
		if (streq(v->key, "auths")) {
			seen = true;
			changed = write_entries(&w, v, key, c);
		} else {
			json_write_value(&w, v->key, v);
		}
	}
	if (!seen)
		changed = write_entries(&w, NULL, key, c);
	json_write_end(&w, '}');
	if (!changed) {
		json_writer_done(&w);
		*ret = NULL;
		return 0;
	}
	r = json_writer_finish(&w, &out, &out_len, err);
	if (r == 0 && out_len > AUTH_MAX)
		r = cmk_err_set(err, -EFBIG, "it would have more than %zu bytes", AUTH_MAX);
	if (r < 0)
		return r;
	*ret = steal_ptr(&out);
	*ret_len = out_len;
	return 1;
}

/* --- the file ----------------------------------------------------------------------------------
 */

/* One file that is being changed: nobody else does it meanwhile. */
struct edit {
	char *path, *name; /* behind links; the last part of PATH, borrowed */
	int dir;
	char *text;
	size_t len;
	struct json_doc *doc;
};

static void edit_done(struct edit *e)
{
	if (e->dir >= 0)
		(void)close(e->dir);
	if (e->text)
		explicit_bzero(e->text, e->len);
	json_doc_free(e->doc);
	free(e->text);
	free(e->path);
}

static int edit_open(struct edit *e, const char *path, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *copy = NULL;
	const char *dir;
	int r;

	/* People keep it under version control, and link to it. */
	e->path = realpath(path, NULL);
	if (!e->path)
		e->path = xstrdup(path);
	e->name = strrchr(e->path, '/');
	e->name = e->name ? e->name + 1 : e->path;
	copy = xstrdup(e->path);
	dir = dirname(copy);
	r = mkdir_p_at(AT_FDCWD, dir, 0700, err);
	if (r < 0)
		return r;
	e->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->dir < 0)
		return cmk_err_errno(err, "open directory '%s'", dir);
	r = file_lock(e->dir, true, false);
	if (r < 0)
		return cmk_err_set(err, r, "lock directory '%s': %s", dir, errno_text(-r));
	r = file_read_at(e->dir, e->name, AUTH_MAX, &e->text, &e->len, &mine);
	if (r < 0 && r != -ENOENT)
		return cmk_err_move(err, &mine);
	r = parse_file(e->text, e->len, &e->doc, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s", e->path) : 0;
}

/* 1 where the file was written, 0 where there was nothing to remove. */
static int edit_write(struct edit *e, const char *key, const struct credentials *c,
		      struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r, changed;

	changed = auth_file_edit(e->text, e->len, key, c, &text, &len, err);
	if (changed <= 0)
		return changed;
	r = file_replace_at(e->dir, e->name, text, len, 0600, FILE_DURABLE, err);
	explicit_bzero(text, len);
	return r < 0 ? cmk_err_wrap(err, r, "write '%s'", e->path) : 1;
}

/* "registry/repository": programs know registries alone, and docker's files their URLs. */
static bool is_repository(const char *key)
{
	return strchr(key, '/') && !str_after(key, "https://");
}

/* The program that keeps the logins of KEY's registry, or NULL. One of all registries stands behind
 * one for this registry. */
static const char *edit_helper(const struct edit *e, const char *key)
{
	cleanup_free char *registry = is_repository(key) ? xstrndup(key, strcspn(key, "/"))
							 : xstrdup(key);
	const char *helper = auth_file_helper(json_root(e->doc), registry), *store;

	if (helper)
		return helper;
	store = json_str(json_get(json_root(e->doc), "credsStore"));
	return store && *store ? store : NULL;
}

static int set_in_helper(struct edit *e, const char *helper, const char *key,
			 const struct credentials *c, struct cmk_err *err)
{
	int r;

	if (is_repository(key))
		return cmk_err_set(err, -EINVAL,
				   "namespaced key is not supported for credential helper %s",
				   helper);
	r = credential_helper_store(helper, key, c, err);
	/* What the file itself still says would be believed first. */
	return r < 0 ? r : edit_write(e, key, NULL, err);
}

int auth_store_set(const char *path, const char *key, const struct credentials *c, char **ret_where,
		   struct cmk_err *err)
{
	cleanup(edit_done) struct edit e = { .dir = -1 };
	const char *helper;
	int r;

	r = edit_open(&e, path, err);
	if (r < 0)
		return r;
	helper = edit_helper(&e, key);
	r = helper ? set_in_helper(&e, helper, key, c, err) : edit_write(&e, key, c, err);
	if (r < 0)
		return r;
	if (ret_where)
		*ret_where = helper ? xasprintf("credential helper: %s", helper) : xstrdup(e.path);
	return 0;
}

static int remove_all(struct edit *e, struct cmk_err *err)
{
	const struct json *root = json_root(e->doc);
	const char *store = json_str(json_get(root, "credsStore"));
	int r;

	json_each (v, json_get(root, "credHelpers")) {
		if (!json_str(v))
			continue;
		r = credential_helper_erase(v->text, v->key, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	r = store && *store ? credential_helper_erase_all(store, err) : 0;
	if (r == 0)
		r = edit_write(e, NULL, NULL, err);
	return MIN(r, 0);
}

int auth_store_remove(const char *path, const char *key, struct cmk_err *err)
{
	cleanup(edit_done) struct edit e = { .dir = -1 };
	const char *helper;
	bool found = false;
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return key ? cmk_err_set(err, -ENOENT, "not logged into %s", key) : 0;
	r = edit_open(&e, path, err);
	if (r < 0)
		return r;
	if (!key)
		return remove_all(&e, err);
	helper = is_repository(key) ? NULL : edit_helper(&e, key);
	if (helper) {
		r = credential_helper_erase(helper, key, err);
		if (r < 0 && r != -ENOENT)
			return r;
		found = r == 0;
	}
	r = edit_write(&e, key, NULL, err);
	if (r < 0)
		return r;
	return found || r > 0 ? 0 : cmk_err_set(err, -ENOENT, "not logged into %s", key);
}
