// SPDX-License-Identifier: Apache-2.0
/* Makes the service of a file. */
#include <strings.h>

#include "base/parse.h"
#include "libpod/record/record.h"
#include "libpod/unit/quadlet_internal.h"
#include "libpod/unit/unit_escape.h"

/* Of [Unit], with names of units that may be those of other files (podman-systemd.unit(5)). */
static const char *const dependency_keys[] = {
	"After",
	"Before",
	"BindsTo",
	"Conflicts",
	"OnFailure",
	"OnSuccess",
	"PartOf",
	"PropagatesReloadTo",
	"PropagatesStopTo",
	"ReloadPropagatedFrom",
	"Requires",
	"Requisite",
	"StopPropagatedFrom",
	"Upholds",
	"Wants",
};

static bool is_dependency(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(dependency_keys); i++)
		if (streq(dependency_keys[i], key))
			return true;
	return false;
}

/* The service of NAME where that is a file of ours, else NAME; owned. */
static int translate_name(struct quadlet_job *j, const struct unitfile_line *l, const char *name,
			  char **ret)
{
	int kind = quadlet_kind_of(name);

	if (kind < 0) {
		*ret = xstrdup(name);
		return 0;
	}
	if (quadlet_kinds[kind].missing)
		return quadlet_wrong(j, l, "'%.200s': %s", name, quadlet_kinds[kind].missing);
	*ret = quadlet_service_of(j->set, name);
	if (*ret)
		return 0;
	(void)quadlet_wrong(j, l,
			    "unable to translate dependency for %.200s: there is no such file%s",
			    name, quadlet_find(j->set, name) ? " that is not refused" : "");
	j->err->kind = CMK_ERR_NOT_FOUND;
	return -EINVAL;
}

static int translate(struct quadlet_job *j, const struct unitfile_line *l, const char **ret)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_strv char **names = NULL;
	int r = 0;

	*ret = l->value;
	if (unitfile_split(l->value, UNITFILE_WORDS, &names) < 0)
		return quadlet_wrong(j, l, "a quote is not closed");
	for (char **name = names; r == 0 && name && *name; name++) {
		cleanup_free char *service = NULL;

		r = translate_name(j, l, *name, &service);
		if (r == 0)
			strbuf_addf(&sb, "%s%s", sb.len ? " " : "", service);
	}
	if (r == 0 && names)
		*ret = unitfile_keep(&j->out, strbuf_str(&sb));
	return r;
}

/* All lines of the file; its own section and [Quadlet] are nothing to systemd. */
static int copy_lines(struct quadlet_job *j)
{
	const struct unitfile *u = &j->unit->file;
	const char *own;
	cleanup_free char *section = xasprintf("X-%s", j->section);
	int r = 0;

	own = unitfile_keep(&j->out, section);
	for (size_t i = 0; r == 0 && i < u->n; i++) {
		const struct unitfile_line *l = &u->lines[i];
		const char *value = l->value, *to = l->section;

		if (streq(to, "Unit") && is_dependency(l->key))
			r = translate(j, l, &value);
		if (streq(to, j->section))
			to = own;
		else if (streq(to, "Quadlet"))
			to = "X-Quadlet";
		unitfile_add(&j->out, to, l->key, value);
	}
	return r;
}

static void service_line(struct quadlet_job *j, const char *key, const char *value)
{
	unitfile_add(&j->out, "Service", key, value);
}

static void service_default(struct quadlet_job *j, const char *key, const char *value)
{
	if (!unitfile_last(&j->unit->file, "Service", key))
		service_line(j, key, value);
}

/* Words that stand as they are for a shell of systemd's kind. */
static int add_args(struct quadlet_job *j, const char *key)
{
	const struct unitfile_line *l;
	size_t pos = 0;

	while ((l = unitfile_next(&j->unit->file, j->section, key, &pos)))
		if (unitfile_split(l->value, UNITFILE_ARGS, &j->argv) < 0)
			return quadlet_wrong(j, l, "a quote is not closed, or an escape is wrong");
	return 0;
}

