// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>

#include "cmd/conf.h"
#include "cmd/create_options.h"

#include "base/parse.h"
#include "cmd/globals.h"
#include "cmd/health_options.h"
#include "cmd/limit_options.h"

#define T struct create_args

const struct cmk_option cmk_create_options[] = {
	CMK_OPT_USE(cmk_create_mount_options),
	CMK_OPT_OF(OPT_CSV, 0, "add-host", T, o.add_hosts, "NAME[;NAME...]:IP",
		   "add a line to /etc/hosts; host-gateway is the host's address"),
	CMK_OPT_OF(OPT_STRV, 0, "annotation", T, o.annotations, "KEY=VALUE",
		   "set an annotation, which OCI hooks and runtimes see",
		   .conf = "containers.annotations", .flags = OPT_CONF_ADDED),
	CMK_OPT_STRING(0, "arch", T, o.arch, "ARCH", "use this architecture instead of the host's",
		       .alias = "override-arch", .excludes = "platform"),
	CMK_OPT_OF(OPT_CSV, 'a', "attach", T, o.attach, "STREAM",
		   "attach only to stdin, stdout or stderr"),
	CMK_OPT_STRING(0, "authfile", T, o.authfile, "FILE", "file with credentials of registries",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_CSV, 0, "cap-add", T, o.cap_add, "CAP", "add a capability, or ALL"),
	CMK_OPT_OF(OPT_CSV, 0, "cap-drop", T, o.cap_drop, "CAP", "drop a capability, or ALL"),
	CMK_OPT_STRING(0, "cert-dir", T, o.cert_dir, "DIR",
		       "directory with certificates for the registry", .complete = COMPLETE_DIRS),
	CMK_OPT_OF(OPT_CSV, 0, "cgroup-conf", T, o.limits.cgroup_conf, "FILE=VALUE",
		   "write this to a file of the control group, such as memory.high=512M",
		   .conf = "containers.cgroup_conf"),
	CMK_OPT_STRING(0, "cgroup-parent", T, o.cgroup_parent, "PATH",
		       "make the control group below this one; for systemd: a slice"),
	CMK_OPT_STRING(0, "cgroupns", T, o.cgroupns, "MODE",
		       "cgroup namespace: private, host, container:NAME or ns:PATH",
		       .conf = "containers.cgroupns"),
	CMK_OPT_STRING(0, "cgroups", T, o.cgroups, "HOW",
		       "control groups: enabled, disabled, no-conmon or split",
		       .words = "enabled|disabled|no-conmon|split", .complete = COMPLETE_WORDS,
		       .conf = "containers.cgroups"),
	CMK_OPT_STRING(0, "cidfile", T, o.cidfile, "FILE", "write the container's ID to a file",
		       .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "conmon-pidfile", T, o.conmon_pidfile, "FILE",
		       "write the monitor's process ID to a file", .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_NANO_CPUS, 0, "cpus", T, o.limits.nano_cpus, "NUMBER",
		   "at most so many CPUs' time, such as 1.5"),
	CMK_OPT_STRING(0, "creds", T, o.creds, "USER[:PASSWORD]", "credentials for the registry"),
	CMK_OPT_OF(OPT_CSV, 0, "dns", T, o.dns, "IP",
		   "ask this DNS server; 'none' keeps the image's resolv.conf"),
	CMK_OPT_OF(OPT_CSV, 0, "dns-option", T, o.dns_options, "OPTION",
		   "set an option of resolv.conf", .alias = "dns-opt"),
	CMK_OPT_OF(OPT_CSV, 0, "dns-search", T, o.dns_search, "DOMAIN",
		   "search names in this domain; '.' for none"),
	CMK_OPT_STRING(0, "domainname", T, o.domainname, "NAME", "set the domain name inside"),
	CMK_OPT_STRING(0, "entrypoint", T, o.entrypoint, "COMMAND",
		       "replace the image's entrypoint: one word or a JSON array"),
	CMK_OPT_OF(OPT_STRV, 'e', "env", T, o.env, "NAME[=VALUE]",
		   "set a variable, or copy the caller's"),
	CMK_OPT_OF(OPT_STRV, 0, "env-file", T, o.env_files, "FILE", "read variables from a file",
		   .complete = COMPLETE_FILES),
	CMK_OPT_FLAG(0, "env-host", T, o.env_host, "pass on the caller's whole environment",
		     .conf = "containers.env_host"),
	CMK_OPT_OF(OPT_STRV, 0, "env-merge", T, o.env_merge, "NAME=VALUE",
		   "set a variable from others, such as PATH=$PATH:/my/bin"),
	CMK_OPT_OF(OPT_CSV, 0, "expose", T, o.expose, "PORT[/PROTOCOL]",
		   "mark a port as one that the container listens on"),
	CMK_OPT_OF(OPT_CSV, 0, "gidmap", T, o.gidmap, "INSIDE:FROM[:LENGTH]",
		   "map group ids (see --uidmap)"),
	CMK_OPT_OF(OPT_CSV, 0, "group-add", T, o.group_add, "GROUP",
		   "add a group of the image, or 'keep-groups' for the caller's"),
	CMK_OPT_STRING(0, "group-entry", T, o.group_entry, "ENTRY",
		       "line for /etc/group where --user names a group that is not in it"),
	CMK_HEALTH_ROWS(T, o.health),
	CMK_OPT_STRING('h', "hostname", T, o.hostname, "NAME", "set the host name inside"),
	CMK_OPT_STRING(0, "hosts-file", T, o.hosts_file, "FILE",
		       "what /etc/hosts begins with: a file, image or none",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_CSV, 0, "hostuser", T, o.hostusers, "NAME",
		   "add a user of the host to /etc/passwd"),
	CMK_OPT_FLAG(0, "http-proxy", T, o.http_proxy, "pass on the caller's proxy variables",
		     .def = "true", .conf = "containers.http_proxy"),
	CMK_OPT_FLAG(0, "init", T, o.init, "run a small init that reaps orphans as PID 1",
		     .conf = "containers.init"),
	CMK_OPT_FLAG('i', "interactive", T, o.interactive, "keep stdin open"),
	CMK_OPT_STRING(0, "ipc", T, o.ipc, "MODE",
		       "IPC namespace: private, shareable, none, host, container:NAME or ns:PATH",
		       .conf = "containers.ipcns"),
	CMK_OPT_STRING(0, "isolation", T, isolation, "HOW",
		       "what keeps the container apart: default, the namespaces",
		       .words = "default", .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_STRV, 'l', "label", T, o.labels, "KEY[=VALUE]", "set a label"),
	CMK_OPT_OF(OPT_STRV, 0, "label-file", T, o.label_files, "FILE", "read labels from a file",
		   .complete = COMPLETE_FILES),
	CMK_OPT_STRING(
		0, "log-driver", T, o.log_driver, "DRIVER",
		"where the container's output goes (k8s-file)",
		.words = "k8s-file|json-file|local|journald|none|passthrough|passthrough-tty",
		.complete = COMPLETE_WORDS, .conf = "containers.log_driver"),
	CMK_OPT_OF(OPT_STRV, 0, "log-opt", T, o.log_opts, "NAME=VALUE",
		   "an option of the log driver, such as max-size=10m"),
	CMK_LIMIT_ROWS(T, o.limits),
	CMK_OPT_OF(OPT_BYTES, 'm', "memory", T, o.limits.memory, "BYTES",
		   "limit the memory, such as 512m"),
	CMK_OPT_OF(OPT_STRV, 0, "mount", T, o.mounts, "type=TYPE,...",
		   "mount something: bind, volume, tmpfs, image, devpts, glob or ramfs",
		   .conf = "containers.mounts", .flags = OPT_CONF_ADDED),
	CMK_OPT_STRING(0, "name", T, o.name, "NAME", "name the container"),
	CMK_OPT_STRING(0, "network", T, o.network, "MODE",
		       "network: slirp, host, none, container:NAME or ns:PATH", .alias = "net",
		       .def = "slirp", .words = NULL, .conf = "containers.netns"),
	CMK_OPT_FLAG(0, "no-hostname", T, o.no_hostname, "leave the image's /etc/hostname alone"),
	CMK_OPT_FLAG(0, "no-hosts", T, o.no_hosts, "leave the image's /etc/hosts alone",
		     .conf = "containers.no_hosts"),
	CMK_OPT_STRING(0, "oom-score-adj", T, o.oom_score_adj, "NUMBER",
		       "how soon the kernel ends it when memory is short, -1000 to 1000",
		       .conf = "containers.oom_score_adj"),
	CMK_OPT_STRING(0, "os", T, o.os, "OS", "use this operating system instead of the host's",
		       .alias = "override-os", .excludes = "platform"),
	CMK_OPT_FLAG(0, "passwd", T, o.passwd,
		     "add a user that is not in them to /etc/passwd and /etc/group", .def = "true"),
	CMK_OPT_STRING(0, "passwd-entry", T, o.passwd_entry, "ENTRY",
		       "line for /etc/passwd where the user is not in it"),
	CMK_OPT_STRING(0, "pid", T, o.pid, "MODE",
		       "PID namespace: private, host, container:NAME or ns:PATH",
		       .conf = "containers.pidns"),
	CMK_OPT_STRING(0, "pidfile", T, o.pidfile, "FILE",
		       "write the process ID of the container's first process to a file",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_INT, 0, "pids-limit", T, o.limits.pids_limit, "NUMBER",
		   "limit the number of processes; -1 for no limit", .min = -1, .max = INT32_MAX,
		   .conf = "containers.pids_limit"),
	CMK_OPT_STRING(0, "personality", T, o.personality, "DOMAIN",
		       "execution domain of the process: LINUX or LINUX32"),
	CMK_OPT_STRING(0, "platform", T, o.platform, "OS/ARCH[/VARIANT]",
		       "use the image for this platform"),
	CMK_OPT_FLAG(0, "privileged", T, o.privileged,
		     "all capabilities, no seccomp filter, no masked paths, the host's devices",
		     .conf = "containers.privileged"),
	CMK_OPT_OF(OPT_CSV, 'p', "publish", T, o.publish, "[[IP:]HOST:]CONTAINER[/PROTOCOL]",
		   "publish a port on the host"),
	CMK_OPT_FLAG('P', "publish-all", T, o.publish_all,
		     "publish every exposed port on a free port of the host"),
	CMK_OPT_STRING(0, "pull", T, o.pull, "POLICY", "when to pull the image", .def = "missing",
		       .words = "always|missing|never|newer", .complete = COMPLETE_WORDS,
		       .conf = "engine.pull_policy"),
	CMK_OPT_FLAG('q', "quiet", T, o.quiet, "show no progress of a pull"),
	CMK_OPT_FLAG(0, "read-only", T, o.read_only, "make the root file system read-only",
		     .conf = "containers.read_only"),
	CMK_OPT_OF(OPT_UINT32, 0, "retry", T, o.retry, "N",
		   "how often a failed download is tried again", .def = "3", .max = 100,
		   .conf = "engine.retry"),
	CMK_OPT_STRING(0, "retry-delay", T, o.retry_delay, "DURATION",
		       "wait so long before the second attempt, then longer",
		       .conf = "engine.retry_delay"),
	CMK_OPT_FLAG(0, "replace", T, o.replace, "remove the container that has the name first"),
	CMK_OPT_OF(OPT_CSV, 0, "requires", T, o.requires, "CONTAINER",
		   "start these containers first", .complete = COMPLETE_CONTAINERS),
	CMK_OPT_STRING(0, "restart", T, o.restart, "POLICY",
		       "start again after its end: no, on-failure[:N], always, unless-stopped"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "rm", T, remove, NULL,
		   "remove the container when it has ended"),
	CMK_OPT_FLAG(0, "rmi", T, o.remove_image, "as --rm, and remove its image as well"),
	CMK_OPT_FLAG(0, "rootfs", T, rootfs,
		     "the operand is a directory to use as the root file system, not an image"),
	CMK_OPT_STRING(0, "runtime", T, o.runtime, "NAME|PATH",
		       "OCI runtime for the container instead of cmk's own",
		       .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "sdnotify", T, o.sdnotify, "MODE",
		       "who tells systemd that the service is ready (container)",
		       .words = "container|conmon|healthy|ignore", .complete = COMPLETE_WORDS),
	CMK_OPT_STRING(0, "seccomp-policy", T, o.seccomp_policy, "POLICY",
		       "where the seccomp profile comes from: default, or image, its label",
		       .def = "default", .words = "default|image", .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_STRV, 0, "security-opt", T, o.security_opt, "OPTION",
		   "seccomp=, no-new-privileges, mask=, unmask=, proc-opts=, apparmor=, label="),
	CMK_OPT_STRING(0, "signature-policy", T, o.signature_policy, "FILE",
		       "read the policy for images from this file", .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "stop-signal", T, o.stop_signal, "SIGNAL",
		       "signal that asks the container to end"),
	CMK_OPT_OF(OPT_UINT32, 0, "stop-timeout", T, o.stop_timeout_s, "SECONDS",
		   "time between the stop signal and SIGKILL", .def = "10",
		   .conf = "engine.stop_timeout"),
	CMK_OPT_STRING(0, "systemd", T, o.systemd, "MODE",
		       "prepare for a systemd inside: true where the command is one, false, always",
		       .def = "true"),
	CMK_OPT_STRING(0, "subgidname", T, o.subgidname, "NAME",
		       "map the subordinate group ids of this user"),
	CMK_OPT_STRING(0, "subuidname", T, o.subuidname, "NAME",
		       "map the subordinate user ids of this user"),
	CMK_OPT_OF(OPT_CSV, 0, "sysctl", T, o.sysctl, "NAME=VALUE",
		   "set a kernel parameter of the container's namespaces"),
	CMK_OPT_OF(OPT_UINT32, 0, "timeout", T, o.timeout_s, "SECONDS",
		   "kill the container when it has run so long"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "tls-verify", T, o.tls_verify, NULL,
		   "ask for https and a valid certificate of the registry"),
	CMK_OPT_OF(OPT_STRV, 0, "tmpfs", T, o.tmpfs, "DIR[:OPTIONS]", "mount a tmpfs"),
	CMK_OPT_FLAG('t', "tty", T, o.tty, "give the container a terminal"),
	CMK_OPT_OF(OPT_CSV, 0, "uidmap", T, o.uidmap, "INSIDE:FROM[:LENGTH]",
		   "map user ids of the container to those of the user"),
	CMK_OPT_OF(OPT_CSV, 0, "ulimit", T, o.ulimits, "NAME=SOFT[:HARD]", "set a resource limit",
		   .conf = "containers.default_ulimits"),
	CMK_OPT_STRING(0, "tz", T, o.timezone, "ZONE",
		       "time zone inside: a name such as Europe/Paris, or local",
		       .conf = "containers.tz"),
	CMK_OPT_STRING(0, "umask", T, o.umask, "MASK", "umask inside, octal", .def = "0022",
		       .conf = "containers.umask"),
	CMK_OPT_OF(OPT_STRV, 0, "unsetenv", T, o.unsetenv, "NAME",
		   "leave out a variable that is there by default"),
	CMK_OPT_FLAG(0, "unsetenv-all", T, o.unsetenv_all,
		     "leave out all variables that are there by default"),
	CMK_OPT_STRING('u', "user", T, o.user, "USER[:GROUP]", "run as this user of the image"),
	CMK_OPT_STRING(0, "userns", T, o.userns, "MODE",
		       "user namespace: auto, host, keep-id, nomap, container:NAME or ns:PATH",
		       .conf = "containers.userns"),
	CMK_OPT_STRING(0, "uts", T, o.uts, "MODE",
		       "UTS namespace: private, host, container:NAME or ns:PATH",
		       .conf = "containers.utsns"),
	CMK_OPT_STRING(0, "variant", T, o.variant, "VARIANT",
		       "use this variant of the architecture", .alias = "override-variant",
		       .excludes = "platform"),
	CMK_OPT_OF(OPT_STRV, 'v', "volume", T, o.volumes, "[SOURCE:]DIR[:OPTIONS]",
		   "mount a volume, or a directory or file of the host", .complete = COMPLETE_FILES,
		   .conf = "containers.volumes"),
	CMK_OPT_STRING('w', "workdir", T, o.workdir, "DIR", "working directory inside"),
	CMK_OPT_END(),
};

