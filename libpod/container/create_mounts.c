// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/container/create.h"
#include "libpod/container/optparse.h"

static bool has_mount(const struct spec *s, const char *destination)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (streq(s->mounts[i].destination, destination))
			return true;
	}
	return false;
}

/* A mount of the user's replaces the default one at the same place, but for the two without which
 * no container can be set up: it comes on top of these. */
static void drop_default(struct spec *s, size_t n_default, const char *destination)
{
	if (streq(destination, "/proc") || streq(destination, "/dev"))
		return;
	for (size_t i = 0; i < MIN(n_default, s->n_mounts); i++) {
		struct spec_mount *m = &s->mounts[i];

		if (!streq(m->destination, destination))
			continue;
		free(m->destination);
		free(m->type);
		free(m->source);
		(void)strv_free(m->options);
		memmove(m, m + 1, (s->n_mounts - i - 1) * sizeof(*m));
		s->n_mounts--;
		return;
	}
}

static int bind_source(const struct opt_mount *m, char **ret, struct cmk_err *err)
{
	char *path = realpath(m->source, NULL);

	if (!path) {
		int r = cmk_err_errno(err, "bind mount source '%s'", m->source);

		if (r == -ENOENT)
			(void)cmk_err_hint(err,
					   "make it first: cmk makes no directory on the host");
		return r;
	}
	*ret = path;
	return 0;
}

static int add_user_mount(struct create_plan *p, struct spec_mount **list, size_t *n,
			  struct opt_mount *m, const char *shown, struct cmk_err *err)
{
	char *source = NULL;
	int r;

	for (size_t i = 0; i < *n; i++) {
		if (streq((*list)[i].destination, m->destination))
			return cmk_err_set(err, -EINVAL, "'%s': duplicate mount destination '%s'",
					   shown, m->destination);
	}
	if (streq(m->type, "bind")) {
		r = bind_source(m, &source, err);
		if (r < 0)
			return r;
		strv_add_take(&p->c->cfg.binds,
			      xasprintf("%s:%s:%s", source, m->destination,
					strv_has(m->options, "ro") ? "ro" : "rw"));
	} else {
		source = xstrdup("tmpfs");
	}
	*list = xrealloc(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = (struct spec_mount){
		.destination = steal_ptr(&m->destination),
		.type = steal_ptr(&m->type),
		.source = source,
		.options = steal_ptr(&m->options),
	};
	return 0;
}

static size_t path_depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Parents first, whatever the order on the command line; equal ones as they came. */
static void sort_by_depth(struct spec_mount *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct spec_mount m = list[i];
		size_t j = i;

		for (; j > 0 && path_depth(list[j - 1].destination) > path_depth(m.destination);
		     j--)
			list[j] = list[j - 1];
		list[j] = m;
	}
}

typedef int (*mount_parser)(const char *text, struct opt_mount *ret, struct cmk_err *err);

static int collect(struct create_plan *p, char *const *texts, mount_parser parse,
		   struct spec_mount **list, size_t *n, struct cmk_err *err)
{
	for (; texts && *texts; texts++) {
		struct opt_mount m = { 0 };
		int r = parse(*texts, &m, err);

		if (r == 0)
			r = add_user_mount(p, list, n, &m, *texts, err);
		opt_mount_done(&m);
		if (r < 0)
			return r;
	}
	return 0;
}

static void append(struct spec *s, struct spec_mount *list, size_t n)
{
	s->mounts = xrealloc(s->mounts, s->n_mounts + n, sizeof(*s->mounts));
	memcpy(s->mounts + s->n_mounts, list, n * sizeof(*list));
	s->n_mounts += n;
}

/* What --read-only still leaves writable. */
static void add_read_only_tmpfs(struct spec *s)
{
	static const char *const dirs[] = { "/tmp", "/run", "/var/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (!has_mount(s, dirs[i]))
			spec_add_mount(s, dirs[i], "tmpfs", "tmpfs",
				       "rw,rprivate,nosuid,nodev,tmpcopyup");
	}
}

/* The image's VOLUMEs stay directories of the root file system: what is written there lives as long
 * as the container, as with an anonymous volume; volumes that outlive it are not built yet. */
int create_mounts(struct create_plan *p, struct cmk_err *err)
{
	size_t n_default = p->spec->n_mounts, n = 0;
	struct spec_mount *list = NULL;
	int r;

	r = collect(p, p->o->volumes, opt_volume_parse, &list, &n, err);
	if (r == 0)
		r = collect(p, p->o->mounts, opt_mount_parse, &list, &n, err);
	if (r == 0)
		r = collect(p, p->o->tmpfs, opt_tmpfs_parse, &list, &n, err);
	sort_by_depth(list, n);
	for (size_t i = 0; i < n; i++)
		drop_default(p->spec, n_default, list[i].destination);
	/* Handed over even on failure: the specification frees them. */
	if (n)
		append(p->spec, list, n);
	free(list);
	if (r < 0)
		return r;
	if (p->o->read_only)
		add_read_only_tmpfs(p->spec);
	return 0;
}
