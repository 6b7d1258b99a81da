// SPDX-License-Identifier: Apache-2.0
/* What a container uses, in the form of runc's `events --stats`. */
#include "libpod/cgroup/stats.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/oci/internal.h"

/* A number of a file of the group; what is not there is not written. */
static void write_file(struct json_writer *w, const char *key, int group, const char *file,
		       const char *name)
{
	uint64_t v;

	if (cgroup_value(group, file, name, &v) == 0)
		json_write_u64(w, key, v);
}

static void write_line(struct json_writer *w, const char *key, const struct cgroup_pressure_line *l)
{
	json_write_object(w, key);
	json_write_hundredths(w, "avg10", l->avg10);
	json_write_hundredths(w, "avg60", l->avg60);
	json_write_hundredths(w, "avg300", l->avg300);
	json_write_u64(w, "total", l->total);
	json_write_end(w, '}');
}

static void write_pressure(struct json_writer *w, const struct cgroup_pressure *p)
{
	if (!p->has)
		return;
	json_write_object(w, "psi");
	write_line(w, "some", &p->some);
	write_line(w, "full", &p->full);
	json_write_end(w, '}');
}

static void write_cpu(struct json_writer *w, const struct cgroup_stats *s, int group)
{
	json_write_object(w, "cpu");
	json_write_object(w, "usage");
	json_write_u64(w, "total", s->cpu_ns);
	json_write_u64(w, "kernel", s->system_ns);
	json_write_u64(w, "user", s->cpu_ns - MIN(s->system_ns, s->cpu_ns));
	json_write_end(w, '}');
	json_write_object(w, "throttling");
	write_file(w, "periods", group, "cpu.stat", "nr_periods");
	write_file(w, "throttledPeriods", group, "cpu.stat", "nr_throttled");
	write_file(w, "throttledTime", group, "cpu.stat", "throttled_usec");
	json_write_end(w, '}');
	write_pressure(w, &s->pressure[PRESSURE_CPU]);
	json_write_end(w, '}');
}

/* As runc: what no limit is is the largest number. */
static void write_limit(struct json_writer *w, int group, const char *file)
{
	uint64_t v;

	json_write_u64(w, "limit", cgroup_value(group, file, NULL, &v) == 0 ? v : UINT64_MAX);
}

static void write_memory(struct json_writer *w, const struct cgroup_stats *s, int group)
{
	uint64_t kills = 0;

	json_write_object(w, "memory");
	write_file(w, "cache", group, "memory.stat", "file");
	json_write_object(w, "usage");
	write_limit(w, group, "memory.max");
	json_write_u64(w, "usage", s->memory);
	write_file(w, "max", group, "memory.peak", NULL);
	write_file(w, "failcnt", group, "memory.events", "max");
	json_write_end(w, '}');
	json_write_object(w, "swap");
	write_limit(w, group, "memory.swap.max");
	write_file(w, "usage", group, "memory.swap.current", NULL);
	json_write_end(w, '}');
	if (cgroup_oom_kills(group, &kills) == 0)
		json_write_u64(w, "oomKills", kills);
	write_pressure(w, &s->pressure[PRESSURE_MEMORY]);
	json_write_end(w, '}');
}

static void write_pids(struct json_writer *w, const struct cgroup_stats *s, int group)
{
	json_write_object(w, "pids");
	json_write_u64(w, "current", s->pids);
	write_file(w, "limit", group, "pids.max", NULL);
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
	write_pressure(w, &s->pressure[PRESSURE_IO]);
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
		write_cpu(&w, &s, group);
	if (s.has_memory)
		write_memory(&w, &s, group);
	if (s.has_pids)
		write_pids(&w, &s, group);
	if (s.has_io)
		write_io(&w, &s);
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}
