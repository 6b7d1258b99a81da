// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "cmd/containers.h"

#define EXIT_NO_SUCH_POD 1

struct pod_rm_args {
	char **files;
	bool all, force, ignore, latest;
	struct cmk_timeout timeout;
};

static const struct cmk_option pod_rm_options[] = {
	CMK_OPT_FLAG('a', "all", struct pod_rm_args, all, "act on all"),
	CMK_OPT_FLAG('f', "force", struct pod_rm_args, force,
		     "stop their containers first; no error where a pod does not exist"),
	CMK_OPT_FLAG('i', "ignore", struct pod_rm_args, ignore,
		     "no error where a pod does not exist"),
	CMK_OPT_FLAG('l', "latest", struct pod_rm_args, latest, "act on what was made last"),
	CMK_OPT_OF(OPT_STRV, 0, "pod-id-file", struct pod_rm_args, files, "FILE",
		   "take the ID from a file", .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_CALLBACK, 't', "time", struct pod_rm_args, timeout, "SECONDS",
		   "with --force: wait so long before SIGKILL; -1 waits for ever",
		   .parse = cmk_timeout_parse),
	CMK_OPT_END(),
};

static int check(const struct pod_rm_args *a, bool names, struct cmk_err *err)
{
	const char *why = NULL;

	if (a->all + a->latest + (a->files != NULL) > 1)
		why = "--all, --latest, and --pod-id-file cannot be used together";
	else if (names && a->all)
		why = "no arguments are needed with --all";
	else if (names && a->latest)
		why = "--latest and pods cannot be used together";
	else if (names && a->files)
		why = "--pod-id-file and pods cannot be used together: no arguments are needed "
		      "with --latest or --pod-id-file";
	else if (!names && !a->all && !a->latest && !a->files)
		why = "you must provide at least one name or id";
	else if (a->timeout.given && !a->force)
		why = "--force option must be specified to use the --time option";
	return why ? cmk_err_set(err, -EINVAL, "%s", why) : 0;
}

/* The first line of each file. */
static int add_ids(char *const *files, char ***names, struct cmk_err *err)
{
	for (; files && *files; files++) {
		cleanup_free char *text = NULL;
		int r = file_read_at(AT_FDCWD, *files, 4096, &text, NULL, err);

		if (r < 0)
			return cmk_err_wrap(err, r, "reading pod ID file '%s'", *files);
		text[strcspn(text, "\r\n")] = '\0';
		strv_add(names, text);
	}
	return 0;
}

static int pod_rm_exec(const struct cmk_globals *g cmk_unused, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	const struct pod_rm_args *a = args;
	cleanup_strv char **names = NULL;
	int r = check(a, argc > 0, err), code = 0;

	if (r == 0)
		r = add_ids(a->files, &names, err);
	if (r < 0)
		return r;
	for (int i = 0; i < argc; i++)
		strv_add(&names, argv[i]);
	if (a->latest) {
		(void)cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "no such pod");
		cmk_print_error(err);
		cmk_err_done(err);
		return EXIT_NO_SUCH_POD;
	}
	for (char **n = names; n && *n && !a->ignore && !a->force; n++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		(void)cmk_err_kind(&e, CMK_ERR_NOT_FOUND, -ENOENT,
				   "no pod with name or ID %s found: no such pod", *n);
		cmk_print_error(&e);
		code = EXIT_NO_SUCH_POD;
	}
	return code;
}

static const char *const pod_rm_aliases[] = { "pod remove", NULL };
static const struct cmk_example pod_rm_examples[] = {
	{ "cmk pod rm -fa -t 0", "Removes all pods and their containers: none, so far" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_pod_rm = {
	.name = "pod rm",
	.aliases = pod_rm_aliases,
	.summary = "Remove pods and their containers",
	.operands = "[POD...]",
	.description = "Pods are not supported yet, so that none can be named, and --all finds "
		       "nothing to remove.",
	.exit_codes = "1 where a pod does not exist",
	.examples = pod_rm_examples,
	.options = pod_rm_options,
	.args_size = sizeof(struct pod_rm_args),
	.max_operands = -1,
	.exec = pod_rm_exec,
};
