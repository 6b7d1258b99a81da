// SPDX-License-Identifier: Apache-2.0
/* Where every command begins and ends. It never calls setlocale(): case, numbers and messages are
 * those of the C locale whatever the caller's environment says. */
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/conf.h"
#include "cmd/globals.h"
#include "cmd/oci.h"
#include "cmd/state.h"
#include "libpod/libpod.h"

/* podman's, of which the last two tell no less than "error". */
#define LOG_LEVELS(X, separator)     \
	X("trace", TRACE)            \
	separator X("debug", DEBUG)  \
	separator X("info", INFO)    \
	separator X("warn", WARN)    \
	separator X("warning", WARN) \
	separator X("error", ERROR)  \
	separator X("fatal", ERROR)  \
	separator X("panic", ERROR)
#define LOG_LEVEL_NAME(name, level) name
#define LOG_LEVEL_ROW(name, level) { name, LOG_LEVEL_##level },

static int set_log_level(const struct cmk_option *o, const char *value, void *args,
			 struct cmk_err *err cmk_unused)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = { LOG_LEVELS(LOG_LEVEL_ROW, ) };
	char *plain;

	(void)o;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (strcasecmp(levels[i].name, value) == 0) {
			log_set_level(levels[i].level);
			((struct cmk_globals *)args)->log_level = levels[i].name;
			return 0;
		}
	}
	plain = xstrdup(value);
	text_make_plain(plain, NULL, ' ');
	/* podman's words and exit code. */
	(void)fprintf(stderr, "Log Level \"%s\" is not supported, choose from: %s\n", plain,
		      LOG_LEVELS(LOG_LEVEL_NAME, ", "));
	exit(EXIT_FAILURE);
}

/* In podman's words and with its exit code. */
static void cmk_noreturn refuse_both(void)
{
	(void)fprintf(stderr, "Setting --log-level and --debug is not allowed\n");
	exit(EXIT_FAILURE);
}

static int set_debug(const struct cmk_option *o, const char *value cmk_unused, void *args,
		     struct cmk_err *err)
{
	struct cmk_globals *g = args;

	if (g->level_given)
		refuse_both();
	g->debug = true;
	return set_log_level(o, "debug", args, err);
}

static int set_level(const struct cmk_option *o, const char *value, void *args, struct cmk_err *err)
{
	struct cmk_globals *g = args;

	/* The default comes this way, too. */
	g->level_given = value != o->def;
	if (g->level_given && g->debug)
		refuse_both();
	return set_log_level(o, value, args, err);
}

static int set_events_backend(const struct cmk_option *o, const char *value, void *args,
			      struct cmk_err *err)
{
	(void)o;
	if (streq(value, "journald"))
		return cmk_err_set(err, -EOPNOTSUPP,
				   "events are not written to the journal: file or none");
	if (!streq(value, "file") && !streq(value, "none"))
		return cmk_err_set(err, -EINVAL, "not one of file, none");
	events_set_enabled(streq(value, "file"));
	((struct cmk_globals *)args)->events_backend = value;
	return 0;
}

static int check_context(const struct cmk_option *o cmk_unused, const char *value,
			 void *args cmk_unused, struct cmk_err *err cmk_unused)
{
	cleanup_free char *plain = xstrdup(value);

	if (streq(value, "default"))
		return 0;
	text_make_plain(plain, NULL, ' ');
	/* In podman's words. */
	(void)fprintf(stderr,
		      "Error: cmk does not support %s, the only --context value allowed is "
		      "\"default\"\n",
		      plain);
	exit(EXIT_CMK_FAILED);
}

static int set_cgroup_manager(const struct cmk_option *o cmk_unused, const char *value, void *args,
			      struct cmk_err *err)
{
	((struct cmk_globals *)args)->cgroup_manager = value;
	return cgroup_manager_set(value, err);
}

