// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/quadlet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct quadlet_set *set, const char *name, const char *text, size_t len)
{
	(void)quadlet_set_put(set, "/dir", name, text, len);
}

/* The text as a file of each kind, and as what two others need. What comes out is a file itself,
 * and its links lead into no other directory than one beside them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a.container", "a@.container", "a@b.container",
					     "a.volume",    "a.image",	    "a.network" };
	static const char others[] =
		"[Container]\nImage=a.image\nVolume=a.volume:/v\n[Unit]\nAfter=a.container\n";
	struct quadlet_set set = { .user = true };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		put(&set, names[i], (const char *)data, size);
	put(&set, "o.container", others, strlen(others));
	(void)quadlet_convert_all(&set);
	for (size_t i = 0; i < set.n; i++) {
		const struct quadlet_unit *u = set.units[i];
		struct unitfile f = { 0 };

		if (u->service_text &&
		    unitfile_parse(&f, "f", u->service_text, strlen(u->service_text), NULL) < 0 &&
		    f.n < UNITFILE_LINES_MAX && strlen(u->service_text) < UNITFILE_SIZE_MAX)
			abort();
		unitfile_done(&f);
		if (u->service && strchr(u->service, '/'))
			abort();
		for (char **l = u->links; l && *l; l++)
			if (strstr(*l, "/../") || **l == '/' ||
			    (strchr(*l, '/') && strchr(strchr(*l, '/') + 1, '/')))
				abort();
	}
	quadlet_set_done(&set);
	return 0;
}
