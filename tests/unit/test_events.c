// SPDX-License-Identifier: Apache-2.0
/* The log of events: many writers at once, rotation, torn lines. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "libpod/libpod.h"
#include "tests/unit/unit.h"

struct fixture {
	char dir[64];
	struct storage *st;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	cleanup_free char *root = NULL, *run = NULL;

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cmk-unit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	root = xasprintf("%s/root", f->dir);
	run = xasprintf("%s/run", f->dir);
	assert_int_equal(storage_open(root, run, &f->st, NULL), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)storage_free(f->st);
	(void)remove_tree_at(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

struct seen {
	size_t n;
	char *last;
	unsigned char of[64 * 128];
};

static int count(const struct event *e, void *arg)
{
	struct seen *s = arg;

	s->n++;
	free(s->last);
	s->last = xstrdup_null(e->name);
	if (e->has_exit_code && (size_t)e->exit_code < sizeof(s->of))
		s->of[e->exit_code]++;
	return 0;
}

static struct seen *read_all(struct storage *st)
{
	const struct event_query q = { .from_start = true, .hangup_fd = -1 };
	struct seen *s = xcalloc(1, sizeof(*s));

	assert_int_equal(events_read(st, &q, count, NULL, s, NULL), 0);
	return s;
}

static void seen_free(struct seen *s)
{
	free(s->last);
	free(s);
}

static void put(struct storage *st, const char *name, const char *label)
{
	char *attributes[] = { (char *)(uintptr_t)label, NULL };
	const struct event e = { .type = "volume",
				 .status = "create",
				 .name = name,
				 .attributes = label ? attributes : NULL };

	event_write(st, &e);
}

static void append(struct storage *st, const char *text)
{
	cleanup_close int fd = openat(st->root_fd, "events/log",
				      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

/* 64 processes at once, enough for one rotation: every event is there, once and whole. */
static void many_writers(void **state)
{
	struct storage *st = ((struct fixture *)*state)->st;
	struct seen *s;
	struct stat sb;
	pid_t pids[64];

	for (int w = 0; w < 64; w++) {
		pids[w] = fork();
		assert_true(pids[w] >= 0);
		for (int n = 0; pids[w] == 0 && n < 128; n++) {
			const struct event e = {
				.type = "container",
				.status = "died",
				.name = "a name that makes the line so long that all of them "
					"together are more than one log holds",
				.has_exit_code = true,
				.exit_code = w * 128 + n,
			};

			event_write(st, &e);
		}
		if (pids[w] == 0)
			_exit(0);
	}
	for (size_t w = 0; w < ARRAY_LEN(pids); w++)
		assert_int_equal(waitpid(pids[w], NULL, 0), pids[w]);
	assert_int_equal(fstatat(st->root_fd, "events/log.1", &sb, 0), 0);
	s = read_all(st);
	assert_int_equal(s->n, 64 * 128);
	for (size_t i = 0; i < sizeof(s->of); i++)
		assert_int_equal(s->of[i], 1);
	seen_free(s);
}

static void torn_lines(void **state)
{
	struct storage *st = ((struct fixture *)*state)->st;
	struct seen *s;

	put(st, "one", NULL);
	append(st, "{\"time\":12,\"type\":\"volume\",\"status\":\"crea");
	put(st, "two", NULL);
	append(st, "\n\n{\"time\":\"x\"}\n[1]\n{\"time\":3,\"type\":4,\"status\":\"create\"}\n");
	put(st, "three", NULL);
	append(st, "{\"time\":12,\"type\":\"volume\",\"status\":\"create\",\"name\":\"no end\"}");
	s = read_all(st);
	assert_int_equal(s->n, 3);
	assert_string_equal(s->last, "three");
	seen_free(s);
}

/* A text that looks like the beginning of a line is only a text. */
static void quotes_in_texts(void **state)
{
	struct storage *st = ((struct fixture *)*state)->st;
	struct seen *s;

	put(st, "{\"time\":1,\"type\":\"x\",\"status\":\"y\"}", "a={\"time\":1}\n{\"time\":2}");
	s = read_all(st);
	assert_int_equal(s->n, 1);
	assert_string_equal(s->last, "{\"time\":1,\"type\":\"x\",\"status\":\"y\"}");
	seen_free(s);
}

static void times(void **state)
{
	struct storage *st = ((struct fixture *)*state)->st;
	const struct event_query q = {
		.from_start = true, .since_ns = 5, .until_ns = 9, .hangup_fd = -1
	};
	struct event e = { .type = "image", .status = "tag" };
	struct seen *s = xcalloc(1, sizeof(*s));

	for (int64_t t = 1; t < 20; t++) {
		e.time_ns = t;
		event_write(st, &e);
	}
	assert_int_equal(events_read(st, &q, count, NULL, s, NULL), 0);
	assert_int_equal(s->n, 5);
	seen_free(s);
}

/* Where the log is no file it is said, and nothing is waited for. */
static void fifo_for_a_log(void **state)
{
	const struct event_query q = { .from_start = true, .hangup_fd = -1 };
	struct storage *st = ((struct fixture *)*state)->st;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	assert_int_equal(mkdirat(st->root_fd, "events", 0700), 0);
	assert_int_equal(mkfifoat(st->root_fd, "events/log", 0600), 0);
	put(st, "x", NULL);
	assert_true(events_read(st, &q, count, NULL, NULL, &err) < 0);
	assert_non_null(strstr(cmk_err_msg(&err), "events"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_writers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(torn_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(quotes_in_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(times, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fifo_for_a_log, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
