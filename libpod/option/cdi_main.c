// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-cdi: reads a CDI file on stdin and writes it to stdout as JSON of one form (cdi_spec.h), or
 * to stderr what is wrong with it. A program of its own, so that cmk itself never maps libyaml.
 *
 * It may: read stdin, write stdout and stderr, ask for memory. No file, no socket, no process.
 */
#include "base/file.h"
#include "base/sandbox.h"
#include "libpod/option/cdi_spec.h"

static int run(struct cmk_err *err)
{
	static const struct sandbox_policy policy = { .rights = 0 };
	cleanup_free char *text = NULL, *json = NULL;
	size_t len = 0;
	ssize_t n;
	int r = sandbox_enter(&policy, err);

	if (r < 0)
		return r;
	text = xmalloc(CDI_FILE_MAX + 1);
	n = read_full(STDIN_FILENO, text, CDI_FILE_MAX + 1);
	if (n < 0)
		return cmk_err_set(err, (int)n, "read: %s", errno_text((int)-n));
	r = cdi_spec_to_json(text, (size_t)n, &json, &len, err);
	if (r == 0)
		r = write_all(STDOUT_FILENO, json, len);
	return r;
}

int main(int argc, char **argv)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)argv;
	if (argc != 1) {
		(void)fprintf(stderr, "cmk-cdi is started by cmk, not by hand\n");
		return 2;
	}
	if (run(&err) < 0) {
		(void)fprintf(stderr, "%s\n", cmk_err_msg(&err));
		return 1;
	}
	return 0;
}
