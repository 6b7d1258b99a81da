// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optlimit.h"

#include <ctype.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/parse.h"

#define MEMORY_MIN (6 << 20) /* docker's: less does not even start a shell */
#define CPU_PERIOD_US 100000
#define CPU_PERIOD_MIN_US 1000 /* both of the period: kernel/sched/core.c */
#define CPU_PERIOD_MAX_US 1000000
#define CPU_QUOTA_MIN_US 1000 /* the kernel's own limit, kernel/sched/core.c */
#define CPU_SHARES_MIN 2      /* of cpu.shares in cgroup v1, whose scale the option has */
#define CPU_SHARES_MAX 262144
#define BLKIO_WEIGHT_MIN 10
#define BLKIO_WEIGHT_MAX 1000

static const char *const rate_options[N_IO_RATES] = {
	[IO_READ_BPS] = "--device-read-bps",
	[IO_WRITE_BPS] = "--device-write-bps",
	[IO_READ_IOPS] = "--device-read-iops",
	[IO_WRITE_IOPS] = "--device-write-iops",
};

bool opt_limits_given(const struct opt_limits *l)
{
	for (size_t i = 0; i < N_IO_RATES; i++)
		if (l->rates[i])
			return true;
	return l->has_memory || l->has_cpus || l->has_pids || l->memory_reservation ||
	       l->memory_swap || l->cpu_period || l->cpu_quota || l->cpu_shares || l->cpuset_cpus ||
	       l->cpuset_mems || l->blkio_weight || l->weights || l->cgroup_conf;
}

static int read_bytes(const char *option, const char *text, int64_t *ret, struct cmk_err *err)
{
	uint64_t n = 0;

	if (parse_bytes(text, &n) < 0 || n > INT64_MAX)
		return cmk_err_set(err, -EINVAL,
				   "invalid value '%s' for option '%s': not a size (a number, then "
				   "b, k, m, g or t)",
				   text, option);
	*ret = (int64_t)n;
	return 0;
}

