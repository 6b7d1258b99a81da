// SPDX-License-Identifier: Apache-2.0
/*
 * cp: two processes, one at each end, and a tar stream between them.
 *
 *   both     look their path up, and say what they found
 *   parent   decides what is called how, as podman does, and tells both
 *   source   writes the stream; destination makes files of it; both say how it went
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/process.h"
#include "libpod/copy/internal.h"
#include "libpod/runtime/internal.h"

#define MAGIC 0x636d6b6370310000ULL
#define NOT_FOUND_ON_HOST "\"%s\" could not be found on the host: %s"
#define NOT_FOUND_IN "\"%s\" could not be found on container %s: %s"

/* What an end found. */
struct found {
	uint64_t magic;
	bool exists, is_dir;
	char name[NAME_MAX + 1]; /* of the entry, all links followed; "." for a directory itself */
	dev_t dev;
	ino_t ino;
};

/* What it shall do. */
struct order {
	uint64_t magic;
	bool contents;		 /* source: what is in the directory, without itself */
	bool into;		 /* destination: into the directory, not beside its name */
	char name[NAME_MAX + 1]; /* source: what the entry is called in the stream */
	bool from_stream;	 /* destination: of an archive of the user's */
	bool beware;		 /* destination: this directory is the source */
	dev_t dev;
	ino_t ino;
};

struct end {
	struct storage *st;
	const struct copy_place *place;
	const struct container_copy_options *o;
	struct copy_source *world; /* of a container */
	bool is_source;
	int sock, pipe_fd, unused_pipe_fd;
	pid_t pid;
	/* Two ends in one container that does not run share its mount: the first end's process,
	 * once it is there, forks the other's. */
	struct end *second;
	bool is_there;
};

static const char *name_of(const struct end *e)
{
	return e->place->c->cfg.name;
}

static int not_found(const struct end *e, int r, struct cmk_err *err)
{
	const char *path = e->place->path;

	if (e->place->c)
		(void)cmk_err_set(err, r, NOT_FOUND_IN, path, name_of(e), errno_text(-r));
	else
		(void)cmk_err_set(err, r, NOT_FOUND_ON_HOST, path, errno_text(-r));
	return r;
}

/* --- at an end --- */

static int make_cwd(int root, const char *cwd, struct cmk_err *err)
{
	cleanup_close int fd = root_open_target(root, cwd, true, NULL, err);

	return fd < 0 ? fd : 0;
}

static void cmk_noreturn end_main(struct end *e);

static int end_fork_second(struct end *e, struct cmk_err *err)
{
	struct end *second = steal_ptr(&e->second);
	/* Not to die with this one, which is done first: the stream's end tells it enough. */
	pid_t pid = process_fork("cmk-cp-to", 0, NULL, err);

	if (pid == 0) {
		(void)close(e->sock);
		(void)close(e->pipe_fd);
		second->is_there = true;
		end_main(second);
	}
	(void)close(second->sock);
	(void)close(second->pipe_fd);
	return pid < 0 ? pid : 0;
}

static int end_enter(struct end *e, int *ret_root, char **ret_path, struct cmk_err *err)
{
	const char *path = e->place->path, *cwd;
	int r;

	if (!e->place->c) {
		*ret_root = AT_FDCWD;
		*ret_path = xstrdup(path);
		return 0;
	}
	cwd = e->world->spec->process.cwd ? e->world->spec->process.cwd : "/";
	r = e->is_there ? 0 : copy_world_enter(e->place->c, e->world, err);
	if (r >= 0 && e->second)
		r = end_fork_second(e, err);
	if (r < 0)
		return r;
	*ret_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_root < 0)
		return cmk_err_errno(err, "open the root");
	if (*path == '/') {
		*ret_path = xstrdup(path);
		return 0;
	}
	*ret_path = xasprintf("%s/%s", cwd, path);
	/* One that was never started may lack it: the start would make it. */
	return e->world->running ? 0 : make_cwd(*ret_root, cwd, err);
}

