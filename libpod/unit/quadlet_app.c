// SPDX-License-Identifier: Apache-2.0
/* What was installed together. The files are as podman's: a name a line. */
#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"
#include "libpod/unit/quadlet.h"

#define LIST_MAX (1024 * 1024)

bool quadlet_is_file_name(const char *name)
{
	if (!*name || *name == '.' || strlen(name) > 200 || !text_is_utf8(name))
		return false;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '/')
			return false;
	return true;
}

static char *list_name(enum quadlet_list what, const char *name)
{
	return xasprintf(".%s.%s", name, what == QUADLET_APP ? "app" : "asset");
}

static char **read_list(int dir, const char *file)
{
	cleanup_strv char **lines = NULL;
	cleanup_free char *text = NULL;
	char **names = NULL;
	size_t len = 0;

	if (file_read_at(dir, file, LIST_MAX, &text, &len, NULL) < 0)
		return NULL;
	lines = strv_split(text, '\n');
	/* Another may have written it: it leads to no other directory. */
	for (char **l = lines; *l; l++)
		if (quadlet_is_file_name(*l) && !strv_has(names, *l))
			strv_add(&names, *l);
	return names;
}

char **quadlet_list_read(int dir, enum quadlet_list what, const char *name)
{
	cleanup_free char *file = list_name(what, name);

	return quadlet_is_file_name(name) ? read_list(dir, file) : NULL;
}

int quadlet_list_write(int dir, enum quadlet_list what, const char *name, char *const *files,
		       struct cmk_err *err)
{
	cleanup_free char *file = list_name(what, name), *names = strv_join(files, "\n");
	cleanup_free char *text = xasprintf("%s\n", names);
	int r = file_replace_at(dir, file, text, strlen(text), 0644, FILE_DURABLE, err);

	return r < 0 ? cmk_err_wrap(err, r, "write '%s'", file) : 0;
}

int quadlet_list_remove(int dir, enum quadlet_list what, const char *name, struct cmk_err *err)
{
	cleanup_free char *file = list_name(what, name);

	if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
		return cmk_err_errno(err, "remove '%s'", file);
	return 0;
}

char *quadlet_app_of(int dir, const char *file)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;

	if (dir_read(dir, &d, NULL) < 0)
		return NULL;
	while ((e = readdir(d)) != NULL) {
		cleanup_strv char **names = NULL;

		if (e->d_name[0] != '.' || !str_has_suffix(e->d_name, ".app"))
			continue;
		names = read_list(dir, e->d_name);
		if (strv_has(names, file))
			return xstrndup(e->d_name + 1, strlen(e->d_name) - strlen("..app"));
	}
	return NULL;
}
