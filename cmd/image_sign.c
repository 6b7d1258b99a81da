// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"
#include "cmd/registry_rows.h"
#include "image/image.h"

struct image_sign_args {
	const char *authfile, *cert_dir, *directory, *sign_by;
	bool all;
};

static const struct cmk_option image_sign_options[] = {
	CMK_OPT_FLAG('a', "all", struct image_sign_args, all,
		     "sign every manifest of an index too"),
	CMK_OPT_AUTHFILE(struct image_sign_args),
	CMK_OPT_CERT_DIR(struct image_sign_args),
	CMK_OPT_STRING('d', "directory", struct image_sign_args, directory, "DIR",
		       "write the signatures below this directory", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "sign-by", struct image_sign_args, sign_by, "KEY",
		       "sign with this key of GnuPG"),
	CMK_OPT_END(),
};

static int image_sign_exec(const struct cmk_globals *g cmk_unused, void *args, int argc cmk_unused,
			   char **argv, struct cmk_err *err)
{
	const struct image_sign_args *a = args;
	const struct image_sign_options o = {
		.sign_by = a->sign_by,
		.directory = a->directory,
		.authfile = a->authfile,
		.cert_dir = a->cert_dir,
		.all = a->all,
	};
	int r = image_authfile_check(a->authfile, err);

	for (char **image = argv; *image && r == 0; image++)
		r = image_sign(*image, &o, err);
	return r;
}

static const struct cmk_example image_sign_examples[] = {
	{ "cmk image sign --sign-by ann@example.org docker://registry.example.org/app:1",
	  "Signs what the registry has under that name" },
	{ "cmk image sign --sign-by ann@example.org --directory sigs registry.example.org/app:1",
	  "Writes the signature below the directory sigs" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_image_sign = {
	.name = "image sign",
	.summary = "Sign images in registries with a key of GnuPG",
	.operands = "IMAGE [IMAGE...]",
	.description =
		"Gets the manifest of each image from its registry, lets gpg sign its digest and "
		"its name, and writes the signature, container-signature(5), to a file of its own, "
		"`DIR/REPOSITORY@sha256=DIGEST/signature-N`. DIR is what "
		"containers-registries.d(5) has as `lookaside-staging` or `lookaside` of the "
		"image, a file:// URL; without one it is `~/.local/share/containers/sigstore`.\n\n"
		"Where a tag stands for images of several platforms, what is pulled is one of "
		"these: `--all` signs them as well.",
	.options = image_sign_options,
	.args_size = sizeof(struct image_sign_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = image_sign_examples,
	.exec = image_sign_exec,
};
