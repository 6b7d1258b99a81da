/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of limits for a struct TYPE_ with a struct opt_limits MEMBER_: what `run`, `create` and
 * `update` share. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

/* clang-format off */
#define CMK_LIMIT_ROWS(type_, member_)                                                             \
	CMK_OPT_STRING(0, "blkio-weight", type_, member_.blkio_weight, "NUMBER",                   \
		       "share of the disks' time, 10 to 1000"),                                    \
	CMK_OPT_OF(OPT_STRV, 0, "blkio-weight-device", type_, member_.weights, "DEVICE:NUMBER",    \
		   "share of one disk's time, 10 to 1000", .complete = COMPLETE_FILES),            \
	CMK_OPT_STRING(0, "cpu-period", type_, member_.cpu_period, "MICROSECONDS",                 \
		       "time over which --cpu-quota is counted (100000)"),                         \
	CMK_OPT_STRING(0, "cpu-quota", type_, member_.cpu_quota, "MICROSECONDS",                   \
		       "at most so much CPU time in each period; -1 for no limit"),                \
	CMK_OPT_STRING('c', "cpu-shares", type_, member_.cpu_shares, "NUMBER",                     \
		       "share of the CPUs' time where they are busy, 2 to 262144"),                \
	CMK_OPT_STRING(0, "cpuset-cpus", type_, member_.cpuset_cpus, "LIST",                       \
		       "run on these CPUs alone, such as 0-3,7"),                                  \
	CMK_OPT_STRING(0, "cpuset-mems", type_, member_.cpuset_mems, "LIST",                       \
		       "use the memory of these NUMA nodes alone, such as 0,1"),                   \
	CMK_OPT_OF(OPT_STRV, 0, "device-read-bps", type_, member_.rates[IO_READ_BPS],              \
		   "DEVICE:BYTES", "read at most so many bytes per second from a disk",            \
		   .complete = COMPLETE_FILES),                                                    \
	CMK_OPT_OF(OPT_STRV, 0, "device-read-iops", type_, member_.rates[IO_READ_IOPS],            \
		   "DEVICE:NUMBER", "do at most so many reads per second from a disk",             \
		   .complete = COMPLETE_FILES),                                                    \
	CMK_OPT_OF(OPT_STRV, 0, "device-write-bps", type_, member_.rates[IO_WRITE_BPS],            \
		   "DEVICE:BYTES", "write at most so many bytes per second to a disk",             \
		   .complete = COMPLETE_FILES),                                                    \
	CMK_OPT_OF(OPT_STRV, 0, "device-write-iops", type_, member_.rates[IO_WRITE_IOPS],          \
		   "DEVICE:NUMBER", "do at most so many writes per second to a disk",              \
		   .complete = COMPLETE_FILES),                                                    \
	CMK_OPT_STRING(0, "memory-reservation", type_, member_.memory_reservation, "BYTES",        \
		       "memory that is left to it where the host has little, such as 256m"),       \
	CMK_OPT_STRING(0, "memory-swap", type_, member_.memory_swap, "BYTES",                      \
		       "limit memory and swap together; -1 for no limit of swap")
/* clang-format on */
