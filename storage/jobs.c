// SPDX-License-Identifier: Apache-2.0
#include "storage/jobs.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct jobs {
	const struct jobs_work *work;
	void *arg;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* All that follows is the mutex's. */
	struct job *stack;
	bool finished;
	struct cmk_err *err;
	_Atomic int failed; /* the first negative errno */
};

static void fail(struct jobs *s, int code, struct cmk_err *err)
{
	(void)pthread_mutex_lock(&s->mutex);
	if (atomic_load(&s->failed) == 0) {
		atomic_store(&s->failed, code);
		(void)cmk_err_move(s->err, err);
	}
	(void)pthread_mutex_unlock(&s->mutex);
	cmk_err_done(err);
}

bool jobs_failed(struct jobs *s)
{
	return atomic_load_explicit(&s->failed, memory_order_relaxed) != 0;
}

void jobs_add(struct jobs *s, struct job *parent, struct job *job)
{
	job->parent = parent;
	job->pending = 1;
	(void)pthread_mutex_lock(&s->mutex);
	parent->pending++;
	job->next = s->stack;
	s->stack = job;
	(void)pthread_cond_signal(&s->cond);
	(void)pthread_mutex_unlock(&s->mutex);
}

/* The next one; NULL: all is done. */
static struct job *take(struct jobs *s)
{
	struct job *job;

	(void)pthread_mutex_lock(&s->mutex);
	while (!s->stack && !s->finished)
		(void)pthread_cond_wait(&s->cond, &s->mutex);
	job = s->stack;
	if (job)
		s->stack = job->next;
	(void)pthread_mutex_unlock(&s->mutex);
	return job;
}

/* One less is pending: 0 says that JOB is finished. */
static size_t one_less(struct jobs *s, struct job *job)
{
	size_t left;

	(void)pthread_mutex_lock(&s->mutex);
	left = --job->pending;
	(void)pthread_mutex_unlock(&s->mutex);
	return left;
}

/* JOB is done, and with it perhaps what it was part of. */
static void settle(struct jobs *s, struct job *job)
{
	while (job && one_less(s, job) == 0) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct job *parent = job->parent;
		int r = s->work->finish(job, jobs_failed(s), s->arg, &err);

		if (r < 0)
			fail(s, r, &err);
		job = parent;
		if (!job) {
			(void)pthread_mutex_lock(&s->mutex);
			s->finished = true;
			(void)pthread_cond_broadcast(&s->cond);
			(void)pthread_mutex_unlock(&s->mutex);
		}
	}
}

static void *work(void *arg)
{
	struct jobs *s = arg;
	struct job *job;

	while ((job = take(s))) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		int r = jobs_failed(s) ? 0 : s->work->run(s, job, s->arg, &err);

		if (r < 0)
			fail(s, r, &err);
		settle(s, job);
	}
	return NULL;
}

int jobs_run(const struct jobs_work *todo, struct job *first, size_t n_threads, void *arg,
	     struct cmk_err *err)
{
	cleanup_free pthread_t *threads = xcalloc(n_threads, sizeof(*threads));
	struct jobs s = { .work = todo, .arg = arg, .stack = first, .err = err };
	size_t n = 0;

	first->parent = first->next = NULL;
	first->pending = 1;
	(void)pthread_mutex_init(&s.mutex, NULL);
	(void)pthread_cond_init(&s.cond, NULL);
	while (n + 1 < n_threads && pthread_create(&threads[n], NULL, work, &s) == 0)
		n++;
	(void)work(&s);
	while (n > 0)
		(void)pthread_join(threads[--n], NULL);
	(void)pthread_cond_destroy(&s.cond);
	(void)pthread_mutex_destroy(&s.mutex);
	return atomic_load(&s.failed);
}

size_t jobs_processors(size_t max)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return MIN((size_t)MAX(n, 1), max);
}
