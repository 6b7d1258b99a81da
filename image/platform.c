// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include "image/manifest.h"

static const struct {
	const char *machine, *arch, *variant;
} machines[] = {
	{ "x86_64", "amd64", NULL },	{ "aarch64", "arm64", "v8" },
	{ "armv8l", "arm", "v7" },	{ "armv7l", "arm", "v7" },
	{ "armv6l", "arm", "v6" },	{ "armv5tel", "arm", "v5" },
	{ "i686", "386", NULL },	{ "i586", "386", NULL },
	{ "ppc64le", "ppc64le", NULL }, { "s390x", "s390x", NULL },
	{ "riscv64", "riscv64", NULL }, { "loongarch64", "loong64", NULL },
	{ "mips64", "mips64le", NULL },
};

void platform_host(struct platform *ret)
{
	static struct utsname u;

	*ret = (struct platform){ .os = "linux" };
	if (uname(&u) < 0)
		u.machine[0] = '\0';
	ret->arch = u.machine;
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (streq(u.machine, machines[i].machine)) {
			ret->arch = machines[i].arch;
			ret->variant = machines[i].variant;
		}
}

void image_platform_done(struct image_platform *p)
{
	free(p->os);
	free(p->arch);
	free(p->variant);
	*p = (struct image_platform){ 0 };
}

static bool word_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.");

	return n > 0 && n <= 40 && !s[n];
}

static int set_word(char **to, const char *s, const char *what, struct cmk_err *err)
{
	if (!s || !*s)
		return 0;
	if (!word_ok(s))
		return cmk_err_set(err, -EINVAL, "'%.60s' is not the name of %s", s, what);
	free(*to);
	*to = xstrdup(s);
	return 0;
}

/* Kernel words for Go's. */
static void translate(struct image_platform *p)
{
	for (size_t i = 0; p->arch && i < ARRAY_LEN(machines); i++)
		if (streq(p->arch, machines[i].machine)) {
			free(p->arch);
			p->arch = xstrdup(machines[i].arch);
			if (!p->variant)
				p->variant = xstrdup_null(machines[i].variant);
			return;
		}
}

static int set_all(struct image_platform *p, const char *os, const char *arch, const char *variant,
		   struct cmk_err *err)
{
	int r = set_word(&p->os, os, "a system", err);

	if (r == 0)
		r = set_word(&p->arch, arch, "an architecture", err);
	if (r == 0)
		r = set_word(&p->variant, variant, "a variant", err);
	return r;
}

int image_platform_parse(const char *platform, const char *os, const char *arch,
			 const char *variant, struct image_platform *ret, struct cmk_err *err)
{
	struct image_platform p = { 0 };
	int r = 0;

	if (platform && *platform) {
		cleanup_strv char **parts = strv_split(platform, '/');
		size_t n = strv_len(parts);

		if (n < 2 || n > 3)
			return cmk_err_set(err, -EINVAL,
					   "platform '%.60s': OS/ARCH[/VARIANT] was expected",
					   platform);
		r = set_all(&p, parts[0], parts[1], n > 2 ? parts[2] : NULL, err);
	}
	if (r == 0)
		r = set_all(&p, os, arch, variant, err);
	if (r < 0) {
		image_platform_done(&p);
		return r;
	}
	translate(&p);
	*ret = p;
	return 0;
}

void platform_wanted(const struct image_pull_options *o, struct platform *ret)
{
	platform_host(ret);
	if (o->arch && *o->arch) {
		if (!streq(o->arch, ret->arch))
			ret->variant = NULL;
		ret->arch = o->arch;
	}
	if (o->variant && *o->variant)
		ret->variant = o->variant;
	if (o->platform_os && *o->platform_os)
		ret->os = o->platform_os;
}
