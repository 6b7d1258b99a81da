// SPDX-License-Identifier: Apache-2.0
/* What happens to a running container: its end, and what the kernel kills for want of memory. */
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "libpod/cgroup/cgroup.h"
#include "libpod/oci/internal.h"

void oci_watch_done(struct oci_watch *w)
{
	cleanup_close_fn(&w->pidfd);
	cleanup_close_fn(&w->notify);
	cleanup_close_fn(&w->group);
	*w = OCI_WATCH_INIT;
}

/* Without the memory controller there is nothing to be told. */
static void watch_memory(struct oci_watch *w)
{
	char path[64];

	if (cgroup_oom_kills(w->group, &w->oom_kills) < 0)
		return;
	w->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", w->group);
	if (w->notify >= 0 && inotify_add_watch(w->notify, path, IN_MODIFY) < 0)
		cleanup_close_fn(&w->notify);
}

int oci_watch_open(const struct oci_settings *set, const char *id, struct oci_watch *ret,
		   struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	struct process_id init;
	int r = oci_container_open(set, id, false, &c, err);

	if (r < 0)
		return r;
	init = oci_container_init(&c);
	ret->pidfd = init.pid > 0 ? process_id_open(&init) : -1;
	if (ret->pidfd < 0)
		return oci_wrong_status(&c, "running", err);
	ret->group = oci_container_group(&c);
	if (ret->group < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "container '%s' has no control group", id);
	watch_memory(ret);
	return 0;
}

/* The file is written for other reasons, too. */
static bool was_killed(struct oci_watch *w)
{
	uint64_t kills = w->oom_kills;
	char buf[4096];
	bool more;

	while (read(w->notify, buf, sizeof(buf)) > 0)
		;
	(void)cgroup_oom_kills(w->group, &kills);
	more = kills > w->oom_kills;
	w->oom_kills = kills;
	return more;
}

int oci_watch_wait(struct oci_watch *w, int64_t timeout_ms, struct cmk_err *err)
{
	struct pollfd p[] = { { .fd = w->pidfd, .events = POLLIN },
			      { .fd = w->notify, .events = POLLIN } };
	int what = 0;

	if (poll(p, ARRAY_LEN(p), (int)MIN(timeout_ms, INT32_MAX)) < 0 && errno != EINTR)
		return cmk_err_errno(err, "poll");
	if (w->notify >= 0 && p[1].revents && was_killed(w))
		what |= OCI_WATCH_OOM;
	/* Who is told of both is told of the reason first. */
	if (p[0].revents && !what)
		what |= OCI_WATCH_END;
	return what;
}
