// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/manager.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/cgroup/internal.h"
#include "libpod/cgroup/property.h"

#define PROCS_MAX (1 << 20)
#define MONITOR_GROUP "monitor"	      /* beside it; for no-conmon its holder, as long as it takes */
#define SUPERVISOR_GROUP "supervisor" /* of --cgroups split, as podman names it */

/* One of the managers; more than one file of this room would make it no clearer. */
struct cgroup_manager {
	const char *name;
	/* Looks, and asks nobody. */
	bool (*probe)(const struct cgroup_delegation *d);
	int (*check_parent)(const char *parent, const struct cgroup_delegation *d,
			    struct cmk_err *err);
	/* What limits would be applied in. */
	int (*limits_place)(const struct cgroup_delegation *d, struct cgroup_delegation *ret,
			    struct cmk_err *err);
	int (*make)(const struct cgroup_request *q, const struct cgroup_delegation *d,
		    const struct spec_resources *res, struct cgroup_group *ret,
		    struct cmk_err *err);
};

/* --- names -------------------------------------------------------------------------------------
 */

int cgroup_mode_parse(const char *text, enum cgroup_mode *ret, struct cmk_err *err)
{
	static const char *const names[] = {
		[CGROUPS_ENABLED] = "enabled",
		[CGROUPS_DISABLED] = "disabled",
		[CGROUPS_NO_CONMON] = "no-conmon",
		[CGROUPS_SPLIT] = "split",
	};

	if (!text || !*text)
		text = names[CGROUPS_ENABLED];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (streq(names[i], text)) {
			*ret = (enum cgroup_mode)i;
			return 0;
		}
	}
	return cmk_err_set(err, -EINVAL,
			   "--cgroups '%s': not enabled, disabled, no-conmon or split", text);
}

static char *container_group_name(const struct cgroup_request *q)
{
	return xasprintf("cmk-%s.scope", q->id);
}

/* The path of SELF's group as D's mount shows it (owned), or NULL. */
static char *own_place(const struct cgroup_delegation *d)
{
	cleanup_free char *group = group_of(0);
	const char *below = group ? group_below_mount(d, group) : NULL;

	return below ? xstrdup(streq(below, "/") ? "" : below) : NULL;
}

/* --- cgroupfs ----------------------------------------------------------------------------------
 */

static bool cgroupfs_probe(const struct cgroup_delegation *d)
{
	return d->path != NULL;
}

/* The part of PARENT that is below the delegated subtree: a relative path is. */
static const char *parent_below(const char *parent, const struct cgroup_delegation *d)
{
	const char *rest;

	if (*parent != '/')
		return parent;
	rest = str_after(parent, d->path);
	return rest && (!*rest || *rest == '/') ? rest : NULL;
}

static bool has_dots(const char *path)
{
	cleanup_strv char **parts = strv_split(path, '/');

	return strv_has(parts, "..") || strv_has(parts, ".");
}

static int cgroupfs_check_parent(const char *parent, const struct cgroup_delegation *d,
				 struct cmk_err *err)
{
	if (str_has_suffix(parent, ".slice"))
		return cmk_err_set(err, -EINVAL,
				   "--cgroup-parent '%s': systemd slice received as cgroup parent "
				   "when using cgroupfs",
				   parent);
	if (has_dots(parent))
		return cmk_err_set(err, -EINVAL, "--cgroup-parent '%s': '.' and '..' are not taken",
				   parent);
	if (!d->path)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "--cgroup-parent: %s",
				    d->why ? d->why : "no cgroup is delegated");
	if (!parent_below(parent, d))
		return cmk_err_set(err, -EACCES,
				   "--cgroup-parent '%s': not below '%s', which is what this user "
				   "has been delegated",
				   parent, d->path);
	return 0;
}

