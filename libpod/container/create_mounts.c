// SPDX-License-Identifier: Apache-2.0
/*
 * Which mounts a container gets: what the command line, other containers and the image ask for, in
 * this order of rank, each place once; then all of them by depth. create_place.c makes each.
 */
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/selinux.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/cdi_name.h"
#include "libpod/option/optparse.h"

#define SHM_SIZE_DEFAULT (64000 << 10) /* as spec_set_defaults() */

/* A mount of the user's replaces the default one at the same place, but for the two without which
 * no container can be set up: it comes on top of these. */
static void drop_default(struct spec *s, size_t n_default, const char *destination)
{
	if (!streq(destination, "/proc") && !streq(destination, "/dev"))
		spec_remove_mount(s, n_default, destination);
}

static struct opt_mount *find_mount(const struct create_plan *p, const char *destination)
{
	for (size_t i = 0; i < p->n_mounts; i++) {
		if (streq(p->mounts[i].destination, destination))
			return &p->mounts[i];
	}
	return NULL;
}

static bool is_taken(const struct create_plan *p, const char *destination)
{
	return find_mount(p, destination);
}

/* Takes M's members. */
static void push_mount(struct create_plan *p, struct opt_mount *m)
{
	p->mounts = xrealloc(p->mounts, p->n_mounts + 1, sizeof(*p->mounts));
	p->mounts[p->n_mounts++] = *m;
	*m = (struct opt_mount){ 0 };
}

void create_mounts_done(struct create_plan *p)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		opt_mount_done(&p->mounts[i]);
	free(p->mounts);
	for (size_t i = 0; i < p->n_volume_locks; i++)
		(void)close(p->volume_locks[i]);
	free(p->volume_locks);
	p->mounts = NULL;
	p->volume_locks = NULL;
	p->n_mounts = p->n_volume_locks = 0;
}

/* A path of the host that must be there; made absolute, without links. */
static int real_source(char **path, struct cmk_err *err)
{
	char *real = realpath(*path, NULL);

	if (!real) {
		if (errno != ENOENT)
			return cmk_err_errno(err, "statfs %s", *path);
		(void)cmk_err_set(err, -ENOENT, "statfs %s: no such file or directory", *path);
		return cmk_err_hint(err, "make it first: cmk makes no directory on the host");
	}
	free(*path);
	*path = real;
	return 0;
}

static int check_overlay_dirs(struct opt_mount *m, struct cmk_err *err)
{
	int r = 0;

	if (m->upper)
		r = real_source(&m->upper, err);
	if (r == 0 && m->work)
		r = real_source(&m->work, err);
	return r;
}

/* The same thing asked for twice is no contradiction (podman takes it as well). */
static bool same_mount(const struct opt_mount *a, const struct opt_mount *b)
{
	cleanup_free char *x = strv_join(a->options, ","), *y = strv_join(b->options, ",");

	return streq(a->type, b->type) && (a->source || streq(a->type, "tmpfs")) &&
	       streq(a->source ?: "", b->source ?: "") && streq_null(a->subpath, b->subpath) &&
	       streq_null(a->name, b->name) && a->overlay == b->overlay && a->chown == b->chown &&
	       a->rw == b->rw && streq(x, y);
}

static int add_given(struct create_plan *p, struct opt_mount *m, struct cmk_err *err)
{
	const struct opt_mount *other;
	int r = 0;

	if (streq(m->type, "bind"))
		r = real_source(&m->source, err);
	if (r == 0 && streq(m->type, "bind") && m->relabel && *m->relabel && selinux_enabled())
		r = label_source_check(m->source, getenv("HOME"), err);
	if (r == 0)
		r = check_overlay_dirs(m, err);
	if (r < 0)
		return r;
	other = find_mount(p, m->destination);
	if (!other)
		push_mount(p, m);
	else if (!same_mount(other, m))
		return cmk_err_set(err, -EINVAL, "%s: duplicate mount destination", m->destination);
	return 0;
}

