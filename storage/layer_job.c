// SPDX-License-Identifier: Apache-2.0
#include "storage/layer_job.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "storage/shared.h"
#include "storage/unpack_wire.h"

/* Returns only on failure. */
static int exec_helper(const struct layer_job *job, const struct layer_unpack *u,
		       const char *program, int out_fd, const char *ids, pid_t parent,
		       struct cmk_err *err)
{
	cleanup_free char *parent_arg = xasprintf("%d", (int)parent);
	cleanup_free char *size_arg = xasprintf("%llu", (unsigned long long)u->blob_size);
	cleanup_free char *offset = xasprintf("%llu", (unsigned long long)u->offset);
	const char *blob = u->blob_digest ? u->blob_digest->hex : "-";
	const char *diff = u->diff_id ? u->diff_id->hex : "-";
	const int from[] = { u->in_fd, job->tmp_fd, out_fd };
	static const int to[] = { STDIN_FILENO, UNPACK_DIR_FD, UNPACK_RESULT_FD };
	char *const argv[] = { (char *)UNPACK_PROGRAM,
			       parent_arg,
			       (char *)layer_compression_name(u->compression),
			       size_arg,
			       u->part ? offset : (char *)"-",
			       (char *)blob,
			       (char *)diff,
			       (char *)(u->pending ? UNPACK_RECORD : ids),
			       NULL };

	return process_exec_helper(program, argv, from, to, ARRAY_LEN(to), err);
}

/* ctrl-c is meant for all of the terminal's processes, but somebody has to clean up. */
static void ignore_terminal(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct sigaction ign = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &ign, NULL);
}

enum { KEPT_OUT, KEPT_HELPER, KEPT_TMP, KEPT_LAYER, KEPT_FILES, N_KEPT };

static bool nobody_reads(void)
{
	struct pollfd out = { .fd = KEPT_OUT };

	return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

/* Until the helper ends or nobody waits for it. */
static int wait_for_helper(pid_t pid)
{
	struct pollfd fds[] = { { .fd = KEPT_OUT }, { .fd = KEPT_HELPER, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno == EINTR)
		;
	if (!fds[1].revents)
		(void)process_pidfd_signal(KEPT_HELPER, SIGKILL);
	return process_reap(pid);
}

static int share_files(void)
{
	struct cmk_err err = CMK_ERR_INIT;
	int r = nobody_reads() ? 0 : shared_add(KEPT_FILES, KEPT_LAYER, &err);

	if (r < 0)
		cmk_err_send(KEPT_OUT, &err);
	return r;
}

static void cmk_noreturn look_after(const struct layer_job *job, int out_fd, pid_t pid, int pidfd)
{
	const int from[] = { out_fd, pidfd, job->st->tmp_fd, job->tmp_fd, job->files_fd };
	static const int to[] = { KEPT_OUT, KEPT_HELPER, KEPT_TMP, KEPT_LAYER, KEPT_FILES };
	struct cmk_err err = CMK_ERR_INIT;
	int status;

	/* Ends of other layers' pipes must not stay open in here. */
	if (process_place_fds(from, to, ARRAY_LEN(to)) < 0)
		_exit(1);
	(void)close_range(N_KEPT, ~0U, 0);
	status = wait_for_helper(pid);
	if (status > 0 && WIFSIGNALED(status)) {
		(void)cmk_err_set(&err, -ECHILD, UNPACK_PROGRAM " was killed by %s",
				  signal_name(WTERMSIG(status)) ? signal_name(WTERMSIG(status))
								: "a signal");
		cmk_err_send(KEPT_OUT, &err);
	}
	/* Those of a pending layer are in use already. */
	if (status == 0 && !*job->pending.hex)
		status = share_files();
	if ((status != 0 || nobody_reads()) && shared_drop_at(KEPT_FILES, KEPT_LAYER, NULL) >= 0)
		(void)remove_tree_at(KEPT_TMP, job->tmp, NULL);
	_exit(status != 0);
}

void cmk_noreturn layer_job_child(struct layer_job *job, const struct layer_unpack *u, int out_fd,
				  const struct userns_config *config)
{
	/* Looked for before its owner becomes one that is not mapped. */
	char *program = xasprintf("%s/" UNPACK_PROGRAM, process_libexec_dir());
	const char *ids = config->mode == USERNS_SINGLE ? "single"
			  : job->ignore_chown		? "squash"
							: "subids";
	struct cmk_err err = CMK_ERR_INIT;
	pid_t self = getpid(), pid = -1;
	int r, pidfd = -1;

	ignore_terminal();
	/* Closed here, or cmk's own death would not be seen. */
	(void)close(steal_fd(&job->result_fd));
	r = userns_parent_enter(job->st->run_fd, config, NULL, &err);
	if (r >= 0)
		pid = process_fork(UNPACK_PROGRAM, PROCESS_DEATH_SIGNAL, &pidfd, &err);
	if (pid > 0)
		look_after(job, out_fd, pid, pidfd);
	if (pid == 0)
		(void)exec_helper(job, u, program, out_fd, ids, self, &err);
	/* OUT_FD is above what was moved. */
	cmk_err_send(out_fd, &err);
	_exit(1);
}
