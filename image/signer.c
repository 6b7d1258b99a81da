// SPDX-License-Identifier: Apache-2.0
#include "image/signer.h"

#include <fcntl.h>
#include <time.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/terminal.h"
#include "image/rekor.h"
#include "image/tool.h"

#define KEY_MAX ((size_t)256 << 10)
#define PASSPHRASE_MAX ((size_t)16 << 10)
#define PARAMS_TEXT_MAX ((size_t)64 << 10)

int signer_payload(const char *type, const char *name, const struct digest *d, char **ret,
		   size_t *ret_len, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	char digest[72];

	json_write_object(&w, NULL);
	json_write_object(&w, "critical");
	json_write_object(&w, "identity");
	json_write_str(&w, "docker-reference", name);
	json_write_end(&w, '}');
	json_write_object(&w, "image");
	json_write_str(&w, "docker-manifest-digest", digest_str(d, digest));
	json_write_end(&w, '}');
	json_write_str(&w, "type", type);
	json_write_end(&w, '}');
	json_write_object(&w, "optional");
	json_write_str(&w, "creator", "cmk " PACKAGE_VERSION);
	json_write_i64(&w, "timestamp", (int64_t)time(NULL));
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

/* --- gpg --- */

/* ARGV (a vector) with TEXT as its input, and PASSPHRASE (may be NULL) as 3; what it writes. */
static int run_gpg(char *const *argv, const char *text, size_t len, const char *passphrase,
		   char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *said = NULL;
	cleanup_close int in = tool_file(text, len, err), out = -1, secret = -1;
	int r;

	if (in < 0)
		return in;
	out = tool_file("", 0, err);
	if (out < 0)
		return out;
	secret = tool_file(passphrase ? passphrase : "", passphrase ? strlen(passphrase) : 0, err);
	if (secret < 0)
		return secret;
	/* Its files and its agent are the user's own: no bound. */
	r = tool_run(argv, (const int[]){ in, out, -1, secret }, passphrase ? 4 : 3, 0, &said, err);
	if (r == -ENOENT)
		(void)cmk_err_hint(err, "install gpg (Debian: gnupg)");
	if (r > 0)
		r = cmk_err_set(err, -EKEYREJECTED, "%s", said);
	return r < 0 ? r : tool_read(out, SIGNATURE_MAX, ret, ret_len, err);
}

static int gpg_sign(const char *key, const char *passphrase, const char *text, size_t len,
		    char **ret, size_t *ret_len, struct cmk_err *err)
{
	static const char *const words[] = { "gpg",	 "--batch", "--quiet", "--sign",
					     "--output", "-",	    NULL },
				 *const given[] = { "--pinentry-mode", "loopback",
						    "--passphrase-fd", "3", NULL };
	cleanup_strv char **argv = NULL;
	int r;

	for (const char *const *w = words; *w; w++)
		strv_add(&argv, *w);
	for (const char *const *w = given; passphrase && *w; w++)
		strv_add(&argv, *w);
	strv_add(&argv, "--local-user");
	strv_add(&argv, key);
	r = run_gpg(argv, text, len, passphrase, ret, ret_len, err);
	return r < 0 ? cmk_err_wrap(err, r, "sign by '%.200s'", key) : 0;
}

static int gpg_check(const char *key, struct cmk_err *err)
{
	char *const argv[] = { (char *)"gpg",
			       (char *)"--batch",
			       (char *)"--quiet",
			       (char *)"--list-secret-keys",
			       (char *)"--",
			       (char *)(uintptr_t)key,
			       NULL };
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = run_gpg(argv, "", 0, NULL, &text, &len, err);

	return r < 0 ? cmk_err_wrap(err, r, "sign by '%.200s'", key) : 0;
}

int signer_simple(const char *key, const char *passphrase, const struct policy_image *image,
		  const char *base, const struct digest *d, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *message = NULL;
	cleanup_free char *place = lookaside_place(base, image, d);
	size_t len = 0, message_len = 0;
	int r = signer_payload(SIGNATURE_TYPE_SIMPLE, image->identity, d, &text, &len, err);

	if (r == 0)
		r = gpg_sign(key, passphrase, text, len, &message, &message_len, err);
	return r < 0 ? r : lookaside_write(place, message, message_len, err);
}

/* --- passphrases --- */

static void forget(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* The first line of PATH, which may be a pipe. */
static int read_passphrase(const char *path, char **ret, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "passphrase file '%s'", path);
	r = file_read_fd(fd, PASSPHRASE_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "passphrase file '%s'", path);
	explicit_bzero(text + strcspn(text, "\n"), len - strcspn(text, "\n"));
	*ret = text;
	return 0;
}

static int ask_passphrase(const char *path, char **ret, struct cmk_err *err)
{
	int r;

	if (!isatty(STDIN_FILENO)) {
		r = cmk_err_set(err, -ENOTTY,
				"private key '%s': there is no terminal to ask for its passphrase",
				path);
		(void)cmk_err_hint(err, "give it in a file: --sign-passphrase-file, or "
					"privateKeyPassphraseFile of --sign-by-sigstore");
		return r;
	}
	(void)fprintf(stderr, "Passphrase for key %s: ", path);
	r = terminal_read_secret(STDIN_FILENO, PASSPHRASE_MAX, ret, err);
	(void)fprintf(stderr, "\n");
	return r;
}

/* --- keys of sigstore --- */

static int run_sign(const struct signer_key *k, const char *what, const char *text, size_t len,
		    char **ret, size_t *ret_len, struct cmk_err *err)
{
	const char *const words[] = { what, NULL };
	cleanup_close int key = tool_file(k->pem, k->pem_len, err), out = -1, secret = -1, in = -1;
	cleanup_free char *said = NULL;
	int r;

	if (key < 0)
		return key;
	secret = tool_file(k->passphrase, strlen(k->passphrase), err);
	if (secret < 0)
		return secret;
	in = tool_file(text, len, err);
	if (in < 0)
		return in;
	out = tool_file("", 0, err);
	if (out < 0)
		return out;
	r = tool_run_helper("cmk-sign", words, (const int[]){ key, out, -1, secret, in }, 5, &said,
			    err);
	if (r > 0)
		r = cmk_err_set(err, -EKEYREJECTED, "private key '%s': %s", k->path,
				*said ? said : "cmk-sign failed");
	return r < 0 ? r : tool_read(out, KEY_MAX, ret, ret_len, err);
}

static int sigstore_sign(const struct signer *s, const struct signer_key *k, struct client *c,
			 const struct digest *d, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *bytes = NULL, *base64 = NULL, *bundle = NULL;
	size_t len = 0, bytes_len = 0;
	struct signature one = { .sigstore = true };
	int r = signer_payload(SIGNATURE_TYPE_SIGSTORE, s->image.identity, d, &text, &len, err);

	if (r == 0)
		r = run_sign(k, "sign", text, len, &bytes, &bytes_len, err);
	if (r == 0 && k->log)
		r = rekor_submit(k->log, k->public_key, text, len, bytes, bytes_len, &bundle, err);
	if (r < 0)
		return r;
	base64 = base64_encoded(bytes, bytes_len);
	one.data = text;
	one.len = len;
	one.base64 = base64;
	one.bundle = bundle;
	return signature_attach(c, d, &one, err);
}

/* Takes KEY, once it is known that its passphrase fits. */
static int add_key(struct signer *s, const char *path, const char *passphrase_file,
		   struct cmk_err *err)
{
	struct signer_key k = { 0 };
	size_t len = 0;
	int r;

	s->keys = xrealloc(s->keys, s->n_keys + 1, sizeof(*s->keys));
	k.path = xstrdup(path);
	r = file_read_at(AT_FDCWD, path, KEY_MAX, &k.pem, &k.pem_len, err);
	if (r < 0)
		r = cmk_err_wrap(err, r, "private key '%s'", path);
	else if (passphrase_file)
		r = read_passphrase(passphrase_file, &k.passphrase, err);
	else
		r = ask_passphrase(path, &k.passphrase, err);
	s->keys[s->n_keys++] = k;
	return r < 0 ? r
		     : run_sign(&s->keys[s->n_keys - 1], "public", "", 0,
				&s->keys[s->n_keys - 1].public_key, &len, err);
}

/* --- containers-sigstore-signing-params.yaml(5) --- */

struct params {
	char *key, *passphrase_file, *rekor;
};

static const struct json_field params_fields[] = {
	JSON_FIELD(struct params, key, "privateKeyFile", JSON_F_STR, 0),
	JSON_FIELD(struct params, passphrase_file, "privateKeyPassphraseFile", JSON_F_STR, 0),
	JSON_FIELD(struct params, rekor, "rekorURL", JSON_F_STR, 0),
	JSON_FIELD_END,
};

static int check_params(const struct json *root, struct cmk_err *err)
{
	if (root->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "it is not a mapping");
	if (json_get(root, "fulcio"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "'fulcio': certificates cannot be asked for, only a "
				    "'privateKeyFile' can sign");
	json_each (m, root) {
		size_t i = 0;

		while (params_fields[i].name && !streq(params_fields[i].name, m->key))
			i++;
		if (!params_fields[i].name)
			return cmk_err_set(err, -EINVAL, "unknown key '%.100s'", m->key);
	}
	return 0;
}

static int read_params(const struct json *root, struct params *p, struct cmk_err *err)
{
	int r = check_params(root, err);

	if (r == 0)
		r = json_read_fields(root, params_fields, p, err);
	if (r == 0 && (!p->key || !*p->key))
		r = cmk_err_set(err, -EINVAL, "'privateKeyFile' is missing");
	if (r == 0 && p->rekor && !image_is_url(p->rekor))
		r = cmk_err_set(err, -EINVAL, "'rekorURL' '%.200s' is neither http:// nor https://",
				p->rekor);
	return r;
}

static int add_params(struct signer *s, const char *path, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	struct params p = { 0 };
	size_t len = 0;
	int r = tool_read_yaml(path, &text, &len, err);

	if (r == 0)
		r = json_parse(text, len, PARAMS_TEXT_MAX, &doc, err);
	if (r == 0)
		r = read_params(json_root(doc), &p, err);
	if (r == 0)
		r = add_key(s, p.key, p.passphrase_file, err);
	if (r == 0)
		s->keys[s->n_keys - 1].log = steal_ptr(&p.rekor);
	json_free_fields(params_fields, &p);
	return r < 0 ? cmk_err_wrap(err, r, "signing parameters '%s'", path) : 0;
}

/* --- all --- */

void signer_done(struct signer *s)
{
	for (size_t i = 0; i < s->n_keys; i++) {
		free(s->keys[i].path);
		free(s->keys[i].pem);
		free(s->keys[i].public_key);
		free(s->keys[i].log);
		forget(s->keys[i].passphrase);
	}
	free(s->keys);
	forget(s->gpg_passphrase);
	free(s->base);
	policy_image_done(&s->image);
	*s = (struct signer){ 0 };
}

static bool given(const char *s)
{
	return s && *s;
}

static int check_options(const struct image_signing *o, struct cmk_err *err)
{
	if (given(o->passphrase_file) && given(o->gpg_key) && given(o->private_key))
		return cmk_err_set(err, -EINVAL,
				   "only one of --sign-by and --sign-by-sigstore-private-key can "
				   "be used with --sign-passphrase-file");
	if (given(o->passphrase_file) && !given(o->gpg_key) && !given(o->private_key))
		return cmk_err_set(err, -EINVAL,
				   "--sign-passphrase-file: neither --sign-by nor "
				   "--sign-by-sigstore-private-key is there to use it");
	return 0;
}

/* Where signatures of S->image go. */
static int find_places(struct signer *s, struct cmk_err *err)
{
	struct lookaside_conf conf = { 0 };
	int r = lookaside_conf_load(NULL, &conf, err);

	if (r < 0)
		return r;
	s->base = lookaside_base(&conf, &s->image, true);
	if (given(s->o->gpg_key))
		r = lookaside_check_writable(s->base, err);
	if (r == 0 && (given(s->o->params_file) || given(s->o->private_key)) &&
	    !lookaside_attachments(&conf, &s->image)) {
		r = cmk_err_set(err, -EACCES,
				"writing sigstore attachments is disabled by configuration");
		(void)cmk_err_hint(err,
				   "set use-sigstore-attachments for '%s' in registries.d, "
				   "containers-registries.d(5)",
				   s->image.identity);
	}
	lookaside_conf_done(&conf);
	return r;
}

static int open_keys(struct signer *s, struct cmk_err *err)
{
	const struct image_signing *o = s->o;
	const char *file = given(o->passphrase_file) ? o->passphrase_file : NULL;
	int r = 0;

	if (given(o->gpg_key))
		r = gpg_check(o->gpg_key, err);
	if (r == 0 && given(o->gpg_key) && file)
		r = read_passphrase(file, &s->gpg_passphrase, err);
	if (r == 0 && given(o->params_file))
		r = add_params(s, o->params_file, err);
	if (r == 0 && given(o->private_key))
		r = add_key(s, o->private_key, file, err);
	return r;
}

int signer_open(const struct image_signing *o, const struct image_ref *to, struct signer *ret,
		struct cmk_err *err)
{
	/* A tag that is pushed to is what is signed, not the digest beside it. */
	const struct image_ref name = { .registry = to->registry,
					.repository = to->repository,
					.tag = to->tag,
					.digest = to->tag ? NULL : to->digest };
	struct signer s = { .o = o };
	int r = check_options(o, err);

	if (r == 0 && image_signing_any(o)) {
		policy_image_docker(&name, &s.image);
		r = find_places(&s, err);
		if (r == 0)
			r = open_keys(&s, err);
	}
	if (r < 0)
		signer_done(&s);
	else
		*ret = s;
	return r;
}

int signer_sign(const struct signer *s, struct client *c, const struct digest *d,
		struct cmk_err *err)
{
	int r = 0;

	if (s->base && given(s->o->gpg_key))
		r = signer_simple(s->o->gpg_key, s->gpg_passphrase, &s->image, s->base, d, err);
	for (size_t i = 0; r == 0 && i < s->n_keys; i++)
		r = sigstore_sign(s, &s->keys[i], c, d, err);
	return r < 0 ? cmk_err_wrap(err, r, "creating new signature for '%.300s'",
				    s->image.identity)
		     : 0;
}

bool image_signing_any(const struct image_signing *o)
{
	return given(o->gpg_key) || given(o->params_file) || given(o->private_key);
}
