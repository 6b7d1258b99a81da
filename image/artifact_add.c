// SPDX-License-Identifier: Apache-2.0
/* An artifact of files of this machine. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/artifact.h"

#define SNIFF 512

struct added {
	const char *title; /* behind the path's last '/', or of an annotation */
	char *type;
	struct digest digest;
	uint64_t size;
};

struct add {
	const struct image_artifact_add *o;
	struct artifact_build build;
	struct storage_artifact old; /* that is appended to; .manifest NULL where there is none */
	struct manifest m;
	struct json_doc *doc;
	struct added *files;
	size_t n;
};

static void add_done(struct add *a)
{
	storage_artifact_cancel(&a->build);
	storage_artifact_done(&a->old);
	manifest_done(&a->m);
	json_doc_free(a->doc);
	for (size_t i = 0; i < a->n; i++)
		free(a->files[i].type);
	free(a->files);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- what is asked for --- */

static int check_options(const struct image_artifact_add *o, struct cmk_err *err)
{
	if (o->append && o->type && *o->type)
		return cmk_err_set(err, -EINVAL,
				   "append option is not compatible with type option");
	if (o->append && o->replace)
		return cmk_err_set(err, -EINVAL,
				   "--append and --replace options cannot be used "
				   "together");
	for (char *const *s = o->annotations; s && *s; s++) {
		if (!strchr(*s, '=') || **s == '=')
			return cmk_err_set(err, -EINVAL,
					   "invalid annotation \"%.200s\": KEY=VALUE was expected",
					   *s);
	}
	return 0;
}

static bool has_title(const struct add *a, size_t n, const char *title)
{
	for (size_t i = 0; i < a->m.n_items; i++)
		if (streq_null(a->m.items[i].title, title))
			return true;
	for (size_t i = 0; i < n; i++)
		if (streq(a->files[i].title, title))
			return true;
	return false;
}

static int check_titles(struct add *a, char *const *files, struct cmk_err *err)
{
	const char *given = NULL;

	for (char *const *s = a->o->annotations; s && *s; s++)
		given = str_after(*s, ARTIFACT_TITLE "=") ?: given;
	a->files = xcalloc(strv_len(files) + 1, sizeof(*a->files));
	if (strv_len(files) + a->m.n_items > IMAGE_LAYERS_MAX)
		return cmk_err_set(err, -E2BIG, "an artifact holds at most %d files",
				   IMAGE_LAYERS_MAX);
	for (; *files; files++) {
		const char *title = given ?: base_name(*files);

		if (given && has_title(a, a->n, title))
			return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST,
					    "duplicate layers " ARTIFACT_TITLE " labels within an "
					    "artifact not allowed");
		if (has_title(a, a->n, title))
			return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST,
					    "%s: file already exists in artifact", title);
		a->files[a->n++].title = title;
	}
	return 0;
}

/* --- blobs --- */

static int copy_in(struct add *a, int in, struct added *f, struct cmk_err *err)
{
	cleanup_free char *buf = xmalloc((size_t)1 << 20);
	cleanup_close int out = storage_artifact_file(&a->build, err);
	int r = out < 0 ? out : 0;
	ssize_t n;

	while (r == 0 && (n = read_full(in, buf, (size_t)1 << 20)) != 0) {
		if (n < 0)
			return cmk_err_set(err, (int)n, "read: %s", errno_text((int)-n));
		if (!f->type)
			f->type = xstrdup(artifact_detect_type(buf, MIN((size_t)n, SNIFF)));
		r = write_all(out, buf, (size_t)n);
		if (r < 0)
			return cmk_err_set(err, r, "write: %s", errno_text(-r));
	}
	if (r == 0 && !f->type)
		f->type = xstrdup(artifact_detect_type("", 0));
	return r < 0 ? r : storage_artifact_take(&a->build, out, &f->digest, &f->size, err);
}

static int add_file(struct add *a, const char *path, struct added *f, struct cmk_err *err)
{
	cleanup_close int in = open(path, O_RDONLY | O_CLOEXEC);
	struct stat sb;
	int r;

	if (in < 0 || fstat(in, &sb) < 0)
		return cmk_err_errno(err, "open %s", path);
	if (S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -EISDIR, "read %s: is a directory", path);
	if (a->o->file_type && *a->o->file_type)
		f->type = xstrdup(a->o->file_type);
	r = copy_in(a, in, f, err);
	return r < 0 ? cmk_err_wrap(err, r, "'%s'", path) : 0;
}

static int add_config(struct add *a, struct cmk_err *err)
{
	cleanup_close int fd = storage_artifact_file(&a->build, err);
	struct digest digest;
	uint64_t size;
	int r = fd < 0 ? fd : write_all(fd, ARTIFACT_EMPTY, strlen(ARTIFACT_EMPTY));

	return r < 0 ? r : storage_artifact_take(&a->build, fd, &digest, &size, err);
}

static int reuse(struct add *a, const struct descriptor *d, struct cmk_err *err)
{
	return storage_artifact_reuse(&a->build, &d->digest, d->size)
		       ? 0
		       : cmk_err_set(err, -ENOENT, "blob sha256:%s is missing from the store",
				     d->digest.hex);
}

