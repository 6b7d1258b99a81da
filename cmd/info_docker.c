// SPDX-License-Identifier: Apache-2.0
/* Of `cmk info`: docker's names of what podman calls otherwise, or does not tell. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/file.h"
#include "cmd/info.h"
#include "libpod/libpod.h"

#define SHORT_FILE_MAX 4096

/* What has another name and the same value. */
static const struct {
	const char *name, *path;
} same[] = {
	{ "CgroupDriver", "host.cgroupManager" },
	{ "Containers", "store.containerStore.number" },
	{ "ContainersPaused", "store.containerStore.paused" },
	{ "ContainersRunning", "store.containerStore.running" },
	{ "ContainersStopped", "store.containerStore.stopped" },
	{ "DefaultRuntime", "host.ociRuntime.name" },
	{ "DockerRootDir", "store.graphRoot" },
	{ "Driver", "store.graphDriverName" },
	{ "Images", "store.imageStore.number" },
	{ "KernelVersion", "host.kernel" },
	{ "LoggingDriver", "host.logDriver" },
	{ "MemTotal", "host.memTotal" },
	{ "NCPU", "host.cpus" },
	{ "Name", "host.hostname" },
	{ "OSType", "host.os" },
	{ "ServerVersion", "version.Version" },
};

static const char *text_of(const struct json *info, const char *path)
{
	return json_str(json_path(info, path)) ?: "";
}

static char *read_short(const char *path)
{
	char *text = NULL;
	size_t len = 0;

	if (file_read_at(AT_FDCWD, path, SHORT_FILE_MAX, &text, &len, NULL) < 0)
		return NULL;
	return text;
}

/* Which limits containers can have. */
static void write_limits(struct json_writer *w, const struct json *info)
{
	static const struct {
		const char *name, *controller;
	} limits[] = {
		{ "CPUSet", "cpuset" },	   { "CPUShares", "cpu" },	{ "CpuCfsPeriod", "cpu" },
		{ "CpuCfsQuota", "cpu" },  { "MemoryLimit", "memory" }, { "PidsLimit", "pids" },
		{ "SwapLimit", "memory" },
	};
	const struct json *controllers = json_path(info, "host.cgroupControllers");

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		bool has = false;

		json_each (c, controllers)
			has |= streq_null(json_str(c), limits[i].controller);
		json_write_bool(w, limits[i].name, has);
	}
	/* cgroup v2 has no switch for it. */
	json_write_bool(w, "OomKillDisable", false);
}

static void write_security(struct json_writer *w, const struct json *info)
{
	const char *profile = text_of(info, "host.security.seccompProfilePath");
	cleanup_free char *seccomp = xasprintf("name=seccomp,profile=%s",
					       *profile ? profile : "builtin");

	json_write_array(w, "SecurityOptions");
	json_write_str(w, NULL, seccomp);
	if (json_bool(json_path(info, "host.security.selinuxEnabled"), false))
		json_write_str(w, NULL, "name=selinux");
	if (json_bool(json_path(info, "host.security.rootless"), false))
		json_write_str(w, NULL, "name=rootless");
	json_write_str(w, NULL, "name=cgroupns");
	json_write_end(w, ']');
}

/* The same for this store on this host, and tells nothing of either: machine-id(5) asks for that.
 */
static void write_id(struct json_writer *w, const struct json *info)
{
	cleanup_free char *machine = read_short("/etc/machine-id");
	cleanup_free char *text = xasprintf("cmk %s %s", machine ?: "",
					    text_of(info, "store.graphRoot"));
	struct digest d;
	char hex[72], id[40];
	const char *p;

	digest_of(text, strlen(text), &d);
	p = str_after(digest_str(&d, hex), "sha256:");
	(void)snprintf(id, sizeof(id), "%.8s-%.4s-%.4s-%.4s-%.12s", p, p + 8, p + 12, p + 16,
		       p + 20);
	json_write_str(w, "ID", id);
}

