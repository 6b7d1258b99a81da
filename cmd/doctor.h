/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `cmk doctor`. */
#pragma once

#include "storage/storage.h"

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL };
struct finding {
	enum finding_level level;
	char *text, *mend; /* owned; MEND is what to do, or NULL */
};
/* Takes TEXT. */
void finding_take(struct finding *f, enum finding_level level, const char *mend, char *text);
#define finding_set(f, level, mend, ...) finding_take(f, level, mend, xasprintf(__VA_ARGS__))

/* What checks learn for those after them. */
struct doctor {
	struct storage *st;
	enum userns_mode mode;
	bool overlay;
};

/* doctor_host.c: the kernel and the machine. */
void doctor_check_userns(struct doctor *d, struct finding *f);
void doctor_check_limits(struct doctor *d, struct finding *f);
void doctor_check_seccomp(struct doctor *d, struct finding *f);
void doctor_check_selinux(struct doctor *d, struct finding *f);
void doctor_check_data_dir(struct doctor *d, struct finding *f);
void doctor_check_fuse(struct doctor *d, struct finding *f);
void doctor_check_tun(struct doctor *d, struct finding *f);
void doctor_check_ping(struct doctor *d, struct finding *f);
void doctor_check_hidepid(struct doctor *d, struct finding *f);
void doctor_check_linger(struct doctor *d, struct finding *f);
