/* SPDX-License-Identifier: Apache-2.0 */
/* What `stats` shows of one container. */
#pragma once

#include "base/json.h"
#include "libpod/libpod.h"

struct stats_interface {
	char name[32];
	uint64_t rx[8], tx[8]; /* bytes, packets, errors, dropped, … as in /proc/net/dev */
};

struct stats_sample {
	char *id, *name; /* owned */
	bool is_up, has_net;
	struct cgroup_stats cg;
	struct stats_interface *net; /* owned; without lo */
	size_t n_net;
	int64_t at_ns;	    /* when it was read, since the epoch */
	int64_t started_ns; /* 0 where it does not run */
	uint64_t host_memory;
};
/* Never fails: what cannot be read is not there. */
void stats_sample_take(const struct container *c, struct stats_sample *ret);
void stats_sample_done(struct stats_sample *s);

/* BEFORE: the reading before, or NULL for the first one. */
void stats_write_json(struct json_writer *w, const char *key, const struct stats_sample *s,
		      const struct stats_sample *before, bool no_trunc);
void stats_write_template(struct json_writer *w, const struct stats_sample *s,
			  const struct stats_sample *before, bool no_trunc);
