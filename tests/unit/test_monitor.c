// SPDX-License-Identifier: Apache-2.0
/* The event loop with a runtime that starts plain processes: real forks, pipes and terminals. */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/cgroup/manager.h"
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"
#include "libpod/record/joins.h"
#include "libpod/runtime/hooks.h"
#include "libpod/runtime/other.h"

#include "tests/unit/unit.h"

/* --- the rest of the program, as far as the monitor asks ---------------------------------------
 */

static const char *script;

static pid_t start_script(const int stdio[3], bool terminal, struct runtime_container *ret)
{
	int master = -1;
	char name[64];
	pid_t pid;

	if (terminal) {
		master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		(void)grantpt(master);
		(void)unlockpt(master);
		(void)ptsname_r(master, name, sizeof(name));
	}
	*ret = RUNTIME_CONTAINER_INIT;
	pid = process_fork("script", PROCESS_DEATH_SIGNAL | PROCESS_NEW_SESSION, &ret->pidfd, NULL);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		for (int i = 0; i < 3; i++) {
			int fd = terminal ? open(name, O_RDWR) : stdio[i] >= 0 ? stdio[i] : null;

			(void)dup2(fd, i);
		}
		(void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	ret->pid = pid;
	ret->console_fd = master;
	return pid;
}

int runtime_create(const struct runtime_create_args *a, struct runtime_container *ret,
		   struct cmk_err *err)
{
	if (streq(script, "FAIL"))
		return cmk_err_kind(err, CMK_ERR_CMD_NOT_FOUND, -ENOENT, "no such program");
	return start_script(a->stdio, a->spec->process.terminal, ret) < 0 ? -EIO : 0;
}

int runtime_start(struct runtime_container *c, struct cmk_err *err)
{
	(void)c;
	(void)err;
	return 0;
}

void runtime_container_done(struct runtime_container *c)
{
	cleanup_close_fn(&c->pidfd);
	cleanup_close_fn(&c->console_fd);
	*c = RUNTIME_CONTAINER_INIT;
}

int runtime_other_start(struct storage *st, const char *id, const char *program, char *const *flags,
			struct cmk_err *err)
{
	(void)flags;
	(void)st;
	(void)id;
	(void)program;
	(void)err;
	return 0;
}

int runtime_other_delete(struct storage *st, const char *id, const char *program,
			 char *const *flags, struct cmk_err *err)
{
	(void)flags;
	(void)st;
	(void)id;
	(void)program;
	(void)err;
	return 0;
}

int runtime_exec(const struct runtime_exec_args *a, struct runtime_container *ret,
		 struct cmk_err *err)
{
	(void)err;
	return start_script(a->stdio, a->process->terminal, ret) < 0 ? -EIO : 0;
}

int network_slirp_spawn(const struct slirp_options *o, struct slirp *ret, struct cmk_err *err)
{
	(void)o;
	(void)ret;
	return cmk_err_set(err, -ENOSYS, "no network here");
}

int network_slirp_give_tap(struct slirp *s, int tap_fd, struct cmk_err *err)
{
	(void)s;
	(void)tap_fd;
	(void)err;
	return 0;
}

int network_slirp_wait_ready(struct slirp *s, struct cmk_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

void network_slirp_stop(struct slirp *s)
{
	(void)s;
}

int container_live_save(struct storage *st, const char *id, const struct container_live *live,
			struct cmk_err *err)
{
	(void)id;
	return file_replace_at(st->root_fd, "live", &live->init_pid, sizeof(live->init_pid), 0600,
			       0, err);
}

int container_live_remove(struct storage *st, const char *id)
{
	(void)id;
	return unlinkat(st->root_fd, "live", 0);
}

int hooks_run(const struct spec *s, enum spec_hook_stage stage, const struct hook_state *state,
	      struct cmk_err *err)
{
	(void)s;
	(void)stage;
	(void)state;
	(void)err;
	return 0;
}

int container_joins_open(struct storage *st, const struct spec *spec, struct container_joins *ret,
			 struct cmk_err *err)
{
	(void)st;
	(void)spec;
	(void)ret;
	(void)err;
	return 0;
}

void container_joins_done(struct container_joins *j)
{
	(void)j;
}

int container_status_save(struct storage *st, const char *id, const struct container_status *s,
			  bool durable, struct cmk_err *err)
{
	cleanup_free char *text = xasprintf("%s %d %s", s->state, s->exit_code,
					    s->error ? s->error : "-");

	(void)id;
	(void)durable;
	return file_replace_at(st->root_fd, "status", text, strlen(text), 0600, 0, err);
}

int container_erase(struct storage *st, const char *id, const char *name, struct cmk_err *err)
{
	(void)id;
	(void)name;
	return file_replace_at(st->root_fd, "erased", "", 0, 0600, 0, err);
}

int container_unmount_lock(int dir_fd)
{
	(void)dir_fd;
	return -ENOENT;
}

int container_run_dir(struct storage *store, const char *id, struct cmk_err *err)
{
	(void)store;
	(void)id;
	return cmk_err_set(err, -ENOSYS, "no run directory here");
}

int container_config_reload(struct container *c, struct cmk_err *err)
{
	(void)c;
	(void)err;
	return 0;
}

int container_secret_variables(const struct container *c, char ***env, struct cmk_err *err)
{
	(void)c;
	(void)env;
	(void)err;
	return 0;
}

int container_prepare_start(struct container *c, struct spec **ret_spec,
			    struct rootfs_plan *ret_rootfs, struct cmk_err *err)
{
	(void)c;
	(void)err;
	*ret_spec = NULL;
	*ret_rootfs = (struct rootfs_plan){ 0 };
	return 0;
}

void rootfs_plan_done(struct rootfs_plan *p)
{
	(void)p;
}

int container_delegation(struct container *c, struct cgroup_delegation **ret, struct cmk_err *err)
{
	static struct cgroup_delegation none = CGROUP_DELEGATION_INIT;

	(void)c;
	(void)err;
	*ret = &none;
	return 0;
}

int container_cgroup_request(const struct container_config *cfg, struct cgroup_request *ret,
			     struct cmk_err *err)
{
	(void)err;
	*ret = (struct cgroup_request){ .id = cfg->id };
	return 0;
}

int cgroup_group_make(const struct cgroup_request *q, const struct cgroup_delegation *d,
		      const struct spec_resources *res, struct cgroup_group *ret,
		      struct cmk_err *err)
{
	(void)q;
	(void)d;
	(void)res;
	(void)err;
	*ret = CGROUP_GROUP_INIT;
	return 0;
}

void cgroup_group_settled(struct cgroup_group *g)
{
	(void)g;
}

int cgroup_group_remove(struct cgroup_group *g, struct cmk_err *err)
{
	(void)g;
	(void)err;
	return 0;
}

void cgroup_approach(const char *mount, const char *path, const char *session, const char *name)
{
	(void)mount;
	(void)path;
	(void)session;
	(void)name;
}

int cgroup_kill(int group_fd, struct cmk_err *err)
{
	(void)group_fd;
	(void)err;
	return -ENOSYS;
}

int cgroup_oom_kills(int group_fd, uint64_t *ret)
{
	(void)group_fd;
	(void)ret;
	return -ENOENT;
}

int cgroup_child(int group_fd, const char *name)
{
	(void)group_fd;
	(void)name;
	return -ENOSYS;
}

bool cgroup_frozen(int group_fd)
{
	(void)group_fd;
	return false;
}

int container_config_load(int dirfd, const char *path, struct container_config *ret,
			  struct cmk_err *err)
{
	(void)dirfd;
	(void)path;
	(void)ret;
	return cmk_err_set(err, -ENOENT, "no record here");
}

void container_remove_cidfile(const struct container_config *cfg)
{
	(void)cfg;
}

void container_remove_image(struct storage *st, const struct container_config *cfg)
{
	(void)st;
	(void)cfg;
}

void mon_exec_begin(struct monitor *m)
{
	(void)m;
}

void mon_exec_end(struct monitor *m)
{
	(void)m;
}

struct container *container_free(struct container *c)
{
	free(c);
	return NULL;
}

void event_write_all(struct storage *store, const struct event *events, size_t n)
{
	(void)store;
	(void)events;
	(void)n;
}

void event_write(struct storage *st, const struct event *e)
{
	(void)st;
	(void)e;
}

struct event event_of_container(const struct container_config *cfg, const char *status)
{
	return (struct event){ .id = cfg->id, .status = status };
}

bool storage_warn_once(struct storage *st, const char *name)
{
	(void)st;
	(void)name;
	return false;
}

void userns_hint_remove(int run_fd, pid_t pid)
{
	(void)run_fd;
	(void)pid;
}

/* --- one run -----------------------------------------------------------------------------------
 */

static char dir[] = "/tmp/test_monitor.XXXXXX";
static struct storage st;
static struct container ctr;
static struct spec spec;
static struct rootfs_plan plan;
static pid_t monitor_pid;

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	/* Frames that we send to a monitor that has gone. */
	(void)signal(SIGPIPE, SIG_IGN);
	st = (struct storage){ .runroot = dir };
	st.root_fd = st.run_fd = st.containers_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	st.layers_fd = st.images_fd = st.names_fd = st.container_names_fd = st.tmp_fd = -1;
	ctr.st = &st;
	ctr.dir_fd = ctr.lock_fd = -1;
	ctr.cfg.id = (char *)"c1";
	ctr.cfg.name = (char *)"c1";
	return mkdirat(st.root_fd, "c1", 0700);
}

static int remove_dir(void **state)
{
	(void)state;
	(void)close(st.root_fd);
	return remove_tree_at(AT_FDCWD, dir, NULL);
}

static int run(const char *what, bool terminal, bool use_stdin, struct cmk_err *err)
{
	const struct monitor_args a = { .container = &ctr,
					.spec = &spec,
					.rootfs = &plan,
					.attach_stdin = use_stdin,
					.attach_out = true,
					.tty_fd = -1 };
	int fd = -1;

	script = what;
	spec.process.terminal = terminal;
	(void)unlinkat(st.root_fd, "c1/ctr.log", 0);
	(void)unlinkat(st.root_fd, "status", 0);
	(void)unlinkat(st.root_fd, "erased", 0);
	assert_int_equal(monitor_spawn(&a, &fd, &monitor_pid, err), 0);
	return fd;
}

static void assert_file(const char *name, const char *want)
{
	cleanup_free char *text = NULL;

	assert_int_equal(file_read_at(st.root_fd, name, 1 << 20, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

/* All output until FRAME_EXIT: its code. */
static int collect(int fd, char out[2][4096])
{
	static uint8_t buf[MONITOR_FRAME_MAX];
	size_t n[2] = { 0 };
	int32_t code;

	for (;;) {
		enum monitor_frame_type type = 0;
		ssize_t len = monitor_frame_recv(fd, &type, buf);

		assert_true(len >= 0);
		if (type == FRAME_EXIT) {
			memcpy(&code, buf, sizeof(code));
			out[0][n[0]] = out[1][n[1]] = '\0';
			return code;
		}
		if (type == FRAME_STDOUT || type == FRAME_STDERR) {
			int i = type == FRAME_STDERR;

			assert_true(n[i] + (size_t)len < 4096);
			memcpy(out[i] + n[i], buf, (size_t)len);
			n[i] += (size_t)len;
		}
		if (type == FRAME_ERROR)
			return -1;
	}
}

static void await_frame(int fd, enum monitor_frame_type want)
{
	static uint8_t buf[MONITOR_FRAME_MAX];
	enum monitor_frame_type type;

	do {
		assert_true(monitor_frame_recv(fd, &type, buf) >= 0);
	} while (type != want);
}

static void test_streams_stay_apart_and_the_code_comes_last(void **state)
{
	char out[2][4096];
	cleanup_close int fd = run("echo out; echo err >&2; exit 7", false, false, NULL);

	(void)state;
	assert_int_equal(collect(fd, out), 7);
	assert_string_equal(out[0], "out\n");
	assert_string_equal(out[1], "err\n");
	process_reap(monitor_pid);
	assert_file("status", "exited 7 -");
	assert_int_equal(faccessat(st.root_fd, "live", F_OK, 0), -1);
	assert_int_equal(faccessat(st.root_fd, "containers/c1", F_OK, 0), -1);
}

static void test_death_by_signal_is_128_and_more(void **state)
{
	char out[2][4096];
	cleanup_close int fd = run("kill -TERM $$", false, false, NULL);

	(void)state;
	assert_int_equal(collect(fd, out), 143);
	process_reap(monitor_pid);
}

static void test_input_streams_and_half_closes(void **state)
{
	static uint8_t big[65536];
	char out[2][4096];
	cleanup_close int fd = run("md5sum", false, true, NULL);

	(void)state;
	for (int i = 0; i < 16; i++) {
		assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, big, sizeof(big)), 0);
		await_frame(fd, FRAME_STDIN_ACK);
	}
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, NULL, 0), 0);
	assert_int_equal(collect(fd, out), 0);
	assert_string_equal(out[0], "b6d81b360a5672d80c27430f39153e2c  -\n");
	process_reap(monitor_pid);
}

