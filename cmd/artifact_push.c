// SPDX-License-Identifier: Apache-2.0
#include "cmd/push.h"
#include "cmd/registry_rows.h"

struct artifact_push_args {
	const char *authfile, *cert_dir, *creds, *digestfile, *retry_delay;
	int tls_verify;
	uint32_t retry;
	bool quiet;
	struct image_signing sign;
};

static const struct cmk_option artifact_push_options[] = {
	CMK_OPT_AUTHFILE(struct artifact_push_args),
	CMK_OPT_CERT_DIR(struct artifact_push_args),
	CMK_OPT_CREDS(struct artifact_push_args),
	CMK_OPT_DIGESTFILE(struct artifact_push_args),
	CMK_OPT_FLAG('q', "quiet", struct artifact_push_args, quiet, "print no progress"),
	CMK_OPT_RETRY(struct artifact_push_args),
	CMK_OPT_RETRY_DELAY(struct artifact_push_args),
	CMK_OPT_SIGNING(struct artifact_push_args),
	CMK_OPT_TLS_VERIFY(struct artifact_push_args),
	CMK_OPT_END(),
};

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
					.retry = a->retry ? (int)a->retry : -1,
					.sign = a->sign };
	cleanup_storage struct storage *st = NULL;
	char digest[72];
	int r = image_retry_delay_parse(a->retry_delay, &o.retry_delay_ms, err);

	if (r == 0)
		r = image_authfile_check(a->authfile, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_artifact_find(st, argv[0], &artifact, err);
	if (r == 0)
		r = image_artifact_push(st, &artifact, &o, err);
	if (r == 0)
		event_write_artifact(st, "push", artifact.id.hex, artifact.name);
	return r < 0 ? r
		     : cmk_push_digestfile(a->digestfile, digest_str(&artifact.id, digest), err);
}

static const struct cmk_example artifact_push_examples[] = {
	{ "cmk artifact push registry.example.org/models/small:1",
	  "Sends the artifact of this name there" },
	{ "cmk artifact push --sign-by ann@example.org registry.example.org/models/small:1",
	  "Signs it with a key of GnuPG" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_artifact_push = {
	.name = "artifact push",
	.summary = "Send an artifact to a registry",
	.operands = "ARTIFACT",
	.description =
		"Sends manifest and blobs, byte for byte, to the registry that the artifact's "
		"name says; blobs that are there are not sent again. The options `--sign-by…` sign "
		"it there, as `cmk push` signs images.",
	.examples = artifact_push_examples,
	.options = artifact_push_options,
	.args_size = sizeof(struct artifact_push_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = artifact_push_exec,
};
