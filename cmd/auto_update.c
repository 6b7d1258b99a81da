// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "base/process.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/recorded.h"
#include "image/image.h"

struct auto_update_args {
	bool dry_run, rollback;
	const char *authfile, *format;
	int tls_verify;
};

/* For completion. */
static const char auto_update_fields[] =
	"Container|ContainerID|ContainerName|Image|Policy|Unit|Updated";

static const struct cmk_option auto_update_options[] = {
	CMK_OPT_STRING(0, "authfile", struct auto_update_args, authfile, "FILE",
		       "file with credentials of registries", .complete = COMPLETE_FILES),
	CMK_OPT_FLAG(0, "dry-run", struct auto_update_args, dry_run,
		     "only tell which updates there are"),
	CMK_OPT_STRING(0, "format", struct auto_update_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = auto_update_fields),
	CMK_OPT_FLAG(0, "rollback", struct auto_update_args, rollback,
		     "go back to the old image where the new container does not start or get "
		     "healthy",
		     .def = "true"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "tls-verify", struct auto_update_args, tls_verify, NULL,
		   "ask for https and a valid certificate of the registry"),
	CMK_OPT_END(),
};

/* --- a container without a unit ----------------------------------------------------------------
 */

/* What is said anew, or meant the terminal of then; of the image only what is here counts. */
static bool stays(const char *name)
{
	static const char *const own[] = { "attach", "detach",	     "name",	"preserve-fd",
					   "pull",   "preserve-fds", "replace", "sig-proxy" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (streq(own[i], name))
			return false;
	return true;
}

static void add_option(char ***argv, const struct cmk_recorded_option *o,
		       const struct container_config *cfg)
{
	cleanup_strv char **env = NULL;

	if (!stays(o->row->name))
		return;
	if (streq(o->row->name, "env") && o->value && !strchr(o->value, '=')) {
		cmk_recorded_env(o, cfg->env_given, &env);
		for (char **e = env; e && *e; e++)
			strv_add_take(argv, xasprintf("--env=%s", *e));
		return;
	}
	for (char **word = o->words; word && *word; word++)
		strv_add(argv, *word);
}

static char **run_again(const struct cmk_recorded *r, const char *program, char *const *globals,
			const struct container_config *cfg)
{
	char **argv = NULL;

	strv_add(&argv, program);
	for (char *const *g = globals; g && *g; g++)
		strv_add(&argv, *g);
	strv_add(&argv, "--noout");
	strv_add(&argv, "run");
	strv_add(&argv, "--detach");
	strv_add(&argv, "--replace");
	strv_add_take(&argv, xasprintf("--name=%s", cfg->name));
	for (size_t i = 0; i < r->n_options; i++)
		add_option(&argv, &r->options[i], cfg);
	for (char *const *word = r->operands; *word; word++)
		strv_add(&argv, *word);
	return argv;
}

static int recreate(void *arg, struct container *c, struct cmk_err *err)
{
	const struct cmk_globals *g = arg;
	cleanup_recorded struct cmk_recorded rec = { 0 };
	cleanup_strv char **globals = NULL, **argv = NULL;
	cleanup_free char *program = NULL;
	int r = cmk_program_path(g->argv[0], &program, err);

	if (r == 0)
		r = cmk_recorded_parse(c->cfg.create_command, &rec, err);
	if (r < 0)
		return r;
	globals = cmk_recorded_globals(&rec, g->root ? c->st->root : NULL,
				       g->runroot ? c->st->runroot : NULL);
	argv = run_again(&rec, program, globals, &c->cfg);
	/* Where we ourselves run in a unit it is no part of that. */
	(void)unsetenv(CONTAINER_UNIT_LABEL);
	(void)unsetenv("NOTIFY_SOCKET");
	r = process_run(argv, NULL, err);
	return r > 0 ? -EIO : r;
}

/* --- the report --------------------------------------------------------------------------------
 */

static void write_row(struct json_writer *w, const struct autoupdate_task *t)
{
	const struct container_config *cfg = &t->c->cfg;
	cleanup_free char *both = xasprintf("%.12s (%s)", cfg->id, cfg->name);

	json_write_object(w, NULL);
	json_write_str(w, "Unit", t->unit);
	json_write_str(w, "Container", both);
	json_write_str(w, "ContainerName", cfg->name);
	json_write_str(w, "ContainerID", cfg->id);
	json_write_str(w, "Image", cfg->image_name ? cfg->image_name : "");
	json_write_str(w, "Policy", t->policy);
	json_write_str(w, "Updated", autoupdate_result_name(t->result));
	json_write_end(w, '}');
}

/* Whether all is well. */
static bool tell_errors(struct autoupdate_task *list, size_t n)
{
	bool well = true;

	for (size_t i = 0; i < n; i++) {
		struct autoupdate_task *t = &list[i];

		if (t->result == AUTOUPDATE_ROLLED_BACK)
			log_warn("container '%s' has its old image again: %s", t->c->cfg.name,
				 cmk_err_msg(&t->err));
		if (t->result != AUTOUPDATE_FAILED)
			continue;
		(void)cmk_err_wrap(&t->err, t->err.code, "update container '%s'", t->c->cfg.name);
		cmk_print_error(&t->err);
		well = false;
	}
	return well;
}

static int auto_update_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			    char **argv cmk_unused, struct cmk_err *err)
{
	const struct auto_update_args *a = args;
	const struct autoupdate_options o = {
		.dry_run = a->dry_run,
		.rollback = a->rollback,
		.authfile = a->authfile,
		.tls_verify = a->tls_verify,
		.recreate = recreate,
		.arg = (void *)g,
	};
	cleanup_storage struct storage *st = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	struct autoupdate_task *list = NULL;
	bool well = true;
	size_t n = 0;
	int r = a->format ? format_check(a->format, err) : 0;

	if (r == 0)
		r = image_authfile_check(a->authfile, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = autoupdate_run(st, &o, &list, &n, err);
	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		write_row(&w, &list[i]);
	r = format_print_array(a->format
				       ?: "table {{.Unit}}\t{{.Container}}\t{{.Image}}\t"
					  "{{.Policy}}\t{{.Updated}}",
			       &w, NULL, false, err);
	well = tell_errors(list, n);
	autoupdate_tasks_free(list, n);
	return r < 0 || well ? r : EXIT_CMK_FAILED;
}

static const struct cmk_example auto_update_examples[] = {
	{ "cmk run -d --name web --label io.containers.autoupdate=registry docker.io/library/nginx",
	  "Runs a server that follows its tag" },
	{ "cmk auto-update --dry-run", "Tells which containers have a newer image" },
	{ "cmk auto-update", "Makes them anew of it" },
	{ "systemctl --user enable --now cmk-auto-update.timer",
	  "Does so every night, from now on" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_auto_update = {
	.name = "auto-update",
	.summary = "Make containers anew whose image has changed",
	.operands = "",
	.description =
		"Looks at the running containers that have the label `io.containers.autoupdate`: "
		"with "
		"`registry` (or `image`) the registry is asked whether the image's name has "
		"another "
		"digest there than the container's image was pulled by, with `local` the name is "
		"looked up here. The label `io.containers.autoupdate.authfile` names a file with "
		"credentials, which wins over `--authfile`.\n\n"
		"What is newer is pulled, and the container made anew: by its unit, which the "
		"label "
		"`PODMAN_SYSTEMD_UNIT` names and which is restarted (`cmk generate systemd --new` "
		"makes such units); without one by the command that made it, under the same name. "
		"What it wrote outside of volumes with a name is gone then.\n\n"
		"The new one has to start, and where it has a health check to get healthy; else "
		"the "
		"image's name is given back to the old image, and the container is made of that "
		"again.\n\n"
		"The timer `cmk-auto-update.timer`, of users and of the system, runs it each day, "
		"and after it `cmk image prune -f`; it is off until it is enabled.\n\n"
		"UPDATED is `true`, `false` (nothing newer), `pending` (with `--dry-run`), `rolled "
		"back` or `failed`.",
	.exit_codes = "0 all went well, or was rolled back; 125 an update failed",
	.examples = auto_update_examples,
	.options = auto_update_options,
	.args_size = sizeof(struct auto_update_args),
	.exec = auto_update_exec,
};
