// SPDX-License-Identifier: Apache-2.0
#include "image/transport.h"

#include "base/parse.h"
#include "image/podman.h"

static const struct {
	const char *name;
	const struct bundle_kind *kind; /* NULL: known, but not here */
	bool is_dir;
} transports[] = {
	{ "containers-storage", &bundle_podman, false },
	{ "dir", &bundle_dir, true },
	{ "docker-archive", &bundle_docker_archive, false },
	{ "docker-daemon", NULL, false },
	{ "oci", &bundle_oci, true },
	{ "oci-archive", &bundle_oci, false },
	{ "ostree", NULL, false },
	{ "sif", NULL, false },
	{ "tarball", NULL, false },
};

/* The row, with *RET_REST behind the colon; -1 where TEXT has none. "oci:DIR" reads like the name
 * "oci" with a tag, but those who type it mean another thing. */
static int find_transport(const char *text, const char **ret_rest)
{
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		const char *rest = str_after(text, transports[i].name);

		if (!rest || *rest != ':')
			continue;
		*ret_rest = rest + 1;
		return (int)i;
	}
	return -1;
}

bool image_has_transport(const char *text)
{
	const char *rest;

	return find_transport(text, &rest) >= 0;
}

void transport_name_done(struct transport_name *n)
{
	free(n->path);
	free(n->ref);
	*n = (struct transport_name){ 0 };
}

static int split(const char *text, const char *rest, struct transport_name *n, struct cmk_err *err)
{
	/* A path of `dir:` has nothing behind it, and may hold a colon. */
	const char *colon = n->kind == &bundle_dir ? NULL : strchr(rest, ':');
	const char *ref = colon && colon[1] ? colon + 1 : NULL;
	uint64_t index = 0;

	n->index = -1;
	if (!*rest || colon == rest)
		return cmk_err_set(err, -EINVAL, "'%.300s': there is no path in it", text);
	if (ref && *ref == '@') {
		if (parse_u64(ref + 1, INT32_MAX, &index) < 0)
			return cmk_err_set(err, -EINVAL,
					   "'%.300s': '%.40s' is not the index of an "
					   "image, a number from 0",
					   text, ref + 1);
		n->index = (int64_t)index;
		ref = NULL;
	}
	n->path = colon ? xstrndup(rest, (size_t)(colon - rest)) : xstrdup(rest);
	n->ref = xstrdup_null(ref);
	return 0;
}

static int split_podman(const char *text, const char *rest, struct transport_name *n,
			struct cmk_err *err)
{
	int r = podman_split(rest, &n->path, &rest, err);

	n->index = -1;
	if (r == 0 && !*rest)
		r = cmk_err_set(err, -EINVAL, "'%.300s': there is no image in it", text);
	if (r == 0)
		n->ref = xstrdup(rest);
	return r;
}

int transport_parse(const char *text, struct transport_name *ret, struct cmk_err *err)
{
	struct transport_name n = { 0 };
	const char *rest = "";
	int i = find_transport(text, &rest), r;

	if (i < 0)
		return cmk_err_set(err, -EINVAL, "'%.300s' has no transport", text);
	if (!transports[i].kind)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "'%.200s': images of the transport '%s' are not supported yet",
				    text, transports[i].name);
	n.kind = transports[i].kind;
	n.is_dir = transports[i].is_dir;
	r = n.kind == &bundle_podman ? split_podman(text, rest, &n, err)
				     : split(text, rest, &n, err);
	if (r < 0)
		return r;
	*ret = n;
	return 0;
}

