// SPDX-License-Identifier: Apache-2.0
/* Capability names (capabilities(7)) and --cap-add, --cap-drop. */
#include <strings.h>

#include "libpod/spec/spec.h"

static const char *const cap_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

const char *const spec_default_caps[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",	 "CAP_FSETID",
	"CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",	 "CAP_SETGID",
	"CAP_SETPCAP", "CAP_SETUID",	       "CAP_SYS_CHROOT", NULL,
};

const char *spec_cap_name(unsigned int number)
{
	return number < ARRAY_LEN(cap_names) ? cap_names[number] : NULL;
}

int spec_cap_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(cap_names); i++)
		if (strcasecmp(cap_names[i] + 4, name) == 0)
			return (int)i;
	return -EINVAL;
}

uint64_t spec_caps_mask(char *const *names)
{
	uint64_t mask = 0;

	for (; names && *names; names++) {
		int n = spec_cap_number(*names);

		if (n >= 0)
			mask |= UINT64_C(1) << n;
	}
	return mask;
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
		n = spec_cap_number(*names);
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
	for (size_t i = 0; i < ARRAY_LEN(cap_names); i++)
		if (mask & (UINT64_C(1) << i))
			strv_add(ret, cap_names[i]);
}

int spec_apply_caps(struct spec *s, char *const *add, char *const *drop, struct cmk_err *err)
{
	const uint64_t all = (UINT64_C(1) << ARRAY_LEN(cap_names)) - 1;
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
	if (plus & minus)
		return cmk_err_set(err, -EINVAL, "capability '%s' is both added and dropped",
				   cap_names[__builtin_ctzll(plus & minus)]);
	mask = (mask | plus) & ~minus;
	caps_from_mask(mask, &s->process.caps.bounding);
	caps_from_mask(mask, &s->process.caps.effective);
	caps_from_mask(mask, &s->process.caps.permitted);
	return 0;
}