/* One bind mount for each path that the pattern fits: in the directory that was named, or at the
 * host's own path. */
static int add_glob(struct create_plan *p, const struct opt_mount *m, struct cmk_err *err)
{
	glob_t found = { 0 };
	int r = glob(m->source, GLOB_NOSORT | GLOB_BRACE, NULL, &found);

	if (r == GLOB_NOMATCH || (r == 0 && found.gl_pathc == 0))
		r = cmk_err_set(err, -ENOENT, "no file paths matching glob '%s'", m->source);
	else if (r != 0)
		r = cmk_err_set(err, -EIO, "glob '%s': cannot be read", m->source);
	for (size_t i = 0; i < found.gl_pathc && r == 0; i++) {
		const char *path = found.gl_pathv[i], *slash = strrchr(path, '/');
		struct opt_mount one = { .type = xstrdup("bind"),
					 .source = xstrdup(path),
					 .options = strv_dup(m->options),
					 .relabel = m->relabel,
					 .chown = m->chown };
		cleanup_free char *dst = m->destination ? xasprintf("%s/%s", m->destination,
								    slash ? slash + 1 : path)
							: realpath(path, NULL);

		r = dst ? opt_path_clean(dst, &one.destination, err)
			: cmk_err_errno(err, "'%s'", path);
		if (r == 0)
			r = add_given(p, &one, err);
		opt_mount_done(&one);
	}
	globfree(&found);
	return r;
}

/* One bind mount for each of its files; where it is one, that may stand in the place of a file. */
static int add_files(struct create_plan *p, const struct opt_mount *m, char *const *names,
		     char *const *paths, struct cmk_err *err)
{
	bool one = !paths[1];
	int r = 0;

	for (size_t i = 0; paths[i] && r == 0; i++) {
		cleanup_free char *name = !m->name ? xstrdup(names[i])
					  : one	   ? xstrdup(m->name)
						   : xasprintf("%s-%zu", m->name, i);
		struct opt_mount file = { .type = xstrdup("artifact"),
					  .source = xstrdup(paths[i]),
					  .destination = one ? xstrdup(m->destination)
							     : xasprintf("%s/%s", m->destination,
									 name),
					  .relabel = "" };

		strv_add(&file.options, "ro");
		strv_add(&file.options, "rprivate");
		strv_add(&file.options, "rbind");
		if (one)
			file.name = steal_ptr(&name);
		file.artifact = xstrdup(m->source);
		r = add_given(p, &file, err);
		opt_mount_done(&file);
	}
	return r;
}

static int add_artifact(struct create_plan *p, const struct opt_mount *m, struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact a = { 0 };
	cleanup_strv char **names = NULL, **paths = NULL;
	int r = image_artifact_find(p->st, m->source, &a, err);

	if (r == -ENOENT)
		return cmk_err_wrap(err, r, "artifact '%s' not found", m->source);
	if (r == 0)
		r = image_artifact_files(p->st, &a, m->title, m->digest, &names, &paths, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "artifact '%s'", m->source);
	return add_files(p, m, names, paths, err);
}

typedef int (*mount_parser)(const char *text, struct opt_mount *ret, struct cmk_err *err);

