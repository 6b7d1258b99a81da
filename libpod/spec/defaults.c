// SPDX-License-Identifier: Apache-2.0
/* What every container starts from. */
#include "libpod/spec/spec.h"

static const char *const default_masked[] = {
	"/proc/acpi",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/dev/block",
	"/sys/firmware",
	"/sys/fs/selinux",
	"/sys/devices/virtual/powercap",
	NULL,
};
static const char *const default_readonly[] = {
	"/proc/asound", "/proc/bus",	       "/proc/fs", "/proc/irq",
	"/proc/sys",	"/proc/sysrq-trigger", NULL,
};
static const char *const default_namespaces[] = {
	"user", "mount", "pid", "network", "uts", "ipc", "cgroup", NULL,
};

static char **copy_list(const char *const *list)
{
	char **v = NULL;

	for (; *list; list++)
		strv_add(&v, *list);
	return v;
}

void spec_add_mount(struct spec *s, const char *dest, const char *type, const char *source,
		    const char *options_csv)
{
	struct spec_mount m = {
		.destination = xstrdup(dest),
		.type = xstrdup(type),
		.source = xstrdup(source),
		.options = options_csv && *options_csv ? strv_split(options_csv, ',') : NULL,
	};

	s->mounts = xrealloc(s->mounts, s->n_mounts + 1, sizeof(*s->mounts));
	s->mounts[s->n_mounts++] = m;
}

bool spec_has_namespace(const struct spec *s, const char *type)
{
	for (size_t i = 0; i < s->n_namespaces; i++)
		if (streq(s->namespaces[i].type, type))
			return true;
	return false;
}

static void add_default_mounts(struct spec *s, bool host_net)
{
	spec_add_mount(s, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	spec_add_mount(s, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	spec_add_mount(s, "/dev/pts", "devpts", "devpts",
		       "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	spec_add_mount(s, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	spec_add_mount(s, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=64000k");
	/* A new sysfs shows the network namespace of its mounter, who must own that: with the
	 * host's the host's /sys is bound instead, with what is mounted in it (locked mounts come
	 * along or nothing does). */
	if (host_net)
		spec_add_mount(s, "/sys", "bind", "/sys", "rbind,rprivate,nosuid,noexec,nodev,rro");
	else
		spec_add_mount(s, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
	spec_add_mount(s, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro");
}

void spec_set_defaults(struct spec *s, bool host_net)
{
	free(s->oci_version);
	s->oci_version = xstrdup("1.1.0");
	for (const char *const *n = default_namespaces; *n; n++) {
		if (host_net && streq(*n, "network"))
			continue;
		s->namespaces = xrealloc(s->namespaces, s->n_namespaces + 1,
					 sizeof(*s->namespaces));
		s->namespaces[s->n_namespaces++] = (struct spec_namespace){ .type = xstrdup(*n) };
	}
	add_default_mounts(s, host_net);
	strv_free(s->masked_paths);
	s->masked_paths = copy_list(default_masked);
	strv_free(s->readonly_paths);
	s->readonly_paths = copy_list(default_readonly);
	strv_free(s->process.caps.bounding);
	s->process.caps.bounding = copy_list(spec_default_caps);
	strv_free(s->process.caps.effective);
	s->process.caps.effective = copy_list(spec_default_caps);
	strv_free(s->process.caps.permitted);
	s->process.caps.permitted = copy_list(spec_default_caps);
	s->process.user.umask = 0022;
	free(s->seccomp_profile);
	s->seccomp_profile = xstrdup("default");
}
