/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on a tree by several threads. A job may add others below it; it is finished when all of
 * these are, on whichever thread was the last. What was added last is run first, so that few jobs
 * are begun and not finished: at most as many as the tree is deep, for each thread.
 *
 * For a child process that does nothing else (base/process.h: no fork after a thread was started).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The first member of what a caller has for one job. */
struct job {
	struct job *parent, *next;
	size_t pending; /* itself and those below that are not finished */
};

struct jobs;

/* Both return a negative errno with *ERR set. After the first failure nothing is run any more. */
struct jobs_work {
	int (*run)(struct jobs *jobs, struct job *job, void *arg, struct cmk_err *err);
	/* Also of jobs that were not run, FAILED then; frees JOB. */
	int (*finish)(struct job *job, bool failed, void *arg, struct cmk_err *err);
};

/* Runs FIRST and all that is added with N_THREADS threads, of which the caller is one, or fewer
 * where there are no more to be had. The first error. */
int jobs_run(const struct jobs_work *work, struct job *first, size_t n_threads, void *arg,
	     struct cmk_err *err);
/* In run(): adds JOB below PARENT, the one that runs. Takes it. */
void jobs_add(struct jobs *jobs, struct job *parent, struct job *job);
/* Another one has failed: what run() still does is for nothing. */
bool jobs_failed(struct jobs *jobs);
/* Processors that this process may use, at most MAX. */
size_t jobs_processors(size_t max);
