// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "libpod/container/private.h"

#define RECORD_MAX 4096

struct session_record {
	int schema;
	char *boot_id;
	int64_t monitor_pid;
	uint64_t monitor_start, pid_ns;
};

#define FIELD(member, kind, flags) JSON_FIELD(struct session_record, member, #member, kind, flags)
static const struct json_field session_fields[] = {
	FIELD(schema, JSON_F_INT, JSON_REQUIRED),
	FIELD(boot_id, JSON_F_STR, JSON_REQUIRED),
	FIELD(monitor_pid, JSON_F_I64, JSON_REQUIRED),
	FIELD(monitor_start, JSON_F_U64, JSON_REQUIRED),
	FIELD(pid_ns, JSON_F_U64, 0),
	JSON_FIELD_END,
};

static char *record_name(const char *id, const char *session)
{
	return xasprintf("%s.%s", id, session);
}

int exec_session_begin(struct storage *st, const char *id, const char *session, struct cmk_err *err)
{
	cleanup_close int dir = open_dir_at(st->run_fd, "exec", 0700, err);
	cleanup_free char *name = record_name(id, session);
	struct session_record rec = { .schema = CONTAINER_SCHEMA,
				      .pid_ns = container_own_pid_ns() };
	struct process_id self = { 0 };
	int r;

	if (dir < 0)
		return dir;
	r = process_id_of(getpid(), &self);
	if (r < 0)
		return cmk_err_set(err, r, "identify the session's monitor: %s", errno_text(-r));
	rec.boot_id = (char *)(uintptr_t)process_boot_id();
	rec.monitor_pid = self.pid;
	rec.monitor_start = self.start_time;
	return json_save_record(dir, name, session_fields, &rec, 0, err);
}

void exec_session_end(struct storage *st, const char *id, const char *session)
{
	cleanup_free char *path = xasprintf("exec/%s.%s", id, session);

	(void)unlinkat(st->run_fd, path, 0);
}

/* What cannot be judged from here (another pid namespace, a record that is being replaced) counts
 * as alive. */
static bool session_alive(int dirfd, const char *name)
{
	struct session_record rec = { 0 };
	struct process_id monitor;
	bool alive;
	int r = json_load_record(dirfd, name, RECORD_MAX, session_fields, &rec, NULL);

	monitor = (struct process_id){ .pid = (pid_t)rec.monitor_pid,
				       .start_time = rec.monitor_start };
	if (r < 0)
		alive = r != -ENOENT && r != -EINVAL;
	else if (rec.pid_ns && rec.pid_ns != container_own_pid_ns())
		alive = true;
	else
		alive = streq(rec.boot_id, process_boot_id()) && process_id_alive(&monitor);
	json_free_fields(session_fields, &rec);
	return alive;
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
