// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-subid: prints the calling user's subordinate ids, asked through libsubid and so through
 * /etc/subuid, /etc/subgid or whatever nsswitch.conf names. One line a range, "u START COUNT" or
 * "g START COUNT", then "end". A program of its own because libsubid costs every caller 1.5 million
 * instructions, and cmk caches the answer.
 *
 * It may: open files for reading, load modules of nsswitch.conf, and make sockets, by which these
 * ask SSSD or LDAP. No file for writing, no process, no capability.
 */
#include <pwd.h>
#include <shadow/subid.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sandbox.h"

#if SUBID_NEW_API
#define get_uid_ranges subid_get_uid_ranges
#define get_gid_ranges subid_get_gid_ranges
#else
#define get_uid_ranges get_subuid_ranges
#define get_gid_ranges get_subgid_ranges
#endif

static void print_ranges(char kind, const struct subid_range *ranges, int n)
{
	for (int i = 0; i < n; i++)
		(void)printf("%c %lu %lu\n", kind, ranges[i].start, ranges[i].count);
}

static int enter_sandbox(void)
{
	static const char *const root[] = { "/", NULL };
	static const struct sandbox_policy policy = {
		.rights = SANDBOX_INET | SANDBOX_RESOLVER | SANDBOX_READ | SANDBOX_DLOPEN,
		.read_paths = root,
	};
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (sandbox_enter(&policy, &err) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", cmk_err_msg(&err));
	return -1;
}

int main(void)
{
	struct subid_range *uids = NULL, *gids = NULL;
	const struct passwd *pw;
	char number[24];
	const char *owner = number;
	int n_uids, n_gids;

	if (enter_sandbox() < 0)
		return 1;
	pw = getpwuid(getuid());
	(void)snprintf(number, sizeof(number), "%u", (unsigned int)getuid());
	if (pw)
		owner = pw->pw_name;
	/* A negative count is "no such user" as well as "no ranges": either way there are none. */
	n_uids = get_uid_ranges(owner, &uids);
	n_gids = get_gid_ranges(owner, &gids);
	print_ranges('u', uids, n_uids);
	print_ranges('g', gids, n_gids);
	free(uids);
	free(gids);
	(void)printf("end\n");
	return fflush(stdout) == 0 ? 0 : 1;
}
