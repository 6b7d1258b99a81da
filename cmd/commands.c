// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"

/* Sorted by name; one line each, so that branches merge. */
// clang-format off
const struct cmk_command *const cmk_commands[] = {
	&cmk_cmd_artifact_add,
	&cmk_cmd_artifact_extract,
	&cmk_cmd_artifact_inspect,
	&cmk_cmd_artifact_ls,
	&cmk_cmd_artifact_pull,
	&cmk_cmd_artifact_push,
	&cmk_cmd_artifact_rm,
	&cmk_cmd_attach,
	&cmk_cmd_auto_update,
	&cmk_cmd_commit,
	&cmk_cmd_complete,
	&cmk_cmd_complete_no_desc,
	&cmk_cmd_completion,
	&cmk_cmd_container_cleanup,
	&cmk_cmd_container_exists,
	&cmk_cmd_container_inspect,
	&cmk_cmd_container_prune,
	&cmk_cmd_cp,
	&cmk_cmd_create,
	&cmk_cmd_diff,
	&cmk_cmd_doctor,
	&cmk_cmd_events,
	&cmk_cmd_exec,
	&cmk_cmd_export,
	&cmk_cmd_generate_systemd,
	&cmk_cmd_healthcheck_run,
	&cmk_cmd_help,
	&cmk_cmd_history,
	&cmk_cmd_image_diff,
	&cmk_cmd_image_exists,
	&cmk_cmd_image_inspect,
	&cmk_cmd_image_mount,
	&cmk_cmd_image_prune,
	&cmk_cmd_image_sign,
	&cmk_cmd_image_scp,
	&cmk_cmd_image_tree,
	&cmk_cmd_image_trust_set,
	&cmk_cmd_image_trust_show,
	&cmk_cmd_image_unmount,
	&cmk_cmd_images,
	&cmk_cmd_import,
	&cmk_cmd_info,
	&cmk_cmd_init,
	&cmk_cmd_inspect,
	&cmk_cmd_kill,
	&cmk_cmd_load,
	&cmk_cmd_login,
	&cmk_cmd_logout,
	&cmk_cmd_logs,
	&cmk_cmd_man,
	&cmk_cmd_manifest_add,
	&cmk_cmd_manifest_annotate,
	&cmk_cmd_manifest_create,
	&cmk_cmd_manifest_exists,
	&cmk_cmd_manifest_inspect,
	&cmk_cmd_manifest_push,
	&cmk_cmd_manifest_remove,
	&cmk_cmd_manifest_rm,
	&cmk_cmd_mount,
	&cmk_cmd_oci_create,
	&cmk_cmd_oci_delete,
	&cmk_cmd_oci_events,
	&cmk_cmd_oci_exec,
	&cmk_cmd_oci_features,
	&cmk_cmd_oci_kill,
	&cmk_cmd_oci_list,
	&cmk_cmd_oci_pause,
	&cmk_cmd_oci_ps,
	&cmk_cmd_oci_resume,
	&cmk_cmd_oci_run,
	&cmk_cmd_oci_spec,
	&cmk_cmd_oci_start,
	&cmk_cmd_oci_state,
	&cmk_cmd_oci_update,
	&cmk_cmd_pause,
	&cmk_cmd_pod_exists,
	&cmk_cmd_pod_prune,
	&cmk_cmd_pod_ps,
	&cmk_cmd_pod_rm,
	&cmk_cmd_port,
	&cmk_cmd_ps,
	&cmk_cmd_pull,
	&cmk_cmd_push,
	&cmk_cmd_quadlet_install,
	&cmk_cmd_quadlet_ls,
	&cmk_cmd_quadlet_print,
	&cmk_cmd_quadlet_rm,
	&cmk_cmd_rename,
	&cmk_cmd_restart,
	&cmk_cmd_rm,
	&cmk_cmd_rmi,
	&cmk_cmd_run,
	&cmk_cmd_save,
	&cmk_cmd_search,
	&cmk_cmd_secret_create,
	&cmk_cmd_secret_exists,
	&cmk_cmd_secret_inspect,
	&cmk_cmd_secret_ls,
	&cmk_cmd_secret_rm,
	&cmk_cmd_start,
	&cmk_cmd_stats,
	&cmk_cmd_stop,
	&cmk_cmd_system_boot_disable,
	&cmk_cmd_system_boot_enable,
	&cmk_cmd_system_boot_status,
	&cmk_cmd_system_check,
	&cmk_cmd_system_df,
	&cmk_cmd_system_prune,
	&cmk_cmd_system_reset,
	&cmk_cmd_tables,
	&cmk_cmd_tag,
	&cmk_cmd_top,
	&cmk_cmd_unmount,
	&cmk_cmd_unpause,
	&cmk_cmd_unshare,
	&cmk_cmd_untag,
	&cmk_cmd_update,
	&cmk_cmd_version,
	&cmk_cmd_volume_create,
	&cmk_cmd_volume_exists,
	&cmk_cmd_volume_export,
	&cmk_cmd_volume_import,
	&cmk_cmd_volume_mount,
	&cmk_cmd_volume_unmount,
	&cmk_cmd_volume_inspect,
	&cmk_cmd_volume_ls,
	&cmk_cmd_volume_prune,
	&cmk_cmd_volume_rm,
	&cmk_cmd_wait,
	NULL,
};
// clang-format on