static int end_say(const struct end *e, const struct copy_path *p, struct cmk_err *err)
{
	struct found f = { .magic = MAGIC,
			   .exists = p->exists,
			   .is_dir = p->exists && S_ISDIR(p->st.st_mode),
			   .dev = p->st.st_dev,
			   .ino = p->st.st_ino };

	if (strlen(p->name) > NAME_MAX)
		return cmk_err_set(err, -ENAMETOOLONG, "'%.40s…': name too long", p->name);
	memcpy(f.name, p->name, strlen(p->name));
	if (send(e->sock, &f, sizeof(f), MSG_NOSIGNAL) != (ssize_t)sizeof(f))
		return cmk_err_errno(err, "tell cmk");
	return 0;
}

static int pack(const struct end *e, const struct copy_path *p, const struct order *order,
		struct cmk_err *err)
{
	struct storage_pack_options o = { 0 };
	const struct userns_config *config;
	int r;

	if (!e->place->c) {
		/* As who is root in a container is called there. */
		r = storage_userns(e->st, &config, err);
		if (r < 0)
			return r;
		o.uids = &config->uids;
		o.gids = &config->gids;
	} else if (!e->world->running && e->world->uids.n) {
		o.uids = &e->world->uids;
		o.gids = &e->world->gids;
	}
	r = storage_extract_confine(err);
	if (r >= 0)
		r = storage_pack_entry(p->parent, p->name, order->contents ? NULL : order->name, &o,
				       e->pipe_fd, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "copying from %s", e->place->c ? "container" : "host");
	return 0;
}

/* The container's user; where its user namespace is not ours, as that one's ids lie here. */
static int container_owner(const struct end *e, struct storage_extract_options *o,
			   struct cmk_err *err)
{
	const struct spec_user *u = &e->world->spec->process.user;
	struct spec_user found = { .uid = u->uid, .gid = u->gid };
	cleanup_close int root = -1;
	int r = 0;

	if (u->username && *u->username) {
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return cmk_err_errno(err, "open the root");
		r = runtime_user_lookup(root, u->username, NULL, &found, NULL, err);
		free(found.additional_gids);
	}
	o->owner_given = true;
	o->uid = found.uid;
	o->gid = found.gid;
	if (!e->world->running && e->world->uids.n) {
		o->uid = id_map_to_outside(&e->world->uids, found.uid);
		o->gid = id_map_to_outside(&e->world->gids, found.gid);
	}
	return r;
}

/* Copying a directory into itself would never end. */
static int check_apart(int dir, const struct order *order, struct cmk_err *err)
{
	cleanup_close int at = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	struct stat st, last = { 0 };

	for (;;) {
		int up;

		if (at < 0 || fstat(at, &st) < 0)
			return cmk_err_errno(err, "open directory");
		if (st.st_dev == order->dev && st.st_ino == order->ino)
			return cmk_err_set(err, -EINVAL, "cannot copy a directory into itself");
		if (st.st_dev == last.st_dev && st.st_ino == last.st_ino)
			return 0;
		last = st;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = up;
	}
}