/* Where it has a network of its own, and says nothing else. */
static void take_names_conf(struct container_options *o)
{
	const char *net = o->network ?: "";
	const struct {
		char *const **list;
		const char *key;
	} rows[] = { { &o->dns, "containers.dns_servers" },
		     { &o->dns_options, "containers.dns_options" },
		     { &o->dns_search, "containers.dns_searches" } };
	bool none = streq(net, "none") || str_after(net, "container:") ||
		    (o->dns && strv_has(o->dns, "none"));

	for (size_t i = 0; !none && i < ARRAY_LEN(rows); i++)
		if (!*rows[i].list)
			*rows[i].list = strv_dup(cmk_conf_list(rows[i].key));
	if (!o->no_hosts && !o->hosts_file)
		o->hosts_file = cmk_conf_text("containers.base_hosts_file");
	o->host_internal_ip = cmk_conf_text("containers.host_containers_internal_ip");
}

/* NAME=VALUE becomes one of the option's words where none of them is of that name. */
static void add_word(char *const **list, const char *name, const char *value)
{
	cleanup_free char *start = xasprintf("%s=", name);
	char **words = (char **)*list; /* the option's own vector */

	for (char **w = words; w && *w; w++)
		if (str_after(*w, start))
			return;
	strv_add_take(&words, xasprintf("%s%s", start, value));
	*list = words;
}

