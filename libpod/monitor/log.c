// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/log_internal.h"

/* podman's names. */
static const struct log_driver log_driver_none = { .info = { .name = "none" } };
static const struct log_driver log_driver_passthrough = { .info = { .name = "passthrough",
								    .passes_stdio = true } };
static const struct log_driver log_driver_passthrough_tty = { .info = { .name = "passthrough-tty",
									.passes_stdio = true } };

static const struct log_driver *const drivers[] = {
	&log_driver_k8s_file,	     &log_driver_json_file, &log_driver_local,
	&log_driver_journald,	     &log_driver_none,	    &log_driver_passthrough,
	&log_driver_passthrough_tty,
};

static const struct log_driver *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (streq(drivers[i]->info.name, name))
			return drivers[i];
	return NULL;
}

const struct log_driver_info *log_driver_find(const char *name)
{
	const struct log_driver *d = find(name);

	return d ? &d->info : NULL;
}

const struct log_driver_info *log_driver_at(size_t i)
{
	return i < ARRAY_LEN(drivers) ? &drivers[i]->info : NULL;
}

int ctr_log_open_target(const struct log_target *t, struct ctr_log **ret, struct cmk_err *err)
{
	const struct log_driver *d = find(t->driver ? t->driver : "k8s-file");
	struct ctr_log *l;
	int r;

	if (!d)
		return cmk_err_set(err, -EINVAL, "invalid log driver '%s'", t->driver);
	if (!d->open) {
		*ret = NULL;
		return 0;
	}
	l = xcalloc(1, sizeof(*l));
	l->fd = l->dirfd = -1;
	l->driver = d;
	r = d->open(l, t, err);
	if (r < 0)
		(void)ctr_log_free(l);
	else
		*ret = l;
	return r;
}

int ctr_log_open(int dirfd, const char *name, struct ctr_log **ret, struct cmk_err *err)
{
	const struct log_target t = { .dirfd = dirfd, .name = name };

	return ctr_log_open_target(&t, ret, err);
}

struct ctr_log *ctr_log_free(struct ctr_log *l)
{
	if (l) {
		l->driver->close(l);
		cleanup_close_fn(&l->fd);
		cleanup_close_fn(&l->dirfd);
		free(l->name);
		free(l->buf);
		strbuf_done(&l->fields);
		free(l);
	}
	return NULL;
}

void ctr_log_write(struct ctr_log *l, bool is_stderr, const void *data, size_t len)
{
	l->driver->write(l, is_stderr, data, len);
}
