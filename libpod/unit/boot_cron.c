// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/unit/boot.h"

#define BEGIN_MARK "# cmk system boot: begin"
#define END_MARK "# cmk system boot: end"
#define CRONTAB_MAX (1 << 20)

/* --- its text ----------------------------------------------------------------------------------
 */

static bool is_line(const char *line, size_t len, const char *mark)
{
	return len == strlen(mark) && strncmp(line, mark, len) == 0;
}

/* The end of the mark's line, or NULL: what has no end is left alone. */
static const char *find_end(const char *p)
{
	while (*p) {
		size_t len = strcspn(p, "\n");

		if (is_line(p, len, END_MARK))
			return p + len;
		p += len + (p[len] == '\n');
	}
	return NULL;
}

char *boot_cron_edit(const char *text, const char *line, bool *ret_had)
{
	struct strbuf out = STRBUF_INIT;

	*ret_had = false;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		const char *end = is_line(p, len, BEGIN_MARK) ? find_end(p) : NULL;

		*ret_had |= end != NULL;
		if (!end) {
			strbuf_add(&out, p, len);
			strbuf_addc(&out, '\n');
			end = p + len;
		}
		p = end + (*end == '\n');
	}
	if (line)
		strbuf_addf(&out, BEGIN_MARK "\n%s\n" END_MARK "\n", line);
	return strbuf_steal(&out);
}

/* crontab(5): '%' ends the command unless it is escaped. */
static char *reboot_line(const struct boot_command *c)
{
	cleanup_strbuf struct strbuf command = STRBUF_INIT;
	struct strbuf out = STRBUF_INIT;

	boot_shell_command(&command, c);
	strbuf_adds(&out, "@reboot ");
	for (const char *p = strbuf_str(&command); *p; p++) {
		if (*p == '%')
			strbuf_addc(&out, '\\');
		strbuf_addc(&out, *p);
	}
	return strbuf_steal(&out);
}

/* --- the program crontab -----------------------------------------------------------------------
 */

static void cmk_noreturn run_child(const char *arg, const int *fds)
{
	char *const argv[] = { (char *)"crontab", (char *)arg, NULL };
	static const int stdio[] = { 0, 1, 2 };

	if (process_place_fds(fds, stdio, 3) == 0)
		(void)execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static int memory_file(const char *text)
{
	int fd = memfd_create("crontab", MFD_CLOEXEC);

	if (fd >= 0 && text &&
	    (write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		cleanup_close_fn(&fd);
		return -1;
	}
	return fd;
}

/* Its exit code, with what it wrote (owned). */
static int run(const char *arg, const char *input, char **ret_out, char **ret_err,
	       struct cmk_err *err)
{
	cleanup_close int in = memory_file(input), out = memory_file(NULL), log = memory_file(NULL);
	const int fds[] = { in, out, log };
	cleanup_free char *text = NULL;
	int r, status;
	pid_t pid;

	if (in < 0 || out < 0 || log < 0)
		return cmk_err_errno(err, "make a file in memory");
	pid = process_fork("crontab", 0, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		run_child(arg, fds);
	status = process_exit_code(process_reap(pid));
	if (status == 127)
		return cmk_err_set(err, -ENOENT, "program 'crontab' is not installed");
	if (lseek(out, 0, SEEK_SET) < 0 || lseek(log, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "read what crontab wrote");
	r = file_read_fd(out, CRONTAB_MAX, &text, NULL, err);
	if (r >= 0)
		r = file_read_fd(log, CRONTAB_MAX, ret_err, NULL, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "crontab %s", arg);
	*ret_out = steal_ptr(&text);
	return status;
}

static int failed(const char *arg, const char *text, struct cmk_err *err)
{
	size_t n = strcspn(text, "\n");

	return cmk_err_set(err, -EIO, "crontab %s: %.*s", arg, (int)MIN(n, 500),
			   n ? text : "failed");
}

/* Who has none has an empty one. */
static int read_crontab(char **ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *log = NULL;
	int r = run("-l", NULL, &text, &log, err);

	if (r < 0)
		return r;
	if (r > 0 && !strstr(log, "no crontab") && !strstr(log, "No such file"))
		return failed("-l", log, err);
	*ret = r > 0 ? xstrdup("") : steal_ptr(&text);
	return 0;
}

static int edit(const char *line, bool *ret_had, struct cmk_err *err)
{
	cleanup_free char *old = NULL, *new = NULL, *out = NULL, *log = NULL;
	int r = read_crontab(&old, err);

	if (r < 0)
		return r;
	new = boot_cron_edit(old, line, ret_had);
	if (streq(old, new) || (!line && !*ret_had))
		return 0;
	r = run("-", new, &out, &log, err);
	return r > 0 ? failed("-", log, err) : r;
}

int boot_cron_enable(const struct boot_command *c, struct cmk_err *err)
{
	cleanup_free char *line = reboot_line(c);
	bool had;

	return edit(line, &had, err);
}

int boot_cron_disable(struct cmk_err *err)
{
	bool had;
	int r = edit(NULL, &had, err);

	return r < 0 ? r : !had;
}

int boot_cron_is_enabled(struct cmk_err *err)
{
	cleanup_free char *text = NULL, *without = NULL;
	bool had;
	int r = read_crontab(&text, err);

	if (r < 0)
		return r;
	without = boot_cron_edit(text, NULL, &had);
	return had;
}
