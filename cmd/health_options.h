/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the health check for a struct TYPE_ with a struct health_options MEMBER_: what `run`,
 * `create` and `update` share. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

/* clang-format off */
#define CMK_HEALTH_ROWS(type_, member_)                                                            \
	CMK_OPT_STRING(0, "health-cmd", type_, member_.cmd, "COMMAND",                             \
		       "check the container's health with this command, or 'none'",                \
		       .alias = "healthcheck-command"),                                            \
	CMK_OPT_STRING(0, "health-interval", type_, member_.interval, "DURATION",                  \
		       "time between health checks (30s), or 'disable'",                           \
		       .alias = "healthcheck-interval"),                                           \
	CMK_OPT_STRING(0, "health-log-destination", type_, member_.log_destination, "PLACE",       \
		       "where results are kept: 'local', 'events_logger' or a directory",          \
		       .complete = COMPLETE_DIRS),                                                 \
	CMK_OPT_STRING(0, "health-max-log-count", type_, member_.max_log_count, "NUMBER",          \
		       "how many results are kept (5), 0 for all"),                                \
	CMK_OPT_STRING(0, "health-max-log-size", type_, member_.max_log_size, "BYTES",             \
		       "how much output of each check is kept (500), 0 for all"),                  \
	CMK_OPT_STRING(0, "health-on-failure", type_, member_.on_failure, "ACTION",                \
		       "what is done when it becomes unhealthy",                                   \
		       .words = "none|kill|restart|stop", .complete = COMPLETE_WORDS),             \
	CMK_OPT_STRING(0, "health-retries", type_, member_.retries, "NUMBER",                      \
		       "failures in a row until it is unhealthy (3)",                              \
		       .alias = "healthcheck-retries"),                                            \
	CMK_OPT_STRING(0, "health-start-interval", type_, member_.start_interval, "DURATION",      \
		       "time between health checks in the start period"),                          \
	CMK_OPT_STRING(0, "health-start-period", type_, member_.start_period, "DURATION",          \
		       "time in which failures do not count (0s)",                                 \
		       .alias = "healthcheck-start-period"),                                       \
	CMK_OPT_STRING(0, "health-startup-cmd", type_, member_.startup_cmd, "COMMAND",             \
		       "check with this until it succeeds, then with the regular command"),        \
	CMK_OPT_STRING(0, "health-startup-interval", type_, member_.startup_interval, "DURATION",  \
		       "time between start-up checks (30s), or 'disable'"),                        \
	CMK_OPT_STRING(0, "health-startup-retries", type_, member_.startup_retries, "NUMBER",      \
		       "failed start-up checks until a restart, 0 for none"),                      \
	CMK_OPT_STRING(0, "health-startup-success", type_, member_.startup_success, "NUMBER",      \
		       "successes in a row that the start-up check needs (1)"),                    \
	CMK_OPT_STRING(0, "health-startup-timeout", type_, member_.startup_timeout, "DURATION",    \
		       "how long a start-up check may take (30s)"),                                \
	CMK_OPT_STRING(0, "health-timeout", type_, member_.timeout, "DURATION",                    \
		       "how long a health check may take (30s)",                                   \
		       .alias = "healthcheck-timeout"),                                            \
	CMK_OPT_FLAG(0, "no-healthcheck", type_, member_.no_healthcheck,                           \
		     "run no health check, also where the image has one")
/* clang-format on */
