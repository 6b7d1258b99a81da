// SPDX-License-Identifier: Apache-2.0
#include "storage/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/userns.h"
#include "base/util.h"

static const char *const own_names[] = { "user.", "system.posix_acl_access",
					 "system.posix_acl_default" };

enum xattr_fate xattr_stored_name(const char *name, char buf[static XATTR_NAME_MAX + 1])
{
	const char *rest = str_after(name, XATTR_OVERLAY);
	int n;

	if (!*name || strlen(name) > XATTR_NAME_MAX)
		return XATTR_IMPOSSIBLE;
	if (rest)
		n = snprintf(buf, XATTR_NAME_MAX + 1, XATTR_ESCAPED "%s", rest);
	else if (streq(name, XATTR_CAPABILITY))
		return XATTR_AS_IS;
	else if (streq(name, "security.selinux"))
		return XATTR_UNWANTED;
	else if (str_after(name, "trusted.") || str_after(name, "security.") ||
		 str_after(name, XATTR_FUSE))
		n = snprintf(buf, XATTR_NAME_MAX + 1, XATTR_KEPT "%s", name);
	else {
		for (size_t i = 0; i < ARRAY_LEN(own_names); i++)
			if (str_after(name, own_names[i]))
				return XATTR_AS_IS;
		return XATTR_IMPOSSIBLE;
	}
	return n > XATTR_NAME_MAX ? XATTR_IMPOSSIBLE : XATTR_RENAMED;
}

bool xattr_layer_name(const char *name, char buf[static XATTR_NAME_MAX + 1])
{
	const char *rest;
	int n;

	if ((rest = str_after(name, XATTR_ESCAPED)))
		n = snprintf(buf, XATTR_NAME_MAX + 1, XATTR_OVERLAY "%s", rest);
	else if ((rest = str_after(name, XATTR_KEPT)))
		n = snprintf(buf, XATTR_NAME_MAX + 1, "%s", rest);
	else if (str_after(name, XATTR_OVERLAY) || str_after(name, XATTR_FUSE))
		return false;
	else if (streq(name, XATTR_CAPABILITY) || str_after(name, "user.") ||
		 str_after(name, "system.posix_acl_"))
		n = snprintf(buf, XATTR_NAME_MAX + 1, "%s", name);
	else
		return false;
	return n > 0 && n <= XATTR_NAME_MAX;
}

static int copy_one(int in, int out, const char *name, const char *as)
{
	static char value[65536];
	ssize_t n = fgetxattr(in, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	if (fsetxattr(out, as, value, (size_t)n, 0) < 0)
		return -errno;
	return 0;
}

int xattr_copy_fd(int in, int out)
{
	static char names[65536];
	ssize_t n = flistxattr(in, names, sizeof(names));
	int r;

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		cleanup_free char *plain = NULL;
		const char *rest = str_after(p, XATTR_ESCAPED);

		if (rest)
			plain = xasprintf(XATTR_OVERLAY "%s", rest);
		else if (str_after(p, "user.") && !str_after(p, XATTR_OVERLAY))
			plain = xstrdup(p);
		else if (str_after(p, "system.posix_acl_"))
			plain = xstrdup(p);
		else
			continue;
		r = copy_one(in, out, p, plain);
		if (r < 0 && r != -EOPNOTSUPP)
			return r;
	}
	return 0;
}

/* The ids in an access control list (acl(5)), as the kernel keeps it: a version, then tag, rights
 * and id of each entry, little-endian. */
static void map_acl(uint8_t *acl, size_t len, const struct id_map_pair *map)
{
	enum { ACL_HEAD = 4, ACL_ENTRY = 8, ACL_USER = 0x02, ACL_GROUP = 0x08 };

	for (size_t i = ACL_HEAD; i + ACL_ENTRY <= len; i += ACL_ENTRY) {
		unsigned int tag = acl[i] | (unsigned int)acl[i + 1] << 8;
		uint32_t id = 0;

		if (tag != ACL_USER && tag != ACL_GROUP)
			continue;
		for (unsigned int k = 0; k < 4; k++)
			id |= (uint32_t)acl[i + 4 + k] << (8 * k);
		id = id_map_to_outside(tag == ACL_USER ? &map->uids : &map->gids, id);
		for (unsigned int k = 0; k < 4; k++)
			acl[i + 4 + k] = (uint8_t)(id >> (8 * k));
	}
}

static int copy_acl(int in, int out, const char *name, const struct id_map_pair *map)
{
	uint8_t acl[4096];
	ssize_t n = fgetxattr(in, name, acl, sizeof(acl));

	if (n < 0)
		return -errno;
	map_acl(acl, (size_t)n, map);
	return fsetxattr(out, name, acl, (size_t)n, 0) < 0 ? -errno : 0;
}

int xattr_copy_mapped_fd(int in, int out, const struct id_map_pair *map)
{
	static char names[65536];
	ssize_t n = flistxattr(in, names, sizeof(names));

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		int r = 0;

		if (str_after(p, "user."))
			r = copy_one(in, out, p, p);
		else if (str_after(p, "system.posix_acl_"))
			r = copy_acl(in, out, p, map);
		if (r < 0 && r != -EOPNOTSUPP)
			return r;
	}
	return 0;
}

int xattr_copy_capability_fd(int in, int out)
{
	int r = copy_one(in, out, XATTR_CAPABILITY, XATTR_CAPABILITY);

	return r == -EOPNOTSUPP ? 0 : r;
}

/* Linux 6.13; the same number on all architectures but Alpha. */
#ifndef SYS_listxattrat
#define SYS_listxattrat 465
#endif

int xattr_any_at(int dir, const char *name)
{
	char names[1024];
	ssize_t n = syscall(SYS_listxattrat, dir, name, *name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH,
			    names, sizeof(names));

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *p = names; p < names + n; p += strlen(p) + 1)
		for (size_t i = 0; i < ARRAY_LEN(own_names); i++)
			if (str_after(p, own_names[i]) || streq(p, XATTR_CAPABILITY))
				return 1;
	return 0;
}

bool xattr_is_opaque(int fd)
{
	char v;

	return fgetxattr(fd, XATTR_OPAQUE, &v, 1) == 1 && v == 'y';
}