static void words(struct quadlet_job *j, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strv_add(&j->argv, list[i]);
}
#define WORDS(j, ...)                                  \
	words(j, (const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* The program, ContainersConfModule= and GlobalArgs=. */
static int begin_command(struct quadlet_job *j)
{
	const struct unitfile_line *l;
	size_t pos = 0;

	j->argv = strv_free(j->argv);
	while ((l = unitfile_next(&j->unit->file, j->section, "ContainersConfModule", &pos)))
		strv_add_take(&j->argv, xasprintf("--module=%s", l->value));
	return add_args(j, "GlobalArgs");
}

/* PREFIX: "-" where its failure is none. */
static void end_command(struct quadlet_job *j, const char *key, const char *prefix)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, prefix);
	unit_exec_program(&sb, j->set->cmk ?: CMK_BINDIR "/cmk");
	for (char **w = j->argv; w && *w; w++) {
		strbuf_addc(&sb, ' ');
		unit_exec_word(&sb, *w, UNIT_SPECIFIERS | UNIT_VARIABLES);
	}
	service_line(j, key, strbuf_str(&sb));
}

/* 1, 0 or an error. */
static int wants_network(struct quadlet_job *j)
{
	const struct unitfile_line *l = unitfile_last(&j->unit->file, "Quadlet",
						      "DefaultDependencies");
	bool yes = true;

	if (l && parse_bool(l->value, &yes) < 0)
		return quadlet_wrong(j, l, "'%.80s' is not true or false", l->value);
	return yes && j->unit->kind != QUADLET_VOLUME;
}

/* systemd would start cmk as somebody who has neither its storage nor the ids to map. */
static int check_service_user(struct quadlet_job *j)
{
	static const char *const keys[] = { "User", "Group", "DynamicUser" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct unitfile_line *l = unitfile_last(&j->unit->file, "Service", keys[i]);

		if (l)
			return quadlet_wrong(j, l,
					     "using key %s in the Service group is not supported",
					     keys[i]);
	}
	return 0;
}

static int begin_service(struct quadlet_job *j)
{
	const char *online = j->set->user ? QUADLET_ONLINE : "network-online.target";
	const struct unitfile_line *l = unitfile_last(&j->unit->file, "Service", "ExecStart");
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	int r = quadlet_check_keys(j);

	if (r == 0 && l)
		r = quadlet_wrong(j, l, "the command is made of [%s]", j->section);
	if (r == 0)
		r = check_service_user(j);
	if (r == 0)
		r = wants_network(j);
	if (r < 0)
		return r;
	if (r > 0) {
		unitfile_add(&j->out, "Unit", "Wants", online);
		unitfile_add(&j->out, "Unit", "After", online);
	}
	r = copy_lines(j);
	unit_text(&path, j->unit->path);
	unitfile_add(&j->out, "Unit", "SourcePath", strbuf_str(&path));
	/* What %t is on is there first: cmk's run state is in it. The name is podman's. */
	unitfile_add(&j->out, "Unit", "RequiresMountsFor", "%t/containers");
	return r;
}

/* Something that is done once. */
static void once(struct quadlet_job *j)
{
	service_default(j, "SyslogIdentifier", "%N");
	service_default(j, "Type", "oneshot");
	service_default(j, "RemainAfterExit", "yes");
}

/* --- containers --------------------------------------------------------------------------------
 */

/* SECTION's KEY is one of the two words, which *RET is then, or is not given. */
static int one_of(struct quadlet_job *j, const char *key, const char *a, const char *b,
		  const char **ret)
{
	const struct unitfile_line *l = unitfile_last(&j->unit->file, "Service", key);

	*ret = l ? l->value : NULL;
	if (l && !streq(l->value, a) && !streq(l->value, b))
		return quadlet_wrong(j, l, "'%.80s' is not %s or %s", l->value, a, b);
	return 0;
}