static int collect(struct create_plan *p, char *const *texts, mount_parser parse,
		   struct cmk_err *err)
{
	for (; texts && *texts; texts++) {
		struct opt_mount m = { 0 };
		int r = parse(*texts, &m, err);

		if (r == 0)
			r = streq(m.type, "glob")	? add_glob(p, &m, err)
			    : streq(m.type, "artifact") ? add_artifact(p, &m, err)
							: add_given(p, &m, err);
		opt_mount_done(&m);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "ro", "rw", "z" for all that comes from another container. */
static int from_options(const char *text, const char **ret_write, bool *ret_z, struct cmk_err *err)
{
	cleanup_strv char **words = strv_split(text, ',');

	for (char **w = words; *w; w++) {
		if (streq(*w, "ro") || streq(*w, "rw")) {
			if (*ret_write)
				return cmk_err_set(err, -EINVAL,
						   "cannot set ro or rw options more than once");
			*ret_write = streq(*w, "ro") ? "ro" : "rw";
		} else if (streq(*w, "z")) {
			if (*ret_z)
				return cmk_err_set(err, -EINVAL,
						   "cannot set :z more than once in mount options");
			*ret_z = true;
		} else {
			return cmk_err_set(err, -EINVAL,
					   "invalid option '%s' specified - volumes from another "
					   "container can only use z,ro,rw options",
					   *w);
		}
	}
	return 0;
}

static void take_mount(struct create_plan *p, const struct container_mount *c, const char *write,
		       bool z)
{
	struct opt_mount *old = find_mount(p, c->destination), m = { .relabel = z ? "z" : "" };

	/* tmpfs and such are one container's own. */
	if ((!streq(c->type, "volume") && !streq(c->type, "bind")) || c->overlay)
		return;
	m.type = xstrdup(c->type);
	m.source = xstrdup(streq(c->type, "volume") ? c->name : c->source);
	m.destination = xstrdup(c->destination);
	m.subpath = xstrdup_null(c->subpath);
	for (char **o = c->options; o && *o; o++)
		if (!write || (!streq(*o, "ro") && !streq(*o, "rw")))
			strv_add(&m.options, *o);
	if (write)
		strv_add(&m.options, write);
	/* What is named later wins. */
	if (old) {
		opt_mount_done(old);
		*old = m;
	} else {
		push_mount(p, &m);
	}
}

static int volumes_from(struct create_plan *p, const char *text, struct cmk_err *err)
{
	cleanup_free char *name = xstrndup(text, strcspn(text, ":"));
	const char *colon = strchr(text, ':'), *write = NULL;
	struct container *c = NULL;
	bool z = false;
	int r;

	if (!*name)
		return cmk_err_set(err, -EINVAL, "no container is named");
	r = colon ? from_options(colon + 1, &write, &z, err) : 0;
	if (r < 0)
		return r;
	r = container_open(p->st, name, &c, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "looking up container '%s' for volumes-from", name);
	for (size_t i = 0; i < c->cfg.n_mounts; i++)
		take_mount(p, &c->cfg.mounts[i], write, z);
	(void)container_free(c);
	strv_add(&p->c->cfg.volumes_from, text);
	return 0;
}

/* Of the two lists the second one has the higher rank: its places leave the first. */
static void outrank(struct create_plan *p, struct opt_mount *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct opt_mount *old = find_mount(p, list[i].destination);

		if (old) {
			opt_mount_done(old);
			*old = list[i];
		} else {
			push_mount(p, &list[i]);
		}
	}
	free(list);
}

static int add_volumes_from(struct create_plan *p, struct cmk_err *err)
{
	struct opt_mount *given = p->mounts;
	size_t n = p->n_mounts;
	int r = 0;

	if (!p->o->volumes_from || !*p->o->volumes_from)
		return 0;
	p->mounts = NULL;
	p->n_mounts = 0;
	for (char *const *v = p->o->volumes_from; *v && r == 0; v++)
		r = volumes_from(p, *v, err);
	outrank(p, given, n);
	return r;
}

static int check_devices(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;

	for (char *const *d = p->o->devices; d && *d; d++) {
		struct opt_device dev = { 0 };
		struct stat sb;
		int r;

		if (cdi_name_valid(*d)) {
			strv_add(&p->cdi_names, *d);
			continue;
		}
		r = opt_device_parse(*d, &dev, err);
		if (r == 0 && stat(dev.source, &sb) < 0)
			r = cmk_err_set(err, -errno, "stat %s: %s", dev.source,
					errno == ENOENT ? "no such file or directory"
							: errno_text(errno));
		else if (r == 0 && !S_ISDIR(sb.st_mode) && !S_ISCHR(sb.st_mode) &&
			 !S_ISBLK(sb.st_mode))
			r = cmk_err_set(err, -EINVAL, "not a device node: %s", dev.source);
		if (r < 0) {
			opt_device_done(&dev);
			return r;
		}
		cfg->devices = xrealloc(cfg->devices, cfg->n_devices + 1, sizeof(*cfg->devices));
		cfg->devices[cfg->n_devices++] = (struct container_device){
			.path_on_host = dev.source,
			.path_in_container = dev.destination,
			.permissions = dev.permissions,
		};
	}
	return 0;
}

static int check_secrets(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;

	for (char *const *s = p->o->secrets; s && *s; s++) {
		cleanup(opt_secret_done) struct opt_secret o = { 0 };
		struct secret found = { 0 };
		struct container_secret *c;
		int r = opt_secret_parse(*s, &o, err);

		if (r == 0)
			r = secret_find(p->st, o.name, &found, err);
		if (r < 0)
			return r;
		cfg->secrets = xrealloc(cfg->secrets, cfg->n_secrets + 1, sizeof(*cfg->secrets));
		c = &cfg->secrets[cfg->n_secrets++];
		*c = (struct container_secret){
			.name = steal_ptr(&found.name),
			.id = steal_ptr(&found.id),
			.env = o.env,
			.uid = o.uid,
			.gid = o.gid,
			.mode = o.mode,
		};
		if (o.target && (o.env || o.target[0] == '/'))
			c->target = xstrdup(o.target);
		else if (o.env)
			c->target = xstrdup(c->name);
		else
			c->target = xasprintf("/run/secrets/%s", o.target ? o.target : c->name);
		secret_done(&found);
	}
	return 0;
}

int create_mounts(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	int r;

	p->c->cfg.shm_size = o->shm_size;
	r = collect(p, o->volumes, opt_volume_parse, err);
	if (r == 0)
		r = collect(p, o->mounts, opt_mount_parse, err);
	if (r == 0)
		r = collect(p, o->tmpfs, opt_tmpfs_parse, err);
	if (r == 0)
		r = add_volumes_from(p, err);
	if (r == 0)
		r = check_devices(p, err);
	if (r == 0)
		r = create_cdi(p, err);
	return r == 0 ? check_secrets(p, err) : r;
}

static int image_volume(struct create_plan *p, const char *path, struct cmk_err *err)
{
	const char *how = p->o->image_volume ? p->o->image_volume : "anonymous";
	struct opt_mount m = { .relabel = "" };
	cleanup_free char *absolute = NULL;
	int r;

	/* Docker's builder takes relative ones as below the root. */
	absolute = path[0] == '/' ? xstrdup(path) : xasprintf("/%s", path);
	r = opt_path_clean(absolute, &m.destination, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "the image's volume '%s'", path);
	if (streq(m.destination, "/") || find_mount(p, m.destination) || streq(how, "ignore")) {
		opt_mount_done(&m);
		return 0;
	}
	if (streq(how, "tmpfs")) {
		m.type = xstrdup("tmpfs");
		m.options = strv_split("rw,rprivate,nosuid,nodev,exec,tmpcopyup", ',');
	} else {
		opt_volume_defaults(&m);
	}
	push_mount(p, &m);
	return 0;
}

int create_image_mounts(struct create_plan *p, struct cmk_err *err)
{
	int r = 0;

	/* Given ones first: they outrank the image's. */
	for (char **v = p->image.volumes; v && *v && r == 0; v++)
		r = image_volume(p, *v, err);
	return r;
}

static size_t path_depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Parents first, whatever the order on the command line; equal ones as they came. */
static void sort_by_depth(struct opt_mount *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct opt_mount m = list[i];
		size_t j = i;

		for (; j > 0 && path_depth(list[j - 1].destination) > path_depth(m.destination);
		     j--)
			list[j] = list[j - 1];
		list[j] = m;
	}
}