static void test_signals_pass_input_that_nobody_reads(void **state)
{
	static uint8_t big[65536];
	char out[2][4096];
	const uint8_t sig = SIGTERM;
	cleanup_close int fd = run("exec sleep 60", false, true, NULL);

	(void)state;
	/* The first fills the pipe, the second waits. */
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, big, sizeof(big)), 0);
	await_frame(fd, FRAME_STDIN_ACK);
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, big, sizeof(big)), 0);
	assert_int_equal(monitor_frame_send(fd, FRAME_SIGNAL, &sig, 1), 0);
	assert_int_equal(collect(fd, out), 143);
	process_reap(monitor_pid);
}

static void test_stop_kills_after_its_timeout(void **state)
{
	char out[2][4096];
	cleanup_close int control = -1, fd = run("trap 'echo stopping' TERM; echo on; "
						 "while :; do sleep 60 & wait; done",
						 false, false, NULL);

	(void)state;
	await_frame(fd, FRAME_STDOUT);
	control = container_connect(&st, "c1", NULL);
	assert_true(control >= 0);
	assert_int_equal(monitor_send_stop(control, SIGTERM, 100), 0);
	assert_int_equal(collect(fd, out), 137);
	assert_string_equal(out[0], "stopping\n");
	/* Not attached: nothing but the end. */
	assert_int_equal(collect(control, out), 137);
	assert_string_equal(out[0], "");
	process_reap(monitor_pid);
}

