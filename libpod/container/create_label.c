// SPDX-License-Identifier: Apache-2.0
/*
 * SELinux labels of a container: what the policy of the host says of containers, a level of two
 * categories that no other container of the user has, and what --security-opt label= changes.
 *
 * The level stands in the container's directory, CONTAINER_LEVEL_FILE, from the moment that it is
 * chosen, and is free again when that goes. Who chooses holds the lock of DATA/levels meanwhile: no
 * two see the same one free. Where SELinux is off there is neither.
 */
#include <fcntl.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/log.h"
#include "base/selinux.h"
#include "libpod/container/create.h"
#include "libpod/container/label.h"

#define CONTAINER_LEVEL_FILE "level"
#define LEVEL_MAX 256
#define TRIES 100
/* Of containers that are confined by no label: containers' own files are closed to others'. */
#define DISABLED_LEVEL "s0:c1022,c1023"

/* --- what is asked for -------------------------------------------------------------------------
 */

void label_options_done(struct label_options *o)
{
	free(o->user);
	free(o->role);
	free(o->type);
	free(o->level);
	free(o->filetype);
	*o = (struct label_options){ 0 };
}

int label_option_parse(const char *value, struct label_options *o, struct cmk_err *err)
{
	const struct {
		const char *key;
		char **to;
	} keys[] = { { "user:", &o->user },
		     { "role:", &o->role },
		     { "type:", &o->type },
		     { "level:", &o->level },
		     { "filetype:", &o->filetype } };

	if (streq(value, "disable") || streq(value, "nested")) {
		*(*value == 'd' ? &o->disable : &o->nested) = true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *rest = str_after(value, keys[i].key);

		if (!rest || !*rest)
			continue;
		free(*keys[i].to);
		*keys[i].to = xstrdup(rest);
		return 0;
	}
	return cmk_err_set(err, -EINVAL,
			   "'%s' is not disable, nested, or user:, role:, type:, level: or "
			   "filetype: with a value",
			   value);
}

static bool any_given(const struct label_options *o)
{
	return o->disable || o->user || o->role || o->type || o->level || o->filetype;
}

/* As podman has it, where the user says nothing: who is to see the host's processes or memory could
 * not from inside, and who shares another container's has that one's label. */
static int by_namespaces(const struct create_plan *p, struct label_options *o, struct cmk_err *err)
{
	const char *const modes[] = { p->c->cfg.pid_mode, p->c->cfg.ipc_mode };

	if (p->o->privileged)
		o->disable = true;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		const char *id = modes[i] ? str_after(modes[i], "container:") : NULL;
		struct selinux_context c = { 0 };
		cleanup_close int dir = -1;
		struct spec *s = NULL;
		int r;

		o->disable |= modes[i] && streq(modes[i], "host");
		if (!id)
			continue;
		dir = openat(p->st->containers_fd, id, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? cmk_err_errno(err, "container '%.12s'", id) : spec_load(dir, &s, err);
		if (r == 0 && s->process.selinux_label)
			r = selinux_context_parse(s->process.selinux_label, &c, err);
		(void)spec_free(s);
		if (r < 0)
			return r;
		if (!c.user)
			continue;
		label_options_done(o);
		*o = (struct label_options){
			.user = c.user, .role = c.role, .type = c.type, .level = c.level
		};
	}
	return 0;
}

/* --- the level ---------------------------------------------------------------------------------
 */

void label_level_format(uint32_t a, uint32_t b, char buf[static LABEL_LEVEL_SIZE])
{
	(void)snprintf(buf, LABEL_LEVEL_SIZE, "s0:c%u,c%u", MIN(a, b), MAX(a, b));
}

int label_level_choose(char *const *used, char buf[static LABEL_LEVEL_SIZE], struct cmk_err *err)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		uint32_t r[2];

		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			continue;
		r[0] %= SELINUX_CATEGORIES;
		r[1] %= SELINUX_CATEGORIES;
		label_level_format(r[0], r[1], buf);
		if (r[0] != r[1] && !streq(buf, DISABLED_LEVEL) && !strv_has(used, buf))
			return 0;
	}
	/* Half a million of them. */
	return cmk_err_set(err, -ENOSPC, "no level of SELinux is free");
}

/* *LEVEL: what was asked for, or NULL; then what it is. */
static int take_level(const struct create_plan *p, char **level, struct cmk_err *err)
{
	cleanup_strv char **used = NULL;
	cleanup_close int lock = open_dir_at(p->st->root_fd, "levels", 0700, err);
	char chosen[LABEL_LEVEL_SIZE];
	int r;

	if (lock < 0)
		return lock;
	r = file_lock(lock, true, false);
	if (r < 0)
		return cmk_err_set(err, r, "lock '%s/levels': %s", p->st->root, errno_text(-r));
	if (!*level) {
		r = dir_read_each(p->st->containers_fd, CONTAINER_LEVEL_FILE, LEVEL_MAX, &used,
				  err);
		if (r == 0)
			r = label_level_choose(used, chosen, err);
		if (r < 0)
			return r;
		*level = xstrdup(chosen);
	}
	return file_replace_at(p->c->dir_fd, CONTAINER_LEVEL_FILE, *level, strlen(*level), 0600,
			       p->c->cfg.remove ? 0 : FILE_DURABLE_DATA, err);
}

