// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/events/internal.h"

#define LOG_PATH EVENTS_DIR "/" EVENTS_LOG
#define OLD_PATH EVENTS_DIR "/" EVENTS_OLD

#define FIELD(member, kind) JSON_FIELD(struct event, member, #member, kind, JSON_OMIT_EMPTY)
const struct json_field event_fields[] = {
	/* First: see EVENTS_LINE_BEGIN. */
	JSON_FIELD(struct event, time_ns, "time", JSON_F_I64, JSON_REQUIRED),
	JSON_FIELD(struct event, type, "type", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct event, status, "status", JSON_F_STR, JSON_REQUIRED),
	FIELD(id, JSON_F_STR),
	FIELD(name, JSON_F_STR),
	FIELD(image, JSON_F_STR),
	FIELD(network, JSON_F_STR),
	FIELD(error, JSON_F_STR),
	FIELD(health_status, JSON_F_STR),
	JSON_FIELD_HAS(struct event, exit_code, has_exit_code, "exit_code", JSON_F_INT),
	FIELD(attributes, JSON_F_MAP),
	JSON_FIELD_END,
};

static bool enabled = true;

void events_set_enabled(bool on)
{
	enabled = on;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void add_line(struct strbuf *lines, const struct event *e)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct event copy = *e;
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (!copy.time_ns)
		copy.time_ns = now_ns();
	json_write_object(&w, NULL);
	json_write_fields(&w, event_fields, &copy);
	json_write_end(&w, '}');
	if (json_writer_finish(&w, &text, &len, NULL) == 0)
		strbuf_add(lines, text, len);
	json_writer_done(&w);
}

static int open_log(struct storage *st)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(st->root_fd, LOG_PATH, flags, 0600);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	(void)mkdirat(st->root_fd, EVENTS_DIR, 0700);
	return openat(st->root_fd, LOG_PATH, flags, 0600);
}

int events_open_dir(struct storage *st)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(st->root_fd, EVENTS_DIR, flags);

	if (fd < 0 && errno == ENOENT) {
		(void)mkdirat(st->root_fd, EVENTS_DIR, 0700);
		fd = openat(st->root_fd, EVENTS_DIR, flags);
	}
	return fd < 0 ? -errno : fd;
}

/* One winner: who has the lock of the file that is still the log. Killed before or after the
 * rename, there is a whole log either way. */
static void rotate(struct storage *st, int fd)
{
	struct stat mine, named;

	if (file_lock(fd, true, true) < 0 || fstat(fd, &mine) < 0 ||
	    fstatat(st->root_fd, LOG_PATH, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
		return;
	if (renameat(st->root_fd, LOG_PATH, st->root_fd, OLD_PATH) < 0)
		log_debug("events: rotate the log: %s", errno_text(errno));
}

void event_write_all(struct storage *st, const struct event *events, size_t n)
{
	cleanup_strbuf struct strbuf lines = STRBUF_INIT;
	cleanup_close int fd = -1;

	if (!enabled)
		return;
	fd = open_log(st);
	if (fd < 0) {
		log_debug("events: %s", errno_text(errno));
		return;
	}
	for (size_t i = 0; i < n; i++)
		add_line(&lines, &events[i]);
	/* A part of it is what a killed writer would have left. */
	if (lines.len && write(fd, lines.data, lines.len) < 0)
		log_debug("events: %s", errno_text(errno));
	/* With O_APPEND the offset is the end of what was written. */
	if (lseek(fd, 0, SEEK_CUR) > EVENTS_LOG_MAX)
		rotate(st, fd);
}

void event_write(struct storage *st, const struct event *e)
{
	event_write_all(st, e, 1);
}

void event_write_image(struct storage *st, const char *status, const char *id, const char *name)
{
	const struct event e = { .type = "image", .status = status, .id = id, .name = name };

	event_write(st, &e);
}

void event_write_artifact(struct storage *st, const char *status, const char *id, const char *name)
{
	const struct event e = { .type = "artifact", .status = status, .id = id, .name = name };

	event_write(st, &e);
}

void event_write_pull_error(struct storage *st, const char *name, const struct cmk_err *err)
{
	const struct event e = { .type = "image",
				 .status = "pull-error",
				 .name = name,
				 .error = err ? cmk_err_msg(err) : NULL };

	event_write(st, &e);
}
