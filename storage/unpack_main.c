// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-unpack: one layer's blob on stdin, its files below "diff" in the directory on descriptor 3,
 * and beside it what else was in the stream (tar_split.h). Started inside the parent user
 * namespace. Before it reads the first byte it has that directory as its root, no_new_privs, the
 * capabilities that files need, and a seccomp filter.
 *
 * It may: make, change and remove files below that directory, start threads. No socket, no process,
 * no mount. Landlock stays out: the root directory is the same limit, and costs nothing for each
 * of a layer's files.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "base/userns.h"
#include "storage/confine.h"
#include "storage/tar_split.h"
#include "storage/unpack.h"

struct unpack {
	pid_t parent;
	enum layer_compression kind;
	uint64_t blob_size, offset;
	struct digest blob, diff;
	bool part, has_blob, has_diff, single, squash, record;
	struct id_map uids, gids;
	int root;
	struct tar_split *split;
};

static int parse_args(struct unpack *u, int argc, char **argv, struct cmk_err *err)
{
	uint64_t parent = 0;
	int r = 0;

	u->part = argc == UNPACK_N_ARGS && !streq(argv[UNPACK_ARG_OFFSET], "-");
	if (argc != UNPACK_N_ARGS || parse_u64(argv[UNPACK_ARG_PARENT], INT32_MAX, &parent) < 0 ||
	    parse_u64(argv[UNPACK_ARG_SIZE], INT64_MAX, &u->blob_size) < 0 ||
	    (u->part && parse_u64(argv[UNPACK_ARG_OFFSET], INT64_MAX, &u->offset) < 0))
		return cmk_err_set(err, -EINVAL, UNPACK_PROGRAM " is started by cmk itself");
	if (layer_compression_parse(argv[UNPACK_ARG_KIND], &u->kind) < 0)
		return cmk_err_set(err, -EINVAL, "compression '%s'", argv[UNPACK_ARG_KIND]);
	u->parent = (pid_t)parent;
	u->single = streq(argv[UNPACK_ARG_IDS], "single");
	u->squash = streq(argv[UNPACK_ARG_IDS], "squash");
	u->record = streq(argv[UNPACK_ARG_IDS], UNPACK_RECORD);
	u->has_blob = !streq(argv[UNPACK_ARG_BLOB], "-");
	u->has_diff = !streq(argv[UNPACK_ARG_DIFF], "-");
	if (u->has_blob)
		r = digest_parse_hex(argv[UNPACK_ARG_BLOB], &u->blob);
	if (r >= 0 && u->has_diff)
		r = digest_parse_hex(argv[UNPACK_ARG_DIFF], &u->diff);
	return r < 0 ? cmk_err_set(err, r, "a digest argument") : 0;
}

static int read_map(const char *path, struct id_map *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	int r;

	r = file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL, err);
	if (r >= 0 && id_map_parse(text, ret) < 0)
		r = cmk_err_set(err, -EBADMSG, "'%s' cannot be read", path);
	return r;
}

