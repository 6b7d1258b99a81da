// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "cmd/format.h"
#include "image/image.h"

struct trust_show_args {
	const char *policy, *registries;
	bool json, noheading, raw;
};

static const struct cmk_option trust_show_options[] = {
	CMK_OPT_FLAG('j', "json", struct trust_show_args, json, "print as json"),
	CMK_OPT_FLAG('n', "noheading", struct trust_show_args, noheading,
		     "print no line of titles"),
	CMK_OPT_STRING(0, "policypath", struct trust_show_args, policy, "FILE",
		       "show this policy instead of the usual one", .alias = "signature-policy",
		       .complete = COMPLETE_FILES),
	CMK_OPT_FLAG(0, "raw", struct trust_show_args, raw, "print the policy's file as it is"),
	CMK_OPT_STRING(0, "registrypath", struct trust_show_args, registries, "DIR",
		       "read this directory instead of the usual registries.d",
		       .complete = COMPLETE_DIRS),
	CMK_OPT_END(),
};

static void write_text(struct json_writer *w, const char *key, const char *s, bool table)
{
	if (*s || table)
		json_write_str(w, key, s);
}

/* A table has all fields, json those that say something. */
static void write_row(struct json_writer *w, const struct image_trust *t, bool table)
{
	const char *transport = t->transport ? t->transport : "all";

	json_write_object(w, NULL);
	json_write_str(w, "transport", streq(transport, "docker") ? "repository" : transport);
	write_text(w, "name", t->transport ? t->scope : "* (default)", table);
	write_text(w, "repo_name", t->transport ? t->scope : "default", table);
	write_text(w, "sigstore", t->store, table);
	json_write_str(w, "type", t->type);
	write_text(w, "gpg_id", t->ids, table);
	json_write_end(w, '}');
}

static int show_list(const struct trust_show_args *a, struct cmk_err *err)
{
	static const struct format_title titles[] = {
		{ "transport", "TRANSPORT" }, { "repo_name", "NAME" }, { "type", "TYPE" },
		{ "gpg_id", "ID" },	      { "sigstore", "STORE" }, { NULL, NULL }
	};
	struct json_writer w = { 0 };
	struct image_trust *list = NULL;
	size_t n = 0;
	int r = image_trust_list(a->policy, a->registries, &list, &n, err);

	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		write_row(&w, &list[i], !a->json);
	image_trust_free(list, n);
	return format_print_array(a->json ? "json"
					  : "table {{.transport}}\t{{.repo_name}}\t{{.type}}\t"
					    "{{.gpg_id}}\t{{.sigstore}}",
				  &w, titles, a->noheading, err);
}

static int trust_show_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
			   char **argv cmk_unused, struct cmk_err *err)
{
	const struct trust_show_args *a = args;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (!a->raw)
		return show_list(a, err);
	r = image_trust_text(a->policy, &text, &len, err);
	if (r == 0)
		printf("%s\n", text);
	return r;
}

static const struct cmk_example trust_show_examples[] = {
	{ "cmk image trust show", "Lists what is required of which images" },
	{ "cmk image trust show --raw", "Shows the file" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_trust_show = {
	.name = "image trust show",
	.summary = "Show which images are let in, and whose signatures they need",
	.operands = "[REGISTRY[/REPOSITORY]]",
	.description =
		"One line for each requirement of the policy, containers-policy.json(5): of which "
		"scope, whose keys (gpg reads them) and where signatures are looked for. As with "
		"podman the operand does not narrow the list.",
	.options = trust_show_options,
	.args_size = sizeof(struct trust_show_args),
	.max_operands = 1,
	.examples = trust_show_examples,
	.exec = trust_show_exec,
};
