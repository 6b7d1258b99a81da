// SPDX-License-Identifier: Apache-2.0
#include "libpod/container/inspect.h"

#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/parse.h"
#include "libpod/libpod.h"
#include "libpod/spec/rlimit.h"

#define SHM_SIZE 65536000

/* Published ports are exposed, too. */
static void write_exposed(struct json_writer *w, const struct container_config *cfg)
{
	cleanup_strv char **ports = strv_dup(cfg->exposed_ports);

	for (size_t i = 0; i < cfg->n_ports; i++) {
		const struct container_port *p = &cfg->ports[i];

		for (int k = 0; k < MAX(p->range, 1); k++) {
			cleanup_free char *name = xasprintf("%d/%s", p->container_port + k,
							    p->protocol);

			if (!strv_has(ports, name))
				strv_add(&ports, name);
		}
	}
	if (!ports || !*ports)
		return;
	json_write_object(w, "ExposedPorts");
	for (char **port = ports; *port; port++) {
		json_write_object(w, *port);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

void inspect_config(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_config *cfg = &c->cfg;
	cleanup_free char *umask = xasprintf("%04o", s->process.user.umask);

	json_write_object(w, "Config");
	json_write_str(w, "Hostname", cfg->hostname);
	json_write_str(w, "Domainname", inspect_str(s->domainname));
	json_write_str(w, "User", inspect_str(cfg->user));
	json_write_bool(w, "AttachStdin", strv_has(cfg->attach, "stdin"));
	json_write_bool(w, "AttachStdout", strv_has(cfg->attach, "stdout"));
	json_write_bool(w, "AttachStderr", strv_has(cfg->attach, "stderr"));
	json_write_bool(w, "Tty", cfg->terminal);
	json_write_bool(w, "OpenStdin", cfg->interactive);
	json_write_bool(w, "StdinOnce", false);
	inspect_env(w, c, s);
	json_write_strv(w, "Cmd", cfg->cmd);
	json_write_str(w, "Image", inspect_str(cfg->image_name));
	json_write_null(w, "Volumes");
	inspect_secrets(w, c);
	json_write_str(w, "WorkingDir", inspect_str(cfg->workdir));
	if (cfg->entrypoint)
		json_write_strv(w, "Entrypoint", cfg->entrypoint);
	else
		json_write_null(w, "Entrypoint");
	json_write_null(w, "OnBuild");
	json_write_map(w, "Labels", cfg->labels);
	json_write_map(w, "Annotations", s->annotations);
	json_write_str(w, "StopSignal", cfg->stop_signal ? cfg->stop_signal : "SIGTERM");
	write_exposed(w, cfg);
	json_write_strv(w, "CreateCommand", cfg->create_command);
	if (cfg->timezone)
		json_write_str(w, "Timezone", cfg->timezone);
	json_write_bool(w, "SystemdMode", cfg->systemd);
	json_write_str(w, "Umask", umask);
	json_write_u64(w, "Timeout", cfg->timeout_s);
	json_write_u64(w, "StopTimeout", cfg->stop_timeout_s);
	health_inspect_config(w, cfg->health);
	json_write_bool(w, "Passwd", !cfg->no_passwd);
	json_write_null(w, "ChrootDirs");
	json_write_str(w, "sdNotifyMode", cfg->sdnotify ? cfg->sdnotify : "container");
	json_write_str(w, "sdNotifySocket", inspect_str(cfg->sdnotify_socket));
	json_write_end(w, '}');
}

/* --- HostConfig --------------------------------------------------------------------------------
 */

static void write_ulimit(struct json_writer *w, const char *type, uint64_t soft, uint64_t hard)
{
	json_write_object(w, NULL);
	json_write_str(w, "Name", type);
	/* -1 for unlimited, as podman. */
	json_write_i64(w, "Soft", (int64_t)soft);
	json_write_i64(w, "Hard", (int64_t)hard);
	json_write_end(w, '}');
}

static bool has_ulimit(const struct spec *s, const char *type)
{
	for (size_t i = 0; i < s->process.n_rlimits; i++)
		if (streq(s->process.rlimits[i].type, type))
			return true;
	return false;
}

/* Those that were asked for; of a container that runs also the two that are raised anyway, as its
 * first process has them. */
static void write_ulimits(struct json_writer *w, const struct container *c, const struct spec *s)
{
	static const char *const raised[] = { "RLIMIT_NOFILE", "RLIMIT_NPROC" };

	json_write_array(w, "Ulimits");
	for (size_t i = 0; i < s->process.n_rlimits; i++) {
		const struct spec_rlimit *l = &s->process.rlimits[i];

		write_ulimit(w, l->type, l->soft, l->hard);
	}
	for (size_t i = 0; container_is_up(c) && i < ARRAY_LEN(raised); i++) {
		const __rlimit_resource_t number = (__rlimit_resource_t)rlimit_number(raised[i]);
		struct rlimit rl;

		if (!has_ulimit(s, raised[i]) &&
		    prlimit((pid_t)c->live.init_pid, number, NULL, &rl) == 0)
			write_ulimit(w, raised[i], rl.rlim_cur, rl.rlim_max);
	}
	json_write_end(w, ']');
}

static void write_tmpfs(struct json_writer *w, const struct spec *s)
{
	json_write_object(w, "Tmpfs");
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		cleanup_free char *options = NULL;

		if (!streq_null(m->type, "tmpfs") || streq(m->destination, "/dev") ||
		    streq(m->destination, "/dev/shm") || streq(m->destination, "/sys"))
			continue;
		options = strv_join(m->options, ",");
		json_write_str(w, m->destination, options);
	}
	json_write_end(w, '}');
}

/* What was added to podman's default set, and what of it was dropped. */
static void write_caps(struct json_writer *w, const struct container_config *cfg,
		       const struct spec *s)
{
	json_write_array(w, "CapAdd");
	for (char **c = s->process.caps.bounding; !cfg->privileged && c && *c; c++)
		if (!strv_has((char *const *)(uintptr_t)spec_default_caps, *c))
			json_write_str(w, NULL, *c);
	json_write_end(w, ']');
	json_write_array(w, "CapDrop");
	for (const char *const *c = spec_default_caps; *c; c++)
		if (!strv_has(s->process.caps.bounding, *c))
			json_write_str(w, NULL, *c);
	json_write_end(w, ']');
}

static int64_t shm_size(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		for (char **o = m->options; streq(m->destination, "/dev/shm") && o && *o; o++) {
			const char *size = str_after(*o, "size=");
			uint64_t bytes;

			if (size && parse_bytes(size, &bytes) == 0)
				return (int64_t)bytes;
		}
	}
	return SHM_SIZE;
}

