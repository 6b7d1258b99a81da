// SPDX-License-Identifier: Apache-2.0
#include "libpod/runtime/other.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/userns.h"
#include "libpod/runtime/other_internal.h"
#include "network/network.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define LOG_MAX 65536
#define CONSOLE_MS 10000

/* --- which one ---------------------------------------------------------------------------------
 */

static bool is_program(const char *path)
{
	struct stat st;

	return *path == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

static char *find_in_path(const char *name)
{
	cleanup_free char *all = xasprintf("%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
					   "/sbin:/bin:/run/current-system/sw/bin",
					   getenv("PATH") ?: "");

	return process_find(name, all, is_program);
}

static int find_program(const char *name, char *const *known, char **ret, struct cmk_err *err)
{
	cleanup_free char *start = xasprintf("%s=", name);

	if (strchr(name, '/')) {
		cleanup_free char *cwd = *name == '/' ? xstrdup("") : getcwd(NULL, 0);
		/* Links stay: programs ask by which name they are called. */
		cleanup_free char *path = xasprintf("%s%s%s", cwd ?: "", *name == '/' ? "" : "/",
						    name);

		if (!is_program(path))
			return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
					    "OCI runtime '%s': no program", name);
		*ret = steal_ptr(&path);
		return 0;
	}
	for (char *const *k = known; k && *k; k++) {
		const char *path = str_after(*k, start);

		if (!path || !is_program(path))
			continue;
		*ret = xstrdup(path);
		return 0;
	}
	*ret = find_in_path(name);
	if (*ret)
		return 0;
	(void)cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "OCI runtime '%s' not found", name);
	(void)cmk_err_hint(err, "without --runtime cmk is its own");
	return -ENOENT;
}

int runtime_other_find(const char *name, char *const *known, char **ret, struct cmk_err *err)
{
	cleanup_free char *path = NULL;
	int r;

	*ret = NULL;
	if (!name || !*name || streq(name, "cmk"))
		return 0;
	r = find_program(name, known, &path, err);
	if (r < 0)
		return r;
	/* By this name it is no runtime for others, but what we are: `info` gives its path. */
	if (!str_has_suffix(path, "/cmk") || !process_is_own_program(path))
		*ret = steal_ptr(&path);
	return 0;
}

bool runtime_other_is_crun(const char *program)
{
	const char *name = strrchr(program, '/') + 1;

	return str_after(name, "crun") || streq(name, "cmk-oci");
}

/* --- a call of it ------------------------------------------------------------------------------
 */

struct call {
	const char *program;
	char *const *flags; /* further global options, or NULL */
	char *place;	    /* of what goes with the call; owned */
	int place_fd;
	char *state;  /* what it keeps; owned */
	char **words; /* behind its global options; owned */
	bool no_cgroup;
};

static void call_done(struct call *c)
{
	free(c->place);
	free(c->state);
	(void)strv_free(c->words);
	cleanup_close_fn(&c->place_fd);
}

static void add_word(struct call *c, const char *option, char *value)
{
	if (option)
		strv_add(&c->words, option);
	strv_add_take(&c->words, value);
}

/* A directory that every id may enter and where nothing is that is needed: the mounts of the host
 * are open by now. */
static int choose_place(const struct storage *st, const char *program, const char **ret)
{
	static const char *const dirs[] = { "/mnt", "/media", "/srv", "/opt", "/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup_free char *below = xasprintf("%s/", dirs[i]);
		struct stat s;

		if (lstat(dirs[i], &s) < 0 || !S_ISDIR(s.st_mode) || str_after(program, below) ||
		    str_after(st->runroot, below))
			continue;
		*ret = dirs[i];
		return 0;
	}
	return -ENOENT;
}

/* In a mount namespace of our own. */
static int call_begin(struct call *c, const struct storage *st, const char *id, const char *program,
		      struct cmk_err *err)
{
	const char *place = NULL;
	int r = choose_place(st, program, &place);
	cleanup_free char *state = xasprintf("containers/%s/runtime", id);

	c->program = program;
	if (r < 0)
		return cmk_err_set(err, r, "there is no /mnt for the bundle");
	if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return cmk_err_errno(err, "mount a tmpfs for the bundle");
	if (mount(NULL, place, NULL, MS_PRIVATE, NULL) < 0)
		return cmk_err_errno(err, "make '%s' private", place);
	c->place = xstrdup(place);
	c->place_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->place_fd < 0)
		return cmk_err_errno(err, "open '%s'", place);
	r = mkdir_p_at(st->run_fd, state, 0700, err);
	c->state = xasprintf("%s/%s", st->runroot, state);
	return r;
}

