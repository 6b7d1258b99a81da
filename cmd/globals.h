/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked of the global options before a command is run. */
#pragma once

#include "cmd/option.h"

/* --conmon: -EACCES where it is a file that cannot be executed; --config: ends the program where it
 * is no directory. */
int cmk_globals_check(const struct cmk_globals *g, struct cmk_err *err);
/* CMK_ERR_UNSUPPORTED where --network-config-dir defines NETWORK, the value of --network or NULL.
 */
int cmk_globals_check_network(const struct cmk_globals *g, const char *network,
			      struct cmk_err *err);
