// SPDX-License-Identifier: Apache-2.0
/* create, start and run. */
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/cgroup/devices.h"
#include "libpod/cgroup/manager.h"
#include "libpod/cgroup/property.h"
#include "libpod/oci/internal.h"

/* The socket's name in the container's directory, which may be deeper than a name of a socket. */
static void start_address(const struct oci_container *c, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" OCI_START_SOCKET,
		       c->dir_fd);
}

static int listen_for_start(const struct oci_container *c, struct cmk_err *err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	start_address(c, &addr);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0)
		return cmk_err_errno(err, "make the socket for the start");
	return steal_fd(&fd);
}

static char *owner_name(void)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	/* The usual caller, without a look at nsswitch.conf(5) and all that it loads. */
	if (getuid() == 0)
		return xstrdup("root");
	(void)getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found);
	return xstrdup(found ? found->pw_name : "");
}

static int first_record(struct oci_container *c, const struct bundle *b, struct cmk_err *err)
{
	struct oci_record *rec = &c->rec;
	struct process_id self;
	int r = process_id_of(getpid(), &self);

	if (r < 0)
		return cmk_err_set(err, r, "look at ourselves: %s", errno_text(-r));
	rec->schema = 1;
	rec->bundle = xstrdup(b->dir);
	rec->rootfs = xstrdup(b->rootfs);
	rec->created = time_now_rfc3339();
	rec->owner = owner_name();
	rec->oci_version = xstrdup(b->spec->oci_version);
	rec->annotations = strv_dup(b->spec->annotations);
	rec->shares_pids = !spec_makes_namespace(b->spec, "pid");
	rec->creator_pid = self.pid;
	rec->creator_start = self.start_time;
	return oci_container_save(c, err);
}

static struct cgroup_device_rule device_rule(const struct bundle_device_rule *d)
{
	struct cgroup_device_rule r = {
		.allow = d->allow,
		.type = d->type && *d->type ? d->type[0] : 'a',
		.major = d->has_major ? d->major : -1,
		.minor = d->has_minor ? d->minor : -1,
	};

	if (r.type == 'u')
		r.type = 'c';
	for (const char *a = d->access && *d->access ? d->access : "rwm"; *a; a++)
		r.access |= *a == 'r' ? DEVICE_READ : *a == 'w' ? DEVICE_WRITE : DEVICE_MKNOD;
	return r;
}

/* Only root of the machine can limit devices, and needs to: nobody else's containers can make
 * nodes, or open those of the host that the caller could not. */
static int limit_devices(const struct bundle *b, int group, struct cmk_err *err)
{
	cleanup_free struct cgroup_device_rule *rules = NULL;
	size_t n = b->n_device_rules;

	if (n == 0 || !oci_is_machine_root())
		return 0;
	if (group < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "devices: without a control group nothing limits them");
	rules = xcalloc(n, sizeof(*rules));
	for (size_t i = 0; i < n; i++)
		rules[i] = device_rule(&b->device_rules[i]);
	return cgroup_devices(group, rules, n, err);
}

/* A container that is alone in its group, as it sees it, and may write there: config-linux.md,
 * "Cgroup ownership". */
static bool is_delegated(const struct spec *s)
{
	bool writable = false;

	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (streq(m->destination, "/sys/fs/cgroup"))
			writable = m->type && str_after(m->type, "cgroup") &&
				   !strv_has(m->options, "ro") && !strv_has(m->options, "rro");
	}
	return writable && spec_makes_namespace(s, "cgroup");
}

/* The host's id of who the process will be. False: it is not known, or has none. */
static bool host_uid(const struct spec *s, uid_t *ret)
{
	uint32_t uid = s->process.user.uid;

	*ret = uid;
	for (size_t i = 0; i < s->n_uid_mappings; i++) {
		const struct spec_id_mapping *m = &s->uid_mappings[i];

		*ret = m->host_id + (uid - m->container_id);
		if (uid >= m->container_id && uid - m->container_id < m->size)
			return true;
	}
	return !spec_has_namespace(s, "user");
}

