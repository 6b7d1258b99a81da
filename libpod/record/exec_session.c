// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/record/internal.h"

/*
 * A session is a symbolic link "PID START PID-NAMESPACE BOOT-ID" of its monitor: made in one step,
 * so that a kill leaves all of it or nothing.
 */
#define TARGET_MAX 256

static char *record_name(const char *id, const char *session)
{
	return xasprintf("%s.%s", id, session);
}

int exec_session_begin(struct storage *st, const char *id, const char *session, struct cmk_err *err)
{
	cleanup_close int dir = open_dir_at(st->run_fd, "exec", 0700, err);
	cleanup_free char *name = record_name(id, session);
	struct process_id self = { 0 };
	cleanup_free char *target = NULL;
	int r;

	if (dir < 0)
		return dir;
	r = process_id_of(getpid(), &self);
	if (r < 0)
		return cmk_err_set(err, r, "identify the session's monitor: %s", errno_text(-r));
	target = xasprintf("%d %llu %llu %s", (int)self.pid, (unsigned long long)self.start_time,
			   (unsigned long long)container_own_pid_ns(), process_boot_id());
	if (symlinkat(target, dir, name) < 0)
		return cmk_err_errno(err, "note session '%.12s'", session);
	return 0;
}

void exec_session_end(struct storage *st, const char *id, const char *session)
{
	cleanup_free char *path = xasprintf("exec/%s.%s", id, session);

	(void)unlinkat(st->run_fd, path, 0);
}

/* The next number of *TEXT, which goes on behind its blank. */
static bool take_number(const char **text, uint64_t max, uint64_t *ret)
{
	size_t n = strcspn(*text, " ");

	if ((*text)[n] != ' ' || parse_u64_n(*text, n, max, ret) < 0)
		return false;
	*text += n + 1;
	return true;
}

/* What cannot be judged from here (another pid namespace) counts as alive. */
static bool session_alive(int dirfd, const char *name)
{
	char target[TARGET_MAX];
	const char *text = target;
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	uint64_t pid, start, pid_ns;
	struct process_id monitor;

	if (n < 0)
		return false;
	target[n] = '\0';
	if (!take_number(&text, INT32_MAX, &pid) || !take_number(&text, UINT64_MAX, &start) ||
	    !take_number(&text, UINT64_MAX, &pid_ns))
		return false;
	if (pid_ns != container_own_pid_ns())
		return true;
	monitor = (struct process_id){ .pid = (pid_t)pid, .start_time = start };
	return streq(text, process_boot_id()) && process_id_alive(&monitor);
}

static void for_each(struct storage *st, const char *id,
		     void (*fn)(int dirfd, const char *name, const char *session, void *arg),
		     void *arg)
{
	int fd = openat(st->run_fd, "exec", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *rest = str_after(e->d_name, id);

		if (rest && *rest == '.' && strlen(rest + 1) == CONTAINER_ID_LEN)
			fn(dirfd(d), e->d_name, rest + 1, arg);
	}
}

static void add_alive(int dirfd, const char *name, const char *session, void *arg)
{
	if (session_alive(dirfd, name))
		strv_add(arg, session);
	else
		(void)unlinkat(dirfd, name, 0);
}

char **exec_session_list(struct storage *st, const char *id)
{
	char **list = NULL;

	for_each(st, id, add_alive, &list);
	return list;
}

static void forget(int dirfd, const char *name, const char *session, void *arg)
{
	(void)session;
	(void)arg;
	(void)unlinkat(dirfd, name, 0);
}

void exec_session_forget(struct storage *st, const char *id)
{
	for_each(st, id, forget, NULL);
}
