// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/registry_rows.h"
#include "image/image.h"
#include "libpod/libpod.h"

struct pull_args {
	const char *policy, *platform, *arch, *os, *variant, *authfile, *creds, *cert_dir,
		*signature_policy;
	int tls_verify;
	uint32_t retry;
	const char *retry_delay, *keep_blobs;
	bool all_tags, quiet;
};

static const struct cmk_option pull_options[] = {
	CMK_OPT_FLAG('a', "all-tags", struct pull_args, all_tags, "get every tag of the image"),
	CMK_OPT_STRING(0, "arch", struct pull_args, arch, "ARCH",
		       "take the image for this architecture instead of the host's"),
	CMK_OPT_AUTHFILE(struct pull_args),
	CMK_OPT_CERT_DIR(struct pull_args),
	CMK_OPT_CREDS(struct pull_args),
	CMK_OPT_STRING(0, "keep-blobs", struct pull_args, keep_blobs, "WHEN",
		       "keep the compressed layers for a push", .def = "room",
		       .env = "CMK_KEEP_BLOBS", .words = "always|never|room",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_STRING(0, "os", struct pull_args, os, "OS",
		       "take the image for this system instead of linux", .excludes = "platform"),
	CMK_OPT_STRING(0, "platform", struct pull_args, platform, "OS/ARCH[/VARIANT]",
		       "take the image for this platform", .excludes = "arch"),
	CMK_OPT_STRING(0, "policy", struct pull_args, policy, "POLICY", "when to ask the registry",
		       .def = "always", .words = "always|missing|newer|never"),
	CMK_OPT_FLAG('q', "quiet", struct pull_args, quiet, "print the image ID alone"),
	CMK_OPT_RETRY(struct pull_args),
	CMK_OPT_RETRY_DELAY(struct pull_args),
	CMK_OPT_SIGNATURE_POLICY(struct pull_args),
	CMK_OPT_TLS_VERIFY(struct pull_args),
	CMK_OPT_STRING(0, "variant", struct pull_args, variant, "VARIANT",
		       "take the image for this variant of the architecture",
		       .excludes = "platform"),
	CMK_OPT_END(),
};

static int fill_options(const struct pull_args *a, struct image_platform *platform,
			struct image_pull_options *o, struct cmk_err *err)
{
	int r;

	r = image_platform_parse(a->platform, a->os, a->arch, a->variant, platform, err);
	if (r < 0)
		return r;
	*o = (struct image_pull_options){
		.platform_os = platform->os,
		.arch = platform->arch,
		.variant = platform->variant,
		.authfile = a->authfile,
		.creds = a->creds,
		.cert_dir = a->cert_dir,
		.signature_policy = a->signature_policy,
		.tls_verify = a->tls_verify,
		.quiet = a->quiet,
		.keep_blobs = a->keep_blobs,
		.retry = a->retry ? (int)a->retry : -1,
	};
	(void)image_pull_policy_parse(a->policy, &o->policy);
	return image_retry_delay_parse(a->retry_delay, &o->retry_delay_ms, err);
}

struct pull_run {
	const struct pull_args *args;
	int failed; /* the exit code of those that did not end the rest */
	struct image_pull_options o;
};

static int pull_one(struct storage *st, const char *text, void *arg, struct cmk_err *err)
{
	const struct pull_run *run = arg;
	cleanup_free char *id = NULL, *name = NULL;
	int r;

	r = image_pull(st, text, &run->o, &id, &name, err);
	if (r < 0) {
		event_write_pull_error(st, text, err);
		return r;
	}
	event_write_image(st, "pull", id, name && !image_has_transport(text) ? name : text);
	printf("%s\n", id);
	return 0;
}

static int pull_tags(struct storage *st, const char *text, void *arg, struct cmk_err *err)
{
	struct pull_run *run = arg;
	cleanup_strv char **names = NULL;
	int r;

	r = image_pull_tags(st, text, &run->o, &names, err);
	if (r < 0)
		event_write_pull_error(st, text, err);
	/* Of files one may be damaged and the others not. */
	if (r == 0 && image_has_transport(text)) {
		r = cmk_each_name(st, names, pull_one, arg, NULL);
		run->failed = MAX(run->failed, r);
		return 0;
	}
	/* The first that fails ends it: of a registry that is gone nobody wants to hear for each
	 * tag. */
	for (char **name = names; name && *name && r == 0; name++)
		r = pull_one(st, *name, arg, err);
	return r;
}

static int pull_exec(const struct cmk_globals *g, void *args, int argc cmk_unused, char **argv,
		     struct cmk_err *err)
{
	struct image_platform platform = { 0 };
	struct pull_run run = { .args = args };
	struct storage *st = NULL;
	int r;

	r = fill_options(args, &platform, &run.o, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_each_name(st, argv, run.args->all_tags ? pull_tags : pull_one, &run, NULL);
	if (r >= 0)
		r = MAX(r, run.failed);
	storage_free(st);
	image_platform_done(&platform);
	return r;
}

static const char *const pull_aliases[] = { "image pull", NULL };

static const struct cmk_example pull_examples[] = {
	{ "cmk pull alpine", "Gets the image that the short name stands for" },
	{ "cmk pull --platform linux/arm64 docker.io/library/debian:12",
	  "Gets it for another processor than this machine's" },
	{ "cmk pull registry.example.org/team/app@sha256:DIGEST",
	  "Gets exactly these bytes, whatever the tag says today" },
	{ "cmk pull --all-tags registry.example.org/team/app", "Gets all that the repository has" },
	{ "cmk pull oci-archive:app.tar:1.2", "Gets one of the images in an archive" },
	{ "cmk pull containers-storage:localhost/app", "Gets one from Podman's own store" },
	{ "cmk pull --all-tags containers-storage:", "Gets all that Podman has" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_pull = {
	.name = "pull",
	.aliases = pull_aliases,
	.summary = "Get an image from a registry or from files",
	.operands = "IMAGE [IMAGE...]",
	.description =
		"Downloads an image and unpacks its layers, several side by side. Every digest is "
		"verified. An interrupted download goes on where it stopped. The image ID is "
		"printed on standard output, progress on standard error.\n\nA short name such as "
		"alpine is looked up as registries.conf says, and in docker.io where it says "
		"nothing. Where it may stand for several, one is chosen on the terminal and kept "
		"in "
		"`short-name-aliases.conf`, or all are tried, or it is an error, as its "
		"`short-name-mode` says.\n\nImages in files are named by where they are: "
		"`oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]` and "
		"`dir:DIR`; `:@N` instead of a name is the N-th.\n\n"
		"Images in Podman's own store are named `containers-storage:IMAGE`, and with the "
		"brackets `containers-storage:[DRIVER@ROOT]IMAGE` where it is not where "
		"storage.conf says (cmk-storage.conf(5)). IMAGE is a name, an ID or its beginning, "
		"or a name with @ID or @DIGEST. They come with the ID, the digests and the layers "
		"that they have there; one that is asked for by its ID brings all its names. `cmk "
		"pull --all-tags containers-storage:` takes all that have names. That store is "
		"only read, under its locks; it is an error where another program keeps them for a "
		"minute. Stores of the drivers overlay and vfs can be read.\n\n"
		"What the policy "
		"(`~/.config/containers/policy.json`, else `/etc/containers/policy.json`) "
		"requires of an image, containers-policy.json(5), is verified before anything of "
		"it is unpacked; where neither file is there, every image is "
		"accepted.\n\nAn image that cannot be had "
		"does not keep the others "
		"from being pulled; the exit code is then 125.",
	.options = pull_options,
	.args_size = sizeof(struct pull_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.examples = pull_examples,
	.exec = pull_exec,
};
