/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer and the reader of the log share. */
#pragma once

#include "base/json.h"
#include "libpod/events/events.h"

#define EVENTS_DIR "events"
#define EVENTS_LOG "log"
#define EVENTS_OLD "log.1"
/* How every line begins: the quotes of a text inside a line are escaped. */
#define EVENTS_LINE_BEGIN "{\"time\":"

extern const struct json_field event_fields[];
/* DATA/events, made where absent: a descriptor, or -errno. */
int events_open_dir(struct storage *st);
