/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's files say of the host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_cpu { HOST_CPU_USER, HOST_CPU_SYSTEM, HOST_CPU_IDLE, HOST_CPU_N };
/* From the first line of /proc/stat: of the time since the host's start, in hundredths of a percent
 * of these three together, as podman tells it. False where STAT is no such line. */
bool host_parse_cpu(const char *stat, uint32_t ret[static HOST_CPU_N]);

/* "17h 47m 23.00s (Approximately 0.71 days)", as podman tells it. */
void host_format_uptime(uint64_t seconds, char buf[static 80]);

/* The architecture, in the words of image indexes, whose programs the emulator runs that ENTRY
 * registers, a file of /proc/sys/fs/binfmt_misc; NULL where it is none, is switched off, or is not
 * held open (flag F): in a container it would not be found. */
const char *host_parse_emulator(const char *entry);