/* Who is not root could not end, empty and remove groups of other ids than its own. */
static int give_group(const struct bundle *b, int group, struct cmk_err *err)
{
	uid_t uid;
	int r;

	if (group < 0 || geteuid() != 0 || !is_delegated(b->spec) || !host_uid(b->spec, &uid))
		return 0;
	r = cgroup_give(group, uid, err);
	/* Root of a user namespace, to which the group is given but not its files. */
	if (r != -EPERM || oci_is_machine_root())
		return r;
	if (err)
		cmk_err_done(err);
	return 0;
}

/* Below another root directory there may be another container of this name. */
static char *unique_name(const struct oci_container *c, const char *suffix)
{
	struct stat st = { 0 };

	(void)fstat(c->dir_fd, &st);
	return xasprintf("cmk-oci-%llx-%s%s", (unsigned long long)st.st_ino, c->rec.id, suffix);
}

/* What annotations say of the unit, as runc and crun take it. */
static int scope_properties(const struct bundle *b, char ***ret, struct cmk_err *err)
{
	static const char prefix[] = "org.systemd.property.";

	for (char **a = b->spec->annotations; a && *a; a++) {
		const char *rest = str_after(*a, prefix);
		cleanup_free char *name = rest ? xstrndup(rest, strcspn(rest, "=")) : NULL;
		char *property = NULL;
		int r;

		if (!rest)
			continue;
		r = property_of_annotation(name, rest + strlen(name) + 1, &property, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "annotations: %s%s", prefix, name);
		strv_add_take(ret, property);
	}
	return 0;
}

/* The scope goes by itself where we are killed before its place is written down: its holder dies
 * with us. */
static int make_scope(struct oci_container *c, const struct bundle *b, struct cgroup_group *ret,
		      struct cmk_err *err)
{
	const char *path = b->spec->cgroups_path;
	cleanup_free char *slice = NULL, *unit = NULL,
			  *text = xasprintf("container %s (cmk oci)", c->rec.id);
	cleanup_strv char **properties = NULL;
	int r = 0;

	if (path && *path)
		r = cgroup_scope_parse(path, &slice, &unit, err);
	else
		unit = unique_name(c, ".scope");
	/* The default of runc and crun, which is not podman's. */
	if (r == 0 && !slice)
		slice = xstrdup(geteuid() == 0 ? "system.slice" : "user.slice");
	if (r == 0)
		r = scope_properties(b, &properties, err);
	if (r == 0)
		r = cgroup_scope_make(unit, slice, text, properties, &b->spec->resources, ret, err);
	if (r < 0)
		return r;
	c->rec.cgroup_mount = xstrdup(ret->mount);
	c->rec.cgroup = xstrdup(ret->path);
	c->rec.systemd = true;
	return oci_container_save(c, err);
}

/* Where the group is to be: by default it has the container's name, as with runc. */
static int choose_place(struct oci_container *c, const char *path, struct cmk_err *err)
{
	cleanup_free char *other = NULL;
	struct oci_record *rec = &c->rec;
	int r = cgroup_place(path && *path ? path : rec->id, &rec->cgroup_mount, &rec->cgroup, err);

	if (r < 0 || !rec->cgroup)
		return r;
	if (path && *path)
		return cgroup_check_free(rec->cgroup_mount, rec->cgroup, err);
	/* Nobody else's by accident; what else is wrong cgroup_create_at() says. */
	if (cgroup_make_new(rec->cgroup_mount, rec->cgroup) != -EEXIST)
		return 0;
	free(steal_ptr(&rec->cgroup_mount));
	free(steal_ptr(&rec->cgroup));
	other = unique_name(c, "");
	return cgroup_place(other, &rec->cgroup_mount, &rec->cgroup, err);
}