/* "10kB", as podman shows it: decimal, four digits. */
static char *human_size(int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	size_t i = 0;

	for (; v >= 1000 && i + 1 < ARRAY_LEN(units); i++)
		v /= 1000;
	return xasprintf("%.4g%s", v, units[i]);
}

static void write_log_config(struct json_writer *w, const struct container *c)
{
	const char *driver = inspect_str(c->cfg.log_driver);
	cleanup_free char *path = container_log_path(c), *size = human_size(c->cfg.log_max_size);

	json_write_object(w, "LogConfig");
	json_write_str(w, "Type", driver);
	json_write_null(w, "Config");
	json_write_str(w, "Path", inspect_str(path));
	json_write_str(w, "Tag", inspect_str(c->cfg.log_tag));
	json_write_str(w, "Size", size);
	json_write_end(w, '}');
}

/* "0:1:65536" for each range; nothing where the container has the default maps. */
static void write_maps(struct json_writer *w, const struct spec *s)
{
	const struct {
		const char *key;
		const struct spec_id_mapping *map;
		size_t n;
	} maps[] = { { "UidMap", s->uid_mappings, s->n_uid_mappings },
		     { "GidMap", s->gid_mappings, s->n_gid_mappings } };

	if (!s->n_uid_mappings && !s->n_gid_mappings)
		return;
	json_write_object(w, "IDMappings");
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		json_write_array(w, maps[i].key);
		for (size_t k = 0; k < maps[i].n; k++) {
			cleanup_free char *text = xasprintf("%u:%u:%u", maps[i].map[k].container_id,
							    maps[i].map[k].host_id,
							    maps[i].map[k].size);

			json_write_str(w, NULL, text);
		}
		json_write_end(w, ']');
	}
	json_write_end(w, '}');
}