static int extract(const struct end *e, const struct copy_path *p, const struct order *order,
		   const char *path, struct cmk_err *err)
{
	struct storage_extract_options o = {
		.overwrite = e->o->overwrite,
		.single = !e->place->c,
		.not_empty = order->from_stream,
	};
	cleanup_free char *shown = NULL;
	cleanup_close int dir = openat(p->parent, order->into ? p->name : ".",
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t len = strlen(path);
	int r = 0;

	if (dir < 0)
		return cmk_err_errno(err, "open '%s'", path);
	if (order->beware)
		r = check_apart(dir, order, err);
	while (!order->into && len > 0 && path[len - 1] != '/')
		len--;
	while (len > 0 && path[len - 1] == '/')
		len--;
	o.shown = shown = e->place->c ? xstrndup(path, len) : xstrdup("");
	if (r >= 0 && e->place->c && e->o->archive)
		r = container_owner(e, &o, err);
	if (r >= 0)
		r = storage_extract_confine(err);
	if (r >= 0)
		r = storage_extract(dir, e->pipe_fd, &o, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "copying to %s", e->place->c ? "container" : "host");
	return 0;
}

static bool can_be_copied(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISFIFO(mode);
}

static int end_work(struct end *e, struct cmk_err *err)
{
	cleanup(copy_path_done) struct copy_path p = { .parent = -1 };
	cleanup_free char *path = NULL;
	struct order order = { 0 };
	int root = -1, r;

	(void)signal(SIGPIPE, SIG_IGN);
	r = end_enter(e, &root, &path, err);
	if (r < 0)
		return r;
	/* Entering cleared it. */
	if (!e->is_there)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = copy_path_resolve(root, path, !e->is_source || e->o->follow, !e->place->c, &p);
	if (r < 0 || (e->is_source && !p.exists))
		return not_found(e, r < 0 ? r : -ENOENT, err);
	if (e->is_source && !can_be_copied(p.st.st_mode))
		return cmk_err_set(err, -EINVAL,
				   "\"%s\" is a device or a socket, which cannot be copied",
				   e->place->path);
	r = end_say(e, &p, err);
	if (r < 0)
		return r;
	if (recv(e->sock, &order, sizeof(order), 0) != (ssize_t)sizeof(order))
		return cmk_err_set(err, -ECANCELED, "cancelled");
	return e->is_source ? pack(e, &p, &order, err) : extract(e, &p, &order, path, err);
}

static void cmk_noreturn end_main(struct end *e)
{
	struct cmk_err err = CMK_ERR_INIT;
	struct found ok = { .magic = MAGIC };

	cleanup_close_fn(&e->unused_pipe_fd);
	if (end_work(e, &err) < 0) {
		if (!err.code)
			(void)cmk_err_set(&err, -EIO, "copy failed");
		cmk_err_send(e->sock, &err);
		_exit(1);
	}
	/* The reader of a stream waits for its end. */
	(void)close(e->pipe_fd);
	(void)send(e->sock, &ok, sizeof(ok), MSG_NOSIGNAL);
	_exit(0);
}

/* --- the parent --- */

static void end_done(struct end *e)
{
	if (e->pid > 0)
		(void)process_reap(e->pid);
}

static int end_hear(struct end *e, struct found *ret, struct cmk_err *err)
{
	char buf[CMK_ERR_WIRE_MAX];
	ssize_t n;

	do
		n = recv(e->sock, buf, sizeof(buf), 0);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*ret)) {
		memcpy(ret, buf, sizeof(*ret));
		if (ret->magic == MAGIC)
			return 0;
	}
	if (n <= 0)
		return cmk_err_set(err, -ECHILD, "the process that copies %s has died",
				   e->is_source ? "from there" : "there");
	return cmk_err_decode(buf, (size_t)n, "bad answer of the process that copies", err);
}

static int end_start(struct end *e, struct found *ret, struct cmk_err *err)
{
	int sp[2], both[2] = { -1, -1 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0)
		return cmk_err_errno(err, "make a socket pair");
	if (e->second && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both) < 0) {
		(void)close(sp[0]);
		(void)close(sp[1]);
		return cmk_err_errno(err, "make a socket pair");
	}
	e->pid = process_fork(e->is_source ? "cmk-cp-from" : "cmk-cp-to", PROCESS_DEATH_SIGNAL,
			      NULL, err);
	if (e->pid == 0) {
		(void)close(sp[0]);
		e->sock = sp[1];
		if (e->second) {
			(void)close(both[0]);
			e->second->sock = both[1];
		}
		end_main(e);
	}
	(void)close(sp[1]);
	e->sock = sp[0];
	if (e->second) {
		(void)close(both[1]);
		e->second->sock = both[0];
	}
	return e->pid < 0 ? e->pid : end_hear(e, ret, err);
}

