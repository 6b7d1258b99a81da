// SPDX-License-Identifier: Apache-2.0
#include "libpod/events/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "libpod/container/container.h"

#define EVENTS_LOG "events/log"

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void write_str(struct json_writer *w, const char *key, const char *s)
{
	if (s && *s)
		json_write_str(w, key, s);
}

static void add_line(struct json_writer *w, const struct event *e)
{
	json_write_object(w, NULL);
	json_write_i64(w, "time", e->time_ns ? e->time_ns : now_ns());
	write_str(w, "type", e->type);
	write_str(w, "status", e->status);
	write_str(w, "id", e->id);
	write_str(w, "name", e->name);
	write_str(w, "image", e->image);
	write_str(w, "network", e->network);
	write_str(w, "error", e->error);
	write_str(w, "health_status", e->health_status);
	if (e->has_exit_code)
		json_write_i64(w, "exit_code", e->exit_code);
	if (e->attributes && *e->attributes)
		json_write_map(w, "attributes", e->attributes);
	json_write_end(w, '}');
}

static int open_log(struct storage *st)
{
	int fd = openat(st->root_fd, EVENTS_LOG,
			O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	(void)mkdirat(st->root_fd, "events", 0700);
	return openat(st->root_fd, EVENTS_LOG, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		      0600);
}

/* The last writer was killed inside its line. */
static bool is_torn(int fd)
{
	struct stat sb;
	char last;

	return fstat(fd, &sb) == 0 && sb.st_size > 0 && pread(fd, &last, 1, sb.st_size - 1) == 1 &&
	       last != '\n';
}

void event_write_all(struct storage *st, const struct event *events, size_t n)
{
	cleanup_close int fd = open_log(st);
	cleanup_strbuf struct strbuf lines = STRBUF_INIT;

	if (fd < 0) {
		log_debug("events: %s", strerror(errno));
		return;
	}
	if (is_torn(fd))
		strbuf_addc(&lines, '\n');
	for (size_t i = 0; i < n; i++) {
		struct json_writer w = JSON_WRITER_INIT;
		cleanup_free char *text = NULL;
		size_t len = 0;

		add_line(&w, &events[i]);
		if (json_writer_finish(&w, &text, &len, NULL) == 0)
			strbuf_add(&lines, text, len);
	}
	if (lines.len && write(fd, lines.data, lines.len) < 0)
		log_debug("events: %s", strerror(errno));
}

void event_write(struct storage *st, const struct event *e)
{
	event_write_all(st, e, 1);
}

struct event event_of_container(const struct container_config *cfg, const char *status)
{
	return (struct event){
		.type = "container",
		.status = status,
		.id = cfg->id,
		.name = cfg->name,
		.image = cfg->image_name,
		.attributes = cfg->labels,
	};
}
