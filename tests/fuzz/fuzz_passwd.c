// SPDX-License-Identifier: Apache-2.0
/* An image's /etc/passwd and /etc/group, and -u: first line "user[:group]", second a --group-add,
 * then passwd up to a line "--", then group. */
#include "libpod/runtime/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *add[2] = { NULL, NULL };
	char *passwd, *groups, *home = NULL;
	struct spec_user u = { 0 };

	passwd = strchr(text, '\n');
	if (!passwd)
		goto done;
	*passwd++ = '\0';
	add[0] = passwd;
	passwd = strchr(passwd, '\n');
	if (!passwd)
		goto done;
	*passwd++ = '\0';
	groups = strstr(passwd, "\n--\n");
	if (groups) {
		groups[1] = '\0';
		groups += 4;
	}
	if (user_lookup_text(passwd, groups ? groups : "", text, *add[0] ? add : NULL, &u, &home,
			     NULL) == 0) {
		/* -1 is "no id" to the kernel: setresuid() would leave the old one. */
		if (u.uid == UINT32_MAX || u.gid == UINT32_MAX || !home || home[0] != '/')
			abort();
	}
done:
	free(home);
	free(u.additional_gids);
	free(text);
	return 0;
}
