// SPDX-License-Identifier: Apache-2.0
/* Which file the container's command is. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/runtime/internal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SCRIPT_DEPTH 5 /* as deep as the kernel follows "#!" lines */

/* 0 where PATH can be executed by us, else -errno. */
static int try_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* The interpreter that the first line of PATH names, or NULL. */
static char *script_interpreter(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char line[257], *p;
	ssize_t n = fd < 0 ? 0 : read_full(fd, line, sizeof(line) - 1);

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return NULL;
	line[n] = '\0';
	p = line + 2 + strspn(line + 2, " \t");
	p[strcspn(p, " \t\n")] = '\0';
	return *p ? xstrdup(p) : NULL;
}

/*
 * This program's own file must not run inside the container: its loader would be the image's, and
 * could write to the file through /proc/self/exe (CVE-2019-5736). The way to it is /proc/self/exe,
 * by name, by a link or as a script's interpreter.
 */
static int refuse_own_file(const struct runtime_job *job, const char *path, struct cmk_err *err)
{
	cleanup_free char *current = xstrdup(path);

	for (int depth = 0; current && depth <= SCRIPT_DEPTH; depth++) {
		struct stat st;
		char *next;

		if (stat(current, &st) < 0)
			return 0;
		if (st.st_dev == job->exe_dev && st.st_ino == job->exe_ino)
			return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EACCES,
					    "'%s' is this program's own file on the host", path);
		next = script_interpreter(current);
		free(current);
		current = next;
	}
	return 0;
}

static int search(const char *name, const char *path_env, char **ret)
{
	cleanup_strv char **dirs = strv_split(path_env, ':');
	int best = -ENOENT;

	for (char **d = dirs; *d; d++) {
		char *path = xasprintf("%s/%s", **d ? *d : ".", name);
		int r = try_path(path);

		if (r == 0) {
			*ret = path;
			return 0;
		}
		/* A file that is there but cannot be executed says more than none. */
		if (r != -ENOENT && r != -ENOTDIR && r != -EISDIR)
			best = r;
		free(path);
	}
	return best;
}

int command_find(const struct runtime_job *job, const char *name, char *const *env, char **ret_path,
		 struct cmk_err *err)
{
	cleanup_free char *path = NULL;
	bool direct = strchr(name, '/');
	int r;

	if (direct) {
		path = xstrdup(name);
		r = try_path(path);
	} else {
		const char *path_env = strv_env_get(env, "PATH");

		r = *name ? search(name, path_env ?: DEFAULT_PATH, &path) : -ENOENT;
	}
	if (r == -ENOENT || r == -ENOTDIR)
		return cmk_err_kind(err, CMK_ERR_CMD_NOT_FOUND, r,
				    direct ? "executable file '%s': no such file or directory: "
					     "OCI runtime attempted to invoke a command that was "
					     "not found"
					   : "executable file '%s' not found in $PATH: OCI runtime "
					     "attempted to invoke a command that was not found",
				    name);
	if (r < 0)
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, r, "cannot execute '%s': %s%s", name,
				    errno_text(-r),
				    r == -EISDIR || r == -EACCES ? ": OCI permission denied" : "");
	r = refuse_own_file(job, path, err);
	if (r < 0)
		return r;
	*ret_path = steal_ptr(&path);
	return 0;
}
