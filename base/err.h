/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: functions return a negative errno, and a message grows on the way up.
 *
 * Convention: a function returns int, 0 or more for success and -Exxx for failure; only on failure
 * *err is set. `err` is the last parameter, belongs to the caller and may be NULL. Messages read
 * "outer: inner: reason", lower case, names in single quotes, no full stop. The hint says what to
 * do.
 */
#pragma once

#include "base/util.h"

/* Only failures on which a caller acts. */
enum cmk_err_kind {
	CMK_ERR_OTHER = 0,
	CMK_ERR_NOT_FOUND,   /* no such object */
	CMK_ERR_EXISTS,	     /* name taken */
	CMK_ERR_IN_USE,	     /* busy, running, referenced */
	CMK_ERR_UNSUPPORTED, /* this host or this version cannot do it */
	CMK_ERR_INVALID,     /* bad input */
	CMK_ERR_DENIED,	     /* permission, authentication */
	CMK_ERR_STATE,	     /* the object is in the wrong state (not running, paused) */
	CMK_ERR_CANNOT_EXEC, /* the container's command exists but cannot be executed: exit code 126
			      */
	CMK_ERR_CMD_NOT_FOUND, /* the container's command does not exist: exit code 127 */
	CMK_ERR_N_KINDS,
};

struct cmk_err {
	int code; /* negative errno */
	enum cmk_err_kind kind;
	char *msg;  /* owned */
	char *hint; /* owned, may be NULL */
};

#define CMK_ERR_INIT ((struct cmk_err){ 0 })
#define cleanup_err cleanup(cmk_err_done)

/* Empties ERR; safe on a zeroed one. Keeps errno. */
void cmk_err_done(struct cmk_err *err);
/* Sets a new error, replacing an old one. CODE is negative; kind follows from it unless set after:
 * ENOENT/ESRCH not found, EEXIST exists, EBUSY in use, EINVAL/ERANGE invalid, EACCES/EPERM denied,
 * EOPNOTSUPP/ENOSYS unsupported. Returns CODE. */
int cmk_err_set(struct cmk_err *err, int code, const char *fmt, ...) cmk_printf(3, 4);
/* As above with an explicit kind. */
int cmk_err_kind(struct cmk_err *err, enum cmk_err_kind kind, int code, const char *fmt, ...)
	cmk_printf(4, 5);
/* strerror(3) of a positive errno without its capital letter, as the peers write it: what scripts
 * look for. Valid until the thread's next call. */
const char *errno_text(int code);
/* From errno: the message gets ": errno_text". Returns -errno (or -EIO if errno is 0). */
int cmk_err_errno(struct cmk_err *err, const char *fmt, ...) cmk_printf(2, 3);
/* Puts "fmt: " before the message of ERR. Returns CODE. */
int cmk_err_wrap(struct cmk_err *err, int code, const char *fmt, ...) cmk_printf(3, 4);
/* Sets the hint (what to do). Returns err->code, or 0 for NULL. */
int cmk_err_hint(struct cmk_err *err, const char *fmt, ...) cmk_printf(2, 3);
/* Moves SRC into DST (which may be NULL: then SRC is emptied). Returns the code. */
int cmk_err_move(struct cmk_err *dst, struct cmk_err *src);
/* "reason (hint)" or "unknown error"; borrowed until ERR changes. For logs. */
const char *cmk_err_msg(const struct cmk_err *err);

/* Sends ERR as one message on the SOCK_SEQPACKET or pipe FD, cut at 8 KiB; never blocks for long,
 * ignores failure. */
void cmk_err_send(int fd, const struct cmk_err *err);
/* Decodes what cmk_err_send() wrote, and returns the error's code; where BUF is no error it is
 * -EBADMSG with the message OTHERWISE. */
int cmk_err_decode(const void *buf, size_t len, const char *otherwise, struct cmk_err *err);
#define CMK_ERR_WIRE_MAX 8192
/* Encodes into BUF; returns the length used. */
size_t cmk_err_encode(const struct cmk_err *err, void *buf, size_t size);
