// SPDX-License-Identifier: Apache-2.0
/* File systems that other machines have, too: good to read a store from, not to keep one. */
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/parse.h"
#include "storage/internal.h"

const char *netfs_name(uint64_t type)
{
	static const struct {
		uint64_t type;
		const char *name;
	} known[] = {
		{ NFS_SUPER_MAGIC, "NFS" },  { SMB_SUPER_MAGIC, "SMB" },
		{ CIFS_SUPER_MAGIC, "SMB" }, { SMB2_SUPER_MAGIC, "SMB" },
		{ AFS_SUPER_MAGIC, "AFS" },  { AFS_FS_MAGIC, "AFS" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].type == type)
			return known[i].name;
	return NULL;
}

const char *storage_netfs(struct storage *st)
{
	struct statfs fs;
	uint64_t type;

#ifdef CMK_TEST_HOOKS
	const char *forced = getenv("CMK_TEST_FS_TYPE");

	if (forced && parse_u64(forced, UINT32_MAX, &type) == 0)
		return netfs_name(type);
#endif
	if (fstatfs(st->root_fd, &fs) < 0)
		return NULL;
	/* The kernel's number is of 32 bits, whatever the sign of the field here. */
	type = (uint32_t)fs.f_type;
	return netfs_name(type);
}
