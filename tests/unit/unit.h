/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka wants to be included before itself. */
#pragma once

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

/* Makes a directory of the test's own, below $TMPDIR or /tmp; the caller removes it. */
static inline void unit_tmpdir(char dir[static 64])
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, 64, "%.40s/cmk-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
}
