/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp profile's text: the runtime-spec's form (config-linux.md#seccomp) and that of docker
 * and containers-common, which adds "archMap", "includes", "excludes", names of errors and single
 * names. Pure functions over text; what does not apply on this host is left out.
 *
 * Every error is -EINVAL and says line and field: "line 7: syscalls[2].args[0].op: …". Members
 * that neither form has are passed over, as the peers do.
 */
#pragma once

#include "base/err.h"

#define SECCOMP_PROFILE_MAX (1 << 20)
#define SECCOMP_ARGS_MAX 6
/* Path and metadata of a listener travel in one message. */
#define SECCOMP_LISTENER_MAX 4000

enum seccomp_action {
	SECCOMP_ALLOW,
	SECCOMP_ERRNO,
	SECCOMP_KILL_THREAD,
	SECCOMP_KILL_PROCESS,
	SECCOMP_TRAP,
	SECCOMP_TRACE,
	SECCOMP_LOG,
	SECCOMP_NOTIFY,
};

enum seccomp_operator {
	SECCOMP_NE,
	SECCOMP_LT,
	SECCOMP_LE,
	SECCOMP_EQ,
	SECCOMP_GE,
	SECCOMP_GT,
	SECCOMP_MASKED_EQ, /* (argument & value) == value_two */
};

struct seccomp_arg {
	unsigned int index; /* 0…5 */
	enum seccomp_operator op;
	uint64_t value, value_two;
};

struct seccomp_rule {
	char **names; /* owned; at least one */
	enum seccomp_action action;
	uint32_t code; /* of ERRNO and TRACE */
	struct seccomp_arg args[SECCOMP_ARGS_MAX];
	unsigned int n_args;
	bool same_index; /* two conditions on one argument */
};

struct seccomp_profile {
	enum seccomp_action action; /* of what no rule names */
	uint32_t code;
	char **arches;	    /* "SCMP_ARCH_X86_64": beside the native one; owned */
	unsigned int flags; /* SECCOMP_FILTER_FLAG_… */
	bool notifies;	    /* a rule's action is SECCOMP_NOTIFY */
	char *listener_path, *listener_metadata; /* owned, or NULL */
	struct seccomp_rule *rules;
	size_t n_rules;
};

/* What includes and excludes are held against. */
struct seccomp_host {
	char *const *caps; /* granted, "CAP_CHOWN" */
	const char *arch;  /* "SCMP_ARCH_X86_64" */
	uint32_t kernel_major, kernel_minor;
};

int seccomp_profile_parse(const char *text, size_t len, const struct seccomp_host *host,
			  struct seccomp_profile *ret, struct cmk_err *err);
void seccomp_profile_done(struct seccomp_profile *p);
/* P as a member "seccomp" of linux in config.json, for a runtime of others: owned. */
int seccomp_profile_text(const struct seccomp_profile *p, const struct seccomp_host *host,
			 char **ret, size_t *ret_len, struct cmk_err *err);
/* "SCMP_ARCH_X86_64" of that or of a Go name ("amd64"); NULL: unknown. */
const char *seccomp_arch_name(const char *name);
/* One after the other, NULL at the end. */
const char *seccomp_arch_at(size_t i);
/* From uname(2)'s release. */
void seccomp_host_kernel(struct seccomp_host *h, const char *release);
