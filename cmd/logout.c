// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "image/image.h"

struct logout_args {
	const char *authfile, *compat_auth_file;
	bool all;
};

static const struct cmk_option logout_options[] = {
	CMK_OPT_FLAG('a', "all", struct logout_args, all, "forget all logins"),
	CMK_OPT_STRING(0, "authfile", struct logout_args, authfile, "FILE",
		       "forget the login that this file keeps", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "compat-auth-file", struct logout_args, compat_auth_file, "FILE",
		       "forget the login that this file keeps, in docker's format",
		       .complete = COMPLETE_FILES, .excludes = "authfile"),
	CMK_OPT_END(),
};

static const char *file_of(const struct logout_args *a)
{
	const char *file = a->compat_auth_file ? a->compat_auth_file : a->authfile;

	return file && *file ? file : NULL;
}

/* Nothing was there to be removed: is it known to another file, that docker wrote? */
static int not_logged_in(const char *file, const struct image_login *l, struct cmk_err *err)
{
	cleanup_free char *user = NULL, *password = NULL;
	int r;

	r = image_login_find(file, l, &user, &password, err);
	if (r == 0 && user && password && *password &&
	    image_login_check(l, user, password, NULL, -1, NULL) == 0)
		printf("Not logged into %s with current tool. Existing credentials were "
		       "established via docker login. Please use docker logout instead.\n",
		       l->key);
	else if (r == 0)
		r = cmk_err_set(err, -ENOENT, "not logged into %s", l->key);
	if (password)
		explicit_bzero(password, strlen(password));
	return r;
}

static int log_out(const char *file, const char *text, bool compat, struct cmk_err *err)
{
	cleanup(image_login_done) struct image_login l = { 0 };
	int r;

	r = image_login_parse(text, compat, &l, err);
	if (r < 0)
		return r;
	r = image_login_remove(file, &l, err);
	if (r == -ENOENT) {
		cmk_err_done(err);
		return not_logged_in(file, &l, err);
	}
	if (r < 0)
		return cmk_err_wrap(err, r, "logging out of \"%s\"", l.key);
	printf("Removed login credentials for %s\n", l.key);
	return 0;
}

static int logout_exec(const struct cmk_globals *g cmk_unused, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	const struct logout_args *a = args;
	int r;

	if (a->all && argc > 0)
		return cmk_err_set(err, -EINVAL, "--all takes no arguments");
	r = image_authfile_check(file_of(a), err);
	if (r < 0)
		return r;
	if (!a->all)
		return log_out(file_of(a), argc > 0 ? argv[0] : NULL, a->compat_auth_file, err);
	r = image_login_remove(file_of(a), NULL, err);
	if (r == 0)
		printf("Removed login credentials for all registries\n");
	return r;
}

static const struct cmk_example logout_examples[] = {
	{ "cmk logout registry.example.org", "Forgets the login of one registry" },
	{ "cmk logout --all", "Forgets them all" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_logout = {
	.name = "logout",
	.summary = "Forget the login of a registry",
	.operands = "[REGISTRY[/REPOSITORY]]",
	.description = "Takes out of the file, or of the helper program, what `login` with the "
		       "same words put there. A login that is not there is an error.",
	.options = logout_options,
	.args_size = sizeof(struct logout_args),
	.max_operands = 1,
	.examples = logout_examples,
	.exec = logout_exec,
};