static void cmk_noreturn exec_program(struct runtime_job *job, const struct call *c)
{
	cleanup_strv char **argv = NULL;
	struct cmk_err e = CMK_ERR_INIT;

	strv_add(&argv, c->program);
	strv_add(&argv, "--root");
	strv_add(&argv, c->state);
	strv_add(&argv, "--log");
	strv_add_take(&argv, xasprintf("%s/log", c->place));
	strv_add(&argv, "--log-format");
	strv_add(&argv, "json");
	if (c->no_cgroup && runtime_other_is_crun(c->program))
		strv_add(&argv, "--cgroup-manager=disabled");
	for (char *const *f = c->flags; f && *f; f++)
		strv_add(&argv, *f);
	for (char **w = c->words; *w; w++)
		strv_add(&argv, *w);
	/* They are about us, or the container has its own. */
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
	if (process_place_descriptors(job, -1, &e) < 0)
		_exit(125);
	for (size_t i = 0; i < job->n_preserve_fds; i++)
		(void)fcntl((int)i + 3, F_SETFD, 0);
	(void)execv(c->program, argv);
	_exit(125);
}

static bool says(const char *text, const char *what)
{
	return strcasestr(text, what) != NULL;
}

/* In its own words, the last of which are the cause; by them podman, too, tells 126 from 127. */
static int explain(const struct call *c, const char *what, struct cmk_err *err)
{
	const char *name = strrchr(c->program, '/') + 1, *msg = NULL, *line;
	cleanup_json_doc struct json_doc *doc = NULL;
	enum cmk_err_kind kind = CMK_ERR_OTHER;
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (file_read_at(c->place_fd, "log", LOG_MAX, &text, &len, NULL) == 0 && len > 0) {
		if (text[len - 1] == '\n')
			text[--len] = '\0';
		line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
		if (json_parse(line, strlen(line), LOG_MAX, &doc, NULL) == 0)
			msg = json_str(json_get(json_root(doc), "msg"));
		msg = msg ?: line;
	}
	/* It says to stderr, if anywhere, what it thinks of its options. */
	if (!msg && c->flags && *c->flags) {
		cleanup_free char *flags = strv_join(c->flags, " ");

		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EIO,
				    "%s %s %s failed without a word", name, flags, what);
	}
	if (!msg)
		return cmk_err_set(err, -EIO, "%s %s failed without a word", name, what);
	if (says(msg, "executable file") || says(msg, "no such file or directory"))
		kind = CMK_ERR_CMD_NOT_FOUND;
	/* What is no file crun calls an operation not permitted. */
	if (says(msg, "permission denied") || says(msg, "is a directory") ||
	    says(msg, "open executable"))
		kind = CMK_ERR_CANNOT_EXEC;
	return cmk_err_kind(err, kind, -EIO, "%s %s: %s", name, what, msg);
}

/* Runs it to its end with JOB's stdio and descriptors. */
static int call_run(struct runtime_job *job, const struct call *c, struct cmk_err *err)
{
	pid_t pid = process_fork("cmk-runtime", PROCESS_DEATH_SIGNAL, NULL, err);
	int status;

	if (pid == 0)
		exec_program(job, c);
	if (pid < 0)
		return pid;
	status = process_reap(pid);
	if (status < 0)
		return cmk_err_set(err, status, "wait for '%s'", c->program);
	return status == 0 ? 0 : explain(c, c->words[0], err);
}

/* --- its answers -------------------------------------------------------------------------------
 */

/* The socket on which it hands the terminal over; words for it are added to C. */
static int listen_console(struct call *c, struct cmk_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/console", c->place);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0)
		return cmk_err_errno(err, "make the console socket");
	add_word(c, "--console-socket", xstrdup(addr.sun_path));
	return steal_fd(&fd);
}

static int pass_console(const struct runtime_job *job, int listener, struct cmk_err *err)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	cleanup_close int conn = -1, master = -1;
	char name[256], msg = SYNC_CONSOLE;

	if (poll(&p, 1, CONSOLE_MS) == 1)
		conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (conn >= 0)
		(void)sync_recv(conn, name, sizeof(name), &master);
	if (master < 0)
		return cmk_err_set(err, -EBADMSG, "the runtime has handed over no terminal");
	return sync_send(job->sync, &msg, 1, master, err);
}