static void test_terminal_has_one_stream_and_detaches(void **state)
{
	const uint16_t size[2] = { 33, 99 };
	char out[2][4096];
	int status = 0, fd = run("read x; stty size; read y; echo $y; exit 3", true, true, NULL);
	cleanup_close int again = -1;

	(void)state;
	await_frame(fd, FRAME_STARTED);
	assert_int_equal(monitor_frame_send(fd, FRAME_RESIZE, size, sizeof(size)), 0);
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, "\n", 1), 0);
	await_frame(fd, FRAME_STDIN_ACK);
	/* A part of the keys, alone, is passed on. */
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, "\x10z", 2), 0);
	await_frame(fd, FRAME_STDIN_ACK);
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, "\x10\x11", 2), 0);
	await_frame(fd, FRAME_DETACHED);
	(void)close(fd);
	assert_int_equal(waitpid(monitor_pid, &status, WNOHANG), 0);
	again = container_connect(&st, "c1", NULL);
	assert_true(again >= 0);
	assert_int_equal(
		monitor_frame_send(again, FRAME_ATTACH,
				   (uint8_t[]){ MONITOR_ATTACH_STDIN | MONITOR_ATTACH_OUT }, 1),
		0);
	assert_int_equal(monitor_frame_send(again, FRAME_STDIN, "y\n", 2), 0);
	assert_int_equal(collect(again, out), 3);
	assert_non_null(strstr(out[0], "zy\r\n"));
	process_reap(monitor_pid);
}

