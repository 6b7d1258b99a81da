// SPDX-License-Identifier: Apache-2.0
#include "image/layers.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "image/partial.h"

#define SIDE_BY_SIDE 4

enum layer_state { LAYER_TODO, LAYER_LOCKING, LAYER_LOCKED, LAYER_ACTIVE, LAYER_DONE };

struct slot {
	struct layer_fetch *want;
	enum layer_state state;
	bool downloaded, unpacked;
	int partial; /* the file, locked from LAYER_LOCKED on */
	char name[DIGEST_HEX_LEN + 16];
	pid_t waiter; /* takes the lock for us */
	int waiter_fd;
	struct layer_job *job;
	struct layer_assembly *assembly;
	size_t item;
	bool has_item;
};

struct fetcher {
	struct storage *st;
	struct client *client; /* NULL: the blobs are here, where OPEN says */
	layer_open_fn open;
	void *open_arg;
	bool verify;
	enum storage_keep keep;
	struct progress *progress;
	int partial_dir;
	struct slot *slots;
	size_t n;
	struct proto_msg *msg;
	struct cmk_err *err;
};

static void begin_item(struct fetcher *f, struct slot *s, uint64_t before)
{
	char buf[72];
	cleanup_free char *what = xasprintf("blob %s", digest_str(&s->want->blob->digest, buf));

	if (!s->has_item)
		s->item = progress_begin(f->progress, what, s->want->blob->size, before);
	s->has_item = true;
}

static void slot_finish(struct fetcher *f, struct slot *s, const char *how)
{
	char buf[72];

	if (s->has_item)
		progress_end(f->progress, s->item, how);
	else
		progress_line(f->progress, "Copying blob %s %s",
			      digest_str(&s->want->blob->digest, buf), how);
	if (s->partial >= 0) {
		/* Before the lock goes: who waits for it sees that the name has no file any more.
		 */
		(void)unlinkat(f->partial_dir, s->name, 0);
		(void)close(steal_fd(&s->partial));
	}
	s->state = LAYER_DONE;
}

/* The lock belongs to the open file, so a child can wait for it in our place. */
static int start_waiter(struct fetcher *f, struct slot *s)
{
	progress_line(f->progress, "Waiting for another download of %.19s", s->name);
	s->waiter = process_fork("cmk-wait", PROCESS_DEATH_SIGNAL, &s->waiter_fd, f->err);
	if (s->waiter == 0)
		_exit(file_lock(s->partial, true, false) < 0 ? 1 : 0);
	if (s->waiter < 0)
		return (int)s->waiter;
	s->state = LAYER_LOCKING;
	return 0;
}

