// SPDX-License-Identifier: Apache-2.0
#include "cmd/manifests.h"

#define T struct cmk_manifest_note

const struct cmk_option cmk_manifest_note_options[] = {
	CMK_OPT_OF(OPT_STRV, 0, "annotation", T, annotations, "KEY=VALUE", "set an annotation"),
	CMK_OPT_STRING(0, "arch", T, arch, "ARCH", "say for which architecture it is"),
	CMK_OPT_OF(OPT_CSV, 0, "features", T, features, "FEATURE",
		   "say which features of the processor it wants"),
	CMK_OPT_STRING(0, "os", T, os, "OS", "say for which system it is"),
	CMK_OPT_OF(OPT_CSV, 0, "os-features", T, os_features, "FEATURE",
		   "say which features of the system it wants"),
	CMK_OPT_STRING(0, "os-version", T, os_version, "VERSION",
		       "say which version of the system it wants"),
	CMK_OPT_STRING(0, "variant", T, variant, "VARIANT",
		       "say for which variant of the architecture it is"),
	CMK_OPT_END(),
};

#undef T

int cmk_manifest_check_annotations(char *const *annotations, struct cmk_err *err)
{
	for (; annotations && *annotations; annotations++)
		if (!strchr(*annotations, '=') || **annotations == '=')
			return cmk_err_set(err, -EINVAL,
					   "no value given for annotation \"%.200s\": KEY=VALUE",
					   *annotations);
	return 0;
}

int cmk_manifest_note(const struct cmk_manifest_note *n, struct image_list_note *ret,
		      struct cmk_err *err)
{
	*ret = (struct image_list_note){
		.os = n->os,
		.arch = n->arch,
		.variant = n->variant,
		.os_version = n->os_version,
		.os_features = n->os_features,
		.features = n->features,
		.annotations = n->annotations,
	};
	return cmk_manifest_check_annotations(n->annotations, err);
}
