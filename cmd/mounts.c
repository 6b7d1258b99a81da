// SPDX-License-Identifier: Apache-2.0
#include "cmd/mounts.h"

#include "cmd/format.h"

int cmk_mounts_format(const char *format, bool *ret_json, struct cmk_err *err)
{
	*ret_json = format && streq(format, "json");
	if (!format || *ret_json)
		return 0;
	return cmk_err_set(err, -EINVAL, "unknown --format argument: \"%s\"", format);
}

int cmk_mounts_print(struct json_writer *w, bool json, const char *table, struct cmk_err *err)
{
	return format_print_array(json ? "json" : table, w, NULL, true, err);
}
