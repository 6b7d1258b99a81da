// SPDX-License-Identifier: Apache-2.0
/* The files that cmk writes for a container and mounts into it. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"

#define ZONEINFO "/usr/share/zoneinfo"
#define ZONE_ERROR "running container create option: finding timezone: "
#define ZONE_MAX (256 << 10)
#define HOSTS_MAX (256 << 10)

/* --- what is asked for -------------------------------------------------------------------------
 */

static int conflict(const char *a, const char *b, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "--%s and --%s cannot be set together", a, b);
}

static bool given(char *const *list)
{
	return list && *list;
}

/* With no network of its own a container cannot ask; with another's it has the other's files. */
static int check_dns(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	const struct {
		const char *name;
		char *const *list;
	} rows[] = { { "dns", o->dns },
		     { "dns-option", o->dns_options },
		     { "dns-search", o->dns_search } };
	bool none = given(o->dns) && strv_has(o->dns, "none");
	cleanup_free char *text = NULL;

	for (size_t i = 0; p->net == NETWORK_NONE && i < ARRAY_LEN(rows); i++)
		if (given(rows[i].list))
			return cmk_err_set(err, -EINVAL,
					   "conflicting options: %s and the network mode: none",
					   rows[i].name);
	if (none && (strv_len(o->dns) > 1 || given(o->dns_options) || given(o->dns_search)))
		return cmk_err_set(err, -EINVAL,
				   "--dns none leaves the image's resolv.conf as it is: no server, "
				   "option or search domain may stand beside it");
	p->c->cfg.dns = strv_dup(o->dns);
	p->c->cfg.dns_options = strv_dup(o->dns_options);
	p->c->cfg.dns_search = strv_dup(o->dns_search);
	return none ? 0
		    : network_resolv_conf(p->net, o->dns, o->dns_search, o->dns_options, &text,
					  err);
}

static int check_hosts(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	const struct network_hosts_args args = { .mode = p->net,
						 .add = o->add_hosts,
						 .internal_ip = o->host_internal_ip };
	cleanup_free char *text = NULL;

	if (o->no_hosts && given(o->add_hosts))
		return conflict("no-hosts", "add-host", err);
	if (o->no_hosts && o->hosts_file)
		return conflict("no-hosts", "hosts-file", err);
	if (o->hosts_file && *o->hosts_file && *o->hosts_file != '/' &&
	    !streq(o->hosts_file, "image") && !streq(o->hosts_file, "none"))
		return cmk_err_set(err, -EINVAL,
				   "--hosts-file '%s': neither an absolute path nor image or none",
				   o->hosts_file);
	p->c->cfg.add_hosts = strv_dup(o->add_hosts);
	p->c->cfg.hosts_file = o->hosts_file && *o->hosts_file ? xstrdup(o->hosts_file) : NULL;
	p->c->cfg.no_hosts = o->no_hosts;
	p->c->cfg.no_hostname = o->no_hostname;
	return network_hosts(&args, &text, err);
}

/* The zone's file of the host: below the directory of zones, and a file that begins as they do
 * (tzfile(5)). */
