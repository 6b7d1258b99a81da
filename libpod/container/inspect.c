// SPDX-License-Identifier: Apache-2.0
/*
 * The object that `inspect` prints: podman's names and types, for what has truth behind it. Keys of
 * things that cmk does not have yet (health checks, pods, volumes) are left out, or hold the value
 * that says so where scripts ask for them.
 */
#include <stdlib.h>

#include "base/json.h"
#include "libpod/container/private.h"

#define ZERO_TIME "0001-01-01T00:00:00Z"
#define SHM_SIZE 65536000

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static bool is_running(const struct container *c)
{
	return container_is_up(c);
}

static void write_state(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_status *st = &c->status;
	bool up = is_running(c);
	const char *started = up ? c->live.started_at : st->started_at;

	json_write_object(w, "State");
	json_write_str(w, "OciVersion", or_empty(s->oci_version));
	json_write_str(w, "Status", container_state_name(c->state));
	json_write_bool(w, "Running", up);
	json_write_bool(w, "Paused", c->state == CONTAINER_PAUSED);
	json_write_bool(w, "Restarting", false);
	json_write_bool(w, "OOMKilled", !up && st->oom_killed);
	json_write_bool(w, "Dead", false);
	json_write_i64(w, "Pid", up ? c->live.init_pid : 0);
	json_write_i64(w, "ConmonPid", up ? c->live.monitor_pid : 0);
	json_write_i64(w, "ExitCode", up ? 0 : st->exit_code);
	json_write_str(w, "Error", up ? "" : or_empty(st->error));
	json_write_str(w, "StartedAt", started ? started : ZERO_TIME);
	json_write_str(w, "FinishedAt", !up && st->finished_at ? st->finished_at : ZERO_TIME);
	json_write_str(w, "CgroupPath", up ? or_empty(c->live.cgroup_path) : "");
	json_write_end(w, '}');
}

static void write_mounts(struct json_writer *w, const struct container *c, const struct spec *s)
{
	json_write_array(w, "Mounts");
	for (char **b = c->cfg.binds; b && *b; b++) {
		cleanup_strv char **parts = strv_split(*b, ':');

		for (size_t i = 0; i < s->n_mounts; i++) {
			const struct spec_mount *m = &s->mounts[i];

			if (!streq_null(m->source, parts[0]) || !streq(m->destination, parts[1]))
				continue;
			json_write_object(w, NULL);
			json_write_str(w, "Type", "bind");
			json_write_str(w, "Source", m->source);
			json_write_str(w, "Destination", m->destination);
			json_write_str(w, "Driver", "");
			json_write_str(w, "Mode", "");
			json_write_strv(w, "Options", m->options);
			json_write_bool(w, "RW", !strv_has(m->options, "ro"));
			json_write_str(w, "Propagation", "rprivate");
			json_write_end(w, '}');
			break;
		}
	}
	json_write_end(w, ']');
}

