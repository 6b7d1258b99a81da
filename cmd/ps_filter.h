/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of `ps`: the same key more than once means or, different keys mean and; label means
 * and. */
#pragma once

#include "cmd/option.h"
#include "libpod/libpod.h"

struct ps_filter;
/* For the rows of --filter. */
extern const struct cmk_option_key ps_filter_keys[];
/* -EINVAL for an unknown key or a value that cannot be. Names of containers and images in values
 * are looked up here. */
int ps_filter_new(struct storage *st, char *const *texts, struct ps_filter **ret,
		  struct cmk_err *err);
struct ps_filter *ps_filter_free(struct ps_filter *f);
/* A filter on the state shows all containers, not only those that run. */
bool ps_filter_wants_all(const struct ps_filter *f);
bool ps_filter_match(const struct ps_filter *f, const struct container *c);
