// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/log.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"

#include "tests/unit/unit.h"

static char dir[] = "/tmp/test_log.XXXXXX";
static int dirfd_;

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0 ? -1 : 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)close(dirfd_);
	return remove_tree_at(AT_FDCWD, dir, NULL);
}

static int remove_log(void **state)
{
	(void)state;
	(void)unlinkat(dirfd_, "log", 0);
	return 0;
}

static void put(const char *text)
{
	assert_int_equal(file_replace_at(dirfd_, "log", text, strlen(text), 0600, 0, NULL), 0);
}

/* What a replay gives on each stream, through files. */
static void replay(struct log_read_options o, const char *want_out, const char *want_err)
{
	cleanup_free char *out = NULL, *errs = NULL;
	int fd[2];

	fd[0] = openat(dirfd_, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fd[1] = openat(dirfd_, "err", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(ctr_log_replay(dirfd_, "log", &o, fd[0], fd[1], NULL, NULL, NULL), 0);
	(void)close(fd[0]);
	(void)close(fd[1]);
	assert_int_equal(file_read_at(dirfd_, "out", 64 << 20, &out, NULL, NULL), 0);
	assert_int_equal(file_read_at(dirfd_, "err", 64 << 20, &errs, NULL, NULL), 0);
	assert_string_equal(out, want_out);
	assert_string_equal(errs, want_err);
}

static const struct log_read_options all = { .tail = -1 };

static struct log_read_options tail(int64_t n)
{
	return (struct log_read_options){ .tail = n };
}

static void test_written_bytes_come_back(void **state)
{
	struct ctr_log *l = NULL;

	(void)state;
	assert_int_equal(ctr_log_open(dirfd_, "log", &l, NULL), 0);
	ctr_log_write(l, false, "one\ntwo", 7);
	ctr_log_write(l, true, "oops\n\n", 6);
	ctr_log_write(l, false, " more\nno newline", 16);
	ctr_log_free(l);
	replay(all, "one\ntwo more\nno newline", "oops\n\n");
}

static void test_long_lines_are_split_and_joined(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	struct ctr_log *l = NULL;

	(void)state;
	for (int i = 0; i < 200000; i++)
		strbuf_addc(&sb, (char)('a' + i % 26));
	strbuf_addc(&sb, '\n');
	assert_int_equal(ctr_log_open(dirfd_, "log", &l, NULL), 0);
	ctr_log_write(l, false, sb.data, sb.len);
	ctr_log_free(l);
	replay(all, sb.data, "");
	replay(tail(1), sb.data, "");
	strbuf_done(&sb);
}

static void test_torn_entry_is_closed(void **state)
{
	struct ctr_log *l = NULL;

	(void)state;
	put("2026-11-21T10:00:00.000000001Z stdout F whole\n2026-11-21T10:0");
	assert_int_equal(ctr_log_open(dirfd_, "log", &l, NULL), 0);
	ctr_log_write(l, false, "next\n", 5);
	ctr_log_free(l);
	replay(all, "whole\nnext\n", "");
}

static void test_tail_counts_lines_of_output(void **state)
{
	(void)state;
	put("2026-11-21T10:00:00.000000001Z stdout F a\n"
	    "2026-11-21T10:00:00.000000002Z stdout P b\n"
	    "2026-11-21T10:00:00.000000003Z stdout F c\n"
	    "2026-11-21T10:00:00.000000004Z stderr F d\n"
	    "2026-11-21T10:00:00.000000005Z stdout P e\n");
	replay(all, "a\nbc\ne", "d\n");
	replay(tail(0), "", "");
	replay(tail(1), "e", "");
	replay(tail(2), "e", "d\n");
	replay(tail(3), "bc\ne", "d\n");
	replay(tail(4), "a\nbc\ne", "d\n");
	replay(tail(9), "a\nbc\ne", "d\n");
}

static void test_tail_over_block_borders(void **state)
{
	struct strbuf sb = STRBUF_INIT, want = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 20000; i++)
		strbuf_addf(&sb, "2026-11-21T10:00:00.000000001Z stdout F line %d%*s\n", i, i % 97,
			    "");
	put(sb.data);
	for (int n = 1; n < 5000; n = n * 3 + 1) {
		strbuf_reset(&want);
		for (int i = 20000 - n; i < 20000; i++)
			strbuf_addf(&want, "line %d%*s\n", i, i % 97, "");
		replay(tail(n), want.data, "");
	}
	strbuf_done(&sb);
	strbuf_done(&want);
}

static void test_since_until_timestamps_prefix(void **state)
{
	struct log_read_options o = all;
	int64_t t1 = 0;

	(void)state;
	put("2026-11-21T10:00:01.000000000Z stdout F one\n"
	    "2026-11-21T10:00:02.500000000Z stdout F two\n"
	    "2026-11-21T10:00:03.000000000Z stderr F three\n");
	assert_int_equal(log_rfc3339_parse("2026-11-21T10:00:02Z", 20, &t1), 0);
	o.since_ns = t1;
	replay(o, "two\n", "three\n");
	o.since_ns = 0;
	o.until_ns = t1;
	replay(o, "one\n", "");
	o.until_ns = 0;
	o.timestamps = true;
	o.prefix = "c1";
	replay(o, "c1 2026-11-21T10:00:01.000000000Z one\nc1 2026-11-21T10:00:02.500000000Z two\n",
	       "c1 2026-11-21T10:00:03.000000000Z three\n");
}

static void test_garbage_is_skipped(void **state)
{
	struct strbuf sb = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 300000; i++)
		strbuf_addc(&sb, 'x');
	strbuf_adds(&sb,
		    "\n\n \n2026-11-21T10:00:01Z stdin F no\n2026-13-21T10:00:01Z stdout F no\n"
		    "2026-11-21T10:00:01Z stdout X no\n2026-11-21T10:00:01Z stdout F\n"
		    "2026-11-21T10:00:01Z stdout F yes\n");
	put(sb.data);
	replay(all, "yes\n", "");
	strbuf_done(&sb);
	(void)unlinkat(dirfd_, "log", 0);
	replay(all, "", "");
}