static int read_pid(const struct call *c, pid_t *ret, int *ret_pidfd, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	uint64_t pid;
	size_t len = 0;
	int r = file_read_at(c->place_fd, "pid", 32, &text, &len, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "the runtime's pid file");
	if (parse_u64_n(text, strcspn(text, "\n"), INT32_MAX, &pid) < 0 || pid < 2)
		return cmk_err_set(err, -EBADMSG, "the runtime's pid file has no pid");
	*ret = (pid_t)pid;
	*ret_pidfd = process_pidfd_open(*ret);
	return *ret_pidfd < 0 ? cmk_err_set(err, *ret_pidfd, "process %d: %s", (int)pid,
					    errno_text(-*ret_pidfd))
			      : 0;
}

static int make_tap(struct runtime_job *job, int pidfd, struct cmk_err *err)
{
	cleanup_close int tap = -1;
	char msg = SYNC_TAP;
	int r;

	/* The container must not see into us: see join() in exec.c. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setns(pidfd, CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return cmk_err_errno(err, "enter the container's network namespace");
	tap = network_tap_open(err);
	if (tap < 0)
		return tap;
	r = network_tap_configure(err);
	return r < 0 ? r : sync_send(job->sync, &msg, 1, tap, err);
}

/* From inside the container's namespaces, in a child that tells of its own failure. */
static int pass_tap(struct runtime_job *job, int pidfd, struct cmk_err *err)
{
	pid_t pid;

	*job->stage = STAGE_NETWORK;
	pid = process_fork("cmk-tap", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid == 0) {
		struct cmk_err e = CMK_ERR_INIT;

		if (make_tap(job, pidfd, &e) < 0) {
			cmk_err_send(job->sync, &e);
			_exit(1);
		}
		_exit(0);
	}
	if (pid < 0)
		return pid;
	return process_reap(pid) == 0 ? 0 : cmk_err_set(err, -ECHILD, "set up the network");
}

/* The monitor is told what job_run() waits for. */
static int report(struct runtime_job *job, const struct call *c, int console, bool tap,
		  pid_t *ret_pid, struct cmk_err *err)
{
	cleanup_close int pidfd = -1;
	char ready = SYNC_READY;
	int r = read_pid(c, ret_pid, &pidfd, err);

	if (r < 0)
		return r;
	job_announce(job, *ret_pid, pidfd);
	if (console >= 0)
		r = pass_console(job, console, err);
	if (r == 0 && tap)
		r = pass_tap(job, pidfd, err);
	return r == 0 ? sync_send(job->sync, &ready, 1, -1, err) : r;
}

static void add_preserved(struct call *c, const struct runtime_job *job)
{
	if (job->n_preserve_fds)
		add_word(c, "--preserve-fds", xasprintf("%zu", job->n_preserve_fds));
}

/* --- create ------------------------------------------------------------------------------------
 */

static int attach_new(int mnt, int dir, const char *name, struct cmk_err *err)
{
	struct stat st;
	cleanup_close int fd = -1;

	if (fstat(mnt, &st) < 0)
		return cmk_err_errno(err, "stat");
	if (S_ISDIR(st.st_mode) ? mkdirat(dir, name, 0755) < 0
				: mknodat(dir, name, S_IFREG | 0644, 0) < 0)
		return cmk_err_errno(err, "make '%s'", name);
	fd = openat(dir, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || mount_attach(mnt, fd) < 0)
		return cmk_err_errno(err, "attach '%s'", name);
	return 0;
}

/* Its file is the user's perhaps, and so the container's root could write to it (CVE-2019-5736). */
static int attach_init(int mnt, const struct call *c, struct cmk_err *err)
{
	const struct mount_options o = { .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						MOUNT_ATTR_NODEV };
	int r = mount_set_options(mnt, &o);

	if (r < 0)
		return cmk_err_set(err, r, "'%s' for --init: %s", OTHER_INIT, errno_text(-r));
	return attach_new(mnt, c->place_fd, OTHER_INIT, err);
}

static int attach_all(struct runtime_job *job, const struct call *c, int *ret_root,
		      struct cmk_err *err)
{
	int r = attach_new(job->root_mnt_fd, c->place_fd, OTHER_ROOTFS, err);

	if (r == 0 && job->init_exec_fd >= 0)
		r = attach_init(job->init_exec_fd, c, err);
	for (size_t i = 0; r == 0 && i < job->spec->n_mounts; i++) {
		cleanup_free char *name = xasprintf(OTHER_MOUNT "%zu", i);

		if (job->made[i] >= 0)
			r = attach_new(job->made[i], c->place_fd, name, err);
	}
	if (r < 0)
		return r;
	*ret_root = openat(c->place_fd, OTHER_ROOTFS, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_root < 0 ? cmk_err_errno(err, "open the root file system") : 0;
}

/* It looks for groups in one place alone. */
static int show_cgroups(const struct runtime_create_args *a, struct cmk_err *err)
{
	if (!a->cgroup_mount || streq(a->cgroup_mount, CGROUP_MOUNT) ||
	    mount(a->cgroup_mount, CGROUP_MOUNT, NULL, MS_BIND | MS_REC, NULL) == 0)
		return 0;
	return cmk_err_errno(err, "bind '%s' on " CGROUP_MOUNT, a->cgroup_mount);
}

/* What init does to the root and the user by itself. */
static int prepare_root(struct runtime_job *job, int root_fd, struct identity *who,
			struct cmk_err *err)
{
	int r;

	init_add_files(root_fd, job->spec);
	r = passwd_apply(job, root_fd, err);
	*job->stage = STAGE_USER;
	if (r == 0)
		r = process_identity(job, root_fd, who, err);
	/* In a mount it is the runtime who sees whether it is there. */
	return r == 0 && !process_cwd_is_mounted(job) ? process_make_cwd(job, root_fd, who, err)
						      : r;
}

static int create_container(struct runtime_job *job, const char *seccomp, struct cmk_err *err)
{
	const struct runtime_create_args *a = job->create;
	cleanup(call_done) struct call c = { .place_fd = -1,
					     .flags = a->other_flags,
					     .no_cgroup = !a->cgroup_path };
	cleanup(identity_done) struct identity who = { 0 };
	cleanup_close int root_fd = -1, console = -1;
	pid_t pid = -1;
	int r = call_begin(&c, a->st, a->id, a->other, err);

	*job->stage = STAGE_MOUNTS;
	if (r == 0)
		r = attach_all(job, &c, &root_fd, err);
	if (r == 0)
		r = show_cgroups(a, err);
	if (r == 0)
		r = prepare_root(job, root_fd, &who, err);
	if (r == 0)
		r = other_write_config(job, &who, c.place, c.place_fd, seccomp, err);
	if (r < 0)
		return r;
	add_word(&c, NULL, xstrdup("create"));
	add_word(&c, "--bundle", xstrdup(c.place));
	add_word(&c, "--pid-file", xasprintf("%s/pid", c.place));
	if (job->process->terminal) {
		console = listen_console(&c, err);
		if (console < 0)
			return console;
	}
	add_preserved(&c, job);
	add_word(&c, NULL, xstrdup(a->id));
	*job->stage = STAGE_CLONE;
	(void)umask(022);
	r = call_run(job, &c, err);
	if (r == 0)
		r = report(job, &c, console, a->want_tap, &pid, err);
	return r == 0 ? userns_hint_add(a->st->run_fd, pid, true, err) : r;
}

int other_create_setup(struct runtime_job *job, struct cmk_err *err)
{
	const struct userns_mapper monitor = { sync_ask_maps, job };
	const char *profile = job->spec->seccomp_profile ?: "default";
	int run_fd = job->create->st->run_fd;
	cleanup_free char *seccomp = NULL;
	int r = job_prepare(job, err);

	if (r == 0)
		r = seccomp_text_get(profile, job->process->caps.bounding, &seccomp, err);
	if (r == 0)
		r = create_oom_score(job->process, err);
	if (r < 0)
		return r;
	create_raise_rlimits(job->process);
	*job->stage = STAGE_USERNS;
	r = userns_parent_enter(run_fd, job->userns, &monitor, err);
	if (r == 0)
		r = overlays_refresh(job->spec, err);
	if (r == 0)
		r = outside_prepare(job, err);
	if (r == 0)
		r = create_container(job, seccomp, err);
	userns_hint_remove(run_fd, getpid());
	return r;
}

/* --- exec --------------------------------------------------------------------------------------
 */

static int private_mounts(struct cmk_err *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return cmk_err_errno(err, "make a mount namespace");
	return 0;
}

static int find_exec_user(const struct runtime_job *job, struct identity *who, struct cmk_err *err)
{
	cleanup_close int root_fd = -1;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)job->exec->target);
	root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return cmk_err_errno(err, "open the container's root");
	return process_identity(job, root_fd, who, err);
}

