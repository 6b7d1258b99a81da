// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"

#include "tests/unit/unit.h"

static char dir[] = "/tmp/test_log.XXXXXX";
static int dirfd_;
static struct log_source log_source_ = { .name = "log", .end_fd = -1 };

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_DIRECTORY | O_CLOEXEC);
	log_source_.dirfd = dirfd_;
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
	for (unsigned int i = 0; i < 12; i++) {
		char name[32] = "log";

		if (i)
			(void)snprintf(name, sizeof(name), "log.%u", i);
		(void)unlinkat(dirfd_, name, 0);
	}
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
	assert_int_equal(log_show(&log_source_, 1, &o, fd[0], fd[1], NULL), 0);
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
	log_source_.prefix = "c1 ";
	replay(o, "c1 2026-11-21T10:00:01.000000000Z one\nc1 2026-11-21T10:00:02.500000000Z two\n",
	       "c1 2026-11-21T10:00:03.000000000Z three\n");
	log_source_.prefix = NULL;
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

/* --- rotation ---------------------------------------------------------------------------------
 */

static struct ctr_log *open_limited(int64_t max_size, uint32_t max_files)
{
	const struct log_target t = {
		.dirfd = dirfd_, .name = "log", .max_size = max_size, .max_files = max_files
	};
	struct ctr_log *l = NULL;

	assert_int_equal(ctr_log_open_target(&t, &l, NULL), 0);
	return l;
}

static off_t size_of(const char *name)
{
	struct stat st;

	return fstatat(dirfd_, name, &st, 0) < 0 ? -1 : st.st_size;
}

/* "first\n" … "last\n" as numbers. */
static char *numbers(int first, int last)
{
	struct strbuf sb = STRBUF_INIT;

	for (int i = first; i <= last; i++)
		strbuf_addf(&sb, "%04d\n", i);
	return strbuf_steal(&sb);
}

static void write_numbers(struct ctr_log *l, int first, int last)
{
	for (int i = first; i <= last; i++) {
		cleanup_free char *line = numbers(i, i);

		ctr_log_write(l, false, line, strlen(line));
	}
}

/* An entry of write_numbers(): "2026-11-21T10:00:00.123456789Z stdout F 0001\n". */
#define NUMBER_LEN 45

static void test_rotation_keeps_whole_entries_of_the_last_files(void **state)
{
	struct ctr_log *l = open_limited(10 * NUMBER_LEN, 3);
	cleanup_free char *want = numbers(11, 35);

	(void)state;
	write_numbers(l, 1, 35);
	ctr_log_free(l);
	assert_int_equal(size_of("log"), 5 * NUMBER_LEN);
	assert_int_equal(size_of("log.1"), 10 * NUMBER_LEN);
	assert_int_equal(size_of("log.2"), 10 * NUMBER_LEN);
	assert_int_equal(size_of("log.3"), -1);
	replay(all, want, "");
	replay(tail(2), "0034\n0035\n", "");
	free(want);
	want = numbers(19, 35);
	replay(tail(17), want, "");
	free(want);
	want = numbers(11, 35);
	replay(tail(25), want, "");
	replay(tail(26), want, "");
}

static void test_one_file_is_two_halves(void **state)
{
	struct ctr_log *l = open_limited(10 * NUMBER_LEN, 1);
	cleanup_free char *want = numbers(6, 13);

	(void)state;
	write_numbers(l, 1, 13);
	assert_int_equal(size_of("log"), 3 * NUMBER_LEN);
	assert_int_equal(size_of("log.1"), 5 * NUMBER_LEN);
	ctr_log_free(l);
	replay(all, want, "");
}

static void test_an_entry_larger_than_the_limit_is_whole(void **state)
{
	struct ctr_log *l = open_limited(100, 2);
	cleanup_free char *line = xmalloc(5002);

	(void)state;
	memset(line, 'x', 5000);
	line[5000] = '\n';
	line[5001] = 0;
	write_numbers(l, 1, 1);
	ctr_log_write(l, false, line, 5001);
	ctr_log_free(l);
	assert_int_equal(size_of("log.1"), NUMBER_LEN);
	replay(tail(1), line, "");
}

