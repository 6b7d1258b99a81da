// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "cmd/ps_filter.h"

#define EXIT_KILLED 137

int cmk_check_detach_keys(const char *keys, struct cmk_err *err)
{
	uint8_t parsed[16];
	size_t n;

	return keys ? detach_keys_parse(keys, parsed, &n, err) : 0;
}

/* The monitor went away under a container that ran: what a command that comes later would do. */
static int monitor_lost(struct container *c, int r, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	int lock;

	if (r != -ECONNRESET && r != -EPIPE)
		return r;
	lock = container_lock(c, &e);
	if (lock >= 0)
		(void)close(lock);
	if (c->cfg.remove && container_remove(c, true, 0, &e) < 0)
		cmk_print_error(&e);
	(void)cmk_err_wrap(err, r, "container '%s' was killed: its monitor was lost", c->cfg.name);
	return EXIT_KILLED;
}

/* What it requires is started first; the records make no circle, as each only names what was there
 * before it. */
static int start_required(struct container *c, struct cmk_err *err)
{
	for (char **id = c->cfg.requires; id && *id; id++) {
		cleanup_container struct container *need = NULL;
		int r = container_open(c->st, *id, &need, err);

		if (r == 0) {
			/* A service has one main process. */
			need->sdnotify = "ignore";
			r = cmk_start_detached(need, err);
		}
		if (r < 0)
			return cmk_err_wrap(err, r, "start what container '%s' requires",
					    c->cfg.name);
	}
	return 0;
}

int cmk_start_attached(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		       const struct cmk_attach *a, struct cmk_err *err)
{
	int tty_fd = a->tty && a->use_out && isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
	cleanup_close int fd = -1;
	/* The container reads it itself. */
	bool use_stdin = a->use_stdin && !container_passes_stdio(&c->cfg);
	struct attach_args attach;
	bool detached = false;
	int r, code = 0;

	r = start_required(c, err);
	if (r < 0)
		return r;
	r = container_start(c, spec, rootfs, use_stdin, a->use_out, tty_fd, a->detach_keys, &fd,
			    err);
	if (r < 0)
		return r;
	attach = (struct attach_args){
		.fd = fd,
		.tty = a->tty,
		.use_stdin = use_stdin,
		.use_out = a->use_out,
		.no_stdout = a->no_stdout,
		.no_stderr = a->no_stderr,
		.sig_proxy = a->sig_proxy,
		.wait_only_started = !a->use_out && !use_stdin,
		.detach_keys = a->detach_keys,
	};
	r = monitor_attach(&attach, &code, &detached, err);
	if (r < 0)
		return monitor_lost(c, r, err);
	return detached || attach.wait_only_started ? 0 : code;
}

int cmk_start_container(struct container *c, const struct cmk_attach *a, struct cmk_err *err)
{
	struct rootfs_plan rootfs = { 0 };
	struct spec *spec = NULL;
	int r, code;

	/* Somebody stops it, and we want it to run afterwards. */
	if (c->state == CONTAINER_STOPPING) {
		r = container_wait(c, &code, err);
		if (r < 0)
			return r;
	}
	/* The lock comes before the root file system is made ready, so that it is not under a
	 * container that runs. */
	c->lock_fd = container_lock(c, err);
	if (c->lock_fd < 0)
		return c->lock_fd;
	if (container_is_up(c)) {
		cleanup_close_fn(&c->lock_fd);
		c->lock_fd = -1;
		return CMK_RUNS_ALREADY;
	}
	r = container_prepare_start(c, &spec, &rootfs, err);
	if (r >= 0)
		r = cmk_start_attached(c, spec, &rootfs, a, err);
	(void)spec_free(spec);
	rootfs_plan_done(&rootfs);
	return r;
}

int cmk_start_detached(struct container *c, struct cmk_err *err)
{
	const struct cmk_attach none = { .tty = c->cfg.terminal };
	int r = cmk_start_container(c, &none, err);

	return r == CMK_RUNS_ALREADY ? 0 : r;
}

