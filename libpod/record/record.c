// SPDX-License-Identifier: Apache-2.0
#include "libpod/record/internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "libpod/cgroup/cgroup.h"

/* Only the diff IDs matter to a container: blobs are the image's affair. */
static const struct json_field layer_fields[] = {
	JSON_FIELD(struct image_layer_ref, diff_id, "diff_id", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct image_layer_ref, map, "map", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct image_layer_ref, pending, "pending", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

static const struct json_field port_fields[] = {
	JSON_FIELD(struct container_port, host_ip, "host_ip", JSON_F_STR, 0),
	JSON_FIELD(struct container_port, protocol, "protocol", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct container_port, host_port, "host_port", JSON_F_INT, 0),
	JSON_FIELD(struct container_port, container_port, "container_port", JSON_F_INT,
		   JSON_REQUIRED),
	JSON_FIELD(struct container_port, range, "range", JSON_F_INT, 0),
	JSON_FIELD_END,
};

#define MOUNT(member, kind, flags) JSON_FIELD(struct container_mount, member, #member, kind, flags)
static const struct json_field mount_fields[] = {
	MOUNT(type, JSON_F_STR, JSON_REQUIRED),
	MOUNT(name, JSON_F_STR, JSON_OMIT_EMPTY),
	MOUNT(source, JSON_F_STR, JSON_OMIT_EMPTY),
	MOUNT(destination, JSON_F_STR, JSON_REQUIRED),
	MOUNT(options, JSON_F_STRV, JSON_OMIT_EMPTY),
	MOUNT(mode, JSON_F_STR, JSON_OMIT_EMPTY),
	MOUNT(subpath, JSON_F_STR, JSON_OMIT_EMPTY),
	MOUNT(image_id, JSON_F_STR, JSON_OMIT_EMPTY),
	MOUNT(layers, JSON_F_STRV, JSON_OMIT_EMPTY),
	MOUNT(anonymous, JSON_F_BOOL, JSON_OMIT_EMPTY),
	MOUNT(overlay, JSON_F_BOOL, JSON_OMIT_EMPTY),
	MOUNT(read_write_image, JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

#define SECRET(member, kind, flags) \
	JSON_FIELD(struct container_secret, member, #member, kind, flags)
static const struct json_field secret_fields[] = {
	SECRET(name, JSON_F_STR, JSON_REQUIRED),
	SECRET(id, JSON_F_STR, JSON_REQUIRED),
	SECRET(target, JSON_F_STR, JSON_REQUIRED),
	SECRET(env, JSON_F_BOOL, JSON_OMIT_EMPTY),
	SECRET(uid, JSON_F_U32, JSON_OMIT_EMPTY),
	SECRET(gid, JSON_F_U32, JSON_OMIT_EMPTY),
	SECRET(mode, JSON_F_U32, 0),
	JSON_FIELD_END,
};

#define DEVICE(member) \
	JSON_FIELD(struct container_device, member, #member, JSON_F_STR, JSON_REQUIRED)
static const struct json_field device_fields[] = {
	DEVICE(path_on_host),
	DEVICE(path_in_container),
	DEVICE(permissions),
	JSON_FIELD_END,
};

#define CFG(member, kind, flags) JSON_FIELD(struct container_config, member, #member, kind, flags)
static const struct json_field config_fields[] = {
	CFG(schema, JSON_F_INT, JSON_REQUIRED),
	CFG(id, JSON_F_STR, JSON_REQUIRED),
	CFG(name, JSON_F_STR, JSON_REQUIRED),
	CFG(created, JSON_F_STR, JSON_REQUIRED),
	CFG(image_id, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(image_name, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(rootfs, JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_ARRAY(struct container_config, layers, n_layers, "layers", 0, layer_fields,
			 struct image_layer_ref),
	CFG(own_layers, JSON_F_U32, JSON_OMIT_EMPTY),
	CFG(command, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(entrypoint, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(cmd, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(labels, JSON_F_MAP, JSON_OMIT_EMPTY),
	CFG(env_given, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(user, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(workdir, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(stop_signal, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(hostname, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(stop_timeout_s, JSON_F_U32, 0),
	CFG(remove, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(terminal, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(interactive, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(init, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(read_only, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(publish_all, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(network, JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_ARRAY(struct container_config, ports, n_ports, "ports", JSON_OMIT_EMPTY,
			 port_fields, struct container_port),
	CFG(exposed_ports, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(group_add, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(security_opt, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(privileged, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(cap_add, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(cap_drop, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(binds, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(log_driver, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(cidfile, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(detach_keys, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(memory, JSON_F_I64, JSON_OMIT_EMPTY),
	CFG(nano_cpus, JSON_F_I64, JSON_OMIT_EMPTY),
	CFG(pids_limit, JSON_F_I64, JSON_OMIT_EMPTY),
	CFG(create_command, JSON_F_STRV, JSON_OMIT_EMPTY),
	/* life: restart policy, time limits, pid files, notification */
	CFG(restart_policy, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(restart_retries, JSON_F_I64, JSON_OMIT_EMPTY),
	CFG(timeout_s, JSON_F_U32, JSON_OMIT_EMPTY),
	CFG(pidfile, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(conmon_pidfile, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(sdnotify, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(sdnotify_socket, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(requires, JSON_F_STRV, JSON_OMIT_EMPTY),
	/* health */
	JSON_FIELD_SUB(struct container_config, health, "health", JSON_F_PTR, JSON_OMIT_EMPTY,
		       container_health_fields, struct container_health),
	/* log */
	CFG(log_path, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(log_tag, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(log_fields, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(log_details, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(log_max_size, JSON_F_I64, JSON_OMIT_EMPTY),
	CFG(log_max_files, JSON_F_U32, JSON_OMIT_EMPTY),
	/* process: environment, names, files that cmk writes */
	CFG(add_hosts, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(attach, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(dns, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(dns_options, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(dns_search, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(hosts_file, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(timezone, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(no_hosts, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(no_hostname, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(no_passwd, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(remove_image, JSON_F_BOOL, JSON_OMIT_EMPTY),
	CFG(systemd, JSON_F_BOOL, JSON_OMIT_EMPTY),
	/* mounts: volumes, devices, secrets */
	JSON_FIELD_ARRAY(struct container_config, mounts, n_mounts, "mounts", JSON_OMIT_EMPTY,
			 mount_fields, struct container_mount),
	JSON_FIELD_ARRAY(struct container_config, secrets, n_secrets, "secrets", JSON_OMIT_EMPTY,
			 secret_fields, struct container_secret),
	JSON_FIELD_ARRAY(struct container_config, devices, n_devices, "devices", JSON_OMIT_EMPTY,
			 device_fields, struct container_device),
	CFG(volumes_from, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(shm_size, JSON_F_I64, 0),
	CFG(rootfs_overlay, JSON_F_BOOL, JSON_OMIT_EMPTY),
	/* name spaces, ids, hooks */
	CFG(pid_mode, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(ipc_mode, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(uts_mode, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(cgroup_mode, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(cgroup_manager, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(cgroup_parent, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(cgroups, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(runtime, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(runtime_path, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(runtime_flags, JSON_F_STRV, JSON_OMIT_EMPTY),
	CFG(userns_mode, JSON_F_STR, JSON_OMIT_EMPTY),
	CFG(extra, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

#define STATUS(member, kind, flags) \
	JSON_FIELD(struct container_status, member, #member, kind, flags)
static const struct json_field status_fields[] = {
	STATUS(schema, JSON_F_INT, JSON_REQUIRED),
	STATUS(state, JSON_F_STR, JSON_REQUIRED),
	STATUS(started_at, JSON_F_STR, JSON_OMIT_EMPTY),
	STATUS(finished_at, JSON_F_STR, JSON_OMIT_EMPTY),
	STATUS(error, JSON_F_STR, JSON_OMIT_EMPTY),
	STATUS(exit_code, JSON_F_INT, 0),
	STATUS(oom_killed, JSON_F_BOOL, 0),
	STATUS(restarts, JSON_F_I64, 0),
	STATUS(stopped_by_user, JSON_F_BOOL, JSON_OMIT_EMPTY),
	STATUS(extra, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

#define LIVE(member, kind, flags) JSON_FIELD(struct container_live, member, #member, kind, flags)
static const struct json_field live_fields[] = {
	LIVE(schema, JSON_F_INT, JSON_REQUIRED),
	LIVE(boot_id, JSON_F_STR, JSON_REQUIRED),
	LIVE(pid_ns, JSON_F_U64, 0),
	LIVE(started_at, JSON_F_STR, 0),
	LIVE(monitor_pid, JSON_F_I64, 0),
	LIVE(monitor_start, JSON_F_U64, 0),
	LIVE(init_pid, JSON_F_I64, 0),
	LIVE(init_start, JSON_F_U64, 0),
	LIVE(slirp_pid, JSON_F_I64, 0),
	LIVE(cgroup_manager, JSON_F_STR, JSON_OMIT_EMPTY),
	LIVE(cgroup_mount, JSON_F_STR, JSON_OMIT_EMPTY),
	LIVE(cgroup_path, JSON_F_STR, JSON_OMIT_EMPTY),
	LIVE(stop_requested, JSON_F_BOOL, 0),
	/* life */
	LIVE(initialized, JSON_F_BOOL, JSON_OMIT_EMPTY),
	LIVE(restarting, JSON_F_BOOL, JSON_OMIT_EMPTY),
	LIVE(restarts, JSON_F_I64, JSON_OMIT_EMPTY),
	LIVE(finished_at, JSON_F_STR, JSON_OMIT_EMPTY),
	LIVE(exit_code, JSON_F_INT, JSON_OMIT_EMPTY),
	/* health */
	LIVE(health, JSON_F_STR, JSON_OMIT_EMPTY),
	LIVE(extra, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

#define LIVE_PATH_MAX (sizeof("containers//live.json") + CONTAINER_ID_LEN)

struct event event_of_container(const struct container_config *cfg, const char *status)
{
	return (struct event){
		.type = "container",
		.status = status,
		.id = cfg->id,
		.name = cfg->name,
		.image = cfg->image_name,
		.attributes = cfg->labels,
	};
}

struct container *container_free(struct container *c)
{
	if (!c)
		return NULL;
	json_free_fields(config_fields, &c->cfg);
	json_free_fields(status_fields, &c->status);
	json_free_fields(live_fields, &c->live);
	cleanup_close_fn(&c->dir_fd);
	cleanup_close_fn(&c->lock_fd);
	if (c->delegation)
		cgroup_delegation_done(c->delegation);
	free(c->delegation);
	free(c);
	return NULL;
}

int container_delegation(struct container *c, struct cgroup_delegation **ret, struct cmk_err *err)
{
	struct cgroup_delegation d = CGROUP_DELEGATION_INIT;

	if (!c->delegation) {
		int r = cgroup_delegation_find(&d, err);

		if (r < 0)
			return r;
		c->delegation = xcalloc(1, sizeof(d));
		*c->delegation = d;
	}
	*ret = c->delegation;
	return 0;
}

const char *container_state_name(enum container_state s)
{
	switch (s) {
	case CONTAINER_CREATED:
		return "created";
	case CONTAINER_INITIALIZED:
		return "initialized";
	case CONTAINER_RUNNING:
		return "running";
	case CONTAINER_PAUSED:
		return "paused";
	case CONTAINER_STOPPING:
		return "stopping";
	case CONTAINER_RESTARTING:
		return "restarting";
	case CONTAINER_EXITED:
	case CONTAINER_MONITOR_LOST:
		return "exited";
	}
	return "unknown";
}

static int compare_exposed(const void *a, const void *b)
{
	const struct exposed_port *x = a, *y = b;

	return x->port - y->port ?: strcmp(x->protocol, y->protocol);
}

struct exposed_port *container_exposed_ports(const struct container_config *cfg, size_t *n)
{
	struct exposed_port *list = xcalloc(strv_len(cfg->exposed_ports) + 1, sizeof(*list));

	*n = 0;
	for (char **e = cfg->exposed_ports; e && *e; e++) {
		size_t len = strcspn(*e, "/");
		uint64_t port = 0;

		(void)parse_u64_n(*e, len, 65535, &port);
		list[(*n)++] = (struct exposed_port){
			.port = (int)port,
			.protocol = (*e)[len] ? *e + len + 1 : "tcp",
		};
	}
	qsort(list, *n, sizeof(*list), compare_exposed);
	return list;
}

/* A record of an older schema is read, a newer one is refused: it may mean what we do not know. */
static int check_schema(int schema, const char *what, const char *id, struct cmk_err *err)
{
	if (schema >= 1 && schema <= CONTAINER_SCHEMA)
		return 0;
	cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
		     "%s of container '%.12s' has schema %d, this cmk knows up to %d", what, id,
		     schema, CONTAINER_SCHEMA);
	(void)cmk_err_hint(err, "use the newer cmk that wrote it");
	return -EOPNOTSUPP;
}

int container_config_load(int dirfd, const char *path, struct container_config *ret,
			  struct cmk_err *err)
{
	int r = json_load_record(dirfd, path, CONTAINER_RECORD_MAX, config_fields, ret, err);

	return r < 0 ? r : check_schema(ret->schema, "record", ret->id, err);
}

int container_config_reload(struct container *c, struct cmk_err *err)
{
	char path[sizeof("/container.json") + CONTAINER_ID_LEN];
	struct container_config cfg = { 0 };
	int r;

	(void)snprintf(path, sizeof(path), "%s/container.json", c->cfg.id);
	r = container_config_load(c->st->containers_fd, path, &cfg, err);
	if (r < 0) {
		json_free_fields(config_fields, &cfg);
		return container_gone_or(c->st, c->cfg.id, c->cfg.name, r, err);
	}
	json_free_fields(config_fields, &c->cfg);
	c->cfg = cfg;
	return 0;
}

int container_layers_refresh(struct container *c, struct cmk_err *err)
{
	char path[sizeof("/container.json") + CONTAINER_ID_LEN];
	struct container_config now = { 0 };
	int r;

	(void)snprintf(path, sizeof(path), "%s/container.json", c->cfg.id);
	r = container_config_load(c->st->containers_fd, path, &now, err);
	if (r == 0 && now.n_layers != c->cfg.n_layers) {
		struct image_layer_ref *old = c->cfg.layers;
		size_t n_old = c->cfg.n_layers;

		c->cfg.layers = now.layers;
		c->cfg.n_layers = now.n_layers;
		c->cfg.own_layers = now.own_layers;
		now.layers = old;
		now.n_layers = n_old;
	}
	json_free_fields(config_fields, &now);
	return r < 0 ? container_gone_or(c->st, c->cfg.id, c->cfg.name, r, err) : 0;
}

int container_config_save(int dirfd, const struct container_config *cfg, bool durable,
			  struct cmk_err *err)
{
	return json_save_record(dirfd, "container.json", config_fields, cfg,
				durable ? FILE_DURABLE : 0, err);
}

int container_status_load(int dirfd, const char *path, struct container_status *ret,
			  struct cmk_err *err)
{
	int r = json_load_record(dirfd, path, CONTAINER_RECORD_MAX, status_fields, ret, err);

	return r < 0 ? r : check_schema(ret->schema, "status", path, err);
}

int container_status_save(struct storage *st, const char *id, const struct container_status *s,
			  bool durable, struct cmk_err *err)
{
	struct container_status copy = *s;
	cleanup_close int fd = -1;

	copy.schema = CONTAINER_SCHEMA;
	fd = openat(st->containers_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "open container '%.12s'", id);
	return json_save_record(fd, "status.json", status_fields, &copy, durable ? FILE_DURABLE : 0,
				err);
}

uint64_t container_own_pid_ns(void)
{
	static uint64_t ino;
	struct stat sb;

	if (ino == 0 && stat("/proc/self/ns/pid", &sb) == 0)
		ino = sb.st_ino;
	return ino;
}

/* RUN/containers/ID, made where absent. */
int container_run_dir(struct storage *st, const char *id, struct cmk_err *err)
{
	char path[sizeof("containers/") + CONTAINER_ID_LEN];
	int fd;

	(void)snprintf(path, sizeof(path), "containers/%s", id);
	fd = openat(st->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (mkdirat(st->run_fd, "containers", 0700) < 0 && errno != EEXIST)
		return cmk_err_errno(err, "make '%s/containers'", st->runroot);
	return open_dir_at(st->run_fd, path, 0700, err);
}

int container_live_save(struct storage *st, const char *id, const struct container_live *live,
			struct cmk_err *err)
{
	struct container_live copy = *live;
	cleanup_close int fd = -1;

	copy.schema = CONTAINER_SCHEMA;
	copy.pid_ns = container_own_pid_ns();
	if (!copy.boot_id)
		copy.boot_id = (char *)process_boot_id();
	fd = container_run_dir(st, id, err);
	if (fd < 0)
		return fd;
	return json_save_record(fd, "live.json", live_fields, &copy, 0, err);
}

int container_live_remove(struct storage *st, const char *id)
{
	char path[LIVE_PATH_MAX];

	(void)snprintf(path, sizeof(path), "containers/%s/live.json", id);
	if (unlinkat(st->run_fd, path, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Whether PID that was recorded with START is still that process. */
static bool recorded_alive(int64_t pid, uint64_t start)
{
	struct process_id id = { .pid = (pid_t)pid, .start_time = start };

	return pid > 0 && process_id_alive(&id);
}

/* From another pid namespace (a container that shares our home) the monitor's socket is the only
 * witness. */
static bool monitor_answers(struct storage *st, const char *id)
{
	cleanup_close int fd = container_connect(st, id, NULL);

	return fd >= 0;
}

bool container_pids_are_ours(const struct container *c)
{
	return !c->live.pid_ns || c->live.pid_ns == container_own_pid_ns();
}

static bool is_frozen(const struct container_live *l)
{
	cleanup_close int fd = l->cgroup_mount && l->cgroup_path
				       ? cgroup_open(l->cgroup_mount, l->cgroup_path)
				       : -1;

	return fd >= 0 && cgroup_frozen(fd);
}

static enum container_state live_state(const struct container *c)
{
	const struct container_live *l = &c->live;

	if (!container_pids_are_ours(c))
		return monitor_answers(c->st, c->cfg.id) ? CONTAINER_RUNNING
							 : CONTAINER_MONITOR_LOST;
	if (!recorded_alive(l->monitor_pid, l->monitor_start))
		return CONTAINER_MONITOR_LOST;
	if (l->initialized)
		return CONTAINER_INITIALIZED;
	if (l->restarting)
		return CONTAINER_RESTARTING;
	if (is_frozen(l))
		return CONTAINER_PAUSED;
	/* While the monitor sets it up there is no init yet, and between init's end and the record
	 * of it the monitor is about to write the status: neither runs, both are in its hands. */
	return l->stop_requested ? CONTAINER_STOPPING : CONTAINER_RUNNING;
}

/* What the monitor knows and the status on disk does not say before the end. */
static void overlay_live(struct container *c)
{
	const struct container_live *l = &c->live;

	c->status.restarts = l->restarts;
	if (c->state != CONTAINER_RESTARTING)
		return;
	c->status.exit_code = l->exit_code;
	free(c->status.finished_at);
	c->status.finished_at = xstrdup_null(l->finished_at);
	if (l->started_at) {
		free(c->status.started_at);
		c->status.started_at = xstrdup(l->started_at);
	}
}

static bool live_exists(const struct container *c)
{
	char path[LIVE_PATH_MAX];

	(void)snprintf(path, sizeof(path), "containers/%s/live.json", c->cfg.id);
	return faccessat(c->st->run_fd, path, F_OK, 0) == 0;
}

/* 1 with live.json of this boot, or 0. */
static int live_load(struct container *c, struct cmk_err *err)
{
	struct cmk_err e = CMK_ERR_INIT;
	char path[LIVE_PATH_MAX];
	int r;

	json_free_fields(live_fields, &c->live);
	if (!live_exists(c))
		return 0;
	(void)snprintf(path, sizeof(path), "containers/%s/live.json", c->cfg.id);
	r = json_load_record(c->st->run_fd, path, CONTAINER_RECORD_MAX, live_fields, &c->live, &e);
	if (r == -ENOENT) {
		cmk_err_done(&e);
		return 0;
	}
	if (r < 0) {
		(void)cmk_err_move(err, &e);
		return cmk_err_wrap(err, r, "run state of container '%.12s'", c->cfg.id);
	}
	r = check_schema(c->live.schema, "run state", c->cfg.id, err);
	if (r < 0)
		return r;
	/* After a reboot its pids are others'. */
	if (!streq(c->live.boot_id, process_boot_id())) {
		json_free_fields(live_fields, &c->live);
		return 0;
	}
	return 1;
}

/* "running" without a live record of this boot: a reboot, or a start that was killed. */
static enum container_state status_state(const struct container_status *s)
{
	if (s->state && streq(s->state, "exited"))
		return CONTAINER_EXITED;
	if (s->state && streq(s->state, "running"))
		return CONTAINER_MONITOR_LOST;
	return CONTAINER_CREATED;
}

/* A start under way has the lock and has said "running", but there is no live.json yet. */
static bool is_locked(const struct container *c)
{
	cleanup_close int fd = container_lock_id(c->st, c->cfg.id, true, NULL);

	return fd == -EWOULDBLOCK;
}

/*
 * It is renamed into place without an fsync where somebody waits, so that a power cut may leave it
 * empty (or all zero, as XFS does it): then the container was about to start, ran, or had just
 * ended.
 */
static bool lost_with_the_power(struct storage *st, const char *path)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	return file_read_at(st->containers_fd, path, CONTAINER_RECORD_MAX, &text, &len, NULL) ==
		       0 &&
	       strlen(text) == 0;
}

/* What status.json says, corrected by what is true of the processes. */
int container_state_load(struct container *c, enum state_load_flags flags, struct cmk_err *err)
{
	char path[sizeof("/status.json") + CONTAINER_ID_LEN];
	struct cmk_err e = CMK_ERR_INIT;
	int live = 0, r;

	if (!(flags & STATE_NOT_LIVE)) {
		live = live_load(c, err);
		if (live < 0)
			return live;
	}
	/* Read after live.json: a monitor writes the status first and removes live.json then. */
	json_free_fields(status_fields, &c->status);
	(void)snprintf(path, sizeof(path), "%s/status.json", c->cfg.id);
	r = container_status_load(c->st->containers_fd, path, &c->status, &e);
	if (r < 0 && r != -ENOENT && lost_with_the_power(c->st, path)) {
		c->status.state = xstrdup("running");
		r = 0;
	}
	if (r < 0 && r != -ENOENT) {
		(void)cmk_err_move(err, &e);
		return cmk_err_wrap(err, r, "status of container '%.12s'", c->cfg.id);
	}
	cmk_err_done(&e);
	c->state = live ? live_state(c) : status_state(&c->status);
	/* A monitor that ended well in between has removed live.json and left the status. */
	if (live && c->state == CONTAINER_MONITOR_LOST && !live_exists(c))
		return container_state_load(c, flags | STATE_NOT_LIVE, err);
	if (c->state == CONTAINER_MONITOR_LOST && !live && !(flags & STATE_LOCKED) && is_locked(c))
		c->state = CONTAINER_CREATED;
	if (container_is_active(c))
		overlay_live(c);
	if (c->state == CONTAINER_MONITOR_LOST)
		container_state_lost(c);
	return 0;
}

/* What a listing shows before the repair is written. */
void container_state_lost(struct container *c)
{
	c->status.exit_code = 137;
	free(c->status.error);
	c->status.error = xstrdup("monitor lost");
	if (c->live.started_at) {
		free(c->status.started_at);
		c->status.started_at = xstrdup(c->live.started_at);
	}
}
