// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/host.h"

struct version_args {
	const char *format;
};

static const struct cmk_option version_options[] = {
	CMK_OPT_STRING('f', "format", struct version_args, format, "FORMAT",
		       "print as json or through a Go template"),
	CMK_OPT_END(),
};

static void write_one(struct json_writer *w, const char *key, const char *os_arch)
{
	json_write_object(w, key);
	json_write_str(w, "Version", PACKAGE_VERSION);
	json_write_str(w, "Os", "linux");
	json_write_str(w, "Arch", strchr(os_arch, '/') + 1);
	json_write_str(w, "OsArch", os_arch);
	json_write_end(w, '}');
}

/* There is no server; scripts for docker ask for its version all the same. */
static int version_format(const char *format, const char *os_arch, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;

	w.pretty = true;
	json_write_object(&w, NULL);
	write_one(&w, "Client", os_arch);
	if (!streq(format, "json"))
		write_one(&w, "Server", os_arch);
	json_write_end(&w, '}');
	return format_print_object(format, &w, err);
}

static int version_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	const struct version_args *a = args;
	cleanup_free char *os_arch = NULL;
	struct utsname u;

	(void)argc;
	(void)argv;
	if (g->version) {
		printf("cmk version %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (uname(&u) < 0)
		return cmk_err_errno(err, "uname");
	os_arch = xasprintf("linux/%s", cmk_host_arch(u.machine));
	if (a->format)
		return version_format(a->format, os_arch, err);
	printf("Version:      %s\nOS/Arch:      %s\n", PACKAGE_VERSION, os_arch);
	return 0;
}

static const struct cmk_example version_examples[] = {
	{ "cmk version --format '{{.Client.Version}}'", "Prints the version alone" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_version = {
	.name = "version",
	.summary = "Show the version of cmk",
	.options = version_options,
	.args_size = sizeof(struct version_args),
	.examples = version_examples,
	.exec = version_exec,
};