static void test_lost_client_ends_input_but_not_the_container(void **state)
{
	int fd = run("cat >/dev/null; exit 5", false, true, NULL);

	(void)state;
	await_frame(fd, FRAME_STARTED);
	(void)close(fd);
	process_reap(monitor_pid);
	assert_file("status", "exited 5 -");
}

static void test_slow_client_is_a_pipe_and_loses_nothing(void **state)
{
	static uint8_t buf[MONITOR_FRAME_MAX];
	enum monitor_frame_type type = 0;
	cleanup_close int fd = run("head -c 3000000 /dev/zero", false, false, NULL);
	struct pollfd p = { .fd = fd };
	size_t n = 0;

	(void)state;
	(void)poll(&p, 1, 50);
	while (type != FRAME_EXIT) {
		ssize_t len = monitor_frame_recv(fd, &type, buf);

		assert_true(len >= 0);
		n += type == FRAME_STDOUT ? (size_t)len : 0;
	}
	assert_int_equal(n, 3000000);
	process_reap(monitor_pid);
}

static void test_closed_output_is_a_broken_pipe(void **state)
{
	char out[2][4096];
	cleanup_close int fd = run("yes; exit 9", false, false, NULL);

	(void)state;
	await_frame(fd, FRAME_STDOUT);
	assert_int_equal(monitor_frame_send(fd, FRAME_OUT_CLOSED, (uint8_t[]){ 1 }, 1), 0);
	for (int code = -2; code == -2;) {
		static uint8_t buf[MONITOR_FRAME_MAX];
		enum monitor_frame_type type = 0;

		assert_true(monitor_frame_recv(fd, &type, buf) >= 0);
		if (type == FRAME_EXIT)
			memcpy(&code, buf, sizeof(code));
		assert_true(code == -2 || code == 9);
	}
	(void)out;
	process_reap(monitor_pid);
}

