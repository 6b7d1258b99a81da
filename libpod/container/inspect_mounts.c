// SPDX-License-Identifier: Apache-2.0
/* What `inspect` shows of mounts, secrets and devices: from the record, as they were asked for. */
#include "libpod/container/inspect.h"

static bool is_propagation(const char *word)
{
	static const char *const words[] = { "private", "shared", "slave", "unbindable" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(word, words[i]) || (word[0] == 'r' && streq(word + 1, words[i])))
			return true;
	return false;
}

static void write_options(struct json_writer *w, char *const *options)
{
	json_write_array(w, "Options");
	for (; options && *options; options++)
		if (!streq(*options, "ro") && !streq(*options, "rw") && !is_propagation(*options))
			json_write_str(w, NULL, *options);
	json_write_end(w, ']');
}

static const char *propagation(char *const *options)
{
	for (; options && *options; options++)
		if (is_propagation(*options))
			return *options;
	return "";
}

void inspect_mounts(struct json_writer *w, const struct container *c)
{
	json_write_array(w, "Mounts");
	for (size_t i = 0; i < c->cfg.n_mounts; i++) {
		const struct container_mount *m = &c->cfg.mounts[i];
		bool volume = streq(m->type, "volume"), image = streq(m->type, "image");
		bool artifact = streq(m->type, "artifact");

		/* What is in memory stands in HostConfig.Tmpfs. */
		if (streq(m->type, "tmpfs") || streq(m->type, "ramfs"))
			continue;
		json_write_object(w, NULL);
		/* As podman, which has no word for a devpts. */
		json_write_str(w, "Type", volume || image || artifact ? m->type : "bind");
		if (volume)
			json_write_str(w, "Name", m->name);
		json_write_str(w, "Source", artifact ? m->name : m->source ? m->source : m->type);
		json_write_str(w, "Destination", m->destination);
		json_write_str(w, "Driver", volume ? "local" : "");
		json_write_str(w, "Mode", inspect_str(m->mode));
		write_options(w, m->options);
		json_write_bool(w, "RW", image ? m->read_write_image : !strv_has(m->options, "ro"));
		json_write_str(w, "Propagation", propagation(m->options));
		if (m->subpath)
			json_write_str(w, "SubPath", m->subpath);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

/* Variables that are secrets get their values at each start, and never here. */
void inspect_env(struct json_writer *w, const struct container *c, const struct spec *s)
{
	cleanup_strv char **env = strv_dup(s->process.env);

	for (size_t i = 0; i < c->cfg.n_secrets; i++) {
		cleanup_free char *text = NULL;

		if (!c->cfg.secrets[i].env)
			continue;
		text = xasprintf("%s=*******", c->cfg.secrets[i].target);
		strv_env_set(&env, text);
	}
	json_write_strv(w, "Env", env);
}

void inspect_secrets(struct json_writer *w, const struct container *c)
{
	if (c->cfg.n_secrets == 0) {
		json_write_null(w, "Secrets");
		return;
	}
	json_write_array(w, "Secrets");
	for (size_t i = 0; i < c->cfg.n_secrets; i++) {
		const struct container_secret *s = &c->cfg.secrets[i];

		json_write_object(w, NULL);
		json_write_str(w, "Name", s->name);
		json_write_str(w, "ID", s->id);
		json_write_u64(w, "UID", s->uid);
		json_write_u64(w, "GID", s->gid);
		json_write_u64(w, "Mode", s->mode);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

void inspect_devices(struct json_writer *w, const struct container *c)
{
	json_write_array(w, "Devices");
	/* As podman: a privileged one has them all. */
	for (size_t i = 0; i < c->cfg.n_devices && !c->cfg.privileged; i++) {
		const struct container_device *d = &c->cfg.devices[i];

		json_write_object(w, NULL);
		json_write_str(w, "PathOnHost", d->path_on_host);
		json_write_str(w, "PathInContainer", d->path_in_container);
		json_write_str(w, "CgroupPermissions", d->permissions);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

void inspect_volumes_from(struct json_writer *w, const struct container *c)
{
	if (c->cfg.volumes_from)
		json_write_strv(w, "VolumesFrom", c->cfg.volumes_from);
	else
		json_write_null(w, "VolumesFrom");
}
