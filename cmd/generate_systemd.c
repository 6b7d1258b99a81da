// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "cmd/containers.h"
#include "cmd/recorded.h"

struct generate_args {
	struct unit_request q; /* what is given as it is */
	bool files, by_name, no_header;
	int new;
	char **after, **requires, **wants, **env;
	const char *format;
};

/* What is made for it, and belongs to it. */
struct generated {
	struct cmk_recorded recorded;
	struct unit_create create;
	char **globals, **options, **operands, **extra_env;
	char *program, *header, *name, *text;
};

static int set_seconds(const struct cmk_option *o, const char *value, void *args,
		       struct cmk_err *err)
{
	struct unit_seconds *to = (void *)((char *)args + o->offset);
	/* As long as `stop` takes. */
	int r = parse_u32(value, INT32_MAX / 1000 - 60, &to->s);

	if (r < 0)
		return cmk_err_set(err, r, "not a number of seconds");
	to->given = true;
	return 0;
}

#define T struct generate_args
static const struct cmk_option generate_systemd_options[] = {
	CMK_OPT_OF(OPT_STRV, 0, "after", T, after, "UNIT", "start after this unit"),
	CMK_OPT_STRING(0, "container-prefix", T, q.prefix, "PREFIX",
		       "what the name of the unit begins with", .def = "container"),
	CMK_OPT_OF(OPT_STRV, 'e', "env", T, env, "NAME[=VALUE]",
		   "set a variable of the service's environment"),
	CMK_OPT_FLAG('f', "files", T, files, "write a file in this directory, and print its path"),
	CMK_OPT_STRING(0, "format", T, format, "FORMAT", "print as json", .words = "json",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_FLAG('n', "name", T, by_name, "call the container by its name, not by its ID"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "new", T, new, NULL,
		   "make a new container at each start, and remove it at the end"),
	CMK_OPT_FLAG(0, "no-header", T, no_header, "no comment about who made it and when"),
	CMK_OPT_OF(OPT_STRV, 0, "requires", T, requires, "UNIT",
		   "a unit without which it does not start"),
	CMK_OPT_STRING(0, "restart-policy", T, q.restart, "POLICY",
		       "when systemd starts it again (on-failure, or the container's own)",
		       .words = UNIT_RESTART_WORDS, .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_CALLBACK, 0, "restart-sec", T, q.restart_sec, "SECONDS",
		   "pause before it is started again", .parse = set_seconds),
	CMK_OPT_STRING(0, "separator", T, q.separator, "SEPARATOR",
		       "between prefix and container in the name of the unit", .def = "-"),
	CMK_OPT_OF(OPT_CALLBACK, 0, "start-timeout", T, q.start_timeout, "SECONDS",
		   "how long a start may take", .parse = set_seconds),
	CMK_OPT_OF(OPT_CALLBACK, 't', "stop-timeout", T, q.stop_timeout, "SECONDS",
		   "time between the stop signal and SIGKILL, instead of the container's own",
		   .alias = "time", .parse = set_seconds),
	CMK_OPT_FLAG(0, "template", T, q.template, "a unit for many instances, web@1, web@2"),
	CMK_OPT_OF(OPT_STRV, 0, "wants", T, wants, "UNIT", "a unit that is started with it"),
	CMK_OPT_END(),
};
#undef T

static void generated_done(struct generated *u)
{
	cmk_recorded_done(&u->recorded);
	(void)strv_free(u->globals);
	(void)strv_free(u->options);
	(void)strv_free(u->operands);
	(void)strv_free(u->extra_env);
	free(u->program);
	free(u->header);
	free(u->name);
	free(u->text);
}

/* --- the recorded command ----------------------------------------------------------------------
 */

/* Systemd starts it in another directory. */
static void warn_relative(const struct cmk_recorded_option *o)
{
	bool is_file = o->row->complete == COMPLETE_FILES || o->row->complete == COMPLETE_DIRS;
	const char *v = o->value;

	if (v && (str_after(v, "./") || str_after(v, "../") || strstr(v, "=./") ||
		  strstr(v, "=../") || (is_file && *v != '/' && !streq(o->row->name, "volume"))))
		log_warn("--%s '%s': a unit does not start in this directory: use an absolute path",
			 o->row->name, v);
}

static void take_option(struct generated *u, const struct container_config *cfg,
			const struct cmk_recorded_option *o)
{
	if (!unit_option_stays(o->row->name))
		return;
	cmk_recorded_env(o, cfg->env_given, &u->extra_env);
	warn_relative(o);
	for (char **word = o->words; word && *word; word++)
		strv_add(&u->options, *word);
}

static void take_operands(struct generated *u, const struct container_config *cfg)
{
	char *const *from = u->recorded.operands;

	if (cfg->rootfs) {
		strv_add_take(&u->operands,
			      xasprintf("%s%s", cfg->rootfs, cfg->rootfs_overlay ? ":O" : ""));
		from++;
	}
	for (; *from; from++)
		strv_add(&u->operands, *from);
}

static void take_create(struct generated *u, const struct generate_args *a,
			const struct container_config *cfg)
{
	const struct cmk_recorded *r = &u->recorded;

	for (size_t i = 0; i < r->n_options; i++)
		take_option(u, cfg, &r->options[i]);
	take_operands(u, cfg);
	u->create = (struct unit_create){
		.name = a->by_name || cmk_recorded_value(r, "name") ? cfg->name : NULL,
		.restart = cmk_recorded_value(r, "restart"),
		.cgroups = cmk_recorded_value(r, "cgroups"),
		.has_parent = cmk_recorded_value(r, "cgroup-parent") != NULL,
		.options = u->options,
		.operands = u->operands,
		.extra_env = u->extra_env,
	};
}

/* --- the unit ----------------------------------------------------------------------------------
 */

static char *header(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char date[64];

	if (!localtime_r(&now, &tm) ||
	    !strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Z %Y", &tm))
		*date = '\0';
	return xasprintf("# autogenerated by cmk %s\n# %s\n", PACKAGE_VERSION, date);
}

static int generate(const struct cmk_globals *g, const struct generate_args *a,
		    const struct container *c, struct generated *u, struct cmk_err *err)
{
	struct unit_request q = a->q;
	bool fresh = a->new == 1 || a->q.template;
	int r = cmk_program_path(g->argv[0], &u->program, err);

	if (r == 0)
		r = cmk_recorded_parse(c->cfg.create_command, &u->recorded, fresh ? err : NULL);
	if (r < 0 && (fresh || !u->program))
		return cmk_err_wrap(err, r, "container '%s'", c->cfg.name);
	if (fresh)
		take_create(u, a, &c->cfg);
	u->globals = cmk_recorded_globals(&u->recorded, g->root ? c->st->root : NULL,
					  g->runroot ? c->st->runroot : NULL);
	u->header = a->no_header ? NULL : header();
	q.program = u->program;
	q.globals = u->globals;
	q.cfg = &c->cfg;
	q.root = c->st->root;
	q.runroot = c->st->runroot;
	q.container = a->by_name ? c->cfg.name : c->cfg.id;
	q.create = fresh ? &u->create : NULL;
	q.after = a->after;
	q.requires = a->requires;
	q.wants = a->wants;
	q.env = a->env;
	q.header = u->header;
	return unit_generate(&q, &u->name, &u->text, err);
}

/* What is shown in place of the text; owned. */
static int write_file(const struct generated *u, char **ret, struct cmk_err *err)
{
	cleanup_free char *file = xasprintf("%s.service", u->name), *cwd = getcwd(NULL, 0);
	int r;

	if (!cwd)
		return cmk_err_errno(err, "find the working directory");
	r = file_replace_at(AT_FDCWD, file, u->text, strlen(u->text), 0644, 0, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "write '%s/%s'", cwd, file);
	*ret = xasprintf("%s/%s", cwd, file);
	return 0;
}

static int show(const struct generate_args *a, const struct generated *u, struct cmk_err *err)
{
	cleanup_free char *path = NULL, *json = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	int r = a->files ? write_file(u, &path, err) : 0;

	if (r < 0)
		return r;
	if (!a->format) {
		(void)printf("%s%s", path ? path : u->text, path ? "\n" : "");
		return 0;
	}
	w.pretty = true;
	json_write_object(&w, NULL);
	json_write_str(&w, u->name, path ? path : u->text);
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &json, NULL, err);
	if (r == 0)
		(void)printf("%s", json);
	return r;
}

/* Two would start it again. */
static void warn_of_restart(const struct container_config *cfg)
{
	if (cfg->restart_policy)
		log_warn("Container %s has restart policy \"%s\" which can lead to issues on "
			 "shutdown: its monitor starts it again, and systemd too; make it without, "
			 "or use --new",
			 cfg->id, cfg->restart_policy);
}

static int generate_systemd_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
				 char **argv, struct cmk_err *err)
{
	cleanup(generated_done) struct generated u = { 0 };
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	const struct generate_args *a = args;
	int r;

	if (a->q.template && a->new == 0)
		return cmk_err_set(err, -EINVAL, "--template cannot be set with --new=false");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = container_open(st, argv[0], &c, err);
	if (r == 0)
		r = generate(g, a, c, &u, err);
	if (r == 0 && a->new != 1 && !a->q.template)
		warn_of_restart(&c->cfg);
	return r < 0 ? r : show(a, &u, err);
}

