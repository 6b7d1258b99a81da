// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/generate.h"

#include "libpod/option/optparse.h"
#include "libpod/record/policy.h"
#include "libpod/unit/unit_escape.h"

#define UNIT_NAME_MAX 255
#define STOP_EXTRA_S 60 /* for what comes after the container's own time, as podman */
#define ID_FILE "%t/%n.ctr-id"

/* --- names -------------------------------------------------------------------------------------
 */

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(":-_.\\@", c));
}

static bool name_chars(const char *s)
{
	for (; *s; s++)
		if (!name_char(*s))
			return false;
	return true;
}

bool unit_name_valid(const char *name)
{
	static const char *const types[] = { ".service",   ".socket", ".device", ".mount",
					     ".automount", ".swap",   ".target", ".path",
					     ".timer",	   ".slice",  ".scope" };
	bool typed = false;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		typed |= str_has_suffix(name, types[i]) && strlen(name) > strlen(types[i]);
	for (const char *p = name; *p; p++)
		if (!name_char(*p) && *p != '%')
			return false;
	return typed && strlen(name) <= UNIT_NAME_MAX;
}

bool unit_option_stays(const char *name)
{
	static const char *const own[] = {
		"attach",  "cgroups", "cidfile", "detach",   "name",
		"replace", "restart", "rm",	 "sdnotify", "sig-proxy"
	};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (streq(own[i], name))
			return false;
	return true;
}

static int check_units(const char *option, char *const *names, struct cmk_err *err)
{
	for (; names && *names; names++) {
		if (unit_name_valid(*names))
			continue;
		(void)cmk_err_set(err, -EINVAL, "--%s '%s': not the name of a unit", option,
				  *names);
		return cmk_err_hint(err,
				    "such as network.target or db.service; see systemd.unit(5)");
	}
	return 0;
}

static int read_env(char *const *given, char ***ret, struct cmk_err *err)
{
	for (; given && *given; given++) {
		int r = opt_env_add(ret, *given, err);

		if (r < 0)
			return r;
	}
	for (char **env = *ret; env && *env; env++) {
		const char *p = *env;

		while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' ||
		       (p > *env && *p >= '0' && *p <= '9'))
			p++;
		if (p == *env || *p != '=')
			return cmk_err_set(err, -EINVAL,
					   "--env '%s': systemd has no variable of such a name",
					   *env);
	}
	return 0;
}

static int check_request(const struct unit_request *q, struct cmk_err *err)
{
	int r;

	if (!name_chars(q->prefix) || !name_chars(q->separator) || strchr(q->prefix, '@') ||
	    strchr(q->separator, '@'))
		return cmk_err_set(err, -EINVAL,
				   "'%s%s': not allowed in the name of a unit (letters, digits and "
				   ":-_.\\)",
				   q->prefix, q->separator);
	r = check_units("after", q->after, err);
	if (r == 0)
		r = check_units("requires", q->requires, err);
	if (r == 0)
		r = check_units("wants", q->wants, err);
	return r;
}

/* --- parts -------------------------------------------------------------------------------------
 */

static void add_list(struct strbuf *out, const char *key, const char *first, char *const *more)
{
	strbuf_addf(out, "%s=%s", key, first);
	for (const char *sep = *first ? " " : ""; more && *more; more++, sep = " ")
		strbuf_addf(out, "%s%s", sep, *more);
	strbuf_addc(out, '\n');
}

/* "KEY=PROGRAM GLOBALS COMMAND" */
static void begin_command(struct strbuf *out, const struct unit_request *q, const char *key,
			  const char *command)
{
	strbuf_addf(out, "%s=", key);
	unit_exec_program(out, q->program);
	for (char *const *g = q->globals; g && *g; g++) {
		strbuf_addc(out, ' ');
		unit_exec_word(out, *g, 0);
	}
	strbuf_addf(out, " %s", command);
}

static int64_t stop_timeout(const struct unit_request *q)
{
	if (q->stop_timeout.given)
		return q->stop_timeout.s;
	return q->cfg->stop_timeout_s == CONTAINER_STOP_FOREVER_S ? -1
								  : (int64_t)q->cfg->stop_timeout_s;
}

