// SPDX-License-Identifier: Apache-2.0
/* Capability names (capabilities(7), through libcap) and --cap-add, --cap-drop. */
#include <strings.h>
#include <sys/capability.h>

#include "libpod/spec/spec.h"

const char *const spec_default_caps[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",	 "CAP_FSETID",
	"CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",	 "CAP_SETGID",
	"CAP_SETPCAP", "CAP_SETUID",	       "CAP_SYS_CHROOT", NULL,
};

/* With or without "CAP_", in any case; libcap alone would take a bare number too. */
static int cap_number(const char *name)
{
	char full[64];
	cap_value_t n;

	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	if (*name >= '0' && *name <= '9')
		return -EINVAL;
	if (snprintf(full, sizeof(full), "cap_%s", name) >= (int)sizeof(full))
		return -EINVAL;
	return cap_from_name(full, &n) < 0 || n < 0 || n > 63 ? -EINVAL : n;
}

/* "CAP_CHOWN"; owned. */
static char *cap_name(unsigned int number)
{
	char *low = cap_to_name((cap_value_t)number), *name = xstrdup(low ? low : "?");

	(void)cap_free(low);
	/* No toupper(3): in a Turkish locale it is not ASCII's. */
	for (char *p = name; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return name;
}

uint64_t spec_caps_mask(char *const *names)
{
	uint64_t mask = 0;

	for (; names && *names; names++) {
		int n = cap_number(*names);

		if (n >= 0)
			mask |= UINT64_C(1) << n;
	}
	return mask;
}

char **spec_caps_names(void)
{
	char **names = NULL;

	for (cap_value_t n = 0; n <= CAP_LAST_CAP && CAP_IS_SUPPORTED(n); n++)
		strv_add_take(&names, cap_name((unsigned int)n));
	return names;
}

static int mask_of_options(char *const *names, const char *option, uint64_t *ret, bool *ret_all,
			   struct cmk_err *err)
{
	*ret = 0;
	*ret_all = false;
	for (; names && *names; names++) {
		int n;

		if (strcasecmp(*names, "ALL") == 0) {
			*ret_all = true;
			continue;
		}
		n = cap_number(*names);
		if (n < 0)
			return cmk_err_set(err, -EINVAL, "%s: unknown capability '%s'", option,
					   *names);
		*ret |= UINT64_C(1) << n;
	}
	return 0;
}

static void caps_from_mask(uint64_t mask, char ***ret)
{
	*ret = strv_free(*ret);
	for (unsigned int i = 0; i < 64; i++)
		if (mask & (UINT64_C(1) << i))
			strv_add_take(ret, cap_name(i));
}

int spec_apply_caps(struct spec *s, char *const *add, char *const *drop, struct cmk_err *err)
{
	/* What the running kernel knows. */
	const uint64_t all = (UINT64_C(1) << MIN(cap_max_bits(), 63)) - 1;
	uint64_t mask = spec_caps_mask(s->process.caps.bounding), plus, minus;
	bool add_all, drop_all;
	int r;

	r = mask_of_options(add, "--cap-add", &plus, &add_all, err);
	if (r >= 0)
		r = mask_of_options(drop, "--cap-drop", &minus, &drop_all, err);
	if (r < 0)
		return r;
	/* ALL is the base on which single names of the other option act. */
	if (drop_all)
		mask = 0;
	if (add_all)
		mask = all;
	if (add_all && drop_all)
		return cmk_err_set(err, -EINVAL, "--cap-add and --cap-drop are both ALL");
	if (plus & minus) {
		cleanup_free char *name = cap_name((unsigned int)__builtin_ctzll(plus & minus));

		return cmk_err_set(err, -EINVAL, "capability '%s' is both added and dropped", name);
	}
	mask = (mask | plus) & ~minus;
	caps_from_mask(mask, &s->process.caps.bounding);
	caps_from_mask(mask, &s->process.caps.effective);
	caps_from_mask(mask, &s->process.caps.permitted);
	return 0;
}
