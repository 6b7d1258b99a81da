// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/stats.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"

#define CONTROL_FILE_MAX (1 << 20)
#define DEPTH_MAX 32

static char *read_control(int fd, const char *name)
{
	char *text = NULL;

	return file_read_at(fd, name, CONTROL_FILE_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

/* "KEY NUMBER" lines: the number behind KEY. */
static bool keyed(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *l = text; l && *l; l = strchr(l, '\n'), l = l ? l + 1 : NULL) {
		if (strncmp(l, key, len) == 0 && l[len] == ' ')
			return parse_u64_n(l + len + 1, strcspn(l + len + 1, "\n"), UINT64_MAX,
					   ret) == 0;
	}
	return false;
}

static bool single(int fd, const char *name, uint64_t *ret)
{
	cleanup_free char *text = read_control(fd, name);

	return text && parse_u64_n(text, strcspn(text, "\n"), UINT64_MAX, ret) == 0;
}

/* io.stat: "MAJ:MIN rbytes=N wbytes=N …", a line for each device. */
static uint64_t sum_of(const char *text, const char *key)
{
	size_t len = strlen(key);
	uint64_t sum = 0, v;

	for (const char *p = text; (p = strstr(p, key)); p += len) {
		if ((p == text || p[-1] == ' ') &&
		    parse_u64_n(p + len, strspn(p + len, "0123456789"), UINT64_MAX, &v) == 0)
			sum += v;
	}
	return sum;
}

/* "KEY=" and a number, "12.34" where FRACTION; moves *P behind it. */
static bool number_of(const char **p, const char *key, bool fraction, uint64_t *ret)
{
	const char *v = str_after(*p, key);
	uint64_t whole, hundredths = 0;
	size_t n;

	if (!v)
		return false;
	n = strspn(v, "0123456789");
	if (parse_u64_n(v, n, fraction ? 1000 : UINT64_MAX, &whole) < 0)
		return false;
	v += n;
	if (fraction) {
		if (*v != '.' || parse_u64_n(v + 1, 2, 99, &hundredths) < 0)
			return false;
		v += 3;
		whole = whole * 100 + hundredths;
	}
	*ret = whole;
	*p = v + (*v == ' ');
	return true;
}

static bool pressure_line(const char *text, const char *name, struct cgroup_pressure_line *ret)
{
	const char *p = strstr(text, name);
	uint64_t avg[3] = { 0 }, total = 0;

	if (!p)
		return false;
	p += strlen(name);
	if (!number_of(&p, "avg10=", true, &avg[0]) || !number_of(&p, "avg60=", true, &avg[1]) ||
	    !number_of(&p, "avg300=", true, &avg[2]) || !number_of(&p, "total=", false, &total))
		return false;
	*ret = (struct cgroup_pressure_line){ (uint32_t)avg[0], (uint32_t)avg[1], (uint32_t)avg[2],
					      total };
	return true;
}

bool cgroup_pressure_parse(const char *text, struct cgroup_pressure *ret)
{
	struct cgroup_pressure p = { .has = true };

	if (!pressure_line(text, "some ", &p.some))
		return false;
	/* Of the CPU only since Linux 5.13. */
	(void)pressure_line(text, "full ", &p.full);
	*ret = p;
	return true;
}

/* The same that the pids controller counts, where there is none. */
static uint64_t count_threads(int fd, int depth)
{
	cleanup_free char *text = read_control(fd, "cgroup.threads");
	cleanup_dir DIR *d = NULL;
	const struct dirent *e;
	uint64_t n = 0;
	int dup_fd;

	for (const char *p = text; p && *p; p++)
		n += *p == '\n';
	dup_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	while (d && depth < DEPTH_MAX && (e = readdir(d))) {
		cleanup_close int sub = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			n += count_threads(sub, depth + 1);
	}
	return n;
}

void cgroup_stats_read(int fd, struct cgroup_stats *ret)
{
	static const char *const pressures[N_PRESSURES] = {
		[PRESSURE_CPU] = "cpu.pressure",
		[PRESSURE_MEMORY] = "memory.pressure",
		[PRESSURE_IO] = "io.pressure",
	};
	cleanup_free char *cpu = read_control(fd, "cpu.stat"), *io = read_control(fd, "io.stat");
	uint64_t v = 0;

	*ret = (struct cgroup_stats){ 0 };
	if (cpu && keyed(cpu, "usage_usec", &v)) {
		ret->has_cpu = true;
		ret->cpu_ns = v * 1000;
		if (keyed(cpu, "system_usec", &v))
			ret->system_ns = v * 1000;
	}
	ret->has_memory = single(fd, "memory.current", &ret->memory);
	(void)single(fd, "memory.max", &ret->memory_limit);
	if (io) {
		ret->has_io = true;
		ret->io_read = sum_of(io, "rbytes=");
		ret->io_written = sum_of(io, "wbytes=");
	}
	ret->has_pids = true;
	if (!single(fd, "pids.current", &ret->pids))
		ret->pids = count_threads(fd, 0);
	for (size_t i = 0; i < N_PRESSURES; i++) {
		cleanup_free char *text = read_control(fd, pressures[i]);

		if (text)
			(void)cgroup_pressure_parse(text, &ret->pressure[i]);
	}
}
