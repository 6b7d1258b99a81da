// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>

#include "libpod/container/inspect.h"
#include "libpod/libpod.h"

#define ZERO_TIME "0001-01-01T00:00:00Z"

static void write_state(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_status *st = &c->status;
	bool up = container_is_up(c), active = container_is_active(c);
	const char *started = up ? c->live.started_at : st->started_at;

	json_write_object(w, "State");
	json_write_str(w, "OciVersion", inspect_str(s->oci_version));
	json_write_str(w, "Status", container_state_name(c->state));
	json_write_bool(w, "Running", up);
	json_write_bool(w, "Paused", c->state == CONTAINER_PAUSED);
	json_write_bool(w, "Restarting", c->state == CONTAINER_RESTARTING);
	json_write_bool(w, "OOMKilled", !up && st->oom_killed);
	json_write_bool(w, "Dead", false);
	json_write_i64(w, "Pid", active ? c->live.init_pid : 0);
	json_write_i64(w, "ConmonPid", active ? c->live.monitor_pid : 0);
	json_write_i64(w, "ExitCode",
		       c->state == CONTAINER_RESTARTING ? c->live.exit_code
		       : up				? 0
							: st->exit_code);
	json_write_str(w, "Error", up ? "" : inspect_str(st->error));
	json_write_str(w, "StartedAt", started ? started : ZERO_TIME);
	json_write_str(w, "FinishedAt", !up && st->finished_at ? st->finished_at : ZERO_TIME);
	health_inspect_state(w, c);
	json_write_str(w, "CgroupPath", active ? inspect_str(c->live.cgroup_path) : "");
	json_write_bool(w, "StoppedByUser", st->stopped_by_user);
	json_write_bool(w, "Checkpointed", false);
	json_write_str(w, "CheckpointedAt", ZERO_TIME);
	json_write_bool(w, "Restored", false);
	json_write_str(w, "RestoredAt", ZERO_TIME);
	json_write_end(w, '}');
}

/* As the option lowerdir= of a mount would name them; nothing where a layer is missing. */
static char *lower_text(const struct container *c)
{
	cleanup(rootfs_plan_done) struct rootfs_plan plan = { 0 };
	struct strbuf text = STRBUF_INIT;

	if (storage_layers_plan(c->st, c->cfg.layers, c->cfg.n_layers, &plan, NULL) < 0)
		return xstrdup("");
	for (char **l = plan.lower; l && *l; l++)
		strbuf_addf(&text, "%s%s", text.len ? ":" : "", *l);
	for (char **d = plan.data; d && *d; d++)
		strbuf_addf(&text, "::%s", *d);
	return strbuf_steal(&text);
}

static void write_driver_data(struct json_writer *w, const struct container *c, const char *driver)
{
	const char *dir = c->st->root, *id = c->cfg.id;
	const char *const rest[][2] = { { "UpperDir", "upper" },
					{ "WorkDir", "work" },
					{ "MergedDir", "merged" } };

	if (!streq(driver, "vfs")) {
		cleanup_free char *lower = lower_text(c);

		json_write_str(w, "LowerDir", lower);
	}
	for (size_t i = streq(driver, "vfs") ? 2 : 0; i < ARRAY_LEN(rest); i++) {
		cleanup_free char *path = xasprintf("%s/containers/%s/%s", dir, id, rest[i][1]);

		json_write_str(w, rest[i][0], path);
	}
}

static void write_driver(struct json_writer *w, const struct container *c)
{
	struct storage_driver d = { 0 };
	const char *name = c->cfg.rootfs ? NULL : storage_rootfs_driver(c->st, c->cfg.id);

	if (!name)
		name = storage_driver_get(c->st, &d, NULL) < 0 ? "" : d.name;
	json_write_str(w, "Driver", name);
	json_write_object(w, "GraphDriver");
	json_write_str(w, "Name", name);
	json_write_object(w, "Data");
	/* With --rootfs nothing of the driver's is mounted. */
	if (!c->cfg.rootfs && *name)
		write_driver_data(w, c, name);
	json_write_end(w, '}');
	json_write_end(w, '}');
}

/* NAME NULL: there is none. */
static void write_file(struct json_writer *w, const char *key, const struct container *c,
		       const char *name)
{
	cleanup_free char *path = name ? xasprintf("%s/containers/%s/%s", c->st->root, c->cfg.id,
						   name)
				       : NULL;

	json_write_str(w, key, inspect_str(path));
}