/* *RET: the image, or NULL where there is a root directory; borrowed from J->out. */
static int find_image(struct quadlet_job *j, const char **ret)
{
	const struct unitfile_line *image = quadlet_own_line(j, "Image"),
				   *rootfs = quadlet_own_line(j, "Rootfs");
	const char *name;
	int r;

	if (!image && !rootfs)
		return cmk_err_set(j->err, -EINVAL, "no Image or Rootfs key specified in %s",
				   j->unit->path);
	if (image && rootfs)
		return quadlet_wrong(j, rootfs, "there is an Image= as well");
	*ret = image ? image->value : NULL;
	if (image && str_has_suffix(image->value, ".build"))
		return quadlet_wrong(j, image, "'%.200s': %s", image->value,
				     quadlet_kinds[QUADLET_BUILD].missing);
	if (!image || !str_has_suffix(image->value, ".image"))
		return 0;
	r = quadlet_need(j, image, image->value, &name);
	*ret = name;
	return r;
}

/* *RET: the container's name, in which systemd replaces specifiers; borrowed. */
static int find_name(struct quadlet_job *j, const char **ret)
{
	const char *given = quadlet_own(j, "ContainerName");

	if (!given && strchr(j->unit->name, '@'))
		given = "systemd-%p_%i";
	else if (!given && j->unit->resource)
		given = "systemd-%N";
	if (!given)
		return cmk_err_set(j->err, -EINVAL,
				   "%s: its name cannot be a container's: give it a ContainerName=",
				   j->unit->path);
	*ret = given;
	return 0;
}

/* Who tells systemd that the service is ready, where it waits for that. */
static int add_notify(struct quadlet_job *j, const char *type)
{
	const char *notify = quadlet_own(j, "Notify");
	int yes;

	if (type && streq(type, "oneshot"))
		return 0;
	if (notify && strcasecmp(notify, "healthy") == 0) {
		WORDS(j, "--sdnotify=healthy", "-d");
		return 0;
	}
	yes = quadlet_own_bool(j, "Notify");
	if (yes == -EINVAL)
		return yes;
	WORDS(j, yes == 1 ? "--sdnotify=container" : "--sdnotify=conmon", "-d");
	return 0;
}

static int add_stop(struct quadlet_job *j, const char *name)
{
	int r = begin_command(j);

	if (r < 0)
		return r;
	WORDS(j, "rm", "-v", "-f", "-i", name);
	end_command(j, "ExecStop", "");
	/* Where the monitor was killed there is no ExecStop=. */
	end_command(j, "ExecStopPost", "-");
	return 0;
}

static int add_reload(struct quadlet_job *j, const char *name)
{
	const struct unitfile_line *cmd = quadlet_own_line(j, "ReloadCmd"),
				   *sig = quadlet_own_line(j, "ReloadSignal");
	int r;

	if (!cmd && !sig)
		return 0;
	if (cmd && sig)
		return quadlet_wrong(j, sig, "there is a ReloadCmd= as well");
	r = begin_command(j);
	if (r < 0)
		return r;
	if (sig) {
		WORDS(j, "kill", "--signal", sig->value, name);
	} else {
		WORDS(j, "exec", name);
		if (unitfile_split(cmd->value, UNITFILE_ARGS, &j->argv) < 0)
			return quadlet_wrong(j, cmd,
					     "a quote is not closed, or an escape is wrong");
	}
	end_command(j, "ExecReload", "");
	return 0;
}

static int add_run(struct quadlet_job *j, const char *name, const char *type, const char *image)
{
	const struct unitfile_line *exec = quadlet_own_line(j, "Exec");
	int r = begin_command(j);

	if (r < 0)
		return r;
	WORDS(j, "run", "--name", name, "--replace", "--rm");
	if (!quadlet_own(j, "CgroupsMode"))
		strv_add(&j->argv, "--cgroups=split");
	r = add_notify(j, type);
	if (r == 0)
		r = quadlet_add_keys(j);
	if (r == 0)
		r = add_args(j, "PodmanArgs");
	if (r < 0)
		return r;
	if (image)
		strv_add(&j->argv, image);
	else
		WORDS(j, "--rootfs", quadlet_own(j, "Rootfs"));
	if (exec && unitfile_split(exec->value, UNITFILE_ARGS, &j->argv) < 0)
		return quadlet_wrong(j, exec, "a quote is not closed, or an escape is wrong");
	end_command(j, "ExecStart", "");
	return 0;
}