static const struct cmk_example generate_systemd_examples[] = {
	{ "cmk generate systemd --new --name --files web",
	  "writes container-web.service, which makes the container web anew at each start" },
	{ "mv container-web.service ~/.config/systemd/user/ && systemctl --user enable --now "
	  "container-web",
	  "puts it in its place, and starts it now and at each boot" },
	{ "cmk generate systemd --restart-policy=always -t 1 web",
	  "prints a unit that starts the container which is there" },
	{ "cmk generate systemd --template --name --files web && systemctl --user start "
	  "container-web@1",
	  "makes one unit for many containers of the kind" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_generate_systemd = {
	.name = "generate systemd",
	.summary = "Make a unit of systemd for a container",
	.operands = "CONTAINER",
	.description =
		"Prints a service of `Type=notify` that starts the container and stops it. Its "
		"main "
		"process is the container's monitor, so that systemd sees each end, and tells a "
		"failure by the exit code. What is called by its name survives that the container "
		"is made anew; `cmk` is called by its absolute path.\n\n"
		"With `--new` the service is made of the command that made the container: each "
		"start makes a new one, in a control group below the service's "
		"(`--cgroups=split`), so that limits of the service count for it, and the end "
		"removes it. `--rm`, `-d`, `--replace`, `--cidfile`, `--restart`, `--cgroups` and "
		"`--sdnotify` are the unit's own; variables that `-e NAME` took from the "
		"environment are in the unit.\n\n"
		"Ready is the service when the container runs; with `--sdnotify=container` or "
		"`healthy` of the container when that says so. A start that has to pull an image "
		"first needs a longer `--start-timeout`.\n\n"
		"User units start at boot where lingering is on: `loginctl enable-linger`.",
	.examples = generate_systemd_examples,
	.options = generate_systemd_options,
	.args_size = sizeof(struct generate_args),
	.min_operands = 1,
	.max_operands = 1,
	.complete = COMPLETE_CONTAINERS,
	.exec = generate_systemd_exec,
};
