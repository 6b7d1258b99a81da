/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, one line each, and how they are found. */
#pragma once

#include "cmd/option.h"

extern const struct cmk_command cmk_cmd_artifact_add;
extern const struct cmk_command cmk_cmd_artifact_extract;
extern const struct cmk_command cmk_cmd_artifact_inspect;
extern const struct cmk_command cmk_cmd_artifact_ls;
extern const struct cmk_command cmk_cmd_artifact_pull;
extern const struct cmk_command cmk_cmd_artifact_push;
extern const struct cmk_command cmk_cmd_artifact_rm;
extern const struct cmk_command cmk_cmd_attach;
extern const struct cmk_command cmk_cmd_auto_update;
extern const struct cmk_command cmk_cmd_commit;
extern const struct cmk_command cmk_cmd_complete;
extern const struct cmk_command cmk_cmd_complete_no_desc;
extern const struct cmk_command cmk_cmd_completion;
extern const struct cmk_command cmk_cmd_container_cleanup;
extern const struct cmk_command cmk_cmd_container_exists;
extern const struct cmk_command cmk_cmd_container_inspect;
extern const struct cmk_command cmk_cmd_container_prune;
extern const struct cmk_command cmk_cmd_cp;
extern const struct cmk_command cmk_cmd_create;
extern const struct cmk_command cmk_cmd_diff;
extern const struct cmk_command cmk_cmd_doctor;
extern const struct cmk_command cmk_cmd_events;
extern const struct cmk_command cmk_cmd_exec;
extern const struct cmk_command cmk_cmd_export;
extern const struct cmk_command cmk_cmd_generate_systemd;
extern const struct cmk_command cmk_cmd_healthcheck_run;
extern const struct cmk_command cmk_cmd_help;
extern const struct cmk_command cmk_cmd_history;
extern const struct cmk_command cmk_cmd_image_diff;
extern const struct cmk_command cmk_cmd_image_exists;
extern const struct cmk_command cmk_cmd_image_inspect;
extern const struct cmk_command cmk_cmd_image_mount;
extern const struct cmk_command cmk_cmd_image_prune;
extern const struct cmk_command cmk_cmd_image_sign;
extern const struct cmk_command cmk_cmd_image_scp;
extern const struct cmk_command cmk_cmd_image_tree;
extern const struct cmk_command cmk_cmd_image_trust_set;
extern const struct cmk_command cmk_cmd_image_trust_show;
extern const struct cmk_command cmk_cmd_image_unmount;
extern const struct cmk_command cmk_cmd_images;
extern const struct cmk_command cmk_cmd_import;
extern const struct cmk_command cmk_cmd_info;
extern const struct cmk_command cmk_cmd_init;
extern const struct cmk_command cmk_cmd_inspect;
extern const struct cmk_command cmk_cmd_kill;
extern const struct cmk_command cmk_cmd_load;
extern const struct cmk_command cmk_cmd_login;
extern const struct cmk_command cmk_cmd_logout;
extern const struct cmk_command cmk_cmd_logs;
extern const struct cmk_command cmk_cmd_man;
extern const struct cmk_command cmk_cmd_manifest_add;
extern const struct cmk_command cmk_cmd_manifest_annotate;
extern const struct cmk_command cmk_cmd_manifest_create;
extern const struct cmk_command cmk_cmd_manifest_exists;
extern const struct cmk_command cmk_cmd_manifest_inspect;
extern const struct cmk_command cmk_cmd_manifest_push;
extern const struct cmk_command cmk_cmd_manifest_remove;
extern const struct cmk_command cmk_cmd_manifest_rm;
extern const struct cmk_command cmk_cmd_mount;
extern const struct cmk_command cmk_cmd_oci_create;
extern const struct cmk_command cmk_cmd_oci_delete;
extern const struct cmk_command cmk_cmd_oci_events;
extern const struct cmk_command cmk_cmd_oci_exec;
extern const struct cmk_command cmk_cmd_oci_features;
extern const struct cmk_command cmk_cmd_oci_kill;
extern const struct cmk_command cmk_cmd_oci_list;
extern const struct cmk_command cmk_cmd_oci_pause;
extern const struct cmk_command cmk_cmd_oci_ps;
extern const struct cmk_command cmk_cmd_oci_resume;
extern const struct cmk_command cmk_cmd_oci_run;
extern const struct cmk_command cmk_cmd_oci_spec;
extern const struct cmk_command cmk_cmd_oci_start;
extern const struct cmk_command cmk_cmd_oci_state;
extern const struct cmk_command cmk_cmd_oci_update;
extern const struct cmk_command cmk_cmd_pause;
extern const struct cmk_command cmk_cmd_pod_exists;
extern const struct cmk_command cmk_cmd_pod_prune;
extern const struct cmk_command cmk_cmd_pod_ps;
extern const struct cmk_command cmk_cmd_pod_rm;
extern const struct cmk_command cmk_cmd_port;
extern const struct cmk_command cmk_cmd_ps;
extern const struct cmk_command cmk_cmd_pull;
extern const struct cmk_command cmk_cmd_push;
extern const struct cmk_command cmk_cmd_quadlet_install;
extern const struct cmk_command cmk_cmd_quadlet_ls;
extern const struct cmk_command cmk_cmd_quadlet_print;
extern const struct cmk_command cmk_cmd_quadlet_rm;
extern const struct cmk_command cmk_cmd_rename;
extern const struct cmk_command cmk_cmd_restart;
extern const struct cmk_command cmk_cmd_rm;
extern const struct cmk_command cmk_cmd_rmi;
extern const struct cmk_command cmk_cmd_run;
extern const struct cmk_command cmk_cmd_save;
extern const struct cmk_command cmk_cmd_search;
extern const struct cmk_command cmk_cmd_secret_create;
extern const struct cmk_command cmk_cmd_secret_exists;
extern const struct cmk_command cmk_cmd_secret_inspect;
extern const struct cmk_command cmk_cmd_secret_ls;
extern const struct cmk_command cmk_cmd_secret_rm;
extern const struct cmk_command cmk_cmd_start;
extern const struct cmk_command cmk_cmd_stats;
extern const struct cmk_command cmk_cmd_stop;
extern const struct cmk_command cmk_cmd_system_boot_disable;
extern const struct cmk_command cmk_cmd_system_boot_enable;
extern const struct cmk_command cmk_cmd_system_boot_status;
extern const struct cmk_command cmk_cmd_system_check;
extern const struct cmk_command cmk_cmd_system_df;
extern const struct cmk_command cmk_cmd_system_prune;
extern const struct cmk_command cmk_cmd_system_reset;
extern const struct cmk_command cmk_cmd_tables;
extern const struct cmk_command cmk_cmd_tag;
extern const struct cmk_command cmk_cmd_top;
extern const struct cmk_command cmk_cmd_unmount;
extern const struct cmk_command cmk_cmd_unpause;
extern const struct cmk_command cmk_cmd_unshare;
extern const struct cmk_command cmk_cmd_untag;
extern const struct cmk_command cmk_cmd_update;
extern const struct cmk_command cmk_cmd_version;
extern const struct cmk_command cmk_cmd_volume_create;
extern const struct cmk_command cmk_cmd_volume_exists;
extern const struct cmk_command cmk_cmd_volume_export;
extern const struct cmk_command cmk_cmd_volume_import;
extern const struct cmk_command cmk_cmd_volume_mount;
extern const struct cmk_command cmk_cmd_volume_unmount;
extern const struct cmk_command cmk_cmd_volume_inspect;
extern const struct cmk_command cmk_cmd_volume_ls;
extern const struct cmk_command cmk_cmd_volume_prune;
extern const struct cmk_command cmk_cmd_volume_rm;
extern const struct cmk_command cmk_cmd_wait;

/* The global options, for struct cmk_globals; and those of them that may also stand behind the
 * command. */
extern const struct cmk_option cmk_global_options[], cmk_global_options_behind[];

/*
 * The command that WORDS name, and how many of them do: the longest name or alias wins.
 * -ENOENT with a message where there is none: unknown, or only the first of two words.
 */
int cmk_command_find(int n_words, char *const *words, const struct cmk_command **ret, int *ret_used,
		     struct cmk_err *err);
/* How many of WORDS are a group, with which names or aliases of commands begin and go on: the
 * longest one, *RET (owned); 0: they begin with none. */
int cmk_command_group(int n_words, char *const *words, char **ret);
/* The first paragraph of `cmk CMD --help`, the option rows and the global ones, on stdout. */
void cmk_help_command(const struct cmk_command *cmd);
void cmk_help_group(const char *group);
void cmk_help_all(void);