int other_exec_setup(struct runtime_job *job, struct cmk_err *err)
{
	const struct userns_mapper monitor = { sync_ask_maps, job };
	const struct runtime_exec_args *a = job->exec;
	cleanup(identity_done) struct identity who = { 0 };
	cleanup(call_done) struct call c = { .place_fd = -1,
					     .flags = a->other_flags,
					     .no_cgroup = a->cgroup_fd < 0 };
	cleanup_close int console = -1;
	pid_t pid;
	int r = job_prepare(job, err);

	*job->stage = STAGE_USERNS;
	if (r == 0)
		r = userns_parent_enter(a->st->run_fd, job->userns, &monitor, err);
	if (r == 0)
		r = private_mounts(err);
	if (r == 0)
		r = call_begin(&c, a->st, a->id, a->other, err);
	/* Some start from there. */
	if (r == 0 && mkdirat(c.place_fd, OTHER_ROOTFS, 0755) < 0)
		r = cmk_err_errno(err, "make '" OTHER_ROOTFS "'");
	if (r == 0)
		r = find_exec_user(job, &who, err);
	if (r == 0)
		r = other_write_process(job, &who, c.place_fd, err);
	if (r < 0)
		return r;
	add_word(&c, NULL, xstrdup("exec"));
	add_word(&c, "--process", xasprintf("%s/process.json", c.place));
	add_word(&c, "--pid-file", xasprintf("%s/pid", c.place));
	strv_add(&c.words, "--detach");
	if (job->process->terminal) {
		console = listen_console(&c, err);
		if (console < 0)
			return console;
	}
	add_preserved(&c, job);
	add_word(&c, NULL, xstrdup(a->id));
	*job->stage = STAGE_CLONE;
	r = call_run(job, &c, err);
	return r == 0 ? report(job, &c, console, false, &pid, err) : r;
}

