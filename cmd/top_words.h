/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/util.h"

/* The columns of `top` for ps's options WORDS ("-ef", "aux", "-eo pid,cmd"), owned; NULL where
 * they are others. That a column has one of the names is not looked at. */
char **top_words_columns(char *const *words);
