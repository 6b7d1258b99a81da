/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of cmk-verify share. */
#pragma once

#include "image/helper.h"

/* The helper's exit codes, beside HELPER_FAILED. */
enum { VERIFIED = 0, NOT_VERIFIED = 1 };

/* The subcommands (see verify_main.c), with the words behind their names. */
int verify_yaml(char **args);
int verify_certificate(char **args);