static int end_order(const struct end *e, const struct order *order, struct cmk_err *err)
{
	if (send(e->sock, order, sizeof(*order), MSG_NOSIGNAL) != (ssize_t)sizeof(*order))
		return cmk_err_errno(err, "tell the process that copies");
	return 0;
}

static bool is_stream(const struct copy_place *p)
{
	return p->stream_fd >= 0;
}

/* podman-cp(1): what an entry is called where it arrives. */
static int decide(const struct copy_place *from, const struct found *src,
		  const struct copy_place *to, const struct found *dst, struct order *ret_src,
		  struct order *ret_dst, struct cmk_err *err)
{
	bool contents = src->is_dir && copy_path_is_contents(from->path);
	bool into = is_stream(to) || (dst->exists && dst->is_dir);
	const char *name = into ? src->name : dst->name;

	if (is_stream(from) && !into)
		return cmk_err_set(err, -EINVAL,
				   "destination must be a directory when copying from stdin");
	if (src->is_dir && dst->exists && !dst->is_dir)
		return cmk_err_set(err, -EINVAL,
				   "destination must be a directory when copying a directory");
	*ret_src = (struct order){ .magic = MAGIC, .contents = contents && into };
	*ret_dst = (struct order){ .magic = MAGIC,
				   .into = into,
				   .from_stream = is_stream(from),
				   .beware = src->is_dir &&
					     streq_null(from->c ? from->c->cfg.id : NULL,
							to->c ? to->c->cfg.id : NULL),
				   .dev = src->dev,
				   .ino = src->ino };
	memcpy(ret_src->name, name, strlen(name) + 1);
	return 0;
}

/* Both ends' words; a stream that broke is told by whom it broke at. */
static int finish(struct end *from, struct end *to, struct cmk_err *err)
{
	struct cmk_err a = CMK_ERR_INIT, b = CMK_ERR_INIT;
	struct found ok;
	int r = to ? end_hear(to, &ok, &b) : 0;
	int q = 0;

	/* With the reader gone the writer gets EPIPE and ends. */
	if (from)
		q = end_hear(from, &ok, &a);
	if (q < 0 && (q != -EPIPE || r >= 0)) {
		cmk_err_done(&b);
		return cmk_err_move(err, &a);
	}
	cmk_err_done(&a);
	return r < 0 ? cmk_err_move(err, &b) : 0;
}

static int check_host_target(const struct copy_place *to, struct cmk_err *err)
{
	struct stat st;

	if (to->c || is_stream(to) || stat(to->path, &st) < 0 || S_ISDIR(st.st_mode) ||
	    S_ISREG(st.st_mode))
		return 0;
	return cmk_err_set(err, -EINVAL,
			   "invalid destination: \"%s\" must be a directory or a regular file",
			   to->path);
}

struct copy {
	struct end from, to;
	struct copy_source worlds[2];
	struct found src, dst;
	struct order src_order, dst_order;
};

/* Starts the ends that are not streams, FROM first: the pipe's other end must be closed by then in
 * whoever does not use it, or its end would never be seen. */
