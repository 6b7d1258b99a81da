/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of `events`: the same key more than once means or, different keys mean and; label
 * means and. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

struct events_filter;
/* For the row of --filter. */
extern const struct cmk_option_key events_filter_keys[];
/* -EINVAL for an unknown key. */
int events_filter_new(char *const *texts, struct events_filter **ret, struct cmk_err *err);
struct events_filter *events_filter_free(struct events_filter *f);
bool events_filter_match(const struct events_filter *f, const struct event *e);