static int container_service(struct quadlet_job *j)
{
	const char *type = NULL, *kill = NULL, *image = NULL, *name = NULL;
	int r = find_image(j, &image);

	if (r == 0)
		r = one_of(j, "KillMode", "mixed", "control-group", &kill);
	if (r == 0)
		r = one_of(j, "Type", "notify", "oneshot", &type);
	if (r == 0)
		r = find_name(j, &name);
	if (r < 0)
		return r;
	/* `cmk run` makes it a label, by which an update finds the unit. */
	service_line(j, "Environment", CONTAINER_UNIT_LABEL "=%n");
	/* The monitor stops the container, not systemd. */
	service_default(j, "KillMode", "mixed");
	service_default(j, "Delegate", "yes");
	service_default(j, "SyslogIdentifier", "%N");
	if (!type || streq(type, "notify")) {
		service_default(j, "Type", "notify");
		service_line(j, "NotifyAccess", "all");
	}
	r = add_stop(j, name);
	if (r == 0)
		r = add_reload(j, name);
	return r < 0 ? r : add_run(j, name, type, image);
}

/* --- what is done once -------------------------------------------------------------------------
 */

static int volume_service(struct quadlet_job *j)
{
	int r = begin_command(j);

	if (r == 0 && !j->unit->resource && !quadlet_own(j, "VolumeName"))
		return cmk_err_set(
			j->err, -EINVAL,
			"%s: its name cannot be a volume's: give it a VolumeName=", j->unit->path);
	if (r < 0)
		return r;
	WORDS(j, "volume", "create", "--ignore");
	r = quadlet_add_keys(j);
	if (r == 0)
		r = add_args(j, "PodmanArgs");
	if (r < 0)
		return r;
	strv_add(&j->argv, quadlet_own(j, "VolumeName") ?: j->unit->resource);
	end_command(j, "ExecStart", "");
	once(j);
	return 0;
}

static int image_service(struct quadlet_job *j)
{
	const char *image = quadlet_own(j, "Image");
	int r = begin_command(j);

	if (r == 0 && !image)
		return cmk_err_set(j->err, -EINVAL, "no Image key specified in %s", j->unit->path);
	if (r < 0)
		return r;
	WORDS(j, "image", "pull");
	r = quadlet_add_keys(j);
	if (r == 0)
		r = add_args(j, "PodmanArgs");
	if (r < 0)
		return r;
	strv_add(&j->argv, image);
	end_command(j, "ExecStart", "");
	once(j);
	return 0;
}

int quadlet_convert(const struct quadlet_set *set, struct quadlet_unit *unit)
{
	static int (*const makers[])(struct quadlet_job * j) = {
		[QUADLET_CONTAINER] = container_service,
		[QUADLET_VOLUME] = volume_service,
		[QUADLET_IMAGE] = image_service,
	};
	struct quadlet_job j = {
		.set = set,
		.unit = unit,
		.section = quadlet_kinds[unit->kind].section,
		.err = &unit->err,
	};
	struct strbuf text = STRBUF_INIT;
	int r;

	if (unit->converted || unit->err.msg)
		return unit->err.msg ? unit->err.code : 0;
	unit->converted = true;
	r = begin_service(&j);
	if (r == 0)
		r = makers[unit->kind](&j);
	if (r == 0)
		r = quadlet_install_links(&j);
	if (r == 0) {
		strbuf_adds(&text, "# Generated by cmk-quadlet\n");
		unitfile_write(&j.out, &text);
		unit->service_text = strbuf_steal(&text);
	} else {
		(void)cmk_err_wrap(&unit->err, r, "converting \"%s\"", unit->name);
	}
	unitfile_done(&j.out);
	(void)strv_free(j.argv);
	return r;
}

size_t quadlet_convert_all(const struct quadlet_set *set)
{
	size_t refused = 0;

	for (size_t i = 0; i < set->n; i++)
		refused += quadlet_convert(set, set->units[i]) < 0;
	return refused;
}
