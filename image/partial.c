// SPDX-License-Identifier: Apache-2.0
#include "image/partial.h"

#include "base/log.h"

/* A smaller blob is fetched as soon as asked about. */
#define BLOB_MIN ((uint64_t)64 << 10)
/* At least a quarter of the blob must be spared: each range costs a request. */
#define worth_it(wanted, size) ((wanted) <= (size) / 4 * 3)

struct partial {
	struct storage *st;
	struct client *client;
	struct progress *progress;
	struct layer_fetch *l;
	char digest[72];
	struct layer_toc toc;
	int file; /* what is here of the blob, each byte where it belongs */
	size_t item;
	bool has_item;
};

static int fetch(struct partial *p, const struct layer_range *ranges, size_t n, struct cmk_err *err)
{
	return client_fetch_ranges(p->client, p->digest, ranges, n, p->file, NULL, NULL, err);
}

static void on_progress(void *arg, uint64_t bytes)
{
	struct partial *p = arg;

	progress_set(p->progress, p->item, bytes);
}

/* The footer of an eStargz says where the rest is. */
static int read_footer(struct partial *p, struct cmk_err *err)
{
	uint64_t size = p->l->blob->size;
	const struct layer_range footer = { size - ESTARGZ_FOOTER, ESTARGZ_FOOTER };
	uint8_t buf[ESTARGZ_FOOTER];
	int r = fetch(p, &footer, 1, err);

	if (r < 0)
		return r;
	if (pread(p->file, buf, sizeof(buf), (off_t)footer.offset) != (ssize_t)sizeof(buf))
		return cmk_err_set(err, -EIO, "read the download");
	r = storage_estargz_footer(buf, size, &p->toc.place, err);
	if (r == 0 && p->toc.place.len > LAYER_TOC_MAX)
		r = cmk_err_set(err, -EFBIG, "a table of contents of %llu bytes",
				(unsigned long long)p->toc.place.len);
	return r;
}

/* The table of contents, with what may stand beside it. */
static int fetch_toc(struct partial *p, struct cmk_err *err)
{
	struct layer_range list[] = { p->toc.place, p->toc.split };
	size_t n = p->toc.split.len > 0 ? 2 : 1;

	/* Those of containers/storage lie one behind the other, with 8 bytes between. */
	if (n == 2 && list[1].offset >= list[0].offset + list[0].len &&
	    list[1].offset - (list[0].offset + list[0].len) < 64) {
		list[0].len = list[1].offset + list[1].len - list[0].offset;
		n = 1;
	}
	return fetch(p, list, n, err);
}

static uint64_t sum(const struct layer_range *list, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += list[i].len;
	return total;
}

/* Fetches what is wanted beside the files that are here, and makes the layer. 0: not worth it. */
static int complete(struct partial *p, struct layer_partial **job, struct cmk_err *err)
{
	cleanup_free char *what = xasprintf("blob %s", p->digest);
	uint64_t size = p->l->blob->size, wanted;
	struct layer_result res = { 0 };
	const struct layer_range *list;
	size_t n;
	int r;

	list = storage_partial_ranges(*job, &n);
	wanted = sum(list, n);
	log_debug("blob %s: %llu of %llu bytes are wanted, in %zu pieces", p->digest,
		  (unsigned long long)wanted, (unsigned long long)size, n);
	if (!worth_it(wanted + p->toc.place.len + p->toc.split.len, size))
		return 0;
	p->item = progress_begin(p->progress, what, wanted, 0);
	p->has_item = true;
	r = client_fetch_ranges(p->client, p->digest, list, n, p->file, on_progress, p, err);
	if (r == 0)
		r = storage_partial_finish(steal_ptr(job), &p->l->diff_id, &res, err);
	if (r < 0)
		return r;
	p->l->size = res.size;
	return 1;
}

static int try_it(struct partial *p, struct cmk_err *err)
{
	struct layer_partial *job = NULL;
	uint64_t size = p->l->blob->size;
	int r = p->toc.kind == CHUNKED_ESTARGZ ? read_footer(p, err) : 0;

	if (r == 0 && !worth_it(p->toc.place.len + p->toc.split.len, size))
		return 0;
	if (r == 0)
		r = fetch_toc(p, err);
	if (r == 0)
		r = storage_partial_start(p->st, &p->toc, size, p->file, &job, err);
	if (r == 0)
		r = complete(p, &job, err);
	storage_partial_cancel(job);
	return r;
}

int partial_fetch(struct storage *st, struct client *c, struct progress *progress,
		  struct layer_fetch *l)
{
	cleanup_close int file = -1;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct partial p = {
		.st = st, .client = c, .progress = progress, .l = l, .toc = l->blob->toc
	};
	int r;

	if (p.toc.kind == CHUNKED_NONE || l->blob->size < BLOB_MIN)
		return 0;
	(void)digest_str(&l->blob->digest, p.digest);
	file = p.file = storage_unnamed_file(st, &err);
	r = file < 0 ? file : try_it(&p, &err);
	if (r < 0)
		log_debug("blob %s: not completed by parts: %s", p.digest, cmk_err_msg(&err));
	if (p.has_item)
		progress_end(progress, p.item,
			     r > 0 ? "done" : "not to be completed by parts: fetching all of it");
	return r > 0;
}
