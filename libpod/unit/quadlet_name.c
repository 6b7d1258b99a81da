// SPDX-License-Identifier: Apache-2.0
/* Names: of units, of templates and their instances, and of what units make. */
#include "libpod/unit/quadlet_internal.h"

/* "NAME@INSTANCE.container". */
bool quadlet_template_parts(const char *name, char **ret_base, char **ret_instance)
{
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

	if (!at || !dot || dot < at)
		return false;
	*ret_base = xstrndup(name, (size_t)(at + 1 - name));
	*ret_instance = xstrndup(at + 1, (size_t)(dot - at - 1));
	return true;
}

struct quadlet_unit *quadlet_find(const struct quadlet_set *set, const char *name)
{
	struct quadlet_unit *u = quadlet_find_file(set, name);
	cleanup_free char *base = NULL, *instance = NULL, *template = NULL;

	if (u || !quadlet_template_parts(name, &base, &instance))
		return u;
	template = xasprintf("%s%s", base, strrchr(name, '.'));
	return quadlet_find_file(set, template);
}

char *quadlet_service_of(const struct quadlet_set *set, const char *name)
{
	struct quadlet_unit *u = quadlet_find(set, name);
	cleanup_free char *base = NULL, *instance = NULL;

	if (!u || !u->service)
		return NULL;
	if (streq(u->name, name) || !quadlet_template_parts(name, &base, &instance))
		return xstrdup(u->service);
	return xasprintf("%s%s.service", base, instance);
}

/* What systemd replaces by something else in each unit: not the same to another. */
static bool names_itself(const char *name)
{
	for (const char *p = strchr(name, '%'); p; p = strchr(p + 2, '%')) {
		if (p[1] && strchr("nNpPiIjJfdCcyY", p[1]))
			return true;
		if (!p[1])
			break;
	}
	return false;
}

/* NAME with STEM for "%N"; NULL where another unit cannot say it. */
static char *name_for_others(const char *name, const char *stem)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	for (const char *p = name; *p; p++) {
		if (p[0] == '%' && p[1] == '%') {
			strbuf_adds(&sb, "%%");
			p++;
		} else if (p[0] == '%' && p[1] == 'N') {
			strbuf_adds(&sb, stem);
			p++;
		} else {
			strbuf_addc(&sb, *p);
		}
	}
	return names_itself(strbuf_str(&sb)) ? NULL : strbuf_steal(&sb);
}

static char *default_name(const char *stem)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "_.-";

	return stem[strspn(stem, set)] ? NULL : xasprintf("systemd-%s", stem);
}

static char *resource_name(const struct quadlet_unit *u, const char *file_stem)
{
	static const char *const keys[] = {
		[QUADLET_CONTAINER] = "ContainerName",
		[QUADLET_VOLUME] = "VolumeName",
		[QUADLET_IMAGE] = "ImageTag",
	};
	const char *section = quadlet_kinds[u->kind].section, *given;
	cleanup_free char *stem = xstrndup(u->service, strlen(u->service) - strlen(".service"));

	given = unitfile_value(&u->file, section, keys[u->kind]);
	if (!given && u->kind == QUADLET_IMAGE)
		given = unitfile_value(&u->file, section, "Image");
	if (given)
		return name_for_others(given, stem);
	if (u->kind == QUADLET_IMAGE)
		return NULL;
	return default_name(u->kind == QUADLET_CONTAINER ? stem : file_stem);
}

static int name_wrong(const struct quadlet_unit *u, const char *why, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "%s: %s", u->path, why);
}

int quadlet_name_unit(struct quadlet_unit *u, struct cmk_err *err)
{
	const struct quadlet_kind_info *kind = &quadlet_kinds[u->kind];
	const struct unitfile_line *given = unitfile_last(&u->file, kind->section, "ServiceName");
	cleanup_free char *stem = xstrndup(u->name, strlen(u->name) - strlen(kind->suffix));
	cleanup_free char *service = given ? xasprintf("%s.service", given->value)
					   : xasprintf("%s%s.service", stem, kind->behind);

	if (strchr(stem, '@') && u->kind != QUADLET_CONTAINER)
		return name_wrong(u, "there are templates of containers alone", err);
	if (given && (strchr(stem, '@') || strchr(given->value, '@')))
		return cmk_err_set(err, -EINVAL,
				   "%s:%u: ServiceName=: the name of a template is that of its "
				   "file",
				   given->file, given->line);
	if (!unitfile_is_unit_name(service)) {
		if (given)
			return cmk_err_set(err, -EINVAL,
					   "%s:%u: ServiceName=: '%.80s' cannot be a unit's name",
					   given->file, given->line, given->value);
		return name_wrong(u, "its name cannot be a unit's", err);
	}
	u->service = steal_ptr(&service);
	if (kind->missing)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP, "%s: %s", u->path,
				    kind->missing);
	u->resource = resource_name(u, stem);
	return 0;
}
