// SPDX-License-Identifier: Apache-2.0
#include "cmd/create_options.h"

#define T struct create_args

const struct cmk_option cmk_create_options[] = {
	CMK_OPT_STRING(0, "arch", T, o.arch, "ARCH", "use this architecture instead of the host's",
		       .excludes = "platform"),
	CMK_OPT_STRING(0, "authfile", T, o.authfile, "FILE", "file with credentials of registries",
		       .env = "REGISTRY_AUTH_FILE", .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_CSV, 0, "cap-add", T, o.cap_add, "CAP", "add a capability, or ALL"),
	CMK_OPT_OF(OPT_CSV, 0, "cap-drop", T, o.cap_drop, "CAP", "drop a capability, or ALL"),
	CMK_OPT_STRING(0, "cert-dir", T, o.cert_dir, "DIR",
		       "directory with certificates for the registry", .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "cidfile", T, o.cidfile, "FILE", "write the container's ID to a file",
		       .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_NANO_CPUS, 0, "cpus", T, o.nano_cpus, "NUMBER",
		   "at most so many CPUs' time, such as 1.5"),
	CMK_OPT_STRING(0, "creds", T, o.creds, "USER[:PASSWORD]", "credentials for the registry"),
	CMK_OPT_STRING(0, "entrypoint", T, o.entrypoint, "COMMAND",
		       "replace the image's entrypoint: one word or a JSON array"),
	CMK_OPT_OF(OPT_STRV, 'e', "env", T, o.env, "NAME[=VALUE]",
		   "set a variable, or copy the caller's"),
	CMK_OPT_OF(OPT_STRV, 0, "env-file", T, o.env_files, "FILE", "read variables from a file",
		   .complete = COMPLETE_FILES),
	CMK_OPT_OF(OPT_CSV, 0, "expose", T, o.expose, "PORT[/PROTOCOL]",
		   "mark a port as one that the container listens on"),
	CMK_OPT_OF(OPT_CSV, 0, "group-add", T, o.group_add, "GROUP",
		   "add a group of the image, or 'keep-groups' for the caller's"),
	CMK_OPT_STRING('h', "hostname", T, o.hostname, "NAME", "set the host name inside"),
	CMK_OPT_FLAG(0, "init", T, o.init, "run a small init that reaps orphans as PID 1"),
	CMK_OPT_FLAG('i', "interactive", T, o.interactive, "keep stdin open"),
	CMK_OPT_OF(OPT_STRV, 'l', "label", T, o.labels, "KEY[=VALUE]", "set a label"),
	CMK_OPT_OF(OPT_BYTES, 'm', "memory", T, o.memory, "BYTES",
		   "limit the memory, such as 512m"),
	CMK_OPT_OF(OPT_STRV, 0, "mount", T, o.mounts, "type=TYPE,...",
		   "mount a directory or a file (bind), or a tmpfs"),
	CMK_OPT_STRING(0, "name", T, o.name, "NAME", "name the container"),
	CMK_OPT_STRING(0, "network", T, o.network, "MODE", "network: slirp, host or none",
		       .alias = "net", .def = "slirp", .words = NULL),
	CMK_OPT_STRING(0, "os", T, o.os, "OS", "use this operating system instead of the host's",
		       .excludes = "platform"),
	CMK_OPT_OF(OPT_INT, 0, "pids-limit", T, o.pids_limit, "NUMBER",
		   "limit the number of processes; -1 for no limit", .min = -1, .max = INT32_MAX),
	CMK_OPT_STRING(0, "platform", T, o.platform, "OS/ARCH[/VARIANT]",
		       "use the image for this platform"),
	CMK_OPT_OF(OPT_CSV, 'p', "publish", T, o.publish, "[[IP:]HOST:]CONTAINER[/PROTOCOL]",
		   "publish a port on the host"),
	CMK_OPT_FLAG('P', "publish-all", T, o.publish_all,
		     "publish every exposed port on a free port of the host"),
	CMK_OPT_STRING(0, "pull", T, o.pull, "POLICY", "when to pull the image", .def = "missing",
		       .words = "always|missing|never|newer", .complete = COMPLETE_WORDS),
	CMK_OPT_FLAG('q', "quiet", T, o.quiet, "show no progress of a pull"),
	CMK_OPT_FLAG(0, "read-only", T, o.read_only, "make the root file system read-only"),
	CMK_OPT_FLAG(0, "rm", T, o.remove, "remove the container when it has ended"),
	CMK_OPT_FLAG(0, "rootfs", T, rootfs,
		     "the operand is a directory to use as the root file system, not an image"),
	CMK_OPT_OF(OPT_STRV, 0, "security-opt", T, o.security_opt, "OPTION",
		   "no-new-privileges, seccomp=FILE or seccomp=unconfined"),
	CMK_OPT_STRING(0, "stop-signal", T, o.stop_signal, "SIGNAL",
		       "signal that asks the container to end"),
	CMK_OPT_OF(OPT_UINT32, 0, "stop-timeout", T, o.stop_timeout_s, "SECONDS",
		   "time between the stop signal and SIGKILL", .def = "10"),
	CMK_OPT_OF(OPT_TRISTATE, 0, "tls-verify", T, o.tls_verify, NULL,
		   "ask for https and a valid certificate of the registry"),
	CMK_OPT_OF(OPT_STRV, 0, "tmpfs", T, o.tmpfs, "DIR[:OPTIONS]", "mount a tmpfs"),
	CMK_OPT_FLAG('t', "tty", T, o.tty, "give the container a terminal"),
	CMK_OPT_OF(OPT_CSV, 0, "ulimit", T, o.ulimits, "NAME=SOFT[:HARD]", "set a resource limit"),
	CMK_OPT_STRING('u', "user", T, o.user, "USER[:GROUP]", "run as this user of the image"),
	CMK_OPT_STRING(0, "variant", T, o.variant, "VARIANT",
		       "use this variant of the architecture", .excludes = "platform"),
	CMK_OPT_OF(OPT_STRV, 'v', "volume", T, o.volumes, "SOURCE:DIR[:OPTIONS]",
		   "mount a directory or a file of the host", .complete = COMPLETE_FILES),
	CMK_OPT_STRING('w', "workdir", T, o.workdir, "DIR", "working directory inside"),
	CMK_OPT_END(),
};

void cmk_create_finish(struct create_args *a, const struct cmk_globals *g, int argc, char **argv)
{
	(void)argc;
	if (a->rootfs)
		a->o.rootfs = argv[0];
	else
		a->o.image = argv[0];
	a->o.command = argv + 1;
	a->o.create_command = g->argv;
}
