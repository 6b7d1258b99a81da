/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits that `run`, `create` and `update` set, as the options say them, and what of the
 * specification they become. What is not given stays as it is.
 */
#pragma once

#include "base/err.h"
#include "libpod/spec/spec.h"

/* NULL and has_… false: not given. */
struct opt_limits {
	bool has_memory, has_cpus, has_pids;
	bool any_memory; /* however little: the container may be ended by it */
	int64_t memory, nano_cpus, pids_limit; /* 0: no limit; pids_limit -1: unlimited */
	const char *memory_reservation, *memory_swap, *cpu_period, *cpu_quota, *cpu_shares,
		*cpuset_cpus, *cpuset_mems, *blkio_weight;
	char **weights, **rates[N_IO_RATES]; /* "PATH:NUMBER" */
	char **cgroup_conf;		     /* "FILE=VALUE" */
};
bool opt_limits_given(const struct opt_limits *l);
/* Checks what was given, alone and with what RES says already, and puts it there. 0 (of a cpuset:
 * nothing) takes a limit away. Devices are looked at: they must be block devices. After a failure
 * RES is half changed. */
int opt_limits_put(struct spec_resources *res, const struct opt_limits *l, struct cmk_err *err);
