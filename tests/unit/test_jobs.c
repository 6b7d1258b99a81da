// SPDX-License-Identifier: Apache-2.0
/* Work on a tree by several threads. */
#include "storage/jobs.h"

#include <stdatomic.h>

#include "unit.h"

enum { WIDTH = 7, DEPTH = 5, NODES = 1 + 7 + 49 + 343 + 2401 };

struct node {
	struct job job;
	struct node *parent;
	unsigned int depth;
	atomic_size_t finished; /* of those below */
};

struct tally {
	atomic_size_t run, finished, failed;
	size_t fail_at; /* which one to run does */
};

static struct node *new_node(struct node *parent)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->parent = parent;
	n->depth = parent ? parent->depth + 1 : 1;
	return n;
}

static int run(struct jobs *jobs, struct job *job, void *arg, struct cmk_err *err)
{
	struct node *n = (struct node *)job;
	struct tally *t = arg;

	if (atomic_fetch_add(&t->run, 1) + 1 == t->fail_at)
		return cmk_err_set(err, -ENOTTY, "job %zu", t->fail_at);
	for (size_t i = 0; n->depth < DEPTH && i < WIDTH; i++) {
		struct node *child = new_node(n);

		jobs_add(jobs, job, &child->job);
	}
	return 0;
}

static int finish(struct job *job, bool failed, void *arg, struct cmk_err *err)
{
	struct node *n = (struct node *)job;
	struct tally *t = arg;
	size_t below = atomic_load(&n->finished);

	atomic_fetch_add(&t->finished, 1);
	if (failed)
		atomic_fetch_add(&t->failed, 1);
	if (n->parent)
		atomic_fetch_add(&n->parent->finished, 1);
	free(n);
	if (failed)
		return 0;
	return below == WIDTH || below == 0 ? 0 : cmk_err_set(err, -EPROTO, "finished too early");
}

static const struct jobs_work counting = { .run = run, .finish = finish };

static void a_job_is_finished_after_all_below_it(void **state)
{
	(void)state;
	for (size_t threads = 1; threads <= 4; threads++) {
		struct tally t = { 0 };

		assert_int_equal(jobs_run(&counting, &new_node(NULL)->job, threads, &t, NULL), 0);
		assert_int_equal(atomic_load(&t.run), NODES);
		assert_int_equal(atomic_load(&t.finished), NODES);
		assert_int_equal(atomic_load(&t.failed), 0);
	}
}

static void after_a_failure_nothing_is_run_and_all_is_freed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct tally t = { .fail_at = 1 + i * 111 };
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		size_t threads = 1 + i % 4;

		assert_int_equal(jobs_run(&counting, &new_node(NULL)->job, threads, &t, &err),
				 -ENOTTY);
		assert_non_null(strstr(err.msg, "job "));
		/* Others go on until they are told. */
		if (threads == 1)
			assert_int_equal(atomic_load(&t.run), t.fail_at);
		assert_true(atomic_load(&t.failed) > 0);
		assert_true(atomic_load(&t.finished) >= atomic_load(&t.run));
	}
}

static int fail_late(struct job *job, bool failed, void *arg, struct cmk_err *err)
{
	bool root = !((struct node *)job)->parent;

	(void)finish(job, failed, arg, NULL);
	return root && !failed ? cmk_err_set(err, -EROFS, "the root") : 0;
}

static void a_failure_of_the_last_step_is_told(void **state)
{
	static const struct jobs_work work = { .run = run, .finish = fail_late };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(jobs_run(&work, &new_node(NULL)->job, 2, &t, &err), -EROFS);
	assert_string_equal(err.msg, "the root");
	assert_int_equal(atomic_load(&t.finished), NODES);
}

static void processors_are_counted(void **state)
{
	(void)state;
	assert_int_equal(jobs_processors(1), 1);
	assert_in_range(jobs_processors(4), 1, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_finished_after_all_below_it),
		cmocka_unit_test(after_a_failure_nothing_is_run_and_all_is_freed),
		cmocka_unit_test(a_failure_of_the_last_step_is_told),
		cmocka_unit_test(processors_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
