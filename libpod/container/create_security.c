// SPDX-License-Identifier: Apache-2.0
/* Capabilities, --privileged, --security-opt: how a container is confined. */
#include <fcntl.h>
#include <fnmatch.h>
#include <strings.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/container/create.h"
#include "libpod/libpod.h"
#include "libpod/option/optparse.h"
#include "libpod/runtime/seccomp.h"
#include "libpod/runtime/seccomp_profile.h"

/* --- words of --security-opt -------------------------------------------------------------------
 */

static int word_no_new_privileges(struct create_plan *p, const char *value, struct cmk_err *err)
{
	bool on = true;

	if (*value && parse_bool(value, &on) < 0)
		return cmk_err_set(err, -EINVAL, "'%s' is not true or false", value);
	p->spec->process.no_new_privileges = on;
	return 0;
}

/* The container keeps the text: it stays what it is when the file changes or goes. */
static void take_profile(struct create_plan *p, const char *text, size_t len)
{
	free(p->seccomp_text);
	p->seccomp_text = xmemdup(text, len + 1);
	p->seccomp_len = len;
	free(p->spec->seccomp_profile);
	p->spec->seccomp_profile = xasprintf("%s/containers/%s/" CREATE_SECCOMP_FILE, p->st->root,
					     p->c->cfg.id);
}

static int word_seccomp(struct create_plan *p, const char *value, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	free(p->seccomp_name);
	p->seccomp_name = NULL;
	if (streq(value, "unconfined") || streq(value, "default") || streq(value, "builtin")) {
		free(p->spec->seccomp_profile);
		p->spec->seccomp_profile = xstrdup(*value == 'u' ? value : "default");
		return 0;
	}
	r = file_read_at(AT_FDCWD, value, SECCOMP_PROFILE_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "seccomp profile");
	p->seccomp_name = xstrdup(value);
	take_profile(p, text, len);
	return 0;
}

static int word_mask(struct create_plan *p, const char *value, struct cmk_err *err)
{
	cleanup_strv char **paths = strv_split(value, ':');

	for (char **path = paths; *path; path++) {
		if (**path != '/')
			return cmk_err_set(err, -EINVAL, "'%s' is not an absolute path", *path);
		strv_add(&p->masks, *path);
	}
	return 0;
}

static void unmask(char **paths, const char *pattern)
{
	char **to = paths;

	for (char **path = paths; path && *path; path++) {
		if (strcasecmp(pattern, "all") == 0 || fnmatch(pattern, *path, FNM_PATHNAME) == 0)
			free(*path);
		else
			*to++ = *path;
	}
	if (to)
		*to = NULL;
}

static int word_unmask(struct create_plan *p, const char *value, struct cmk_err *err)
{
	cleanup_strv char **patterns = strv_split(value, ':');

	for (char **pattern = patterns; *pattern; pattern++) {
		if (**pattern != '/' && strcasecmp(*pattern, "all") != 0)
			return cmk_err_set(err, -EINVAL, "'%s' is neither ALL nor an absolute path",
					   *pattern);
		unmask(p->spec->masked_paths, *pattern);
		unmask(p->spec->readonly_paths, *pattern);
	}
	return 0;
}

/* As docker says it. */
static int word_systempaths(struct create_plan *p, const char *value, struct cmk_err *err)
{
	if (!streq(value, "unconfined"))
		return cmk_err_set(err, -EINVAL, "'%s' is not unconfined", value);
	return word_unmask(p, "ALL", err);
}

static int word_proc_opts(struct create_plan *p, const char *value, struct cmk_err *err)
{
	cleanup_strv char **words = strv_split(value, ',');

	for (char **w = words; *w; w++)
		if (!**w)
			return cmk_err_set(err, -EINVAL, "there is an empty option");
	for (size_t i = 0; i < p->spec->n_mounts; i++) {
		struct spec_mount *m = &p->spec->mounts[i];

		for (char **w = words; streq(m->destination, "/proc") && *w; w++)
			strv_add(&m->options, *w);
	}
	return 0;
}

static int word_apparmor(struct create_plan *p, const char *value, struct cmk_err *err)
{
	cleanup_free char *on = NULL;
	size_t len = 0;

	free(p->spec->process.apparmor_profile);
	p->spec->process.apparmor_profile = NULL;
	if (!*value)
		return cmk_err_set(err, -EINVAL, "no profile is named");
	if (streq(value, "unconfined"))
		return 0;
	(void)file_read_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &on, &len,
			   NULL);
	if (!on || *on != 'Y')
		return cmk_err_set(err, -EOPNOTSUPP,
				   "AppArmor profile \"%s\" specified, but AppArmor is not enabled "
				   "on this system",
				   value);
	p->spec->process.apparmor_profile = xstrdup(value);
	return 0;
}

/* Where SELinux is off a label means nothing to anyone. */
static int word_label(struct create_plan *p, const char *value, struct cmk_err *err)
{
	return label_option_parse(value, &p->label, err);
}

