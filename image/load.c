// SPDX-License-Identifier: Apache-2.0
/* All images of a directory or an archive. */
#include "image/bundle.h"

static int load_all(const struct bundle *b, const struct platform *want, bool quiet,
		    char ***ret_ids, char ***ret_names, struct cmk_err *err)
{
	cleanup_progress struct progress *progress = progress_new(quiet);

	if (b->n_images == 0)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "'%s' holds no image",
				    b->files.shown);
	for (size_t i = 0; i < b->n_images; i++) {
		cleanup_strv char **names = NULL;
		cleanup_free char *id = NULL;
		int r;

		r = bundle_receive(b, &b->images[i], b->images[i].names, want, progress, &id,
				   &names, err);
		if (r < 0)
			return r;
		if (!names)
			strv_add_take(&names, xasprintf("sha256:%s", id));
		for (char **n = names; *n; n++) {
			strv_add(ret_ids, id);
			strv_add(ret_names, *n);
		}
	}
	return 0;
}

int image_load(struct storage *st, const char *path, int fd, const struct image_load_options *o,
	       char ***ret_ids, char ***ret_names, struct cmk_err *err)
{
	cleanup(image_platform_done) struct image_platform p = { 0 };
	struct files files = { .fd = -1 };
	struct platform want;
	struct bundle b;
	int r;

	platform_host(&want);
	if (o->platform) {
		r = image_platform_parse(o->platform, NULL, NULL, NULL, &p, err);
		if (r < 0)
			return r;
		platform_wanted(&(struct image_pull_options){ .platform_os = p.os,
							      .arch = p.arch,
							      .variant = p.variant },
				&want);
		want.only = true;
	}
	r = fd < 0 ? files_open(st, path, &files, err) : files_of_fd(st, fd, path, &files, err);
	if (r == 0)
		r = bundle_open(st, &files, NULL, &want, &b, err);
	/* What scripts look for. */
	if (r == -EBADMSG || r == -EINVAL)
		return cmk_err_wrap(err, r,
				    "payload does not match any of the supported image formats");
	if (r < 0)
		return r;
	r = bundle_read_policy(&b, o->signature_policy, err);
	if (r == 0)
		r = load_all(&b, &want, o->quiet, ret_ids, ret_names, err);
	bundle_done(&b);
	return r;
}
