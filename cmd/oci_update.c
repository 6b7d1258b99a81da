// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"
#include "cmd/oci.h"

#define RESOURCES_MAX ((size_t)1 << 20)

struct update_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	struct opt_limits limits;
	const char *resources, *memory, *pids;
	const char *cpu_burst, *cpu_idle;
	char *conf[3]; /* what of them are files of the group; owned */
};

static const struct cmk_option update_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_STRING(0, "blkio-weight", struct update_args, limits.blkio_weight, "NUMBER",
		       "share of the disks' time, 10 to 1000"),
	CMK_OPT_STRING(0, "cpu-burst", struct update_args, cpu_burst, "MICROSECONDS",
		       "CPU time that may be saved up beyond --cpu-quota"),
	CMK_OPT_STRING(0, "cpu-idle", struct update_args, cpu_idle, "0|1",
		       "1: run only where the CPUs have nothing else to do"),
	CMK_OPT_STRING(0, "cpu-period", struct update_args, limits.cpu_period, "MICROSECONDS",
		       "time over which --cpu-quota is counted (100000)"),
	CMK_OPT_STRING(0, "cpu-quota", struct update_args, limits.cpu_quota, "MICROSECONDS",
		       "at most so much CPU time in each period; -1 for no limit"),
	CMK_OPT_STRING(0, "cpu-share", struct update_args, limits.cpu_shares, "NUMBER",
		       "share of the CPUs' time where they are busy, 2 to 262144",
		       .alias = "cpu-shares"),
	CMK_OPT_STRING(0, "cpuset-cpus", struct update_args, limits.cpuset_cpus, "LIST",
		       "run on these CPUs alone, such as 0-3,7"),
	CMK_OPT_STRING(0, "cpuset-mems", struct update_args, limits.cpuset_mems, "LIST",
		       "use the memory of these NUMA nodes alone, such as 0,1"),
	CMK_OPT_STRING(0, "memory", struct update_args, memory, "BYTES",
		       "limit the memory; -1 for no limit"),
	CMK_OPT_STRING(0, "memory-reservation", struct update_args, limits.memory_reservation,
		       "BYTES",
		       "memory that is left to it where the host has little, such as 256m"),
	CMK_OPT_STRING(0, "memory-swap", struct update_args, limits.memory_swap, "BYTES",
		       "limit memory and swap together; -1 for no limit of swap"),
	CMK_OPT_STRING(0, "pids-limit", struct update_args, pids, "NUMBER",
		       "limit the number of processes; -1 for no limit"),
	CMK_OPT_STRING('r', "resources", struct update_args, resources, "FILE",
		       "limits in the form of linux.resources; - is stdin",
		       .complete = COMPLETE_FILES),
	CMK_OPT_END(),
};

static int take_numbers(struct update_args *a, struct cmk_err *err)
{
	uint64_t n;

	if (a->memory) {
		if (streq(a->memory, "-1"))
			n = 0;
		else if (parse_bytes(a->memory, &n) < 0 || n > INT64_MAX)
			return cmk_err_set(err, -EINVAL, "--memory '%s': not a number of bytes",
					   a->memory);
		a->limits.memory = (int64_t)n;
		a->limits.has_memory = a->limits.any_memory = true;
	}
	if (a->pids) {
		if (parse_i64(a->pids, -1, INT32_MAX, &a->limits.pids_limit) < 0)
			return cmk_err_set(err, -EINVAL,
					   "--pids-limit '%s': not a number of processes", a->pids);
		a->limits.has_pids = true;
	}
	return 0;
}

/* For which cgroup v2 has files, and nothing else. */
static int take_files(struct update_args *a, struct cmk_err *err)
{
	const struct {
		const char *option, *file, *text;
		uint64_t max;
	} files[] = {
		{ "--cpu-burst", "cpu.max.burst", a->cpu_burst, INT64_MAX },
		{ "--cpu-idle", "cpu.idle", a->cpu_idle, 1 },
	};
	size_t n_conf = 0;
	uint64_t n;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!files[i].text)
			continue;
		if (parse_u64(files[i].text, files[i].max, &n) < 0)
			return cmk_err_set(err, -EINVAL, "%s '%s': not a number of at most %llu",
					   files[i].option, files[i].text,
					   (unsigned long long)files[i].max);
		a->conf[n_conf++] = xasprintf("%s=%llu", files[i].file, (unsigned long long)n);
	}
	a->limits.cgroup_conf = n_conf ? a->conf : NULL;
	return 0;
}

static int read_resources(const char *path, char **ret, size_t *ret_len, struct cmk_err *err)
{
	int r = streq(path, "-") ? file_read_fd(STDIN_FILENO, RESOURCES_MAX, ret, ret_len, err)
				 : file_read_at(AT_FDCWD, path, RESOURCES_MAX, ret, ret_len, err);

	return r < 0 ? cmk_err_wrap(err, r, "--resources '%s'", path) : 0;
}

static int update_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	struct update_args *a = args;
	cleanup_free char *text = NULL;
	struct oci_settings set;
	size_t len = 0;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	if (r == 0)
		r = take_numbers(a, err);
	if (r == 0)
		r = take_files(a, err);
	if (r == 0 && a->resources)
		r = read_resources(a->resources, &text, &len, err);
	if (r == 0 && !text && !opt_limits_given(&a->limits))
		r = cmk_err_set(err, -EINVAL, "nothing to change: name an option");
	if (r == 0)
		r = oci_update(&set, argv[0], text, len, &a->limits, err);
	for (size_t i = 0; i < ARRAY_LEN(a->conf); i++)
		free(a->conf[i]);
	return cmk_oci_end(r, err);
}

static const struct cmk_example update_examples[] = {
	{ "cmk oci update --memory 512m web", "changes the memory limit of a running container" },
	{ "echo '{\"pids\":{\"limit\":100}}' | cmk oci update -r - web",
	  "reads the limits from stdin" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_update = {
	.name = "oci update",
	.summary = "Change the limits of a container",
	.operands = "CONTAINER",
	.description = "Changes the limits that the container's control group holds. What is not "
		       "named stays as it is; after a failure all is as before.",
	.exit_codes = "0 on success, 1 on failure.",
	.examples = update_examples,
	.options = update_options,
	.args_size = sizeof(struct update_args),
	.min_operands = 1,
	.max_operands = 1,
	.exec = update_exec,
};