bool cmk_label_fits(char *const *labels, const char *want)
{
	cleanup_free char *key = xstrndup(want, strcspn(want, "="));
	cleanup_free char *part = strchr(key, '*') ? xasprintf("*%s*", key) : NULL;
	const char *value = want + strlen(key);

	for (char *const *l = labels; l && *l; l++) {
		cleanup_free char *name = xstrndup(*l, strcspn(*l, "="));

		/* "=VALUE" on both sides; "KEY=" asks for the key. */
		if (value[0] && value[1] && !streq(*l + strlen(name), value))
			continue;
		if (streq(name, key) || (part && fnmatch(part, name, FNM_PATHNAME) == 0))
			return true;
	}
	return false;
}

bool cmk_confirm(const char *what)
{
	char line[16] = "";

	(void)fprintf(stderr, "%s\nAre you sure you want to continue? [y/N] ", what);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int cmk_ticks_open(int64_t seconds, struct cmk_err *err)
{
	const struct itimerspec every = { { (time_t)seconds, 0 }, { (time_t)seconds, 0 } };
	cleanup_close int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
		return cmk_err_errno(err, "timer");
	return steal_fd(&timer);
}

int cmk_ticks_wait(int timer, struct cmk_err *err)
{
	struct pollfd p[] = { { .fd = timer, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	uint64_t ticks;

	do {
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return cmk_err_errno(err, "wait");
		if (p[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			return 0;
	} while (!p[0].revents);
	(void)!read(timer, &ticks, sizeof(ticks));
	return 1;
}

#define T struct cmk_select
const struct cmk_option cmk_select_all[] = {
	CMK_OPT_FLAG('a', "all", T, all, "act on all containers"),
	CMK_OPT_END(),
};
const struct cmk_option cmk_select_cidfile[] = {
	CMK_OPT_OF(OPT_STRV, 0, "cidfile", T, cidfiles, "FILE", "read a container's ID from a file",
		   .complete = COMPLETE_FILES),
	CMK_OPT_END(),
};
const struct cmk_option cmk_select_filter[] = {
	CMK_OPT_OF(OPT_STRV, 'f', "filter", T, filters, "KEY=VALUE",
		   "act on the containers that match, as with 'cmk ps'", .keys = ps_filter_keys),
	CMK_OPT_END(),
};
const struct cmk_option cmk_select_ignore[] = {
	CMK_OPT_FLAG('i', "ignore", T, ignore, "no error where a container does not exist"),
	CMK_OPT_END(),
};
const struct cmk_option cmk_select_latest[] = {
	CMK_OPT_FLAG('l', "latest", T, latest, "act on the container that was made last"),
	CMK_OPT_END(),
};
#undef T

int cmk_timeout_parse(const struct cmk_option *o, const char *value, void *args,
		      struct cmk_err *err)
{
	struct cmk_timeout *t = (void *)((char *)args + o->offset);
	int64_t s;

	if (parse_i64(value, INT32_MIN, INT32_MAX / 1000 - 60, &s) < 0)
		return cmk_err_set(err, -EINVAL, "not a number of seconds");
	*t = (struct cmk_timeout){ true, s < 0 ? CONTAINER_TIMEOUT_NEVER : s * 1000 };
	return 0;
}

static int add_cidfile(const char *path, bool ignore, char ***names, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_free char *text = NULL;
	int r = file_read_at(AT_FDCWD, path, 4096, &text, NULL, &e);

	if (r == -ENOENT && ignore)
		return 0;
	if (r == -ENOENT)
		return cmk_err_set(err, r, "reading CIDFile: open %s: no such file or directory",
				   path);
	if (r < 0) {
		(void)cmk_err_move(err, &e);
		return cmk_err_wrap(err, r, "reading CIDFile '%s'", path);
	}
	text[strcspn(text, "\r\n")] = '\0';
	strv_add(names, text);
	return 0;
}

static int check_select(const struct cmk_select *s, bool names, struct cmk_err *err)
{
	const char *why = NULL;

	if (names && s->filters && !s->filter_names)
		why = "--filter takes no arguments";
	else if (s->filters && s->latest)
		/* podman acts on all that match: more than was asked for. */
		why = "--filter and --latest cannot be used together";
	else if (s->cidfiles && (s->all || s->latest))
		why = "--all, --latest, and --cidfile cannot be used together";
	else if (s->all && s->latest)
		why = "--all and --latest cannot be used together";
	else if (names && s->all)
		why = "no arguments are needed with --all";
	else if (names && s->latest)
		why = "--latest and containers cannot be used together";
	else if (names && s->cidfiles)
		why = "--cidfile and containers cannot be used together: no arguments are needed "
		      "with --latest or --cidfile";
	else if (!names && !s->all && !s->latest && !s->cidfiles && !s->filters)
		why = "you must provide at least one name or id";
	return why ? cmk_err_set(err, -EINVAL, "%s", why) : 0;
}

/* The ids of all, or of those that the filters leave. */
static int add_matching(struct storage *st, const struct cmk_select *s, char ***names,
			struct cmk_err *err)
{
	struct ps_filter *f = NULL;
	struct container **list = NULL;
	size_t n = 0;
	int r = ps_filter_new(st, s->filters, &f, err);

	if (r == 0)
		r = container_list(st, &list, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (ps_filter_match(f, list[i]))
			strv_add(names, list[i]->cfg.id);
	container_list_free(list, n);
	(void)ps_filter_free(f);
	return r;
}

/* Of the names that were typed or stood in files, in their words. */
static int keep_matching(struct storage *st, const struct cmk_select *s, char ***names,
			 struct cmk_err *err)
{
	cleanup_strv char **kept = NULL;
	struct ps_filter *f = NULL;
	int r = ps_filter_new(st, s->filters, &f, err);

	for (char **name = *names; r == 0 && name && *name; name++) {
		cleanup_container struct container *c = NULL;
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;

		r = container_open(st, *name, &c, &mine);
		if (r == 0 && ps_filter_match(f, c))
			strv_add(&kept, *name);
		else if (r == -ENOENT && s->ignore)
			r = 0;
		else if (r < 0)
			r = cmk_err_move(err, &mine);
	}
	(void)ps_filter_free(f);
	*names = strv_free(*names);
	*names = steal_ptr(&kept);
	return r;
}

int cmk_select(struct storage *st, const struct cmk_select *s, int argc, char **argv, char ***ret,
	       struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	bool named = argc > 0 || s->cidfiles;
	int r = check_select(s, argc > 0, err);

	for (int i = 0; r == 0 && i < argc; i++)
		strv_add(&names, argv[i]);
	for (char *const *f = s->cidfiles; r == 0 && f && *f; f++)
		r = add_cidfile(*f, s->ignore, &names, err);
	if (r == 0 && s->latest) {
		cleanup_container struct container *c = NULL;

		r = cmk_container_latest(st, &c, err);
		if (r == 0)
			strv_add(&names, c->cfg.id);
	} else if (r == 0 && named && s->filters) {
		r = keep_matching(st, s, &names, err);
	} else if (r == 0 && (s->all || s->filters)) {
		r = add_matching(st, s, &names, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(&names);
	return 0;
}

int cmk_container_latest(struct storage *st, struct container **ret, struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	if (r == 0 && n == 0)
		r = cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
				 "no containers exist: no such container");
	if (r == 0)
		id = xstrdup(list[0]->cfg.id);
	container_list_free(list, n);
	/* Opened by itself, as a name would be: with its directory. */
	return r < 0 ? r : container_open(st, id, ret, err);
}

int cmk_container_or_latest(struct storage *st, bool latest, const char *name,
			    struct container **ret, struct cmk_err *err)
{
	if (latest && name)
		return cmk_err_set(err, -EINVAL, "--latest and containers cannot be used together");
	if (latest)
		return cmk_container_latest(st, ret, err);
	if (!name)
		return cmk_err_set(err, -EINVAL,
				   "a name, an id, or the \"--latest\" flag is required");
	return container_open(st, name, ret, err);
}

int cmk_each_name(struct storage *st, char *const *names,
		  int (*fn)(struct storage *st, const char *name, void *arg, struct cmk_err *err),
		  void *arg, int (*failed)(const struct cmk_err *err))
{
	int code = 0;

	for (; names && *names; names++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		int r = fn(st, *names, arg, &err);

		if (r >= 0)
			continue;
		if (!err.msg)
			(void)cmk_err_set(&err, r, "'%s': %s", *names, errno_text(-r));
		cmk_print_error(&err);
		r = failed ? failed(&err) : EXIT_CMK_FAILED;
		code = MAX(code, r);
	}
	return code;
}
