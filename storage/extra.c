// SPDX-License-Identifier: Apache-2.0
#include "storage/extra.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"

/* Podman's stores may stand in the same list: they are not for us to read here. */
static int look(const char *root)
{
	cleanup_free char *names = xasprintf("%s/names", root);
	cleanup_close int fd = open(names, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : 0;
}

char *const *storage_extra(struct storage *st)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	const struct storage_conf *c = NULL;

	if (st->extra_loaded)
		return st->extra;
	st->extra_loaded = true;
	if (storage_conf_get(st, &c, &err) < 0) {
		log_warn("%s: no additional image store is used", cmk_err_msg(&err));
		return NULL;
	}
	for (char **s = c->stores; s && *s; s++) {
		int r = look(*s);

		if (r == 0)
			strv_add(&st->extra, *s);
		else if (r == -EACCES)
			log_warn("additional image store '%s' is not used: %s", *s, errno_text(-r));
		else
			log_debug("additional image store '%s': none of cmk's", *s);
	}
	return st->extra;
}

/* ROOT/PART/NAME is a directory; or, of layers, a name that one had (pending.c), which leads to one
 * beside it, and nowhere else. */
static bool has_dir(const char *root, const char *part, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s/%s", root, part, name), *real = NULL;
	char to[DIGEST_HEX_LEN + 2] = "";
	struct digest id;
	struct stat sb;

	if (lstat(path, &sb) < 0)
		return false;
	if (!S_ISLNK(sb.st_mode) || !streq(part, "layers"))
		return S_ISDIR(sb.st_mode);
	if (readlink(path, to, sizeof(to) - 1) < 0 || digest_parse_hex(to, &id) < 0)
		return false;
	real = xasprintf("%s/%s/%s", root, part, id.hex);
	return lstat(real, &sb) == 0 && S_ISDIR(sb.st_mode);
}

const char *storage_extra_find(struct storage *st, const char *part, const char *name)
{
	for (char *const *root = storage_extra(st); root && *root; root++)
		if (has_dir(*root, part, name))
			return *root;
	return NULL;
}

int storage_extra_open(struct storage *st, const char *part, const char *name)
{
	const char *root = storage_extra_find(st, part, name);
	cleanup_free char *path = root ? xasprintf("%s/%s", root, part) : NULL;
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 ? -ENOENT : fd;
}