/* `stop` or `rm -f`, of one that may be gone. */
static void add_end(struct strbuf *out, const struct unit_request *q, const char *key,
		    const char *command)
{
	begin_command(out, q, key, command);
	strbuf_addf(out, " --ignore -t %lld ", (long long)stop_timeout(q));
	if (q->create)
		strbuf_adds(out, "--cidfile=" ID_FILE);
	else
		unit_exec_word(out, q->container, 0);
	strbuf_addc(out, '\n');
}

/* Almost no program tells that it is ready: the default would wait for it for ever. */
static const char *notify_mode(const struct container_config *cfg)
{
	return cfg->sdnotify && !streq(cfg->sdnotify, "ignore") ? cfg->sdnotify : "conmon";
}

static void add_option(struct strbuf *out, const char *word)
{
	strbuf_adds(out, " \\\n\t");
	unit_exec_word(out, word, 0);
}

static void add_name(struct strbuf *out, const struct unit_request *q, const char *name)
{
	cleanup_free char *each = xasprintf("%s-%%i", name);

	strbuf_adds(out, " \\\n\t--replace \\\n\t--name ");
	unit_exec_word(out, q->template ? each : name, UNIT_SPECIFIERS);
}

static void add_run(struct strbuf *out, const struct unit_request *q)
{
	const struct unit_create *c = q->create;
	const char *groups = c->cgroups && streq(c->cgroups, "disabled") ? c->cgroups
			     : c->has_parent				 ? "no-conmon"
									 : "split";

	begin_command(out, q, "ExecStart", "run");
	strbuf_adds(out, " \\\n\t--cidfile=" ID_FILE);
	strbuf_addf(out, " \\\n\t--cgroups=%s \\\n\t--rm \\\n\t--sdnotify=%s \\\n\t-d", groups,
		    notify_mode(q->cfg));
	if (c->name)
		add_name(out, q, c->name);
	for (char *const *word = c->options; word && *word; word++) {
		if (**word == '-' || word == c->options) {
			add_option(out, *word);
		} else {
			strbuf_addc(out, ' ');
			unit_exec_word(out, *word, 0);
		}
	}
	strbuf_adds(out, " \\\n\t");
	for (char *const *word = c->operands; word && *word; word++) {
		strbuf_adds(out, word == c->operands ? "" : " ");
		unit_exec_word(out, *word, 0);
	}
	strbuf_addc(out, '\n');
}

/* One that runs already is started again, now as the service's. */
static void add_start(struct strbuf *out, const struct unit_request *q)
{
	const char *mode = notify_mode(q->cfg);

	add_end(out, q, "ExecStartPre", "stop");
	begin_command(out, q, "ExecStart", "start");
	if (!streq_null(mode, q->cfg->sdnotify))
		strbuf_addf(out, " --sdnotify=%s", mode);
	strbuf_addc(out, ' ');
	unit_exec_word(out, q->container, 0);
	strbuf_addc(out, '\n');
}

/* --- the unit ----------------------------------------------------------------------------------
 */

/* *RET_BURST is owned: how many starts, of "on-failure:5", or NULL. */
static int restart_of(const struct unit_request *q, const char **ret, char **ret_burst,
		      struct cmk_err *err)
{
	cleanup_free char *parsed = NULL;
	const char *policy = q->cfg->restart_policy, *given = q->create ? q->create->restart : NULL;
	int64_t retries = q->create ? 0 : q->cfg->restart_retries;

	if (given) {
		int r = restart_policy_parse(given, &parsed, &retries, err);

		if (r < 0)
			return r;
		policy = parsed ? parsed : "no";
	} else if (q->create) {
		policy = NULL;
	}
	*ret = q->restart ? q->restart : "on-failure";
	if (q->restart || !policy)
		return 0;
	if (streq(policy, "always") || streq(policy, "unless-stopped"))
		*ret = "always";
	else if (streq(policy, "no"))
		*ret = "no";
	else if (retries > 0)
		*ret_burst = xasprintf("%lld", (long long)retries);
	return 0;
}

