// SPDX-License-Identifier: Apache-2.0
/* Who is to be told of a container's system calls (seccomp_unotify(2)). */
#include <sys/socket.h>
#include <sys/un.h>

#include "libpod/runtime/bundle_internal.h"

static int state_text(const struct runtime_job *job, pid_t pid, const char *metadata, char **ret,
		      size_t *ret_len, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *bundle = NULL;
	pid_t target = job->exec ? job->exec->target : job->bundle ? job->bundle->target : 0;
	const struct hook_state state = job_hook_state(job, target > 0 ? "running" : "creating",
						       target > 0 ? target : pid, &bundle);

	json_write_object(&w, NULL);
	json_write_str(&w, "ociVersion", job->spec->oci_version);
	json_write_array(&w, "fds");
	json_write_str(&w, NULL, "seccompFd");
	json_write_end(&w, ']');
	json_write_i64(&w, "pid", pid);
	json_write_str(&w, "metadata", metadata);
	json_write_object(&w, "state");
	hook_state_write(&w, job->spec, &state);
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

int seccomp_listener_send(const struct runtime_job *job, pid_t pid, int listener, const char *path,
			  const char *metadata, struct cmk_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return cmk_err_set(err, -ENAMETOOLONG,
				   "seccomp listener '%s': longer than %zu bytes", path,
				   sizeof(addr.sun_path) - 1);
	r = state_text(job, pid, metadata, &text, &len, err);
	if (r < 0)
		return r;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return cmk_err_errno(
			err, "failed to connect with seccomp agent: seccomp listener '%s'", path);
	r = sync_send(fd, text, len, listener, err);
	return r < 0 ? cmk_err_wrap(err, r, "seccomp listener '%s'", path) : 0;
}