/* How many of WORDS the spelling NAME ("run", "image inspect", "image trust show") takes; 0 where
 * it is another. */
static int match_words(const char *name, int n_words, char *const *words)
{
	for (int i = 0; i < n_words; i++) {
		size_t n = strcspn(name, " ");

		if (strncmp(words[i], name, n) != 0 || words[i][n])
			return 0;
		if (!name[n])
			return i + 1;
		name += n + 1;
	}
	return 0;
}

static int match_command(const struct cmk_command *c, int n_words, char *const *words)
{
	int best = match_words(c->name, n_words, words);

	for (const char *const *a = c->aliases; a && *a; a++) {
		int n = match_words(*a, n_words, words);

		best = MAX(best, n);
	}
	return best;
}

static bool in_group(const char *name, const char *group)
{
	const char *rest = str_after(name, group);

	return rest && *rest == ' ';
}

static bool is_group(const char *group)
{
	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		if (in_group((*c)->name, group))
			return true;
		for (const char *const *a = (*c)->aliases; a && *a; a++)
			if (in_group(*a, group))
				return true;
	}
	return false;
}

static void hint_nearest(const char *typed, struct cmk_err *err)
{
	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		if (!(*c)->hidden && cmk_is_near(typed, (*c)->name)) {
			(void)cmk_err_hint(err, "did you mean 'cmk %s'?", (*c)->name);
			return;
		}
	}
	(void)cmk_err_hint(err, "see 'cmk help'");
}

int cmk_command_group(int n_words, char *const *words, char **ret)
{
	cleanup_free char *two = n_words > 1 ? xasprintf("%s %s", words[0], words[1]) : NULL;

	if (n_words < 1 || !is_group(words[0]))
		return 0;
	if (two && is_group(two)) {
		*ret = steal_ptr(&two);
		return 2;
	}
	*ret = xstrdup(words[0]);
	return 1;
}

static int not_found(int n_words, char *const *words, struct cmk_err *err)
{
	cleanup_free char *group = NULL, *typed = NULL;
	int used = cmk_command_group(n_words, words, &group);

	if (used > 0 && (n_words <= used || words[used][0] == '-')) {
		(void)cmk_err_set(err, -ENOENT, "missing command 'cmk %s COMMAND'", group);
		(void)cmk_err_hint(err, "see 'cmk help %s'", group);
		return -ENOENT;
	}
	typed = used > 0 ? xasprintf("%s %s", group, words[used]) : xstrdup(words[0]);
	(void)cmk_err_set(err, -ENOENT, "unrecognized command 'cmk %s'", typed);
	hint_nearest(typed, err);
	return -ENOENT;
}

int cmk_command_find(int n_words, char *const *words, const struct cmk_command **ret, int *ret_used,
		     struct cmk_err *err)
{
	const struct cmk_command *found = NULL;
	int best = 0;

	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		int n = match_command(*c, n_words, words);

		if (n > best) {
			best = n;
			found = *c;
		}
	}
	if (!found)
		return not_found(n_words, words, err);
	*ret = found;
	*ret_used = best;
	return 0;
}