/* --- the labels --------------------------------------------------------------------------------
 */

static void replace(char **to, const char *with)
{
	if (!with)
		return;
	free(*to);
	*to = xstrdup(with);
}

int label_compose(const struct selinux_containers *policy, const struct label_options *o,
		  const char *level, bool systemd, char **ret_process, char **ret_file,
		  struct cmk_err *err)
{
	struct selinux_context process = { 0 }, file = { 0 }, init = { 0 };
	int r = selinux_context_parse(policy->process ?: "", &process, err);

	if (r == 0)
		r = selinux_context_parse(policy->file ?: "", &file, err);
	if (r == 0 && systemd && policy->init_process)
		r = selinux_context_parse(policy->init_process, &init, err);
	if (r == 0) {
		replace(&process.type, init.type);
		replace(&process.user, o->user);
		replace(&process.role, o->role);
		replace(&process.type, o->type);
		replace(&file.user, o->user);
		replace(&file.type, o->filetype);
		/* A policy without levels has none in its contexts. */
		if (process.level)
			replace(&process.level, o->disable ? DISABLED_LEVEL : level);
		if (file.level)
			replace(&file.level, o->disable ? DISABLED_LEVEL : level);
		*ret_process = o->disable ? NULL : selinux_context_text(&process);
		*ret_file = selinux_context_text(&file);
	}
	selinux_context_done(&process);
	selinux_context_done(&file);
	selinux_context_done(&init);
	return r;
}

/* 0 where the container can have it. */
static int check_known(const char *label, struct cmk_err *err)
{
	int r = selinux_label_known(label, err);

	if (r != 0)
		return r < 0 ? r : 0;
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EINVAL,
			   "SELinux: the policy of this host does not know '%s'", label);
	return cmk_err_hint(err, "install its rules for containers (package container-selinux), or "
				 "use --security-opt label=disable")
		       ?: -EINVAL;
}

/* The policy, SELinux and cmk have to see it alike, or the labels of files mean nothing. */
static int take_labels(struct create_plan *p, const struct label_options *o, struct cmk_err *err)
{
	cleanup(selinux_containers_done) struct selinux_containers policy = { 0 };
	cleanup_free char *level = xstrdup_null(o->level), *process = NULL, *file = NULL;
	int r = selinux_containers_read(&policy, err);

	if (r == 0 && (!policy.process || !policy.file))
		r = cmk_err_set(err, -ENOENT,
				"SELinux contexts of containers: 'process' or 'file' is missing");
	/* Asked for nothing, and nothing to be had. */
	if (o->disable && (r < 0 || selinux_label_known(policy.file, NULL) != 1)) {
		if (err)
			cmk_err_done(err);
		return 0;
	}
	if (r == 0 && !o->disable)
		r = take_level(p, &level, err);
	if (r == 0)
		r = label_compose(&policy, o, level, p->c->cfg.systemd, &process, &file, err);
	if (r == 0 && process)
		r = check_known(process, err);
	if (r == 0)
		r = check_known(file, err);
	if (r < 0)
		return r;
	p->spec->process.selinux_label = steal_ptr(&process);
	p->spec->mount_label = steal_ptr(&file);
	return 0;
}

static void nest(struct spec *s)
{
	char **to = s->masked_paths;

	for (char **path = s->masked_paths; path && *path; path++) {
		if (streq(*path, SELINUX_FS))
			free(*path);
		else
			*to++ = *path;
	}
	if (to)
		*to = NULL;
	spec_add_mount(s, SELINUX_FS, "bind", SELINUX_FS, "bind,rprivate,nosuid,noexec,rw");
	/* Files below a mount with "context" have that label for good. */
	strv_env_set(&s->annotations, SPEC_CONTEXT_ANNOTATION "=rootcontext");
}

int create_label(struct create_plan *p, struct cmk_err *err)
{
	int r = 0;

	if (p->o->no_label || !selinux_enabled())
		return 0;
	if (!any_given(&p->label))
		r = by_namespaces(p, &p->label, err);
	if (r == 0)
		r = take_labels(p, &p->label, err);
	if (r == 0 && p->label.nested)
		nest(p->spec);
	return r < 0 ? cmk_err_wrap(err, r, "label") : 0;
}

int create_label_file(const struct create_plan *p, int dirfd, const char *name, struct cmk_err *err)
{
	return p->spec->mount_label ? selinux_label_file(dirfd, name, p->spec->mount_label, err)
				    : 0;
}

/* --- z and Z -----------------------------------------------------------------------------------
 */

/* Those without which the host, or its user, cannot live: podman's list. */
static const char *const never[] = {
	"/",	 "/bin", "/boot",  "/dev",   "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow",
	"/home", "/lib", "/lib64", "/media", "/opt", "/proc",	    "/root",	"/run",
	"/sbin", "/srv", "/sys",   "/tmp",   "/usr", "/var",	    "/var/lib", "/var/log",
};

int label_source_check(const char *path, const char *home, struct cmk_err *err)
{
	cleanup_free char *real = home && *home ? realpath(home, NULL) : NULL;
	bool refused = real && streq(path, real);

	for (size_t i = 0; i < ARRAY_LEN(never) && !refused; i++)
		refused = streq(path, never[i]);
	return refused ? cmk_err_set(err, -EINVAL, "SELinux relabeling of %s is not allowed", path)
		       : 0;
}
