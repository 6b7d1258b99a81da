// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/host.h"

struct version_args {
	const char *format;
};

/* For completion. */
#define FIELDS                                                                                 \
	"APIVersion|Arch|BuildOrigin|BuildTime|Built|BuiltTime|GitCommit|GoVersion|Os|OsArch|" \
	"Platform{Name}|Version"
static const char version_fields[] = "Client{" FIELDS "|Context|DefaultAPIVersion}|"
				     "Server{" FIELDS
				     "|Components|Experimental|KernelVersion|MinAPIVersion}";

static const struct cmk_option version_options[] = {
	CMK_OPT_STRING('f', "format", struct version_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = version_fields),
	CMK_OPT_END(),
};

/* docker's names beside podman's, in the order of docker's `version`. */
static void write_docker(struct json_writer *w, const char *key)
{
	struct utsname u = { 0 };

	json_write_object(w, "Platform");
	json_write_str(w, "Name", "");
	json_write_end(w, '}');
	json_write_str(w, "ApiVersion", "");
	json_write_str(w, "BuildTime", "");
	if (streq(key, "Client")) {
		json_write_str(w, "DefaultAPIVersion", "");
		json_write_str(w, "Context", "default");
		return;
	}
	(void)uname(&u);
	json_write_str(w, "MinAPIVersion", "");
	json_write_str(w, "KernelVersion", u.release);
	json_write_bool(w, "Experimental", false);
	json_write_array(w, "Components");
	json_write_object(w, NULL);
	json_write_str(w, "Name", "cmk");
	json_write_str(w, "Version", PACKAGE_VERSION);
	json_write_end(w, '}');
	json_write_end(w, ']');
}

static void write_one(struct json_writer *w, const char *key, const struct image_platform *host,
		      bool json)
{
	json_write_object(w, key);
	json_write_str(w, "Arch", host->arch);
	cmk_write_version(w, host);
	if (!json)
		write_docker(w, key);
	json_write_end(w, '}');
}

/* There is no server; scripts for docker ask for its version all the same. */
static int version_format(const char *format, const struct image_platform *host,
			  struct cmk_err *err)
{
	cleanup_err struct cmk_err first = CMK_ERR_INIT;
	struct json_writer w = JSON_WRITER_INIT;
	bool json = streq(format, "json");
	int r;

	w.pretty = true;
	json_write_object(&w, NULL);
	write_one(&w, "Client", host, json);
	if (!json)
		write_one(&w, "Server", host, json);
	json_write_end(&w, '}');
	r = format_print_object(format, &w, &first);
	if (r == 0)
		return 0;
	/* podman's of old: {{.Version}} is the client's. */
	write_one(&w, NULL, host, true);
	r = format_print_object(format, &w, NULL);
	return r < 0 ? cmk_err_move(err, &first) : r;
}

static int version_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(image_platform_done) struct image_platform host = { 0 };
	const struct version_args *a = args;
	int r;

	if (g->version) {
		printf("cmk version %s\n", PACKAGE_VERSION);
		return 0;
	}
	r = cmk_host_platform(&host, err);
	if (r < 0)
		return r;
	if (a->format)
		return version_format(a->format, &host, err);
	printf("Version:      %s\nOS/Arch:      %s/%s\n", PACKAGE_VERSION, host.os, host.arch);
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
