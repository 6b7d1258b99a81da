// SPDX-License-Identifier: Apache-2.0
/* Push to files of this machine (containers-transports(5)): oci:, oci-archive:, docker-archive:,
 * dir:. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/new_file.h"
#include "image/podman.h"
#include "image/push.h"
#include "image/save.h"
#include "image/transport.h"

/* Where the image goes. A new archive takes the place of the old one when it is whole. */
struct place {
	const char *path;
	int fd, dir_fd;
	char *real;	     /* of an archive: its path without links */
	struct new_file new; /* .fd is FD; else -1 */
	bool made;	     /* the directory was not there before */
};

static void place_done(struct place *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	if (p->dir_fd >= 0)
		(void)close(p->dir_fd);
	free(p->real);
}

/* --- archives --- */

static mode_t new_mode(void)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

static int open_new(struct place *p, mode_t mode, struct cmk_err *err)
{
	int r;

	p->real = realpath(p->path, NULL);
	if (!p->real)
		p->real = xstrdup(p->path);
	r = new_file_open(AT_FDCWD, p->real, 0600, &p->new, err);
	if (r < 0)
		return r;
	p->fd = p->new.fd;
	return fchmod(p->fd, mode) < 0 ? cmk_err_errno(err, "mode of '%s'", p->path) : 0;
}

static int open_archive(struct place *p, bool replace, struct cmk_err *err)
{
	struct stat sb;

	if (stat(p->path, &sb) < 0)
		return errno == ENOENT ? open_new(p, new_mode(), err)
				       : cmk_err_errno(err, "'%s'", p->path);
	if (S_ISDIR(sb.st_mode))
		return cmk_err_set(err, -EISDIR, "'%s' is a directory", p->path);
	if (S_ISREG(sb.st_mode) && sb.st_size > 0 && !replace)
		return cmk_err_set(err, -EEXIST,
				   "docker-archive doesn't support modifying existing images: "
				   "'%s' is not empty",
				   p->path);
	if (S_ISREG(sb.st_mode))
		return open_new(p, sb.st_mode & 07777, err);
	p->fd = open(p->path, O_WRONLY | O_CLOEXEC);
	return p->fd < 0 ? cmk_err_errno(err, "open '%s'", p->path) : 0;
}

/* --- directories --- */

/* One that is not empty must be of dir:, or what is in it may be worth something. */
static int check_dir(const struct place *p, struct cmk_err *err)
{
	int r = dir_is_empty(p->dir_fd, err);

	if (r != 0 || faccessat(p->dir_fd, "version", F_OK, 0) == 0)
		return r < 0 ? r : 0;
	return cmk_err_set(err, -ENOTEMPTY,
			   "'%s' is not empty, and was not written by a push to dir:", p->path);
}

static int open_dir(struct place *p, bool replace, struct cmk_err *err)
{
	int r;

	p->made = access(p->path, F_OK) < 0;
	r = mkdir_p_at(AT_FDCWD, p->path, 0755, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "directory '%s'", p->path);
	p->dir_fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir_fd < 0)
		return cmk_err_errno(err, "directory '%s'", p->path);
	/* Two pushes to one layout: both images are to be in its index. */
	r = file_lock(p->dir_fd, true, false);
	if (r < 0)
		return cmk_err_set(err, r, "lock '%s': %s", p->path, errno_text(-r));
	return replace ? check_dir(p, err) : 0;
}

/* R: whether the image is there as a whole. */
static int place_finish(struct place *p, int r, struct cmk_err *err)
{
	if (p->new.fd >= 0) {
		r = new_file_close(&p->new, r, err);
		p->fd = -1;
	}
	if (r < 0 && p->made)
		(void)remove_tree_at(AT_FDCWD, p->path, NULL);
	return r;
}

/* --- what is written --- */

static enum image_save_format format_of(const struct transport_name *n)
{
	if (n->kind == &bundle_docker_archive)
		return SAVE_DOCKER_ARCHIVE;
	if (n->kind == &bundle_dir)
		return SAVE_DOCKER_DIR;
	return n->is_dir ? SAVE_OCI_DIR : SAVE_OCI_ARCHIVE;
}

int push_compress_refused(struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL,
			   "--compress can be set only when the destination is a directory using "
			   "the 'dir:' transport");
}

static int check_options(const struct image_push_options *o, enum image_save_format format,
			 struct cmk_err *err)
{
	bool oci = format == SAVE_OCI_DIR || format == SAVE_OCI_ARCHIVE;
	bool docker = format == SAVE_DOCKER_ARCHIVE;

	if (o->compress && format != SAVE_DOCKER_DIR)
		return push_compress_refused(err);
	if ((oci && o->format == PUSH_DOCKER) || (docker && o->format == PUSH_OCI))
		return cmk_err_set(err, -EINVAL, "--format: manifests of this kind are not for %s",
				   oci ? "OCI layouts" : "docker's archives");
	if (docker && (o->compression_given || o->force_compression))
		return cmk_err_set(err, -EINVAL,
				   "layers of docker's archives are not compressed: "
				   "--compression-format and --force-compression do not fit");
	return 0;
}

static void fill_plan(const struct image_push_options *o, const struct place *p,
		      enum image_save_format format, struct save_plan *ret)
{
	bool plain = format == SAVE_DOCKER_ARCHIVE ||
		     (format == SAVE_DOCKER_DIR && !o->compress && !o->compression_given &&
		      !o->force_compression);

