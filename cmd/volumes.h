/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on volumes share. */
#pragma once

#include "base/json.h"
#include "cmd/option.h"
#include "libpod/libpod.h"

/* KEY=VALUE… of `volume ls` and `volume prune`: values of one key are alternatives, different keys
 * must all fit; labels must fit each. */
struct volumes_filter;
/* For the rows of --filter. */
extern const struct cmk_option_key volumes_filter_keys[];
int volumes_filter_parse(struct storage *st, char *const *filters, bool prune,
			 struct volumes_filter **ret, struct cmk_err *err);
void volumes_filter_free(struct volumes_filter *f);
bool volumes_filter_fits(const struct volumes_filter *f, const struct volume_record *v,
			 const struct volume_users *users);

/* One object of `volume inspect` and `volume ls`; its members, for completion. */
extern const char cmk_volume_fields[];
void cmk_volume_write(struct json_writer *w, const struct volume_record *v,
		      const struct volume_users *users);
/* What templates of `volume ls` may name: docker's placeholders as well. */
void cmk_volume_write_row(struct json_writer *w, const struct volume_record *v,
			  const struct volume_users *users);
/* Prints the volumes ARGV (NULL-ended), or ALL, through FORMAT; what is found also where another is
 * not. */
int cmk_volume_inspect(struct storage *st, bool all, const char *format, char **argv,
		       struct cmk_err *err);