/* The group's place is written down before anything is in it; one of others never is, or what takes
 * away what failed would take it as well. */
static int make_place(struct oci_container *c, const struct bundle *b, int *ret_fd,
		      struct cmk_err *err)
{
	struct oci_record *rec = &c->rec;
	int r = choose_place(c, b->spec->cgroups_path, err);

	if (r < 0) {
		free(steal_ptr(&rec->cgroup));
		return r;
	}
	if (rec->cgroup)
		r = oci_container_save(c, err);
	if (r == 0)
		r = cgroup_create_at(rec->cgroup_mount, rec->cgroup, &b->spec->resources, ret_fd,
				     err);
	if (r == 0 && *ret_fd < 0)
		free(steal_ptr(&rec->cgroup));
	return r;
}

static int make_group(const struct oci_settings *set, struct oci_container *c,
		      const struct bundle *b, struct cgroup_group *ret, struct cmk_err *err)
{
	int r;

	*ret = CGROUP_GROUP_INIT;
	if (set->no_cgroup)
		return 0;
	r = set->systemd_cgroup ? make_scope(c, b, ret, err) : make_place(c, b, &ret->fd, err);
	if (r == 0 && ret->fd < 0 && c->rec.shares_pids)
		log_warn("linux.namespaces: without a pid namespace and without a control group "
			 "nothing holds the container's processes together. Such configuration is "
			 "strongly discouraged");
	if (r < 0)
		return cmk_err_wrap(err, r, "unable to apply cgroup configuration");
	r = limit_devices(b, ret->fd, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "linux.resources");
	r = give_group(b, ret->fd, err);
	return r < 0 ? cmk_err_wrap(err, r, "linux.cgroupsPath") : 0;
}

static int check_terminal(const struct oci_create *a, const struct bundle *b, bool attached,
			  struct cmk_err *err)
{
	bool terminal = b->spec->process.terminal;

	if (terminal && !a->console_socket && !attached)
		return cmk_err_set(err, -EINVAL,
				   "process.terminal: nobody is there to take it: name a "
				   "--console-socket");
	if (!terminal && a->console_socket)
		return cmk_err_set(err, -EINVAL, "--console-socket: without process.terminal");
	return 0;
}

/* $LISTEN_FDS goes in with the descriptors (sd_listen_fds(3)); the command is process 1. */
static void pass_listen_fds(struct bundle *b)
{
	const char *n = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");

	if (!n)
		return;
	for (size_t i = 0; i < 3; i++) {
		const char *const values[] = { n, "1", names };
		static const char *const keys[] = { "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES" };
		cleanup_free char *a = values[i] ? xasprintf("%s=%s", keys[i], values[i]) : NULL;

		if (a)
			strv_env_set(&b->spec->process.env, a);
	}
}

/* The service manager's socket goes in at the place where runc puts it (sd_notify(3)). An abstract
 * one belongs to the host's network namespace. */
static void pass_notify_socket(struct bundle *b)
{
	static const char inside[] = "/run/notify/notify.sock";
	const char *path = getenv("NOTIFY_SOCKET");
	cleanup_free char *assignment = xasprintf("NOTIFY_SOCKET=%s", inside);
	struct stat st;

	if (!path || *path != '/')
		return;
	if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		log_warn("NOTIFY_SOCKET: '%s' is no socket, and not passed on", path);
		return;
	}
	spec_add_mount(b->spec, inside, "bind", path, "bind,nosuid,noexec,nodev");
	b->mounts = xrealloc(b->mounts, b->n_mounts + 1, sizeof(*b->mounts));
	b->mounts[b->n_mounts++] = (struct bundle_mount){ 0 };
	strv_env_set(&b->spec->process.env, assignment);
}

/* What is in the making. */
struct making {
	const struct oci_settings *set;
	const struct oci_create *a;
	struct oci_container *c;
	struct bundle *bundle;
	struct runtime_container run;
	bool attached; /* the caller starts it itself */
};

