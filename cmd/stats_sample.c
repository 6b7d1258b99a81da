// SPDX-License-Identifier: Apache-2.0
#include "cmd/stats.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "cmd/format.h"

#define ID_SHORT 12
#define NET_FILE_MAX (1 << 20)
#define NOTHING "--"

/* /proc/net/dev: "  eth0: 8 numbers received, 8 sent" below two lines of titles. */
static void parse_net(const char *text, struct stats_sample *s)
{
	for (const char *l = text; *l; l += strcspn(l, "\n") + (*strchrnul(l, '\n') == '\n')) {
		const char *name = l + strspn(l, " "), *p;
		size_t len = strcspn(name, ":\n |");
		struct stats_interface i = { "", { 0 }, { 0 } };

		if (name[len] != ':' || len >= sizeof(i.name) ||
		    (len == 2 && !memcmp(name, "lo", 2)))
			continue;
		memcpy(i.name, name, len);
		p = name + len + 1;
		for (int n = 0; n < 16; n++) {
			p += strspn(p, " ");
			(void)parse_u64_n(p, strcspn(p, " \n"), UINT64_MAX,
					  n < 8 ? &i.rx[n] : &i.tx[n - 8]);
			p += strcspn(p, " \n");
		}
		s->net = xrealloc(s->net, s->n_net + 1, sizeof(*s->net));
		s->net[s->n_net++] = i;
	}
}

/* The host's own network is not the container's. */
static void read_net(const struct container *c, struct stats_sample *s)
{
	cleanup_free char *text = NULL;
	struct stat ours, its;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)c->live.init_pid);
	if (stat(path, &its) < 0 || stat("/proc/self/ns/net", &ours) < 0 ||
	    its.st_ino == ours.st_ino)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)c->live.init_pid);
	if (file_read_at(AT_FDCWD, path, NET_FILE_MAX, &text, NULL, NULL) < 0)
		return;
	s->has_net = true;
	parse_net(text, s);
}

void stats_sample_take(const struct container *c, struct stats_sample *s)
{
	const struct process_id id = { .pid = (pid_t)c->live.init_pid,
				       .start_time = c->live.init_start };
	struct sysinfo info;
	struct timespec ts;

	*s = (struct stats_sample){ .id = xstrdup(c->cfg.id), .name = xstrdup(c->cfg.name) };
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	s->at_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	s->is_up = container_is_up(c);
	if (!s->is_up)
		return;
	if (c->live.started_at)
		(void)log_rfc3339_parse(c->live.started_at, strlen(c->live.started_at),
					&s->started_ns);
	if (sysinfo(&info) == 0)
		s->host_memory = (uint64_t)info.totalram * info.mem_unit;
	if (c->live.cgroup_mount && c->live.cgroup_path) {
		cleanup_close int fd = cgroup_open(c->live.cgroup_mount, c->live.cgroup_path);

		if (fd >= 0)
			cgroup_stats_read(fd, &s->cg);
	}
	read_net(c, s);
	/* Its pid may have become another's while we read. */
	if (!process_id_alive(&id)) {
		s->has_net = false;
		s->n_net = 0;
	}
}

void stats_sample_done(struct stats_sample *s)
{
	free(s->id);
	free(s->name);
	free(s->net);
}

struct figures {
	double cpu, average, memory; /* percent */
	uint64_t limit, rx, tx;
	char *id, *mem, *mem_bytes, *net, *block, *pids; /* owned */
	char cpu_text[32], average_text[32], memory_text[32], cpu_time[40];
};