/* The image of B that N means, and the names that it is to have. */
static int choose(const struct bundle *b, const struct transport_name *n,
		  const struct bundle_image **ret, char ***ret_names, struct cmk_err *err)
{
	size_t i = n->index < 0 ? 0 : (size_t)n->index;

	if (n->ref)
		return b->kind->choose(b, n->ref, ret, ret_names, err);
	if (b->n_images == 0)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "'%s' holds no image",
				    n->path);
	if (i >= b->n_images)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				    "'%s': Invalid source index @%zu, only %zu manifest items "
				    "available",
				    n->path, i, b->n_images);
	if (n->index < 0 && b->n_images > 1) {
		/* In podman's words, as above. */
		if (n->kind == &bundle_docker_archive)
			(void)cmk_err_set(err, -EINVAL,
					  "'%s': Unexpected tar manifest.json: expected 1 item, "
					  "got %zu",
					  n->path, b->n_images);
		else
			(void)cmk_err_set(err, -EINVAL,
					  "'%s': more than one image (%zu), choose an image",
					  n->path, b->n_images);
		(void)cmk_err_hint(err, "add :REFERENCE or, from 0, :@INDEX");
		return -EINVAL;
	}
	*ret = &b->images[i];
	*ret_names = strv_dup(b->images[i].names);
	return 0;
}

static int open_named(struct storage *st, const struct transport_name *n,
		      const struct platform *want, struct bundle *ret, struct cmk_err *err)
{
	struct files files = { .fd = -1 };
	int r = files_open(st, n->path, &files, err);

	if (r == 0 && n->is_dir && files.archive) {
		files_done(&files);
		return cmk_err_set(err, -ENOTDIR, "'%s' is not a directory", n->path);
	}
	if (r == 0 && !n->is_dir && !files.archive) {
		files_done(&files);
		return cmk_err_set(err, -EISDIR, "'%s' is a directory", n->path);
	}
	return r == 0 ? bundle_open(st, &files, n->kind, want, ret, err) : r;
}

static int pull(struct storage *st, const struct transport_name *n,
		const struct image_pull_options *o, char **ret_id, char ***ret_names,
		struct cmk_err *err)
{
	cleanup_progress struct progress *progress = NULL;
	const struct bundle_image *image = NULL;
	cleanup_strv char **names = NULL;
	struct platform want;
	struct bundle b;
	int r;

	platform_wanted(o, &want);
	r = n->kind == &bundle_podman ? podman_bundle_open(st, n->path, &b, err)
				      : open_named(st, n, &want, &b, err);
	if (r < 0)
		return r;
	progress = progress_new(o->quiet);
	r = bundle_read_policy(&b, o->signature_policy, err);
	if (r == 0)
		r = choose(&b, n, &image, &names, err);
	if (r == 0)
		r = bundle_receive(&b, image, names, &want, progress, ret_id, ret_names, err);
	bundle_done(&b);
	return r;
}

int transport_pull(struct storage *st, const char *text, const struct image_pull_options *o,
		   char **ret_id, char **ret_name, struct cmk_err *err)
{
	struct transport_name n = { 0 };
	cleanup_strv char **names = NULL;
	cleanup_free char *id = NULL;
	int r = transport_parse(text, &n, err);

	if (r < 0)
		return r;
	r = pull(st, &n, o, &id, &names, err);
	transport_name_done(&n);
	if (r < 0)
		return cmk_err_wrap(err, r, "pull '%.300s'", text);
	if (ret_name)
		*ret_name = xstrdup(names ? names[0] : id);
	*ret_id = steal_ptr(&id);
	return 0;
}

bool transport_can_list(const char *text)
{
	return str_after(text, "containers-storage:") != NULL;
}

int transport_list(struct storage *st, const char *text, char ***ret, struct cmk_err *err)
{
	cleanup_free char *place = NULL;
	struct podman_store *s = NULL;
	const char *rest = "";
	int r = podman_split(str_after(text, "containers-storage:"), &place, &rest, err);

	if (r == 0)
		r = podman_store_open(st, place, &s, err);
	if (r == 0)
		r = podman_list(s, rest, ret, err);
	podman_store_free(s);
	return r < 0 ? cmk_err_wrap(err, r, "pull '%.300s'", text) : 0;
}