	*ret = (struct save_plan){
		.format = format,
		.compression = plain ? LAYER_TAR : o->compression,
		.level = o->level,
		.kept = true,
		.recompress = o->force_compression,
		.manifest = o->format,
		.quiet = o->quiet,
		.fd = p->fd,
		.dir_fd = p->dir_fd,
	};
}

/* What the image is to be called there; *RET is NULL where nothing was said. */
static int name_there(const struct transport_name *n, char **ret, struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	int r;

	if (n->index >= 0)
		return cmk_err_set(err, -EINVAL, "'@%lld': a destination has no index",
				   (long long)n->index);
	if (!n->ref || n->kind != &bundle_docker_archive) {
		*ret = xstrdup_null(n->ref);
		return 0;
	}
	r = image_ref_parse_docker(n->ref, &ref, err);
	if (r == 0 && ref.digest)
		r = cmk_err_set(err, -EINVAL, "'%s': a name with a tag is wanted, not a digest",
				n->ref);
	if (r == 0)
		*ret = image_ref_str(&ref);
	return r;
}

static int open_place(const struct transport_name *n, enum image_save_format format,
		      struct place *ret, struct cmk_err *err)
{
	*ret = (struct place){ .path = n->path, .fd = -1, .dir_fd = -1, .new.fd = -1 };
	return n->is_dir ? open_dir(ret, format == SAVE_DOCKER_DIR, err)
			 : open_archive(ret, format == SAVE_OCI_ARCHIVE, err);
}

static int parse_place(const char *to, struct transport_name *ret, struct cmk_err *err)
{
	int r = transport_parse(to, ret, err);

	if (r == 0 && ret->kind == &bundle_podman) {
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "'%.200s': Podman's store is only read", to);
		(void)cmk_err_hint(err,
				   "cmk tag gives an image here another name; cmk save IMAGE | "
				   "podman load brings it into podman's store");
	} else if (r == -EOPNOTSUPP && str_after(to, "docker-daemon:"))
		(void)cmk_err_hint(err, "cmk save IMAGE | docker load");
	return r;
}

static int write_to(struct storage *st, const char *id, const struct transport_name *n,
		    const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	enum image_save_format format = format_of(n);
	cleanup(place_done) struct place p = { .fd = -1, .dir_fd = -1, .new.fd = -1 };
	cleanup_free char *name = NULL;
	char *names[] = { NULL, NULL };
	struct image_save_item item = { .id = (char *)(uintptr_t)id };
	struct save_plan plan;
	int r = check_options(o, format, err);

	if (r == 0)
		r = name_there(n, &name, err);
	if (r < 0)
		return r;
	names[0] = name;
	item.names = name ? names : NULL;
	r = open_place(n, format, &p, err);
	if (r == 0) {
		fill_plan(o, &p, format, &plan);
		r = save_images(st, &item, 1, &plan, ret_digest, err);
	}
	return place_finish(&p, r, err);
}

int push_files(struct storage *st, const char *id, const char *to,
	       const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	struct transport_name n = { 0 };
	int r = parse_place(to, &n, err);

	if (r == 0)
		r = write_to(st, id, &n, o, ret_digest, err);
	transport_name_done(&n);
	return r;
}

/* --- lists --- */

struct push_files_list {
	struct transport_name n;
	struct place p;
	char *name;
	struct save_plan plan;
	struct saver *saver;
};

static int begin_list(struct storage *st, struct push_files_list *f,
		      const struct image_push_options *o, struct cmk_err *err)
{
	enum image_save_format format = format_of(&f->n);
	int r;

	if (format == SAVE_DOCKER_ARCHIVE)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "docker's archives hold no manifest lists: use oci-archive:");
	r = check_options(o, format, err);
	if (r == 0)
		r = name_there(&f->n, &f->name, err);
	if (r == 0)
		r = open_place(&f->n, format, &f->p, err);
	if (r < 0)
		return r;
	fill_plan(o, &f->p, format, &f->plan);
	return saver_new(st, &f->plan, &f->saver, err);
}

int push_files_begin(struct storage *st, const char *to, const struct image_push_options *o,
		     struct push_files_list **ret, struct cmk_err *err)
{
	struct push_files_list *f = xcalloc(1, sizeof(*f));
	int r;

	f->p = (struct place){ .fd = -1, .dir_fd = -1, .new.fd = -1 };
	r = parse_place(to, &f->n, err);
	if (r == 0)
		r = begin_list(st, f, o, err);
	if (r < 0)
		return push_files_end(f, r, err);
	*ret = f;
	return 0;
}

struct saver *push_files_saver(struct push_files_list *f)
{
	return f->saver;
}

const char *push_files_name(const struct push_files_list *f)
{
	return f->name;
}

enum image_push_format push_files_format(const struct push_files_list *f)
{
	return f->plan.format == SAVE_DOCKER_DIR ? PUSH_AS_IS : PUSH_OCI;
}

void push_files_compress(struct push_files_list *f, const struct image_push_options *o)
{
	fill_plan(o, &f->p, f->plan.format, &f->plan);
}

int push_files_end(struct push_files_list *f, int r, struct cmk_err *err)
{
	saver_free(f->saver);
	r = place_finish(&f->p, r, err);
	place_done(&f->p);
	transport_name_done(&f->n);
	free(f->name);
	free(f);
	return r;
}