static int security_word(struct create_plan *p, const char *word, struct cmk_err *err)
{
	static const struct {
		const char *key;
		bool alone; /* it may stand without a value */
		int (*take)(struct create_plan *p, const char *value, struct cmk_err *err);
	} words[] = {
		{ "apparmor", false, word_apparmor },
		{ "label", false, word_label },
		{ "mask", false, word_mask },
		{ "no-new-privileges", true, word_no_new_privileges },
		{ "proc-opts", false, word_proc_opts },
		{ "seccomp", false, word_seccomp },
		{ "systempaths", false, word_systempaths },
		{ "unmask", false, word_unmask },
	};
	cleanup_free char *key = xstrndup(word, strcspn(word, "=:"));
	const char *value = word + strlen(key);

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!streq(key, words[i].key))
			continue;
		if (!*value && !words[i].alone)
			return cmk_err_set(err, -EINVAL, "'%s' needs a value", key);
		return words[i].take(p, *value ? value + 1 : value, err);
	}
	if (streq(key, "credentialspec"))
		return cmk_err_set(err, -EOPNOTSUPP, "there are none but on Windows");
	return cmk_err_set(err, -EINVAL, "unknown option");
}

/* --- capabilities ------------------------------------------------------------------------------
 */

/* Those of containers.conf instead of the built-in ones. */
static int take_default_caps(struct spec *s, char *const *names, struct cmk_err *err)
{
	static char *const all[] = { (char *)"ALL", NULL };
	int r = names ? spec_apply_caps(s, names, all, err) : 0;

	return r < 0 ? cmk_err_wrap(err, r, "default capabilities") : 0;
}

int container_default_caps(char *const *names, char **ret, struct cmk_err *err)
{
	struct spec *s;
	int r;

	if (!names) {
		*ret = strv_join((char *const *)(uintptr_t)spec_default_caps, ",");
		return 0;
	}
	s = xcalloc(1, sizeof(*s));
	r = take_default_caps(s, names, err);
	if (r == 0)
		*ret = strv_join(s->process.caps.bounding, ",");
	(void)spec_free(s);
	return r;
}

/* What a user namespace leaves of it: all that the container's own namespaces give. */
static int make_privileged(struct create_plan *p, struct cmk_err *err)
{
	static char *const all[] = { (char *)"ALL", NULL };
	struct spec *s = p->spec;

	if (strv_len(p->o->cap_add))
		return cmk_err_set(err, -EINVAL,
				   "invalid config provided: CapAdd and privileged are mutually "
				   "exclusive options: invalid configuration");
	s->masked_paths = strv_free(s->masked_paths);
	s->readonly_paths = strv_free(s->readonly_paths);
	spec_make_writable(s, "/sys");
	spec_make_writable(s, "/sys/fs/cgroup");
	if (!s->seccomp_profile)
		s->seccomp_profile = xstrdup("unconfined");
	return spec_apply_caps(s, all, NULL, err);
}

/* So that what is wrong with a profile is said now, not at the first start; its filter is kept. */
static int try_profile(struct create_plan *p, const char *name, struct cmk_err *err)
{
	cleanup(seccomp_filter_done) struct seccomp_filter f = { 0 };
	cleanup_close int cache = -1;

	if (!p->seccomp_text)
		return 0;
	cache = open_dir_at(p->st->root_fd, "seccomp", 0700, NULL);
	return seccomp_filter_get_text(name, p->seccomp_text, p->seccomp_len,
				       p->spec->process.caps.bounding, cache, &f, err);
}

static int apply_caps(struct create_plan *p, struct cmk_err *err)
{
	int r;

	/* As the peers do: --cap-drop has no effect then. */
	if (p->o->privileged)
		return make_privileged(p, err);
	if (!p->spec->seccomp_profile)
		p->spec->seccomp_profile = xstrdup("default");
	r = take_default_caps(p->spec, p->o->default_caps, err);
	return r < 0 ? r : spec_apply_caps(p->spec, p->o->cap_add, p->o->cap_drop, err);
}

int create_check_security(struct create_plan *p, struct cmk_err *err)
{
	int r = 0;

	/* Until an option says another. */
	free(p->spec->seccomp_profile);
	p->spec->seccomp_profile = NULL;
	for (char *const *s = p->o->security_opt; r == 0 && s && *s; s++) {
		r = security_word(p, *s, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "security option '%s'", *s);
	}
	if (r == 0)
		r = apply_caps(p, err);
	if (r < 0)
		return r;
	/* Whatever is unmasked, and with --privileged: these were asked for. */
	for (char **path = p->masks; path && *path; path++)
		strv_add(&p->spec->masked_paths, *path);
	return try_profile(p, p->seccomp_name, err);
}

int create_image_seccomp(struct create_plan *p, struct cmk_err *err)
{
	const char *text;

	if (!streq_null(p->o->seccomp_policy, "image"))
		return 0;
	text = strv_env_get(p->image.labels, "io.containers.seccomp.profile");
	if (!text || !*text)
		return cmk_err_set(err, -EINVAL, "no seccomp policy defined by image");
	take_profile(p, text, strlen(text));
	return try_profile(p, "of the image", err);
}
