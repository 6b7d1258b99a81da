/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* One followed thread. */
struct tracee {
	pid_t tid, tgid;
	char label[96]; /* "0" is the command, "0.2" its second child, "p0" the first of -p */
	char comm[16];
	unsigned int count;    /* system calls entered */
	unsigned int children; /* made so far */
	char *marks;	       /* of each call: '+' what others can see the effect of, or '.' */
	bool followed;	       /* named by its parent, and running */
	bool held;	       /* stopped before its parent had named it */
	bool inside;	       /* between entry and exit of a system call */
	bool gone;
	uint64_t nr, arg[6];
};

/* record.c: from now on FILE gets what is done below DATA; new files are linked into STORE, which
 * lies on the same file system. */
bool record_open(const char *file, const char *store, const char *data);
/* At the exit of a call, with its RESULT. */
void record_call(const struct tracee *t, int64_t result);
void record_close(void);
