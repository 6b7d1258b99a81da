/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of cmk-chunked, the helper that makes a layer's tar stream from a blob of which only
 * some ranges are here (zstd:chunked, containers-storage-zstd-chunked.md; eStargz, stargz-
 * snapshotter's estargz.md). Nothing that the table of contents says is believed: it tells where to
 * look, every file's bytes are held against their digest, and who reads the stream holds it against
 * the diff ID.
 *
 * Two ways lead to the stream. Where a record of the rest of the stream came along (tar-split), it
 * is read, and files are put in. Else the blob is read from its first byte to its last, and only
 * files that are here are left out.
 */
#pragma once

#include "storage/chunked_wire.h"
#include "storage/unpack.h"

#define TOC_SUM_LEN 32

struct toc_chunk {
	uint64_t offset, end; /* in the blob; END 0: not told */
	uint64_t at, size;    /* in the file */
	uint8_t sum[TOC_SUM_LEN];
	bool zeros, has_sum;
};

struct toc_entry {
	char *name;    /* clean, owned: compared, never opened */
	uint64_t size; /* of a regular file, else 0 */
	uint8_t sum[TOC_SUM_LEN];
	size_t first, n; /* chunks; none of an empty file and of what is none */
	/* A file of the store that has these bytes: index into toc.layers, and its path there. */
	const char *path; /* owned by the search; NULL: none */
	size_t layer;
};

struct toc {
	enum layer_chunking kind;
	struct toc_entry *entries;
	size_t n, cap;
	struct toc_chunk *chunks; /* their places in the blob rise and are apart */
	size_t n_chunks, cap_chunks;
	bool has_split;
	struct digest split; /* of the compressed tar-split data */
};
void toc_done(struct toc *t);
/* LIMIT: where in the blob the last file's data ends at the latest. -EBADMSG for whatever is not
 * plain: names twice, or leading out; places that overlap, fall or lie beyond LIMIT; chunks that
 * are not the whole file. */
int toc_parse(const char *text, size_t len, enum layer_chunking kind, uint64_t limit,
	      struct toc *ret, struct cmk_err *err);

/* --- chunked_find.c --- */

struct toc_search;
/* Looks through all layers below LAYERS_FD for the files of T, and sets .path and .layer of those
 * that are there. *RET owns the paths. */
int toc_search(int layers_fd, struct toc *t, struct toc_search **ret, struct cmk_err *err);
void toc_search_free(struct toc_search *s);
/* Opens what was found; a descriptor. */
int toc_search_open(const struct toc_search *s, const struct toc_entry *e, struct cmk_err *err);

/* --- chunked_plan.c --- */

/* Ranges of the blob that are needed for T, merged where little lies between: at most
 * LAYER_RANGES_MAX; an owned array. */
void toc_plan(const struct toc *t, uint64_t limit, struct layer_range **ret, size_t *ret_n);
/* What the way without tar-split may leave out of E: the range of the blob, and how many bytes of
 * the file that is. False where nothing. */
bool toc_skips(const struct toc *t, const struct toc_entry *e, struct layer_range *ret,
	       uint64_t *ret_bytes);

/* --- chunked_join.c --- */

struct toc_join {
	int blob_fd, out_fd;
	const struct toc *toc;
	const struct toc_search *search;
	uint64_t limit;
	uint64_t split_offset, split_len;
	uint64_t total; /* out: bytes written */
};
/* Writes the stream. */
int toc_join(struct toc_join *j, struct cmk_err *err);