static void test_a_killed_rotation_loses_nothing(void **state)
{
	struct ctr_log *l = open_limited(10 * NUMBER_LEN, 4);
	cleanup_free char *want = numbers(1, 35);

	(void)state;
	write_numbers(l, 1, 35);
	ctr_log_free(l);
	/* Killed after the oldest was moved … */
	assert_int_equal(renameat(dirfd_, "log.3", dirfd_, "log.4"), 0);
	replay(all, want, "");
	/* … and when the new file was not there yet. */
	assert_int_equal(renameat(dirfd_, "log.2", dirfd_, "log.3"), 0);
	assert_int_equal(renameat(dirfd_, "log.1", dirfd_, "log.2"), 0);
	assert_int_equal(renameat(dirfd_, "log", dirfd_, "log.1"), 0);
	replay(all, want, "");
	replay(tail(2), "0034\n0035\n", "");
	l = open_limited(10 * NUMBER_LEN, 4);
	write_numbers(l, 36, 36);
	ctr_log_free(l);
	replay(tail(2), "0035\n0036\n", "");
}

static void test_since_is_found_in_many_and_large_files(void **state)
{
	struct log_read_options o = { .tail = -1 };
	struct strbuf sb[2] = { STRBUF_INIT, STRBUF_INIT };
	cleanup_free char *want = NULL;

	(void)state;
	for (int i = 0; i < 8000; i++)
		strbuf_addf(&sb[i / 4000], "2026-11-21T%02d:%02d:%02d.000000000Z stdout F %04d\n",
			    i / 3600, i / 60 % 60, i % 60, i);
	put(sb[0].data);
	assert_int_equal(renameat(dirfd_, "log", dirfd_, "log.1"), 0);
	put(sb[1].data);
	for (int i = 1; i < 8000; i += 1777) {
		assert_int_equal(log_rfc3339_parse("2026-11-21", 10, &o.since_ns), 0);
		o.since_ns += i * 1000000000LL;
		free(want);
		want = numbers(i, 7999);
		replay(o, want, "");
	}
	o.since_ns += 3600 * 1000000000LL;
	replay(o, "", "");
	o.tail = 3;
	assert_int_equal(log_rfc3339_parse("2026-11-21", 10, &o.since_ns), 0);
	replay(o, "7997\n7998\n7999\n", "");
	strbuf_done(&sb[0]);
	strbuf_done(&sb[1]);
}

