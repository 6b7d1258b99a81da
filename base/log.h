/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines go to stderr (or to the descriptor set with log_set_fd(), as the monitor does).
 * Never log environment values, secrets or credentials. A warning says what will be different for
 * the user.
 */
#pragma once

#include "base/util.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_fd(int fd);
/* Lines as objects {"msg":…,"level":…,"time":…}: what callers of an OCI runtime read. Errors too.
 */
void log_set_json(void);
/* One line, written with a single write(2): "Warning: …" and so on for people, and where that is no
 * terminal as podman's `time="…" level=warning msg="…"`. */
void log_line(enum log_level level, const char *fmt, ...) cmk_printf(2, 3);
/* A warning in other programs' words: the line alone. */
void log_plain(const char *fmt, ...) cmk_printf(1, 2);

#define log_debug(...)                                          \
	do {                                                    \
		if (log_get_level() >= LOG_LEVEL_DEBUG)         \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)
#define log_trace(...)                                          \
	do {                                                    \
		if (log_get_level() >= LOG_LEVEL_TRACE)         \
			log_line(LOG_LEVEL_TRACE, __VA_ARGS__); \
	} while (0)
#define log_info(...)                                          \
	do {                                                   \
		if (log_get_level() >= LOG_LEVEL_INFO)         \
			log_line(LOG_LEVEL_INFO, __VA_ARGS__); \
	} while (0)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
