// SPDX-License-Identifier: Apache-2.0
#include "storage/helper.h"

#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/process.h"

int helper_pipe(int *ours, int which, int *theirs, struct cmk_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	*ours = p[which];
	*theirs = fcntl(p[!which], F_DUPFD_CLOEXEC, 16);
	(void)close(p[!which]);
	return *theirs < 0 ? cmk_err_errno(err, "make a pipe") : 0;
}

pid_t helper_start(struct storage *st, char *const argv[], const int *from, const int *to, size_t n,
		   int result_fd, struct cmk_err *err)
{
	/* Found before its owner becomes one that is not mapped. */
	cleanup_free char *path = xasprintf("%s/%s", process_libexec_dir(), argv[0]);
	struct cmk_err why = CMK_ERR_INIT;
	const struct userns_config *config;
	int r = storage_userns(st, &config, err);
	pid_t pid = r < 0 ? r : process_fork(argv[0], PROCESS_DEATH_SIGNAL, NULL, err);

	if (pid != 0)
		return pid;
	/* ctrl-c is meant for all of the terminal's processes: cmk's death ends this one. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (userns_parent_enter(st->run_fd, config, NULL, &why) >= 0)
		(void)process_exec_helper(path, argv, from, to, n, &why);
	cmk_err_send(result_fd, &why);
	_exit(1);
}