static void add_unit(struct strbuf *out, const struct unit_request *q, const char *name,
		     const char *burst)
{
	strbuf_adds(out, "[Unit]\nDescription=");
	unit_text(out, name);
	strbuf_addf(out, ".service (cmk)%s\n", q->template ? " for %I" : "");
	strbuf_adds(out, "Documentation=man:cmk-generate-systemd(1)\n");
	add_list(out, "Wants", "network-online.target", NULL);
	add_list(out, "After", "network-online.target", NULL);
	strbuf_adds(out, "RequiresMountsFor=");
	unit_word(out, q->root, 0);
	strbuf_addc(out, ' ');
	unit_word(out, q->runroot, 0);
	strbuf_addc(out, '\n');
	if (q->wants && *q->wants)
		add_list(out, "Wants", "", q->wants);
	if (q->requires && *q->requires)
		add_list(out, "Requires", "", q->requires);
	if (q->after && *q->after)
		add_list(out, "After", "", q->after);
	if (burst)
		strbuf_addf(out, "StartLimitBurst=%s\n", burst);
}

static void add_env(struct strbuf *out, char *const *env)
{
	for (; env && *env; env++) {
		strbuf_adds(out, "Environment=");
		unit_word(out, *env, 0);
		strbuf_addc(out, '\n');
	}
}

static void add_times(struct strbuf *out, const struct unit_request *q)
{
	int64_t stop = stop_timeout(q);

	if (q->restart_sec.given)
		strbuf_addf(out, "RestartSec=%u\n", (unsigned int)q->restart_sec.s);
	if (q->start_timeout.given)
		strbuf_addf(out, "TimeoutStartSec=%u\n", (unsigned int)q->start_timeout.s);
	if (stop < 0)
		strbuf_adds(out, "TimeoutStopSec=infinity\n");
	else
		strbuf_addf(out, "TimeoutStopSec=%lld\n", (long long)stop + STOP_EXTRA_S);
}

static void add_service(struct strbuf *out, const struct unit_request *q, char *const *env,
			const char *restart)
{
	strbuf_adds(out, "\n[Service]\nEnvironment=PODMAN_SYSTEMD_UNIT=%n\n");
	add_env(out, env);
	if (q->create)
		add_env(out, q->create->extra_env);
	strbuf_addf(out, "Restart=%s\n", restart);
	add_times(out, q);
	if (q->create) {
		add_run(out, q);
		add_end(out, q, "ExecStop", "stop");
		add_end(out, q, "ExecStopPost", "rm -f");
		strbuf_adds(out, "Delegate=yes\n");
	} else {
		add_start(out, q);
		add_end(out, q, "ExecStop", "stop");
		add_end(out, q, "ExecStopPost", "stop");
	}
	strbuf_adds(out, "Type=notify\nNotifyAccess=all\nKillMode=mixed\n");
}

int unit_generate(const struct unit_request *q, char **ret_name, char **ret_text,
		  struct cmk_err *err)
{
	cleanup_free char *name = NULL, *file = NULL, *burst = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strv char **env = NULL;
	const char *restart = NULL;
	int r = check_request(q, err);

	if (r == 0)
		r = read_env(q->env, &env, err);
	if (r == 0)
		r = restart_of(q, &restart, &burst, err);
	if (r < 0)
		return r;
	name = xasprintf("%s%s%s%s", q->prefix, *q->prefix ? q->separator : "", q->container,
			 q->template ? "@" : "");
	file = xasprintf("%s.service", name);
	if (!unit_name_valid(file))
		return cmk_err_set(err, -EINVAL, "'%s': not the name of a unit", file);
	if (q->header)
		strbuf_addf(&out, "# %s\n%s\n", file, q->header);
	add_unit(&out, q, name, burst);
	add_service(&out, q, env, restart);
	strbuf_adds(&out, "\n[Install]\nWantedBy=default.target\n");
	*ret_name = steal_ptr(&name);
	*ret_text = strbuf_steal(&out);
	return 0;
}
