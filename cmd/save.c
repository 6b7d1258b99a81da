// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cmd/containers.h"
#include "cmd/registry_rows.h"
#include "image/image.h"

struct save_args {
	const char *format, *output, *platform, *signature_policy;
	bool compress, multi, quiet, uncompressed;
};

static const struct cmk_option save_options[] = {
	CMK_OPT_FLAG(0, "compress", struct save_args, compress,
		     "docker-dir: compress the layers, by gzip"),
	CMK_OPT_STRING(0, "format", struct save_args, format, "FORMAT", "what is written",
		       .def = "docker-archive",
		       .words = "docker-archive|oci-archive|oci-dir|docker-dir",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_FLAG('m', "multi-image-archive", struct save_args, multi,
		     "each further word is another image, not another name of the first"),
	CMK_OPT_STRING('o', "output", struct save_args, output, "PATH",
		       "write to this file or directory instead of standard output",
		       .complete = COMPLETE_FILES),
	CMK_OPT_STRING(0, "platform", struct save_args, platform, "OS/ARCH[/VARIANT]",
		       "of manifest lists, write the images for this platform"),
	CMK_OPT_FLAG('q', "quiet", struct save_args, quiet, "print no progress"),
	CMK_OPT_SIGNATURE_POLICY(struct save_args),
	CMK_OPT_FLAG(0, "uncompressed", struct save_args, uncompressed,
		     "oci-archive, oci-dir: leave the layers uncompressed"),
	CMK_OPT_END(),
};

static int parse_format(const struct save_args *a, enum image_save_format *ret, struct cmk_err *err)
{
	static const char *const words[] = { [SAVE_DOCKER_ARCHIVE] = "docker-archive",
					     [SAVE_OCI_ARCHIVE] = "oci-archive",
					     [SAVE_OCI_DIR] = "oci-dir",
					     [SAVE_DOCKER_DIR] = "docker-dir" };
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(words) && !streq(a->format, words[i]))
		i++;
	*ret = (enum image_save_format)i;
	if (a->compress && *ret != SAVE_DOCKER_DIR)
		return cmk_err_set(err, -EINVAL,
				   "--compress can only be set when --format is 'docker-dir'");
	if (a->uncompressed && *ret != SAVE_OCI_ARCHIVE && *ret != SAVE_OCI_DIR)
		return cmk_err_set(err, -EINVAL,
				   "--uncompressed can only be set when --format is 'oci-archive' "
				   "or 'oci-dir'");
	if (a->multi && *ret != SAVE_DOCKER_ARCHIVE)
		return cmk_err_set(err, -EINVAL,
				   "multi-image archives are only supported in the format "
				   "docker-archive");
	return 0;
}

/* --- what is saved --- */

struct items {
	struct image_save_item *list;
	size_t n;
};

static void items_done(struct items *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->list[i].id);
		(void)strv_free(t->list[i].names);
	}
	free(t->list);
}

/* The image of ID in the list, with NAME (NULL: none) as one more of its names. */
static void add_item(struct items *t, char *id, const char *name)
{
	struct image_save_item *item = NULL;

	for (size_t i = 0; i < t->n && !item; i++)
		if (streq(t->list[i].id, id))
			item = &t->list[i];
	if (item) {
		free(id);
	} else {
		t->list = xrealloc(t->list, t->n + 1, sizeof(*t->list));
		item = &t->list[t->n++];
		*item = (struct image_save_item){ .id = id };
	}
	if (name && !strv_has(item->names, name))
		strv_add(&item->names, name);
}

static int find_items(struct storage *st, const struct save_args *a, char **argv, struct items *t,
		      struct cmk_err *err)
{
	for (char **word = argv; *word; word++) {
		cleanup_free char *id = NULL, *name = NULL, *tag = NULL;
		bool further = word != argv && !a->multi;
		int r;

		if (str_after(*word, "docker://"))
			return cmk_err_set(err, -EINVAL,
					   "\"%.300s\" is not in local storage; remove the "
					   "docker:// prefix",
					   *word);
		r = image_resolve_platform(st, *word, a->platform, &id, &name,
					   further ? NULL : err);

		/* Another image is another image, as with docker; else another name. */
		if (r == 0) {
			add_item(t, steal_ptr(&id), name);
			continue;
		}
		r = further ? image_new_name(*word, &tag, err) : r;
		if (r < 0)
			return r;
		add_item(t, xstrdup(t->list[0].id), tag);
	}
	return 0;
}

