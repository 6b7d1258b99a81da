/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of cmk-unpack, the helper that turns one layer's blob into files. Not for cmk itself:
 * these map the libraries that decompress.
 *
 *   reading thread: blob → SHA-256 → inflate → buffers
 *   main thread:    buffers → SHA-256 → tar → files
 */
#pragma once

#include "storage/owners.h"
#include "storage/storage.h"
#include "storage/tar.h"
#include "storage/unpack_wire.h"

/* --- decompress.c --- */

struct decoder;
/* KIND is not LAYER_DETECT. No more memory is taken than a constant, whatever the data says: 128
 * MiB for a window or dictionary. */
struct decoder *decoder_new(enum layer_compression kind);
void decoder_free(struct decoder *d);
/* For other data of the same kind. */
void decoder_restart(struct decoder *d);
/* Takes from *IN and writes to OUT. *RET_LEN 0 means that more input is wanted. -EBADMSG. */
int decoder_run(struct decoder *d, const uint8_t **in, size_t *in_len, uint8_t *out, size_t cap,
		size_t *ret_len, struct cmk_err *err);
/* At the end of the input: -EBADMSG where that is in the middle of something. */
int decoder_end(struct decoder *d, struct cmk_err *err);

/* --- detect.c: maps nothing, so that it is cmk's too --- */

/* By the first bytes, of which at most DETECT_LEN are looked at. */
#define DETECT_LEN 10
enum layer_compression decoder_detect(const uint8_t *p, size_t len);

/* --- stream.c --- */

struct stream;
/* Starts the reading thread. FD, the digests and sizes as in struct layer_unpack; OFFSET where the
 * blob is a part of a file, else NULL. */
int stream_start(int fd, enum layer_compression kind, uint64_t blob_size, const uint64_t *offset,
		 struct stream **ret, struct cmk_err *err);
/* All that FD gives, decompressed where it is compressed; of nothing the digest is wanted. */
int stream_start_cat(int fd, struct stream **ret, struct cmk_err *err);
/* A tar_fill_fn. */
int stream_fill(void *stream, const uint8_t **ret, size_t *ret_len, struct cmk_err *err);
/* Reads what follows the archive's end (it belongs to the diff ID), and tells TAP of it. */
int stream_drain(struct stream *s, const struct tar_tap *tap, struct cmk_err *err);
/* No more data is wanted; TO_END reads the blob to its end all the same, for its digest. Joins the
 * thread. */
void stream_finish(struct stream *s, bool to_end, struct unpack_result *ret);
void stream_free(struct stream *s);

/* --- extract.c --- */

struct extract_options {
	bool single; /* one id only: every file belongs to it */
	bool squash; /* what belongs to an id that is not mapped belongs to 0 */
	const struct id_map *uids, *gids;
	/* No layer but files for a directory that has some: NULL where it is a layer. */
	const struct storage_extract_options *plain;
	struct owners_writer *owners; /* is told whose files are not root's; or NULL */
};
/* Reads the archive to its end and makes its files below ROOT. */
int extract_all(int root, struct tar_reader *t, const struct extract_options *o,
		struct unpack_result *ret, struct cmk_err *err);
/* The name below the root: without leading '/', '.', '..' and double '/'. "" is the root. -EINVAL
 * where it leads out of it. RET has room for strlen(NAME) + 1. */
int extract_clean_name(const char *name, char *ret);
