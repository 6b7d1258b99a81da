/* SPDX-License-Identifier: Apache-2.0 */
/* What `mount` and `image mount` share. */
#pragma once

#include "base/json.h"

/* --format of them: NULL or "json". */
int cmk_mounts_format(const char *format, bool *ret_json, struct cmk_err *err);
/* Ends the array that W wrote (emptied), and prints it as JSON, or its members through TABLE, of
 * which the titles are left out. */
int cmk_mounts_print(struct json_writer *w, bool json, const char *table, struct cmk_err *err);
