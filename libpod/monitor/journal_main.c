// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-journal: reads a container's entries back from the journal (sd-journal(3)), so that cmk
 * itself never maps libsystemd. Started by log_stream_start():
 *
 *   cmk-journal ID SINCE TAIL FOLLOW
 *
 * ID is the container's full ID: the entries of CONTAINER_ID_FULL=ID that a process of the caller's
 * user has sent (anyone may send such a field). SINCE is microseconds since the epoch, 0 for none;
 * TAIL a number of lines, -1 for all; FOLLOW yes or no. Standard output is a pipe: "+" and then
 * lines as a log file has them (log.h), or "-" and an error with its hint, a line each. When it
 * follows, the other end of standard input is closed once the container has ended: it goes on until
 * the journal, which takes entries a while after they were sent, has been quiet for QUIET_MS.
 *
 * It may: read below the journal's directories and the libraries' (compression is loaded on use),
 * and watch them for changes. No file for writing, no socket, no process, no capability.
 */
#include <poll.h>
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/parse.h"
#include "base/sandbox.h"

#define QUIET_MS 150
#define CONTROL_FD STDIN_FILENO

struct reader {
	sd_journal *j;
	bool follow;
};

/* --- what is asked for -------------------------------------------------------------------------
 */

static int add_match(struct reader *r, const char *key, const char *value, struct cmk_err *err)
{
	cleanup_free char *text = xasprintf("%s=%s", key, value);
	int n = sd_journal_add_match(r->j, text, 0);

	return n < 0 ? cmk_err_set(err, n, "read the journal: %s", strerror(-n)) : 0;
}

static int open_journal(struct reader *r, const char *id, struct cmk_err *err)
{
	cleanup_free char *uid = xasprintf("%u", (unsigned int)getuid());
	int n = sd_journal_open(&r->j, SD_JOURNAL_LOCAL_ONLY);

	if (n < 0)
		return cmk_err_set(err, n, "open the journal: %s", strerror(-n));
	if (sd_journal_has_runtime_files(r->j) <= 0 && sd_journal_has_persistent_files(r->j) <= 0) {
		(void)cmk_err_set(err, -EACCES, "the journal has no file that this user may read");
		(void)cmk_err_hint(err,
				   "members of the group systemd-journal may read it all; with "
				   "Storage=persistent (journald.conf(5)) each user has a file");
		return -EACCES;
	}
	(void)sd_journal_set_data_threshold(r->j, 0);
	n = add_match(r, "CONTAINER_ID_FULL", id, err);
	if (n == 0)
		n = add_match(r, "_UID", uid, err);
	if (n < 0 || !r->follow)
		return n;
	/* Before the sandbox: from now on changes are seen. */
	n = sd_journal_get_fd(r->j);
	return n < 0 ? cmk_err_set(err, n, "watch the journal: %s", strerror(-n)) : 0;
}

static bool is_partial(struct reader *r)
{
	const void *data;
	size_t len;

	return sd_journal_get_data(r->j, "CONTAINER_PARTIAL_MESSAGE", &data, &len) >= 0;
}

/* The last line counts also where it lacks its end. */
static int seek_tail(struct reader *r, int64_t tail)
{
	bool at_end = true;
	int64_t lines = 0;
	int n = sd_journal_seek_tail(r->j);

	while (n >= 0 && (n = sd_journal_previous(r->j)) > 0) {
		if (!at_end && is_partial(r))
			continue;
		if (lines++ == tail)
			return 0;
		at_end = false;
	}
	return n < 0 ? n : sd_journal_seek_head(r->j);
}

static int seek(struct reader *r, uint64_t since_us, int64_t tail, struct cmk_err *err)
{
	int n;

	if (tail >= 0)
		n = seek_tail(r, tail);
	else if (since_us)
		n = sd_journal_seek_realtime_usec(r->j, since_us);
	else
		n = sd_journal_seek_head(r->j);
	return n < 0 ? cmk_err_set(err, n, "search the journal: %s", strerror(-n)) : 0;
}

/* --- entries -----------------------------------------------------------------------------------
 */

/* The value of KEY, LEN bytes inside the journal's memory; NULL where the entry has none. */
static const char *get(struct reader *r, const char *key, size_t *ret_len)
{
	size_t len, head = strlen(key) + 1;
	const void *data;

	if (sd_journal_get_data(r->j, key, &data, &len) < 0 || len < head)
		return NULL;
	*ret_len = len - head;
	return (const char *)data + head;
}

