// SPDX-License-Identifier: Apache-2.0
#include "cmd/push.h"

#include <fcntl.h>

#include "base/file.h"
#include "cmd/registry_rows.h"

struct push_args {
	struct cmk_push_args push; /* first: the shared rows' offsets are of it */
	bool all_tags, compress;
	const char *platform;
};

static const struct cmk_option push_options[] = {
	CMK_OPT_FLAG('a', "all-tags", struct push_args, all_tags,
		     "push every tag that the repository has here", .excludes = "platform"),
	CMK_OPT_FLAG(0, "compress", struct push_args, compress,
		     "dir: compress the layers that are not compressed"),
	CMK_OPT_STRING(0, "platform", struct push_args, platform, "OS/ARCH[/VARIANT]",
		       "of a manifest list, send the image for this platform alone"),
	CMK_OPT_USE(cmk_push_options),
	CMK_OPT_END(),
};

const struct cmk_option cmk_push_options[] = {
	CMK_OPT_AUTHFILE(struct cmk_push_args),
	CMK_OPT_CERT_DIR(struct cmk_push_args),
	CMK_OPT_STRING(0, "compression-format", struct cmk_push_args, compression, "FORMAT",
		       "how layers are compressed that have to be",
		       .words = "gzip|zstd|zstd:chunked", .complete = COMPLETE_WORDS,
		       .conf = "engine.compression_format"),
	CMK_OPT_OF(OPT_UINT32, 0, "compression-level", struct cmk_push_args, level, "N",
		   "how much effort that takes", .min = 1, .max = UINT32_MAX,
		   .conf = "engine.compression_level"),
	CMK_OPT_CREDS(struct cmk_push_args),
	CMK_OPT_DIGESTFILE(struct cmk_push_args),
	CMK_OPT_FLAG(0, "force-compression", struct cmk_push_args, force_compression,
		     "also compress anew the layers that came compressed in another way"),
	CMK_OPT_STRING('f', "format", struct cmk_push_args, format, "FORMAT",
		       "kind of manifest: oci, or v2s2 (docker)"),
	CMK_OPT_FLAG('q', "quiet", struct cmk_push_args, quiet, "print no progress"),
	CMK_OPT_FLAG(0, "remove-signatures", struct cmk_push_args, remove_signatures,
		     "push no signatures"),
	CMK_OPT_RETRY(struct cmk_push_args),
	CMK_OPT_RETRY_DELAY(struct cmk_push_args),
	CMK_OPT_SIGNING(struct cmk_push_args),
	CMK_OPT_TLS_VERIFY(struct cmk_push_args),
	CMK_OPT_END(),
};

static int parse_format(const char *text, enum image_push_format *ret, struct cmk_err *err)
{
	*ret = PUSH_AS_IS;
	if (!text || !*text)
		return 0;
	if (streq(text, "oci"))
		*ret = PUSH_OCI;
	else if (streq(text, "v2s2") || streq(text, "docker"))
		*ret = PUSH_DOCKER;
	else if (streq(text, "v2s1"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "format v2s1 has been retired by registries: use oci or v2s2");
	else
		return cmk_err_set(err, -EINVAL,
				   "unknown format \"%s\". Choose one of the supported formats: "
				   "'oci', 'v2s2'",
				   text);
	return 0;
}

int cmk_push_fill(const struct cmk_push_args *a, struct image_push_options *o, struct cmk_err *err)
{
	enum layer_compression kind = LAYER_GZIP;
	int r = a->compression ? layer_compression_parse(a->compression, &kind) : 0;

	if (r < 0)
		return cmk_err_set(err, r, "--compression-format '%s'", a->compression);
	if (a->level > (kind == LAYER_GZIP ? 9U : 22U))
		return cmk_err_set(err, -EINVAL, "invalid compression level %u: %s has 1 to %d",
				   a->level, kind == LAYER_GZIP ? "gzip" : "zstd",
				   kind == LAYER_GZIP ? 9 : 22);
	*o = (struct image_push_options){
		.compression = kind,
		.level = a->level ? (int)a->level : -1,
		.compression_given = a->compression != NULL,
		.force_compression = a->force_compression,
		.authfile = a->authfile,
		.creds = a->creds,
		.cert_dir = a->cert_dir,
		.tls_verify = a->tls_verify,
		.quiet = a->quiet,
		.retry = a->retry ? (int)a->retry : -1,
		.sign = a->sign,
	};
	r = image_retry_delay_parse(a->retry_delay, &o->retry_delay_ms, err);
	if (r == 0)
		r = parse_format(a->format, &o->format, err);
	if (r == 0 && kind != LAYER_GZIP && o->format == PUSH_DOCKER)
		r = cmk_err_set(err, -EINVAL, "docker's format has no layers by zstd: use oci");
	return r < 0 ? r : image_authfile_check(a->authfile, err);
}

/* A name without a registry is one of docker.io, as for docker. */
int cmk_push_destination(const char *text, char **ret, struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	int r;

	if (image_has_transport(text)) {
		*ret = xstrdup(text);
		return 0;
	}
	r = image_ref_parse_docker(text, &ref, err);
	if (r == 0)
		*ret = image_ref_str(&ref);
	return r;
}

int cmk_push_digestfile(const char *path, const char *digest, struct cmk_err *err)
{
	int r = path ? file_replace_path(path, digest, strlen(digest), 0644, 0, err) : 0;

	return r < 0 ? cmk_err_wrap(err, r, "--digestfile") : 0;
}

int cmk_push_list(struct storage *st, const char *id, const char *to, bool all,
		  const struct cmk_push_args *a, const struct image_push_options *o,
		  struct cmk_err *err)
{
	cleanup_free char *digest = NULL;
	int r = image_list_push(st, id, to, all, o, &digest, err);

	if (r < 0)
		return r;
	event_write_image(st, "push", id, to);
	return cmk_push_digestfile(a->digestfile, digest, err);
}

static int push_one(struct storage *st, const char *id, const char *to,
		    const struct cmk_push_args *a, const struct image_push_options *o,
		    struct cmk_err *err)
{
	cleanup_free char *digest = NULL;
	int r;

	if (storage_is_list(st, id))
		return cmk_push_list(st, id, to, true, a, o, err);
	r = image_push(st, id, to, o, &digest, err);
	if (r < 0)
		return r;
	event_write_image(st, "push", id, to);
	return cmk_push_digestfile(a->digestfile, digest, err);
}

/* All names REPOSITORY:TAG that there are. */
static int push_tags(struct storage *st, const char *text, const struct cmk_push_args *a,
		     const struct image_push_options *o, struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	cleanup_free char *prefix = NULL;
	struct image_record *list = NULL;
	size_t n = 0, pushed = 0;
	int r = image_ref_parse(text, &ref, err);

	if (r == 0 && (!ref.registry || strchr(strrchr(text, '/'), ':') || ref.digest))
		r = cmk_err_set(err, -EINVAL,
				"'%s': --all-tags wants REGISTRY/REPOSITORY without a tag", text);
	if (r == 0)
		r = storage_image_list(st, &list, &n, err);
	if (r < 0)
		return r;
	prefix = xasprintf("%s/%s:", ref.registry, ref.repository);
	for (size_t i = 0; r == 0 && i < n; i++)
		for (char **name = list[i].names; r == 0 && name && *name; name++)
			if (str_after(*name, prefix)) {
				r = push_one(st, list[i].id, *name, a, o, err);
				pushed++;
			}
	storage_image_list_free(list, n);
	if (r == 0 && pushed == 0)
		r = cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "%s: no such repository here",
				 text);
	return r;
}