static void test_failed_start_is_told_and_recorded(void **state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const struct attach_args a = { .fd = run("FAIL", false, false, NULL), .use_out = true };
	int code = 0;

	(void)state;
	assert_int_equal(monitor_attach(&a, &code, NULL, &err), -ENOENT);
	assert_int_equal(err.kind, CMK_ERR_CMD_NOT_FOUND);
	assert_string_equal(err.msg, "no such program");
	(void)close(a.fd);
	process_reap(monitor_pid);
	assert_file("status", "created 127 no such program");
	ctr.cfg.remove = true;
	(void)close(run("FAIL", false, false, NULL));
	process_reap(monitor_pid);
	ctr.cfg.remove = false;
	assert_file("erased", "");
}

static void test_bad_client_is_dropped(void **state)
{
	char out[2][4096];
	cleanup_close int fd = run("read x; exit 4", false, true, NULL), bad = -1;
	static uint8_t buf[MONITOR_FRAME_MAX];
	enum monitor_frame_type type;

	(void)state;
	await_frame(fd, FRAME_STARTED);
	bad = container_connect(&st, "c1", NULL);
	assert_true(bad >= 0);
	assert_int_equal(write(bad, "GET / HTTP/1.1\r\n", 16), 16);
	assert_true(monitor_frame_recv(bad, &type, buf) < 0);
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, "\n", 1), 0);
	assert_int_equal(collect(fd, out), 4);
	process_reap(monitor_pid);
}

static void test_socket_comes_back_when_the_run_directory_was_deleted(void **state)
{
	char out[2][4096];
	cleanup_close int fd = run("read x; exit 4", false, true, NULL), control = -1;

	(void)state;
	await_frame(fd, FRAME_STARTED);
	/* The directories may be made again while we delete; the socket has been deleted then. */
	(void)remove_tree_at(st.root_fd, "containers", NULL);
	for (int i = 0; i < 500 && control < 0; i++) {
		control = container_connect(&st, "c1", NULL);
		(void)poll(NULL, 0, 10);
	}
	assert_true(control >= 0);
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, "\n", 1), 0);
	assert_int_equal(collect(control, out), 4);
	process_reap(monitor_pid);
}

static void test_monitor_death_kills_the_container(void **state)
{
	cleanup_close int fd = run("echo $$; exec sleep 60", false, false, NULL), pidfd = -1;
	static uint8_t buf[MONITOR_FRAME_MAX];
	enum monitor_frame_type type = 0;
	struct pollfd p = { .events = POLLIN };
	uint64_t pid = 0;

	(void)state;
	while (type != FRAME_STDOUT) {
		ssize_t n = monitor_frame_recv(fd, &type, buf);

		assert_true(n >= 0);
		buf[n] = '\0';
	}
	assert_int_equal(parse_u64_n((char *)buf, strcspn((char *)buf, "\n"), INT32_MAX, &pid), 0);
	pidfd = process_pidfd_open((pid_t)pid);
	assert_true(pidfd >= 0);
	assert_int_equal(kill(monitor_pid, SIGKILL), 0);
	process_reap(monitor_pid);
	p.fd = pidfd;
	assert_int_equal(poll(&p, 1, 10000), 1);
}

static void test_no_descriptor_of_the_caller_is_kept(void **state)
{
	cleanup_close int lock = open(dir, O_DIRECTORY | O_RDONLY), fd = -1, again = -1;
	char out[2][4096];

	(void)state;
	assert_int_equal(file_lock(lock, true, true), 0);
	fd = run("read x", false, true, NULL);
	await_frame(fd, FRAME_STARTED);
	(void)close(steal_fd(&lock));
	again = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_lock(again, true, true), 0);
	assert_int_equal(monitor_frame_send(fd, FRAME_STDIN, "\n", 1), 0);
	assert_int_equal(collect(fd, out), 0);
	process_reap(monitor_pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_stay_apart_and_the_code_comes_last),
		cmocka_unit_test(test_death_by_signal_is_128_and_more),
		cmocka_unit_test(test_input_streams_and_half_closes),
		cmocka_unit_test(test_signals_pass_input_that_nobody_reads),
		cmocka_unit_test(test_stop_kills_after_its_timeout),
		cmocka_unit_test(test_terminal_has_one_stream_and_detaches),
		cmocka_unit_test(test_lost_client_ends_input_but_not_the_container),
		cmocka_unit_test(test_slow_client_is_a_pipe_and_loses_nothing),
		cmocka_unit_test(test_closed_output_is_a_broken_pipe),
		cmocka_unit_test(test_failed_start_is_told_and_recorded),
		cmocka_unit_test(test_bad_client_is_dropped),
		cmocka_unit_test(test_socket_comes_back_when_the_run_directory_was_deleted),
		cmocka_unit_test(test_monitor_death_kills_the_container),
		cmocka_unit_test(test_no_descriptor_of_the_caller_is_kept),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