static void figures_done(struct figures *f)
{
	free(f->id);
	free(f->mem);
	free(f->mem_bytes);
	free(f->net);
	free(f->block);
	free(f->pids);
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void percent_text(bool known, double value, char buf[static 32])
{
	if (known)
		(void)snprintf(buf, 32, "%.2f%%", value);
	else
		(void)snprintf(buf, 32, NOTHING);
}

/* "1.2MB / 3kB". */
static char *pair(bool known, uint64_t a, uint64_t b)
{
	char first[32], second[32];

	if (!known)
		return xstrdup(NOTHING " / " NOTHING);
	format_size_tight(a, 4, first);
	format_size_tight(b, 4, second);
	return xasprintf("%s / %s", first, second);
}

/* "23.54GiB": powers of 1024, as docker. */
static void binary_size(uint64_t bytes, char buf[static 32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1024 && u + 1 < ARRAY_LEN(units)) {
		v /= 1024;
		u++;
	}
	(void)snprintf(buf, 32, "%.4g%s", v, units[u]);
}

static char *binary_pair(bool known, uint64_t a, uint64_t b)
{
	char first[32], second[32];

	if (!known)
		return xstrdup(NOTHING " / " NOTHING);
	binary_size(a, first);
	binary_size(b, second);
	return xasprintf("%s / %s", first, second);
}

static void figures_of(const struct stats_sample *s, const struct stats_sample *before,
		       bool no_trunc, struct figures *f)
{
	const struct cgroup_stats *cg = &s->cg;
	/* Of what does not run nothing is unknown: it uses nothing. */
	bool cpu = cg->has_cpu || !s->is_up, memory = cg->has_memory || !s->is_up;
	int64_t from = before && before->is_up ? before->at_ns : s->started_ns;
	uint64_t used_before = before && before->is_up ? before->cg.cpu_ns : 0;

	*f = (struct figures){ .id = xstrndup(s->id, no_trunc ? strlen(s->id) : ID_SHORT) };
	/* It has been started again in between. */
	if (used_before > cg->cpu_ns) {
		from = s->started_ns;
		used_before = 0;
	}
	if (s->is_up) {
		f->cpu = percent((double)(cg->cpu_ns - used_before), (double)(s->at_ns - from));
		f->average = percent((double)cg->cpu_ns, (double)(s->at_ns - s->started_ns));
	}
	f->limit = cg->memory_limit ? cg->memory_limit : s->host_memory;
	f->memory = percent((double)cg->memory, (double)f->limit);
	for (size_t i = 0; i < s->n_net; i++) {
		f->rx += s->net[i].rx[0];
		f->tx += s->net[i].tx[0];
	}
	percent_text(cpu, f->cpu, f->cpu_text);
	percent_text(cpu, f->average, f->average_text);
	percent_text(memory, f->memory, f->memory_text);
	f->mem = pair(memory, cg->memory, f->limit);
	f->mem_bytes = binary_pair(memory, cg->memory, f->limit);
	f->net = pair(s->has_net || !s->is_up, f->rx, f->tx);
	f->block = pair(cg->has_io || !s->is_up, cg->io_read, cg->io_written);
	f->pids = cg->has_pids || !s->is_up ? xasprintf("%llu", (unsigned long long)cg->pids)
					    : xstrdup(NOTHING);
	if (cpu)
		format_go_duration((int64_t)cg->cpu_ns, f->cpu_time);
	else
		(void)snprintf(f->cpu_time, sizeof(f->cpu_time), NOTHING);
}

static const struct {
	const char *key, *field, *text_field;
} pressures[N_PRESSURES] = {
	[PRESSURE_CPU] = { "cpu", "CPU", "CPUPressure" },
	[PRESSURE_MEMORY] = { "memory", "Memory", "MemPressure" },
	[PRESSURE_IO] = { "io", "IO", "IOPressure" },
};

static void write_pressure_line(struct json_writer *w, const char *key, bool is_field,
				const struct cgroup_pressure_line *l)
{
	const struct {
		const char *key, *field;
		uint32_t value;
	} avgs[] = { { "avg10", "Avg10", l->avg10 },
		     { "avg60", "Avg60", l->avg60 },
		     { "avg300", "Avg300", l->avg300 } };

	json_write_object(w, key);
	for (size_t i = 0; i < ARRAY_LEN(avgs); i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "%u.%02u%%", avgs[i].value / 100,
			       avgs[i].value % 100);
		json_write_str(w, is_field ? avgs[i].field : avgs[i].key, text);
	}
	json_write_u64(w, is_field ? "Total" : "total_usec", l->total);
	json_write_end(w, '}');
}

