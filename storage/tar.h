/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of tar streams: ustar, PAX (POSIX.1-2001; SCHILY.xattr and LIBARCHIVE.xattr), GNU long
 * names, base-256 numbers and sparse files (old, 0.0, 0.1, 1.0). For cmk-unpack; knows nothing of
 * files.
 *
 * Everything in the stream is hostile. What it says of sizes is bounded before memory is taken. An
 * end of input after a whole entry ends the archive, with or without the two zero blocks, as in
 * Go's archive/tar, by which layers are made; what follows the zero blocks is the caller's to read.
 */
#pragma once

#include <time.h>

#include "base/err.h"
#include "base/strbuf.h"

#define TAR_BLOCK 512
#define TAR_NAME_MAX 4095	  /* PATH_MAX without its NUL */
#define TAR_HEADER_MAX (1U << 20) /* of one PAX or GNU long header, as in archive/tar */
#define TAR_SPARSE_MAX (1U << 20) /* pieces of one file */
#define TAR_XATTRS_MAX 1024

/* The next bytes of the stream, valid until the next call: *RET_LEN is 0 at the end. */
typedef int (*tar_fill_fn)(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err);

/* Who is told all that is taken from a stream, in order. */
struct tar_tap {
	/* By the reader: bytes that are none of a file's. */
	void (*bytes)(void *arg, const void *p, size_t len);
	/* By whoever makes the files: bytes that were written at OFFSET of PATH, a clean name. */
	void (*data)(void *arg, const char *path, uint64_t offset, const void *p, size_t len);
	/* By the same: PATH, which is BASE in PARENT, has to go. */
	int (*replace)(void *arg, int parent, const char *base, const char *path,
		       struct cmk_err *err);
	void *arg;
};

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCKDEV,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	char *name; /* owned */
	char *value;
	size_t len;
};

struct tar_sparse {
	uint64_t offset, len;
};

struct tar_entry {
	enum tar_type type;
	struct strbuf path, link; /* as they came; never longer than TAR_NAME_MAX, no NUL inside */
	uint32_t mode;		  /* 07777 */
	uint64_t uid, gid;
	struct timespec mtime;
	uint64_t size; /* of the file as it shall be */
	bool is_sparse;
	struct tar_xattr *xattrs; /* owned */
	size_t n_xattrs;
};

/* Records of one PAX header, until the entry that they describe. */
struct tar_pax {
	bool has_size, has_uid, has_gid, has_mtime, has_path, has_link, has_real_size, sparse;
	uint64_t size, uid, gid, real_size;
	uint64_t sparse_major, sparse_minor;
	struct timespec mtime;
	uint64_t pending_offset; /* format 0.0: offset whose length comes next */
	bool has_pending;
	uint64_t xattrs_len; /* of all values */
};

struct tar_reader {
	tar_fill_fn fill;
	void *fill_arg;
	const struct tar_tap *tap; /* may be NULL */
	const uint8_t *chunk;	   /* what is left of the last fill */
	size_t chunk_len;
	bool eof;

	struct tar_entry entry;
	struct tar_pax pax;
	struct tar_sparse *map; /* owned */
	size_t n_map, cap_map, at_map;
	uint64_t left;	  /* stored bytes of the entry not yet read */
	uint64_t map_off; /* bytes of the piece map[at_map] that were handed out */
	uint32_t pad;	  /* bytes after them, up to the block */
	uint64_t skipped; /* bytes that no file got: a bomb makes many */
	uint64_t n_entries;
	bool long_name, long_link;
};

void tar_init(struct tar_reader *t, tar_fill_fn fill, void *arg);
void tar_done(struct tar_reader *t);
/* 1 with T->entry filled, 0 at the end of the archive, -EBADMSG for a damaged one, or fill's own
 * failure. Data not read of the entry before is skipped. */
int tar_next(struct tar_reader *t, struct cmk_err *err);
/* 1 with the next piece of the file's data and the place where it belongs, 0 at its end. Borrowed
 * until the next call. */
int tar_data(struct tar_reader *t, const void **ret, size_t *ret_len, uint64_t *ret_offset,
	     struct cmk_err *err);

/* Where the input can be sought: passes over the entry's data. What it returns of them is still to
 * come from fill, which shall go on behind that. */
uint64_t tar_jump(struct tar_reader *t);

/* For the parts of the reader. */
int tar_read(struct tar_reader *t, void *buf, size_t len, struct cmk_err *err); /* 0 also at EOF */
int tar_pax_parse(struct tar_reader *t, char *text, size_t len, struct cmk_err *err);
void tar_pax_reset(struct tar_reader *t);
int tar_map_add(struct tar_reader *t, uint64_t offset, uint64_t len, struct cmk_err *err);
int tar_map_check(struct tar_reader *t, struct cmk_err *err);
int tar_sparse_old(struct tar_reader *t, const uint8_t *header, struct cmk_err *err);
int tar_sparse_1_0(struct tar_reader *t, struct cmk_err *err);
int tar_number(const uint8_t *p, size_t len, int64_t *ret);
