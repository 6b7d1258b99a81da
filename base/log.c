// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"

static enum log_level current_level = LOG_LEVEL_WARN;
static int log_fd = STDERR_FILENO;
static bool log_json;

void log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level log_get_level(void)
{
	return current_level;
}

void log_set_fd(int fd)
{
	log_fd = fd;
}

void log_set_json(void)
{
	log_json = true;
}

static size_t quote_json(char *out, size_t size, const char *text)
{
	size_t n = 0;

	out[n++] = '"';
	for (; *text && n + 8 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, size - n, "\\u%04x", c);
			continue;
		}
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		out[n++] = (char)c;
	}
	out[n++] = '"';
	return n;
}

/* As a Go string in quotes: what scripts that read podman's lines take apart. */
static size_t quote(char *out, size_t size, const char *text)
{
	size_t n = 0;

	out[n++] = '"';
	for (; *text && n + 6 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			out[n++] = '\\';
		if (c == '\n' || c == '\t') {
			out[n++] = '\\';
			c = c == '\n' ? 'n' : 't';
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
			continue;
		}
		out[n++] = (char)c;
	}
	out[n++] = '"';
	return n;
}

/* For people on a terminal; else podman's form, with the time (RFC 3339). */
static size_t compose(char *out, size_t size, enum log_level level, const char *text)
{
	static const char *const prefix[] = { "Error: ", "Warning: ", "", "debug: ", "trace: " };
	static const char *const name[] = { "error", "warning", "info", "debug", "trace" };
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;
	size_t n;

	if (!log_json && (level == LOG_LEVEL_ERROR || isatty(log_fd)))
		return (size_t)snprintf(out, size, "%s%s", prefix[level], text);
	if (gmtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (log_json) {
		n = (size_t)snprintf(
			out, size, "{\"level\":\"%s\",\"time\":\"%s\",\"msg\":", name[level], date);
		n += quote_json(out + n, size - n - 1, text);
		out[n++] = '}';
		return n;
	}
	n = (size_t)snprintf(out, size, "time=\"%s\" level=%s msg=", date, name[level]);
	return n + quote(out + n, size - n, text);
}

static void write_line(char *line, size_t n, size_t size)
{
	n = MIN(n, size - 1);
	line[n++] = '\n';
	(void)!write(log_fd, line, n);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[4096], line[sizeof(text) + 512];
	int saved = errno;
	va_list ap;

	if (level > current_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(line, compose(line, sizeof(line) - 1, level, text), sizeof(line));
	errno = saved;
}

void log_plain(const char *fmt, ...)
{
	char line[4096];
	int saved = errno, n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (current_level >= LOG_LEVEL_WARN)
		write_line(line, (size_t)MAX(n, 0), sizeof(line));
	errno = saved;
}
