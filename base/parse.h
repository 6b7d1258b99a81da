/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from outside: the whole string, no sign where none belongs, no white space,
 * range-checked. All return 0, -EINVAL (not a number of this kind) or -ERANGE, and leave the output
 * untouched on failure.
 */
#pragma once

#include "base/util.h"

int parse_u64(const char *s, uint64_t max, uint64_t *ret);
int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
int parse_u32(const char *s, uint32_t max, uint32_t *ret);
int parse_octal(const char *s, uint32_t max, uint32_t *ret);
/* LEN digits without a terminating NUL. */
int parse_u64_n(const char *s, size_t len, uint64_t max, uint64_t *ret);
/* Bytes with an optional suffix b, k, m, g, t (also kb, kib, …; powers of 1024), fractions allowed
 * ("1.5g"). */
int parse_bytes(const char *s, uint64_t *ret);
/* The same in powers of 1000, as sizes of containers.conf are. */
int parse_bytes_decimal(const char *s, uint64_t *ret);
/* Go durations ("1h30m", "1.5s", "250ms"); a bare number is seconds. Nanoseconds. */
int parse_duration(const char *s, int64_t *ret_ns);
/* In place: mountinfo writes space, tab, newline and backslash as \ooo (proc(5)). */
void parse_unescape_octal(char *s);
/* true/false/1/0/t/f/yes/no/on/off as Go's ParseBool and a little more. */
int parse_bool(const char *s, bool *ret);
/* 0 to 15 of a digit in either case; -1 where C is none. */
int parse_hex_digit(char c);
/* "0.5" → 500000000 (CPUs in units of 1e-9). */
int parse_nano_cpus(const char *s, int64_t *ret);
/* A signal's name with or without SIG, in any case, SIGRTMIN+n, or a number 1..64; returns it or
 * -EINVAL. */
int parse_signal(const char *s);
/* "SIGTERM", or NULL for an unknown number. */
const char *signal_name(int sig);
