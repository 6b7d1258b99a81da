// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "cmd/containers.h"
#include "image/image.h"

struct artifact_push_args {
	const char *authfile, *cert_dir, *creds, *digestfile, *retry_delay;
	int tls_verify;
	uint32_t retry;
	bool quiet;
};

static const struct cmk_option artifact_push_options[] = {
	CMK_OPT_STRING(0, "authfile", struct artifact_push_args, authfile, "FILE",
		       "read credentials from this file", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "cert-dir", struct artifact_push_args, cert_dir, "DIR",
		       "read certificates from this directory", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "creds", struct artifact_push_args, creds, "USER[:PASSWORD]",
		       "use these credentials"),
	CMK_OPT_STRING(0, "digestfile", struct artifact_push_args, digestfile, "FILE",
		       "write the manifest's digest to this file", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('q', "quiet", struct artifact_push_args, quiet, "print no progress"),
	CMK_OPT_OF(OPT_UINT32, 0, "retry", struct artifact_push_args, retry, "N",
		   "try a failed request again up to N times", .def = "3", .min = 0, .max = 100),
	CMK_OPT_STRING(0, "retry-delay", struct artifact_push_args, retry_delay, "DURATION",
		       "wait so long before the first of these, then twice as long each time",
		       .def = "1s"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "tls-verify", struct artifact_push_args, tls_verify, NULL,
		   "require HTTPS and verify certificates"),
	CMK_OPT_END(),
};

static int write_digest(const char *path, const struct digest *id, struct cmk_err *err)
{
	char buf[72];
	int r;

	if (!path)
		return 0;
	(void)digest_str(id, buf);
	r = file_replace_at(AT_FDCWD, path, buf, strlen(buf), 0644, 0, err);
	return r < 0 ? cmk_err_wrap(err, r, "--digestfile") : 0;
}

static int artifact_push_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			      char **argv, struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact artifact = { 0 };
	const struct artifact_push_args *a = args;
	struct image_push_options o = { .authfile = a->authfile,
					.creds = a->creds,
					.cert_dir = a->cert_dir,
					.tls_verify = a->tls_verify,
					.quiet = a->quiet,
					.retry = a->retry ? (int)a->retry : -1 };
	cleanup_storage struct storage *st = NULL;
	int r = image_retry_delay_parse(a->retry_delay, &o.retry_delay_ms, err);

	if (r == 0)
		r = image_authfile_check(a->authfile, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_artifact_find(st, argv[0], &artifact, err);
	if (r == 0)
		r = image_artifact_push(st, &artifact, &o, err);
	return r < 0 ? r : write_digest(a->digestfile, &artifact.id, err);
}

static const struct cmk_example artifact_push_examples[] = {
	{ "cmk artifact push registry.example.org/models/small:1",
	  "Sends the artifact of this name there" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_artifact_push = {
	.name = "artifact push",
	.summary = "Send an artifact to a registry",
	.operands = "ARTIFACT",
	.description =
		"Sends manifest and blobs, byte for byte, to the registry that the artifact's "
		"name says; blobs that are there are not sent again.",
	.examples = artifact_push_examples,
	.options = artifact_push_options,
	.args_size = sizeof(struct artifact_push_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = artifact_push_exec,
};
