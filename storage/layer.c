// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/internal.h"

bool storage_layer_exists(struct storage *st, const struct digest *diff_id)
{
	char path[DIGEST_HEX_LEN + 16];

	if (storage_claim(st, NULL) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/diff", diff_id->hex);
	return faccessat(st->layers_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
