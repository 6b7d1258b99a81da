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

static struct spec_namespace *find_namespace(const struct spec *s, const char *type)
{
	for (size_t i = 0; i < s->n_namespaces; i++)
		if (streq(s->namespaces[i].type, type))
			return &s->namespaces[i];
	return NULL;
}

bool spec_has_namespace(const struct spec *s, const char *type)
{
	return find_namespace(s, type);
}

bool spec_makes_namespace(const struct spec *s, const char *type)
{
	const struct spec_namespace *n = find_namespace(s, type);

	return n && !n->path;
}

bool spec_joins_namespace(const struct spec *s, const char *type)
{
	const struct spec_namespace *n = find_namespace(s, type);

	return n && n->path;
}

void spec_set_namespace(struct spec *s, const char *type, const char *path)
{
	struct spec_namespace *n = find_namespace(s, type);

	if (!n && path) {
		s->namespaces = xrealloc(s->namespaces, s->n_namespaces + 1,
					 sizeof(*s->namespaces));
		n = &s->namespaces[s->n_namespaces++];
		*n = (struct spec_namespace){ .type = xstrdup(type) };
	}
	if (!n)
		return;
	free(n->path);
	n->path = xstrdup_null(path);
	if (path)
		return;
	free(n->type);
	*n = s->namespaces[--s->n_namespaces];
}

void spec_remove_mount(struct spec *s, size_t n, const char *dest)
{
	for (size_t i = 0; i < MIN(n, s->n_mounts); i++) {
		struct spec_mount *m = &s->mounts[i];

		if (!streq(m->destination, dest))
			continue;
		free(m->destination);
		free(m->type);
		free(m->source);
		(void)strv_free(m->options);
		memmove(m, m + 1, (s->n_mounts - i - 1) * sizeof(*m));
		s->n_mounts--;
		return;
	}
}

/* A new sysfs shows the network namespace of its mounter, who must own that: with the host's the
 * host's /sys is bound instead, with what is mounted in it (locked mounts come along or nothing
 * does). */
void spec_share_sys(struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct spec_mount *m = &s->mounts[i];

		if (!streq(m->destination, "/sys"))
			continue;
		free(m->type);
		free(m->source);
		(void)strv_free(m->options);
		m->type = xstrdup("bind");
		m->source = xstrdup("/sys");
		m->options = strv_split("rbind,rprivate,nosuid,noexec,nodev,rro", ',');
		return;
	}
}

bool spec_wants_propagation(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		for (char **o = s->mounts[i].options; o && *o; o++)
			if (streq(*o, "rslave") || streq(*o, "slave") || streq(*o, "rshared") ||
			    streq(*o, "shared"))
				return true;
	return false;
}

const char *spec_mount_context(const struct spec *s)
{
	static const char *const keys[] = { "fscontext", "defcontext", "rootcontext" };
	const char *asked = strv_env_get(s->annotations, SPEC_CONTEXT_ANNOTATION);

	for (size_t i = 0; asked && i < ARRAY_LEN(keys); i++)
		if (streq(asked, keys[i]))
			return keys[i];
	return "context";
}

void spec_make_writable(struct spec *s, const char *dest)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		char **to = s->mounts[i].options;

		if (!streq(s->mounts[i].destination, dest))
			continue;
		for (char **o = s->mounts[i].options; o && *o; o++) {
			if (streq(*o, "ro") || streq(*o, "rro"))
				free(*o);
			else
				*to++ = *o;
		}
		if (to)
			*to = NULL;
	}
}

static void add_default_mounts(struct spec *s, bool host_net)
{
	spec_add_mount(s, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	spec_add_mount(s, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	spec_add_mount(s, "/dev/pts", "devpts", "devpts",
		       "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	spec_add_mount(s, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
	spec_add_mount(s, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=64000k");
	spec_add_mount(s, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
	if (host_net)
		spec_share_sys(s);
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
