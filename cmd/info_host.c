// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/selinux.h"
#include "cmd/conf.h"
#include "cmd/host_parse.h"
#include "cmd/info.h"
#include "libpod/libpod.h"

#define OS_RELEASE_MAX 65536
#define EMULATOR_MAX 4096
/* As podman says it where no package manager knows a program; cmk asks none. */
#define UNKNOWN_PACKAGE "Unknown"

char **info_os_release(void)
{
	cleanup_free char *text = NULL;
	char **lines;
	size_t len = 0;

	if (file_read_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &text, &len, NULL) < 0)
		return NULL;
	lines = strv_split(text, '\n');
	for (char **l = lines; *l; l++) {
		char *v = strchr(*l, '=');
		size_t n = v ? strlen(v) : 0;

		if (n < 3 || !strchr("\"'", v[1]) || v[n - 1] != v[1])
			continue;
		memmove(v + 1, v + 2, n - 3);
		v[n - 2] = '\0';
	}
	return lines;
}

static void write_distribution(struct json_writer *w)
{
	static const struct {
		const char *name, *key;
		bool always;
	} names[] = {
		{ "codename", "VERSION_CODENAME", false },
		{ "distribution", "ID", true },
		{ "variant", "VARIANT_ID", false },
		{ "version", "VERSION_ID", true },
	};
	cleanup_strv char **os = info_os_release();

	json_write_object(w, "distribution");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = strv_env_get(os, names[i].key);

		if (names[i].always || (v && *v))
			json_write_str(w, names[i].name, v ?: "");
	}
	json_write_end(w, '}');
}

/* Hundredths, without closing zeros. */
static void write_percent(struct json_writer *w, const char *key, uint32_t v)
{
	char text[32];
	struct json number = { .type = JSON_NUMBER, .text = text };

	number.n = (size_t)snprintf(text, sizeof(text), "%.5g", v / 100.0);
	json_write_value(w, key, &number);
}

