/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of a scope, "NAME=TYPE:VALUE": TYPE is D-Bus's ("t", "u", "x", "i" numbers, "b" 0 or
 * 1, "s" text, "as" texts with a newline between, "ay" bytes in hexadecimal, "a(st)"
 * devices and their numbers, "MAJOR:MINOR=NUMBER ...").
 */
#pragma once

#include "libpod/spec/spec.h"

/* Of an annotation org.systemd.property.NAME, whose value is in the form of GVariant's texts; a
 * NAME that ends in Sec and a plain number become microseconds. Owned; -EINVAL. */
int property_of_annotation(const char *name, const char *value, char **ret, struct cmk_err *err);
/* What RES limits, in systemd's words; what those have no words for is left out. Owned. */
char **properties_of_limits(const struct spec_resources *res);
/* What has to be said for OLD to become NEW, of which either may be NULL. Owned; NULL: nothing. */
char **properties_between(char *const *old, char *const *new);
/* The same for the limits to become AFTER. */
char **properties_changed(const struct spec_resources *before, const struct spec_resources *after);
