// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/boot.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/conffile.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "libpod/cgroup/scope.h"
#include "libpod/unit/unit_escape.h"

#define UNIT "cmk-boot.service"
#define SYSTEM_UNITS "/etc/systemd/system"

static const char *const start_words[] = { "start", "--all", "--filter=should-start-on-boot=true" };

static const char *const kind_names[BOOT_N_KINDS] = {
	[BOOT_SYSTEMD] = "systemd",
	[BOOT_CRON] = "cron",
	[BOOT_OPENRC] = "openrc",
	[BOOT_RUNIT] = "runit",
};

const char *boot_kind_name(enum boot_kind kind)
{
	return kind_names[kind];
}

int boot_kind_parse(const char *name, enum boot_kind *ret)
{
	for (size_t i = 0; i < BOOT_N_KINDS; i++) {
		if (streq(kind_names[i], name)) {
			*ret = (enum boot_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_system(void)
{
	return geteuid() == 0;
}

static bool in_path(const char *name)
{
	cleanup_free char *file = process_find(name, NULL, NULL);

	return file;
}

static bool manager_is_there(void)
{
	struct scope_manager m;
	bool found = scope_manager_find(&m, false);

	if (found)
		scope_manager_done(&m);
	return found;
}

int boot_kind_find(enum boot_kind *ret, struct cmk_err *err)
{
	if (manager_is_there())
		*ret = BOOT_SYSTEMD;
	else if (in_path("crontab"))
		*ret = BOOT_CRON;
	else if (access("/sbin/openrc-run", X_OK) == 0 || access("/usr/sbin/openrc-run", X_OK) == 0)
		*ret = BOOT_OPENRC;
	else if (in_path("runsvdir"))
		*ret = BOOT_RUNIT;
	else {
		(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				   "nothing is here that could start containers at boot: no "
				   "systemd that this user can reach, no program 'crontab', no "
				   "OpenRC, no runit");
		(void)cmk_err_hint(err, "choose one by --with %s", BOOT_KIND_WORDS);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* --- who the user is ---------------------------------------------------------------------------
 */

/* The login name, or the number; owned. */
static char *user_name(void)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found) == 0 && found)
		return xstrdup(pw.pw_name);
	return xasprintf("%u", (unsigned int)geteuid());
}

bool boot_lingers(void)
{
	cleanup_free char *user = NULL, *path = NULL;

	if (is_system() || access("/run/systemd/system", F_OK) < 0)
		return true;
	user = user_name();
	path = xasprintf("/var/lib/systemd/linger/%s", user);
	return access(path, F_OK) == 0;
}

/* --- systemd -----------------------------------------------------------------------------------
 */

static int unit_dir(char **ret, struct cmk_err *err)
{
	cleanup_free char *home = is_system() ? NULL : conffile_home();

	if (!home && !is_system())
		return cmk_err_set(err, -ENOENT,
				   "no place for '" UNIT "': neither HOME nor XDG_CONFIG_HOME is "
				   "set");
	*ret = home ? xasprintf("%s/systemd/user", home) : xstrdup(SYSTEM_UNITS);
	return 0;
}

static const char *wants_dir(void)
{
	return is_system() ? "multi-user.target.wants" : "default.target.wants";
}

static char *unit_text_of(const struct boot_command *c)
{
	struct strbuf out = STRBUF_INIT;

	strbuf_adds(&out, "# by cmk system boot enable\n[Unit]\n"
			  "Description=Start containers by their restart policy (cmk)\n"
			  "Documentation=man:cmk-system-boot-enable(1)\n"
			  "Wants=network-online.target\nAfter=network-online.target\n"
			  "RequiresMountsFor=");
	unit_word(&out, c->root, 0);
	strbuf_adds(&out, "\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=");
	unit_exec_program(&out, c->program);
	for (char *const *g = c->globals; g && *g; g++) {
		strbuf_addc(&out, ' ');
		unit_exec_word(&out, *g, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(start_words); i++) {
		strbuf_addc(&out, ' ');
		unit_exec_word(&out, start_words[i], 0);
	}
	/* What is required, health checks to be waited for: as long as it takes. */
	strbuf_addf(&out, "\nTimeoutStartSec=infinity\n\n[Install]\nWantedBy=%s\n",
		    is_system() ? "multi-user.target" : "default.target");
	return strbuf_steal(&out);
}

/* A manager that runs has to read it again; who is not there will. */
static void reload(void)
{
	char *const user[] = { (char *)"systemctl", (char *)"--user", (char *)"daemon-reload",
			       NULL };
	char *const system[] = { (char *)"systemctl", (char *)"daemon-reload", NULL };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (manager_is_there() && process_run(is_system() ? system : user, NULL, &err) != 0)
		log_warn("systemd does not know of it before its next start: %s",
			 cmk_err_msg(&err));
}

static int systemd_enable(const struct boot_command *c, struct strbuf *say, struct cmk_err *err)
{
	cleanup_free char *dir = NULL, *text = unit_text_of(c);
	cleanup_close int fd = -1, wants = -1;
	int r = unit_dir(&dir, err);

	if (r == 0)
		r = mkdir_p_at(AT_FDCWD, dir, 0755, err);
	if (r < 0)
		return r;
	fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", dir);
	r = file_replace_at(fd, UNIT, text, strlen(text), 0644, FILE_DURABLE, err);
	if (r == 0)
		r = wants = open_dir_at(fd, wants_dir(), 0755, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "write '%s/" UNIT "'", dir);
	if (symlinkat("../" UNIT, wants, UNIT) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "make '%s/%s/" UNIT "'", dir, wants_dir());
	(void)fsync(wants);
	reload();
	strbuf_addf(say, "systemd: %s/" UNIT "\n", dir);
	return 0;
}

static int systemd_disable(struct strbuf *say, struct cmk_err *err)
{
	cleanup_free char *dir = NULL, *unit = NULL, *link = NULL;
	bool was = false;
	int r = unit_dir(&dir, err);

	if (r < 0)
		return r;
	unit = xasprintf("%s/" UNIT, dir);
	link = xasprintf("%s/%s/" UNIT, dir, wants_dir());
	for (int i = 0; i < 2; i++) {
		const char *path = i ? unit : link;

		if (unlink(path) == 0)
			was = true;
		else if (errno != ENOENT)
			return cmk_err_errno(err, "remove '%s'", path);
	}
	if (!was)
		return 1;
	reload();
	strbuf_addf(say, "systemd: removed %s\n", unit);
	return 0;
}

static int systemd_is_enabled(char **ret_where)
{
	cleanup_free char *dir = NULL, *link = NULL;

	if (unit_dir(&dir, NULL) < 0)
		return 0;
	link = xasprintf("%s/%s/" UNIT, dir, wants_dir());
	if (access(link, F_OK) < 0)
		return 0;
	*ret_where = xasprintf("%s/" UNIT, dir);
	return 1;
}

/* --- what root has to put in place -------------------------------------------------------------
 */

/* 'a'\''b' */
static void shell_word(struct strbuf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./=:,@%+";

	if (*word && word[strspn(word, plain)] == '\0') {
		strbuf_adds(out, word);
		return;
	}
	strbuf_addc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			strbuf_adds(out, "'\\''");
		else
			strbuf_addc(out, *word);
	}
	strbuf_addc(out, '\'');
}

void boot_shell_command(struct strbuf *out, const struct boot_command *c)
{
	shell_word(out, c->program);
	for (char *const *g = c->globals; g && *g; g++) {
		strbuf_addc(out, ' ');
		shell_word(out, *g);
	}
	for (size_t i = 0; i < ARRAY_LEN(start_words); i++) {
		strbuf_addc(out, ' ');
		shell_word(out, start_words[i]);
	}
}

/* As the user, from root's script: "su - alice -c '…'". */
static void su_command(struct strbuf *out, const struct boot_command *c, const char *user)
{
	cleanup_strbuf struct strbuf inner = STRBUF_INIT;

	boot_shell_command(&inner, c);
	if (is_system()) {
		strbuf_adds(out, strbuf_str(&inner));
		return;
	}
	strbuf_addf(out, "su - %s -s /bin/sh -c ", user);
	shell_word(out, strbuf_str(&inner));
}

static void openrc_script(struct strbuf *say, const struct boot_command *c)
{
	cleanup_free char *user = user_name();

	strbuf_addf(say,
		    "# OpenRC: as root, write this to /etc/init.d/cmk-%s, then:\n"
		    "#   chmod 755 /etc/init.d/cmk-%s && rc-update add cmk-%s default\n"
		    "#!/sbin/openrc-run\n"
		    "description=\"Starts the containers of %s by their restart policy\"\n"
		    "depend() {\n\tneed localmount\n\tafter net\n}\nstart() {\n"
		    "\tebegin \"Starting containers of %s\"\n\t",
		    user, user, user, user, user);
	su_command(say, c, user);
	strbuf_adds(say, "\n\teend $?\n}\n");
}

static void runit_script(struct strbuf *say, const struct boot_command *c)
{
	cleanup_free char *user = user_name();

	strbuf_addf(say,
		    "# runit: as root, write this to /etc/sv/cmk-%s/run, then:\n"
		    "#   chmod 755 /etc/sv/cmk-%s/run && ln -s /etc/sv/cmk-%s %s/\n"
		    "#!/bin/sh\n",
		    user, user, user,
		    access("/etc/service", F_OK) == 0 ? "/etc/service" : "/var/service");
	su_command(say, c, user);
	/* A service that ends is started again. */
	strbuf_adds(say, "\nexec tail -f /dev/null\n");
}

static const char *const root_places[BOOT_N_KINDS][3] = {
	[BOOT_OPENRC] = { "/etc/runlevels/default/cmk-%s" },
	[BOOT_RUNIT] = { "/etc/service/cmk-%s", "/var/service/cmk-%s" },
};

static int root_is_enabled(enum boot_kind kind, char **ret_where)
{
	cleanup_free char *user = user_name();

	for (const char *const *place = root_places[kind]; *place; place++) {
		cleanup_free char *path = xasprintf("%.*s%s", (int)strcspn(*place, "%"), *place,
						    user);

		if (access(path, F_OK) == 0) {
			*ret_where = steal_ptr(&path);
			return 1;
		}
	}
	return 0;
}

static int root_disable(enum boot_kind kind, struct strbuf *say)
{
	cleanup_free char *where = NULL, *user = user_name();

	if (root_is_enabled(kind, &where) == 0)
		return 1;
	if (kind == BOOT_OPENRC)
		strbuf_addf(say,
			    "# OpenRC: as root: rc-update del cmk-%s default && rm "
			    "/etc/init.d/cmk-%s\n",
			    user, user);
	else
		strbuf_addf(say, "# runit: as root: rm %s && rm -r /etc/sv/cmk-%s\n", where, user);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------
 */

int boot_enable(enum boot_kind kind, const struct boot_command *c, struct strbuf *say,
		struct cmk_err *err)
{
	int r = 0;

	switch (kind) {
	case BOOT_SYSTEMD:
		return systemd_enable(c, say, err);
	case BOOT_CRON:
		r = boot_cron_enable(c, err);
		if (r == 0)
			strbuf_adds(say, "cron: @reboot in this user's crontab\n");
		break;
	case BOOT_OPENRC:
		openrc_script(say, c);
		break;
	default:
		runit_script(say, c);
		break;
	}
	return r;
}

int boot_disable(enum boot_kind kind, struct strbuf *say, struct cmk_err *err)
{
	int r;

	switch (kind) {
	case BOOT_SYSTEMD:
		return systemd_disable(say, err);
	case BOOT_CRON:
		r = boot_cron_disable(err);
		if (r == 0)
			strbuf_adds(say, "cron: removed from this user's crontab\n");
		return r;
	default:
		return root_disable(kind, say);
	}
}

int boot_is_enabled(enum boot_kind kind, char **ret_where, struct cmk_err *err)
{
	int r;

	switch (kind) {
	case BOOT_SYSTEMD:
		return systemd_is_enabled(ret_where);
	case BOOT_CRON:
		r = in_path("crontab") ? boot_cron_is_enabled(err) : 0;
		if (r == 1)
			*ret_where = xstrdup("@reboot in this user's crontab");
		return r;
	default:
		return root_is_enabled(kind, ret_where);
	}
}