static int set_up(struct making *m, int group, struct cmk_err *err)
{
	struct bundle_args args = { .bundle = m->bundle,
				    .process = &m->bundle->spec->process,
				    .id = m->c->rec.id,
				    .cgroup_fd = group,
				    .start_fd = -1,
				    .seccomp_dirfd = -1,
				    .target_pidfd = -1,
				    .no_pivot = m->a->no_pivot,
				    .no_mount_fallback = m->a->no_mount_fallback,
				    .keep_keyring = m->a->no_new_keyring };
	cleanup_close int start_fd = -1, cache = -1;
	cleanup_free int *preserve = NULL;
	int r = oci_preserve_fds(m->a->preserve_fds, &preserve, &args.n_preserve_fds, err);

	if (r < 0)
		return r;
	args.preserve_fds = preserve;
	if (m->bundle->seccomp)
		args.seccomp_dirfd = cache = open_dir_at(m->c->root_fd, ".seccomp", 0700, NULL);
	if (!m->attached) {
		args.start_fd = start_fd = listen_for_start(m->c, err);
		if (start_fd < 0)
			return start_fd;
	}
	return bundle_create(&args, &m->run, err);
}

static int record_init(struct making *m, struct cmk_err *err)
{
	const char *receiver;
	struct process_id id;
	int r = process_id_of(m->run.pid, &id);

	/* It ended already. */
	if (r < 0)
		id = (struct process_id){ .pid = m->run.pid };
	m->c->rec.pid = id.pid;
	m->c->rec.start = id.start_time;
	m->c->rec.creator_pid = 0;
	m->c->rec.creator_start = 0;
	r = oci_container_save(m->c, err);
	if (r == 0 && m->run.console_fd >= 0 && m->a->console_socket)
		r = oci_console_send(m->a->console_socket, m->run.console_fd, err);
	if (r == 0 && m->a->pidfd_socket)
		r = oci_pidfd_send(m->a->pidfd_socket, m->run.pidfd, err);
	/* crun's way to say so. */
	receiver = strv_env_get(m->bundle->spec->annotations, "run.oci.pidfd_receiver");
	if (r == 0 && receiver)
		r = oci_pidfd_send(receiver, m->run.pidfd, err);
	if (r == 0 && m->a->pid_file)
		r = oci_pid_file(m->a->pid_file, m->run.pid, err);
	return r;
}

static int make(struct making *m, struct cmk_err *err)
{
	static const struct spec_resources none;
	struct cgroup_group group = CGROUP_GROUP_INIT;
	int r = file_replace_at(m->c->dir_fd, "config.json", m->bundle->text, m->bundle->len, 0600,
				0, err);

	if (r == 0)
		r = first_record(m->c, m->bundle, err);
	if (r == 0)
		r = make_group(m->set, m->c, m->bundle, &group, err);
	if (r == 0)
		r = set_up(m, group.fd, err);
	cgroup_group_done(&group);
	/* Now that what kept the scope has gone, which counts as well. */
	if (r == 0 && m->c->rec.systemd)
		r = cgroup_scope_limit(m->c->rec.cgroup_mount, m->c->rec.cgroup, &none,
				       &m->bundle->spec->resources, err);
	return r == 0 ? record_init(m, err) : r;
}

/* Nothing stays of what failed. */
static void undo(struct making *m)
{
	if (m->run.pidfd >= 0)
		(void)process_pidfd_signal(m->run.pidfd, SIGKILL);
	if (m->run.pid > 0)
		(void)process_reap(m->run.pid);
	if (m->c->rec.cgroup)
		(void)cgroup_place_remove(m->c->rec.cgroup_mount, m->c->rec.cgroup, NULL);
	(void)oci_container_remove(m->c, NULL);
}

