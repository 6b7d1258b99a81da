// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/containers.h"

struct secret_create_args {
	const char *driver;
	char **labels, **driver_opts;
	bool env, ignore, replace;
};

static const struct cmk_option secret_create_options[] = {
	CMK_OPT_STRING('d', "driver", struct secret_create_args, driver, "DRIVER",
		       "what looks after the value: file", .def = "file"),
	CMK_OPT_OF(OPT_CSV, 0, "driver-opts", struct secret_create_args, driver_opts, "KEY=VALUE",
		   "note an option of the driver"),
	CMK_OPT_FLAG(0, "env", struct secret_create_args, env,
		     "the second operand names a variable that holds the value"),
	CMK_OPT_FLAG(0, "ignore", struct secret_create_args, ignore,
		     "no error where there is a secret of the name", .excludes = "replace"),
	CMK_OPT_OF(OPT_STRV, 'l', "label", struct secret_create_args, labels, "KEY[=VALUE]",
		   "set a label"),
	CMK_OPT_FLAG(0, "replace", struct secret_create_args, replace,
		     "take the place of a secret of the name"),
	CMK_OPT_END(),
};

static int read_stdin(char **ret, size_t *ret_len, struct cmk_err *err)
{
	if (isatty(STDIN_FILENO))
		return cmk_err_set(err, -EINVAL, "if `-` is used, data must be passed into stdin");
	return file_read_fd(STDIN_FILENO, SECRET_MAX, ret, ret_len, err);
}

static int read_value(const struct secret_create_args *a, const char *from, char **ret,
		      size_t *ret_len, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	const char *value;
	int r;

	if (a->env) {
		value = getenv(from);
		if (!value)
			return cmk_err_set(err, -EINVAL, "cannot find env variable '%s'", from);
		*ret = xstrdup(value);
		*ret_len = strlen(value);
		return 0;
	}
	if (streq(from, "-")) {
		r = read_stdin(ret, ret_len, err);
	} else {
		/* A pipe is as good as a file: <(command). */
		fd = open(from, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return cmk_err_set(err, -errno, "open %s: %s", from,
					   errno == ENOENT ? "no such file or directory"
							   : errno_text(errno));
		r = file_read_fd(fd, SECRET_MAX, ret, ret_len, err);
	}
	if (r == -EFBIG)
		return cmk_err_set(err, -EINVAL,
				   "secret data must be larger than 0 and less than %d bytes",
				   SECRET_MAX);
	return r < 0 ? cmk_err_wrap(err, r, "read secret data") : 0;
}

static int add_labels(char ***map, char *const *labels, struct cmk_err *err)
{
	for (; labels && *labels; labels++) {
		cleanup_free char *text = strchr(*labels, '=') ? xstrdup(*labels)
							       : xasprintf("%s=", *labels);

		if (text[0] == '=')
			return cmk_err_set(err, -EINVAL, "label '%s' has no name", *labels);
		strv_env_set(map, text);
	}
	return 0;
}

/* As podman notes them, whatever they are. Where the values are is the driver's to say. */
static int add_driver_opts(char ***map, char *const *options, struct cmk_err *err)
{
	for (; options && *options; options++) {
		if (!strchr(*options, '=') || **options == '=')
			return cmk_err_set(err, -EINVAL, "driver option '%s' is not KEY=VALUE",
					   *options);
		if (str_after(*options, "path="))
			return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
					    "driver option '%s': values are kept in the data "
					    "directory",
					    *options);
		strv_env_set(map, *options);
	}
	return 0;
}

static int create(struct storage *st, const struct secret_create_args *a, char **argv,
		  char **ret_id, struct cmk_err *err)
{
	struct secret s = { .name = argv[0], .driver = (char *)"file" };
	cleanup_strv char **options = NULL;
	char *value = NULL;
	cleanup(secret_done) struct secret old = { 0 };
	size_t len = 0;
	int r;

	if (a->ignore && secret_find(st, argv[0], &old, NULL) == 0 && streq(old.name, argv[0])) {
		*ret_id = xstrdup(old.id);
		return 0;
	}
	strv_add_take(&options, xasprintf("path=%s/secrets/data", st->root));
	r = add_driver_opts(&options, a->driver_opts, err);
	s.driver_opts = options;
	if (r == 0)
		r = read_value(a, argv[1], &value, &len, err);
	if (r == 0)
		r = add_labels(&s.labels, a->labels, err);
	if (r == 0)
		r = secret_create(st, &s, value, len, a->replace, ret_id, err);
	if (value)
		explicit_bzero(value, len);
	free(value);
	(void)strv_free(s.labels);
	if (r == 0) {
		const struct event e = {
			.type = "secret", .status = "create", .id = *ret_id, .name = argv[0]
		};

		event_write(st, &e);
	}
	return r;
}

static int secret_create_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			      char **argv, struct cmk_err *err)
{
	const struct secret_create_args *a = args;
	cleanup_storage struct storage *st = NULL;
	cleanup_free char *id = NULL;
	int r;

	if (!streq(a->driver, "file"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "invalid driver: '%s' is not supported: there is 'file' alone",
				    a->driver);
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = create(st, a, argv, &id, err);
	if (r == 0)
		(void)printf("%s\n", id);
	return r;
}

static const struct cmk_example secret_create_examples[] = {
	{ "cmk secret create password ./password.txt", "Makes a secret of a file's content" },
	{ "printf s3cret | cmk secret create --replace password -", "Gives it another value" },
	{ "cmk secret create --env token TOKEN", "Takes the value of a variable" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_secret_create = {
	.name = "secret create",
	.summary = "Create a secret from a file, standard input or a variable",
	.operands = "NAME FILE|-",
	.description =
		"Keeps up to 512000 bytes for containers that are given `--secret NAME`, and "
		"prints the secret's ID. The value lies in a file of its own that only the user "
		"can read; no other command but `secret inspect --showsecret` shows it.",
	.examples = secret_create_examples,
	.options = secret_create_options,
	.args_size = sizeof(struct secret_create_args),
	.min_operands = 2,
	.max_operands = 2,
	.complete = COMPLETE_FILES,
	.exec = secret_create_exec,
};
