// SPDX-License-Identifier: Apache-2.0
/*
 * A container that shares another process namespace and has no control group: at its end nothing
 * but its first process is known to be its own. So the monitor is the subreaper of what that
 * process leaves (prctl(2), PR_SET_CHILD_SUBREAPER), and kills it.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "libpod/monitor/internal.h"

#define KILL_MS 10000
#define CHILDREN_MAX (1 << 20)

void mon_adopt_begin(struct monitor *m)
{
	const char *pid_mode = m->a->container->cfg.pid_mode;
	bool shared = !m->a->exec && pid_mode && !streq(pid_mode, "private");

	/* What another runtime makes is left to us by its command. */
	if (!m->a->container->cfg.runtime_path && (!shared || m->delegation->path))
		return;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		m->adopts = shared;
	else
		log_warn("what the container leaves will not be seen: %s", errno_text(errno));
}

/* A child that the monitor made itself, and looks after. */
static bool is_own(const struct monitor *m, pid_t pid)
{
	return pid == m->rc.pid || pid == m->slirp.pid || pid == m->health.pid;
}

void mon_adopted_reap(struct monitor *m)
{
	for (;;) {
		siginfo_t si = { 0 };

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0 ||
		    is_own(m, si.si_pid))
			return;
		(void)process_reap(si.si_pid);
	}
}

/* Who stays in the kernel longer than UNTIL_MS is left to whoever comes after us. */
static void await_death(pid_t pid, int64_t until_ms)
{
	cleanup_close int pidfd = process_pidfd_open(pid);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0 && poll(&p, 1, (int)MAX(until_ms - time_monotonic_ms(), 0)) > 0)
		(void)process_reap(pid);
}

/* Kills all that are children by now; true where there were any. */
static bool kill_round(const struct monitor *m, int64_t until_ms)
{
	cleanup_free char *text = NULL;
	bool any = false;

	/* proc(5): only the thread that forked them has them; here is one alone. */
	if (file_read_at(AT_FDCWD, "/proc/thread-self/children", CHILDREN_MAX, &text, NULL, NULL) <
	    0)
		return false;
	for (int kill_them = 1; kill_them >= 0; kill_them--) {
		for (const char *p = text; *p; p += strspn(p, " ")) {
			size_t n = strcspn(p, " ");
			uint64_t pid = 0;

			if (parse_u64_n(p, n, INT32_MAX, &pid) == 0 && !is_own(m, (pid_t)pid)) {
				any = true;
				if (kill_them)
					(void)kill((pid_t)pid, SIGKILL);
				else
					await_death((pid_t)pid, until_ms);
			}
			p += n;
		}
	}
	return any;
}

void mon_adopted_kill(struct monitor *m)
{
	int64_t until_ms = time_monotonic_ms() + KILL_MS;

	/* Their own children come to us as they die. */
	while (m->adopts && kill_round(m, until_ms) && time_monotonic_ms() < until_ms)
		;
}