static int cgroupfs_limits_place(const struct cgroup_delegation *d, struct cgroup_delegation *ret,
				 struct cmk_err *err)
{
	(void)err;
	*ret = (struct cgroup_delegation){
		.mount = xstrdup_null(d->mount),
		.root = xstrdup_null(d->root),
		.path = xstrdup_null(d->path),
		.why = xstrdup_null(d->why),
		.controllers = strv_dup(d->controllers),
		.fd = d->fd < 0 ? -1 : fcntl(d->fd, F_DUPFD_CLOEXEC, 3),
	};
	return 0;
}

/* One step down: a group below D, which becomes the one that further ones are made in. */
static int step_down(struct cgroup_delegation *d, const char *name,
		     const struct spec_resources *res, struct cmk_err *err)
{
	char *path = xasprintf("%s/%s", d->path, name);
	int r = limits_enable(d, res, err), fd;

	fd = r < 0 ? r : cgroup_child(d->fd, name);
	if (r == 0 && fd < 0)
		r = cmk_err_set(err, fd, "create cgroup '%s': %s", path, errno_text(-fd));
	if (r < 0) {
		free(path);
		return r;
	}
	free(d->path);
	d->path = path;
	(void)close(d->fd);
	d->fd = fd;
	(void)strv_free(d->controllers);
	d->controllers = control_words(fd, "cgroup.controllers");
	return 0;
}

static int cgroupfs_make(const struct cgroup_request *q, const struct cgroup_delegation *d,
			 const struct spec_resources *res, struct cgroup_group *ret,
			 struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation in = CGROUP_DELEGATION_INIT;
	cleanup_free char *name = container_group_name(q);
	cleanup_strv char **parts = NULL;
	int r;

	if (!q->parent || !*q->parent)
		return cgroup_create(d, name, res, &ret->fd, &ret->path, err);
	r = cgroupfs_check_parent(q->parent, d, err);
	if (r == 0 && !d->limits_checked)
		r = cgroup_check_limits(d, res, err);
	if (r == 0)
		r = cgroupfs_limits_place(d, &in, err);
	parts = r == 0 ? strv_split(parent_below(q->parent, d), '/') : NULL;
	for (char **part = parts; r == 0 && part && *part; part++)
		if (**part)
			r = step_down(&in, *part, res, err);
	return r == 0 ? cgroup_create(&in, name, res, &ret->fd, &ret->path, err) : r;
}

/* --- systemd -----------------------------------------------------------------------------------
 */

static bool systemd_probe(const struct cgroup_delegation *d)
{
	struct scope_manager m;
	bool found = d->mount && scope_manager_find(&m, false);

	if (found)
		scope_manager_done(&m);
	return found;
}

static int systemd_check_parent(const char *parent, const struct cgroup_delegation *d,
				struct cmk_err *err)
{
	(void)d;
	if (str_has_suffix(parent, ".slice") && !strchr(parent, '/'))
		return 0;
	return cmk_err_set(err, -EINVAL,
			   "--cgroup-parent '%s': did not receive systemd slice as cgroup parent "
			   "when using systemd to manage cgroups",
			   parent);
}

/* At PATH, with what may be used in its children. */
static int delegation_at(const struct cgroup_delegation *d, const char *path,
			 struct cgroup_delegation *ret)
{
	int fd = cgroup_open(d->mount, path);

	if (fd < 0)
		return fd;
	*ret = (struct cgroup_delegation){
		.mount = xstrdup(d->mount),
		.root = xstrdup_null(d->root),
		.path = xstrdup(path),
		.fd = fd,
		.controllers = control_words(fd, "cgroup.controllers"),
	};
	return 0;
}

/* The manager's own group: it hands on what that has. */
static int systemd_limits_place(const struct cgroup_delegation *d, struct cgroup_delegation *ret,
				struct cmk_err *err)
{
	cleanup(scope_manager_done) struct scope_manager m = { 0 };
	cleanup_free char *group = NULL;
	const char *below;
	int r;