/* --- where to --- */

static int open_dir(const char *path, int *ret, bool *ret_made, struct cmk_err *err)
{
	int r;

	*ret_made = mkdir(path, 0755) == 0;
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return cmk_err_errno(err, "directory '%s'", path);
	r = dir_is_empty(*ret, err);
	return r == 0 ? cmk_err_set(err, -ENOTEMPTY, "'%s' is not empty", path) : MIN(r, 0);
}

static int open_file(const char *path, int *ret, bool *ret_made, struct cmk_err *err)
{
	struct stat sb;

	if (!path) {
		if (isatty(STDOUT_FILENO))
			return cmk_err_set(err, -EINVAL,
					   "refusing to save to terminal. Use -o flag or redirect");
		*ret = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return *ret < 0 ? cmk_err_errno(err, "standard output") : 0;
	}
	*ret = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	*ret_made = *ret >= 0;
	if (*ret < 0 && errno == EEXIST)
		*ret = open(path, O_WRONLY | O_CLOEXEC);
	if (*ret < 0)
		return cmk_err_errno(err, "open '%s'", path);
	if (fstat(*ret, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0)
		return cmk_err_set(err, -EEXIST,
				   "docker-archive doesn't support modifying existing images: "
				   "'%s' is not empty",
				   path);
	return 0;
}

static int save_exec(const struct cmk_globals *g, void *args, int argc cmk_unused, char **argv,
		     struct cmk_err *err)
{
	const struct save_args *a = args;
	struct image_save_options o = { .compress = a->compress,
					.uncompressed = a->uncompressed,
					.quiet = a->quiet,
					.signature_policy = a->signature_policy,
					.fd = -1,
					.dir_fd = -1 };
	cleanup(items_done) struct items t = { 0 };
	cleanup_storage struct storage *st = NULL;
	cleanup_close int out = -1;
	bool dir, made = false;
	int r = parse_format(a, &o.format, err);

	dir = o.format == SAVE_OCI_DIR || o.format == SAVE_DOCKER_DIR;
	if (r == 0 && dir && !a->output)
		r = cmk_err_set(err, -EINVAL, "--output must be set for directory formats");
	if (r == 0 && a->output && strchr(a->output, ':'))
		r = cmk_err_set(err, -EINVAL, "invalid filename (should not contain ':') \"%s\"",
				a->output);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = find_items(st, a, argv, &t, err);
	if (r == 0 && t.n > 1 && o.format != SAVE_DOCKER_ARCHIVE)
		r = cmk_err_set(err, -EINVAL,
				"multi-image archives are only supported in the format "
				"docker-archive");
	if (r == 0)
		r = (dir ? open_dir : open_file)(a->output, &out, &made, err);
	if (r < 0)
		return r;
	*(dir ? &o.dir_fd : &o.fd) = out;
	r = image_save(st, t.list, t.n, &o, err);
	/* Half an archive looks like a whole one. */
	if (r < 0 && made)
		(void)remove_tree_at(AT_FDCWD, a->output, NULL);
	if (r < 0)
		return cmk_err_wrap(err, r, "save");
	for (size_t i = 0; i < t.n; i++)
		event_write_image(st, "save", t.list[i].id, a->output ? a->output : "");
	return 0;
}

static const char *const save_aliases[] = { "image save", NULL };

static const struct cmk_example save_examples[] = {
	{ "cmk save -o alpine.tar alpine", "Writes the image to an archive, for docker load too" },
	{ "cmk save alpine | ssh host cmk load", "Gives it to another machine" },
	{ "cmk save --format oci-dir -o layout alpine", "Writes an OCI image layout" },
	{ "cmk save -m -o all.tar alpine nginx", "Two images in one archive" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_save = {
	.name = "save",
	.aliases = save_aliases,
	.summary = "Write images to an archive or a directory",
	.operands = "IMAGE [NAME...]",
	.description =
		"Writes the image, with its layers exactly as they once came, as docker's archive "
		"or an OCI layout, which `cmk load`, podman, docker and skopeo read. A further "
		"NAME that is no image here is one more name for the image in the archive; other "
		"images are written as well, into the same archive.",
	.examples = save_examples,
	.options = save_options,
	.args_size = sizeof(struct save_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_IMAGES,
	.exec = save_exec,
};