/* What is not there is null. */
static void write_pressure(struct json_writer *w, const char *key, bool is_field,
			   const struct stats_sample *s)
{
	json_write_object(w, key);
	for (size_t i = 0; i < N_PRESSURES; i++) {
		const struct cgroup_pressure *p = &s->cg.pressure[i];
		const char *name = is_field ? pressures[i].field : pressures[i].key;

		if (!p->has) {
			json_write_null(w, name);
			continue;
		}
		json_write_object(w, name);
		write_pressure_line(w, is_field ? "Some" : "some", is_field, &p->some);
		write_pressure_line(w, is_field ? "Full" : "full", is_field, &p->full);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

/* "1.50% / 0.00%": of the last ten seconds, some tasks and all. */
static void write_pressure_texts(struct json_writer *w, const struct stats_sample *s)
{
	for (size_t i = 0; i < N_PRESSURES; i++) {
		const struct cgroup_pressure *p = &s->cg.pressure[i];
		cleanup_free char *text = NULL;

		if (p->has || !s->is_up)
			text = xasprintf("%u.%02u%% / %u.%02u%%", p->some.avg10 / 100,
					 p->some.avg10 % 100, p->full.avg10 / 100,
					 p->full.avg10 % 100);
		json_write_str(w, pressures[i].text_field, text ? text : NOTHING " / " NOTHING);
	}
}

void stats_write_json(struct json_writer *w, const char *key, const struct stats_sample *s,
		      const struct stats_sample *before, bool no_trunc)
{
	cleanup(figures_done) struct figures f;

	figures_of(s, before, no_trunc, &f);
	json_write_object(w, key);
	json_write_str(w, "id", f.id);
	json_write_str(w, "name", s->name);
	json_write_str(w, "cpu_time", f.cpu_time);
	json_write_str(w, "cpu_percent", f.cpu_text);
	json_write_str(w, "avg_cpu", f.average_text);
	json_write_str(w, "mem_usage", f.mem);
	json_write_str(w, "mem_percent", f.memory_text);
	json_write_str(w, "net_io", f.net);
	json_write_str(w, "block_io", f.block);
	json_write_str(w, "pids", f.pids);
	write_pressure(w, "pressure", false, s);
	json_write_end(w, '}');
}

static void write_double(struct json_writer *w, const char *key, double v)
{
	char text[32];

	/* Templates print the text of a number as it stands; a string does as well. */
	(void)snprintf(text, sizeof(text), "%.15g", v);
	json_write_str(w, key, text);
}

static void write_network(struct json_writer *w, const struct stats_sample *s)
{
	static const char *const rx[] = { "RxBytes", "RxPackets", "RxErrors", "RxDropped" };
	static const char *const tx[] = { "TxBytes", "TxPackets", "TxErrors", "TxDropped" };

	json_write_object(w, "Network");
	for (size_t i = 0; i < s->n_net; i++) {
		json_write_object(w, s->net[i].name);
		for (size_t n = 0; n < ARRAY_LEN(rx); n++) {
			json_write_u64(w, rx[n], s->net[i].rx[n]);
			json_write_u64(w, tx[n], s->net[i].tx[n]);
		}
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

/* docker's object, for `json .`. */
static void write_line(struct json_writer *w, const struct stats_sample *s, const struct figures *f)
{
	json_write_object(w, FORMAT_JSON_FORM);
	json_write_str(w, "BlockIO", f->block);
	json_write_str(w, "CPUPerc", f->cpu_text);
	json_write_str(w, "Container", f->id);
	json_write_str(w, "ID", f->id);
	json_write_str(w, "MemPerc", f->memory_text);
	json_write_str(w, "MemUsage", f->mem_bytes);
	json_write_str(w, "Name", s->name);
	json_write_str(w, "NetIO", f->net);
	json_write_str(w, "PIDs", f->pids);
	json_write_end(w, '}');
}

void stats_write_template(struct json_writer *w, const struct stats_sample *s,
			  const struct stats_sample *before, bool no_trunc)
{
	cleanup(figures_done) struct figures f;

	figures_of(s, before, no_trunc, &f);
	json_write_object(w, NULL);
	json_write_str(w, "ID", f.id);
	json_write_str(w, "Container", f.id);
	json_write_str(w, "ContainerID", s->id);
	json_write_str(w, "Name", s->name);
	write_double(w, "CPU", f.cpu);
	json_write_str(w, "CPUPerc", f.cpu_text);
	json_write_str(w, "AVGCPU", f.average_text);
	write_double(w, "AvgCPU", f.average);
	json_write_str(w, "MemUsage", f.mem);
	json_write_str(w, "MemUsageBytes", f.mem_bytes);
	json_write_u64(w, "MemLimit", f.limit);
	json_write_str(w, "MemPerc", f.memory_text);
	json_write_str(w, "NetIO", f.net);
	json_write_u64(w, "NetInput", f.rx);
	json_write_u64(w, "NetOutput", f.tx);
	write_network(w, s);
	json_write_str(w, "BlockIO", f.block);
	json_write_u64(w, "BlockInput", s->cg.io_read);
	json_write_u64(w, "BlockOutput", s->cg.io_written);
	json_write_str(w, "PIDS", f.pids);
	json_write_str(w, "PIDs", f.pids);
	json_write_str(w, "UpTime", f.cpu_time);
	json_write_str(w, "Up", f.cpu_time);
	json_write_u64(w, "Duration", s->cg.cpu_ns);
	json_write_u64(w, "CPUNano", s->cg.cpu_ns);
	json_write_u64(w, "CPUSystemNano", s->cg.system_ns);
	json_write_i64(w, "SystemNano", s->at_ns);
	json_write_array(w, "PerCPU");
	json_write_end(w, ']');
	write_pressure_texts(w, s);
	write_pressure(w, "Pressure", true, s);
	write_line(w, s, &f);
	json_write_end(w, '}');
}