/* What --read-only still leaves writable. */
static void add_read_only_tmpfs(struct create_plan *p)
{
	static const char *const dirs[] = { "/tmp", "/run", "/var/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		struct opt_mount m = { .relabel = "" };

		if (find_mount(p, dirs[i]))
			continue;
		m.type = xstrdup("own-tmpfs");
		m.destination = xstrdup(dirs[i]);
		m.options = strv_split("rw,rprivate,nosuid,nodev,tmpcopyup", ',');
		push_mount(p, &m);
	}
}

/* In the place of what is there. */
static void put_mount(struct create_plan *p, struct opt_mount *m)
{
	struct opt_mount *old = find_mount(p, m->destination);

	if (old) {
		opt_mount_done(old);
		*old = *m;
		*m = (struct opt_mount){ 0 };
	} else {
		push_mount(p, m);
	}
}

/* A device, or each below a directory of them. */
static void add_device(struct create_plan *p, const char *source, const char *destination)
{
	struct opt_mount m = { .relabel = "",
			       .type = xstrdup("device"),
			       .source = xstrdup(source),
			       .destination = xstrdup(destination),
			       .options = strv_split("bind,rprivate,nosuid,noexec", ',') };

	put_mount(p, &m);
}

#define DEVICE_DEPTH_MAX 16