static int open_partial(struct fetcher *f, struct slot *s)
{
	int r;

	s->partial = openat(f->partial_dir, s->name,
			    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (s->partial < 0)
		return cmk_err_errno(f->err, "open '%s/partial/%s'", f->st->root, s->name);
	r = file_lock(s->partial, true, true);
	if (r == -EWOULDBLOCK)
		return start_waiter(f, s);
	if (r < 0)
		return cmk_err_set(f->err, r, "lock '%s/partial/%s': %s", f->st->root, s->name,
				   errno_text(-r));
	s->state = LAYER_LOCKED;
	return 0;
}

/* A pull that was killed between the layer's rename and the removal of its file left that one. */
static void drop_leftover(struct fetcher *f, struct slot *s)
{
	cleanup_close int fd = openat(f->partial_dir, s->name,
				      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && file_lock(fd, true, true) == 0)
		(void)unlinkat(f->partial_dir, s->name, 0);
}

/* With the lock: is the file still the one of that name, and the layer still missing? */
static int check_partial(struct fetcher *f, struct slot *s, uint64_t *ret_have)
{
	struct stat st, named;

	if (fstat(s->partial, &st) < 0)
		return cmk_err_errno(f->err, "look at '%s/partial/%s'", f->st->root, s->name);
	if (!S_ISREG(st.st_mode))
		return cmk_err_set(f->err, -EINVAL, "'%s/partial/%s' is no regular file",
				   f->st->root, s->name);
	if (fstatat(f->partial_dir, s->name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    named.st_ino != st.st_ino) {
		(void)close(steal_fd(&s->partial));
		s->state = LAYER_TODO;
		return 0;
	}
	*ret_have = (uint64_t)st.st_size;
	if (*ret_have > s->want->blob->size) {
		if (ftruncate(s->partial, 0) < 0)
			return cmk_err_errno(f->err, "empty a partial download");
		*ret_have = 0;
	}
	return 1;
}

static int start_download(struct fetcher *f, struct slot *s, uint64_t have)
{
	const struct descriptor *blob = s->want->blob;
	cleanup_close int rd = -1, wr = -1;
	struct layer_unpack u = {
		.blob_digest = &blob->digest,
		.blob_size = blob->size,
		.diff_id = &s->want->diff_id,
		.compression = blob->compression,
	};
	char buf[72];
	int p[2], r;

	begin_item(f, s, have);
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(f->err, "make a pipe");
	rd = p[0];
	wr = p[1];
	/* The writing end is the helper's alone before any child is forked: a copy in another
	 * layer's child would keep this one from seeing the end. */
	r = client_fetch(f->client, (uint32_t)(s - f->slots) + 1, PROTO_BLOB,
			 digest_str(&blob->digest, buf), blob->size, blob->size, s->partial, wr,
			 f->err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&wr));
	u.in_fd = rd;
	r = storage_layer_start(f->st, &u, &s->job, f->err);
	if (r < 0)
		return r;
	s->state = LAYER_ACTIVE;
	return 0;
}

static int start_unpack(struct fetcher *f, struct slot *s)
{
	const struct descriptor *blob = s->want->blob;
	struct layer_part part = { .fd = -1 };
	struct layer_unpack u = {
		.blob_digest = f->verify ? &blob->digest : NULL,
		.diff_id = &s->want->diff_id,
		.compression = blob->compression,
	};
	char buf[72];
	int r;

	r = f->open(f->open_arg, s->want, &part, f->err);
	if (r >= 0 && f->verify && part.size != blob->size)
		r = cmk_err_set(f->err, -EBADMSG, "it has %llu bytes, not %llu",
				(unsigned long long)part.size, (unsigned long long)blob->size);
	s->assembly = part.assembly;
	u.in_fd = part.fd;
	u.offset = part.offset;
	u.blob_size = part.size;
	u.part = !part.assembly;
	if (part.assembly)
		u.compression = LAYER_TAR;
	if (r >= 0) {
		begin_item(f, s, 0);
		r = storage_layer_start(f->st, &u, &s->job, f->err);
	}
	if (part.fd >= 0)
		(void)close(part.fd);
	if (r < 0)
		return cmk_err_wrap(f->err, r, "blob %s", digest_str(&blob->digest, buf));
	s->downloaded = true;
	s->state = LAYER_ACTIVE;
	return 0;
}

/* Moves one slot on as far as it goes without waiting. */
static int advance(struct fetcher *f, struct slot *s, size_t *active)
{
	uint64_t have = 0;
	int r = 0;

	while (r >= 0 && s->state < LAYER_ACTIVE && *active < SIDE_BY_SIDE) {
		if (storage_layer_exists(f->st, &s->want->diff_id) && s->state != LAYER_LOCKING) {
			s->want->was_here = true;
			s->want->size = storage_layer_size(f->st, &s->want->diff_id);
			if (s->partial < 0 && f->client)
				drop_leftover(f, s);
			slot_finish(f, s, "skipped: already exists");
			return 0;
		}
		if (s->state == LAYER_LOCKING)
			return 0;
		if (s->state == LAYER_TODO && f->client) {
			r = open_partial(f, s);
			continue;
		}
		r = f->client ? check_partial(f, s, &have) : start_unpack(f, s);
		if (r > 0)
			r = start_download(f, s, have);
		*active += s->state == LAYER_ACTIVE;
	}
	return r;
}

static int advance_all(struct fetcher *f, bool *ret_all_done)
{
	size_t active = 0;

	*ret_all_done = true;
	for (size_t i = 0; i < f->n; i++)
		active += f->slots[i].state == LAYER_ACTIVE;
	for (size_t i = 0; i < f->n; i++) {
		int r = advance(f, &f->slots[i], &active);

		if (r < 0)
			return r;
		*ret_all_done &= f->slots[i].state == LAYER_DONE;
	}
	return 0;
}

static void finish_if_whole(struct fetcher *f, struct slot *s)
{
	const struct descriptor *blob = s->want->blob;

	if (!s->downloaded || !s->unpacked)
		return;
	/* Its bytes were compared with its digest on their way to the layer. */
	if (s->partial >= 0)
		(void)storage_blob_keep(f->st, f->keep, f->partial_dir, s->name, &blob->digest,
					blob->size);
	slot_finish(f, s, "done");
}

static int handle_message(struct fetcher *f)
{
	struct proto_head *h = &f->msg->head;
	struct slot *s = h->id >= 1 && h->id <= f->n ? &f->slots[h->id - 1] : NULL;

	if (h->type == PROTO_NOTE && h->n_strings == 1) {
		progress_line(f->progress, "Warning: %s", f->msg->str[0]);
	} else if (h->type == PROTO_PROGRESS && s && s->state == LAYER_ACTIVE) {
		progress_set(f->progress, s->item, MIN(h->bytes, s->want->blob->size));
	} else if (h->type == PROTO_DONE && s && s->state == LAYER_ACTIVE) {
		s->downloaded = true;
		finish_if_whole(f, s);
	} else if (h->type == PROTO_ERROR) {
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;
		char buf[72];

		(void)cmk_err_decode(f->msg->buf, f->msg->len, "the registry helper failed", &mine);
		if (s)
			(void)cmk_err_wrap(&mine, mine.code, "blob %s",
					   digest_str(&s->want->blob->digest, buf));
		return cmk_err_move(f->err, &mine);
	}
	return 0;
}

static int read_messages(struct fetcher *f)
{
	for (;;) {
		int r = client_read(f->client, false, f->msg, f->err);

		if (r == -EAGAIN)
			return 0;
		if (r == 0)
			r = handle_message(f);
		if (r < 0)
			return r;
	}
}

/* Why there was no more to read says more than that there was not. */
static int assembly_ended(struct fetcher *f, struct slot *s, int r)
{
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	int q = storage_assembly_finish(steal_ptr(&s->assembly), &mine);

	return r < 0 && q < 0 && q != -EPIPE ? cmk_err_move(f->err, &mine) : r;
}

static int job_ended(struct fetcher *f, struct slot *s)
{
	struct layer_result res = { 0 };
	char buf[72];
	int r;

	r = storage_layer_collect(steal_ptr(&s->job), &res, f->err);
	if (s->assembly)
		r = assembly_ended(f, s, r);
	if (r < 0) {
		/* What is in the file is wrong, or the disk is full: of no use either way. */
		if (f->client)
			(void)unlinkat(f->partial_dir, s->name, 0);
		return cmk_err_wrap(f->err, r, "layer %s", digest_str(&s->want->blob->digest, buf));
	}
	s->want->size = res.size;
	s->unpacked = true;
	finish_if_whole(f, s);
	return 0;
}

static int lock_ended(struct fetcher *f, struct slot *s)
{
	int status = process_reap(s->waiter);

	(void)close(steal_fd(&s->waiter_fd));
	s->waiter = 0;
	if (status != 0)
		return cmk_err_set(f->err, -EIO, "lock '%s/partial/%s'", f->st->root, s->name);
	s->state = LAYER_LOCKED;
	return 0;
}

/* What each descriptor stands for: the helper first, then per slot its job or its waiter. */
static int wait_and_handle(struct fetcher *f)
{
	cleanup_free struct pollfd *fds = xcalloc(f->n + 1, sizeof(*fds));
	int r;

	fds[0] = (struct pollfd){ .fd = f->client ? client_fd(f->client) : -1, .events = POLLIN };
	for (size_t i = 0; i < f->n; i++) {
		struct slot *s = &f->slots[i];

		fds[i + 1].fd = s->job			    ? storage_layer_job_pidfd(s->job)
				: s->state == LAYER_LOCKING ? s->waiter_fd
							    : -1;
		fds[i + 1].events = POLLIN;
	}
	while (poll(fds, f->n + 1, -1) < 0)
		if (errno != EINTR)
			return cmk_err_errno(f->err, "wait for layers");
	/* The helper's word first: a download that failed is why its job ended early. */
	r = f->client ? read_messages(f) : 0;
	for (size_t i = 0; i < f->n && r == 0; i++) {
		struct slot *s = &f->slots[i];

		if (!fds[i + 1].revents)
			continue;
		r = s->job ? job_ended(f, s) : lock_ended(f, s);
	}
	return r;
}

static void abandon(struct fetcher *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct slot *s = &f->slots[i];

		storage_assembly_cancel(s->assembly);
		if (s->job)
			storage_layer_cancel(s->job);
		if (s->waiter > 0) {
			(void)kill(s->waiter, SIGKILL);
			(void)process_reap(s->waiter);
			(void)close(steal_fd(&s->waiter_fd));
		}
		if (s->partial >= 0)
			(void)close(steal_fd(&s->partial));
	}
}