const struct cmk_option cmk_global_options_behind[] = {
	CMK_OPT_OF(OPT_STRV, 0, "cdi-spec-dir", struct cmk_globals, cdi_dirs, "DIR",
		   "directory of CDI files, instead of the default ones", .complete = COMPLETE_DIRS,
		   .conf = "engine.cdi_spec_dirs"),
	CMK_OPT_OF(OPT_CALLBACK, 0, "cgroup-manager", struct cmk_globals, cgroup_manager, "MANAGER",
		   "who makes control groups, instead of the first that is here",
		   .words = "systemd|cgroupfs", .complete = COMPLETE_WORDS,
		   .parse = set_cgroup_manager, .conf = "engine.cgroup_manager"),
	CMK_OPT_STRING(0, "conmon", struct cmk_globals, conmon, "PATH",
		       "where podman's monitor is: cmk's own is part of it",
		       .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "db-backend", struct cmk_globals, db_backend, "NAME",
		       "database of podman's: cmk's records are files", .words = "sqlite|boltdb",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_CALLBACK, 0, "events-backend", struct cmk_globals, events_backend, "BACKEND",
		   "where events are kept", .def = "file", .words = "file|none",
		   .complete = COMPLETE_WORDS, .parse = set_events_backend,
		   .conf = "engine.events_logger"),
	CMK_OPT_OF(OPT_CALLBACK, 'D', "debug", struct cmk_globals, log_level, NULL,
		   "the same as --log-level debug", .parse = set_debug),
	CMK_OPT_STRING(0, "default-mounts-file", struct cmk_globals, mounts_file, "FILE",
		       "file in the place of mounts.conf", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('h', "help", struct cmk_globals, help, "show this help"),
	CMK_OPT_OF(OPT_STRV, 0, "hooks-dir", struct cmk_globals, hooks_dirs, "DIR",
		   "directory of OCI hooks, instead of the default ones", .complete = COMPLETE_DIRS,
		   .conf = "engine.hooks_dir"),
	CMK_OPT_OF(OPT_CALLBACK, 0, "log-level", struct cmk_globals, log_level, "LEVEL",
		   "tell more or less on stderr", .def = "warn",
		   .words = LOG_LEVELS(LOG_LEVEL_NAME, "|"), .complete = COMPLETE_WORDS,
		   .parse = set_level),
	CMK_OPT_STRING(0, "network-backend", struct cmk_globals, network_backend, "NAME",
		       "program of podman's: cmk's networks are part of it",
		       .words = "netavark|cni", .complete = COMPLETE_WORDS),
	CMK_OPT_STRING(0, "network-config-dir", struct cmk_globals, network_config_dir, "DIR",
		       "directory of definitions of networks", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "root", struct cmk_globals, root, "DIR",
		       "directory of images and containers", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "runroot", struct cmk_globals, runroot, "DIR",
		       "directory of what a reboot may lose", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "runtime", struct cmk_globals, runtime, "NAME|PATH",
		       "OCI runtime for new containers instead of cmk's own",
		       .complete = COMPLETE_FILES, .conf = "engine.runtime"),
	CMK_OPT_OF(OPT_STRV, 0, "runtime-flag", struct cmk_globals, runtime_flags, "FLAG",
		   "option of another --runtime, without its dashes"),
	CMK_OPT_STRING(0, "storage-driver", struct cmk_globals, storage_driver, "DRIVER",
		       "storage driver instead of the best that works here",
		       .words = "overlay|fuse-overlayfs|vfs", .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_STRV, 0, "storage-opt", struct cmk_globals, storage_opts, "KEY=VALUE",
		   "option of storage.conf, instead of those that stand there"),
	CMK_OPT_STRING(0, "tmpdir", struct cmk_globals, tmpdir, "DIR",
		       "the same as --runroot, which wins", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "volumepath", struct cmk_globals, volumepath, "DIR",
		       "directory of volumes", .complete = COMPLETE_DIRS),
	CMK_OPT_END(),
};
const struct cmk_option cmk_global_options[] = {
	CMK_OPT_USE(cmk_global_options_behind),
	CMK_OPT_STRING(0, "config", struct cmk_globals, config, "DIR",
		       "directory of docker's config.json, for its credentials",
		       .complete = COMPLETE_DIRS),
	CMK_OPT_OF(OPT_CALLBACK, 0, "context", struct cmk_globals, help, "NAME",
		   "where docker's client finds its daemon: cmk has none, and one answer",
		   .words = "default", .complete = COMPLETE_WORDS, .parse = check_context),
	CMK_OPT_OF(OPT_STRV, 0, "module", struct cmk_globals, modules, "MODULE",
		   "read a module of containers.conf behind its files",
		   .complete = COMPLETE_MODULES),
	CMK_OPT_FLAG(0, "noout", struct cmk_globals, noout, "write nothing to stdout",
		     .excludes = "out"),
	CMK_OPT_STRING(0, "out", struct cmk_globals, out, "FILE", "write stdout to a file",
		       .complete = COMPLETE_FILES),
	CMK_OPT_FLAG('v', "version", struct cmk_globals, version, "show the version"),
	CMK_OPT_END(),
};

/* A descriptor below 3 that is closed would be taken by the next file that we open, and messages
 * would be written into it. */
static bool fill_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", fd == 0 ? O_RDONLY : O_RDWR) != fd)
			return false;
	}
	return true;
}