static int add_devices_below(struct create_plan *p, const char *source, const char *destination,
			     unsigned int depth, struct cmk_err *err)
{
	cleanup_dir DIR *d = opendir(source);
	struct dirent *e;
	int r = 0;

	if (!d)
		return cmk_err_errno(err, "device directory '%s'", source);
	while (r == 0 && (e = readdir(d))) {
		cleanup_free char *from = xasprintf("%s/%s", source, e->d_name);
		cleanup_free char *to = xasprintf("%s/%s", destination, e->d_name);
		struct stat sb;

		if (streq(e->d_name, ".") || streq(e->d_name, "..") || lstat(from, &sb) < 0)
			continue;
		if (S_ISCHR(sb.st_mode) || S_ISBLK(sb.st_mode))
			add_device(p, from, to);
		else if (S_ISDIR(sb.st_mode) && depth < DEVICE_DEPTH_MAX)
			r = add_devices_below(p, from, to, depth + 1, err);
	}
	return r;
}

/* What is the container's own there, or would be the host's terminals. */
static bool is_own_device(const char *name)
{
	static const char *const names[] = { "null",	"zero", "full", "random",
					     "urandom", "tty",	"ptmx", "console" };
	const char *number = str_after(name, "tty");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(name, names[i]))
			return true;
	return number && *number && number[strspn(number, "0123456789")] == '\0';
}

/* --privileged: the devices of the host as far as the caller sees them; whether it may use one is
 * the device's matter. One that is gone at a later start is left out. */
static void add_host_devices(struct create_plan *p, const char *dir, unsigned int depth)
{
	static const char *const passed[] = { "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts" };
	cleanup_dir DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		cleanup_free char *path = xasprintf("%s/%s", dir, e->d_name);
		struct stat sb;
		bool pass = streq(e->d_name, ".") || streq(e->d_name, "..") ||
			    (depth == 0 && is_own_device(e->d_name));

		for (size_t i = 0; i < ARRAY_LEN(passed); i++)
			pass |= streq(e->d_name, passed[i]);
		if (pass || lstat(path, &sb) < 0)
			continue;
		if (S_ISDIR(sb.st_mode) && depth < DEVICE_DEPTH_MAX) {
			add_host_devices(p, path, depth + 1);
		} else if ((S_ISCHR(sb.st_mode) || S_ISBLK(sb.st_mode)) && !find_mount(p, path)) {
			add_device(p, path, path);
			strv_add(&p->mounts[p->n_mounts - 1].options, "x-cmk.optional");
		}
	}
}

