// SPDX-License-Identifier: Apache-2.0
/* What a container uses, in the form of runc's `events --stats`. */
#include "libpod/cgroup/stats.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/oci/internal.h"

static void write_cpu(struct json_writer *w, const struct cgroup_stats *s)
{
	json_write_object(w, "cpu");
	json_write_object(w, "usage");
	json_write_u64(w, "total", s->cpu_ns);
	json_write_u64(w, "kernel", s->system_ns);
	json_write_u64(w, "user", s->cpu_ns - MIN(s->system_ns, s->cpu_ns));
	json_write_end(w, '}');
	json_write_end(w, '}');
}

static void write_memory(struct json_writer *w, const struct cgroup_stats *s, int group)
{
	uint64_t kills = 0;

	json_write_object(w, "memory");
	json_write_object(w, "usage");
	json_write_u64(w, "usage", s->memory);
	/* As runc: what no limit is is the largest number. */
	json_write_u64(w, "limit", s->memory_limit ? s->memory_limit : UINT64_MAX);
	json_write_end(w, '}');
	if (cgroup_oom_kills(group, &kills) == 0)
		json_write_u64(w, "oomKills", kills);
	json_write_end(w, '}');
}

static void write_io(struct json_writer *w, const struct cgroup_stats *s)
{
	json_write_object(w, "blkio");
	json_write_array(w, "ioServiceBytesRecursive");
	for (int i = 0; i < 2; i++) {
		json_write_object(w, NULL);
		json_write_str(w, "op", i ? "Write" : "Read");
		json_write_u64(w, "value", i ? s->io_written : s->io_read);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
	json_write_end(w, '}');
}

static void write_pressure(struct json_writer *w, const struct cgroup_stats *s)
{
	static const char *const names[N_PRESSURES] = { "cpu", "memory", "io" };

	json_write_object(w, "psi");
	for (int i = 0; i < N_PRESSURES; i++) {
		if (!s->pressure[i].has)
			continue;
		json_write_object(w, names[i]);
		json_write_u64(w, "someTotal", s->pressure[i].some.total);
		json_write_u64(w, "fullTotal", s->pressure[i].full.total);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

int oci_stats(const struct oci_settings *set, const char *id, char **ret, size_t *ret_len,
	      struct cmk_err *err)
{
	cleanup_close int group = oci_cgroup_open(set, id, err);
	struct json_writer w = JSON_WRITER_INIT;
	struct cgroup_stats s = { 0 };

	if (group < 0)
		return group;
	cgroup_stats_read(group, &s);
	json_write_object(&w, NULL);
	json_write_str(&w, "type", "stats");
	json_write_str(&w, "id", id);
	json_write_object(&w, "data");
	if (s.has_cpu)
		write_cpu(&w, &s);
	if (s.has_memory)
		write_memory(&w, &s, group);
	if (s.has_pids) {
		json_write_object(&w, "pids");
		json_write_u64(&w, "current", s.pids);
		json_write_end(&w, '}');
	}
	if (s.has_io)
		write_io(&w, &s);
	write_pressure(&w, &s);
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}