static int start_ends(struct copy *j, struct cmk_err *err)
{
	int p[2] = { -1, -1 }, r = 0;

	if (!is_stream(j->from.place) && !is_stream(j->to.place)) {
		if (pipe2(p, O_CLOEXEC) < 0)
			return cmk_err_errno(err, "make a pipe");
		(void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
	}
	j->from.unused_pipe_fd = j->from.second ? -1 : p[0];
	j->from.pipe_fd = is_stream(j->to.place) ? j->to.place->stream_fd : p[1];
	j->to.pipe_fd = is_stream(j->from.place) ? j->from.place->stream_fd : p[0];
	if (!is_stream(j->from.place))
		r = end_start(&j->from, &j->src, err);
	if (p[1] >= 0)
		(void)close(p[1]);
	if (r >= 0 && j->from.second)
		r = end_hear(&j->to, &j->dst, err);
	else if (r >= 0 && !is_stream(j->to.place))
		r = end_start(&j->to, &j->dst, err);
	if (p[0] >= 0)
		(void)close(p[0]);
	return r;
}

static int run(struct copy *j, struct cmk_err *err)
{
	bool from_stream = is_stream(j->from.place), to_stream = is_stream(j->to.place);
	int r = start_ends(j, err);

	if (r >= 0)
		r = decide(j->from.place, &j->src, j->to.place, &j->dst, &j->src_order,
			   &j->dst_order, err);
	if (r >= 0 && !to_stream)
		r = end_order(&j->to, &j->dst_order, err);
	if (r >= 0 && !from_stream)
		r = end_order(&j->from, &j->src_order, err);
	if (r < 0)
		return r;
	return finish(from_stream ? NULL : &j->from, to_stream ? NULL : &j->to, err);
}

/* A stream that comes in may be compressed. */
static int run_from_stream(struct copy *j, struct cmk_err *err)
{
	struct copy_place plain = *j->from.place;
	cleanup_close int fd = -1;
	pid_t pid = -1;
	int r = storage_decompress_start(plain.stream_fd, &fd, &pid, err);

	if (r < 0)
		return r;
	plain.stream_fd = fd;
	j->from.place = &plain;
	r = run(j, err);
	(void)close(steal_fd(&fd));
	if (r < 0)
		(void)kill(pid, SIGKILL);
	(void)process_reap(pid);
	if (r == -EBADMSG) {
		cmk_err_done(err);
		return cmk_err_set(err, r,
				   "source must be a (compressed) tar archive when copying from "
				   "stdin");
	}
	return r;
}

/* Their locks in the order of their ids, or two copies would wait for each other. */
static int open_worlds(struct copy *j, struct cmk_err *err)
{
	struct container *a = j->from.place->c, *b = j->to.place->c;
	int order = a && b ? strcmp(a->cfg.id, b->cfg.id) : 0, r = 0;

	j->from.world = &j->worlds[0];
	j->to.world = a && b && order == 0 ? &j->worlds[0] : &j->worlds[1];
	if (b && order > 0)
		r = copy_source_open(b, true, j->to.world, err);
	if (r >= 0 && a)
		r = copy_source_open(a, true, j->from.world, err);
	if (r >= 0 && b && (!a || order < 0))
		r = copy_source_open(b, true, j->to.world, err);
	if (a && b && order == 0 && !j->from.world->running)
		j->from.second = &j->to;
	return r;
}

int container_copy(struct storage *st, const struct copy_place *from, const struct copy_place *to,
		   const struct container_copy_options *o, struct cmk_err *err)
{
	struct copy j = {
		.from = { .st = st, .place = from, .o = o, .sock = -1, .is_source = true },
		.to = { .st = st, .place = to, .o = o, .sock = -1, .unused_pipe_fd = -1 },
		.worlds = { { .lock = -1 }, { .lock = -1 } },
	};
	struct copy_freeze frozen[2] = { COPY_FREEZE_INIT, COPY_FREEZE_INIT };
	int r = check_host_target(to, err);

	if (r >= 0)
		r = open_worlds(&j, err);
	if (r >= 0 && o->pause && from->c)
		r = copy_freeze(from->c, &frozen[0], err);
	if (r >= 0 && o->pause && to->c && !(from->c && streq(from->c->cfg.id, to->c->cfg.id)))
		r = copy_freeze(to->c, &frozen[1], err);
	if (r >= 0)
		r = is_stream(from) ? run_from_stream(&j, err) : run(&j, err);
	/* One that still waits for its order ends without; the second has the first one's socket.
	 */
	cleanup_close_fn(&j.from.sock);
	cleanup_close_fn(&j.to.sock);
	end_done(&j.from);
	end_done(&j.to);
	copy_thaw(&frozen[0]);
	copy_thaw(&frozen[1]);
	copy_source_done(&j.worlds[0]);
	copy_source_done(&j.worlds[1]);
	return r;
}