	if (!scope_manager_find(&m, true))
		return scope_manager_missing(err);
	r = scope_manager_group(&m, &group);
	below = r == 0 ? group_below_mount(d, group) : NULL;
	r = below ? delegation_at(d, below, ret) : -ENOENT;
	if (r < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "cgroup manager 'systemd': '%s' gives no answer: %s",
				    m.socket_path, errno_text(-r));
	return 0;
}

/* Whether this process may move others, itself and its children to where the manager puts
 * scopes. */
static bool is_below_manager(const struct scope_manager *m, const char *own)
{
	cleanup_free char *group = NULL;
	const char *rest;

	if (scope_manager_group(m, &group) < 0)
		return false;
	rest = str_after(own, streq(group, "/") ? "" : group);
	return rest && (!*rest || *rest == '/');
}

/* Where the monitor is in the container's scope, from an earlier run: what is delegated to it. */
static bool is_in_scope(const struct cgroup_delegation *d, const char *name,
			struct cgroup_delegation *ret)
{
	cleanup_free char *own = own_place(d), *end = xasprintf("/%s/" MONITOR_GROUP, name);

	if (!own || !str_has_suffix(own, end))
		return false;
	*strrchr(own, '/') = '\0';
	return delegation_at(d, own, ret) == 0;
}

/* The place of a scope that has just been made, seen from its first process, which is moved out of
 * the way: limits can be handed on only by a group without processes. */
static int enter_scope(const struct cgroup_delegation *d, pid_t first, const char *name,
		       struct cgroup_delegation *ret, struct cmk_err *err)
{
	cleanup_free char *group = group_of(first);
	const char *below = group ? group_below_mount(d, group) : NULL;
	cleanup_close int aside = -1;
	char pid[16];
	int r;

	if (!below || !str_has_suffix(below, name))
		return cmk_err_set(err, -ESRCH,
				   "cgroup manager 'systemd': '%s' is not where cmk sees it: '%s'",
				   name, group ? group : "");
	r = delegation_at(d, below, ret);
	if (r == 0)
		r = aside = cgroup_child(ret->fd, MONITOR_GROUP);
	if (r < 0)
		return cmk_err_set(err, r, "open cgroup '%s': %s", below, errno_text(-r));
	(void)snprintf(pid, sizeof(pid), "%d", (int)first);
	return control_write(aside, "cgroup.procs", pid, err);
}

/* With --cgroups no-conmon the monitor stays where it is, if it can reach the scope from there. */
static int start_scope(const struct cgroup_request *q, const struct scope_manager *m,
		       const struct spec_resources *res, const char *name, struct scope_holder *ret,
		       struct cmk_err *err)
{
	cleanup_free char *own = group_of(0), *text = xasprintf("container %s (cmk)", q->name);
	bool stays = q->mode == CGROUPS_NO_CONMON && own && is_below_manager(m, own);
	cleanup_strv char **weights = limits_weights(res);
	struct scope_unit unit = {
		.name = name,
		.description = text,
		.slice = q->parent,
		.pid = stays ? 0 : getpid(),
		.delegate = true,
		.properties = weights,
	};

	return scope_start(m, &unit, ret, err);
}

static int systemd_make(const struct cgroup_request *q, const struct cgroup_delegation *d,
			const struct spec_resources *res, struct cgroup_group *ret,
			struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation in = CGROUP_DELEGATION_INIT;
	cleanup(scope_manager_done) struct scope_manager m = { 0 };
	cleanup_free char *name = container_group_name(q);
	int r = 0;

	if (!is_in_scope(d, name, &in)) {
		if (!scope_manager_find(&m, true))
			return scope_manager_missing(err);
		r = start_scope(q, &m, res, name, &ret->holder, err);
		if (r < 0)
			return r;
		ret->in_scope = true;
		r = enter_scope(d, ret->holder.pid > 0 ? ret->holder.pid : getpid(), name, &in,
				err);
	}
	in.limits_checked = d->limits_checked;
	return r == 0 ? cgroup_create(&in, CONTAINER_GROUP, res, &ret->fd, &ret->path, err) : r;
}