static void test_several_logs_are_merged_by_time(void **state)
{
	struct log_source two[2] = { { .name = "log", .prefix = "a ", .end_fd = -1 },
				     { .name = "log.1", .prefix = "b ", .end_fd = -1 } };
	cleanup_close int fd = openat(dirfd_, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cleanup_free char *out = NULL;

	(void)state;
	two[0].dirfd = two[1].dirfd = dirfd_;
	put("2026-11-21T10:00:02Z stdout F two\n2026-11-21T10:00:04Z stdout F four\n");
	assert_int_equal(renameat(dirfd_, "log", dirfd_, "log.1"), 0);
	put("2026-11-21T10:00:01Z stdout P on\n2026-11-21T10:00:03Z stdout F e\n"
	    "2026-11-21T10:00:05Z stdout F five\n");
	/* The first is asked for by a name of its own, so that log.1 is not its rotated part. */
	assert_int_equal(renameat(dirfd_, "log", dirfd_, "log.5"), 0);
	two[0].name = "log.5";
	assert_int_equal(log_show(two, 2, &all, fd, fd, NULL), 0);
	assert_int_equal(file_read_at(dirfd_, "out", 4096, &out, NULL, NULL), 0);
	assert_string_equal(out, "a one\nb two\nb four\na five\n");
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
	fd = openat(dirfd_, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	log_source_.still_running = parent_writes;
	log_source_.arg = &pidfd;
	log_source_.end_fd = pidfd;
	assert_int_equal(log_show(&log_source_, 1, &o, fd, fd, NULL), 0);
	log_source_.still_running = NULL;
	log_source_.end_fd = -1;
	assert_int_equal(process_reap(pid), 0);
	assert_int_equal(file_read_at(dirfd_, "out", 4096, &out, NULL, NULL), 0);
	assert_int_equal(strlen(out), 20 * 5 + 4);
	assert_string_equal(out + 100, "last");
}

static void test_follow_goes_on_over_rotations(void **state)
{
	struct log_read_options o = { .tail = -1, .follow = true };
	cleanup_close int pidfd = -1, fd = -1;
	cleanup_free char *out = NULL, *want = numbers(1, 300);
	struct timespec pause = { .tv_nsec = 1000000 };
	struct ctr_log *l;
	pid_t pid;

	(void)state;
	pid = process_fork("writer", PROCESS_DEATH_SIGNAL, &pidfd, NULL);
	assert_true(pid >= 0);
	if (pid == 0) {
		l = open_limited(50 * NUMBER_LEN, 10);
		for (int i = 1; i <= 300; i++) {
			write_numbers(l, i, i);
			(void)nanosleep(&pause, NULL);
		}
		_exit(0);
	}
	fd = openat(dirfd_, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	log_source_.still_running = parent_writes;
	log_source_.arg = &pidfd;
	log_source_.end_fd = pidfd;
	assert_int_equal(log_show(&log_source_, 1, &o, fd, fd, NULL), 0);
	log_source_.still_running = NULL;
	log_source_.end_fd = -1;
	assert_int_equal(process_reap(pid), 0);
	assert_int_equal(file_read_at(dirfd_, "out", 65536, &out, NULL, NULL), 0);
	assert_string_equal(out, want);
}

/* A socket in the journal's place. */
static void test_journal_entries(void **state)
{
	static const char *const fields[] = { "CONTAINER_NAME=c1", "X=two\nlines", NULL };
	const struct log_target t = { .driver = "journald", .fields = fields };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	static const char entry[] =
		"PRIORITY=3\nCONTAINER_NAME=c1\nX\n\11\0\0\0\0\0\0\0two\nlines\n";
	struct ctr_log *l = NULL;
	char buf[4096];
	ssize_t n;

	(void)state;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/journal", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	(void)setenv("CMK_TEST_JOURNAL", sa.sun_path, 1);
#ifndef CMK_TEST_HOOKS
	skip();
#endif
	assert_int_equal(log_journal_probe(NULL), 0);
	assert_int_equal(ctr_log_open_target(&t, &l, NULL), 0);
	ctr_log_write(l, true, "one\ntwo", 7);
	n = recv(fd, buf, sizeof(buf), 0);
	assert_int_equal(n, sizeof(entry) - 1 + strlen("MESSAGE=one\n"));
	assert_memory_equal(buf, entry, sizeof(entry) - 1);
	assert_memory_equal(buf + sizeof(entry) - 1, "MESSAGE=one\n", 12);
	n = recv(fd, buf, sizeof(buf), 0);
	assert_true(n > 0);
	assert_memory_equal(buf + sizeof(entry) - 1,
			    "CONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=two\n", 43);
	/* Without a journal nothing waits. */
	(void)unlink(sa.sun_path);
	ctr_log_write(l, true, "lost\n", 5);
	assert_int_equal(log_journal_probe(NULL), -EOPNOTSUPP);
	ctr_log_free(l);
}

static void test_drivers(void **state)
{
	const struct log_target none = { .driver = "none" }, bad = { .driver = "x" };
	struct ctr_log *l = NULL;

	(void)state;
	assert_null(log_driver_find("x"));
	assert_true(log_driver_find("json-file")->has_file);
	assert_true(log_driver_find("local")->has_file);
	assert_true(log_driver_find("passthrough")->passes_stdio);
	assert_int_equal(ctr_log_open_target(&none, &l, NULL), 0);
	assert_null(l);
	assert_int_equal(ctr_log_open_target(&bad, &l, NULL), -EINVAL);
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
	assert_int_equal(log_time_parse("2026-11-21T10:00:00,5+02:00", now, &ns, NULL), 0);
	assert_true(ns == 1795248000LL * 1000000000 + 500000000);
	assert_int_equal(log_time_parse("1700000000.25", now, &ns, NULL), 0);
	assert_true(ns == 1700000000250000000LL);
	assert_int_equal(log_time_parse("10m", now, &ns, NULL), 0);
	assert_true(ns == now - 600LL * 1000000000);
	assert_int_equal(log_until_parse("10m", now, &ns, NULL), 0);
	assert_true(ns == now + 600LL * 1000000000);
	assert_int_equal(log_until_parse("-10m", now, &ns, NULL), 0);
	assert_true(ns == now - 600LL * 1000000000);
	assert_int_equal(log_until_parse("1700000000", now, &ns, NULL), 0);
	assert_true(ns == 1700000000000000000LL);
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
		cmocka_unit_test_teardown(test_rotation_keeps_whole_entries_of_the_last_files,
					  remove_log),
		cmocka_unit_test_teardown(test_one_file_is_two_halves, remove_log),
		cmocka_unit_test_teardown(test_an_entry_larger_than_the_limit_is_whole, remove_log),
		cmocka_unit_test_teardown(test_a_killed_rotation_loses_nothing, remove_log),
		cmocka_unit_test_teardown(test_since_is_found_in_many_and_large_files, remove_log),
		cmocka_unit_test_teardown(test_several_logs_are_merged_by_time, remove_log),
		cmocka_unit_test_teardown(test_follow_goes_on_over_rotations, remove_log),
		cmocka_unit_test(test_journal_entries),
		cmocka_unit_test(test_drivers),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