/* "/dev/sda", as the kernel names it; where it is gone its numbers. */
static char *device_path(const struct spec_device_value *v)
{
	char link[64], target[PATH_MAX], *name;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", v->major, v->minor);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return xasprintf("%u:%u", v->major, v->minor);
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	/* sysfs writes '!' for the '/' of "cciss/c0d0". */
	for (char *p = name; *p; p++)
		*p = *p == '!' ? '/' : *p;
	return xasprintf("/dev/%s", name);
}

static void write_devices(struct json_writer *w, const char *key, const char *value_key,
			  const struct spec_device_list *l)
{
	json_write_array(w, key);
	for (size_t i = 0; i < l->n; i++) {
		cleanup_free char *path = device_path(&l->list[i]);

		json_write_object(w, NULL);
		json_write_str(w, "Path", path);
		json_write_u64(w, value_key, l->list[i].value);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

static void write_block_io(struct json_writer *w, const struct spec_resources *res)
{
	static const char *const rates[N_IO_RATES] = {
		[IO_READ_BPS] = "BlkioDeviceReadBps",
		[IO_WRITE_BPS] = "BlkioDeviceWriteBps",
		[IO_READ_IOPS] = "BlkioDeviceReadIOps",
		[IO_WRITE_IOPS] = "BlkioDeviceWriteIOps",
	};
	bool any = res->blkio_weight || res->weights.n;

	for (size_t i = 0; i < N_IO_RATES; i++)
		any = any || res->rates[i].n;
	json_write_u64(w, "BlkioWeight", res->blkio_weight);
	/* null where there is none at all, as podman. */
	if (any)
		write_devices(w, "BlkioWeightDevice", "Weight", &res->weights);
	else
		json_write_null(w, "BlkioWeightDevice");
	for (size_t i = 0; i < N_IO_RATES; i++) {
		if (any)
			write_devices(w, rates[i], "Rate", &res->rates[i]);
		else
			json_write_null(w, rates[i]);
	}
}

static void write_limits(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_config *cfg = &c->cfg;
	const struct spec_resources *res = &s->resources;
	/* Records of older versions do not tell it. */
	int64_t swap = res->memory_swap ? res->memory_swap : 2 * cfg->memory;

	json_write_u64(w, "CpuShares", res->cpu_shares);
	json_write_i64(w, "Memory", cfg->memory);
	json_write_i64(w, "NanoCpus", cfg->nano_cpus);
	json_write_str(w, "CgroupParent", inspect_str(cfg->cgroup_parent));
	write_block_io(w, res);
	json_write_u64(w, "CpuPeriod", res->cpu_period);
	json_write_i64(w, "CpuQuota", res->cpu_quota);
	json_write_i64(w, "CpuRealtimePeriod", 0);
	json_write_i64(w, "CpuRealtimeRuntime", 0);
	json_write_str(w, "CpusetCpus", inspect_str(res->cpuset_cpus));
	json_write_str(w, "CpusetMems", inspect_str(res->cpuset_mems));
	json_write_null(w, "DeviceCgroupRules");
	json_write_null(w, "DeviceRequests");
	json_write_i64(w, "DiskQuota", 0);
	json_write_i64(w, "KernelMemory", 0);
	json_write_i64(w, "MemoryReservation", res->memory_reservation);
	json_write_i64(w, "MemorySwap", cfg->memory ? swap : 0);
	json_write_i64(w, "MemorySwappiness", 0);
	json_write_bool(w, "OomKillDisable", false);
	json_write_bool(w, "Init", cfg->init);
	json_write_i64(w, "PidsLimit", cfg->pids_limit);
	write_ulimits(w, c, s);
	json_write_i64(w, "CpuCount", 0);
	json_write_i64(w, "CpuPercent", 0);
	json_write_i64(w, "IOMaximumIOps", 0);
	json_write_i64(w, "IOMaximumBandwidth", 0);
	if (res->unified)
		json_write_map(w, "CgroupConf", res->unified);
	else
		json_write_null(w, "CgroupConf");
}

static void write_restart_policy(struct json_writer *w, const struct container_config *cfg)
{
	json_write_object(w, "RestartPolicy");
	json_write_str(w, "Name", cfg->restart_policy ? cfg->restart_policy : "no");
	json_write_i64(w, "MaximumRetryCount", cfg->restart_retries);
	json_write_end(w, '}');
}

static void write_names(struct json_writer *w, const struct container_config *cfg)
{
	json_write_strv(w, "Dns", cfg->dns);
	json_write_strv(w, "DnsOptions", cfg->dns_options);
	json_write_strv(w, "DnsSearch", cfg->dns_search);
	json_write_strv(w, "ExtraHosts", cfg->add_hosts);
	json_write_str(w, "HostsFile", inspect_str(cfg->hosts_file));
	json_write_strv(w, "GroupAdd", cfg->group_add);
}

/* Whose namespaces it has. As podman shows it: any map of its own is "private". */
static void write_modes(struct json_writer *w, const struct container_config *cfg)
{
	const char *users = inspect_str(cfg->userns_mode);
	bool joined = str_after(users, "container:") || str_after(users, "ns:");

	json_write_str(w, "IpcMode", cfg->ipc_mode ?: "shareable");
	json_write_str(w, "PidMode", cfg->pid_mode ?: "private");
	json_write_str(w, "UTSMode", cfg->uts_mode ?: "private");
	json_write_str(w, "UsernsMode", *users && !joined ? "private" : users);
	json_write_str(w, "CgroupMode", cfg->cgroup_mode ?: "private");
	json_write_str(w, "CgroupnsMode", cfg->cgroup_mode ?: "private");
}

/* Who made its group; before the first start who would make it, by what the record says. */
static const char *cgroup_manager_of(const struct container *c)
{
	cleanup(cgroup_delegation_done) struct cgroup_delegation d = CGROUP_DELEGATION_INIT;

	if (container_is_active(c) && c->live.cgroup_path)
		return c->live.cgroup_manager && streq(c->live.cgroup_manager, "systemd")
			       ? "systemd"
			       : "cgroupfs";
	if (c->cfg.cgroup_manager)
		return c->cfg.cgroup_manager;
	(void)cgroup_delegation_find(&d, NULL);
	return streq(cgroup_manager_choice(NULL, &d), "systemd") ? "systemd" : "cgroupfs";
}

void inspect_host_config(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_config *cfg = &c->cfg;

	json_write_object(w, "HostConfig");
	json_write_strv(w, "Binds", cfg->binds);
	json_write_str(w, "CgroupManager", cgroup_manager_of(c));
	json_write_str(w, "ContainerIDFile", inspect_str(cfg->cidfile));
	write_log_config(w, c);
	json_write_str(w, "NetworkMode", inspect_str(cfg->network));
	inspect_ports(w, "PortBindings", c, false);
	write_restart_policy(w, cfg);
	json_write_bool(w, "AutoRemove", cfg->remove);
	json_write_bool(w, "AutoRemoveImage", cfg->remove_image);
	json_write_map(w, "Annotations", s->annotations);
	json_write_str(w, "VolumeDriver", "");
	inspect_devices(w, c);
	inspect_volumes_from(w, c);
	write_caps(w, cfg, s);
	write_names(w, cfg);
	write_modes(w, cfg);
	json_write_str(w, "Cgroup", "");
	json_write_str(w, "Cgroups", cfg->cgroups ?: "default");
	json_write_null(w, "Links");
	json_write_i64(w, "OomScoreAdj",
		       s->process.has_oom_score_adj ? s->process.oom_score_adj : 0);
	json_write_bool(w, "Privileged", cfg->privileged);
	json_write_bool(w, "PublishAllPorts", cfg->publish_all);
	json_write_bool(w, "ReadonlyRootfs", cfg->read_only);
	json_write_strv(w, "MaskedPaths", s->masked_paths);
	json_write_strv(w, "ReadonlyPaths", s->readonly_paths);
	json_write_strv(w, "SecurityOpt", cfg->security_opt);
	if (s->sysctl && *s->sysctl) /* docker's, and left out as there */
		json_write_map(w, "Sysctls", s->sysctl);
	write_tmpfs(w, s);
	write_maps(w, s);
	json_write_i64(w, "ShmSize", shm_size(s));
	json_write_str(w, "Runtime", "oci");
	json_write_array(w, "ConsoleSize");
	json_write_i64(w, NULL, s->process.rows);
	json_write_i64(w, NULL, s->process.columns);
	json_write_end(w, ']');
	json_write_str(w, "Isolation", "");
	json_write_str(w, "IntelRdtClosID", "");
	write_limits(w, c, s);
	json_write_end(w, '}');
}