static bool parent_writes(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static void test_follow_ends_with_its_writer(void **state)
{
	struct log_read_options o = { .tail = -1, .follow = true };
	cleanup_close int pidfd = -1, fd = -1;
	cleanup_free char *out = NULL;
	struct ctr_log *l = NULL;
	struct timespec pause = { .tv_nsec = 2000000 };
	pid_t pid;

	(void)state;
	pid = process_fork("writer", PROCESS_DEATH_SIGNAL, &pidfd, NULL);
	assert_true(pid >= 0);
	if (pid == 0) {
		if (ctr_log_open(dirfd_, "log", &l, NULL) < 0)
			_exit(1);
		for (int i = 0; i < 20; i++) {
			ctr_log_write(l, false, "tick\n", 5);
			(void)nanosleep(&pause, NULL);
		}
		ctr_log_write(l, false, "last", 4);
		_exit(0);
	}
	o.end_fd = pidfd;
	fd = openat(dirfd_, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(ctr_log_replay(dirfd_, "log", &o, fd, fd, parent_writes, &pidfd, NULL), 0);
	assert_int_equal(process_reap(pid), 0);
	assert_int_equal(file_read_at(dirfd_, "out", 4096, &out, NULL, NULL), 0);
	assert_int_equal(strlen(out), 20 * 5 + 4);
	assert_string_equal(out + 100, "last");
}

static void test_times(void **state)
{
	int64_t ns = 0, now = 1000000000000000000LL;

	(void)state;
	assert_int_equal(log_time_parse("1970-01-01T00:00:01Z", now, &ns, NULL), 0);
	assert_true(ns == 1000000000);
	assert_int_equal(log_time_parse("2000-03-01", now, &ns, NULL), 0);
	assert_true(ns == 951868800LL * 1000000000);
	assert_int_equal(log_time_parse("2026-11-21T10:00:00.5+02:00", now, &ns, NULL), 0);
	assert_true(ns == 1795248000LL * 1000000000 + 500000000);
	assert_int_equal(log_time_parse("1700000000.25", now, &ns, NULL), 0);
	assert_true(ns == 1700000000250000000LL);
	assert_int_equal(log_time_parse("10m", now, &ns, NULL), 0);
	assert_true(ns == now - 600LL * 1000000000);
	assert_int_equal(log_time_parse("yesterday", now, &ns, NULL), -EINVAL);
	assert_int_equal(log_time_parse("", now, &ns, NULL), -EINVAL);
	assert_int_equal(log_time_parse("2026-02-30T25:00:00Z", now, &ns, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_written_bytes_come_back, remove_log),
		cmocka_unit_test_teardown(test_long_lines_are_split_and_joined, remove_log),
		cmocka_unit_test_teardown(test_torn_entry_is_closed, remove_log),
		cmocka_unit_test_teardown(test_tail_counts_lines_of_output, remove_log),
		cmocka_unit_test_teardown(test_tail_over_block_borders, remove_log),
		cmocka_unit_test_teardown(test_since_until_timestamps_prefix, remove_log),
		cmocka_unit_test_teardown(test_garbage_is_skipped, remove_log),
		cmocka_unit_test_teardown(test_follow_ends_with_its_writer, remove_log),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