/* The directory above PATH (owned), where that is a scope of ours. */
static char *scope_of(const char *path)
{
	const char *rest = strrchr(path, '/');
	char *above;

	if (!rest || !streq(rest, "/" CONTAINER_GROUP))
		return NULL;
	above = xstrndup(path, (size_t)(rest - path));
	if (str_has_suffix(above, ".scope"))
		return above;
	free(above);
	return NULL;
}

int cgroup_scope_limit(const char *mount, const char *path, const struct spec_resources *before,
		       const struct spec_resources *after, struct cmk_err *err)
{
	cleanup_strv char **changed = properties_changed(before, after);
	cleanup(scope_manager_done) struct scope_manager m = { 0 };
	cleanup_free char *scope = scope_of(path);
	cleanup_close int fd = -1;
	int r;

	if (!changed || !scope)
		return 0;
	if (!scope_manager_find(&m, true))
		return scope_manager_missing(err);
	r = scope_set_properties(&m, strrchr(scope, '/') + 1, changed, err);
	if (r < 0)
		return r;
	/* systemd counts in steps of 10 ms for each second, which is not what was asked for. */
	fd = cgroup_open(mount, scope);
	if (fd >= 0)
		limits_change_quota(fd, before, after);
	return 0;
}

int cgroup_scope_make(const char *unit, const char *slice, const char *description,
		      char *const *properties, const struct spec_resources *res,
		      struct cgroup_group *ret, struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT,
								 in = CGROUP_DELEGATION_INIT;
	cleanup(scope_manager_done) struct scope_manager m = { 0 };
	cleanup_strv char **all = limits_weights(res);
	struct scope_unit u = {
		.name = unit, .description = description, .slice = slice, .delegate = true
	};
	struct cgroup_group g = CGROUP_GROUP_INIT;
	int r;

	for (char *const *p = properties; p && *p; p++)
		strv_add(&all, *p);
	u.properties = all;
	if (!scope_manager_find(&m, true))
		return scope_manager_missing(err);
	r = cgroup_delegation_find(&d, err);
	if (r == 0 && !d.mount)
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "cgroup manager 'systemd': %s", d.why);
	if (r == 0)
		r = scope_start(&m, &u, &g.holder, err);
	if (r == 0)
		r = enter_scope(&d, g.holder.pid, unit, &in, err);
	if (r == 0)
		r = cgroup_create(&in, CONTAINER_GROUP, res, &g.fd, &g.path, err);
	if (r < 0) {
		(void)cgroup_group_remove(&g, NULL);
		return r;
	}
	g.manager = "systemd";
	g.in_scope = true;
	g.mount = xstrdup(d.mount);
	*ret = g;
	return 0;
}

/* --- split -------------------------------------------------------------------------------------
 */

/* All processes of D itself: the monitor, its command, and what started that. */
static int move_aside(const struct cgroup_delegation *d, struct cmk_err *err)
{
	cleanup_close int to = cgroup_child(d->fd, SUPERVISOR_GROUP);
	cleanup_strv char **pids = NULL;

	if (to < 0)
		return cmk_err_set(err, to, "create cgroup '%s/%s': %s", d->path, SUPERVISOR_GROUP,
				   errno_text(-to));
	pids = control_words(d->fd, "cgroup.procs");
	for (char **pid = pids; pid && *pid; pid++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = control_write(to, "cgroup.procs", *pid, &e);

		/* ESRCH: it has ended. */
		if (r < 0 && r != -ESRCH) {
			(void)cmk_err_move(err, &e);
			return cmk_err_wrap(err, r, "--cgroups split: move process %s to '%s/%s'",
					    *pid, d->path, SUPERVISOR_GROUP);
		}
	}
	return 0;
}

