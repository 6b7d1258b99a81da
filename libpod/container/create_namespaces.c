// SPDX-License-Identifier: Apache-2.0
/* Whose namespaces a container gets: its own, the host's, another container's, or one by path. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"
#include "libpod/spec/hooks.h"

enum mode {
	MODE_DEFAULT,
	MODE_PRIVATE,
	MODE_HOST,
	MODE_CONTAINER,
	MODE_PATH,
	MODE_SHAREABLE, /* ipc */
	MODE_NONE,	/* ipc: private, and no /dev/shm */
	N_MODES
};

/* One option, and what becomes of it. */
struct choice {
	const char *type;  /* as in the specification */
	const char *named; /* in messages */
	const char *text;
	char **shown; /* where the mode is kept, as inspect shows it */
	enum mode mode;
	/* Of MODE_CONTAINER; owned. */
	struct container *target;
	struct spec *theirs;
};

static void choice_done(struct choice *c)
{
	(void)container_free(c->target);
	c->target = NULL;
	(void)spec_free(c->theirs);
	c->theirs = NULL;
}

/* The host's: asked for, or because the other container shares it with the host. */
static bool is_host(const struct choice *c)
{
	return c->mode == MODE_HOST ||
	       (c->mode == MODE_CONTAINER && !spec_has_namespace(c->theirs, c->type));
}

static int find_target(struct create_plan *p, struct choice *c, const char *name,
		       struct cmk_err *err)
{
	char ***requires = &p->c->cfg.requires;
	int r = container_open(p->st, name, &c->target, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "looking up container to share %s namespace with",
				    c->named);
	r = container_dir(c->target, err);
	if (r >= 0)
		r = spec_load(c->target->dir_fd, &c->theirs, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "container '%s'", c->target->cfg.name);
	*c->shown = xasprintf("container:%s", c->target->cfg.id);
	if (!strv_has(*requires, c->target->cfg.id))
		strv_add(requires, c->target->cfg.id);
	return 0;
}

static int check_path(struct choice *c, const char *path, struct cmk_err *err)
{
	struct stat sb;

	if (*path != '/')
		return cmk_err_set(err, -EINVAL, "%s namespace path '%s' is not absolute", c->named,
				   path);
	if (stat(path, &sb) < 0)
		return cmk_err_errno(err, "cannot find specified %s namespace path: faccessat %s",
				     streq(c->named, "net") ? "network" : c->named, path);
	*c->shown = xasprintf("ns:%s", path);
	return 0;
}

static int unknown_mode(const struct choice *c, struct cmk_err *err)
{
	(void)cmk_err_set(err, -EINVAL, "unrecognized namespace mode %s passed for %s", c->text,
			  c->named);
	return cmk_err_hint(err, "there are private, host, container:NAME and ns:PATH%s",
			    streq(c->type, "ipc") ? ", shareable and none" : "")
		       ?: -EINVAL;
}

static int parse_mode(struct create_plan *p, struct choice *c, struct cmk_err *err)
{
	static const char *const words[N_MODES] = {
		[MODE_PRIVATE] = "private",
		[MODE_HOST] = "host",
		[MODE_SHAREABLE] = "shareable",
		[MODE_NONE] = "none",
	};
	const char *v;

	if (!c->text || !*c->text)
		return 0;
	if ((v = str_after(c->text, "container:")) && *v) {
		c->mode = MODE_CONTAINER;
		return find_target(p, c, v, err);
	}
	if ((v = str_after(c->text, "ns:")) && *v) {
		c->mode = MODE_PATH;
		return check_path(c, v, err);
	}
	for (size_t i = 0; i < N_MODES; i++) {
		if (!words[i] || !streq(words[i], c->text) ||
		    (i >= MODE_SHAREABLE && !streq(c->type, "ipc")))
			continue;
		c->mode = (enum mode)i;
		*c->shown = xstrdup(c->text);
		return 0;
	}
	return unknown_mode(c, err);
}

/* What the specification says: a namespace of its own is there by default. */
static void apply(struct spec *s, const struct choice *c)
{
	if (is_host(c)) {
		spec_set_namespace(s, c->type, NULL);
		if (streq(c->type, "network"))
			spec_share_sys(s);
	} else if (c->mode == MODE_CONTAINER) {
		spec_set_namespace(s, c->type, *c->shown);
	} else if (c->mode == MODE_PATH) {
		spec_set_namespace(s, c->type, *c->shown + strlen("ns:"));
	}
}

