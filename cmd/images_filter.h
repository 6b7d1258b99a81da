/* SPDX-License-Identifier: Apache-2.0 */
/* `images --filter` and its operand. */
#pragma once

#include "image/image.h"

struct images_filter {
	char **references; /* patterns, any of which fits */
	char **labels;	   /* "KEY" or "KEY=VALUE", all of which fit */
	char **ids, **digests;
	int dangling; /* -1: either */
	int64_t before, since;
	bool has_before, has_since;
};
void images_filter_done(struct images_filter *f);
/* FILTERS are KEY=VALUE; OPERAND (may be NULL) is one more reference. */
int images_filter_parse(struct storage *st, char *const *filters, const char *operand,
			struct images_filter *ret, struct cmk_err *err);
bool images_filter_image(const struct images_filter *f, struct storage *st,
			 const struct image_record *image);
/* Does this one of its names fit the references? */
bool images_filter_name(const struct images_filter *f, const char *name);
