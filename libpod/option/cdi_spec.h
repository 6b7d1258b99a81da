/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of the Container Device Interface (CDI specification up to 1.0.0), YAML or JSON, which
 * is YAML as well. For cmk-cdi alone: it needs libyaml.
 *
 * Strict, as the peers' reader is: a member that the specification does not have is an error. Every
 * error is -EINVAL and says line and field: "line 7: devices[1].containerEdits.mounts[0].hostPath:
 * …". Anchors and aliases are refused.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define CDI_FILE_MAX ((size_t)1 << 20)

/* The file as one JSON object for struct cdi_file (cdi.h), owned. */
int cdi_spec_to_json(const char *text, size_t len, char **ret, size_t *ret_len,
		     struct cmk_err *err);