static int read_zone(const char *zone, char **ret, size_t *ret_len, struct cmk_err *err)
{
	const char *dir = getenv("TZDIR");
	cleanup_close int dirfd = -1, fd = -1;
	struct stat sb;
	int r;

	if (streq(zone, "local"))
		return file_read_at(AT_FDCWD, "/etc/localtime", ZONE_MAX, ret, ret_len, err);
	/* As Go's package time: it does not look for what leads out of its directory. */
	if (*zone == '/' || strstr(zone, ".."))
		return cmk_err_set(err, -EINVAL, ZONE_ERROR "time: invalid location name");
	dirfd = open(dir && *dir ? dir : ZONEINFO, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0)
		fd = openat(dirfd, zone, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return cmk_err_set(err, -EINVAL, ZONE_ERROR "unknown time zone %s", zone);
	if (fstat(fd, &sb) == 0 && S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -EISDIR, ZONE_ERROR "is a directory");
	r = file_read_fd(fd, ZONE_MAX, ret, ret_len, err);
	if (r == 0 && (*ret_len < 4 || memcmp(*ret, "TZif", 4) != 0)) {
		free(steal_ptr(ret));
		return cmk_err_set(err, -EINVAL, ZONE_ERROR "unknown time zone %s", zone);
	}
	return r < 0 ? cmk_err_wrap(err, r, ZONE_ERROR "%s", zone) : 0;
}

int create_check_files(struct create_plan *p, struct cmk_err *err)
{
	int r = check_dns(p, err);

	if (r == 0)
		r = check_hosts(p, err);
	if (r == 0 && p->o->timezone && *p->o->timezone) {
		p->c->cfg.timezone = xstrdup(p->o->timezone);
		r = read_zone(p->o->timezone, &p->zone, &p->zone_len, err);
	}
	return r;
}

/* --- what is mounted ---------------------------------------------------------------------------
 */

static bool wants_hosts(const struct create_plan *p)
{
	return !p->o->no_hosts;
}

static bool wants_hostname(const struct create_plan *p)
{
	return !p->o->no_hostname;
}

static bool wants_resolv(const struct create_plan *p)
{
	return !(p->o->dns && strv_has(p->o->dns, "none"));
}

/* What is mounted at /run is not ours to write to, but for a tmpfs. */
static bool wants_env(const struct create_plan *p)
{
	for (size_t i = 0; i < p->spec->n_mounts; i++) {
		const struct spec_mount *m = &p->spec->mounts[i];

		if (streq(m->destination, "/run") && !streq(m->type, "tmpfs"))
			return false;
	}
	return true;
}

static bool wants_zone(const struct create_plan *p)
{
	return p->zone;
}

/* An image's own hosts file (--hosts-file=image) from its layers, the uppermost first. What hides
 * it is a whiteout, which is no regular file. */
static int image_hosts(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	const struct container_config *cfg = &p->c->cfg;

	if (cfg->rootfs) {
		cleanup_close int root = open(cfg->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
		int fd = root < 0 ? -errno
				  : open_resolved(root, "etc/hosts", O_RDONLY | O_NONBLOCK, 0,
						  RESOLVE_IN_ROOT);
		int r = fd < 0 ? 0 : file_read_fd(fd, HOSTS_MAX, ret, ret_len, err);

		cleanup_close_fn(&fd);
		return r;
	}
	for (size_t i = cfg->n_layers; i > 0; i--) {
		cleanup_close int dir = storage_layer_open(p->st, cfg->layers[i - 1].diff_id, NULL);
		cleanup_close int fd = dir < 0 ? -ENOENT
					       : open_resolved(dir, "diff/etc/hosts",
							       O_RDONLY | O_NONBLOCK, 0,
							       RESOLVE_BENEATH |
								       RESOLVE_NO_SYMLINKS);
		struct stat sb;

		if (fd == -ENOENT)
			continue;
		if (fd < 0 || fstat(fd, &sb) < 0)
			return cmk_err_set(err, fd < 0 ? fd : -errno, "the image's /etc/hosts: %s",
					   errno_text(fd < 0 ? -fd : errno));
		if (!S_ISREG(sb.st_mode))
			return 0;
		return file_read_fd(fd, HOSTS_MAX, ret, ret_len, err);
	}
	return 0;
}

static int hosts_base(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	const char *file = p->c->cfg.hosts_file;
	int r;

	if (file && streq(file, "none"))
		return 0;
	if (file && streq(file, "image"))
		return image_hosts(p, ret, ret_len, err);
	r = file_read_at(AT_FDCWD, file ? file : "/etc/hosts", HOSTS_MAX, ret, ret_len, err);
	if (r < 0 && !file) {
		/* A host without one has nothing to tell. */
		cmk_err_done(err);
		return 0;
	}
	return r < 0 ? cmk_err_wrap(err, r, "--hosts-file '%s'", file) : 0;
}

static int text_hosts(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_free char *base = NULL;
	struct network_hosts_args args = { .mode = p->net,
					   .hostname = p->c->cfg.hostname,
					   .domainname = p->spec->domainname,
					   .name = p->c->cfg.name,
					   .add = p->o->add_hosts,
					   .internal_ip = p->o->host_internal_ip };
	int r = hosts_base(p, &base, &args.base_len, err);

	args.base = base;
	if (r == 0)
		r = network_hosts(&args, ret, err);
	if (r == 0)
		*ret_len = strlen(*ret);
	return r;
}

static int text_hostname(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	(void)err;
	*ret = xasprintf("%s\n", p->c->cfg.hostname);
	*ret_len = strlen(*ret);
	return 0;
}

static int text_resolv(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	int r = network_resolv_conf(p->net, p->o->dns, p->o->dns_search, p->o->dns_options, ret,
				    err);

	if (r == 0)
		*ret_len = strlen(*ret);
	return r;
}

/* A mount shows the data directory: what runs engines of its own inside asks for that. */
static bool shows_store(const struct create_plan *p)
{
	for (size_t i = 0; i < p->spec->n_mounts; i++) {
		const struct spec_mount *m = &p->spec->mounts[i];
		const char *rest = streq(m->type, "bind") && m->source
					   ? str_after(p->st->root, m->source)
					   : NULL;

		if (rest && (!*rest || *rest == '/' || streq(m->source, "/")))
			return true;
	}
	return false;
}

/* What only a privileged container is told, as podman has it, but for the data directory. */
static int text_env(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	const struct container_config *cfg = &p->c->cfg;
	const char *store = shows_store(p) ? "graphRootMounted=1\n" : "";

	(void)err;
	*ret = cfg->privileged ? xasprintf("engine=\"cmk-" PACKAGE_VERSION "\"\n"
					   "name=\"%s\"\nid=\"%s\"\nimage=\"%s\"\nimageid=\"%s\"\n"
					   "rootless=%d\n%s",
					   cfg->name, cfg->id, cfg->image_name ?: "",
					   cfg->image_id ?: "", geteuid() != 0, store)
			       : xstrdup(store);
	*ret_len = strlen(*ret);
	return 0;
}

static int text_zone(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err)
{
	(void)err;
	*ret = steal_ptr(&p->zone);
	*ret_len = p->zone_len;
	return 0;
}

static const struct own_file {
	const char *name, *destination;
	bool (*wanted)(const struct create_plan *p);
	int (*text)(struct create_plan *p, char **ret, size_t *ret_len, struct cmk_err *err);
} own_files[] = {
	{ "hosts", "/etc/hosts", wants_hosts, text_hosts },
	{ "hostname", "/etc/hostname", wants_hostname, text_hostname },
	{ "resolv.conf", "/etc/resolv.conf", wants_resolv, text_resolv },
	{ ".containerenv", "/run/.containerenv", wants_env, text_env },
	{ "localtime", "/etc/localtime", wants_zone, text_zone },
};

static bool has_mount(const struct spec *s, const char *destination)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (streq(s->mounts[i].destination, destination))
			return true;
	}
	return false;
}