static int split_make(const struct cgroup_request *q, const struct cgroup_delegation *d,
		      const struct spec_resources *res, struct cgroup_group *ret,
		      struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation in = CGROUP_DELEGATION_INIT;
	cleanup_free char *own = d->mount ? own_place(d) : NULL,
			  *name = xasprintf("cmk-payload-%s", q->id);
	char *last = own ? strrchr(own, '/') : NULL;
	int r;

	/* An earlier container has moved us. */
	if (last && streq(last, "/" SUPERVISOR_GROUP))
		*last = '\0';
	if (!own || !*own)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "--cgroups split: there is no group to split: %s",
				    own ? "this process is in the root" : "no cgroup v2");
	r = delegation_at(d, own, &in);
	if (r < 0 || !group_may_use(in.fd)) {
		(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				   "--cgroups split: cgroup '%s' is not this user's", own);
		(void)cmk_err_hint(err, "it is for units with Delegate=yes, such as systemd-run "
					"--user -p Delegate=yes");
		return -EOPNOTSUPP;
	}
	r = move_aside(&in, err);
	return r == 0 ? cgroup_create(&in, name, res, &ret->fd, &ret->path, err) : r;
}

/* --- the choice --------------------------------------------------------------------------------
 */

/* By precedence. */
static const struct cgroup_manager managers[] = {
	{ .name = "systemd",
	  .probe = systemd_probe,
	  .check_parent = systemd_check_parent,
	  .limits_place = systemd_limits_place,
	  .make = systemd_make },
	{ .name = "cgroupfs",
	  .probe = cgroupfs_probe,
	  .check_parent = cgroupfs_check_parent,
	  .limits_place = cgroupfs_limits_place,
	  .make = cgroupfs_make },
};
enum { SYSTEMD, CGROUPFS };

static const char *asked_for; /* borrowed */

int cgroup_manager_set(const char *name, struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(managers); i++) {
		if (streq(managers[i].name, name)) {
			asked_for = name;
			return 0;
		}
	}
	return cmk_err_set(err, -EINVAL, "not one of systemd, cgroupfs");
}

const char *cgroup_manager_asked(void)
{
	return asked_for;
}

static const struct cgroup_manager *choose(const char *asked, const struct cgroup_delegation *d)
{
	asked = asked ? asked : asked_for;
	for (size_t i = 0; i < ARRAY_LEN(managers); i++)
		if (asked ? streq(managers[i].name, asked) : managers[i].probe(d))
			return &managers[i];
	return &managers[CGROUPFS];
}

const char *cgroup_manager_choice(const char *asked, const struct cgroup_delegation *d)
{
	const struct cgroup_manager *m = choose(asked, d);

	return m->probe(d) || asked || asked_for ? m->name : "none";
}

/* Where nobody asked for systemd and it gives no answer, what cgroupfs has. */
static int limits_place(const char *asked, const struct cgroup_delegation *d,
			struct cgroup_delegation *ret, struct cmk_err *err)
{
	const struct cgroup_manager *m = choose(asked, d);

	if (asked || asked_for)
		return m->limits_place(d, ret, err);
	return m->limits_place(d, ret, NULL) == 0 ? 0
						  : managers[CGROUPFS].limits_place(d, ret, err);
}

int cgroup_manager_delegation(const char *asked, struct cgroup_delegation *ret, struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT;
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	int r = cgroup_delegation_find(&d, err);

	if (r < 0)
		return r;
	if (limits_place(asked, &d, ret, &why) == 0)
		return 0;
	*ret = (struct cgroup_delegation){ .mount = steal_ptr(&d.mount),
					   .fd = -1,
					   .why = xstrdup(cmk_err_msg(&why)) };
	return 0;
}

static int check_mode(const struct cgroup_request *q, struct cmk_err *err)
{
	if (!q->parent || !*q->parent)
		return 0;
	if (q->mode == CGROUPS_SPLIT)
		return cmk_err_set(err, -EINVAL,
				   "--cgroup-parent cannot be set with --cgroups split");
	if (q->mode == CGROUPS_DISABLED)
		return cmk_err_set(err, -EINVAL,
				   "--cgroup-parent cannot be set with --cgroups disabled");
	return 0;
}

