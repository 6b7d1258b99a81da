// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "image/image.h"

struct trust_set_args {
	char **keys;
	const char *policy, *type;
};

static const struct cmk_option trust_set_options[] = {
	CMK_OPT_STRING(0, "policypath", struct trust_set_args, policy, "FILE",
		       "change this policy instead of the usual one", .alias = "signature-policy",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_STRV, 'f', "pubkeysfile", struct trust_set_args, keys, "FILE",
		   "a file with the public keys that are to be trusted",
		   .complete = COMPLETE_FILES),
	CMK_OPT_STRING('t', "type", struct trust_set_args, type, "TYPE",
		       "what is required: accept, reject, signedBy or sigstoreSigned",
		       .def = "signedBy"),
	CMK_OPT_END(),
};

static int trust_set_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
			  char **argv, struct cmk_err *err)
{
	const struct trust_set_args *a = args;

	return image_trust_set(a->policy, argv[0], a->type, a->keys, err);
}

static const struct cmk_example trust_set_examples[] = {
	{ "cmk image trust set -t reject default",
	  "Lets no image in that nothing else is said of" },
	{ "cmk image trust set -f /etc/pki/containers/team.gpg registry.example.org/team",
	  "Takes images of the team where they are signed with its key" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_trust_set = {
	.name = "image trust set",
	.summary = "Set what is required of the images of a registry",
	.operands = "REGISTRY[/REPOSITORY]|default",
	.description =
		"Changes the policy, containers-policy.json(5): `~/.config/containers/policy.json` "
		"where that is there, else `/etc/containers/policy.json`. What is said of other "
		"scopes stays. `default` has to be set first.",
	.options = trust_set_options,
	.args_size = sizeof(struct trust_set_args),
	.min_operands = 1,
	.max_operands = 1,
	.examples = trust_set_examples,
	.exec = trust_set_exec,
};