static int create(struct making *m, struct cmk_err *err)
{
	int r = bundle_load(m->a->bundle ? m->a->bundle : ".", m->a->config, &m->bundle, err);

	m->run = RUNTIME_CONTAINER_INIT;
	if (r == 0)
		r = check_terminal(m->a, m->bundle, m->attached, err);
	if (r < 0)
		return r;
	bundle_warn_of_caps(&m->bundle->spec->process);
	pass_listen_fds(m->bundle);
	pass_notify_socket(m->bundle);
	r = oci_container_new(m->set, m->a->id, m->c, err);
	if (r < 0)
		return r;
	r = make(m, err);
	if (r < 0)
		undo(m);
	return r;
}

int oci_create(const struct oci_settings *set, const struct oci_create *a, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	struct making m = { .set = set, .a = a, .c = &c };
	int r = create(&m, err);

	runtime_container_done(&m.run);
	(void)bundle_free(m.bundle);
	return r;
}

/* A failed one ends the container (runtime-spec 1.2, runtime.md#lifecycle). */
static int poststart(const struct oci_container *c, const struct bundle *b, struct cmk_err *err)
{
	const struct process_id id = oci_container_init(c);
	cleanup_close int fd = -1;
	int r = oci_hooks(c, b, HOOK_POSTSTART, "running", err);

	if (r == 0)
		return 0;
	fd = process_id_open(&id);
	if (fd >= 0)
		(void)process_pidfd_signal(fd, SIGKILL);
	return r;
}

int oci_start(const struct oci_settings *set, const char *id, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	cleanup_bundle struct bundle *b = NULL;
	struct sockaddr_un addr;
	cleanup_close int fd = -1;
	int r = oci_container_open(set, id, true, &c, err);

	if (r < 0)
		return r;
	if (oci_container_status(&c) != OCI_CREATED)
		return oci_wrong_status(&c, "created", err);
	r = oci_container_bundle(&c, &b, err);
	if (r < 0)
		return r;
	start_address(&c, &addr);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return cmk_err_errno(err, "call the init of container '%s'", id);
	/* Taken away first: killed between this line and the next, we leave an init that ends, and
	 * never one that runs and is called created. */
	if (unlinkat(c.dir_fd, OCI_START_SOCKET, 0) < 0)
		return cmk_err_errno(err, "remove the start socket of '%s'", id);
	r = bundle_start(steal_fd(&fd), err);
	return r == 0 ? poststart(&c, b, err) : r;
}

/* Whoever waits sees the container's end, not ours. */
static int attend(struct making *m, struct cmk_err *err)
{
	int master = m->a->console_socket ? -1 : m->run.console_fd;

	return oci_attend(m->run.pid, m->run.pidfd, master, err);
}

int oci_run(const struct oci_settings *set, const struct oci_create *a, bool detach, bool keep,
	    struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	struct making m = { .set = set, .a = a, .c = &c, .attached = !detach };
	int r = create(&m, err), code;

	if (r < 0) {
		(void)bundle_free(m.bundle);
		return r;
	}
	if (detach) {
		/* As `create` and `start`; the lock goes with the descriptor. */
		runtime_container_done(&m.run);
		(void)bundle_free(m.bundle);
		oci_container_done(&c);
		r = oci_start(set, a->id, err);
		if (r < 0)
			(void)oci_delete(set, a->id, true, NULL);
		return r;
	}
	r = runtime_start(&m.run, err);
	if (r == 0) {
		r = poststart(&c, m.bundle, err);
		if (r < 0)
			(void)process_reap(m.run.pid);
	}
	if (r == 0) {
		/* Others may act on it while we wait. */
		(void)flock(c.dir_fd, LOCK_UN);
		r = attend(&m, err);
	}
	code = r;
	if ((r < 0 || !keep) && oci_container_relock(&c)) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		if (oci_container_destroy(&c, &e) < 0)
			log_warn("%s", cmk_err_msg(&e));
	}
	runtime_container_done(&m.run);
	(void)bundle_free(m.bundle);
	return code;
}