/* /dev/shm and /dev/mqueue are parts of it that files stand for. */
static int apply_ipc(struct spec *s, const struct choice *c, struct cmk_err *err)
{
	if (c->mode == MODE_CONTAINER && (streq_null(c->target->cfg.ipc_mode, "private") ||
					  streq_null(c->target->cfg.ipc_mode, "none"))) {
		(void)cmk_err_set(err, -EINVAL,
				  "joining IPC of container '%s' is not allowed: non-shareable IPC",
				  c->target->cfg.name);
		return cmk_err_hint(err, "hint: use IpcMode:shareable for the donor container")
			       ?: -EINVAL;
	}
	if (c->mode == MODE_NONE || c->mode == MODE_HOST || c->mode == MODE_CONTAINER)
		spec_remove_mount(s, s->n_mounts, "/dev/shm");
	if (is_host(c)) {
		spec_add_mount(s, "/dev/shm", "bind", "/dev/shm", "rbind,rprivate");
		/* Not every host has it mounted. */
		spec_remove_mount(s, s->n_mounts, "/dev/mqueue");
		if (access("/dev/mqueue", F_OK) == 0)
			spec_add_mount(s, "/dev/mqueue", "bind", "/dev/mqueue", "rbind,rprivate");
	} else if (c->mode == MODE_CONTAINER) {
		spec_add_mount(s, "/dev/shm", SPEC_MOUNT_JOINED_SHM, "shm", NULL);
	}
	return 0;
}

/* The name is the one of the namespace. */
static int apply_uts(struct create_plan *p, const struct choice *c, struct cmk_err *err)
{
	bool hostname = p->o->hostname && *p->o->hostname;
	bool domain = p->o->domainname && *p->o->domainname;
	char host[65] = "";

	if ((hostname || domain) && c->mode != MODE_DEFAULT && c->mode != MODE_PRIVATE)
		return cmk_err_set(err, -EINVAL,
				   "invalid config provided: cannot set %s when running in %s UTS "
				   "namespace",
				   hostname ? "hostname" : "domainname",
				   c->mode == MODE_HOST ? "the host" : "another");
	if (c->mode == MODE_HOST && gethostname(host, sizeof(host) - 1) == 0)
		p->c->cfg.hostname = xstrdup(host);
	if (c->mode == MODE_CONTAINER)
		p->c->cfg.hostname = xstrdup_null(c->target->cfg.hostname);
	return 0;
}

/* Names and servers belong to the network: its files about them come with it. */
static int share_network_files(struct create_plan *p, const struct choice *c, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	const char *dns = strv_len(o->dns)	     ? "dns"
			  : strv_len(o->dns_search)  ? "dns-search"
			  : strv_len(o->dns_options) ? "dns-option"
						     : NULL;

	if (strv_len(o->add_hosts) || o->hosts_file)
		return cmk_err_set(err, -EINVAL,
				   "%s: cannot set extra host entries when the container is joined "
				   "to another containers network namespace: invalid configuration",
				   o->hosts_file ? "--hosts-file" : "--add-host");
	if (dns)
		return cmk_err_set(err, -EINVAL,
				   "conflicting options: %s and the network mode: container", dns);
	for (size_t i = 0; i < c->theirs->n_mounts; i++) {
		const struct spec_mount *m = &c->theirs->mounts[i];

		if (streq(m->destination, "/etc/hosts") && !p->net_hosts)
			p->net_hosts = xstrdup_null(m->source);
		else if (streq(m->destination, "/etc/resolv.conf") && !p->net_resolv)
			p->net_resolv = xstrdup_null(m->source);
	}
	return 0;
}

/*
 * The user namespace as well, where both have the default map: beside it, in one of its own, the
 * container would have no rights over what it joined (ports below 1024, signals to other users'
 * processes).
 */
static void join_user_too(struct create_plan *p, const struct choice *c)
{
	if (c->theirs->n_uid_mappings == 0 && c->theirs->n_gid_mappings == 0) {
		cleanup_free char *path = xasprintf("container:%s", c->target->cfg.id);

		spec_set_namespace(p->spec, "user", path);
	}
}

static int apply_all(struct create_plan *p, struct choice *c, size_t n, struct cmk_err *err)
{
	const struct choice *rights_over = NULL;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = parse_mode(p, &c[i], err);
		if (r < 0)
			return r;
		apply(p->spec, &c[i]);
		if (c[i].mode == MODE_CONTAINER && !is_host(&c[i]) && !rights_over &&
		    !streq(c[i].type, "uts"))
			rights_over = &c[i];
		if (streq(c[i].type, "ipc"))
			r = apply_ipc(p->spec, &c[i], err);
		else if (streq(c[i].type, "uts"))
			r = apply_uts(p, &c[i], err);
		else if (streq(c[i].type, "network") && c[i].mode == MODE_CONTAINER)
			r = share_network_files(p, &c[i], err);
	}
	if (r == 0)
		r = create_check_user_namespace(p, err);
	if (r == 0 && rights_over && !p->c->cfg.userns_mode)
		join_user_too(p, rights_over);
	return r;
}

