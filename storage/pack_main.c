// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-pack: makes a layer's tar stream again from its files and from what was kept beside them
 * (tar_split.h; of a layer in Podman's store, tar_asm.h), and writes it to stdout, compressed or
 * not.
 *
 * It is started inside the parent user namespace, since files belong to subordinate ids. Before it
 * reads the first byte it has the layer's directory as its root, no_new_privs, the capabilities to
 * read any file, and a seccomp filter without writing to files.
 *
 * It may: read files below that directory (Landlock), write to stdout, start threads. No socket, no
 * process.
 */
#include <sched.h>
#include <signal.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "storage/chunked_write.h"
#include "storage/confine.h"
#include "storage/pack_wire.h"
#include "storage/tar_asm.h"

struct packer {
	enum layer_compression kind;
	int level;
	bool check, foreign;
	pid_t parent;
	size_t threads;
	struct encoder *encoder; /* or: */
	struct chunked_writer *chunked;
	struct digest_ctx *in, *out;
	struct pack_result res;
};

static int parse_args(struct packer *p, int argc, char **argv, struct cmk_err *err)
{
	uint64_t parent = 0;
	int64_t level = 0;

	if (argc != PACK_N_ARGS || parse_u64(argv[PACK_ARG_PARENT], INT32_MAX, &parent) < 0 ||
	    parse_i64(argv[PACK_ARG_LEVEL], -1, 22, &level) < 0)
		return cmk_err_set(err, -EINVAL, PACK_PROGRAM " is started by cmk itself");
	if (layer_compression_parse(argv[PACK_ARG_KIND], &p->kind) < 0 ||
	    p->kind > LAYER_ZSTD_CHUNKED)
		return cmk_err_set(err, -EINVAL, "compression '%s'", argv[PACK_ARG_KIND]);
	p->level = (int)level;
	p->parent = (pid_t)parent;
	p->check = streq(argv[PACK_ARG_SOURCE], "check");
	p->foreign = streq(argv[PACK_ARG_SOURCE], "foreign");
	return 0;
}

static size_t count_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static int take_in(void *arg, const void *data, size_t len, struct cmk_err *err)
{
	struct packer *p = arg;

	digest_update(p->in, data, len);
	p->res.size += len;
	return p->chunked ? chunked_writer_put(p->chunked, data, len, err)
			  : encoder_put(p->encoder, data, len, err);
}

static int put_out(void *arg, const void *data, size_t len, struct cmk_err *err)
{
	struct packer *p = arg;
	int r = write_all(STDOUT_FILENO, data, len);

	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "write");
	}
	/* Without compression it is what went in. */
	if (p->kind != LAYER_TAR)
		digest_update(p->out, data, len);
	p->res.blob_size += len;
	return 0;
}

static int run(struct packer *p, struct cmk_err *err)
{
	int r;

	p->in = digest_new();
	p->out = digest_new();
	r = p->kind == LAYER_ZSTD_CHUNKED
		    ? chunked_writer_new(p->level, put_out, p, &p->chunked, err)
		    : encoder_new(p->kind, p->level, p->threads, put_out, p, &p->encoder, err);
	if (r >= 0)
		r = p->foreign ? tar_asm(PACK_DIR_FD, PACK_SPLIT_FD, take_in, p, err)
			       : tar_join(PACK_DIR_FD, p->check, take_in, p, err);
	if (r >= 0)
		r = p->chunked ? chunked_writer_finish(p->chunked, &p->res.toc, err)
			       : encoder_finish(p->encoder, err);
	/* Its thread is over then, too. */
	chunked_writer_free(p->chunked);
	digest_final(p->in, &p->res.diff_id);
	if (p->kind == LAYER_TAR)
		p->res.blob_digest = p->res.diff_id;
	else
		digest_final(p->out, &p->res.blob_digest);
	encoder_free(p->encoder);
	digest_ctx_free(p->in);
	digest_ctx_free(p->out);
	return r;
}

int main(int argc, char **argv)
{
	struct packer p = { .res.magic = PACK_MAGIC };
	struct cmk_err err = CMK_ERR_INIT;
	int r = parse_args(&p, argc, argv, &err);

	(void)signal(SIGPIPE, SIG_IGN);
	p.threads = count_processors();
	if (r >= 0)
		r = confine_reader(p.parent, PACK_DIR_FD, SANDBOX_THREADS, &err);
	if (r >= 0)
		r = run(&p, &err);
	if (r < 0) {
		/* Names in it are the layer's, a line each. */
		if (err.msg)
			text_make_plain(err.msg, "\n", '?');
		cmk_err_send(PACK_RESULT_FD, &err);
		_exit(1);
	}
	/* Not through exit(): a leak check cannot work in here, without /proc. */
	_exit(write_all(PACK_RESULT_FD, &p.res, sizeof(p.res)) < 0);
}
