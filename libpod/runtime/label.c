// SPDX-License-Identifier: Apache-2.0
/*
 * Labels of SELinux: of the process, of its keys, of the file systems that are made for it and of
 * what -v …:z brings in. Nothing is done, and nothing asked of the kernel, where the spec has none.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/selinux.h"
#include "libpod/runtime/internal.h"

#define PROC_ROOT_INO 1

/* --- the process -------------------------------------------------------------------------------
 */

int attr_open(int root_fd, const char *const *names, size_t n, const char *what,
	      struct cmk_err *err)
{
	cleanup_close int proc = root_open(root_fd, "proc", O_PATH | O_DIRECTORY);
	struct statfs fs;
	struct stat st;
	int fd = -1;

	if (proc < 0 || fstatfs(proc, &fs) < 0 || fstat(proc, &st) < 0)
		return cmk_err_set(err, proc < 0 ? proc : -errno, "%s: no /proc", what);
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INO)
		return cmk_err_set(err, -EINVAL, "%s: /proc is not the kernel's", what);
	for (size_t i = 0; i < n && fd < 0; i++)
		fd = open_resolved(proc, names[i], O_WRONLY, 0,
				   RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
	return fd < 0 ? cmk_err_set(err, fd, "%s: %s", what, errno_text(-fd)) : fd;
}

static const char *process_label(const struct runtime_job *job)
{
	const char *label = job->process->selinux_label;

	return label && *label ? label : NULL;
}

int label_open(struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	static const char *const names[] = { "thread-self/attr/exec" };

	if (!process_label(job))
		return 0;
	job->label_fd = attr_open(root_fd, names, ARRAY_LEN(names), "SELinux label", err);
	return job->label_fd < 0 ? job->label_fd : 0;
}

/* What the kernel says of a label that it does not take. */
static int label_error(const char *label, struct cmk_err *err)
{
	int r = cmk_err_errno(err, "SELinux label '%s'", label);

	selinux_hint(err, r);
	return r;
}

int label_set(const struct runtime_job *job, struct cmk_err *err)
{
	const char *label = process_label(job);
	size_t len = label ? strlen(label) : 0;

	if (job->label_fd < 0 || write(job->label_fd, label, len) == (ssize_t)len)
		return 0;
	return label_error(label, err);
}

int label_keys(const struct runtime_job *job, struct cmk_err *err)
{
	static const char *const names[] = { "thread-self/attr/keycreate" };
	const char *label = process_label(job);
	cleanup_close int root = -1, fd = -1;

	if (!label)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = attr_open(root, names, ARRAY_LEN(names), "SELinux label of keys", err);
	if (fd < 0)
		return fd;
	return write(fd, label, strlen(label)) < 0 ? label_error(label, err) : 0;
}

/* --- file systems ------------------------------------------------------------------------------
 */

static const char *mount_label(const struct spec *s)
{
	return s->mount_label && *s->mount_label ? s->mount_label : NULL;
}

int label_new_mount(int fs, const char *type, const struct spec *s, struct cmk_err *err)
{
	/* Which the kernel lets a user namespace label so; and of others "proc" and such have
	 * labels of the policy. */
	static const char *const types[] = { "tmpfs", "ramfs", "devpts", "overlay" };
	const char *label = mount_label(s);
	bool takes = false;

	for (size_t i = 0; label && i < ARRAY_LEN(types); i++)
		takes |= streq(type, types[i]);
	if (takes && fsconfig(fs, FSCONFIG_SET_STRING, spec_mount_context(s), label, 0) < 0)
		return file_fs_error(fs, -errno, label, err);
	return 0;
}

int label_mount_root(int mnt, const struct spec *s, struct cmk_err *err)
{
	return mount_label(s) ? selinux_label_tree(mnt, mount_label(s), err) : 0;
}

int label_source(int mnt, const struct spec *s, bool shared, struct cmk_err *err)
{
	cleanup_free char *label = NULL;
	int r;

	if (!mount_label(s))
		return 0;
	label = shared ? selinux_with_level(mount_label(s), "s0") : xstrdup(mount_label(s));
	if (!label)
		return cmk_err_set(err, -EINVAL, "'%s' is no SELinux context", mount_label(s));
	r = selinux_label_tree(mnt, label, err);
	return r < 0 ? cmk_err_wrap(err, r, "%s", shared ? "z" : "Z") : 0;
}
