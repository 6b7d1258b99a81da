// SPDX-License-Identifier: Apache-2.0
/* Where files are looked for. */
#include "base/conffile.h"
#include "libpod/unit/quadlet_internal.h"

/* systemd.generator(7): the first of a name wins, and one that is no program hides the others. */
static const char *const generator_bases[] = { "/run", "/etc", "/usr/local/lib", "/usr/lib" };

static bool podman_generates(bool user)
{
	const char *kind = user ? "user" : "system";

	for (size_t i = 0; i < ARRAY_LEN(generator_bases); i++) {
		cleanup_free char *path = xasprintf("%s/systemd/%s-generators/podman-%s-generator",
						    generator_bases[i], kind, kind);

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
	left = podman_generates(user);
	if (ret_left)
		*ret_left = left;
	if (!user) {
		add_both(&dirs, "/run", "", left);
		add_both(&dirs, "/etc", "", left);
		add_both(&dirs, "/usr/share", "", left);
		*ret = steal_ptr(&dirs);
		return 0;
	}
	home = conffile_home();
	own = xasprintf("/users/%u", (unsigned int)geteuid());
	add_both(&dirs, getenv("XDG_RUNTIME_DIR"), "", left);
	add_both(&dirs, home, "", left);
	add_both(&dirs, "/etc", own, left);
	add_both(&dirs, "/etc", "/users", left);
	add_both(&dirs, "/usr/share", own, left);
	add_both(&dirs, "/usr/share", "/users", left);
	*ret = steal_ptr(&dirs);
	return 0;
}

char **quadlet_install_dirs(bool user)
{
	bool left = podman_generates(user);
	cleanup_free char *home = user ? conffile_home() : xstrdup("/etc");
	char **dirs = NULL;

	if (!home)
		return NULL;
	strv_add_take(&dirs, xasprintf("%s/%s/systemd", home, left ? "cmk" : "containers"));
	strv_add_take(&dirs, xasprintf("%s/%s/systemd", home, left ? "containers" : "cmk"));
	return dirs;
}