int create_check_namespaces(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	struct container_config *cfg = &p->c->cfg;
	bool joins_net = p->net == NETWORK_CONTAINER || p->net == NETWORK_PATH;
	bool no_group = streq_null(o->cgroups, "disabled");
	char *net = NULL;
	struct choice all[] = {
		/* The first one that is a container's gives the user namespace. */
		{ .type = "network",
		  .named = "net",
		  .text = joins_net ? o->network : NULL,
		  .shown = &net },
		{ .type = "pid", .named = "PID", .text = o->pid, .shown = &cfg->pid_mode },
		{ .type = "ipc", .named = "IPC", .text = o->ipc, .shown = &cfg->ipc_mode },
		{ .type = "cgroup",
		  .named = "cgroup",
		  .text = o->cgroupns,
		  .shown = &cfg->cgroup_mode },
		{ .type = "uts", .named = "UTS", .text = o->uts, .shown = &cfg->uts_mode },
	};
	int r;

	/* It has no group of its own that it could see as the root. */
	if (no_group && !o->cgroupns)
		all[3].text = "host";
	if (no_group && o->cgroupns && !streq(o->cgroupns, "host"))
		r = cmk_err_set(err, -EINVAL, "--cgroupns %s cannot be set with --cgroups disabled",
				o->cgroupns);
	else
		r = apply_all(p, all, ARRAY_LEN(all), err);
	if (net) {
		free(cfg->network);
		cfg->network = net;
	}
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		choice_done(&all[i]);
	return r;
}

/* --- kernel parameters: those that a namespace has for itself -----------------------------------
 */

static bool is_ipc_sysctl(const char *name)
{
	static const char *const names[] = { "kernel.msgmax", "kernel.msgmnb",
					     "kernel.msgmni", "kernel.sem",
					     "kernel.shmall", "kernel.shmmax",
					     "kernel.shmmni", "kernel.shm_rmid_forced" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], name))
			return true;
	return str_after(name, "fs.mqueue.");
}

static int check_sysctl(struct create_plan *p, const char *text, struct cmk_err *err)
{
	cleanup_free char *name = xstrndup(text, strcspn(text, "="));
	const char *needs;

	if (text[strlen(name)] != '=' || !*name)
		return cmk_err_set(err, -EINVAL,
				   "%s is invalid, sysctl values must be in the form of KEY=VALUE",
				   text);
	/* net/ipv4/ip_forward is the same; a name with a dot in a part of it keeps the slashes. */
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '.';
	needs = is_ipc_sysctl(name) ? "ipc" : str_after(name, "net.") ? "network" : NULL;
	if (!needs)
		return cmk_err_set(err, -EINVAL, "sysctl '%s' is not allowed", name);
	if (!spec_has_namespace(p->spec, needs))
		return cmk_err_set(err, -EINVAL,
				   "sysctl %s can't be set since %s Namespace set to host: "
				   "invalid argument",
				   text, streq(needs, "ipc") ? "IPC" : "Network");
	strv_env_set(&p->spec->sysctl, text);
	return 0;
}

/* One that is of a namespace which the container does not make itself is passed over. */
static int default_sysctl(struct create_plan *p, const char *text, struct cmk_err *err)
{
	bool net = str_after(text, "net.") || str_after(text, "net/");

	/* Each network of ours has it. */
	if (streq(text, "net.ipv4.ping_group_range=0 0"))
		return 0;
	if (!spec_makes_namespace(p->spec, net ? "network" : "ipc"))
		return 0;
	return check_sysctl(p, text, err);
}

int create_check_kernel(struct create_plan *p, struct cmk_err *err)
{
	const char *score = p->o->oom_score_adj;
	struct spec_process *process = &p->spec->process;
	int64_t n;
	int r = 0;

	for (char *const *s = p->o->default_sysctl; r == 0 && s && *s; s++)
		r = default_sysctl(p, *s, err);
	for (char *const *s = p->o->sysctl; r == 0 && s && *s; s++)
		r = check_sysctl(p, *s, err);
	if (r < 0 || !score)
		return r;
	if (parse_i64(score, -1000, 1000, &n) < 0)
		return cmk_err_set(err, -EINVAL,
				   "--oom-score-adj '%s': not a number from -1000 to 1000", score);
	process->has_oom_score_adj = true;
	process->oom_score_adj = (int)n;
	return 0;
}

/* When the command is known, by which hooks choose. */
int create_hooks(struct create_plan *p, struct cmk_err *err)
{
	bool binds = false;

	for (size_t i = 0; i < p->n_mounts; i++)
		binds |= streq_null(p->mounts[i].type, "bind") ||
			 streq_null(p->mounts[i].type, "volume");
	return hooks_add(p->spec, p->o->hooks_dirs, binds, err);
}
