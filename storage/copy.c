// SPDX-License-Identifier: Apache-2.0
/* Files between directories, through a tar stream. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "storage/extract.h"
#include "storage/pack.h"
#include "storage/unpack_wire.h"

#define READ_LEN ((size_t)256 << 10)

static int pack_contents(struct pack *p, const struct tree_dir *in, const char *name,
			 struct cmk_err *err)
{
	cleanup(tree_dir_done) struct tree_dir d = { 0 };
	struct tree_entry e = { .part = 0 };
	int r = tree_enter(in, name, &e, &d, err);

	return r < 0 ? r : pack_names(p, &d, 0, err);
}

int storage_pack_entry(int parent_fd, const char *name, const char *as,
		       const struct storage_pack_options *o, int out_fd, struct cmk_err *err)
{
	struct tree_part part = { .fd = parent_fd };
	const struct tree_dir in = { .parts = &part, .n = 1 };
	cleanup(pack_done) struct pack p;
	int r;

	pack_init(&p, o, out_fd);
	p.no_kernel_files = true;
	if (as)
		strbuf_adds(&p.path, as);
	r = as ? pack_entry(&p, &in, name, 0, err) : pack_contents(&p, &in, name, err);
	if (r >= 0) {
		r = tar_write_end(&p.w);
		if (r < 0)
			(void)cmk_err_set(err, r, "write: %s", errno_text(-r));
	}
	return r;
}

struct input {
	int fd;
	uint8_t *buf;
};

static int fill(void *arg, const uint8_t **ret, size_t *ret_len, struct cmk_err *err)
{
	struct input *in = arg;
	ssize_t n;

	do
		n = read(in->fd, in->buf, READ_LEN);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return cmk_err_errno(err, "read the archive");
	*ret = in->buf;
	*ret_len = (size_t)n;
	return 0;
}

int storage_extract(int dir_fd, int in_fd, const struct storage_extract_options *o,
		    struct cmk_err *err)
{
	const struct extract_options x = { .single = o->single, .plain = o };
	struct input in = { .fd = in_fd, .buf = xmalloc(READ_LEN) };
	struct unpack_result res = { 0 };
	const uint8_t *rest;
	struct tar_reader t;
	size_t len = 1;
	int r;

	tar_init(&t, fill, &in);
	r = extract_all(dir_fd, &t, &x, &res, err);
	if (r >= 0 && o->not_empty && t.n_entries == 0)
		r = cmk_err_set(err, -EBADMSG, "an empty archive");
	tar_done(&t);
	/* Whoever writes the archive's padding shall not find the pipe closed. */
	while (r >= 0 && len > 0 && fill(&in, &rest, &len, NULL) >= 0)
		;
	free(in.buf);
	return r;
}

int storage_extract_confine(struct cmk_err *err)
{
	static const struct sandbox_policy policy = {
		.rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_ANY_PATH,
		.keep_caps = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE |
			     1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID |
			     1ULL << CAP_MKNOD | 1ULL << CAP_SETFCAP,
	};

	(void)umask(0);
	return sandbox_enter(&policy, err);
}
