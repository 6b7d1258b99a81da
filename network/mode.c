// SPDX-License-Identifier: Apache-2.0
/* Names of network modes as users of podman and docker type them. */
#include "network/network.h"

static const struct {
	const char *name;
	enum network_mode mode;
} mode_names[] = {
	/* The first name of a mode is the one that we show. */
	{ "slirp", NETWORK_SLIRP },	  { "none", NETWORK_NONE },
	{ "host", NETWORK_HOST },	  { "private", NETWORK_SLIRP },
	{ "slirp4netns", NETWORK_SLIRP }, { "default", NETWORK_SLIRP },
};

static const struct {
	const char *name;
	enum network_mode mode;
} joined[] = {
	{ "container:", NETWORK_CONTAINER },
	{ "ns:", NETWORK_PATH },
};

#define MODES "none, host, slirp, container:NAME or ns:PATH"

/* In podman's words. */
static int not_found(const char *name, struct cmk_err *err)
{
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "unable to find network with name or ID %s: network not found", name);
	(void)cmk_err_hint(err, "user-defined networks are not supported yet: use " MODES);
	return -EOPNOTSUPP;
}

int network_mode_parse(const char *s, enum network_mode *ret, struct cmk_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
		if (streq(s, mode_names[i].name)) {
			*ret = mode_names[i].mode;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(joined); i++) {
		const char *v = str_after(s, joined[i].name);

		if (v && *v) {
			*ret = joined[i].mode;
			return 0;
		}
	}
	if (!*s)
		return cmk_err_set(err, -EINVAL, "network mode '': empty");
	if (str_after(s, "slirp4netns:") || str_after(s, "slirp:"))
		(void)cmk_err_set(err, -EOPNOTSUPP,
				  "network mode '%s': options are not supported yet", s);
	else if (strchr(s, ':') || streq(s, "bridge") || streq(s, "pasta"))
		(void)cmk_err_set(err, -EOPNOTSUPP, "network mode '%s': not supported yet", s);
	else
		return not_found(s, err);
	(void)cmk_err_hint(err, "use " MODES);
	return -EOPNOTSUPP;
}

const char *network_mode_name(enum network_mode m)
{
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++)
		if (mode_names[i].mode == m)
			return mode_names[i].name;
	return m == NETWORK_CONTAINER ? "container" : m == NETWORK_PATH ? "ns" : "unknown";
}