static int open_root(struct unpack *u, struct cmk_err *err)
{
	if (u->record)
		return tar_split_new(UNPACK_DIR_FD, &u->split, err);
	if (mkdirat(UNPACK_DIR_FD, "diff", 0755) < 0)
		return cmk_err_errno(err, "create 'diff'");
	u->root = openat(UNPACK_DIR_FD, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (u->root < 0)
		return cmk_err_errno(err, "open 'diff'");
	/* A data directory may hand down a set-group-id bit. */
	if (fchown(u->root, 0, 0) < 0 || fchmod(u->root, 0755) < 0)
		return cmk_err_errno(err, "owner of 'diff'");
	return tar_split_new(UNPACK_DIR_FD, &u->split, err);
}

static int confine(struct unpack *u, struct cmk_err *err)
{
	static const struct sandbox_policy policy = {
		.rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_THREADS | SANDBOX_ANY_PATH,
		.keep_caps = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER |
			     1ULL << CAP_FSETID | 1ULL << CAP_MKNOD | 1ULL << CAP_SETFCAP,
	};
	int r = confine_root(u->parent, UNPACK_DIR_FD, err);

	(void)umask(0);
	return r < 0 ? r : sandbox_enter(&policy, err);
}

/* Where the blob is not the one that was meant, that is the reason to tell, whatever else failed;
 * but "it ends after N bytes" says more than a digest. */
static int check_digests(const struct unpack *u, const struct unpack_result *res, int failed,
			 struct cmk_err *err)
{
	char got[72], want[72];
	bool whole = (!u->blob_size && !u->part) || res->blob_size == u->blob_size;

	if (failed < 0 && failed != -EBADMSG)
		return failed;
	if (u->has_blob && whole && !streq(res->blob_digest.hex, u->blob.hex))
		return cmk_err_set(err, -EBADMSG, "the blob has the digest %s, expected %s",
				   digest_str(&res->blob_digest, got), digest_str(&u->blob, want));
	if (failed >= 0 && u->has_diff && !streq(res->diff_id.hex, u->diff.hex))
		return cmk_err_set(err, -EBADMSG, "the layer has the diff ID %s, expected %s",
				   digest_str(&res->diff_id, got), digest_str(&u->diff, want));
	return failed;
}

/* Passes over the entries as extract_all() does, and makes nothing. */
static int record_all(struct tar_reader *t, struct owners_writer *owners, struct cmk_err *err)
{
	cleanup_free char *path = xmalloc(TAR_NAME_MAX + 1);
	int r;

	while ((r = tar_next(t, err)) > 0) {
		const void *p;
		uint64_t offset;
		size_t len;

		if (extract_clean_name(t->entry.path.data, path) < 0)
			return cmk_err_set(err, -EINVAL, "'%s': this name leads out of the layer",
					   t->entry.path.data);
		owners_note(owners, t->entry.uid, t->entry.gid, path);
		while (t->entry.type == TAR_FILE && (r = tar_data(t, &p, &len, &offset, err)) > 0)
			t->tap->data(t->tap->arg, path, offset, p, len);
		if (r < 0)
			return r;
	}
	return r;
}

static int unpack(struct unpack *u, struct unpack_result *res, struct cmk_err *err)
{
	struct owners_writer owners;
	const struct extract_options o = { .single = u->single,
					   .squash = u->squash,
					   .uids = &u->uids,
					   .gids = &u->gids,
					   .owners = &owners };
	const struct tar_tap *tap = tar_split_tap(u->split);
	struct stream *s = NULL;
	struct tar_reader t;
	int r;

	r = owners_begin(UNPACK_DIR_FD, &owners, err);
	if (r >= 0)
		r = stream_start(STDIN_FILENO, u->kind, u->blob_size, u->part ? &u->offset : NULL,
				 &s, err);
	if (r < 0)
		return r;
	tar_init(&t, stream_fill, s);
	t.tap = tap;
	r = u->record ? record_all(&t, &owners, err) : extract_all(u->root, &t, &o, res, err);
	if (r >= 0) {
		tap->bytes(tap->arg, t.chunk, t.chunk_len);
		r = stream_drain(s, tap, err);
	}
	if (r >= 0)
		r = tar_split_finish(u->split, err);
	if (r >= 0)
		r = owners_finish(&owners, err);
	stream_finish(s, u->has_blob && r == -EBADMSG, res);
	r = check_digests(u, res, r, err);
	tar_done(&t);
	stream_free(s);
	return r;
}

/* "cmk-unpack cat": stdin, decompressed where it is compressed, to stdout. */
static int cat(struct cmk_err *err)
{
	static const struct sandbox_policy policy = { .rights = SANDBOX_THREADS };
	struct stream *s = NULL;
	const uint8_t *p;
	size_t len;
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = sandbox_enter(&policy, err);
	if (r >= 0)
		r = stream_start_cat(STDIN_FILENO, &s, err);
	while (r >= 0 && (r = stream_fill(s, &p, &len, err)) >= 0 && len > 0)
		r = write_all(STDOUT_FILENO, p, len);
	return r;
}

int main(int argc, char **argv)
{
	struct unpack_result res = { .magic = UNPACK_MAGIC };
	struct unpack u = { .root = -1 };
	struct cmk_err err = CMK_ERR_INIT;
	int r;

	if (argc == 2 && streq(argv[1], UNPACK_CAT)) {
		r = cat(&err);
		if (r < 0)
			cmk_err_send(UNPACK_RESULT_FD, &err);
		_exit(r < 0);
	}
	r = parse_args(&u, argc, argv, &err);
	if (r >= 0)
		r = read_map("/proc/self/uid_map", &u.uids, &err);
	if (r >= 0)
		r = read_map("/proc/self/gid_map", &u.gids, &err);
	if (r >= 0)
		r = open_root(&u, &err);
	if (r >= 0)
		r = confine(&u, &err);
	if (r >= 0)
		r = unpack(&u, &res, &err);
	if (r < 0) {
		/* Names in it came from the layer and will be shown on a terminal. */
		if (err.msg)
			text_make_plain(err.msg, NULL, '?');
		cmk_err_send(UNPACK_RESULT_FD, &err);
		_exit(1);
	}
	/* Not through exit(): a leak check cannot work in here, without /proc. */
	_exit(write_all(UNPACK_RESULT_FD, &res, sizeof(res)) < 0);
}
