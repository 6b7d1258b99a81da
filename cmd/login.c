// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/terminal.h"
#include "cmd/containers.h"
#include "cmd/registry_rows.h"
#include "image/image.h"
#include "libpod/libpod.h"

#define ANSWER_MAX ((size_t)16 << 10)

struct login_args {
	const char *authfile, *cert_dir, *compat_auth_file, *password, *secret, *username;
	bool get_login, password_stdin, verbose;
	int tls_verify;
};

static const struct cmk_option login_options[] = {
	CMK_OPT_STRING(0, "authfile", struct login_args, authfile, "FILE",
		       "keep the credentials in this file", .complete = COMPLETE_FILES),
	CMK_OPT_CERT_DIR(struct login_args),
	CMK_OPT_STRING(0, "compat-auth-file", struct login_args, compat_auth_file, "FILE",
		       "keep the credentials in this file, in docker's format",
		       .complete = COMPLETE_FILES, .excludes = "authfile"),
	CMK_OPT_FLAG(0, "get-login", struct login_args, get_login, "print who is logged in"),
	CMK_OPT_STRING('p', "password", struct login_args, password, "PASSWORD",
		       "the password, or a token in its place"),
	CMK_OPT_FLAG(0, "password-stdin", struct login_args, password_stdin,
		     "read the password from standard input"),
	CMK_OPT_STRING(0, "secret", struct login_args, secret, "NAME",
		       "take the password from this secret", .complete = COMPLETE_SECRETS),
	CMK_OPT_TLS_VERIFY(struct login_args),
	CMK_OPT_STRING('u', "username", struct login_args, username, "NAME", "the user's name"),
	CMK_OPT_FLAG('v', "verbose", struct login_args, verbose, "say where the login is kept"),
	CMK_OPT_END(),
};

/* Who logs in; owned. */
struct answer {
	char *user, *password;
};

static void answer_done(struct answer *a)
{
	free(a->user);
	if (a->password)
		explicit_bzero(a->password, strlen(a->password));
	free(a->password);
}

static bool given(const char *s)
{
	return s && *s;
}

static const char *file_of(const struct login_args *a)
{
	return given(a->compat_auth_file) ? a->compat_auth_file
	       : given(a->authfile)	  ? a->authfile
					  : NULL;
}

/* All lines of standard input, without their ends, as one. */
static int read_stdin(char **ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0, n = 0;
	int r;

	r = file_read_fd(STDIN_FILENO, ANSWER_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "read the password");
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			return cmk_err_set(err, -EINVAL, "the password holds a NUL byte");
		if (text[i] != '\n' && !(text[i] == '\r' && text[i + 1] == '\n'))
			text[n++] = text[i];
	}
	text[n] = '\0';
	*ret = steal_ptr(&text);
	return 0;
}

static int from_secret(const struct cmk_globals *g, const char *name, char **ret,
		       struct cmk_err *err)
{
	cleanup(secret_done) struct secret s = { 0 };
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *value = NULL;
	size_t len = 0;
	int r;

	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = secret_find(st, name, &s, err);
	if (r == 0)
		r = secret_value(st, &s, &value, &len, err);
	if (r == 0 && (len > ANSWER_MAX || strlen(value) != len))
		r = cmk_err_set(err, -EINVAL, "the secret '%s' is no password", name);
	if (r == 0)
		*ret = steal_ptr(&value);
	if (value)
		explicit_bzero(value, len);
	return r;
}

/* What the options say, which may be nothing. */
static int from_options(const struct cmk_globals *g, const struct login_args *a, struct answer *ret,
			struct cmk_err *err)
{
	if (a->password_stdin && given(a->password))
		return cmk_err_set(err, -EINVAL,
				   "Can't specify both --password-stdin and --password");
	if (given(a->secret) && (given(a->password) || a->password_stdin))
		return cmk_err_set(err, -EINVAL,
				   "--secret can not be used with --password options");
	if (a->password_stdin && !given(a->username))
		return cmk_err_set(err, -EINVAL, "Must provide --username with --password-stdin");
	if (given(a->username))
		ret->user = xstrdup(a->username);
	else if (given(a->secret))
		ret->user = xstrdup(a->secret);
	if (a->password_stdin)
		return read_stdin(&ret->password, err);
	if (given(a->secret))
		return from_secret(g, a->secret, &ret->password, err);
	ret->password = xstrdup(a->password ? a->password : "");
	return 0;
}

/* A line from standard input, byte by byte: what stands behind it is not ours. */
static int read_line(char **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	char c;

	while (read_full(STDIN_FILENO, &c, 1) == 1 && c && line.len < ANSWER_MAX) {
		if (c == '\n') {
			*ret = strbuf_steal(&line);
			return 0;
		}
		strbuf_addc(&line, c);
	}
	return cmk_err_set(err, -EPIPE, "EOF");
}

static char *trimmed(const char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	for (len = strlen(s); len > 0 && strchr(" \t\r", s[len - 1]);)
		len--;
	return xstrndup(s, len);
}

