// SPDX-License-Identifier: Apache-2.0
/* --userns and explicit maps: the user namespace of a container and its ids. */
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "libpod/container/create.h"
#include "libpod/container/idmap.h"
#include "libpod/libpod.h"

static void put_map(const struct id_map *m, struct spec_id_mapping **ret, size_t *ret_n)
{
	*ret = xcalloc(m->n + 1, sizeof(**ret));
	*ret_n = m->n;
	for (size_t i = 0; i < m->n; i++)
		(*ret)[i] = (struct spec_id_mapping){ .container_id = m->range[i].inside,
						      .host_id = m->range[i].outside,
						      .size = m->range[i].count };
}

void create_take_maps(struct create_plan *p, struct id_map_pair *maps)
{
	put_map(&maps->uids, &p->spec->uid_mappings, &p->spec->n_uid_mappings);
	put_map(&maps->gids, &p->spec->gid_mappings, &p->spec->n_gid_mappings);
	id_map_pair_done(maps);
}

/* Its files were given owners by its map: the same here. */
static int join_container(struct create_plan *p, const char *name, struct cmk_err *err)
{
	struct container *target = NULL;
	cleanup_free char *path = NULL;
	struct spec *theirs = NULL;
	int r = container_open(p->st, name, &target, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "looking up container to share user namespace with");
	path = xasprintf("container:%s", target->cfg.id);
	r = spec_load(target->dir_fd, &theirs, err);
	if (r == 0) {
		spec_set_namespace(p->spec, "user", path);
		p->spec->uid_mappings = steal_ptr(&theirs->uid_mappings);
		p->spec->gid_mappings = steal_ptr(&theirs->gid_mappings);
		p->spec->n_uid_mappings = theirs->n_uid_mappings;
		p->spec->n_gid_mappings = theirs->n_gid_mappings;
		theirs->n_uid_mappings = theirs->n_gid_mappings = 0;
		p->c->cfg.userns_mode = steal_ptr(&path);
		if (!strv_has(p->c->cfg.requires, target->cfg.id))
			strv_add(&p->c->cfg.requires, target->cfg.id);
	}
	(void)spec_free(theirs);
	(void)container_free(target);
	return r;
}

static int join_path(struct create_plan *p, const char *path, struct cmk_err *err)
{
	struct stat sb;

	if (*path != '/' || stat(path, &sb) < 0)
		return cmk_err_set(err, -ENOENT,
				   "cannot find specified user namespace path: faccessat %s: no "
				   "such file or directory",
				   path);
	spec_set_namespace(p->spec, "user", path);
	p->c->cfg.userns_mode = xasprintf("ns:%s", path);
	return 0;
}

static int keep_id(struct create_plan *p, const char *mode, const char *options,
		   struct cmk_err *err)
{
	const struct userns_config *config;
	struct id_map_pair maps = { 0 };
	uint32_t uid, gid;
	int r = storage_userns(p->st, &config, err);

	if (r == 0)
		r = idmap_keep_id(config, options, &maps, &uid, &gid, err);
	if (r < 0)
		return r;
	create_take_maps(p, &maps);
	p->c->cfg.userns_mode = xstrdup(mode);
	p->default_user = xasprintf("%u:%u", uid, gid);
	return 0;
}

static int nomap(struct create_plan *p, const char *mode, struct cmk_err *err)
{
	const struct userns_config *config;
	struct id_map_pair maps = { 0 };
	int r = storage_userns(p->st, &config, err);

	if (r == 0)
		r = idmap_nomap(config, &maps, err);
	if (r < 0)
		return r;
	create_take_maps(p, &maps);
	p->c->cfg.userns_mode = xstrdup(mode);
	return 0;
}

static int given_maps(struct create_plan *p, struct cmk_err *err)
{
	const struct userns_config *config;
	struct id_map_pair maps = { 0 };
	int r = storage_userns(p->st, &config, err);

	if (r == 0)
		r = idmap_given(config, p->o->uidmap, p->o->gidmap, &maps, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "initializing ID mappings");
	create_take_maps(p, &maps);
	p->c->cfg.userns_mode = xstrdup("private");
	return 0;
}

/* The ranges of another user are not ours to map; those of our own are all subordinate ids. */
static int sub_names(struct create_plan *p, struct cmk_err *err)
{
	const char *names[] = { p->o->subuidname ?: p->o->subgidname,
				p->o->subgidname ?: p->o->subuidname };
	struct passwd pw, *found = NULL;
	char buf[4096];

	(void)getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!found || !streq(pw.pw_name, names[i]))
			return cmk_err_set(err, -EPERM,
					   "subordinate ids of '%s': they are not yours to use",
					   names[i]);
	return nomap(p, "private", err);
}

static int unknown(const char *mode, struct cmk_err *err)
{
	if (streq(mode, "private"))
		return cmk_err_set(err, -EINVAL,
				   "must provide at least one UID or GID mapping to configure a "
				   "user namespace");
	(void)cmk_err_set(err, -EINVAL, "unrecognized namespace mode %s passed for user", mode);
	return cmk_err_hint(err, "there are auto, host, keep-id, nomap, container:NAME and ns:PATH")
		       ?: -EINVAL;
}

int create_check_user_namespace(struct create_plan *p, struct cmk_err *err)
{
	const struct container_options *o = p->o;
	bool maps = strv_len(o->uidmap) || strv_len(o->gidmap);
	bool names = o->subuidname || o->subgidname;
	const char *mode = o->userns, *v;

	/* podman-run(1): the variable stands for the option. */
	if (!mode && !maps && !names)
		mode = getenv("PODMAN_USERNS");
	if (mode && *mode && (maps || names) && !streq(mode, "private"))
		return cmk_err_set(err, -EINVAL,
				   "--userns and --uidmap/--gidmap/--subuidname/--subgidname are "
				   "mutually exclusive");
	if (maps && names)
		return cmk_err_set(err, -EINVAL,
				   "--uidmap/--gidmap and --subuidname/--subgidname are mutually "
				   "exclusive");
	if (maps)
		return given_maps(p, err);
	if (names)
		return sub_names(p, err);
	if (!mode || !*mode || streq(mode, "host") || streq(mode, "default"))
		return 0;
	if (streq(mode, "keep-id") || (v = str_after(mode, "keep-id:")))
		return keep_id(p, mode, streq(mode, "keep-id") ? NULL : v, err);
	if (streq(mode, "auto") || (v = str_after(mode, "auto:"))) {
		p->c->cfg.userns_mode = xstrdup(mode);
		return create_auto_parse(p, streq(mode, "auto") ? NULL : v, err);
	}
	if (streq(mode, "nomap"))
		return nomap(p, mode, err);
	if ((v = str_after(mode, "container:")) && *v)
		return join_container(p, v, err);
	if ((v = str_after(mode, "ns:")) && *v)
		return join_path(p, v, err);
	return unknown(mode, err);
}
