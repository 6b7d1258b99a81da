/* SPDX-License-Identifier: Apache-2.0 */
/* From a container's record to what the log drivers want. */
#pragma once

#include "libpod/monitor/log.h"
#include "libpod/record/record.h"

/* "{{.Name}}/{{.ImageName}}": the tag of journal entries; owned. -EINVAL for unknown fields. */
int log_tag_expand(const char *tag, const struct container_config *cfg, char **ret,
		   struct cmk_err *err);
/* Opens the log of the container whose directory is DIR_FD. *RET is NULL where its driver keeps
 * nothing. */
int container_log_open(const struct container_config *cfg, int dir_fd, struct ctr_log **ret,
		       struct cmk_err *err);
/* Its standard streams are those of the command that starts it. */
bool container_passes_stdio(const struct container_config *cfg);
/* `logs` reads it by log_stream_start(). */
bool container_logs_to_journal(const struct container_config *cfg);
/* The path of the file (owned); NULL where the driver has none. */
char *container_log_path(const struct container *c);
/* The directory of the file (a descriptor) and its name in there (owned). */
int container_log_dir(const struct container *c, char **ret_name, struct cmk_err *err);
