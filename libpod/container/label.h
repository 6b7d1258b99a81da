/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of create_label.c that need neither a container nor SELinux. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct selinux_containers;

/* --security-opt label=: members are owned, NULL where nothing was said. */
struct label_options {
	bool disable, nested;
	char *user, *role, *type, *level, *filetype;
};
void label_options_done(struct label_options *o);
/* One "label=VALUE" more, the later one of a kind counts. -EINVAL. */
int label_option_parse(const char *value, struct label_options *o, struct cmk_err *err);

#define LABEL_LEVEL_SIZE 24
/* "s0:cA,cB", the lower category first: so two levels of the same categories are the same text. */
void label_level_format(uint32_t a, uint32_t b, char buf[static LABEL_LEVEL_SIZE]);
/* One of two categories that is none of USED. */
int label_level_choose(char *const *used, char buf[static LABEL_LEVEL_SIZE], struct cmk_err *err);
/* What POLICY has for containers, with LEVEL and what OPTIONS change; SYSTEMD: the container's
 * command is an init. *RET_PROCESS is NULL where it is disabled. Owned. */
int label_compose(const struct selinux_containers *policy, const struct label_options *o,
		  const char *level, bool systemd, char **ret_process, char **ret_file,
		  struct cmk_err *err);
/* Whether z or Z may be said of PATH, which is absolute and without links; HOME: $HOME, or NULL.
 * -EINVAL. */
int label_source_check(const char *path, const char *home, struct cmk_err *err);
