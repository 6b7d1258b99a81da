// SPDX-License-Identifier: Apache-2.0
#include "libpod/record/health_record.h"

#include <fcntl.h>

#include "base/file.h"

#define RECORD_MAX (4 << 20)

static const struct json_field log_fields[] = {
	JSON_FIELD(struct health_log_entry, start, "Start", JSON_F_STR, 0),
	JSON_FIELD(struct health_log_entry, end, "End", JSON_F_STR, 0),
	JSON_FIELD(struct health_log_entry, exit_code, "ExitCode", JSON_F_INT, 0),
	JSON_FIELD(struct health_log_entry, output, "Output", JSON_F_STR, 0),
	JSON_FIELD_END,
};
static const struct json_field record_fields[] = {
	JSON_FIELD(struct health_record, status, "Status", JSON_F_STR, 0),
	JSON_FIELD(struct health_record, failing_streak, "FailingStreak", JSON_F_I64, 0),
	JSON_FIELD_ARRAY(struct health_record, log, n_log, "Log", 0, log_fields,
			 struct health_log_entry),
	JSON_FIELD_END,
};

void health_record_done(struct health_record *r)
{
	json_free_fields(record_fields, r);
}

/* A directory, and the name in it (owned). */
static int record_place(struct storage *st, const char *id, const struct container_health *h,
			char **ret_name)
{
	const char *to = h && h->log_destination ? h->log_destination : "local";

	if (to[0] == '/') {
		*ret_name = xasprintf("%s-healthcheck.log", id);
		return open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	*ret_name = xstrdup("health.json");
	return openat(st->containers_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int health_record_load(struct storage *st, const char *id, const struct container_health *h,
		       struct health_record *ret)
{
	cleanup_free char *name = NULL;
	cleanup_close int dir = record_place(st, id, h, &name);

	if (dir < 0)
		return -errno;
	return json_load_record(dir, name, RECORD_MAX, record_fields, ret, NULL);
}

int health_record_save(struct storage *st, const char *id, const struct container_health *h,
		       const struct health_record *r, struct cmk_err *err)
{
	cleanup_free char *name = NULL;
	cleanup_close int dir = record_place(st, id, h, &name);

	if (dir < 0)
		return cmk_err_errno(err, "save health of container '%.12s'", id);
	return json_save_record(dir, name, record_fields, r, 0, err);
}

void health_record_write_log(struct json_writer *w, const struct health_record *r)
{
	json_write_array(w, "Log");
	for (size_t i = 0; i < r->n_log; i++) {
		json_write_object(w, NULL);
		json_write_fields(w, log_fields, &r->log[i]);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}
