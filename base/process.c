// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <link.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"

static bool may_be_executed(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0;
}

char *process_find(const char *name, const char *path, bool (*fits)(const char *file))
{
	cleanup_strv char **dirs = NULL;

	dirs = strv_split(path ?: getenv("PATH") ?: "/usr/bin:/bin", ':');
	for (char **d = dirs; *d; d++) {
		cleanup_free char *file = xasprintf("%s/%s", **d ? *d : ".", name);

		if ((fits ?: may_be_executed)(file))
			return steal_ptr(&file);
	}
	return NULL;
}

bool process_is_own_program(const char *path)
{
	struct stat a, b;

	return *path == '/' && stat(path, &a) == 0 && stat("/proc/self/exe", &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void process_reset_signals(void)
{
	static const uint64_t zero[8];
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++) {
		/* Two that libc keeps for its threads and refuses to touch: a caller may have
		 * ignored them all the same. The kernel's struct is all zero for the default. */
		if (sigaction(sig, &sa, NULL) < 0)
			(void)syscall(SYS_rt_sigaction, sig, zero, NULL, sizeof(uint64_t));
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t process_clone3(uint64_t flags, int exit_signal, int cgroup_fd, int *ret_pidfd)
{
	struct clone_args args = { .flags = flags, .exit_signal = (uint64_t)exit_signal };
	int pidfd = -1;
	long pid;

	if (ret_pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return (pid_t)-errno;
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

static void child_setup(const char *name, enum process_flags flags, const sigset_t *mask,
			pid_t parent)
{
	if (flags & PROCESS_KEEP_SIGNALS)
		(void)sigprocmask(SIG_SETMASK, mask, NULL);
	else
		process_reset_signals();
	(void)prctl(PR_SET_NAME, name);
	if (flags & PROCESS_NEW_SESSION)
		(void)setsid();
	if (flags & PROCESS_DEATH_SIGNAL) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The parent may have died before the line above. */
		if (getppid() != parent)
			_exit(125);
	}
}

pid_t process_fork(const char *name, enum process_flags flags, int *ret_pidfd, struct cmk_err *err)
{
	sigset_t all, old;
	pid_t pid, parent = getpid();

	(void)fflush(NULL);
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		child_setup(name, flags, &old, parent);
		return 0;
	}
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = process_pidfd_open(pid);
	{
		int saved = errno;

		(void)sigprocmask(SIG_SETMASK, &old, NULL);
		errno = saved;
	}
	if (pid < 0)
		return cmk_err_errno(err, "start process '%s'", name);
	return pid;
}

int process_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status;
}

int process_exit_code(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

int process_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

int process_pidfd_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

/* Fields of /proc/PID/stat after the command name, which may itself hold spaces and parentheses. */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	cleanup_close int fd = -1;
	char path[32], buf[1024], *p;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read_full(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return -ESRCH;
	buf[n] = '\0';
	p = strrchr(buf, ')');
	if (!p || p[1] != ' ')
		return -EBADMSG;
	*ret_state = p[2];
	p += 2;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EBADMSG;
		p++;
	}
	return parse_u64_n(p, strcspn(p, " "), UINT64_MAX, ret_start);
}

int process_id_of(pid_t pid, struct process_id *ret)
{
	uint64_t start = 0;
	char state;
	int r = read_stat(pid, &state, &start);

	if (r < 0)
		return r;
	*ret = (struct process_id){ .pid = pid, .start_time = start };
	return 0;
}

int process_id_open(const struct process_id *id)
{
	cleanup_close int pidfd = -1;
	uint64_t start = 0;
	char state = 0;
	int r;

	if (id->pid <= 0)
		return -ESRCH;
	pidfd = process_pidfd_open(id->pid);
	if (pidfd < 0)
		return pidfd;
	/* Looked at after the pidfd is held: what we compare is what we hold. */
	r = read_stat(id->pid, &state, &start);
	if (r < 0)
		return r;
	if (start != id->start_time || state == 'Z' || state == 'X')
		return -ESRCH;
	return steal_fd(&pidfd);
}

bool process_id_alive(const struct process_id *id)
{
	cleanup_close int fd = process_id_open(id);

	return fd >= 0;
}

const char *process_boot_id(void)
{
	static char id[40];

	if (!id[0]) {
		cleanup_close int fd = -1;
		ssize_t n = 0;
#ifdef CMK_TEST_HOOKS
		const char *forced = getenv("CMK_TEST_BOOT_ID");

		if (forced) {
			(void)snprintf(id, sizeof(id), "%s", forced);
			return id;
		}
#endif
		fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			n = read_full(fd, id, 36);
		if (n != 36)
			(void)snprintf(id, sizeof(id), "unknown");
	}
	return id;
}

static void keep_last_line(char *text)
{
	size_t n = strlen(text);
	char *line;

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	line = strrchr(text, '\n');
	if (line)
		memmove(text, line + 1, strlen(line + 1) + 1);
}

static void cmk_noreturn run_child(char *const argv[], char *const envp[], int err_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	(void)dup2(err_fd, STDERR_FILENO);
	if (envp)
		environ = (char **)envp;
	(void)execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

int process_run(char *const argv[], char *const envp[], struct cmk_err *err)
{
	cleanup_close int rd = -1, wr = -1;
	int p[2], status;
	char text[4096];
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	rd = p[0];
	wr = p[1];
	pid = process_fork(argv[0], 0, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		run_child(argv, envp, wr);
	(void)close(steal_fd(&wr));
	n = read_full(rd, text, sizeof(text) - 1);
	(void)close(steal_fd(&rd));
	status = process_reap(pid);
	if (status < 0)
		return cmk_err_set(err, status, "wait for '%s'", argv[0]);
	if (status == 0)
		return 0;
	text[MAX(n, 0)] = '\0';
	keep_last_line(text);
	if (WIFSIGNALED(status))
		return cmk_err_set(err, -ECHILD, "%s: killed by %s", argv[0],
				   signal_name(WTERMSIG(status)) ? signal_name(WTERMSIG(status))
								 : "a signal");
	/* What was started says more, if it was. */
	if (WEXITSTATUS(status) == 127 && !text[0])
		return cmk_err_set(err, -ENOENT, "%s: not found", argv[0]);
	(void)cmk_err_set(err, -EIO, "%s: %s", argv[0], text[0] ? text : "failed");
	return WEXITSTATUS(status);
}

int process_place_fds(const int *from, const int *to, size_t n)
{
	int high[8];

	if (n > ARRAY_LEN(high))
		return -E2BIG;
	/* They may stand in each other's way: lifted above first. */
	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16);
		if (high[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(high[i], to[i]) < 0)
			return -errno;
	return 0;
}

int process_exec_helper(const char *path, char *const argv[], const int *from, const int *to,
			size_t n, struct cmk_err *err)
{
	static char *const env[] = { NULL };
	int r = process_place_fds(from, to, n);

	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "hand over descriptors");
	}
	process_close_others(to, n);
	(void)execve(path, argv, env);
	r = cmk_err_errno(err, "start '%s'", path);
	(void)cmk_err_hint(err, "cmk is not installed whole");
	return r;
}

void process_close_others(const int *keep, size_t n_keep)
{
	(void)syscall(SYS_close_range, 3U, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC, kernel 5.11 */);
	for (size_t i = 0; i < n_keep; i++) {
		int fl = fcntl(keep[i], F_GETFD);

		if (fl >= 0)
			(void)fcntl(keep[i], F_SETFD, fl & ~FD_CLOEXEC);
	}
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void process_close_all_but(int *keep, size_t n_keep)
{
	unsigned int from = STDERR_FILENO + 1;

	qsort(keep, n_keep, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < n_keep; i++) {
		unsigned int fd = (unsigned int)keep[i];

		if (keep[i] <= STDERR_FILENO)
			continue;
		if (fd > from)
			(void)syscall(SYS_close_range, from, fd - 1, 0); /* kernel 5.9 */
		from = fd + 1;
	}
	(void)syscall(SYS_close_range, from, ~0U, 0);
}

const char *process_libexec_dir(void)
{
	const char *dir = secure_getenv("CMK_LIBEXECDIR");
	struct stat st;

	if (dir && *dir == '/' && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	    (st.st_uid == 0 || st.st_uid == geteuid()))
		return dir;
	return CMK_LIBEXECDIR;
}

/* Segments that are never written; of libraries too, of which nobody else may have these pages. */
static int forget_segments(struct dl_phdr_info *info, size_t size cmk_unused, void *arg cmk_unused)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + ph->p_vaddr, to = from + ph->p_filesz;

		if (ph->p_type != PT_LOAD || ph->p_flags & PF_W)
			continue;
		from &= ~(page - 1);
		to &= ~(page - 1);
		if (to > from)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void process_forget_start(void)
{
	(void)dl_iterate_phdr(forget_segments, NULL);
	(void)malloc_trim(0);
}
