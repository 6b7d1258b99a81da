/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the Container Device Interface: "vendor.com/class=device". */
#pragma once

#include "base/util.h"

/* "vendor.com/class": both begin with a letter and end with a letter or digit; between them are
 * letters, digits, '-', '_', in the vendor also '.'. */
bool cdi_kind_valid(const char *kind);
/* Begins and ends with a letter or digit; between them also '-', '_', '.', ':'. */
bool cdi_device_valid(const char *name);
/* "vendor.com/class=device" */
bool cdi_name_valid(const char *name);
