// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>

#include "base/strbuf.h"

static enum log_level current_level = LOG_LEVEL_WARN;
static int log_fd = STDERR_FILENO;

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

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { "Error: ", "Warning: ", "", "debug: " };
	char text[4096];
	int saved = errno, n, head;
	va_list ap;

	if (level > current_level)
		return;
	head = snprintf(text, sizeof(text), "%s", prefix[level]);
	va_start(ap, fmt);
	errno = saved;
	n = vsnprintf(text + head, sizeof(text) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	n = MIN(MAX(n, 0) + head, (int)sizeof(text) - 2);
	text[n++] = '\n';
	(void)!write(log_fd, text, (size_t)n);
	errno = saved;
}