int cgroup_request_check(const struct cgroup_request *q, const struct cgroup_delegation *d,
			 struct cmk_err *err)
{
	const char *asked = q->manager ? q->manager : asked_for;
	struct scope_manager m;
	int r = check_mode(q, err);

	if (r < 0 || q->mode == CGROUPS_DISABLED || q->mode == CGROUPS_SPLIT)
		return r;
	if (asked && streq(asked, "systemd")) {
		if (!scope_manager_find(&m, true))
			return scope_manager_missing(err);
		scope_manager_done(&m);
	}
	if (!q->parent || !*q->parent)
		return 0;
	return choose(q->manager, d)->check_parent(q->parent, d, err);
}

/* What is delegated is all that the user's manager has, by its name: what its scopes can have as
 * well. */
static bool is_managers_own(const struct cgroup_delegation *d)
{
	cleanup_free char *unit = xasprintf("/user@%u.service", (unsigned int)geteuid());

	return geteuid() != 0 && d->path && str_has_suffix(d->path, unit);
}

int cgroup_request_check_limits(const struct cgroup_request *q, struct cgroup_delegation *d,
				const struct spec_resources *res, struct cmk_err *err)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation place = CGROUP_DELEGATION_INIT;
	bool is_place;
	int r = 0;

	if (!cgroup_has_limits(res))
		return 0;
	if (q->mode == CGROUPS_DISABLED)
		return cmk_err_set(err, -EINVAL,
				   "limits need a control group: they cannot be set with --cgroups "
				   "disabled");
	/* Of the caller's own group, which the start sees. */
	if (q->mode == CGROUPS_SPLIT)
		return 0;
	is_place = choose(q->manager, d) == &managers[CGROUPFS] || is_managers_own(d);
	if (!is_place)
		r = limits_place(q->manager, d, &place, err);
	if (r == 0)
		r = cgroup_check_limits(is_place ? d : &place, res, err);
	d->limits_checked = r == 0;
	return r;
}

/* --- the group of a run ------------------------------------------------------------------------
 */

/* Without a group only where nothing depends on it. */
static int go_without(const struct spec_resources *res, const char *why, struct cmk_err *err)
{
	if (!cgroup_has_limits(res))
		return 0;
	return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			    "limits need a control group: %s", why);
}

/* Nobody asked for it: a manager that gives no answer is as good as none. */
static bool may_fall_back(const struct cgroup_request *q, const struct cgroup_group *g)
{
	return !q->manager && !asked_for && !q->parent && !g->in_scope;
}

static int make_managed(const struct cgroup_request *q, const struct cgroup_delegation *d,
			const struct spec_resources *res, struct cgroup_group *g,
			struct cmk_err *err)
{
	const struct cgroup_manager *m = choose(q->manager, d);
	struct cgroup_delegation unchecked = *d;
	cleanup_err struct cmk_err why = CMK_ERR_INIT;
	int r;

	if (m == &managers[SYSTEMD]) {
		g->manager = m->name;
		r = m->make(q, d, res, g, &why);
		if (r == 0)
			return 0;
		if (!may_fall_back(q, g)) {
			(void)cmk_err_move(err, &why);
			return r;
		}
		log_warn("%s", cmk_err_msg(&why));
		m = &managers[CGROUPFS];
		unchecked.limits_checked = false;
		d = &unchecked;
	}
	g->manager = d->path ? m->name : NULL;
	if (!d->path && !q->parent)
		return go_without(res,
				  why.msg  ? why.msg
				  : d->why ? d->why
					   : "none is delegated",
				  err);
	return m->make(q, d, res, g, err);
}

int cgroup_group_make(const struct cgroup_request *q, const struct cgroup_delegation *d,
		      const struct spec_resources *res, struct cgroup_group *ret,
		      struct cmk_err *err)
{
	struct cgroup_group g = CGROUP_GROUP_INIT;
	int r;

