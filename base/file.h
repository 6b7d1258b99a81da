/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files below a directory descriptor: atomic replacement, bounded reads, safe resolution, locks.
 *
 * A record is replaced whole: unique temporary name with O_EXCL in the same directory, write,
 * fsync, rename, fsync of the directory. Readers see the old record or the new and take no lock.
 * Writers of an object hold flock(2) on the object's own directory, which the kernel drops when
 * they die.
 */
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

enum file_flags {
	FILE_DURABLE =
		1 << 0, /* fsync the file and its directory: the record must outlive a power cut */
	FILE_EXCL = 1 << 1,	    /* fail with EEXIST where NAME exists already */
	FILE_DURABLE_DATA = 1 << 2, /* fsync the file alone: the caller syncs its directory later */
};

/* Writes DATA as NAME below DIRFD, atomically. */
int file_replace_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    enum file_flags flags, struct cmk_err *err);
/* The same for a file by its PATH, which may be relative: the temporary one is made beside it. */
int file_replace_path(const char *path, const void *data, size_t len, mode_t mode,
		      enum file_flags flags, struct cmk_err *err);
/* Reads a regular file of at most MAX bytes (-EFBIG beyond). *RET is NUL-ended, owned by the
 * caller. A name that is not a regular file is -EINVAL and is never waited for (opened O_NONBLOCK).
 * NAME may be a path; DIRFD AT_FDCWD. */
int file_read_at(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len,
		 struct cmk_err *err);
/* As above from an open descriptor (also pipes and /proc files). */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len, struct cmk_err *err);
/* All of DATA, over short writes and EINTR; 0 or -errno. */
int write_all(int fd, const void *data, size_t len);
/* Up to LEN bytes, over EINTR and short reads; the count or -errno. */
ssize_t read_full(int fd, void *buf, size_t len);
/* The regular file OUT, which is empty, shares IN's data (ioctl_ficlone(2)): 0 or -errno, at once
 * whatever its size. */
int file_clone(int in, int out);
/* The same by whatever way there is: shared, copied in the kernel, or through memory; holes stay
 * holes. 0 or -errno. */
int file_copy_data(int in, int out);

/* mkdir -p below DIRFD; existing directories are left as they are. */
int mkdir_p_at(int dirfd, const char *path, mode_t mode, struct cmk_err *err);
/* Opens a directory, making it (one level) first where absent. Returns a descriptor (O_DIRECTORY,
 * readable). */
int open_dir_at(int dirfd, const char *name, mode_t mode, struct cmk_err *err);
/* Reads the directory DIRFD (which may be O_PATH) from its beginning, through a description of its
 * own. *RET is closed by the caller. */
int dir_read(int dirfd, DIR **ret, struct cmk_err *err);
/* Adds to *TEXTS what the file NAME (at most MAX bytes) says in each directory below DIRFD that has
 * one, but for those whose names begin with a dot. */
int dir_read_each(int dirfd, const char *name, size_t max, char ***texts, struct cmk_err *err);
/* 1 where the directory DIRFD (which may be O_PATH) holds nothing, else 0. */
int dir_is_empty(int dirfd, struct cmk_err *err);
/* rm -rf NAME below DIRFD, of any depth, without following links or into a mount it cannot remove;
 * an absent name is success. Makes directories writable on the way where it owns them. */
int remove_tree_at(int dirfd, const char *name, struct cmk_err *err);

/* openat2(2). RESOLVE is RESOLVE_IN_ROOT, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS…; O_CLOEXEC is
 * added. Retries on EAGAIN (a racing rename). Returns a descriptor or -errno; needs kernel 5.6. */
int open_resolved(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve);

/* flock(2) on FD: EXCLUSIVE or shared; NONBLOCK gives -EWOULDBLOCK. 0 or -errno. */
int file_lock(int fd, bool exclusive, bool nonblock);

/* After a failed step with the descriptor FS of fsopen(2), CODE its negative errno: WHAT, with what
 * the kernel wrote there about it. Returns CODE. */
int file_fs_error(int fs, int code, const char *what, struct cmk_err *err);

/* "/proc/self/fd/N" in BUF (at least 32 bytes). */
const char *fd_path(int fd, char buf[static 32]);
#define FD_PATH_MAX 32
