// SPDX-License-Identifier: Apache-2.0
/* Where files are looked for. */
#include "base/conffile.h"
#include "libpod/unit/quadlet_internal.h"

/* systemd.generator(7): the first of a name wins, and one that is no program hides the others. */
static const char *const generator_dirs[] = {
	"/run/systemd/user-generators",
	"/etc/systemd/user-generators",
	"/usr/local/lib/systemd/user-generators",
	"/usr/lib/systemd/user-generators",
};

static bool podman_generates(void)
{
	for (size_t i = 0; i < ARRAY_LEN(generator_dirs); i++) {
		cleanup_free char *path = xasprintf("%s/podman-user-generator", generator_dirs[i]);

		if (access(path, F_OK) == 0)
			return access(path, X_OK) == 0;
	}
	return false;
}

/* $QUADLET_UNIT_DIRS, as podman's. */
static int dirs_of_env(const char *text, char ***ret, struct cmk_err *err)
{
	cleanup_strv char **dirs = strv_split(text, ':');

	for (char **d = dirs; *d; d++)
		if (**d != '/')
			return cmk_err_set(err, -EINVAL,
					   "QUADLET_UNIT_DIRS: '%.200s' is not an absolute path",
					   *d);
	*ret = steal_ptr(&dirs);
	return 0;
}

/* cmk's own place before the one that is shared with podman; BASE may be NULL. */
static void add_both(char ***v, const char *base, const char *rest, bool left)
{
	if (!base || *base != '/')
		return;
	strv_add_take(v, xasprintf("%s/cmk/systemd%s", base, rest));
	if (!left)
		strv_add_take(v, xasprintf("%s/containers/systemd%s", base, rest));
}

int quadlet_dirs(bool user, char ***ret, bool *ret_left, struct cmk_err *err)
{
	const char *env = getenv("QUADLET_UNIT_DIRS");
	cleanup_free char *home = NULL, *own = NULL;
	cleanup_strv char **dirs = NULL;
	bool left;

	if (ret_left)
		*ret_left = false;
	if (env && *env)
		return dirs_of_env(env, ret, err);
	if (!user) {
		add_both(&dirs, "/run", "", false);
		add_both(&dirs, "/etc", "", false);
		add_both(&dirs, "/usr/share", "", false);
		*ret = steal_ptr(&dirs);
		return 0;
	}
	left = podman_generates();
	home = conffile_home();
	own = xasprintf("/users/%u", (unsigned int)geteuid());
	add_both(&dirs, getenv("XDG_RUNTIME_DIR"), "", left);
	add_both(&dirs, home, "", left);
	add_both(&dirs, "/etc", own, left);
	add_both(&dirs, "/etc", "/users", left);
	add_both(&dirs, "/usr/share", own, left);
	add_both(&dirs, "/usr/share", "/users", left);
	*ret = steal_ptr(&dirs);
	if (ret_left)
		*ret_left = left;
	return 0;
}

char **quadlet_install_dirs(bool user)
{
	cleanup_free char *home = NULL;
	char **dirs = NULL;
	bool left;

	if (!user) {
		strv_add(&dirs, "/etc/containers/systemd");
		strv_add(&dirs, "/etc/cmk/systemd");
		return dirs;
	}
	home = conffile_home();
	if (!home)
		return NULL;
	left = podman_generates();
	strv_add_take(&dirs, xasprintf("%s/%s/systemd", home, left ? "cmk" : "containers"));
	strv_add_take(&dirs, xasprintf("%s/%s/systemd", home, left ? "containers" : "cmk"));
	return dirs;
}