static void write_image(struct json_writer *w, const struct container *c)
{
	struct image_record rec = { 0 };

	/* Removed since: then nobody knows any more. */
	if (c->cfg.image_id)
		(void)storage_image_load(c->st, c->cfg.image_id, &rec, NULL);
	json_write_str(w, "Image", inspect_str(c->cfg.image_id));
	json_write_str(w, "ImageDigest", inspect_str(storage_image_digest(&rec)));
	json_write_str(w, "ImageName", inspect_str(c->cfg.image_name));
	json_write_str(w, "Rootfs", inspect_str(c->cfg.rootfs));
	image_record_done(&rec);
}

static void write_files(struct json_writer *w, const struct container *c)
{
	const struct container_config *cfg = &c->cfg;
	cleanup_free char *log = container_log_path(c);

	write_file(w, "ResolvConfPath", c, strv_has(cfg->dns, "none") ? NULL : "resolv.conf");
	write_file(w, "HostnamePath", c, cfg->no_hostname ? NULL : "hostname");
	write_file(w, "HostsPath", c, cfg->no_hosts ? NULL : "hosts");
	write_file(w, "StaticDir", c, "");
	write_file(w, "OCIConfigPath", c, "config.json");
	json_write_str(w, "LogPath", inspect_str(log));
	json_write_str(w, "OCIRuntime", cfg->runtime ?: "cmk");
	json_write_str(w, "ConmonPidFile", inspect_str(cfg->conmon_pidfile));
	json_write_str(w, "PidFile", inspect_str(cfg->pidfile));
}

static void write_head(struct json_writer *w, const struct container *c, const struct spec *s)
{
	const struct container_config *cfg = &c->cfg;

	json_write_str(w, "Id", cfg->id);
	json_write_str(w, "Created", cfg->created);
	json_write_str(w, "Path", cfg->command ? cfg->command[0] : "");
	json_write_strv(w, "Args", cfg->command && cfg->command[0] ? cfg->command + 1 : NULL);
	write_state(w, c, s);
	write_image(w, c);
	json_write_str(w, "Pod", "");
	write_files(w, c);
	json_write_str(w, "Name", cfg->name);
	json_write_i64(w, "RestartCount",
		       container_is_active(c) ? c->live.restarts : c->status.restarts);
	json_write_str(w, "Platform", "linux");
}

int container_inspect(struct container *c, bool with_size, struct json_writer *w,
		      struct cmk_err *err)
{
	const struct container_config *cfg = &c->cfg;
	struct container_size size = { 0 };
	cleanup_strv char **sessions = NULL;
	struct spec *s = NULL;
	int r = container_dir(c, err);

	if (r >= 0 && with_size)
		r = container_sizes(c->st, (const struct container *const *)&c, 1, &size, err);
	if (r >= 0)
		r = spec_load(c->dir_fd, &s, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "inspect container '%s'", cfg->name);
	if (container_is_active(c))
		sessions = exec_session_list(c->st, cfg->id);
	json_write_object(w, NULL);
	write_head(w, c, s);
	json_write_str(w, "MountLabel", inspect_str(s->mount_label));
	json_write_str(w, "ProcessLabel", inspect_str(s->process.selinux_label));
	json_write_str(w, "AppArmorProfile", inspect_str(s->process.apparmor_profile));
	json_write_strv(w, "EffectiveCaps", s->process.caps.effective);
	json_write_strv(w, "BoundingCaps", s->process.caps.bounding);
	json_write_strv(w, "ExecIDs", sessions);
	write_driver(w, c);
	if (with_size) {
		json_write_i64(w, "SizeRw", (int64_t)size.changed);
		json_write_i64(w, "SizeRootFs", (int64_t)size.total);
	}
	inspect_mounts(w, c);
	json_write_strv(w, "Dependencies", cfg->requires);
	inspect_network(w, c);
	json_write_str(w, "Namespace", "");
	json_write_bool(w, "IsInfra", false);
	json_write_bool(w, "IsService", false);
	json_write_str(w, "KubeExitCodePropagation", "invalid");
	json_write_i64(w, "lockNumber", 0);
	json_write_bool(w, "UseImageHosts", cfg->no_hosts);
	json_write_bool(w, "UseImageHostname", cfg->no_hostname);
	inspect_config(w, c, s);
	inspect_host_config(w, c, s);
	json_write_end(w, '}');
	(void)spec_free(s);
	return 0;
}
