// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "libpod/container/create.h"

#define UUID_LEN 32

/* What --systemd=true goes by, as podman-run(1) has it. */
static bool is_systemd(char *const *command)
{
	static const char *const inits[] = { "/sbin/init", "/usr/sbin/init",
					     "/usr/local/sbin/init" };
	const char *base;

	/* An ENTRYPOINT in its shell form. */
	if (strv_len(command) > 2 && streq(command[0], "/bin/sh") && streq(command[1], "-c"))
		command += 2;
	if (!command || !*command)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(inits); i++)
		if (streq(*command, inits[i]))
			return true;
	base = strrchr(*command, '/');
	return streq(base ? base + 1 : *command, "systemd");
}

static bool wanted(const struct create_plan *p)
{
	const char *mode = p->o->systemd;
	bool on = true;

	if (mode && streq(mode, "always"))
		return true;
	if (mode && *mode)
		(void)parse_bool(mode, &on);
	return on && is_systemd(p->c->cfg.command);
}

static struct spec_mount *find_mount(struct spec *s, const char *destination)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].destination, destination))
			return &s->mounts[i];
	return NULL;
}

/* One more default, under the user's own mounts, which may lie inside or replace it. */
static void add_tmpfs_first(struct spec *s, const char *destination)
{
	struct spec_mount m;

	if (find_mount(s, destination))
		return;
	spec_add_mount(s, destination, "tmpfs", "tmpfs", "rw,rprivate,nosuid,nodev,tmpcopyup");
	m = s->mounts[s->n_mounts - 1];
	memmove(s->mounts + 1, s->mounts, (s->n_mounts - 1) * sizeof(m));
	s->mounts[0] = m;
}

void create_systemd(struct create_plan *p)
{
	/* Parents last: each is put in front of the ones before. */
	static const char *const dirs[] = { "/var/log/journal", "/tmp", "/run/lock", "/run" };
	struct container_config *cfg = &p->c->cfg;
	const struct spec_mount *group;
	cleanup_free char *uuid = NULL;

	if (!wanted(p))
		return;
	cfg->systemd = true;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		add_tmpfs_first(p->spec, dirs[i]);
	group = find_mount(p->spec, "/sys/fs/cgroup");
	if (group && streq_null(group->type, "cgroup"))
		spec_make_writable(p->spec, "/sys/fs/cgroup");
	/* systemd(1): asks for an orderly halt. */
	if (!cfg->stop_signal)
		cfg->stop_signal = xstrdup("SIGRTMIN+3");
	uuid = xasprintf("container_uuid=%.*s", UUID_LEN, cfg->id);
	if (!strv_env_get(p->spec->process.env, "container_uuid"))
		strv_env_set(&p->spec->process.env, uuid);
}
