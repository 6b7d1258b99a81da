// SPDX-License-Identifier: Apache-2.0
#include "base/conffile.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

char *conffile_home(void)
{
	const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (dir && *dir == '/')
		return xstrdup(dir);
	return home && *home == '/' ? xasprintf("%s/.config", home) : NULL;
}

char *conffile_user_dir(void)
{
	cleanup_free char *home = conffile_home();

	return home ? xasprintf("%s/containers", home) : NULL;
}

bool conffile_machine_root(void)
{
	struct stat st;

	return geteuid() == 0 && stat("/var", &st) == 0 && st.st_uid == 0;
}

int conffile_read(const char *path, conffile_fn fn, void *arg, struct cmk_err *err)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	/* How scripts say that there is none. */
	if (streq(path, "/dev/null"))
		return 1;
	r = file_read_at(AT_FDCWD, path, TOML_SIZE_MAX, &text, &len, &mine);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return cmk_err_move(err, &mine);
	r = fn(arg, text, len, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s", path) : 1;
}

int conffile_read_in(const char *dir, const char *name, conffile_fn fn, void *arg,
		     struct cmk_err *err)
{
	cleanup_free char *path = dir ? xasprintf("%s/%s", dir, name) : NULL;

	return path ? conffile_read(path, fn, arg, err) : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int conffile_read_all(const char *dir, const char *name, conffile_fn fn, void *arg,
		      struct cmk_err *err)
{
	cleanup_free char *path = dir ? xasprintf("%s/%s", dir, name) : NULL;
	cleanup_dir DIR *d = path ? opendir(path) : NULL;
	cleanup_strv char **names = NULL;
	struct dirent *de;

	if (!d)
		return 0;
	while ((de = readdir(d)))
		if (de->d_name[0] != '.' && str_has_suffix(de->d_name, ".conf"))
			strv_add(&names, de->d_name);
	if (names)
		qsort(names, strv_len(names), sizeof(*names), compare_names);
	for (char **n = names; n && *n; n++) {
		int r = conffile_read_in(path, *n, fn, arg, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int conffile_read_env(const char *variable, conffile_fn fn, void *arg, struct cmk_err *err)
{
	const char *path = getenv(variable);
	int r;

	if (!path || !*path)
		return 0;
	r = conffile_read(path, fn, arg, err);
	return r ? r : cmk_err_set(err, -ENOENT, "%s: no file '%s'", variable, path);
}

bool conffile_word_in(const char *list, const char *text)
{
	size_t n = strlen(text);

	if (strchr(text, '|'))
		return false;
	for (const char *p = list; p && p[1]; p = strchr(p + 1, '|'))
		if (strncmp(p + 1, text, n) == 0 && p[1 + n] == '|')
			return true;
	return false;
}
