// SPDX-License-Identifier: Apache-2.0
/* What a policy says, for people, and changes of it. */
#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "image/lookaside.h"
#include "image/tool.h"

#define COLONS_MAX ((size_t)4 << 20)

/* --- show --- */

void image_trust_free(struct image_trust *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].transport);
		free(list[i].scope);
		free(list[i].store);
		free(list[i].ids);
	}
	free(list);
}

/* "pub:…" and "uid:…" (GnuPG's doc/DETAILS): the tenth field is whose key it is. */
static void add_ids(char *colons, struct strbuf *ids)
{
	char *save = NULL;

	for (char *line = strtok_r(colons, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		cleanup_strv char **fields = NULL;
		const char *id, *mail;

		if (!str_after(line, "uid:") && !str_after(line, "pub:"))
			continue;
		fields = strv_split(line, ':');
		id = strv_len(fields) > 9 ? fields[9] : "";
		mail = strchr(id, '<');
		if (mail)
			id = mail + 1;
		if (*id)
			strbuf_addf(ids, "%s%.*s", ids->len ? ", " : "",
				    (int)(mail ? strcspn(id, ">") : strlen(id)), id);
	}
}

static int list_key(void *arg, const char *data, size_t len, struct cmk_err *err)
{
	char *argv[] = { (char *)"gpg",
			 (char *)"--homedir",
			 (char *)"/",
			 (char *)"--batch",
			 (char *)"--no-options",
			 (char *)"--no-default-keyring",
			 (char *)"--trust-model",
			 (char *)"always",
			 (char *)"--with-colons",
			 (char *)"--show-keys",
			 NULL };
	cleanup_close int in = tool_file(data, len, err), out = tool_file("", 0, err);
	cleanup_free char *text = NULL;
	size_t n = 0;
	int r;

	if (in < 0 || out < 0)
		return MIN(in, out);
	r = tool_run(argv, (const int[]){ in, out }, 2, COLONS_MAX, NULL, err);
	if (r < 0 || tool_read(out, COLONS_MAX, &text, &n, err) < 0)
		return r < 0 ? r : -EIO;
	add_ids(text, arg);
	return 0;
}

static char *ids_of(const struct policy_requirement *q)
{
	cleanup_strbuf struct strbuf ids = STRBUF_INIT;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (q->type == POLICY_SIGSTORE)
		return xstrdup("N/A");
	if (q->type == POLICY_SIGNED_BY && signature_each_key(&q->keys, &ids, list_key, &err) < 0)
		log_warn("Getting key identity: %s", cmk_err_msg(&err));
	return strbuf_steal(&ids);
}

static const char *store_of(const struct lookaside_conf *conf, const char *scope)
{
	const struct lookaside_entry *e = scope ? lookaside_of_scope(conf, scope) : NULL;

	if (!e || !e->read)
		e = lookaside_of_scope(conf, NULL);
	return e && e->read ? e->read : "";
}

static int compare_scopes(const void *a, const void *b)
{
	const struct policy_scope *x = a, *y = b;
	int r = strcmp(x->transport, y->transport);

	return r ? r : strcmp(x->name, y->name);
}

int image_trust_list(const char *policy, const char *registries_dir, struct image_trust **ret,
		     size_t *ret_n, struct cmk_err *err)
{
	static const char *const types[] = {
		[POLICY_ACCEPT] = "accept",
		[POLICY_REJECT] = "reject",
		[POLICY_SIGNED_BY] = "signed",
		[POLICY_SIGSTORE] = "sigstoreSigned",
	};
	struct lookaside_conf conf = { 0 };
	struct image_trust *list = NULL;
	cleanup_free char *path = policy_path(policy);
	struct policy p = { 0 };
	size_t n = 0;
	int r = policy_load(path, &p, err);

	if (r == 0)
		r = lookaside_conf_load(registries_dir, &conf, err);
	if (r == 0 && p.n_scopes > 2)
		qsort(p.scopes + 1, p.n_scopes - 1, sizeof(*p.scopes), compare_scopes);
	for (size_t i = 0; r == 0 && i < p.n_scopes; i++)
		for (size_t j = 0; j < p.scopes[i].n; j++) {
			const struct policy_scope *s = &p.scopes[i];

			list = xrealloc(list, n + 1, sizeof(*list));
			list[n++] = (struct image_trust){
				.transport = xstrdup_null(s->transport),
				.scope = xstrdup(s->name),
				.type = types[s->list[j].type],
				.store = xstrdup(store_of(&conf, s->transport ? s->name : NULL)),
				.ids = ids_of(&s->list[j]),
			};
		}
	lookaside_conf_done(&conf);
	policy_done(&p);
	if (r < 0)
		return cmk_err_wrap(err, r, "could not read trust policies");
	*ret = list;
	*ret_n = n;
	return 0;
}

int image_trust_text(const char *policy, char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *path = policy_path(policy);

	return file_read_at(AT_FDCWD, path, POLICY_MAX, ret, ret_len, err);
}

/* --- set --- */

static void write_requirements(struct json_writer *w, const char *key, const char *type,
			       char *const *keys)
{
	size_t n = MAX(strv_len(keys), (size_t)1);

	json_write_array(w, key);
	for (size_t i = 0; i < n; i++) {
		json_write_object(w, NULL);
		json_write_str(w, "type", type);
		if (keys && streq(type, "signedBy"))
			json_write_str(w, "keyType", "GPGKeys");
		if (keys)
			json_write_str(w, "keyPath", keys[i]);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

/* The scopes of one transport, SCOPE (NULL: none of them) with other requirements. */
static void write_transport(struct json_writer *w, const struct json *t, const char *scope,
			    const char *type, char *const *keys)
{
	bool done = !scope;

	json_write_object(w, t ? t->key : "docker");
	json_each (s, t) {
		if (scope && streq(s->key, scope)) {
			write_requirements(w, s->key, type, keys);
			done = true;
		} else {
			json_write_value(w, s->key, s);
		}
	}
	if (!done)
		write_requirements(w, scope, type, keys);
	json_write_end(w, '}');
}

static void write_transports(struct json_writer *w, const struct json *all, const char *scope,
			     const char *type, char *const *keys)
{
	const char *into = "docker";

	/* Where it is named already, of whatever transport. */
	json_each (t, all) {
		if (json_get(t, scope)) {
			into = t->key;
			break;
		}
	}
	json_write_object(w, "transports");
	json_each (t, all) {
		write_transport(w, t, streq(t->key, into) ? scope : NULL, type, keys);
	}
	if (!json_get(all, into))
		write_transport(w, NULL, scope, type, keys);
	json_write_end(w, '}');
}

static int edit(const struct json *root, const char *scope, const char *type, char *const *keys,
		char **ret, size_t *ret_len, struct cmk_err *err)
{
	const struct json *all = json_get(root, "transports"), *dflt = json_get(root, "default");
	struct json_writer w = { .pretty = true };
	bool of_default = streq(scope, "default");

	if (!of_default && !dflt)
		return cmk_err_set(err, -EINVAL, "default trust policy must be set");
	json_write_object(&w, NULL);
	if (of_default)
		write_requirements(&w, "default", type, keys);
	else
		json_write_value(&w, "default", dflt);
	if (!of_default)
		write_transports(&w, all, scope, type, keys);
	else if (all)
		json_write_value(&w, "transports", all);
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

static int check_words(const char *scope, const char *type, size_t n_keys, struct cmk_err *err)
{
	bool needs = streq(type, "signedBy") || streq(type, "sigstoreSigned");

	if (!*scope || strpbrk(scope, " \t\r\n\"\\<>^`{|}") || *scope == '/')
		return cmk_err_set(err, -EINVAL, "invalid image uri: %.300s", scope);
	if (!needs && !streq(type, "insecureAcceptAnything") && !streq(type, "reject"))
		return cmk_err_set(err, -EINVAL,
				   "invalid choice: %.100s (choose from 'accept', 'reject', "
				   "'signedBy', 'sigstoreSigned')",
				   type);
	if (needs && n_keys == 0)
		return cmk_err_set(err, -EINVAL,
				   "at least one public key must be defined for type '%s'", type);
	if (!needs && n_keys > 0)
		return cmk_err_set(err, -EINVAL,
				   "%zu public keys unexpectedly provided for trust type %s",
				   n_keys, streq(type, "reject") ? type : "accept");
	return 0;
}

/* The directory DIR of the policy (owned), locked against others that change it. */
static int lock_dir(const char *dir, struct cmk_err *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", dir);
	r = file_lock(fd, true, false);
	return r < 0 ? cmk_err_set(err, r, "lock '%s': %s", dir, errno_text(-r)) : steal_fd(&fd);
}

/* Nothing is written that would not be read. */
static int replace(int dir, const char *name, const char *text, size_t len, struct cmk_err *err)
{
	struct policy p = { 0 };
	int r = policy_parse(text, len, &p, err);

	policy_done(&p);
	return r < 0 ? r : file_replace_at(dir, name, text, len, 0644, FILE_DURABLE, err);
}

/* What is in the file NAME of DIR, changed. */
static int set(int dir, const char *name, const char *path, const char *scope, const char *type,
	       char *const *keys, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *fresh = NULL;
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	size_t len = 0, fresh_len = 0;
	int r = file_read_at(dir, name, POLICY_MAX, &text, &len, &mine);

	if (r < 0 && r != -ENOENT)
		return cmk_err_move(err, &mine);
	if (r == 0) {
		r = json_parse(text, len, POLICY_MAX, &doc, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "could not read trust policies: %s", path);
	}
	r = edit(doc ? json_root(doc) : NULL, scope, type, keys, &fresh, &fresh_len, err);
	return r < 0 ? r : replace(dir, name, fresh, fresh_len, err);
}

int image_trust_set(const char *policy, const char *scope, const char *type, char *const *keys,
		    struct cmk_err *err)
{
	cleanup_free char *path = policy_path(policy), *parent = xstrdup(path);
	char *slash = strrchr(parent, '/');
	const char *name = slash ? path + (slash - parent) + 1 : path;
	cleanup_close int dir = -1;
	int r;

	if (streq(type, "accept"))
		type = "insecureAcceptAnything";
	r = check_words(scope, type, strv_len(keys), err);
	if (r < 0)
		return r;
	if (slash)
		slash[slash == parent] = '\0';
	dir = lock_dir(slash ? parent : ".", err);
	r = dir < 0 ? dir : set(dir, name, path, scope, type, keys, err);
	return r < 0 ? cmk_err_wrap(err, r, "setting trust policy") : 0;
}