	if (q->mode == CGROUPS_DISABLED) {
		*ret = g;
		return 0;
	}
	if (q->mode == CGROUPS_SPLIT) {
		g.manager = managers[CGROUPFS].name;
		r = split_make(q, d, res, &g, err);
	} else {
		r = make_managed(q, d, res, &g, err);
	}
	if (r < 0) {
		(void)cgroup_group_remove(&g, NULL);
		return r;
	}
	g.mount = xstrdup_null(g.path ? d->mount : NULL);
	*ret = g;
	return 0;
}

void cgroup_group_settled(struct cgroup_group *g)
{
	scope_holder_release(&g->holder);
}

/* A scope that a manager has left behind; a living one must not lose it before it has seen that it
 * is empty. */
static void remove_left_scope(const char *mount, const char *path)
{
	cleanup_free char *scope = scope_of(path), *group = NULL;
	cleanup(scope_manager_done) struct scope_manager m = { 0 };

	if (!scope || (scope_manager_find(&m, false) && scope_manager_group(&m, &group) == 0))
		return;
	(void)cgroup_remove(mount, scope, NULL);
}

int cgroup_place_remove(const char *mount, const char *path, struct cmk_err *err)
{
	int r = cgroup_remove(mount, path, err);

	if (r == 0)
		remove_left_scope(mount, path);
	return r;
}

void cgroup_group_done(struct cgroup_group *g)
{
	if (g->fd >= 0)
		(void)close(g->fd);
	cgroup_group_settled(g);
	free(g->mount);
	free(g->path);
	*g = CGROUP_GROUP_INIT;
}

int cgroup_group_remove(struct cgroup_group *g, struct cmk_err *err)
{
	int r = 0;

	if (g->fd >= 0)
		(void)close(steal_fd(&g->fd));
	if (g->path && g->mount)
		r = cgroup_remove(g->mount, g->path, err);
	cgroup_group_done(g);
	return r;
}

void cgroup_stray_remove(const struct cgroup_request *q)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT;
	cleanup_free char *path = NULL;
	const char *parent = "";

	if (cgroup_delegation_find(&d, NULL) < 0 || !d.path)
		return;
	if (q->parent && cgroupfs_check_parent(q->parent, &d, NULL) == 0)
		parent = parent_below(q->parent, &d);
	path = xasprintf("%s%s%s/cmk-%s.scope", streq(d.path, "/") ? "" : d.path,
			 *parent && *parent != '/' ? "/" : "", parent, q->id);
	(void)cgroup_remove(d.mount, path, NULL);
}

/* --- exec --------------------------------------------------------------------------------------
 */

/* A process moves by the rights over the directory above both groups (cgroup-v2.rst, "Delegation
 * Containment"). */
static bool may_enter(const char *mount, const char *own, const char *path)
{
	cleanup_free char *procs = NULL;
	size_t common = 0;

	for (size_t i = 0; own[i] == path[i]; i++) {
		if (!own[i])
			return true;
		if (own[i] == '/')
			common = i;
	}
	procs = xasprintf("%s%.*s/cgroup.procs", mount, (int)common, own);
	return faccessat(AT_FDCWD, procs, W_OK, AT_EACCESS) == 0;
}

void cgroup_approach(const char *mount, const char *path, const char *session, const char *name)
{
	cleanup_free char *own = group_of(0), *unit = xasprintf("cmk-exec-%s.scope", session),
			  *text = xasprintf("exec session in container %s (cmk)", name);
	const struct scope_unit u = { .name = unit, .description = text, .pid = getpid() };
	cleanup(scope_manager_done) struct scope_manager m = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct scope_holder h = SCOPE_HOLDER_INIT;

	if (!own || may_enter(mount, own, path) || !scope_manager_find(&m, false))
		return;
	if (scope_start(&m, &u, &h, &err) < 0)
		log_debug("exec session: %s", cmk_err_msg(&err));
}