/* Room for the blobs that are downloaded, and at least as much again for what is in them. */
static int check_space(struct fetcher *f)
{
	uint64_t need = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct slot *s = &f->slots[i];
		uint64_t size = s->want->blob->size;
		struct stat st;

		if (storage_layer_exists(f->st, &s->want->diff_id))
			continue;
		if (size > INT64_MAX / 4 || need > INT64_MAX / 2)
			return cmk_err_set(f->err, -ENOSPC, "layers of an impossible size");
		need += f->client ? 2 * size : size;
		if (f->client && fstatat(f->partial_dir, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			need -= MIN((uint64_t)st.st_size, size);
	}
	return need ? storage_check_space(f->st, need, f->err) : 0;
}

#define STALE_S (7 * 86400)

/* Downloads that nobody came back to. One under way is locked. */
static void sweep_stale(struct fetcher *f)
{
	cleanup_close int fd = openat(f->partial_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d)
		return;
	(void)steal_fd(&fd);
	while ((de = readdir(d))) {
		cleanup_close int file = -1;
		struct stat st;

		if (de->d_name[0] == '.' ||
		    fstatat(f->partial_dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_mtime > time(NULL) - STALE_S)
			continue;
		file = openat(f->partial_dir, de->d_name,
			      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (file >= 0 && file_lock(file, true, true) == 0)
			(void)unlinkat(f->partial_dir, de->d_name, 0);
	}
}

/* What the store has most of already. */
static void complete_layers(struct fetcher *f)
{
	if (!storage_partial_wanted(f->st))
		return;
	for (size_t i = 0; i < f->n; i++) {
		struct slot *s = &f->slots[i];

		/* A download that was begun goes on. */
		if (!storage_layer_exists(f->st, &s->want->diff_id) &&
		    faccessat(f->partial_dir, s->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		    partial_fetch(f->st, f->client, f->progress, s->want))
			s->state = LAYER_DONE;
	}
}

static int run(struct fetcher *f)
{
	bool all_done = false;
	int r;

	if (f->client)
		sweep_stale(f);
	r = check_space(f);
	if (r >= 0 && f->client)
		complete_layers(f);
	while (r >= 0) {
		r = advance_all(f, &all_done);
		if (r < 0 || all_done)
			break;
		r = wait_and_handle(f);
	}
	if (r < 0)
		abandon(f);
	return r;
}

/* A layer may stand twice in an image; one slot serves both. */
static struct slot *slot_of(struct fetcher *f, const struct digest *diff_id)
{
	for (size_t i = 0; i < f->n; i++)
		if (streq(f->slots[i].want->diff_id.hex, diff_id->hex))
			return &f->slots[i];
	return NULL;
}

static int fetch_all(struct fetcher *f, struct layer_fetch *list, size_t n)
{
	cleanup_free struct slot *slots = xcalloc(n + 1, sizeof(*slots));
	int r;

	f->slots = slots;
	for (size_t i = 0; i < n; i++) {
		struct slot *s;

		if (slot_of(f, &list[i].diff_id))
			continue;
		s = &slots[f->n++];
		*s = (struct slot){ .want = &list[i], .partial = -1, .waiter_fd = -1 };
		(void)snprintf(s->name, sizeof(s->name), "sha256-%s", list[i].blob->digest.hex);
	}
	r = run(f);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct slot *s = slot_of(f, &list[i].diff_id);

		list[i].size = s->want->size;
		list[i].was_here = s->want->was_here;
	}
	return r;
}

int layers_fetch(struct storage *st, struct client *c, struct progress *p, enum storage_keep keep,
		 struct layer_fetch *list, size_t n, struct cmk_err *err)
{
	cleanup_free struct proto_msg *msg = xmalloc(sizeof(*msg));
	cleanup_close int dir = open_dir_at(st->root_fd, "partial", 0700, err);
	struct fetcher f = {
		.st = st,
		.client = c,
		.keep = keep,
		.progress = p,
		.partial_dir = dir,
		.msg = msg,
		.err = err,
	};

	return dir < 0 ? dir : fetch_all(&f, list, n);
}

int layers_unpack(struct storage *st, struct progress *p, struct layer_fetch *list, size_t n,
		  bool verify, layer_open_fn find, void *arg, struct cmk_err *err)
{
	struct fetcher f = {
		.st = st,
		.open = find,
		.open_arg = arg,
		.verify = verify,
		.progress = p,
		.partial_dir = -1,
		.err = err,
	};

	return fetch_all(&f, list, n);
}
