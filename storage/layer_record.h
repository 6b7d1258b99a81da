/* SPDX-License-Identifier: Apache-2.0 */
/* layers/HEX/layer.json, inside this room. */
#pragma once

#include "base/json.h"
#include "storage/storage.h"

struct layer_record {
	int schema;
	char *diff_id; /* "": a pending layer, of which it is not known yet */
	uint64_t size; /* of the tar stream; of a pending layer about */
	char *boot;    /* in which it was unpacked */
	char *name;    /* of a layer that is or was pending: the hex under which it was made */
};
void layer_record_done(struct layer_record *r);
int layer_record_load(int dir_fd, struct layer_record *ret, struct cmk_err *err);
int layer_record_save(int dir_fd, const struct layer_record *r, bool durable, struct cmk_err *err);
static inline bool layer_record_is_pending(const struct layer_record *r)
{
	return !*r->diff_id;
}

/* pending.c: the record of the layer NAME now that RES is known of it, which JOB wrote. */
struct layer_job;
struct unpack_result;
int pending_publish(struct layer_job *job, const struct unpack_result *res, struct cmk_err *err);