/* --- start and delete --------------------------------------------------------------------------
 */

struct simple {
	struct storage *st;
	const char *id, *program, *word;
	char *const *flags;
	bool force;
};

static int simple_call(void *arg, struct cmk_err *err)
{
	static const int none[] = { -1, -1, -1 };
	const struct simple *s = arg;
	struct runtime_job job = { .stdio = none,
				   .sync = -1,
				   .init_exec_fd = -1,
				   .start_fd = -1,
				   .fifo_dirfd = -1,
				   .null_fd = -1,
				   .apparmor_fd = -1,
				   .label_fd = -1 };
	cleanup(call_done) struct call c = { .place_fd = -1, .flags = s->flags };
	int r = job_prepare(&job, err);

	if (r == 0)
		r = call_begin(&c, s->st, s->id, s->program, err);
	if (r < 0)
		return r;
	add_word(&c, NULL, xstrdup(s->word));
	if (s->force)
		strv_add(&c.words, "--force");
	add_word(&c, NULL, xstrdup(s->id));
	r = call_run(&job, &c, err);
	cleanup_close_fn(&job.null_fd);
	return r;
}

static int simple_run(struct simple *s, struct cmk_err *err)
{
	const struct userns_config *config;
	int r = storage_userns(s->st, &config, err);

	return r < 0 ? r : userns_run(s->st->run_fd, config, true, simple_call, s, err);
}

int runtime_other_start(struct storage *st, const char *id, const char *program, char *const *flags,
			struct cmk_err *err)
{
	struct simple s = {
		.st = st, .id = id, .program = program, .flags = flags, .word = "start"
	};

	return simple_run(&s, err);
}

int runtime_other_delete(struct storage *st, const char *id, const char *program,
			 char *const *flags, struct cmk_err *err)
{
	struct simple s = { .st = st,
			    .id = id,
			    .program = program,
			    .flags = flags,
			    .word = "delete",
			    .force = true };
	cleanup_free char *state = xasprintf("containers/%s/runtime", id);
	int r = simple_run(&s, err);

	return r < 0 ? r : remove_tree_at(st->run_fd, state, err);
}
