// SPDX-License-Identifier: Apache-2.0
#include "cmd/host.h"

#include <sys/utsname.h>

int cmk_host_platform(struct image_platform *ret, struct cmk_err *err)
{
	struct utsname u;

	if (uname(&u) < 0)
		return cmk_err_errno(err, "uname");
	return image_platform_parse(NULL, "linux", u.machine, NULL, ret, err);
}

void cmk_write_version(struct json_writer *w, const struct image_platform *host)
{
	cleanup_free char *os_arch = xasprintf("%s/%s", host->os, host->arch);

	/* There is no API and no Go, and builds of the same source are the same. */
	json_write_str(w, "APIVersion", "");
	json_write_str(w, "BuildOrigin", "");
	json_write_u64(w, "Built", 0);
	json_write_str(w, "BuiltTime", "");
	json_write_str(w, "GitCommit", "");
	json_write_str(w, "GoVersion", "");
	json_write_str(w, "Os", host->os);
	json_write_str(w, "OsArch", os_arch);
	json_write_str(w, "Version", PACKAGE_VERSION);
}
