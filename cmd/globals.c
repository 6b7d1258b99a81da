// SPDX-License-Identifier: Apache-2.0
/* Global options of podman's that name parts which cmk has in itself, or not yet. */
#include "cmd/globals.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* One that is not there is none that would be run. */
static int check_conmon(const char *path, struct cmk_err *err)
{
	struct stat sb;

	if (stat(path, &sb) < 0 || S_ISDIR(sb.st_mode) ||
	    (S_ISREG(sb.st_mode) && access(path, X_OK) == 0))
		return 0;
	return cmk_err_set(err, -EACCES, "--conmon: '%s' is not an executable file", path);
}

/* In podman's words and with its exit code; one that is not there holds no credentials. */
static void check_config(const char *dir)
{
	struct stat sb;
	char *plain;

	if (stat(dir, &sb) < 0 || S_ISDIR(sb.st_mode))
		return;
	plain = xstrdup(dir);
	text_make_plain(plain, NULL, ' ');
	(void)fprintf(stderr, "Supplied --config file (%s) is not a directory\n", plain);
	exit(EXIT_FAILURE);
}

int cmk_globals_check(const struct cmk_globals *g, struct cmk_err *err)
{
	if (g->config)
		check_config(g->config);
	return g->conmon ? check_conmon(g->conmon, err) : 0;
}

int cmk_globals_check_network(const struct cmk_globals *g, const char *network, struct cmk_err *err)
{
	static const char *const endings[] = { ".json", ".conflist" };

	if (!g->network_config_dir || !network || !*network || strpbrk(network, "/:"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		cleanup_free char *path = xasprintf("%s/%s%s", g->network_config_dir, network,
						    endings[i]);

		if (access(path, F_OK) < 0 && errno == ENOENT)
			continue;
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "network '%s' of '%s': user-defined networks are not supported "
				    "yet",
				    network, path);
	}
	return 0;
}