static void write_cpus(struct json_writer *w)
{
	cleanup_close int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	uint32_t percent[HOST_CPU_N] = { 0 };
	char line[512];
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	cpu_set_t set;

	line[MAX(n, 0)] = '\0';
	(void)host_parse_cpu(line, percent);
	json_write_object(w, "cpuUtilization");
	write_percent(w, "idlePercent", percent[HOST_CPU_IDLE]);
	write_percent(w, "systemPercent", percent[HOST_CPU_SYSTEM]);
	write_percent(w, "userPercent", percent[HOST_CPU_USER]);
	json_write_end(w, '}');
	json_write_u64(w, "cpus",
		       sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (uint64_t)CPU_COUNT(&set));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Left out where there are none, as podman does. */
static void write_emulators(struct json_writer *w)
{
	cleanup_dir DIR *d = opendir("/proc/sys/fs/binfmt_misc");
	cleanup_strv char **list = NULL;
	const struct dirent *de;

	while (d && (de = readdir(d))) {
		cleanup_free char *text = NULL, *platform = NULL;
		const char *arch = NULL;
		size_t len = 0;

		if (de->d_name[0] != '.' &&
		    file_read_at(dirfd(d), de->d_name, EMULATOR_MAX, &text, &len, NULL) == 0)
			arch = host_parse_emulator(text);
		if (!arch)
			continue;
		platform = xasprintf("linux/%s", arch);
		if (!strv_has(list, platform))
			strv_add_take(&list, steal_ptr(&platform));
	}
	if (!list)
		return;
	qsort(list, strv_len(list), sizeof(*list), compare_names);
	json_write_strv(w, "emulatedArchitectures", list);
}

static void write_cgroup(struct json_writer *w)
{
	struct cgroup_delegation d = CGROUP_DELEGATION_INIT;

	(void)cgroup_manager_delegation(NULL, &d, NULL);
	json_write_strv(w, "cgroupControllers", d.controllers);
	json_write_str(w, "cgroupDelegation", d.path ? d.path : d.why ? d.why : "none");
	json_write_str(w, "cgroupManager", d.path ? cgroup_manager_choice(NULL, &d) : "none");
	json_write_str(w, "cgroupVersion", d.mount ? "v2" : "none");
	cgroup_delegation_done(&d);
}

static void write_map(struct json_writer *w, const char *key, const struct id_map *m)
{
	json_write_array(w, key);
	for (size_t i = 0; m && i < m->n; i++) {
		json_write_object(w, NULL);
		json_write_u64(w, "container_id", m->range[i].inside);
		json_write_u64(w, "host_id", m->range[i].outside);
		json_write_u64(w, "size", m->range[i].count);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

static void write_ids(struct json_writer *w, struct storage *st)
{
	static const char *const modes[] = {
		[USERNS_SUBIDS] = "subordinate ids",
		[USERNS_SINGLE] = "single id",
		[USERNS_ONE_TO_ONE] = "one to one",
	};
	const struct userns_config *c = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	bool found = storage_userns(st, &c, &err) == 0;

	json_write_object(w, "idMappings");
	if (!found)
		json_write_str(w, "error", cmk_err_msg(&err));
	write_map(w, "gidmap", found ? &c->gids : NULL);
	json_write_str(w, "mode", found ? modes[c->mode] : "none");
	write_map(w, "uidmap", found ? &c->uids : NULL);
	json_write_end(w, '}');
}

/* A program by podman's names, empty where there is none: its PATH is "path" or, of those that
 * carry packets, "executable". */
static void write_program(struct json_writer *w, const char *key, bool carries, const char *path)
{
	json_write_object(w, key);
	if (carries)
		json_write_str(w, "executable", path ?: "");
	json_write_str(w, "package", path ? UNKNOWN_PACKAGE : "");
	if (!carries)
		json_write_str(w, "path", path ?: "");
	json_write_str(w, "version", path ? PACKAGE_VERSION : "");
	json_write_end(w, '}');
}

static void write_network(struct json_writer *w, const char *slirp)
{
	json_write_str(w, "networkBackend", "slirp");
	json_write_object(w, "networkBackendInfo");
	json_write_str(w, "backend", "slirp");
	json_write_object(w, "dns");
	json_write_end(w, '}');
	json_write_str(w, "path", slirp);
	json_write_str(w, "version", PACKAGE_VERSION);
	json_write_end(w, '}');
}

/* The one that new containers get. */
static void write_runtime(struct json_writer *w, const struct cmk_globals *g)
{
	cleanup_free char *other = NULL, *version = NULL;
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	/* One that is not there is told where a container is made. */
	bool missing = runtime_other_find(g->runtime, cmk_conf_list("engine.runtimes"), &other,
					  NULL) < 0;

	if (other)
		version = runtime_other_version(other);
	own[MAX(n, 0)] = '\0';
	json_write_object(w, "ociRuntime");
	json_write_str(w, "name", other || missing ? g->runtime : "cmk");
	json_write_str(w, "package", UNKNOWN_PACKAGE);
	json_write_str(w, "path", missing ? "" : other ?: own);
	json_write_str(w, "version", other || missing ? version ?: "" : PACKAGE_VERSION);
	json_write_end(w, '}');
}

static void write_security(struct json_writer *w)
{
	cleanup_free char *caps = NULL;

	/* What is wrong there is said where a container is made. */
	(void)container_default_caps(cmk_conf_list("containers.default_capabilities"), &caps, NULL);
	json_write_object(w, "security");
	json_write_bool(w, "apparmorEnabled", false);
	json_write_str(w, "capabilities", caps ?: "");
	json_write_bool(w, "rootless", getuid() != 0);
	json_write_bool(w, "seccompEnabled", true);
	/* The default profile is built in. */
	json_write_str(w, "seccompProfilePath", cmk_conf_text("containers.seccomp_profile") ?: "");
	json_write_bool(w, "selinuxEnabled", selinux_enabled());
	json_write_end(w, '}');
}

/* What changes with the seconds, and what stands behind it in the alphabet. */
static void write_sysinfo(struct json_writer *w, const struct sysinfo *si)
{
	char uptime[80];

	host_format_uptime((uint64_t)MAX(si->uptime, 0), uptime);
	json_write_u64(w, "swapFree", (uint64_t)si->freeswap * si->mem_unit);
	json_write_u64(w, "swapTotal", (uint64_t)si->totalswap * si->mem_unit);
	json_write_str(w, "uptime", uptime);
}

/* In the order of podman's names; of a program that cmk has not the members are empty. */
void info_write_host(struct json_writer *w, struct storage *st, const struct image_platform *host,
		     const struct cmk_globals *g)
{
	cleanup_free char *slirp = xasprintf("%s/cmk-slirp", process_libexec_dir());
	struct sysinfo si = { 0 };
	struct utsname u = { 0 };

	(void)uname(&u);
	(void)sysinfo(&si);
	json_write_object(w, "host");
	json_write_str(w, "arch", host->arch);
	json_write_str(w, "buildahVersion", "");
	write_cgroup(w);
	write_program(w, "conmon", false, NULL);
	write_cpus(w);
	json_write_str(w, "databaseBackend", "");
	write_distribution(w);
	write_emulators(w);
	json_write_str(w, "eventLogger", g->events_backend);
	json_write_str(w, "hostname", u.nodename);
	write_ids(w, st);
	json_write_str(w, "kernel", u.release);
	json_write_str(w, "linkmode", getauxval(AT_BASE) ? "dynamic" : "static");
	json_write_str(w, "logDriver", cmk_conf_text("containers.log_driver") ?: "k8s-file");
	json_write_u64(w, "memFree", (uint64_t)si.freeram * si.mem_unit);
	json_write_u64(w, "memTotal", (uint64_t)si.totalram * si.mem_unit);
	write_network(w, slirp);
	write_runtime(w, g);
	json_write_str(w, "os", host->os);
	write_program(w, "pasta", true, NULL);
	json_write_object(w, "remoteSocket");
	json_write_bool(w, "exists", false);
	json_write_end(w, '}');
	json_write_str(w, "rootlessNetworkCmd", "slirp");
	write_security(w);
	json_write_bool(w, "serviceIsRemote", false);
	write_program(w, "slirp4netns", true, slirp);
	write_sysinfo(w, &si);
	json_write_str(w, "variant", host->variant ?: "");
	json_write_end(w, '}');
}
