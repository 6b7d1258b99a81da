// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"

static int check_name(struct create_plan *p, struct cmk_err *err)
{
	const char *name = p->name;

	if (!name || container_name_valid(name))
		return 0;
	return cmk_err_set(err, -EINVAL,
			   "container name '%s': names match [a-zA-Z0-9][a-zA-Z0-9_.-]*", name);
}

static int check_hostname(struct create_plan *p, struct cmk_err *err)
{
	char host[65] = "";

	if (p->net == NETWORK_HOST && gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	if (p->c->cfg.hostname) {
		/* That of the namespace which is joined. */
	} else if (p->o->hostname && *p->o->hostname) {
		int r = opt_hostname_check(p->o->hostname, err);

		if (r < 0)
			return r;
		p->c->cfg.hostname = xstrdup(p->o->hostname);
	} else if (*host) {
		/* Who shares the host's network is known there by the host's name. */
		p->c->cfg.hostname = xstrdup(host);
	} else {
		p->c->cfg.hostname = xstrndup(p->c->cfg.id, 12);
		p->plain_hostname = true;
	}
	p->spec->hostname = xstrdup(p->c->cfg.hostname);
	return 0;
}

/* As docker has it: a word of the UTS namespace, and what follows the name in /etc/hosts. */
static int check_domainname(struct create_plan *p, struct cmk_err *err)
{
	const char *domain = p->o->domainname;
	int r;

	if (!domain || !*domain)
		return 0;
	r = opt_hostname_check(domain, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "--domainname");
	p->spec->domainname = xstrdup(domain);
	return 0;
}

static int check_limits(struct create_plan *p, struct cmk_err *err)
{
	struct opt_limits l = p->o->limits;
	int r = opt_ulimits_put(&p->spec->process, p->o->ulimits, err);

	l.has_memory = l.memory;
	l.has_cpus = l.nano_cpus;
	l.has_pids = l.pids_limit;
	return r < 0 ? r : opt_limits_put(&p->spec->resources, &l, err);
}

/* Where the container is started at once what cannot be had is known now; one that is only made may
 * be started elsewhere. */
static int check_cgroups(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	struct container_config *cfg = &p->c->cfg;
	struct cgroup_delegation *d = NULL;
	struct cgroup_request q;
	bool limits;
	int r;

	cfg->cgroup_manager = xstrdup_null(cgroup_manager_asked());
	cfg->cgroup_parent = o->cgroup_parent && *o->cgroup_parent ? xstrdup(o->cgroup_parent)
								   : NULL;
	if (o->cgroups && !streq(o->cgroups, "enabled"))
		cfg->cgroups = xstrdup(o->cgroups);
	r = container_cgroup_request(cfg, &q, err);
	limits = r == 0 && cgroup_has_limits(&p->spec->resources) &&
		 (o->start || q.mode == CGROUPS_DISABLED);
	if (r == 0 && (limits || cfg->cgroup_parent))
		r = container_delegation(p->c, &d, err);
	if (r == 0)
		r = cgroup_request_check(&q, d, err);
	if (r == 0 && limits)
		r = cgroup_request_check_limits(&q, d, &p->spec->resources, err);
	/* Which of them the parent was checked by. */
	if (r == 0 && cfg->cgroup_parent && !cfg->cgroup_manager)
		cfg->cgroup_manager = xstrdup(cgroup_manager_choice(NULL, d));
	return r;
}

static int check_groups(struct create_plan *p, struct cmk_err *err)
{
	for (char *const *g = p->o->group_add; g && *g; g++) {
		if (streq(*g, "keep-groups"))
			p->spec->keep_groups = true;
		else if (**g)
			strv_add(&p->spec->group_add, *g);
		else
			return cmk_err_set(err, -EINVAL, "--group-add: the group is empty");
	}
	if (p->spec->keep_groups && p->spec->group_add)
		return cmk_err_set(
			err, -EINVAL,
			"the '--group-add keep-groups' option is not allowed with any other "
			"--group-add options");
	return 0;
}

static int check_network(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	int r = network_mode_parse(o->network && *o->network ? o->network : "slirp", &p->net, err);

	if (r < 0)
		return r;
	p->c->cfg.network = xstrdup(network_mode_name(p->net));
	/* Everything below adds to the defaults, or replaces them. */
	spec_set_defaults(p->spec, p->net == NETWORK_HOST);
	if (p->net != NETWORK_SLIRP && o->publish && *o->publish)
		log_plain(
			"Port mappings have been discarded because \"%.*s\" network namespace mode "
			"does not support them",
			(int)strcspn(o->network, ":"), o->network);
	for (char *const *s = o->publish; s && *s; s++) {
		r = port_mapping_parse(*s, &p->ports, &p->n_ports, err);
		if (r < 0)
			return r;
	}
	for (char *const *s = o->expose; s && *s; s++) {
		r = opt_expose_parse(*s, &p->c->cfg.exposed_ports, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_signal(struct create_plan *p, struct cmk_err *err)
{
	if (!p->o->stop_signal)
		return 0;
	return create_stop_signal(p->o->stop_signal, &p->c->cfg.stop_signal, err);
}

/* A user of the host, by name or number, as a line of /etc/passwd. */
static int add_hostuser(const char *user, char ***lines, struct cmk_err *err)
{
	struct passwd pw, *found = NULL;
	char buf[16384];
	uint32_t uid = 0;

	(void)getpwnam_r(user, &pw, buf, sizeof(buf), &found);
	if (!found && parse_u32(user, UINT32_MAX - 1, &uid) == 0)
		(void)getpwuid_r(uid, &pw, buf, sizeof(buf), &found);
	if (!found)
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EINVAL,
				    "--hostuser: unknown user '%s' on the host", user);
	strv_add_take(lines, xasprintf("%s:*:%u:%u:%s:%s:/bin/sh", found->pw_name, found->pw_uid,
				       found->pw_gid, found->pw_gecos, found->pw_dir));
	return 0;
}

static int check_hostusers(struct create_plan *p, struct cmk_err *err)
{
	for (char *const *u = p->o->hostusers; u && *u; u++) {
		int r = add_hostuser(*u, &p->spec->passwd_lines, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_attach(struct create_plan *p, struct cmk_err *err)
{
	if (p->o->detach && strv_len(p->o->attach))
		return cmk_err_set(err, -EINVAL,
				   "conflicting options: --attach and --detach exclude each other");
	for (char *const *a = p->o->attach; a && *a; a++) {
		if (!streq(*a, "stdin") && !streq(*a, "stdout") && !streq(*a, "stderr"))
			return cmk_err_set(err, -EINVAL,
					   "invalid stream \"%s\" for --attach - must be one of "
					   "stdin, stdout, or stderr: invalid argument",
					   *a);
	}
	p->c->cfg.attach = strv_dup(p->o->attach);
	return 0;
}

/* --systemd and --personality. */
static int check_modes(struct create_plan *p, struct cmk_err *err)
{
	const char *mode = p->o->systemd, *domain = p->o->personality;
	bool ignored;

	if (mode && *mode && !streq(mode, "always") && parse_bool(mode, &ignored) < 0)
		return cmk_err_set(err, -EINVAL, "--systemd '%s': not true, false or always", mode);
	if (!domain || !*domain || strcasecmp(domain, "LINUX") == 0)
		return 0;
	if (strcasecmp(domain, "LINUX32") != 0)
		return cmk_err_set(err, -EINVAL, "--personality '%s': not LINUX or LINUX32",
				   domain);
	p->spec->personality = xstrdup("LINUX32");
	return 0;
}

static int check_process(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	uint32_t umask = 0;

	if (o->umask && parse_octal(o->umask, 0777, &umask) < 0)
		return cmk_err_set(err, -EINVAL, "invalid umask string %s: invalid argument",
				   o->umask);
	if (o->umask)
		p->spec->process.user.umask = umask;
	p->c->cfg.no_passwd = p->spec->no_passwd = !o->passwd;
	p->spec->passwd_entry = xstrdup_null(o->passwd_entry);
	p->spec->group_entry = xstrdup_null(o->group_entry);
	return check_hostusers(p, err);
}

int create_check_options(struct create_plan *p, struct cmk_err *err)
{
	static int (*const checks[])(struct create_plan *, struct cmk_err *) = {
		check_name,
		check_network,
		create_check_namespaces,
		create_check_kernel,
		check_hostname,
		check_domainname,
		create_check_security,
		check_limits,
		check_cgroups,
		check_groups,
		check_signal,
		create_check_labels,
		create_check_files,
		check_process,
		create_check_life,
		check_attach,
		check_modes,
		create_check_runtime,
	};
	const struct container_options *o = p->o;
	struct container_config *cfg = &p->c->cfg;

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		int r = checks[i](p, err);

		if (r < 0)
			return r;
	}
	cfg->stop_timeout_s = o->stop_timeout_s;
	cfg->remove = o->remove || o->remove_image;
	cfg->remove_image = o->remove_image;
	cfg->terminal = o->tty;
	cfg->interactive = o->interactive;
	cfg->init = o->init;
	cfg->read_only = o->read_only;
	cfg->publish_all = o->publish_all;
	cfg->group_add = strv_dup(o->group_add);
	cfg->security_opt = strv_dup(o->security_opt);
	cfg->privileged = o->privileged;
	cfg->cap_add = strv_dup(o->cap_add);
	cfg->cap_drop = strv_dup(o->cap_drop);
	cfg->create_command = strv_dup(o->create_command);
	cfg->detach_keys = xstrdup_null(o->detach_keys);
	cfg->memory = o->limits.memory;
	cfg->nano_cpus = o->limits.nano_cpus;
	cfg->pids_limit = o->limits.pids_limit;
	p->spec->init = o->init;
	if (o->init)
		strv_env_set(&p->spec->annotations, "io.podman.annotations.init=TRUE");
	p->spec->root_readonly = o->read_only;
	return 0;
}
