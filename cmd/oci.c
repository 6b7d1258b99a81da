// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci.h"

#include <errno.h>
#include <fcntl.h>

#include "base/log.h"

const struct cmk_option cmk_oci_globals[] = {
	CMK_OPT_STRING(0, "cgroup-manager", struct oci_globals, cgroup_manager, "MANAGER",
		       "who makes control groups: cgroupfs, disabled or systemd",
		       .words = "cgroupfs|disabled|systemd", .complete = COMPLETE_WORDS),
	CMK_OPT_STRING(0, "log", struct oci_globals, log, "FILE", "append messages to this file",
		       .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "log-format", struct oci_globals, log_format, "FORMAT",
		       "form of messages: text or json", .words = "text|json",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_STRING(0, "root", struct oci_globals, root, "DIR",
		       "directory of the containers' state", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "rootless", struct oci_globals, rootless, "WORD",
		       "whether the caller is no root of the machine: true, false or auto",
		       .words = "true|false|auto", .complete = COMPLETE_WORDS),
	CMK_OPT_FLAG(0, "systemd-cgroup", struct oci_globals, systemd_cgroup,
		     "have systemd make the control group"),
	CMK_OPT_END(),
};

/* Of this process: errors go there, too. */
static bool has_log;

/* crun's words for other places come before a colon. */
static int open_log(const char *log, struct cmk_err *err)
{
	const char *path = str_after(log, "file:") ?: log;
	int fd;

	if (str_after(log, "syslog:") || str_after(log, "journald:"))
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "--log '%s': only files are supported", log);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return cmk_err_errno(err, "--log '%s'", log);
	log_set_fd(fd);
	has_log = true;
	return 0;
}

int cmk_oci_begin(const struct cmk_globals *g, const struct oci_globals *o,
		  struct oci_settings *ret, struct cmk_err *err)
{
	const char *manager = o->cgroup_manager ? o->cgroup_manager : "cgroupfs";
	const char *rootless = o->rootless ? o->rootless : "auto";
	int r = o->log ? open_log(o->log, err) : 0;

	if (r < 0)
		return r;
	if (o->log_format && streq(o->log_format, "json"))
		log_set_json();
	log_debug("called: cmk oci");
	*ret = (struct oci_settings){
		.root = o->root,
		.store = g->root,
		.systemd_cgroup = o->systemd_cgroup || streq(manager, "systemd"),
		.no_cgroup = streq(manager, "disabled"),
		.rootless = streq(rootless, "auto") ? -1 : streq(rootless, "true"),
	};
	return 0;
}

int cmk_oci_end(int r, struct cmk_err *err)
{
	if (r >= 0)
		return r;
	if (!err->msg)
		(void)cmk_err_set(err, r, "%s", errno_text(-r));
	/* What podman looks for. */
	if (err->kind == CMK_ERR_CMD_NOT_FOUND && !strstr(err->msg, errno_text(ENOENT))) {
		char *longer = xasprintf("%s: %s", err->msg, errno_text(ENOENT));

		free(err->msg);
		err->msg = longer;
	}
	/* On stderr it comes from main(). */
	if (has_log)
		log_error("%s%s%s", cmk_err_msg(err), err->hint ? ": " : "",
			  err->hint ? err->hint : "");
	return EXIT_OCI_FAILED;
}

void cmk_oci_version(void)
{
	/* As runc's, by the name of the call: callers take the lines apart. */
	(void)printf("%s version %s\ncommit: %s\nspec: %s\n",
		     streq(program_invocation_short_name, "cmk") ? "cmk-oci"
								 : program_invocation_short_name,
		     PACKAGE_VERSION, PACKAGE_VERSION, BUNDLE_SPEC_VERSION);
}

/* Whether the value of an option stands in the next word. */
static bool takes_next(const char *word)
{
	const char *name = word + strspn(word, "-");

	if (strchr(word, '='))
		return false;
	for (const struct cmk_option *o = cmk_oci_globals; o->type != OPT_END; o++)
		if (streq(o->name, name))
			return cmk_option_takes_value(o);
	return false;
}

char **cmk_oci_words(int argc, char **argv)
{
	char **v = xcalloc((size_t)argc + 1, sizeof(*v));
	int at = 1, n = 0;

	while (at < argc && argv[at][0] == '-')
		at += takes_next(argv[at]) ? 2 : 1;
	v[n++] = argv[0];
	if (at < argc)
		v[n++] = argv[at];
	for (int i = 1; i < argc; i++)
		if (i != at)
			v[n++] = argv[i];
	return v;
}