static void take_log_conf(struct container_options *o)
{
	const struct log_driver_info *d = log_driver_find(o->log_driver ?: "k8s-file");
	const char *tag = cmk_conf_text("containers.log_tag"),
		   *size = cmk_conf_text("containers.log_size_max");

	if (d && d->has_file && size && *size != '-' && !streq(size, "0"))
		add_word(&o->log_opts, "max-size", size);
	if (d && streq(d->name, "journald") && tag)
		add_word(&o->log_opts, "tag", tag);
}

/* What of containers.conf is the default of no option. */
static int take_conf(struct container_options *o, struct cmk_err *err)
{
	const char *seccomp = cmk_conf_text("containers.seccomp_profile"),
		   *apparmor = cmk_conf_text("containers.apparmor_profile"),
		   *label = cmk_conf_text("containers.label"),
		   *named = cmk_conf_text("containers.container_name_as_hostname");

	take_names_conf(o);
	take_log_conf(o);
	if (seccomp && !o->privileged)
		add_word(&o->security_opt, "seccomp", seccomp);
	if (apparmor && !o->privileged)
		add_word(&o->security_opt, "apparmor", apparmor);
	if (o->timezone && !*o->timezone)
		o->timezone = cmk_conf_text("containers.tz");
	o->log_dir = cmk_conf_text("containers.log_path");
	o->no_label = label && streq(label, "false");
	o->name_as_hostname = named && streq(named, "true");
	o->default_caps = cmk_conf_list("containers.default_capabilities");
	o->default_env = cmk_conf_list("containers.env");
	o->default_sysctl = cmk_conf_list("containers.default_sysctls");
	return cmk_conf_check(err);
}

