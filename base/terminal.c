// SPDX-License-Identifier: Apache-2.0
#include "base/terminal.h"

#include <signal.h>
#include <termios.h>

#include "base/file.h"
#include "base/strbuf.h"

enum key { KEY_CTRL_C = 3, KEY_CTRL_D = 4, KEY_BACKSPACE = 8, KEY_CTRL_U = 21, KEY_DELETE = 127 };

/* Keys come one by one, unseen, and none of them is a signal: so that we are there to put things
 * back. */
static int enter(int fd, struct termios *saved, struct cmk_err *err)
{
	struct termios t;

	if (tcgetattr(fd, saved) < 0)
		return -errno;
	t = *saved;
	t.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	t.c_iflag |= ICRNL;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSADRAIN, &t) < 0)
		return cmk_err_errno(err, "set up the terminal");
	return 0;
}

/* The next byte; -EPIPE at the end. */
static int read_key(int fd)
{
	unsigned char c;
	ssize_t n = read_full(fd, &c, 1);

	return n == 1 ? c : -EPIPE;
}

static void interrupted(int fd, const struct termios *saved)
{
	(void)tcsetattr(fd, TCSADRAIN, saved);
	(void)raise(SIGINT);
}

/* The last one, of as many bytes as UTF-8 has for it. */
static void drop_character(struct strbuf *line)
{
	bool inside = true;

	while (inside && line->len > 0) {
		inside = ((unsigned char)line->data[--line->len] & 0xc0) == 0x80;
		line->data[line->len] = '\0';
	}
}

static int read_line(int fd, const struct termios *saved, size_t max, struct strbuf *line)
{
	for (;;) {
		int c = read_key(fd);

		if (c < 0 || (c == KEY_CTRL_D && line->len == 0))
			return -EPIPE;
		if (c == '\n' || c == '\r')
			return 0;
		if (c == KEY_CTRL_C) {
			interrupted(fd, saved);
			return -ECANCELED;
		}
		if (c == KEY_CTRL_U)
			strbuf_reset(line);
		else if (c == KEY_BACKSPACE || c == KEY_DELETE)
			drop_character(line);
		else if (c >= ' ' && line->len < max)
			strbuf_addc(line, (char)c);
	}
}

int terminal_read_secret(int fd, size_t max, char **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	struct termios saved;
	int r;

	r = enter(fd, &saved, err);
	if (r == -ENOTTY)
		return cmk_err_set(err, r, "%s", errno_text(ENOTTY));
	if (r < 0)
		return r;
	/* One piece, so that no copy of it stays behind where the buffer was before it grew. */
	(void)strbuf_reserve(&line, max + 1);
	r = read_line(fd, &saved, max, &line);
	(void)tcsetattr(fd, TCSADRAIN, &saved);
	if (r == 0)
		*ret = xstrdup(strbuf_str(&line));
	if (line.data)
		explicit_bzero(line.data, line.cap);
	return r < 0 ? cmk_err_set(err, r, "end of input") : 0;
}

static void draw(int out, const char *label, char *const *items, size_t n, size_t at)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "\r\033[K? %s:\r\n", label);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&sb, "\033[K%s%s\r\n", i == at ? "  \342\226\270 " : "    ", items[i]);
	(void)write_all(out, sb.data, sb.len);
}

/* Back to the first line of what draw() wrote, and with CLEAR all of it away. */
static void rewind_lines(int out, size_t n, bool clear)
{
	cleanup_free char *s = xasprintf("\r\033[%zuA%s", n + 1, clear ? "\033[J" : "");

	(void)write_all(out, s, strlen(s));
}

/* -1 up, 1 down, 0 for keys that mean nothing here. */
static int direction(int fd, int c)
{
	if (c == 'k' || c == 'j')
		return c == 'k' ? -1 : 1;
	if (c != '\033' || read_key(fd) != '[')
		return 0;
	c = read_key(fd);
	return c == 'A' ? -1 : c == 'B' ? 1 : 0;
}

int terminal_choose(int in, int out, const char *label, char *const *items, size_t n, size_t *ret,
		    struct cmk_err *err)
{
	struct termios saved;
	size_t at = 0;
	int r, c;

	r = enter(in, &saved, err);
	if (r < 0)
		return r == -ENOTTY ? cmk_err_set(err, r, "%s", errno_text(ENOTTY)) : r;
	for (;;) {
		int move;

		draw(out, label, items, n, at);
		c = read_key(in);
		if (c < 0 || c == '\n' || c == '\r' || c == KEY_CTRL_C || c == KEY_CTRL_D)
			break;
		move = direction(in, c);
		if ((move < 0 && at > 0) || (move > 0 && at + 1 < n))
			at = move < 0 ? at - 1 : at + 1;
		rewind_lines(out, n, false);
	}
	rewind_lines(out, n, true);
	if (c == KEY_CTRL_C)
		interrupted(in, &saved);
	else
		(void)tcsetattr(in, TCSADRAIN, &saved);
	if (c != '\n' && c != '\r')
		return cmk_err_set(err, -ECANCELED, "nothing was chosen");
	*ret = at;
	return 0;
}
