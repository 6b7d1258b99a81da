// SPDX-License-Identifier: Apache-2.0
#include "storage/confine.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/sandbox.h"

int confine_root(pid_t parent, int dir_fd, struct cmk_err *err)
{
	/* A change of ids would have cleared this. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return cmk_err_set(err, -ESRCH, "cmk has gone");
	if (fchdir(dir_fd) < 0 || chroot(".") < 0)
		return cmk_err_errno(err, "enter the layers' directory");
	return 0;
}

int confine_reader(pid_t parent, int dir_fd, unsigned int rights, struct cmk_err *err)
{
	static const char *const root[] = { "/", NULL };
	/* The filter cannot tell what openat2(2) opens a file for; Landlock can, and lets it
	 * read. */
	const struct sandbox_policy reader = {
		.rights = SANDBOX_READ | SANDBOX_WRITE | rights,
		.read_paths = root,
		.keep_caps = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH,
	};
	int r = confine_root(parent, dir_fd, err);

	return r < 0 ? r : sandbox_enter(&reader, err);
}