/* None of them can be had: a quota for a directory takes the host's root. */
static int refuse_storage_opt(const char *opt, struct cmk_err *err)
{
	const char *value = str_after(opt, "size=") ?: str_after(opt, "inodes=");
	uint64_t n = 0;

	if (!value)
		return cmk_err_set(err, -EINVAL,
				   "--storage-opt '%.100s': Unknown option: not size= "
				   "or inodes=",
				   opt);
	if (parse_bytes(value, &n) < 0)
		return cmk_err_set(err, -EINVAL, "--storage-opt '%.100s': invalid size: '%.80s'",
				   opt, value);
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "--storage-opt '%.100s': a limit for a container's files needs project "
			   "quotas of the file system, which only the host's root can set",
			   opt);
	(void)cmk_err_hint(err,
			   "limit what is written to a directory by --tmpfs DIR:size=BYTES, or "
			   "all containers together by a --root on a file system of its own");
	return -EOPNOTSUPP;
}

int cmk_create_finish(struct create_args *a, const struct cmk_globals *g, char **argv,
		      struct cmk_err *err)
{
	int r = cmk_globals_check_network(g, a->o.network, err);

	if (r < 0)
		return r;
	if (a->o.remove_image && a->remove == 0)
		return cmk_err_set(err, -EINVAL, "the --rmi option does not work without --rm");
	if (a->storage_opts && *a->storage_opts)
		return refuse_storage_opt(a->storage_opts[0], err);
	a->o.remove = a->remove == 1;
	if (a->rootfs)
		a->o.rootfs = argv[0];
	else
		a->o.image = argv[0];
	a->o.command = argv + 1;
	a->o.create_command = g->argv;
	a->o.hooks_dirs = g->hooks_dirs;
	a->o.cdi_dirs = g->cdi_dirs;
	a->o.runtime = a->o.runtime ?: g->runtime;
	a->o.runtimes = cmk_conf_list("engine.runtimes");
	a->o.runtime_flags = g->runtime_flags;
	a->o.mounts_file = g->mounts_file;
	/* Of --attach=STDOUT, as docker takes it. */
	for (char *const *stream = a->o.attach; stream && *stream; stream++)
		for (char *p = *stream; *p; p++)
			*p = (char)tolower((unsigned char)*p);
	return take_conf(&a->o, err);
}