/* When it was sent; else when it came. */
static uint64_t entry_time(struct reader *r)
{
	char number[24];
	uint64_t us = 0;
	size_t len;
	const char *text = get(r, "_SOURCE_REALTIME_TIMESTAMP", &len);

	if (text && len < sizeof(number)) {
		(void)snprintf(number, sizeof(number), "%.*s", (int)len, text);
		if (parse_u64(number, INT64_MAX, &us) == 0)
			return us;
	}
	(void)sd_journal_get_realtime_usec(r->j, &us);
	return us;
}

static void print_entry(struct reader *r)
{
	size_t n_priority = 0, n = 0;
	const char *priority = get(r, "PRIORITY", &n_priority), *text, *end;
	bool is_stderr = priority && n_priority == 1 && *priority == '3', partial = is_partial(r);
	uint64_t us = entry_time(r);
	time_t seconds = (time_t)(us / 1000000);
	char time[32];
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	text = get(r, "MESSAGE", &n);
	if (!text)
		return;
	/* One that is not of our monitor may have several lines. */
	for (end = text + n;; text++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl ? nl : end;

		(void)printf("%s.%06u000Z %s %c ", time, (unsigned int)(us % 1000000),
			     is_stderr ? "stderr" : "stdout", !nl && partial ? 'P' : 'F');
		(void)fwrite(text, 1, (size_t)(stop - text), stdout);
		(void)putchar('\n');
		if (!nl)
			return;
		text = nl;
	}
}

/* --- following ---------------------------------------------------------------------------------
 */

static int timeout_ms(struct reader *r, bool ending)
{
	uint64_t at = UINT64_MAX, now;
	struct timespec ts;

	if (ending)
		return QUIET_MS;
	if (sd_journal_get_timeout(r->j, &at) < 0 || at == UINT64_MAX)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	return at <= now ? 0 : (int)MIN((at - now) / 1000 + 1, (uint64_t)60000);
}

/* Until the journal may have more: 1; 0 where nothing more is waited for. */
static int wait_more(struct reader *r, bool *ending)
{
	struct pollfd p[] = {
		{ .fd = sd_journal_get_fd(r->j), .events = (short)sd_journal_get_events(r->j) },
		{ .fd = *ending ? -1 : CONTROL_FD, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};
	int n = poll(p, ARRAY_LEN(p), timeout_ms(r, *ending));

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (p[2].revents & POLLERR)
		return 0;
	if (n == 0 && *ending)
		return 0;
	if (p[1].revents)
		*ending = true;
	n = sd_journal_process(r->j);
	return n < 0 ? n : 1;
}

static int print_all(struct reader *r)
{
	bool ending = false;
	int n = 1;

	while (n > 0) {
		while ((n = sd_journal_next(r->j)) > 0)
			print_entry(r);
		if (n < 0 || fflush(stdout) != 0 || !r->follow)
			break;
		n = wait_more(r, &ending);
	}
	return n;
}

static int say_error(const struct cmk_err *err)
{
	(void)printf("-%s\n%s", cmk_err_msg(err), err->hint ? err->hint : "");
	(void)fflush(stdout);
	return 1;
}

int main(int argc, char **argv)
{
	static const char *const paths[] = { "/run/log/journal",
					     "/var/log/journal",
					     "/etc/machine-id",
					     "/etc/ld.so.cache",
					     "/lib",
					     "/lib64",
					     "/usr/lib",
					     NULL };
	static const struct sandbox_policy policy = {
		.rights = SANDBOX_READ | SANDBOX_WATCH | SANDBOX_DLOPEN,
		.read_paths = paths,
	};
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct reader r = { 0 };
	uint64_t since = 0;
	int64_t tail = -1;
	int n;

	if (argc != 5 || parse_u64(argv[2], INT64_MAX, &since) < 0 ||
	    parse_i64(argv[3], -1, INT64_MAX, &tail) < 0) {
		(void)fprintf(stderr, "cmk-journal is started by cmk, not by hand\n");
		return 2;
	}
	r.follow = streq(argv[4], "yes");
	n = open_journal(&r, argv[1], &err);
	if (n == 0)
		n = sandbox_enter(&policy, &err);
	if (n == 0)
		n = seek(&r, since, tail, &err);
	if (n < 0)
		return say_error(&err);
	(void)putchar('+');
	n = print_all(&r);
	sd_journal_close(r.j);
	return n < 0 || fflush(stdout) != 0 ? 1 : 0;
}
