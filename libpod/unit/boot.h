/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What starts containers when the machine does, by their restart policy: one `cmk start --all
 * --filter should-start-on-boot=true`, of systemd's, cron's, OpenRC's or runit's.
 *
 *   systemd  a unit cmk-boot.service of the user's manager (of root: the system's), by hand: it
 *            can be done and seen also where no manager runs
 *   cron     lines between two marks in the user's crontab
 *   openrc   a script for root to put in its place: only root's can start anything at boot
 *   runit    the same
 */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

enum boot_kind { BOOT_SYSTEMD, BOOT_CRON, BOOT_OPENRC, BOOT_RUNIT, BOOT_N_KINDS };
#define BOOT_KIND_WORDS "systemd|cron|openrc|runit"
const char *boot_kind_name(enum boot_kind kind);
/* -EINVAL for another word. */
int boot_kind_parse(const char *name, enum boot_kind *ret);
/* The first of them that is here: a manager of systemd that can be reached, the program crontab,
 * OpenRC, runit. CMK_ERR_UNSUPPORTED where none is. */
int boot_kind_find(enum boot_kind *ret, struct cmk_err *err);

struct boot_command {
	const char *program;  /* absolute path of cmk */
	char *const *globals; /* words of its global options */
	const char *root;     /* directory that has to be mounted */
};
/*
 * Puts it in place, in the stead of one that is there; SAY gets what the user has to know: where it
 * is, or (OpenRC, runit) a script and where root has to put it. Nothing is started now.
 */
int boot_enable(enum boot_kind kind, const struct boot_command *c, struct strbuf *say,
		struct cmk_err *err);
/* 1 where it was not there. */
int boot_disable(enum boot_kind kind, struct strbuf *say, struct cmk_err *err);
/* 1 where it is there, with *RET_WHERE (owned), else 0. */
int boot_is_enabled(enum boot_kind kind, char **ret_where, struct cmk_err *err);
/* Whether the user's manager of systemd runs from boot on (loginctl enable-linger), or there is
 * none to ask this of: root, no systemd. */
bool boot_lingers(void);

/* --- boot_cron.c: the user's crontab ---
 */
int boot_cron_enable(const struct boot_command *c, struct cmk_err *err);
int boot_cron_disable(struct cmk_err *err);    /* 1: it was not there */
int boot_cron_is_enabled(struct cmk_err *err); /* 1, 0 */
/* TEXT, a crontab, without our lines, and with LINE (may be NULL) between the marks; owned. */
char *boot_cron_edit(const char *text, const char *line, bool *ret_had);
/* The command as a line of a shell. */
void boot_shell_command(struct strbuf *out, const struct boot_command *c);
