// SPDX-License-Identifier: Apache-2.0
/* Push to files of this machine (containers-transports(5)): oci:, oci-archive:, docker-archive:,
 * dir:. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/push.h"
#include "image/save.h"
#include "image/transport.h"

/* Where the image goes. An archive is written beside its place and renamed. */
struct place {
	const char *path;
	int fd, dir_fd;
	char *real,
		*new; /* of an archive: its path without links, and what it is called until then */
	bool made;    /* the directory was not there before */
};

static void place_done(struct place *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	if (p->dir_fd >= 0)
		(void)close(p->dir_fd);
	free(p->real);
	free(p->new);
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
	p->real = realpath(p->path, NULL);
	if (!p->real)
		p->real = xstrdup(p->path);
	p->new = xasprintf("%s.XXXXXX", p->real);
	p->fd = mkostemp(p->new, O_CLOEXEC);
	if (p->fd < 0) {
		free(steal_ptr(&p->new));
		return cmk_err_errno(err, "create '%s'", p->path);
	}
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
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	bool empty = true;
	int r = dir_read(p->dir_fd, &d, err);

	while (r == 0 && (de = readdir(d)))
		empty &= streq(de->d_name, ".") || streq(de->d_name, "..");
	if (r < 0 || empty || faccessat(p->dir_fd, "version", F_OK, 0) == 0)
		return r;
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
	if (r == 0 && p->new &&rename(p->new, p->real) < 0)
		r = cmk_err_errno(err, "name '%s'", p->path);
	if (r < 0 && p->new)
		(void)unlink(p->new);
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

static int check_options(const struct image_push_options *o, enum image_save_format format,
			 struct cmk_err *err)
{
	bool oci = format == SAVE_OCI_DIR || format == SAVE_OCI_ARCHIVE;
	bool docker = format == SAVE_DOCKER_ARCHIVE;

	if (o->compress && format != SAVE_DOCKER_DIR)
		return cmk_err_set(err, -EINVAL,
				   "--compress can be set only when the destination is a directory "
				   "using the 'dir:' transport");
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

static int write_to(struct storage *st, const char *id, const struct transport_name *n,
		    const struct image_push_options *o, char **ret_digest, struct cmk_err *err)
{
	cleanup(place_done) struct place p = { .path = n->path, .fd = -1, .dir_fd = -1 };
	cleanup_free char *name = NULL;
	char *names[] = { NULL, NULL };
	struct image_save_item item = { .id = (char *)(uintptr_t)id };
	enum image_save_format format = format_of(n);
	struct save_plan plan;
	int r = check_options(o, format, err);

	if (r == 0)
		r = name_there(n, &name, err);
	if (r < 0)
		return r;
	names[0] = name;
	item.names = name ? names : NULL;
	if (n->is_dir)
		r = open_dir(&p, format == SAVE_DOCKER_DIR, err);
	else
		r = open_archive(&p, format == SAVE_OCI_ARCHIVE, err);
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
	int r = transport_parse(to, &n, err);

	if (r == -EOPNOTSUPP && str_after(to, "containers-storage:"))
		(void)cmk_err_hint(err,
				   "cmk tag gives an image here another name; cmk save IMAGE | "
				   "podman load brings it into podman's store");
	else if (r == -EOPNOTSUPP && str_after(to, "docker-daemon:"))
		(void)cmk_err_hint(err, "cmk save IMAGE | docker load");
	if (r == 0)
		r = write_to(st, id, &n, o, ret_digest, err);
	transport_name_done(&n);
	return r;
}
