// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"

#define NAME_TRIES 100
#define HOSTNAME_MAX 253
#define HOSTNAME_KERNEL_MAX 64

static void plan_done(struct create_plan *p)
{
	(void)container_free(p->c);
	(void)spec_free(p->spec);
	image_config_done(&p->image);
	port_mapping_list_free(p->ports, p->n_ports);
	free(p->zone);
	free(p->default_user);
	free(p->net_hosts);
	free(p->net_resolv);
	(void)strv_free(p->masks);
	label_options_done(&p->label);
	free(p->seccomp_name);
	free(p->seccomp_text);
	create_cdi_done(p);
	create_auto_done(p);
	create_mounts_done(p);
}

/* -P: a free port of the host for each exposed one that has none. */
static int publish_all(struct create_plan *p, struct cmk_err *err)
{
	size_t n = 0;
	cleanup_free struct exposed_port *list = container_exposed_ports(&p->c->cfg, &n);

	for (size_t e = 0; p->o->publish_all && e < n; e++) {
		bool udp = streq(list[e].protocol, "udp"), sctp = streq(list[e].protocol, "sctp");
		cleanup_free char *text = NULL;
		bool found = false;
		int r;

		for (size_t i = 0; i < p->n_ports; i++) {
			const struct port_mapping *m = &p->ports[i];

			found |= !sctp && (m->protocol == PORT_UDP) == udp &&
				 list[e].port >= m->container_port &&
				 list[e].port < m->container_port + m->range;
		}
		if (found)
			continue;
		text = xasprintf("%d/%s", list[e].port, list[e].protocol);
		r = port_mapping_parse(text, &p->ports, &p->n_ports, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int create_ports(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	int r;

	for (char **e = p->image.exposed_ports; e && *e; e++) {
		r = opt_expose_parse(*e, &cfg->exposed_ports, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "the image's exposed ports");
	}
	if (p->net != NETWORK_SLIRP)
		return 0;
	r = publish_all(p, err);
	if (r == 0 && p->n_ports)
		r = network_ports_assign(p->ports, p->n_ports, err);
	if (r < 0)
		return r;
	cfg->ports = xcalloc(p->n_ports + 1, sizeof(*cfg->ports));
	for (size_t i = 0; i < p->n_ports; i++) {
		const struct port_mapping *m = &p->ports[i];

		cfg->ports[cfg->n_ports++] = (struct container_port){
			.host_ip = xstrdup_null(m->host_ip),
			.protocol = xstrdup(m->protocol == PORT_UDP ? "udp" : "tcp"),
			.host_port = m->host_port,
			.container_port = m->container_port,
			.range = m->range,
		};
	}
	return 0;
}

/* Once before the image is there, so that what is wrong with the options is said before a pull. */
static int create_health(struct create_plan *p, bool has_image, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	const char *image = has_image ? p->image.healthcheck_json : NULL;
	int r;

	cfg->health = health_free(cfg->health);
	r = health_configure(&cfg->health, image, &p->o->health, err);
	if (r == 0 && has_image)
		r = health_check_whole(cfg->health, err);
	if (r == 0 && has_image && streq_null(cfg->sdnotify, "healthy") &&
	    !health_enabled(cfg->health))
		return cmk_err_set(err, -EINVAL,
				   "sdnotify policy \"healthy\" requires a healthcheck to be set");
	return r;
}

/* Everything in memory; the image may be pulled on the way. */
static int plan_build(struct create_plan *p, struct cmk_err *err)
{
	int r = create_check_options(p, err);

	/* As much as can be said before a pull of minutes. */
	if (r == 0)
		r = create_mounts(p, err);
	if (r == 0)
		r = create_check_runtime_mounts(p, err);
	if (r == 0)
		r = create_log(p, err);
	if (r == 0)
		r = create_health(p, false, err);
	if (r == 0)
		r = create_resolve_image(p, err);
	if (r == 0)
		r = create_image_seccomp(p, err);
	if (r == 0)
		r = create_health(p, true, err);
	if (r == 0)
		r = create_image_mounts(p, err);
	if (r == 0)
		r = create_process(p, err);
	if (r == 0)
		r = create_cdi_process(p, err);
	if (r == 0)
		r = create_log_fields(p, err);
	if (r == 0)
		r = create_ports(p, err);
	return r == 0 ? create_hooks(p, err) : r;
}

/* --replace: who has the name goes. */
static int replace(struct create_plan *p, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	struct container *old = NULL;
	int r = container_open(p->st, p->name, &old, &e);

	if (r == 0)
		r = container_remove(old, true, CONTAINER_TIMEOUT_OWN, &e);
	(void)container_free(old);
	if (r < 0 && r != -ENOENT) {
		(void)cmk_err_move(err, &e);
		return cmk_err_wrap(err, r, "replace container '%s'", p->name);
	}
	return container_name_claim(p->st, p->name, p->c->cfg.id, err);
}

/* As podman: without '_', which no host's name has, and no longer than one may be. Of that the
 * kernel takes less (uname(2)). */
static void take_hostname(struct create_plan *p)
{
	struct container_config *cfg = &p->c->cfg;
	char ***env = &p->spec->process.env;
	const char *given = strv_env_get(*env, "HOSTNAME");
	char *name = xcalloc(1, HOSTNAME_MAX + 1), *to = name;

	for (const char *from = cfg->name; *from && to < name + HOSTNAME_MAX; from++)
		if (*from != '_')
			*to++ = *from;
	if (given && streq(given, cfg->hostname)) {
		cleanup_free char *variable = xasprintf("HOSTNAME=%s", name);

		strv_env_set(env, variable);
	}
	free(cfg->hostname);
	cfg->hostname = name;
	free(p->spec->hostname);
	p->spec->hostname = xstrndup(name, HOSTNAME_KERNEL_MAX);
}

static int claim_name(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	int r = -EEXIST;

	if (p->name) {
		r = container_name_claim(p->st, p->name, cfg->id, err);
		if (r == -EEXIST && p->o->replace) {
			cmk_err_done(err);
			r = replace(p, err);
		}
		if (r == 0)
			cfg->name = xstrdup(p->name);
		return r;
	}
	for (unsigned int try = 0; try < NAME_TRIES && r == -EEXIST; try++) {
		cleanup_free char *name = container_name_random(try);

		cmk_err_done(err);
		r = container_name_claim(p->st, name, cfg->id, err);
		if (r == 0)
			cfg->name = steal_ptr(&name);
	}
	return r;
}

static int write_cidfile(const char *path, const char *id, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "write container id file '%s'", path);
	r = write_all(fd, id, strlen(id));
	if (r < 0)
		return cmk_err_set(err, r, "write container id file '%s': %s", path,
				   errno_text(-r));
	return 0;
}

static struct id_map map_of(const struct spec_id_mapping *m, size_t n)
{
	struct id_map map = { 0 };

	for (size_t i = 0; i < n; i++)
		id_map_add(&map, m[i].container_id, m[i].host_id, m[i].size);
	return map;
}

/* Where there is one id alone all files have it. */
int create_map_layers(struct create_plan *p, struct image_layer_ref *layers, size_t n_layers,
		      struct cmk_err *err)
{
	const struct userns_config *config;
	bool durable = !p->c->cfg.remove;
	struct id_map_pair map;
	int r;

	if (p->spec->n_uid_mappings == 0 && p->spec->n_gid_mappings == 0)
		return storage_layers_own(p->st, layers, n_layers, durable, err);
	r = storage_userns(p->st, &config, err);
	if (r < 0 || config->mode == USERNS_SINGLE)
		return r;
	map.uids = map_of(p->spec->uid_mappings, p->spec->n_uid_mappings);
	map.gids = map_of(p->spec->gid_mappings, p->spec->n_gid_mappings);
	r = storage_layers_map(p->st, layers, n_layers, &map, durable, err);
	id_map_pair_done(&map);
	return r;
}

static int prepare_rootfs(struct create_plan *p, struct rootfs_plan *ret, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	int r;

	if (cfg->rootfs && cfg->rootfs_overlay) {
		p->spec->root_path = xasprintf("%s/containers/%s/merged", p->st->root, cfg->id);
		return storage_rootfs_over(p->st, cfg->id, cfg->rootfs, ret, err);
	}
	if (cfg->rootfs) {
		*ret = (struct rootfs_plan){ .driver = xstrdup("rootfs"),
					     .merged = xstrdup(cfg->rootfs),
					     .read_only_bind = true };
		p->spec->root_path = xstrdup(cfg->rootfs);
		return 0;
	}
	r = create_map_layers(p, cfg->layers, cfg->n_layers, err);
	if (r < 0)
		return r;
	p->spec->root_path = xasprintf("%s/containers/%s/merged", p->st->root, cfg->id);
	return storage_rootfs_prepare(p->st, cfg->id, cfg->layers, cfg->n_layers, cfg->remove, ret,
				      err);
}

/* The container's name and directory, which lie in directories of all containers; the name first,
 * since one without a container is free again, and a container without one is not found. */
static int sync_names(struct storage *st, struct cmk_err *err)
{
	if (fsync(st->container_names_fd) < 0 || fsync(st->containers_fd) < 0)
		return cmk_err_errno(err, "sync '%s/containers'", st->root);
	return 0;
}

/* The record comes last: before it nobody else sees a container. */
static int write_records(struct create_plan *p, struct rootfs_plan *rootfs, struct cmk_err *err)
{
	struct container *c = p->c;
	bool durable = !c->cfg.remove;
	int r = claim_name(p, err);

	if (r == 0 && p->o->name_as_hostname && p->plain_hostname)
		take_hostname(p);
	if (r == 0)
		r = create_auto_ids(p, err);
	if (r == 0)
		r = create_label(p, err);
	if (r == 0)
		r = prepare_rootfs(p, rootfs, err);
	if (r == 0)
		storage_rootfs_label(rootfs, spec_mount_context(p->spec), p->spec->mount_label);
	if (r == 0)
		r = create_place_mounts(p, c->dir_fd, err);
	if (r == 0)
		r = create_files(p, c->dir_fd, err);
	if (r == 0)
		r = create_log_dir(p, err);
	if (r == 0 && p->seccomp_text)
		r = file_replace_at(c->dir_fd, CREATE_SECCOMP_FILE, p->seccomp_text, p->seccomp_len,
				    0600, durable ? FILE_DURABLE_DATA : 0, err);
	if (r == 0)
		r = spec_save(c->dir_fd, p->spec, durable, err);
	for (char **need = c->cfg.requires; r == 0 && need && *need; need++)
		r = container_dependent_add(p->st, *need, c->cfg.id, err);
	if (r == 0) {
		c->cfg.created = time_now_rfc3339();
		r = container_config_save(c->dir_fd, &c->cfg, durable, err);
	}
	if (r == 0 && durable)
		r = sync_names(p->st, err);
	/* Those of --volumes-from, too, once the record says who uses them. */
	if (r == 0 && c->cfg.remove && c->cfg.n_mounts)
		r = container_volumes_mark(c->dir_fd, &c->cfg, true, err);
	/* After it, so that no file names a container that never was. */
	if (r == 0 && p->o->cidfile)
		r = write_cidfile(p->o->cidfile, c->cfg.id, err);
	return r;
}

/*
 * Between mkdir and lock the directory looks half-made, and another command's sweep may take it:
 * then it is made again. A removed directory that we locked has no links left.
 */
static int make_dir(struct create_plan *p, struct cmk_err *err)
{
	struct storage *st = p->st;
	struct container *c = p->c;
	struct stat sb;
	int r;

	do {
		if (c->lock_fd >= 0)
			(void)close(c->lock_fd);
		r = container_unfinished_begin(st, c->cfg.id, err);
		if (r < 0)
			return r;
		if (mkdirat(st->containers_fd, c->cfg.id,
			    c->cfg.remove ? CONTAINER_DIR_REMOVE : CONTAINER_DIR) < 0)
			return cmk_err_errno(err, "make '%s/containers/%.12s'", st->root,
					     c->cfg.id);
		c->lock_fd = container_lock_id(st, c->cfg.id, false, err);
		if (c->lock_fd < 0 && c->lock_fd != -ENOENT)
			return c->lock_fd;
		cmk_err_done(err);
	} while (c->lock_fd < 0 || fstat(c->lock_fd, &sb) < 0 || sb.st_nlink == 0);
	/* The sweep may have taken the mark as well. */
	r = container_unfinished_begin(st, c->cfg.id, err);
	if (r == 0)
		r = container_dir(c, err);
	return r < 0 ? r : 0;
}

static void undo(struct create_plan *p)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;

	/* Its anonymous volumes go as well: not while we hold them. */
	create_mounts_done(p);
	if (container_erase(p->st, p->c->cfg.id, p->c->cfg.name, &e) < 0)
		log_warn("container '%.12s' stays behind half-made: %s", p->c->cfg.id,
			 cmk_err_msg(&e));
}

static int plan_write(struct create_plan *p, struct rootfs_plan *rootfs, struct cmk_err *err)
{
	int r;

	container_sweep(p->st);
	r = make_dir(p, err);
	if (r == 0)
		r = write_records(p, rootfs, err);
	if (r < 0) {
		undo(p);
		return r;
	}
	if (!p->o->start || !p->c->cfg.remove)
		container_unfinished_end(p->st, p->c->cfg.id);
	p->c->created_now = p->o->start;
	if (!p->o->start) {
		struct event e = event_of_container(&p->c->cfg, "create");

		event_write(p->st, &e);
	}
	return 0;
}

int container_create(struct storage *st, const struct container_options *o, struct container **ret,
		     struct spec **ret_spec, struct rootfs_plan *ret_rootfs, struct cmk_err *err)
{
	struct create_plan p = {
		.st = st,
		.o = o,
		.name = o->name ? container_name_bare(o->name) : NULL,
	};
	struct rootfs_plan rootfs = { 0 };
	char id[CONTAINER_ID_LEN + 1];
	int r;

	container_id_new(id);
	p.c = xcalloc(1, sizeof(*p.c));
	p.c->st = st;
	p.c->dir_fd = p.c->lock_fd = -1;
	p.c->cfg.schema = CONTAINER_SCHEMA;
	p.c->cfg.id = xstrdup(id);
	p.spec = spec_new();
	r = plan_build(&p, err);
	if (r == 0)
		r = plan_write(&p, &rootfs, err);
	if (r == 0) {
		*ret = steal_ptr(&p.c);
		*ret_spec = steal_ptr(&p.spec);
		*ret_rootfs = rootfs;
	} else {
		rootfs_plan_done(&rootfs);
	}
	plan_done(&p);
	return r;
}