/* An ignored SIGCHLD would make wait(2) lose exit codes; a blocked signal would stay blocked in
 * everything we start. SIGPIPE is ignored here, so that a lost peer is an error with a message;
 * finish_output() gives a closed pipe behind stdout its usual end. */
static void settle_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL }, ign = { .sa_handler = SIG_IGN };
	sigset_t none;

	(void)sigaction(SIGCHLD, &dfl, NULL);
	(void)sigaction(SIGPIPE, &ign, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* --out and --noout: what cmk itself writes, not what a container that is attached to does. */
static int redirect_output(const struct cmk_globals *g, struct cmk_err *err)
{
	const char *path = g->noout ? "/dev/null" : g->out;
	cleanup_close int fd = -1;
	int container;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return cmk_err_errno(err, "write output to '%s'", path);
	container = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (container < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return cmk_err_errno(err, "write output to '%s'", path);
	monitor_attach_stdout(container);
	return 0;
}

/* By a link of another tool's name an error tells what was typed, for what looks for its words. */
static const char *called_as = "cmk";

static void find_name(const char *argv0)
{
	static const char *const names[] = { "podman", "docker" };
	const char *slash = strrchr(argv0, '/');

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(slash ? slash + 1 : argv0, names[i]))
			called_as = names[i];
}

/* "'cmk ps' takes no arguments" with that name; owned. */
static char *named(const char *text)
{
	struct strbuf sb = STRBUF_INIT;
	const char *at;

	for (; (at = strstr(text, "'cmk ")); text = at + 4) {
		strbuf_add(&sb, text, (size_t)(at - text) + 1);
		strbuf_adds(&sb, called_as);
	}
	strbuf_adds(&sb, text);
	return strbuf_steal(&sb);
}

void cmk_print_error(const struct cmk_err *err)
{
	/* As podman's and docker's: where to read about it is a line of its own. */
	const char *see = err->hint ? str_after(err->hint, "see 'cmk ") : NULL;
	bool has_hint = err->hint && *err->hint && !see;
	cleanup_free char *text = has_hint
					  ? xasprintf("Error: %s (%s)", cmk_err_msg(err), err->hint)
					  : xasprintf("Error: %s", cmk_err_msg(err));
	cleanup_free char *line = NULL, *all = NULL;
	size_t n;

	/* Names and registries' answers are in it: no escape sequence reaches the terminal, and it
	 * stays one line. */
	text_make_plain(text, NULL, ' ');
	all = see ? xasprintf("%s\nSee 'cmk %s\n", text, see) : xasprintf("%s\n", text);
	line = named(all);
	n = strlen(line);
	(void)fflush(stdout);
	(void)!write(STDERR_FILENO, line, n);
}

static int finish_output(int code)
{
	int r = fflush(stdout) < 0 || ferror(stdout) ? errno : 0;

	if (r == EPIPE) {
		/* As every program whose reader has gone. */
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	if (r && code == 0) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		errno = r;
		(void)cmk_err_errno(&err, "write to stdout");
		cmk_print_error(&err);
		return EXIT_CMK_FAILED;
	}
	return code;
}

static int exit_code(int r, bool oci, struct cmk_err *err)
{
	if (r >= 0) {
		if (err->msg)
			cmk_print_error(err);
		return r;
	}
	if (!err->msg)
		(void)cmk_err_set(err, r, "%s", errno_text(-r));
	cmk_print_error(err);
	if (oci)
		return EXIT_OCI_FAILED;
	if (err->kind == CMK_ERR_CANNOT_EXEC)
		return EXIT_CANNOT_EXEC;
	return err->kind == CMK_ERR_CMD_NOT_FOUND ? EXIT_CMD_NOT_FOUND : EXIT_CMK_FAILED;
}

static int check_operands(const struct cmk_command *cmd, int n, struct cmk_err *err)
{
	if (n < cmd->min_operands)
		(void)cmk_err_set(err, -EINVAL, "'cmk %s' needs %s", cmd->name,
				  cmd->operands ? cmd->operands : "more words");
	else if (cmd->max_operands >= 0 && n > cmd->max_operands)
		(void)cmk_err_set(err, -EINVAL, "'cmk %s' %s%s", cmd->name,
				  cmd->max_operands ? "accepts at most " : "takes no arguments",
				  cmd->max_operands ? cmd->operands : "");
	else
		return 0;
	(void)cmk_err_hint(err, "see 'cmk %s --help'", cmd->name);
	return -EINVAL;
}

static int run_parsed(const struct cmk_command *cmd, struct cmk_globals *g, void *args,
		      struct cmk_parse *p, struct cmk_err *err)
{
	cleanup_free char *docker = NULL;
	int r;

	if (g->help) {
		cmk_help_command(cmd);
		return 0;
	}
	if (g->conf_err->msg && !cmd->hidden)
		return cmk_err_move(err, g->conf_err);
	/* storage/ reads the variable; the option stands above it. */
	if (g->storage_driver && setenv("STORAGE_DRIVER", g->storage_driver, 1) < 0)
		return cmk_err_errno(err, "set STORAGE_DRIVER");
	/* As above, for image/. */
	if (g->config)
		docker = realpath(g->config, NULL);
	if (g->config && setenv("DOCKER_CONFIG", docker ?: g->config, 1) < 0)
		return cmk_err_errno(err, "set DOCKER_CONFIG");
	g->runroot = g->runroot ?: g->tmpdir;
	storage_set_volume_path(g->volumepath);
	storage_set_options(g->storage_opts);
	r = check_operands(cmd, p->n_operands, err);
	if (r == 0 && !cmd->hidden)
		r = cmk_globals_check(g, err);
	/* Of `oci` they go where its --log says: cmk_oci_begin(). */
	if (!str_after(cmd->name, "oci ")) {
		log_info("cmk filtering at log level %s", g->log_level ? g->log_level : "warn");
		log_debug("called: cmk %s", cmd->name);
		log_trace("words behind it: %d", p->n_operands);
	}
	return r < 0 ? r : cmd->exec(g, args, p->n_operands, p->operands, err);
}

static int run_command(const struct cmk_command *cmd, struct cmk_globals *g, int argc, char **argv,
		       struct cmk_err *err)
{
	cleanup_free void *args = xcalloc(1, cmd->args_size);
	const struct cmk_option_set sets[] = {
		{ cmd->options, args, false },
		{ cmk_global_options_behind, g, true },
	};
	struct cmk_parse p = { .command = cmd->name };
	int r;

	if (cmd->no_options) {
		r = check_operands(cmd, argc, err);
		return r < 0 ? r : cmd->exec(g, args, argc, argv, err);
	}
	r = cmk_parse_options(sets, ARRAY_LEN(sets), cmd->stop_at_operand, argc, argv, &p, err);
	if (r == 0)
		r = run_parsed(cmd, g, args, &p, err);
	else if (p.unknown && cmk_state_explain_option(cmd->name, p.unknown, err))
		r = -EOPNOTSUPP;
	else if (!err->hint)
		(void)cmk_err_hint(err, "see 'cmk %s --help'", cmd->name);
	cmk_options_done(cmd->options, args);
	cmk_parse_done(&p);
	return r;
}

/* The words from the command's name on. */
static int run_words(struct cmk_globals *g, int argc, char **argv, struct cmk_err *err)
{
	const struct cmk_command *cmd = NULL;
	bool oci = argc > 0 && streq(argv[0], "oci");
	cleanup_free char **words = NULL;
	cleanup_free char *group = NULL;
	int r, used = 0;

	if (oci)
		argv = words = cmk_oci_words(argc, argv);
	if (oci && argc == 2 && (streq(argv[1], "--version") || streq(argv[1], "-v"))) {
		cmk_oci_version();
		return 0;
	}
	if (g->version)
		return cmk_cmd_version.exec(g, NULL, 0, argv, err);
	if (argc == 0 && g->help) {
		cmk_help_all();
		return 0;
	}
	if (argc == 0) {
		/* Where the error goes. */
		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			cmk_help_all();
		(void)cmk_err_set(err, -EINVAL, "missing command 'cmk COMMAND'");
		(void)cmk_err_hint(err, "see 'cmk help'");
		return -EINVAL;
	}
	used = cmk_command_group(argc, argv, &group);
	if (used > 0 && used < argc && (streq(argv[used], "--help") || streq(argv[used], "-h"))) {
		cmk_help_group(group);
		return 0;
	}
	r = cmk_command_find(argc, argv, &cmd, &used, err);
	if (r < 0)
		return cmk_state_explain_command(argc, argv, err) ? -EOPNOTSUPP : r;
	return run_command(cmd, g, argc - used, argv + used, err);
}

/* Called by a name that callers of OCI runtimes know, whose options come first: ours, or a link in
 * the place of one of the others. */
static bool is_cmk_oci(int argc, char **argv)
{
	static const char *const names[] = { "cmk-oci", "runc", "crun" };
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	for (size_t i = 0; argc > 0 && i < ARRAY_LEN(names); i++)
		if (streq(slash ? slash + 1 : argv[0], names[i]))
			return true;
	return false;
}

static int run_oci(struct cmk_globals *g, int argc, char **argv, struct cmk_err *err)
{
	cleanup_free char **words = xcalloc((size_t)argc + 2, sizeof(*words));
	static char first[] = "oci";

	words[0] = first;
	for (int i = 1; i < argc; i++)
		words[i] = argv[i];
	return run_words(g, MAX(argc, 1), words, err);
}

/* The values of --module, before anything is parsed: containers.conf gives the other options'
 * defaults. */
static char **module_names(int argc, char **argv)
{
	cleanup_free const struct cmk_option **rows = NULL;
	char **names = NULL;

	for (int i = 1; i < argc && argv[i][0] == '-' && argv[i][1] && !streq(argv[i], "--"); i++) {
		const char *value = str_after(argv[i], "--module=");

		if (value)
			strv_add(&names, value);
		if (value || argv[i][1] != '-' || strchr(argv[i], '='))
			continue;
		rows = rows ?: cmk_options_flatten(cmk_global_options);
		for (size_t k = 0; rows[k]; k++) {
			if (!streq(rows[k]->name, argv[i] + 2) || !cmk_option_takes_value(rows[k]))
				continue;
			if (streq(rows[k]->name, "module") && argv[i + 1])
				strv_add(&names, argv[i + 1]);
			i++;
			break;
		}
	}
	return names;
}

/* In podman's words and with its exit code, whatever the command is. */
static char **find_modules(int argc, char **argv)
{
	cleanup_strv char **names = module_names(argc, argv);
	char **paths = NULL;

	for (char **n = names; n && *n; n++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		char *path = NULL;

		if (cmk_conf_module_find(*n, &path, &err) < 0) {
			cleanup_free char *text = xstrdup(cmk_err_msg(&err));

			text_make_plain(text, "\n\t", ' ');
			(void)fprintf(stderr, "Failed to obtain %s configuration: %s\n", called_as,
				      text);
			exit(EXIT_FAILURE);
		}
		strv_add_take(&paths, path);
	}
	return paths;
}

/* Services of the system have no HOME (systemd.exec(5)). An empty one is somebody's will. */
static void find_home(void)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (!getenv("HOME") && getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found) == 0 && found &&
	    *pw.pw_dir == '/')
		(void)setenv("HOME", pw.pw_dir, 1);
}

