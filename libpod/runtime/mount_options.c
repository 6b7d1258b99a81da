// SPDX-License-Identifier: Apache-2.0
/* runtime-spec config.md#mounts: the words of mount(8). */
#include <sys/mount.h>

#include "base/log.h"
#include "libpod/runtime/internal.h"

enum option_effect { EFFECT_SET, EFFECT_CLEAR, EFFECT_ATIME, EFFECT_NONE };

static const struct {
	const char *word; /* without the "r" of the recursive form */
	enum option_effect effect;
	uint64_t attr;
} attributes[] = {
	{ "ro", EFFECT_SET, MOUNT_ATTR_RDONLY },
	{ "rw", EFFECT_CLEAR, MOUNT_ATTR_RDONLY },
	{ "nosuid", EFFECT_SET, MOUNT_ATTR_NOSUID },
	{ "suid", EFFECT_CLEAR, MOUNT_ATTR_NOSUID },
	{ "nodev", EFFECT_SET, MOUNT_ATTR_NODEV },
	{ "dev", EFFECT_CLEAR, MOUNT_ATTR_NODEV },
	{ "noexec", EFFECT_SET, MOUNT_ATTR_NOEXEC },
	{ "exec", EFFECT_CLEAR, MOUNT_ATTR_NOEXEC },
	{ "nodiratime", EFFECT_SET, MOUNT_ATTR_NODIRATIME },
	{ "diratime", EFFECT_CLEAR, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", EFFECT_SET, MOUNT_ATTR_NOSYMFOLLOW },
	{ "symfollow", EFFECT_CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
	{ "noatime", EFFECT_ATIME, MOUNT_ATTR_NOATIME },
	{ "strictatime", EFFECT_ATIME, MOUNT_ATTR_STRICTATIME },
	{ "relatime", EFFECT_ATIME, MOUNT_ATTR_RELATIME },
	{ "atime", EFFECT_ATIME, MOUNT_ATTR_RELATIME },
	{ "norelatime", EFFECT_ATIME, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", EFFECT_ATIME, MOUNT_ATTR_RELATIME },
	{ "defaults", EFFECT_NONE, 0 },
};

static const struct {
	const char *word;
	uint64_t propagation;
	bool recursive;
} propagations[] = {
	{ "private", MS_PRIVATE, false },	{ "rprivate", MS_PRIVATE, true },
	{ "shared", MS_SHARED, false },		{ "rshared", MS_SHARED, true },
	{ "slave", MS_SLAVE, false },		{ "rslave", MS_SLAVE, true },
	{ "unbindable", MS_UNBINDABLE, false }, { "runbindable", MS_UNBINDABLE, true },
};

static void apply(enum option_effect effect, uint64_t attr, uint64_t *set, uint64_t *clear)
{
	switch (effect) {
	case EFFECT_SET:
		*set |= attr;
		*clear &= ~attr;
		break;
	case EFFECT_CLEAR:
		*clear |= attr;
		*set &= ~attr;
		break;
	case EFFECT_ATIME:
		/* An enumeration within the mask: the kernel wants all of it cleared. */
		*set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | attr;
		*clear |= MOUNT_ATTR__ATIME;
		break;
	case EFFECT_NONE:
		break;
	}
}

static bool parse_attribute(const char *word, struct mount_options *o)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		if (streq(attributes[i].word, word)) {
			apply(attributes[i].effect, attributes[i].attr, &o->set, &o->clear);
			return true;
		}
		if (word[0] == 'r' && attributes[i].attr && streq(attributes[i].word, word + 1)) {
			apply(attributes[i].effect, attributes[i].attr, &o->rset, &o->rclear);
			return true;
		}
	}
	return false;
}

static bool parse_propagation(const char *word, struct mount_options *o)
{
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		if (!streq(propagations[i].word, word))
			continue;
		o->propagation = propagations[i].propagation;
		o->propagation_recursive = propagations[i].recursive;
		return true;
	}
	return false;
}

/* Words of ours. */
static bool parse_own(const char *word, struct mount_options *o)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "volume", &o->volume },
		{ "nocopy", &o->nocopy },
		{ "chown", &o->chown },
		{ "idmap", &o->idmap },
		{ "fresh", &o->fresh },
		{ "own", &o->own },
		{ "optional", &o->optional },
		{ "relabel-shared", &o->relabel_shared },
		{ "relabel-private", &o->relabel_private },
	};
	const struct {
		const char *key;
		const char **value;
	} values[] = {
		{ "subpath=", &o->subpath }, { "idmap=", &o->idmap_own },
		{ "overlay=", &o->overlay }, { "scratch=", &o->scratch },
		{ "value=", &o->value },     { "into=", &o->into },
	};
	const char *own = str_after(word, "x-cmk."), *value;

	for (size_t i = 0; own && i < ARRAY_LEN(flags); i++) {
		if (streq(own, flags[i].word)) {
			*flags[i].flag = true;
			return true;
		}
	}
	for (size_t i = 0; own && i < ARRAY_LEN(values); i++) {
		value = str_after(own, values[i].key);
		if (value) {
			*values[i].value = value;
			return true;
		}
	}
	return false;
}

/* What mount(8) says of a file system as a whole: a bind mount shows one that is mounted already,
 * and leaves it as it is, as with the other runtimes. */
static bool is_of_file_system(const char *word)
{
	static const char *const words[] = { "sync",   "async",	     "dirsync",	   "mand",
					     "nomand", "lazytime",   "nolazytime", "iversion",
					     "silent", "noiversion", "loud",	   "remount" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i], word) || (word[0] == 'r' && streq(words[i], word + 1)))
			return true;
	return false;
}

static void drop_of_file_system(struct mount_options *o)
{
	char **kept = NULL;

	for (char **d = o->data; d && *d; d++) {
		if (is_of_file_system(*d))
			log_warn("mount option '%s' is of a file system: a bind mount leaves it as "
				 "it is",
				 *d);
		else
			strv_add(&kept, *d);
	}
	(void)strv_free(o->data);
	o->data = kept;
}

void mount_options_done(struct mount_options *o)
{
	o->data = strv_free(o->data);
}

int mount_options_parse(char *const *options, struct mount_options *ret, struct cmk_err *err)
{
	struct mount_options o = { 0 };

	for (; options && *options; options++) {
		const char *word = *options;

		if (streq(word, "bind") || streq(word, "rbind")) {
			o.bind = true;
			o.recursive = word[0] == 'r';
		} else if (streq(word, "idmap") || streq(word, "ridmap")) {
			/* See bundle_idmapped(). */
			continue;
		} else if (streq(word, "z") || streq(word, "Z")) {
			/* Those who drive `cmk oci` relabel themselves, as others' runtimes have
			 * it. */
			continue;
		} else if (!parse_attribute(word, &o) && !parse_propagation(word, &o) &&
			   !parse_own(word, &o)) {
			strv_add(&o.data, word);
		}
	}
	if (o.bind && !o.overlay)
		drop_of_file_system(&o);
	if (o.bind && o.data && !o.overlay) {
		(void)cmk_err_set(err, -EINVAL,
				  "mount option '%s' is not supported for a bind mount", o.data[0]);
		mount_options_done(&o);
		return -EINVAL;
	}
	/* What writes to the files comes first. */
	if ((o.chown || o.relabel_shared || o.relabel_private) && (o.set & MOUNT_ATTR_RDONLY)) {
		o.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		o.late_read_only = true;
	}
	*ret = o;
	return 0;
}