static int add_devices(struct create_plan *p, struct cmk_err *err)
{
	for (size_t i = 0; i < p->c->cfg.n_devices; i++) {
		const struct container_device *d = &p->c->cfg.devices[i];
		struct stat sb;
		int r = 0;

		if (stat(d->path_on_host, &sb) < 0)
			return cmk_err_errno(err, "stat %s", d->path_on_host);
		if (S_ISDIR(sb.st_mode))
			r = add_devices_below(p, d->path_on_host, d->path_in_container, 0, err);
		else
			add_device(p, d->path_on_host, d->path_in_container);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the values are put together before each is bound to its place: see runtime/secrets.c. */
static int add_secrets(struct create_plan *p, int dirfd, struct cmk_err *err)
{
	for (size_t i = 0; i < p->c->cfg.n_secrets; i++) {
		const struct container_secret *s = &p->c->cfg.secrets[i];
		struct opt_mount m = { .relabel = "" };

		if (s->env)
			continue;
		if (mkdirat(dirfd, "secrets", 0700) < 0 && errno != EEXIST)
			return cmk_err_errno(err, "make 'secrets'");
		if (find_mount(p, s->target))
			return cmk_err_set(err, -EINVAL, "%s: duplicate mount destination",
					   s->target);
		m.type = xstrdup("secret");
		m.source = xstrdup(s->name);
		m.destination = xstrdup(s->target);
		strv_add_take(&m.options, xasprintf("uid=%u", s->uid));
		strv_add_take(&m.options, xasprintf("gid=%u", s->gid));
		strv_add_take(&m.options, xasprintf("mode=%o", s->mode));
		push_mount(p, &m);
	}
	return 0;
}

/* --shm-size changes the default mount, where the user has put nothing else there. */
static void set_shm_size(struct create_plan *p)
{
	for (size_t i = 0; p->o->shm_size != SHM_SIZE_DEFAULT && i < p->spec->n_mounts; i++) {
		struct spec_mount *m = &p->spec->mounts[i];

		if (!streq(m->destination, "/dev/shm") || !streq(m->type, "tmpfs"))
			continue;
		for (char **o = m->options; o && *o; o++) {
			if (!str_after(*o, "size="))
				continue;
			free(*o);
			*o = xasprintf("size=%lld", (long long)p->o->shm_size);
		}
	}
}

/* --read-only-tmpfs=false. */
static void make_dev_read_only(struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct spec_mount *m = &s->mounts[i];

		if (streq(m->type, "tmpfs") &&
		    (streq(m->destination, "/dev") || streq(m->destination, "/dev/shm")))
			strv_add(&m->options, "ro");
	}
}

int create_place_mounts(struct create_plan *p, int dirfd, struct cmk_err *err)
{
	size_t n_default = p->spec->n_mounts;
	int r;

	set_shm_size(p);
	if (p->o->read_only && p->o->read_only_tmpfs)
		add_read_only_tmpfs(p);
	else if (p->o->read_only)
		make_dev_read_only(p->spec);
	r = add_devices(p, err);
	if (r == 0 && p->o->privileged && !find_mount(p, "/dev"))
		add_host_devices(p, "/dev", 0);
	create_cdi_mounts(p, put_mount);
	create_subscriptions(p, dirfd, is_taken, push_mount);
	if (r == 0)
		r = add_secrets(p, dirfd, err);
	sort_by_depth(p->mounts, p->n_mounts);
	for (size_t i = 0; i < p->n_mounts && r == 0; i++) {
		drop_default(p->spec, n_default, p->mounts[i].destination);
		r = create_place_one(p, dirfd, &p->mounts[i], err);
	}
	if (r < 0)
		return r;
	create_own_mounts(p);
	return 0;
}