int main(int argc, char **argv)
{
	cleanup_err struct cmk_err conf_err = CMK_ERR_INIT;
	struct cmk_globals g = { .argc = argc, .argv = argv, .conf_err = &conf_err };
	const struct cmk_option_set set = { cmk_global_options, &g, false };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_strv char **modules = NULL;
	struct cmk_parse p = { 0 };
	int r;

	if (!fill_stdio())
		return EXIT_CMK_FAILED;
	settle_signals();
	if (argc > 0)
		find_name(argv[0]);
	/* Modes are given where files are made; what an image or a user's file gets must not depend
	 * on the caller's mask. */
	(void)umask(022);
	find_home();
	if (is_cmk_oci(argc, argv))
		return finish_output(exit_code(run_oci(&g, argc, argv, &err), true, &err));
	/* Help does without, and tells of nothing. */
	modules = find_modules(argc, argv);
	if (cmk_conf_load(modules, &conf_err) < 0)
		cmk_conf_done();
	r = cmk_parse_options(&set, 1, true, argc > 0 ? argc - 1 : 0, argv + 1, &p, &err);
	if (r == 0)
		r = redirect_output(&g, &err);
	if (r == 0)
		r = run_words(&g, p.n_operands, p.operands, &err);
	else if (p.unknown && cmk_state_explain_option("(global)", p.unknown, &err))
		r = -EOPNOTSUPP;
	else if (!err.hint)
		(void)cmk_err_hint(&err, "see 'cmk help'");
	r = finish_output(exit_code(r, p.n_operands > 0 && streq(p.operands[0], "oci"), &err));
	cmk_parse_done(&p);
	cmk_conf_done();
	return r;
}