static int ask_user(const char *known, struct answer *a, struct cmk_err *err)
{
	cleanup_free char *line = NULL;
	int r;

	if (given(known))
		printf("Username (%s): ", known);
	else
		printf("Username: ");
	(void)fflush(stdout);
	r = read_line(&line, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "reading username");
	a->user = trimmed(line);
	if (*a->user || !given(known))
		return 0;
	free(a->user);
	a->user = xstrdup(known);
	return 0;
}

static int ask_password(struct answer *a, struct cmk_err *err)
{
	char *password = NULL;
	int r;

	printf("Password: ");
	(void)fflush(stdout);
	r = terminal_read_secret(STDIN_FILENO, ANSWER_MAX, &password, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "reading password");
	printf("\n");
	free(a->password);
	a->password = password;
	return 0;
}

/* 1 where what the file knows is good. */
static int try_known(const struct login_args *a, const struct image_login *l,
		     const struct answer *known)
{
	printf("Authenticating with existing credentials for %s\n", l->key);
	(void)fflush(stdout);
	if (image_login_check(l, known->user, known->password, a->cert_dir, a->tls_verify, NULL) <
	    0) {
		printf("Existing credentials are invalid, please enter valid username and "
		       "password\n");
		return 0;
	}
	printf("Existing credentials are valid. Already logged in to %s\n", l->registry);
	return 1;
}

static int check(const struct login_args *a, const struct image_login *l, const struct answer *who,
		 struct cmk_err *err)
{
	int r = image_login_check(l, who->user, who->password, a->cert_dir, a->tls_verify, err);

	if (r == -EKEYREJECTED)
		return cmk_err_kind(err, CMK_ERR_DENIED, -EACCES,
				    "logging into \"%s\": invalid username/password", l->key);
	return r < 0 ? cmk_err_wrap(err, r, "authenticating creds for \"%s\"", l->key) : 0;
}

static int log_in(const struct cmk_globals *g, const struct login_args *a,
		  const struct image_login *l, const struct answer *known, struct cmk_err *err)
{
	cleanup(answer_done) struct answer who = { 0 };
	cleanup_free char *where = NULL;
	int r;

	r = from_options(g, a, &who, err);
	if (r < 0)
		return r;
	if (!who.user && !*who.password && given(known->user) && given(known->password) &&
	    try_known(a, l, known))
		return 0;
	r = who.user ? 0 : ask_user(known->user, &who, err);
	if (r == 0 && !*who.password)
		r = ask_password(&who, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "getting username and password");
	r = check(a, l, &who, err);
	if (r == 0)
		r = image_login_store(file_of(a), l, who.user, who.password, &where, err);
	if (r < 0)
		return r;
	if (a->verbose)
		printf("Used:  %s\n", where);
	printf("Login Succeeded!\n");
	return 0;
}

static int login_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		      struct cmk_err *err)
{
	const struct login_args *a = args;
	cleanup(image_login_done) struct image_login l = { 0 };
	cleanup(answer_done) struct answer known = { 0 };
	int r;

	r = image_login_parse(argc > 0 ? argv[0] : NULL, given(a->compat_auth_file), &l, err);
	if (r == 0)
		r = image_login_find(file_of(a), &l, &known.user, &known.password, err);
	if (r < 0)
		return r;
	if (a->get_login) {
		if (!given(known.user))
			return cmk_err_set(err, -ENOENT, "not logged into %s", l.key);
		printf("%s\n", known.user);
		return 0;
	}
	if (streq_null(known.user, "<token>"))
		return cmk_err_set(err, -EINVAL,
				   "currently logged in, auth file contains an Identity token");
	return log_in(g, a, &l, &known, err);
}

static const struct cmk_example login_examples[] = {
	{ "cmk login registry.example.org", "Asks for name and password" },
	{ "cmk login -u ann --password-stdin registry.example.org <token",
	  "In scripts: others see no password in the list of processes" },
	{ "cmk login --get-login registry.example.org", "Tells who is logged in" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_login = {
	.name = "login",
	.summary = "Log in to a registry",
	.operands = "[REGISTRY[/REPOSITORY]]",
	.description =
		"Checks a name and a password with the registry and keeps them for `pull` and all "
		"that speaks to it. Without REGISTRY the first of the registries that are "
		"searched for short names is meant (registries.conf). With a REPOSITORY they are "
		"for that one and those below it.\n\nThey go to `$REGISTRY_AUTH_FILE`, else to "
		"`containers/auth.json` in `$XDG_RUNTIME_DIR`, which ends with the session and is "
		"read by podman, buildah and skopeo too (containers-auth.json(5)). That file keeps "
		"them as good as in clear text. Where it names a program for the registry "
		"(`credHelpers`) or for all (`credsStore`), `docker-credential-NAME` keeps them "
		"instead.\n\nWhere nothing is given and a login is known, that one is tried.",
	.options = login_options,
	.args_size = sizeof(struct login_args),
	.max_operands = 1,
	.examples = login_examples,
	.exec = login_exec,
};