static void write_exposed(struct json_writer *w, char *const *ports)
{
	if (!ports || !*ports)
		return;
	json_write_object(w, "ExposedPorts");
	for (; *ports; ports++) {
		json_write_object(w, *ports);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

static void write_config(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_config *cfg = &c->cfg;

	json_write_object(w, "Config");
	json_write_str(w, "Hostname", cfg->hostname);
	json_write_str(w, "Domainname", "");
	json_write_str(w, "User", or_empty(cfg->user));
	json_write_bool(w, "AttachStdin", false);
	json_write_bool(w, "AttachStdout", false);
	json_write_bool(w, "AttachStderr", false);
	json_write_bool(w, "Tty", cfg->terminal);
	json_write_bool(w, "OpenStdin", cfg->interactive);
	json_write_bool(w, "StdinOnce", false);
	json_write_strv(w, "Env", s->process.env);
	json_write_strv(w, "Cmd", cfg->cmd);
	json_write_str(w, "Image", or_empty(cfg->image_name));
	json_write_null(w, "Volumes");
	json_write_str(w, "WorkingDir", or_empty(cfg->workdir));
	if (cfg->entrypoint)
		json_write_strv(w, "Entrypoint", cfg->entrypoint);
	else
		json_write_null(w, "Entrypoint");
	json_write_null(w, "OnBuild");
	json_write_map(w, "Labels", cfg->labels);
	json_write_str(w, "StopSignal", cfg->stop_signal ? cfg->stop_signal : "SIGTERM");
	write_exposed(w, cfg->exposed_ports);
	json_write_strv(w, "CreateCommand", cfg->create_command);
	{
		cleanup_free char *umask = xasprintf("%04o", s->process.user.umask);

		json_write_str(w, "Umask", umask);
	}
	json_write_u64(w, "StopTimeout", cfg->stop_timeout_s);
	json_write_end(w, '}');
}

/* "80/tcp": [{"HostIp", "HostPort"}] for each port; the exposed ones that are not published: null.
 */
static void write_ports(struct json_writer *w, const char *key, const struct container *c,
			bool with_exposed)
{
	const struct container_config *cfg = &c->cfg;
	char **done = NULL;

	json_write_object(w, key);
	for (size_t i = 0; i < cfg->n_ports; i++) {
		const struct container_port *p = &cfg->ports[i];

		for (int k = 0; k < MAX(p->range, 1); k++) {
			cleanup_free char *name = xasprintf("%d/%s", p->container_port + k,
							    p->protocol);

			if (strv_has(done, name))
				continue;
			json_write_array(w, name);
			/* All bindings of this port stand in one array. */
			for (size_t j = i; j < cfg->n_ports; j++) {
				const struct container_port *q = &cfg->ports[j];
				int off = p->container_port + k - q->container_port;
				cleanup_free char *host = NULL;

				if (off < 0 || off >= MAX(q->range, 1) ||
				    !streq(p->protocol, q->protocol))
					continue;
				host = xasprintf("%d", q->host_port + off);
				json_write_object(w, NULL);
				json_write_str(w, "HostIp",
					       q->host_ip && *q->host_ip ? q->host_ip : "0.0.0.0");
				json_write_str(w, "HostPort", host);
				json_write_end(w, '}');
			}
			json_write_end(w, ']');
			strv_add_take(&done, steal_ptr(&name));
		}
	}
	for (char **e = cfg->exposed_ports; with_exposed && e && *e; e++) {
		if (!strv_has(done, *e))
			json_write_null(w, *e);
	}
	json_write_end(w, '}');
	(void)strv_free(done);
}

static void write_ulimits(struct json_writer *w, const struct spec *s)
{
	json_write_array(w, "Ulimits");
	for (size_t i = 0; i < s->process.n_rlimits; i++) {
		const struct spec_rlimit *l = &s->process.rlimits[i];

		json_write_object(w, NULL);
		json_write_str(w, "Name", l->type);
		/* -1 for unlimited, as podman. */
		json_write_i64(w, "Soft", (int64_t)l->soft);
		json_write_i64(w, "Hard", (int64_t)l->hard);
		json_write_end(w, '}');
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

static void write_host_config(struct json_writer *w, const struct container *c,
			      const struct spec *s)
{
	const struct container_config *cfg = &c->cfg;

	json_write_object(w, "HostConfig");
	json_write_strv(w, "Binds", cfg->binds);
	json_write_str(w, "CgroupManager", "cgroupfs");
	json_write_str(w, "CgroupMode", "private");
	json_write_str(w, "ContainerIDFile", or_empty(cfg->cidfile));
	json_write_object(w, "LogConfig");
	json_write_str(w, "Type", or_empty(cfg->log_driver));
	json_write_null(w, "Config");
	{
		cleanup_free char *log = xasprintf("%s/containers/%s/ctr.log", c->st->root,
						   cfg->id);

		json_write_str(w, "Path", log);
	}
	json_write_end(w, '}');
	json_write_str(w, "NetworkMode", or_empty(cfg->network));
	write_ports(w, "PortBindings", c, false);
	json_write_object(w, "RestartPolicy");
	json_write_str(w, "Name", "no");
	json_write_i64(w, "MaximumRetryCount", 0);
	json_write_end(w, '}');
	json_write_bool(w, "AutoRemove", cfg->remove);
	json_write_strv(w, "CapAdd", cfg->cap_add);
	json_write_strv(w, "CapDrop", cfg->cap_drop);
	json_write_strv(w, "GroupAdd", cfg->group_add);
	json_write_bool(w, "Init", cfg->init);
	json_write_str(w, "IpcMode", "private");
	json_write_i64(w, "Memory", cfg->memory);
	json_write_i64(w, "NanoCpus", cfg->nano_cpus);
	json_write_u64(w, "CpuPeriod", s->resources.cpu_period);
	json_write_i64(w, "CpuQuota", s->resources.cpu_quota);
	json_write_str(w, "PidMode", "private");
	json_write_i64(w, "PidsLimit", cfg->pids_limit);
	json_write_bool(w, "Privileged", false);
	json_write_bool(w, "PublishAllPorts", cfg->publish_all);
	json_write_bool(w, "ReadonlyRootfs", cfg->read_only);
	json_write_strv(w, "SecurityOpt", cfg->security_opt);
	json_write_str(w, "Runtime", "cmk");
	json_write_map(w, "Annotations", s->annotations);
	json_write_i64(w, "ShmSize", SHM_SIZE);
	write_tmpfs(w, s);
	write_ulimits(w, s);
	json_write_str(w, "UTSMode", "private");
	json_write_str(w, "UsernsMode", "");
	json_write_end(w, '}');
}

static void write_network(struct json_writer *w, const struct container *c)
{
	bool up = is_running(c) && streq_null(c->cfg.network, "slirp");
	cleanup_free char *key = up ? xasprintf("/proc/%lld/ns/net", (long long)c->live.init_pid)
				    : NULL;

	json_write_object(w, "NetworkSettings");
	json_write_str(w, "IPAddress", up ? NETWORK_SLIRP_IP4 : "");
	json_write_i64(w, "IPPrefixLen", up ? NETWORK_SLIRP_PREFIX4 : 0);
	json_write_str(w, "Gateway", up ? NETWORK_SLIRP_GATEWAY4 : "");
	json_write_str(w, "MacAddress", "");
	json_write_str(w, "SandboxKey", or_empty(key));
	write_ports(w, "Ports", c, true);
	json_write_object(w, "Networks");
	json_write_end(w, '}');
	json_write_end(w, '}');
}

static void write_driver(struct json_writer *w, const struct container *c)
{
	struct storage_driver d = { 0 };
	const char *dir = c->st->root, *id = c->cfg.id;
	cleanup_free char *upper = NULL, *work = NULL, *merged = NULL;

	if (c->cfg.rootfs || storage_driver_get(c->st, &d, NULL) < 0)
		return;
	json_write_str(w, "Driver", d.name);
	json_write_object(w, "GraphDriver");
	json_write_str(w, "Name", d.name);
	json_write_object(w, "Data");
	if (c->cfg.n_layers && !streq(d.name, "vfs")) {
		struct strbuf lower = STRBUF_INIT;

		upper = xasprintf("%s/containers/%s/upper", dir, id);
		work = xasprintf("%s/containers/%s/work", dir, id);
		for (size_t i = c->cfg.n_layers; i > 0; i--) {
			const char *hex = str_after(c->cfg.layers[i - 1].diff_id, "sha256:");

			strbuf_addf(&lower, "%s%s/layers/%s/diff", lower.len ? ":" : "", dir,
				    or_empty(hex));
		}
		json_write_str(w, "LowerDir", strbuf_str(&lower));
		json_write_str(w, "UpperDir", upper);
		json_write_str(w, "WorkDir", work);
		strbuf_done(&lower);
	}
	merged = xasprintf("%s/containers/%s/merged", dir, id);
	json_write_str(w, "MergedDir", merged);
	json_write_end(w, '}');
	json_write_end(w, '}');
}

static void write_file(struct json_writer *w, const char *key, const struct container *c,
		       const char *name)
{
	cleanup_free char *path = xasprintf("%s/containers/%s/%s", c->st->root, c->cfg.id, name);

	json_write_str(w, key, path);
}

int container_inspect(struct container *c, struct json_writer *w, struct cmk_err *err)
{
	const struct container_config *cfg = &c->cfg;
	struct spec *s = NULL;
	int r = container_dir(c, err);

	if (r >= 0)
		r = spec_load(c->dir_fd, &s, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "inspect container '%s'", cfg->name);
	json_write_object(w, NULL);
	json_write_str(w, "Id", cfg->id);
	json_write_str(w, "Created", cfg->created);
	json_write_str(w, "Path", cfg->command ? cfg->command[0] : "");
	json_write_strv(w, "Args", cfg->command && cfg->command[0] ? cfg->command + 1 : NULL);
	write_state(w, c, s);
	json_write_str(w, "Image", or_empty(cfg->image_id));
	json_write_str(w, "ImageName", or_empty(cfg->image_name));
	json_write_str(w, "Rootfs", or_empty(cfg->rootfs));
	write_file(w, "ResolvConfPath", c, "resolv.conf");
	write_file(w, "HostnamePath", c, "hostname");
	write_file(w, "HostsPath", c, "hosts");
	write_file(w, "StaticDir", c, "");
	write_file(w, "OCIConfigPath", c, "config.json");
	json_write_str(w, "OCIRuntime", "cmk");
	json_write_str(w, "Name", cfg->name);
	json_write_i64(w, "RestartCount", c->status.restarts);
	json_write_strv(w, "EffectiveCaps", s->process.caps.effective);
	json_write_strv(w, "BoundingCaps", s->process.caps.bounding);
	json_write_strv(w, "ExecIDs", NULL);
	write_driver(w, c);
	write_mounts(w, c, s);
	write_network(w, c);
	json_write_str(w, "Namespace", "");
	json_write_bool(w, "IsInfra", false);
	write_config(w, c, s);
	write_host_config(w, c, s);
	json_write_end(w, '}');
	(void)spec_free(s);
	return 0;
}
