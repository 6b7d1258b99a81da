/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership by declaration, and the few helpers that every file needs.
 *
 * Declare every owned thing with its cleanup at birth; hand it over with steal_ptr() or steal_fd().
 * Cleanups keep errno. The x*() allocators end the process when memory is exhausted: bound every
 * length that came from outside before it reaches them.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define cmk_printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define cmk_noreturn __attribute__((noreturn))
#define cmk_unused __attribute__((unused))
#define cmk_warn_unused __attribute__((warn_unused_result))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Closes *FD if it is 0 or more, and keeps errno. Not repeated on EINTR: on Linux the descriptor is
 * gone. */
static inline void cleanup_close_fn(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

static inline void cleanup_free_fn(void *pp)
{
	int saved = errno;

	free(*(void **)pp);
	errno = saved;
}

static inline void cleanup_dir_fn(DIR **d)
{
	int saved = errno;

	if (*d)
		(void)closedir(*d);
	errno = saved;
}

static inline void cleanup_file_fn(FILE **f)
{
	int saved = errno;

	if (*f)
		(void)fclose(*f);
	errno = saved;
}

#define cleanup(fn) __attribute__((cleanup(fn)))
#define cleanup_close cleanup(cleanup_close_fn)
#define cleanup_free cleanup(cleanup_free_fn)
#define cleanup_dir cleanup(cleanup_dir_fn)
#define cleanup_file cleanup(cleanup_file_fn)
#define cleanup_strv cleanup(cleanup_strv_fn)

/* Takes the descriptor out of *FD, which becomes -1. */
static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/* Takes the pointer out of *PP, which becomes NULL. */
#define steal_ptr(pp)                         \
	({                                    \
		__typeof__(*(pp)) *_p = (pp); \
		__typeof__(*(pp)) _r = *_p;   \
		*_p = NULL;                   \
		_r;                           \
	})

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Like reallocarray(3). */
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* NULL stays NULL. */
char *xstrdup_null(const char *s);
char *xstrndup(const char *s, size_t len) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t len) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) cmk_printf(1, 2) __attribute__((malloc, returns_nonnull));

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* True where both are NULL or both are the same string. */
static inline bool streq_null(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The rest of S behind PREFIX, or NULL. */
const char *str_after(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);

/*
 * A strv is an owned, NULL-terminated vector of owned strings; NULL is the empty one.
 */
size_t strv_len(char *const *v);
void strv_add(char ***v, const char *s);
/* Takes S. */
void strv_add_take(char ***v, char *s);
/* Takes the N strings of ITEMS (not the array): one pass however many. */
void strv_add_many_take(char ***v, char *const *items, size_t n);
char **strv_dup(char *const *v);
char **strv_free(char **v); /* returns NULL */
bool strv_has(char *const *v, const char *s);
void strv_sort(char **v); /* by bytes; may be NULL */
/* Splits at every C; empty parts are kept. */
char **strv_split(const char *s, char c);
/* Adds the words of S to *V, as a shell takes them apart: quotes of both kinds keep them together,
 * a backslash takes the next character as it is (not inside single quotes). -EINVAL: a quote is not
 * closed. */
int strv_split_words(const char *s, char ***v);
char *strv_join(char *const *v, const char *sep);
/* Environment-style vectors, "KEY=VALUE": the value of KEY or NULL; set replaces in place or
 * appends. */
const char *strv_env_get(char *const *env, const char *key);
void strv_env_set(char ***env, const char *assignment);

static inline void cleanup_strv_fn(char ***v)
{
	int saved = errno;

	*v = strv_free(*v);
	errno = saved;
}

/* CLOCK_MONOTONIC in milliseconds: for deadlines. */
int64_t time_monotonic_ms(void);
/* The wall clock in UTC (RFC 3339): "2026-11-21T10:00:00.123456789Z"; owned. */
char *time_now_rfc3339(void);