static int reuse_old(struct add *a, struct cmk_err *err)
{
	int r = reuse(a, &a->m.config, err);

	for (size_t i = 0; r == 0 && i < a->m.n_items; i++)
		r = reuse(a, &a->m.items[i], err);
	return r;
}

/* --- manifest --- */

static void write_new_layers(struct json_writer *w, const struct add *a)
{
	char buf[72];

	for (size_t i = 0; i < a->n; i++) {
		const struct added *f = &a->files[i];
		cleanup_free char *title = xasprintf(ARTIFACT_TITLE "=%s", f->title);
		cleanup_strv char **notes = NULL;

		for (char *const *s = a->o->annotations; s && *s; s++)
			strv_env_set(&notes, *s);
		strv_env_set(&notes, title);
		json_write_object(w, NULL);
		json_write_str(w, "mediaType", f->type);
		json_write_str(w, "digest", digest_str(&f->digest, buf));
		json_write_u64(w, "size", f->size);
		json_write_map(w, "annotations", notes);
		json_write_end(w, '}');
	}
}

static void write_manifest(struct json_writer *w, const struct add *a)
{
	cleanup_free char *created = time_now_rfc3339();
	struct digest empty;
	char buf[72];

	digest_of(ARTIFACT_EMPTY, strlen(ARTIFACT_EMPTY), &empty);
	json_write_object(w, NULL);
	json_write_u64(w, "schemaVersion", 2);
	json_write_str(w, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	if (a->o->type && *a->o->type)
		json_write_str(w, "artifactType", a->o->type);
	json_write_object(w, "config");
	json_write_str(w, "mediaType", ARTIFACT_EMPTY_TYPE);
	json_write_str(w, "digest", digest_str(&empty, buf));
	json_write_u64(w, "size", strlen(ARTIFACT_EMPTY));
	json_write_str(w, "data", "e30=");
	json_write_end(w, '}');
	json_write_array(w, "layers");
	write_new_layers(w, a);
	json_write_end(w, ']');
	json_write_object(w, "annotations");
	json_write_str(w, ARTIFACT_CREATED, created);
	json_write_end(w, '}');
	json_write_end(w, '}');
}

/* The old one, member by member, with more layers. */
static void write_appended(struct json_writer *w, const struct add *a)
{
	json_write_object(w, NULL);
	json_each (member, json_root(a->doc)) {
		if (!streq(member->key, "layers")) {
			json_write_value(w, member->key, member);
			continue;
		}
		json_write_array(w, "layers");
		json_each (layer, member)
			json_write_value(w, NULL, layer);
		write_new_layers(w, a);
		json_write_end(w, ']');
	}
	json_write_end(w, '}');
}

static int put(struct add *a, const char *name, struct digest *ret, struct cmk_err *err)
{
	const struct artifact_before before = { .any = a->o->replace,
						.id = a->doc ? &a->old.id : NULL };
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (a->doc)
		write_appended(&w, a);
	else
		write_manifest(&w, a);
	r = json_writer_finish(&w, &text, &len, err);
	if (r < 0)
		return r;
	/* Without the writer's newline. */
	len -= len > 0 && text[len - 1] == '\n';
	if (len > IMAGE_MANIFEST_MAX)
		return cmk_err_set(err, -E2BIG, "the manifest is larger than %zu bytes",
				   IMAGE_MANIFEST_MAX);
	return storage_artifact_put(&a->build, name, text, len, &before, ret, err);
}

static int read_old(struct storage *st, const char *name, struct add *a, struct cmk_err *err)
{
	int r = image_artifact_find(st, name, &a->old, err);

	if (r == 0)
		r = manifest_parse_artifact(a->old.manifest, a->old.manifest_len, NULL, &a->m, err);
	return r < 0 ? r
		     : json_parse(a->old.manifest, a->old.manifest_len, IMAGE_MANIFEST_MAX, &a->doc,
				  err);
}

/* Said before a large file is copied. */
static int check_free(struct storage *st, const char *name, const struct add *a,
		      struct cmk_err *err)
{
	cleanup(storage_artifact_done) struct storage_artifact other = { 0 };

	if (a->o->append || a->o->replace || storage_artifact_find(st, name, &other, NULL) < 0)
		return 0;
	return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST, "%s: artifact already exists", name);
}

int image_artifact_add(struct storage *st, const char *name, char *const *files,
		       const struct image_artifact_add *o, struct digest *ret, struct cmk_err *err)
{
	cleanup(add_done) struct add a = { .o = o, .build = { .fd = -1 } };
	cleanup_free char *full = NULL;
	int r = check_options(o, err);

	if (r == 0)
		r = artifact_name(name, &full, err);
	if (r == 0 && o->append)
		r = read_old(st, name, &a, err);
	if (r == 0)
		r = check_titles(&a, files, err);
	if (r == 0)
		r = check_free(st, full, &a, err);
	if (r == 0)
		r = storage_artifact_begin(st, &a.build, err);
	if (r == 0)
		r = o->append ? reuse_old(&a, err) : add_config(&a, err);
	for (size_t i = 0; r == 0 && i < a.n; i++)
		r = add_file(&a, files[i], &a.files[i], err);
	return r < 0 ? r : put(&a, o->append ? a.old.name : full, ret, err);
}
