// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/registry_rows.h"
#include "image/image.h"

struct artifact_pull_args {
	const char *authfile, *cert_dir, *creds, *retry_delay;
	int tls_verify;
	uint32_t retry;
	bool quiet;
};

static const struct cmk_option artifact_pull_options[] = {
	CMK_OPT_AUTHFILE(struct artifact_pull_args),
	CMK_OPT_CERT_DIR(struct artifact_pull_args),
	CMK_OPT_CREDS(struct artifact_pull_args),
	CMK_OPT_FLAG('q', "quiet", struct artifact_pull_args, quiet, "print no progress"),
	CMK_OPT_RETRY(struct artifact_pull_args),
	CMK_OPT_RETRY_DELAY(struct artifact_pull_args),
	CMK_OPT_TLS_VERIFY(struct artifact_pull_args),
	CMK_OPT_END(),
};

static int artifact_pull_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			      char **argv, struct cmk_err *err)
{
	const struct artifact_pull_args *a = args;
	struct image_pull_options o = { .authfile = a->authfile,
					.creds = a->creds,
					.cert_dir = a->cert_dir,
					.tls_verify = a->tls_verify,
					.quiet = a->quiet,
					.retry = a->retry ? (int)a->retry : -1 };
	cleanup_storage struct storage *st = NULL;
	struct digest id;
	int r = image_retry_delay_parse(a->retry_delay, &o.retry_delay_ms, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = image_artifact_pull(st, argv[0], &o, &id, err);
	if (r == 0) {
		event_write_artifact(st, "pull", id.hex, argv[0]);
		(void)printf("%s\n", id.hex);
	}
	return r;
}

static const struct cmk_example artifact_pull_examples[] = {
	{ "cmk artifact pull registry.example.org/models/small:1",
	  "Gets an artifact and prints the digest of its manifest" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_artifact_pull = {
	.name = "artifact pull",
	.summary = "Get an artifact from a registry",
	.operands = "ARTIFACT",
	.description =
		"Gets the manifest and its blobs, whoever made them, and verifies all digests; "
		"nothing is unpacked. What is here under the name is replaced.",
	.examples = artifact_pull_examples,
	.options = artifact_pull_options,
	.args_size = sizeof(struct artifact_pull_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = artifact_pull_exec,
};