static int push_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	const struct push_args *a = args;
	cleanup_free char *id = NULL, *name = NULL, *to = NULL;
	cleanup_storage struct storage *st = NULL;
	struct image_push_options o;
	int r = cmk_push_fill(&a->push, &o, err);

	o.compress = a->compress;
	if (r == 0 && a->all_tags && argc > 1)
		r = cmk_err_set(err, -EINVAL, "--all-tags: no destination may be given");
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0 && a->all_tags)
		return push_tags(st, argv[0], &a->push, &o, err);
	if (r == 0)
		r = image_find_platform(st, argv[0], a->platform, &id, &name, err);
	if (r == 0 && argc < 2 && !name)
		r = cmk_err_set(err, -EINVAL, "'%s' is an ID, not a name: say where to push it",
				argv[0]);
	if (r == 0)
		r = cmk_push_destination(argc > 1 ? argv[1] : name, &to, err);
	return r < 0 ? r : push_one(st, id, to, &a->push, &o, err);
}

static const char *const push_aliases[] = { "image push", NULL };

static const struct cmk_example push_examples[] = {
	{ "cmk push registry.example.org/team/app:1.2", "Sends the image of this name there" },
	{ "cmk push alpine registry.example.org/mirror/alpine:3", "Sends it under another name" },
	{ "cmk push alpine oci:layout:3", "Adds it to an OCI image layout" },
	{ "cmk push app oci-archive:/mnt/usb/app.tar", "Writes it to one file" },
	{ "cmk push --compression-format zstd localhost/app registry.example.org/app",
	  "Layers that were made here are compressed by zstd" },
	{ "cmk push --sign-by ann@example.org app registry.example.org/app",
	  "Signs it with a key of GnuPG" },
	{ "cmk push --sign-by-sigstore-private-key cosign.key --sign-passphrase-file pass app "
	  "registry.example.org/app",
	  "Signs it as cosign would" },
	{ "cmk push --digestfile digest app registry.example.org/app",
	  "Keeps the digest for `cmk run registry.example.org/app@$(cat digest)`" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_push = {
	.name = "push",
	.aliases = push_aliases,
	.summary = "Send an image to a registry, or write it to files",
	.operands = "IMAGE [DESTINATION]",
	.description =
		"Sends the image to the registry that DESTINATION names; without one to the place "
		"that its own name says. Blobs that the registry has are not sent again. A "
		"manifest "
		"list goes with all its images, as with `cmk manifest push`.\n\nAn "
		"image that was pulled keeps its manifest's digest: its layers go as the blobs "
		"that they were, which are taken over within a registry or fetched once more from "
		"where they were pulled. Where that cannot be, they are compressed anew, the image "
		"has another digest there, and a warning says so.\n\n"
		"`oci:DIR[:NAME]` adds the image to the OCI layout in this directory, which is "
		"made "
		"where it is absent; an image of that name gives way. `oci-archive:FILE[:NAME]` "
		"writes a new archive. `docker-archive:FILE[:NAME]` writes one for `docker load`, "
		"with "
		"layers that are not compressed; the file may not be there before. `dir:DIR` puts "
		"manifest and blobs side by side, as skopeo does, in place of what another push "
		"left "
		"there. For these the options about registries have no effect. The transports "
		"containers-storage: and docker-daemon: are refused.",
	.examples = push_examples,
	.options = push_options,
	.args_size = sizeof(struct push_args),
	.min_operands = 1,
	.max_operands = 2,
	.complete = COMPLETE_IMAGES,
	.exec = push_exec,
};