/* With another's network that one's file, *RET, is taken, or none where it has none. */
static bool is_anothers(const struct create_plan *p, const char *name, const char **ret)
{
	bool hosts = streq(name, "hosts");

	*ret = hosts ? p->net_hosts : p->net_resolv;
	return p->net == NETWORK_CONTAINER && (hosts || streq(name, "resolv.conf"));
}

void create_own_mounts(struct create_plan *p)
{
	for (size_t i = 0; i < ARRAY_LEN(own_files); i++) {
		const struct own_file *f = &own_files[i];
		cleanup_free char *own = NULL;
		const char *theirs = NULL;

		if (!f->wanted(p) || has_mount(p->spec, f->destination))
			continue;
		own = xasprintf("%s/containers/%s/%s", p->st->root, p->c->cfg.id, f->name);
		if (!is_anothers(p, f->name, &theirs))
			spec_add_mount(p->spec, f->destination, "bind", own,
				       "bind,rprivate,x-cmk.own");
		else if (theirs)
			spec_add_mount(p->spec, f->destination, "bind", theirs, "bind,rprivate");
	}
}

int create_files(struct create_plan *p, int dirfd, struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(own_files); i++) {
		const struct own_file *f = &own_files[i];
		cleanup_free char *text = NULL;
		size_t len = 0;
		int r;

		if (!f->wanted(p))
			continue;
		r = f->text(p, &text, &len, err);
		if (r == 0)
			r = file_replace_at(dirfd, f->name, text, len, 0644,
					    p->c->cfg.remove ? 0 : FILE_DURABLE_DATA, err);
		if (r == 0)
			r = create_label_file(p, dirfd, f->name, err);
		if (r < 0)
			return r;
	}
	return 0;
}