/* 0 stands for "none"; else MIN..MAX. */
static int read_number(const char *option, const char *text, uint64_t min, uint64_t max,
		       uint64_t *ret, struct cmk_err *err)
{
	uint64_t n = 0;
	int r = parse_u64(text, UINT64_MAX, &n);

	if (r == -EINVAL)
		return cmk_err_set(err, -EINVAL,
				   "invalid value '%s' for option '%s': not a whole number", text,
				   option);
	if (r == 0 && n && n < min && max == INT64_MAX)
		return cmk_err_set(err, -ERANGE, "%s: %s is less than %llu", option, text,
				   (unsigned long long)min);
	if (r < 0 || (n && (n < min || n > max)))
		return cmk_err_set(err, -ERANGE, "%s: %s is not between %llu and %llu", option,
				   text, (unsigned long long)min, (unsigned long long)max);
	*ret = n;
	return 0;
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* As much swap again as memory, which is what docker and podman give. */
static int64_t default_swap(int64_t memory)
{
	return memory > INT64_MAX / 2 ? INT64_MAX : memory * 2;
}

static int put_memory_limit(struct spec_resources *res, const struct opt_limits *l,
			    struct cmk_err *err)
{
	bool usual = !res->memory_swap || res->memory_swap == default_swap(res->memory_limit);

	if (!l->has_memory)
		return 0;
	if (l->memory < 0 || (l->memory > 0 && l->memory < MEMORY_MIN && !l->any_memory))
		return cmk_err_set(err, -EINVAL, "--memory: at least 6 MiB is needed");
	res->memory_limit = l->memory;
	if (!l->memory)
		res->memory_swap = 0;
	else if (usual)
		res->memory_swap = default_swap(l->memory);
	else if (!l->memory_swap && res->memory_swap > 0 && res->memory_swap < l->memory)
		return cmk_err_set(err, -EINVAL,
				   "--memory: memory and swap together are limited to %lld bytes, "
				   "which is less: give --memory-swap as well",
				   (long long)res->memory_swap);
	return 0;
}

static int put_swap(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	int64_t swap = 0;
	int r;

	if (!l->memory_swap)
		return 0;
	if (streq(l->memory_swap, "-1")) {
		/* Without a limit of memory there is none of swap either. */
		res->memory_swap = res->memory_limit ? -1 : 0;
		return 0;
	}
	r = read_bytes("--memory-swap", l->memory_swap, &swap, err);
	if (r < 0)
		return r;
	if (swap && !res->memory_limit)
		return cmk_err_set(
			err, -EINVAL,
			"--memory-swap: you should always set a memory limit when using "
			"a memoryswap limit: it is of memory and swap together (--memory)");
	if (swap && swap < res->memory_limit)
		return cmk_err_set(err, -EINVAL,
				   "--memory-swap: minimum memoryswap limit should be larger than "
				   "memory limit: it is of memory and swap together");
	res->memory_swap = swap || !res->memory_limit ? swap : default_swap(res->memory_limit);
	return 0;
}

static int put_memory(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	int r = put_memory_limit(res, l, err);

	if (r == 0)
		r = put_swap(res, l, err);
	if (r == 0 && l->memory_reservation)
		r = read_bytes("--memory-reservation", l->memory_reservation,
			       &res->memory_reservation, err);
	if (r < 0)
		return r;
	if (res->memory_limit > 0 && res->memory_reservation > res->memory_limit)
		return cmk_err_set(err, -EINVAL,
				   "--memory-reservation: minimum memory limit cannot be less than "
				   "memory reservation limit");
	return 0;
}

/* --- processors --------------------------------------------------------------------------------
 */

static int put_cpus(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	if (!l->has_cpus)
		return 0;
	if (l->cpu_period)
		return cmk_err_set(err, -EINVAL, "--cpu-period and --cpus cannot be set together");
	if (l->cpu_quota)
		return cmk_err_set(err, -EINVAL, "--cpu-quota and --cpus cannot be set together");
	res->cpu_quota = l->nano_cpus / (1000000000 / CPU_PERIOD_US);
	res->cpu_period = res->cpu_quota ? CPU_PERIOD_US : 0;
	if (l->nano_cpus && res->cpu_quota < CPU_QUOTA_MIN_US)
		return cmk_err_set(err, -EINVAL, "--cpus: at least 0.01 is needed");
	return 0;
}

static int put_quota(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	uint64_t quota = 0;
	int r = 0;

	if (l->cpu_period)
		r = read_number("--cpu-period", l->cpu_period, CPU_PERIOD_MIN_US, CPU_PERIOD_MAX_US,
				&res->cpu_period, err);
	if (r == 0 && l->cpu_quota && !streq(l->cpu_quota, "-1"))
		r = read_number("--cpu-quota", l->cpu_quota, CPU_QUOTA_MIN_US, INT64_MAX, &quota,
				err);
	if (r == 0 && l->cpu_quota)
		res->cpu_quota = (int64_t)quota;
	return r;
}

static int put_shares(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	int r = 0;

	if (!l->cpu_shares)
		return 0;
	r = read_number("--cpu-shares", l->cpu_shares, 1, CPU_SHARES_MAX, &res->cpu_shares, err);
	/* As cgroup v1 took it. */
	if (r == 0 && res->cpu_shares)
		res->cpu_shares = MAX(res->cpu_shares, CPU_SHARES_MIN);
	return r;
}

static int put_cpuset(const char *option, const char *text, char **field, struct cmk_err *err)
{
	struct spec_id_set set;
	int r;

	if (!text)
		return 0;
	r = spec_id_set_parse(text, strlen(text), &set);
	if (r == -ERANGE)
		return cmk_err_set(err, r, "%s: '%s': there is no number above %d", option, text,
				   SPEC_ID_SET_MAX - 1);
	if (r < 0 || isspace((unsigned char)text[*text ? strlen(text) - 1 : 0]))
		return cmk_err_set(err, -EINVAL,
				   "invalid value '%s' for option '%s': not a list such as 0-3,7",
				   text, option);
	free(*field);
	*field = *text ? xstrdup(text) : NULL;
	return 0;
}

/* --- block devices -----------------------------------------------------------------------------
 */

/* 0 takes the device out. */
static void set_device(struct spec_device_list *l, dev_t dev, uint64_t value)
{
	struct spec_device_value v = { major(dev), minor(dev), value };
	size_t i = 0;

	while (i < l->n && (l->list[i].major != v.major || l->list[i].minor != v.minor))
		i++;
	if (!value) {
		if (i < l->n)
			l->list[i] = l->list[--l->n];
		return;
	}
	if (i == l->n)
		l->list = xrealloc(l->list, ++l->n, sizeof(*l->list));
	l->list[i] = v;
}

static int find_device(const char *option, const char *text, const char *path, dev_t *ret,
		       struct cmk_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return cmk_err_errno(err, "%s '%s': device '%s'", option, text, path);
	if (!S_ISBLK(st.st_mode))
		return cmk_err_set(err, -EINVAL, "%s '%s': %s: not a block device", option, text,
				   path);
	*ret = st.st_rdev;
	return 0;
}

/* Each is "PATH:NUMBER". */
static int put_devices(const char *option, char *const *list, bool bytes, uint64_t min,
		       uint64_t max, struct spec_device_list *out, struct cmk_err *err)
{
	for (char *const *text = list; text && *text; text++) {
		const char *colon = strrchr(*text, ':');
		cleanup_free char *path = colon ? xstrndup(*text, (size_t)(colon - *text)) : NULL;
		uint64_t value = 0;
		dev_t dev = 0;
		int r;

		if (!path || *path != '/' || !colon[1])
			return cmk_err_set(err, -EINVAL,
					   "%s: bad format: '%s': not a device's path, a colon and "
					   "a number, such as /dev/sda:%s",
					   option, *text, bytes ? "1mb" : "100");
		r = bytes ? parse_bytes(colon + 1, &value) : parse_u64(colon + 1, max, &value);
		if (r < 0 || (value && (value < min || value > max))) {
			if (max == BLKIO_WEIGHT_MAX)
				return cmk_err_set(err, -EINVAL,
						   "%s: invalid weight for device: '%s': not a "
						   "number between %d and %d",
						   option, *text, BLKIO_WEIGHT_MIN,
						   BLKIO_WEIGHT_MAX);
			return cmk_err_set(err, -EINVAL,
					   "%s: invalid rate for device: '%s': not a positive "
					   "number%s",
					   option, *text, bytes ? ", then b, k, m, g or t" : "");
		}
		r = find_device(option, *text, path, &dev, err);
		if (r < 0)
			return r;
		set_device(out, dev, value);
	}
	return 0;
}

static int put_block_io(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	uint64_t weight = res->blkio_weight;
	int r = 0;

	if (l->blkio_weight)
		r = read_number("--blkio-weight", l->blkio_weight, BLKIO_WEIGHT_MIN,
				BLKIO_WEIGHT_MAX, &weight, err);
	if (r < 0)
		return r;
	res->blkio_weight = (uint32_t)weight;
	r = put_devices("--blkio-weight-device", l->weights, false, BLKIO_WEIGHT_MIN,
			BLKIO_WEIGHT_MAX, &res->weights, err);
	for (size_t i = 0; i < N_IO_RATES && r == 0; i++)
		r = put_devices(rate_options[i], l->rates[i], i < IO_READ_IOPS, 1, INT64_MAX,
				&res->rates[i], err);
	return r;
}

/* --- files of the group ------------------------------------------------------------------------
 */

/* "memory.high": words of letters, digits and '_' with dots between them. */
static bool is_control_file(const char *name, size_t len)
{
	bool dot = false;

	for (size_t i = 0; i < len; i++) {
		bool is_dot = name[i] == '.';

		if (!is_dot && !isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
		if (is_dot && (i == 0 || i + 1 == len || name[i - 1] == '.'))
			return false;
		dot = dot || is_dot;
	}
	return dot;
}

static int put_conf(struct spec_resources *res, const char *text, struct cmk_err *err)
{
	const char *eq = strchr(text, '=');
	size_t len = eq ? (size_t)(eq - text) : 0;
	cleanup_free char *name = xstrndup(text, len);

	if (!eq || !len || !eq[1])
		return cmk_err_set(err, -EINVAL,
				   "--cgroup-conf must be formatted KEY=VALUE: '%s' is not", text);
	if (!is_control_file(name, len))
		return cmk_err_set(err, -EINVAL,
				   "--cgroup-conf '%s': '%s' is not the name of a file of a group, "
				   "such as memory.high",
				   text, name);
	/* What moves processes, freezes or kills them is cmk's own. */
	if (str_after(name, "cgroup.") && !str_after(name, "cgroup.max."))
		return cmk_err_set(err, -EINVAL,
				   "--cgroup-conf '%s': '%s' is not a limit: cmk itself writes it",
				   text, name);
	strv_env_set(&res->unified, text);
	return 0;
}

int opt_limits_put(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err)
{
	static int (*const parts[])(struct spec_resources *, const struct opt_limits *,
				    struct cmk_err *) = { put_memory, put_cpus, put_quota,
							  put_shares, put_block_io };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++)
		r = parts[i](res, l, err);
	if (r == 0)
		r = put_cpuset("--cpuset-cpus", l->cpuset_cpus, &res->cpuset_cpus, err);
	if (r == 0)
		r = put_cpuset("--cpuset-mems", l->cpuset_mems, &res->cpuset_mems, err);
	for (char *const *c = l->cgroup_conf; c && *c && r == 0; c++)
		r = put_conf(res, *c, err);
	if (r < 0 || !l->has_pids)
		return r;
	if (l->pids_limit < -1)
		return cmk_err_set(err, -EINVAL, "--pids-limit: %lld is below -1",
				   (long long)l->pids_limit);
	res->pids_limit = l->pids_limit;
	return 0;
}
