// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <stdarg.h>

void cmk_err_done(struct cmk_err *err)
{
	int saved = errno;

	if (!err)
		return;
	free(err->msg);
	free(err->hint);
	*err = CMK_ERR_INIT;
	errno = saved;
}

static enum cmk_err_kind kind_of_code(int code)
{
	switch (-code) {
	case ENOENT:
	case ESRCH:
		return CMK_ERR_NOT_FOUND;
	case EEXIST:
		return CMK_ERR_EXISTS;
	case EBUSY:
		return CMK_ERR_IN_USE;
	case EINVAL:
	case ERANGE:
		return CMK_ERR_INVALID;
	case EACCES:
	case EPERM:
		return CMK_ERR_DENIED;
	case EOPNOTSUPP:
	case ENOSYS:
		return CMK_ERR_UNSUPPORTED;
	default:
		return CMK_ERR_OTHER;
	}
}

__attribute__((format(printf, 1, 0))) static char *vformat(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		return xstrdup("out of memory");
	return s;
}

static void err_replace(struct cmk_err *err, int code, enum cmk_err_kind kind, char *msg)
{
	cmk_err_done(err);
	err->code = code;
	err->kind = kind;
	err->msg = msg;
}

int cmk_err_set(struct cmk_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	err_replace(err, code, kind_of_code(code), vformat(fmt, ap));
	va_end(ap);
	return code;
}

int cmk_err_kind(struct cmk_err *err, enum cmk_err_kind kind, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	err_replace(err, code, kind, vformat(fmt, ap));
	va_end(ap);
	return code;
}

const char *errno_text(int code)
{
	static _Thread_local char text[128];

	(void)snprintf(text, sizeof(text), "%s", strerror(code));
	/* But "RPC version wrong" and the like. */
	if (text[0] >= 'A' && text[0] <= 'Z' && (text[1] < 'A' || text[1] > 'Z'))
		text[0] |= 0x20;
	return text;
}

int cmk_err_errno(struct cmk_err *err, const char *fmt, ...)
{
	int code = errno ? -errno : -EIO;
	char *head;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	head = vformat(fmt, ap);
	va_end(ap);
	err_replace(err, code, kind_of_code(code), xasprintf("%s: %s", head, errno_text(-code)));
	free(head);
	return code;
}

int cmk_err_wrap(struct cmk_err *err, int code, const char *fmt, ...)
{
	char *head, *msg;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	head = vformat(fmt, ap);
	va_end(ap);
	msg = xasprintf("%s: %s", head, err->msg ? err->msg : errno_text(-code));
	free(head);
	free(err->msg);
	err->msg = msg;
	err->code = code;
	return code;
}

int cmk_err_hint(struct cmk_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return 0;
	free(err->hint);
	va_start(ap, fmt);
	err->hint = vformat(fmt, ap);
	va_end(ap);
	return err->code;
}

int cmk_err_move(struct cmk_err *dst, struct cmk_err *src)
{
	int code = src->code;

	if (!dst) {
		cmk_err_done(src);
		return code;
	}
	cmk_err_done(dst);
	*dst = *src;
	*src = CMK_ERR_INIT;
	return code;
}

const char *cmk_err_msg(const struct cmk_err *err)
{
	return err && err->msg ? err->msg : "unknown error";
}

/* Wire form: "E", kind, code, then message and hint as NUL-ended strings. */
struct err_wire {
	char magic;
	uint8_t kind;
	uint16_t code;
};

size_t cmk_err_encode(const struct cmk_err *err, void *buf, size_t size)
{
	struct err_wire w = { 'E', (uint8_t)err->kind, (uint16_t)-err->code };
	const char *msg = cmk_err_msg(err), *hint = err->hint ? err->hint : "";
	size_t room = size - sizeof(w) - 2, n_msg = MIN(strlen(msg), room);
	size_t n_hint = MIN(strlen(hint), room - n_msg);
	char *p = buf;

	p = mempcpy(p, &w, sizeof(w));
	p = mempcpy(p, msg, n_msg);
	*p++ = '\0';
	p = mempcpy(p, hint, n_hint);
	*p++ = '\0';
	return (size_t)(p - (char *)buf);
}

void cmk_err_send(int fd, const struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX];
	size_t n = cmk_err_encode(err, buf, sizeof(buf));

	(void)!write(fd, buf, n);
}

int cmk_err_decode(const void *buf, size_t len, const char *otherwise, struct cmk_err *err)
{
	struct err_wire w = { 0 };
	const char *msg = NULL, *hint = NULL, *end = (const char *)buf + len;

	if (len >= sizeof(w) + 2 && end[-1] == '\0') {
		memcpy(&w, buf, sizeof(w));
		msg = (const char *)buf + sizeof(w);
		hint = msg + strlen(msg) + 1;
	}
	if (!msg || hint >= end || w.magic != 'E' || w.kind >= CMK_ERR_N_KINDS || w.code == 0)
		return cmk_err_set(err, -EBADMSG, "%s", otherwise);
	if (err) {
		err_replace(err, -(int)w.code, w.kind, xstrdup(msg));
		err->hint = *hint ? xstrdup(hint) : NULL;
	}
	return -(int)w.code;
}