static void write_system(struct json_writer *w, const struct json *info)
{
	cleanup_strv char **os = info_os_release();
	cleanup_free char *forward = read_short("/proc/sys/net/ipv4/ip_forward");
	const char *cgroup = text_of(info, "host.cgroupVersion");
	char date[32], now[64];
	struct utsname u = { 0 };
	struct timespec ts;
	struct tm tm;

	(void)uname(&u);
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	/* Not podman's "amd64", and without its "v". */
	json_write_str(w, "Architecture", u.machine);
	json_write_str(w, "CgroupVersion", *cgroup == 'v' ? cgroup + 1 : "");
	json_write_str(w, "OperatingSystem", strv_env_get(os, "PRETTY_NAME") ?: "");
	json_write_str(w, "OSVersion", strv_env_get(os, "VERSION_ID") ?: "");
	json_write_bool(w, "IPv4Forwarding", forward && *forward == '1');
	if (!gmtime_r(&ts.tv_sec, &tm))
		return;
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(now, sizeof(now), "%s.%09ldZ", date, ts.tv_nsec);
	json_write_str(w, "SystemTime", now);
}

/* [["Found","..."],...] */
static void write_driver_status(struct json_writer *w, const struct json *info)
{
	json_write_array(w, "DriverStatus");
	json_each (s, json_path(info, "store.graphStatus")) {
		json_write_array(w, NULL);
		json_write_str(w, NULL, s->key);
		json_write_str(w, NULL, json_str(s) ?: "");
		json_write_end(w, ']');
	}
	json_write_end(w, ']');
}

static void write_runtimes(struct json_writer *w, const struct json *info)
{
	json_write_object(w, "Runtimes");
	json_write_object(w, text_of(info, "host.ociRuntime.name"));
	json_write_str(w, "path", text_of(info, "host.ociRuntime.path"));
	json_write_end(w, '}');
	json_write_end(w, '}');
}

/* What a daemon, a swarm or a client of them would have. */
static void write_constant(struct json_writer *w, const struct json *info)
{
	static const char *const empty[] = { "Labels", "Warnings", NULL };

	json_write_bool(w, "Debug", false);
	json_write_bool(w, "ExperimentalBuild", false);
	json_write_str(w, "IndexServerAddress", "https://index.docker.io/v1/");
	json_write_str(w, "InitBinary", "cmk-init");
	json_write_str(w, "Isolation", "");
	/* No daemon's end is a container's. */
	json_write_bool(w, "LiveRestoreEnabled", true);
	for (size_t i = 0; empty[i]; i++)
		json_write_strv(w, empty[i], NULL);
	json_write_object(w, "Swarm");
	json_write_str(w, "NodeID", "");
	json_write_str(w, "NodeAddr", "");
	json_write_str(w, "LocalNodeState", "inactive");
	json_write_bool(w, "ControlAvailable", false);
	json_write_str(w, "Error", "");
	json_write_null(w, "RemoteManagers");
	json_write_end(w, '}');
	json_write_object(w, "ClientInfo");
	json_write_bool(w, "Debug", false);
	json_write_str(w, "Version", text_of(info, "version.Version"));
	json_write_str(w, "Context", "default");
	json_write_strv(w, "Plugins", NULL);
	json_write_strv(w, "Warnings", NULL);
	json_write_end(w, '}');
}

static void write_proxies(struct json_writer *w)
{
	static const struct {
		const char *name, *small, *large;
	} vars[] = { { "HttpProxy", "http_proxy", "HTTP_PROXY" },
		     { "HttpsProxy", "https_proxy", "HTTPS_PROXY" },
		     { "NoProxy", "no_proxy", "NO_PROXY" } };

	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		json_write_str(w, vars[i].name,
			       getenv(vars[i].large) ?: getenv(vars[i].small) ?: "");
}

void info_write_docker(struct json_writer *w, const struct json *info)
{
	write_id(w, info);
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		const struct json *v = json_path(info, same[i].path);

		if (v)
			json_write_value(w, same[i].name, v);
	}
	write_driver_status(w, info);
	write_runtimes(w, info);
	write_limits(w, info);
	write_security(w, info);
	write_system(w, info);
	write_proxies(w);
	write_constant(w, info);
}
