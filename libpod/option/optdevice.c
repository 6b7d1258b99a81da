// SPDX-License-Identifier: Apache-2.0
/* --device and --secret. */
#include "base/parse.h"
#include "libpod/option/optparse.h"

void opt_device_done(struct opt_device *d)
{
	free(d->source);
	free(d->destination);
	free(d->permissions);
	*d = (struct opt_device){ 0 };
}

static bool is_permissions(const char *s)
{
	return *s && s[strspn(s, "rwm")] == '\0';
}

int opt_device_parse(const char *text, struct opt_device *ret, struct cmk_err *err)
{
	cleanup_strv char **parts = strv_split(text, ':');
	size_t n = strv_len(parts);
	const char *permissions = "rwm", *destination = parts[0];
	struct opt_device d = { 0 };
	int r;

	if (n > 3 || parts[0][0] == '\0')
		return cmk_err_set(err, -EINVAL, "invalid device specification: '%s'", text);
	if (parts[0][0] != '/' && strchr(parts[0], '='))
		return cmk_err_set(err, -EINVAL,
				   "device '%s': neither a path nor of the form VENDOR/CLASS=NAME",
				   text);
	if (n == 3)
		permissions = parts[2];
	if (n == 2 && parts[1][0] != '/')
		permissions = parts[1];
	else if (n > 1)
		destination = parts[1];
	if (!is_permissions(permissions))
		return cmk_err_set(err, -EINVAL, "invalid device mode: %s", permissions);
	r = opt_path_clean(destination, &d.destination, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "device '%s'", text);
	d.source = xstrdup(parts[0]);
	d.permissions = xstrdup(permissions);
	*ret = d;
	return 0;
}

void opt_secret_done(struct opt_secret *s)
{
	free(s->name);
	free(s->target);
	*s = (struct opt_secret){ 0 };
}

static int bad_secret(const char *word, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "option %s invalid: parsing secret", word);
}

static int secret_word(struct opt_secret *s, const char *word, bool *owner, struct cmk_err *err)
{
	const char *v;

	if ((v = str_after(word, "source="))) {
		free(s->name);
		s->name = xstrdup(v);
	} else if ((v = str_after(word, "type="))) {
		if (!streq(v, "mount") && !streq(v, "env"))
			return cmk_err_set(err, -EINVAL, "type %s is invalid: parsing secret", v);
		s->env = streq(v, "env");
	} else if ((v = str_after(word, "target="))) {
		if (!*v)
			return bad_secret(word, err);
		free(s->target);
		s->target = xstrdup(v);
	} else if ((v = str_after(word, "mode="))) {
		*owner = true;
		if (parse_octal(v, 07777, &s->mode) < 0)
			return cmk_err_set(err, -EINVAL, "mode %s invalid: parsing secret", v);
	} else if ((v = str_after(word, "uid=")) || (v = str_after(word, "UID="))) {
		*owner = true;
		if (parse_u32(v, UINT32_MAX - 1, &s->uid) < 0)
			return cmk_err_set(err, -EINVAL, "UID %s invalid: parsing secret", v);
	} else if ((v = str_after(word, "gid=")) || (v = str_after(word, "GID="))) {
		*owner = true;
		if (parse_u32(v, UINT32_MAX - 1, &s->gid) < 0)
			return cmk_err_set(err, -EINVAL, "GID %s invalid: parsing secret", v);
	} else if (!strchr(word, '=')) {
		return cmk_err_set(err, -EINVAL,
				   "option %s must be in form option=value: parsing secret", word);
	} else {
		return bad_secret(word, err);
	}
	return 0;
}

static int check_secret(const struct opt_secret *s, bool owner, struct cmk_err *err)
{
	if (!s->name || !*s->name)
		return cmk_err_set(err, -EINVAL, "no source found: parsing secret");
	if (s->env && owner)
		return cmk_err_set(err, -EINVAL,
				   "UID, GID, Mode options cannot be set with secret type env: "
				   "parsing secret");
	if (s->env && s->target && strchr(s->target, '='))
		return cmk_err_set(err, -EINVAL, "target '%s' is no variable name: parsing secret",
				   s->target);
	return 0;
}

int opt_secret_parse(const char *text, struct opt_secret *ret, struct cmk_err *err)
{
	cleanup_strv char **words = strv_split(text, ',');
	struct opt_secret s = { .mode = 0444 };
	bool owner = false;
	int r = 0;

	for (char **w = words; *w && r == 0; w++) {
		/* One word is a name, whatever it holds. */
		if (w == words && (!strchr(*w, '=') || (!w[1] && !str_after(*w, "source="))))
			s.name = xstrdup(*w);
		else
			r = secret_word(&s, *w, &owner, err);
	}
	if (r == 0)
		r = check_secret(&s, owner, err);
	if (r == 0 && s.target && s.target[0] == '/') {
		cleanup_free char *given = steal_ptr(&s.target);

		r = opt_path_clean(given, &s.target, err);
	}
	if (r < 0) {
		opt_secret_done(&s);
		return cmk_err_wrap(err, r, "secret '%s'", text);
	}
	*ret = s;
	return 0;
}
