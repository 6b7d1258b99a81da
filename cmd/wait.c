// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include "base/parse.h"
#include "cmd/containers.h"

struct wait_args {
	struct cmk_select select; /* first: the shared rows' offsets are of it */
	char **conditions;
	const char *interval;
	bool first;
};

static const struct cmk_option wait_options[] = {
	CMK_OPT_OF(OPT_CSV, 0, "condition", struct wait_args, conditions, "STATE",
		   "wait for this state instead of the end; several are alternatives"),
	CMK_OPT_FLAG(0, "exit-first-match", struct wait_args, first,
		     "return when the first container is there"),
	CMK_OPT_FLAG(0, "ignore", struct wait_args, select.ignore,
		     "no error where a container does not exist; its code is -1"),
	CMK_OPT_STRING(
		'i', "interval", struct wait_args, interval, "DURATION",
		"for podman's scripts: cmk is told of changes and does not look at intervals"),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_END(),
};

/* One operand. */
struct target {
	struct container *c;
	struct container_waiter *w;
	bool done;
};

/* As Go's package time says it. */
static int bad_interval(const char *text, struct cmk_err *err)
{
	size_t number = strspn(text, "0123456789."),
	       unit = strspn(text + number, "abcdefghijklmnopqrstuvwxyz");

	if (number && unit && !text[number + unit])
		return cmk_err_set(err, -EINVAL, "time: unknown unit \"%s\" in duration \"%s\"",
				   text + number, text);
	return cmk_err_set(err, -EINVAL, "time: invalid duration \"%s\"", text);
}

static int check_args(const struct wait_args *a, unsigned int *conditions, struct cmk_err *err)
{
	int64_t ns;
	uint64_t ms;

	for (char **c = a->conditions; c && *c; c++) {
		int r = container_condition_parse(*c, conditions, err);

		if (r < 0)
			return r;
	}
	if (*conditions == 0)
		*conditions = CONTAINER_HAS_ENDED;
	if (a->interval && parse_u64(a->interval, INT64_MAX, &ms) < 0 &&
	    (parse_duration(a->interval, &ns) < 0 || ns < 0))
		return bad_interval(a->interval, err);
	return 0;
}

/* The latest of none is a container that does not exist, too. */
static int select_targets(struct storage *st, const struct cmk_select *select, int argc,
			  char **argv, char ***ret_names, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	int r = cmk_select(st, select, argc, argv, ret_names, &e);

	if (r == -ENOENT && select->latest && select->ignore) {
		(void)printf("-1\n");
		*ret_names = xcalloc(1, sizeof(**ret_names));
		return 0;
	}
	return r < 0 ? cmk_err_move(err, &e) : 0;
}

static int open_targets(struct storage *st, char **names, const struct wait_args *a,
			unsigned int conditions, struct target *t, struct cmk_err *err)
{
	for (size_t i = 0; names[i]; i++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		int r = container_open(st, names[i], &t[i].c, &e);

		if (r == -ENOENT && a->select.ignore)
			continue;
		if (r < 0)
			return cmk_err_move(err, &e);
		t[i].w = container_waiter_new(t[i].c, conditions);
	}
	return 0;
}

/* Blocks until one of them may be further. */
static int sleep_for(const struct target *t, size_t n, struct cmk_err *err)
{
	cleanup_free struct pollfd *fds = xcalloc(3 * n + 1, sizeof(*fds));
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (t[i].w && !t[i].done)
			k += container_waiter_fds(t[i].w, fds + k);
	if (poll(fds, k, -1) < 0 && errno != EINTR)
		return cmk_err_errno(err, "wait");
	return 0;
}

static int wait_target(struct target *t, struct cmk_err *err)
{
	int code = -1, r = t->w ? container_waiter_check(t->w, &code, err) : 1;

	if (r <= 0)
		return r;
	t->done = true;
	(void)printf("%d\n", code);
	(void)fflush(stdout);
	return 1;
}

/* The codes come in the order of the operands, unless the first one that is there ends it. */
static int wait_all(struct target *t, size_t n, bool first, struct cmk_err *err)
{
	size_t i = 0;

	while (i < n) {
		int r = wait_target(&t[i], err);

		for (size_t k = i + 1; r == 0 && first && k < n; k++)
			r = wait_target(&t[k], err);
		if (r < 0)
			return r;
		if (r > 0 && first)
			return 0;
		if (r > 0) {
			i++;
			continue;
		}
		r = first ? sleep_for(t, n, err) : sleep_for(&t[i], 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int wait_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	cleanup_free struct target *t = NULL;
	struct wait_args *a = args;
	unsigned int conditions = 0;
	size_t n;
	int r = check_args(a, &conditions, err);

	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = select_targets(st, &a->select, argc, argv, &names, err);
	if (r < 0)
		return r;
	n = strv_len(names);
	t = xcalloc(n + 1, sizeof(*t));
	r = open_targets(st, names, a, conditions, t, err);
	if (r == 0)
		r = wait_all(t, n, a->first, err);
	for (size_t i = 0; i < n; i++) {
		(void)container_waiter_free(t[i].w);
		(void)container_free(t[i].c);
	}
	return r;
}

static const char *const wait_aliases[] = { "container wait", NULL };

static const struct cmk_example wait_examples[] = {
	{ "cmk wait build", "waits for the end of the container build and prints its exit code" },
	{ "cmk wait --condition healthy db", "waits until the health check of db succeeds" },
	{ "cmk wait --condition stopped,paused web", "waits until web has ended or is paused" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_wait = {
	.name = "wait",
	.aliases = wait_aliases,
	.summary = "Wait until containers have ended, print their exit codes",
	.operands = "[CONTAINER...]",
	.description =
		"Prints one exit code a line, in the order of the operands: at once for a "
		"container that does not run, 0 for one that never did, -1 where another condition "
		"than the end is met. A restart policy without a limit has no last end: there the "
		"end of one run is enough.",
	.examples = wait_examples,
	.options = wait_options,
	.args_size = sizeof(struct wait_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = wait_exec,
};
