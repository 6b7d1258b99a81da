// SPDX-License-Identifier: Apache-2.0
/* What is done to containers that are there. */
#include <poll.h>
#include <signal.h>

#include "base/file.h"
#include "base/log.h"
#include "base/pattern.h"
#include "libpod/cgroup/manager.h"
#include "libpod/oci/internal.h"

#define END_TIMEOUT_MS 10000

/* --- the end -----------------------------------------------------------------------------------
 */

static int kill_init(const struct oci_container *c, struct cmk_err *err)
{
	const struct process_id id = oci_container_init(c);
	cleanup_close int fd = id.pid > 0 ? process_id_open(&id) : -1, group = -1;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return 0;
	(void)process_pidfd_signal(fd, SIGKILL);
	/* Frozen ones take it from here on. */
	group = oci_container_group(c);
	if (group >= 0)
		(void)cgroup_kill(group, NULL);
	if (poll(&p, 1, END_TIMEOUT_MS) <= 0)
		return cmk_err_set(err, -ETIMEDOUT, "container '%s' does not end", c->rec.id);
	return 0;
}

int oci_container_destroy(struct oci_container *c, struct cmk_err *err)
{
	cleanup_bundle struct bundle *b = NULL;
	cleanup_err struct cmk_err hook = CMK_ERR_INIT;
	int r = kill_init(c, err);

	if (r == 0 && c->rec.cgroup)
		r = cgroup_place_remove(c->rec.cgroup_mount, c->rec.cgroup, err);
	if (r < 0)
		return r;
	/* What fails in them is told of, and no more (runtime.md#lifecycle). */
	if (c->rec.pid > 0 && oci_container_bundle(c, &b, NULL) == 0 &&
	    oci_hooks(c, b, HOOK_POSTSTOP, "stopped", &hook) < 0)
		log_warn("%s", cmk_err_msg(&hook));
	return oci_container_remove(c, err);
}

int oci_delete(const struct oci_settings *set, const char *id, bool force, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	int r = oci_container_open(set, id, true, &c, err);
	enum oci_status status;

	if (r == -ENOENT && force) {
		if (err)
			cmk_err_done(err);
		return 0;
	}
	if (r < 0)
		return r;
	status = oci_container_status(&c);
	if (!force && status != OCI_STOPPED && status != OCI_CREATED) {
		r = oci_wrong_status(&c, "stopped", err);
		(void)cmk_err_hint(err, "kill it first, or use --force");
		return r;
	}
	return oci_container_destroy(&c, err);
}

/* --- signals -----------------------------------------------------------------------------------
 */

static int kill_all(const struct oci_container *c, int sig, struct cmk_err *err)
{
	cleanup_close int group = oci_container_group(c);
	cleanup_free pid_t *pids = NULL;
	size_t n = 0;
	int r;

	/* Nobody is left, which is no error, as with runc. */
	if (oci_container_status(c) == OCI_STOPPED && (group < 0 || !cgroup_populated(group)))
		return 0;
	if (group < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "--all: container '%s' has no control group", c->rec.id);
	if (sig == SIGKILL)
		return cgroup_kill(group, err);
	/* Nobody is to be missed for being born meanwhile. */
	r = cgroup_freeze(group, true, err);
	if (r == 0)
		r = cgroup_pids(group, &pids, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (kill(pids[i], sig) < 0 && errno != ESRCH)
			r = cmk_err_errno(err, "signal process %d", (int)pids[i]);
	(void)cgroup_freeze(group, false, NULL);
	return r;
}

/* Without a pid namespace of its own the end of init is not that of the others: all of them have to
 * go, also where init has gone already. */
static bool is_to_end_all(const struct oci_container *c, int sig)
{
	cleanup_close int group = c->rec.shares_pids && sig == SIGKILL ? oci_container_group(c)
								       : -1;

	return group >= 0 && cgroup_populated(group);
}

int oci_kill(const struct oci_settings *set, const char *id, int sig, bool all, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	struct process_id init;
	cleanup_close int fd = -1;
	int r = oci_container_open(set, id, false, &c, err);

	if (r < 0)
		return r;
	if (all || is_to_end_all(&c, sig))
		return kill_all(&c, sig, err);
	init = oci_container_init(&c);
	fd = init.pid > 0 ? process_id_open(&init) : -ESRCH;
	if (fd == -ESRCH)
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH, "container not running: '%s' is %s",
				    id, oci_status_name(oci_container_status(&c)));
	r = fd < 0 ? fd : process_pidfd_signal(fd, sig);
	return r < 0 ? cmk_err_set(err, r, "signal container '%s': %s", id, errno_text(-r)) : 0;
}

/* What is to be done to each. */
struct all_of {
	const struct oci_settings *set;
	int sig;
	bool all, force;
	int (*act)(const struct all_of *what, const struct oci_row *row, struct cmk_err *err);
};

/* How many there are for which ACT does not return -ESRCH; its first other failure is returned. */
static int for_matching(const struct all_of *what, const char *regex, size_t *ret_n,
			struct cmk_err *err)
{
	cleanup_pattern struct pattern *p = NULL;
	struct oci_row *rows = NULL;
	size_t n = 0;
	int r = pattern_new(regex, &p, err);

	*ret_n = 0;
	if (r < 0)
		return cmk_err_wrap(err, r, "--regex '%s'", regex);
	r = oci_list(what->set, &rows, &n, err);
	for (size_t i = 0; i < n; i++) {
		int m = r < 0 ? 0 : pattern_matches(p, rows[i].id, err);

		if (m < 0) {
			r = m;
		} else if (m > 0) {
			struct cmk_err e = CMK_ERR_INIT;
			int k = what->act(what, &rows[i], &e);

			*ret_n += k != -ESRCH;
			if (r == 0 && k < 0 && k != -ESRCH)
				r = cmk_err_move(err, &e);
			cmk_err_done(&e);
		}
	}
	for (size_t i = 0; i < n; i++)
		oci_row_done(&rows[i]);
	free(rows);
	return r;
}

static int kill_row(const struct all_of *what, const struct oci_row *row, struct cmk_err *err)
{
	return row->status == OCI_STOPPED ? -ESRCH
					  : oci_kill(what->set, row->id, what->sig, what->all, err);
}

int oci_kill_matching(const struct oci_settings *set, const char *regex, int sig, bool all,
		      struct cmk_err *err)
{
	const struct all_of what = { .set = set, .sig = sig, .all = all, .act = kill_row };
	size_t n;
	int r = for_matching(&what, regex, &n, err);

	return r == 0 && n == 0 ? cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
					       "no container that runs matches '%s'", regex)
				: r;
}

static int delete_row(const struct all_of *what, const struct oci_row *row, struct cmk_err *err)
{
	return oci_delete(what->set, row->id, what->force, err);
}

int oci_delete_matching(const struct oci_settings *set, const char *regex, bool force,
			struct cmk_err *err)
{
	const struct all_of what = { .set = set, .force = force, .act = delete_row };
	size_t n;
	int r = for_matching(&what, regex, &n, err);

	return r == 0 && n == 0 && !force ? cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
							 "no container matches '%s'", regex)
					  : r;
}

/* --- the group ---------------------------------------------------------------------------------
 */

static int group_of(const struct oci_container *c, struct cmk_err *err)
{
	int fd = oci_container_group(c);

	return fd >= 0 ? fd
		       : cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				      "container '%s' has no control group", c->rec.id);
}

int oci_cgroup_open(const struct oci_settings *set, const char *id, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	int r = oci_container_open(set, id, false, &c, err);

	return r < 0 ? r : group_of(&c, err);
}

int oci_pause(const struct oci_settings *set, const char *id, bool pause, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	cleanup_close int group = -1;
	int r = oci_container_open(set, id, true, &c, err);
	enum oci_status status;

	if (r < 0)
		return r;
	status = oci_container_status(&c);
	if (pause ? status != OCI_RUNNING && status != OCI_CREATED : status != OCI_PAUSED)
		return oci_wrong_status(&c, pause ? "running" : "paused", err);
	group = group_of(&c, err);
	return group < 0 ? group : cgroup_freeze(group, pause, err);
}

int oci_pids(const struct oci_settings *set, const char *id, pid_t **ret, size_t *ret_n,
	     struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	cleanup_close int group = -1;
	int r = oci_container_open(set, id, false, &c, err);

	if (r < 0)
		return r;
	*ret = NULL;
	*ret_n = 0;
	group = oci_container_group(&c);
	if (group >= 0)
		return cgroup_pids(group, ret, ret_n, err);
	if (oci_container_status(&c) == OCI_STOPPED)
		return 0;
	/* Without a group init is all that we know. */
	*ret = xmalloc(sizeof(**ret));
	**ret = c.rec.pid;
	*ret_n = 1;
	return 0;
}

static void drop_file(char ***unified, const char *file)
{
	cleanup_strv char **old = steal_ptr(unified);

	for (char **u = old; u && *u; u++)
		if (strncmp(*u, file, strlen(file)) != 0 || (*u)[strlen(file)] != '=')
			strv_add(unified, *u);
}

/* What was given takes the place of what the copy of config.json says. */
static int merge(struct spec_resources *to, const char *text, size_t len, struct cmk_err *err)
{
	struct spec_resources *r = to, given = { 0 };
	int code = bundle_resources_parse(text, len, &given, err);

#define TAKE(member)                              \
	do {                                      \
		if (given.member)                 \
			r->member = given.member; \
	} while (0)
	TAKE(memory_limit);
	TAKE(memory_reservation);
	TAKE(memory_swap);
	bundle_leave_swap(r);
	TAKE(cpu_quota);
	TAKE(cpu_period);
	TAKE(cpu_shares);
	TAKE(pids_limit);
	TAKE(blkio_weight);
#undef TAKE
#define TAKE(member)                                          \
	do {                                                  \
		if (given.member) {                           \
			free(r->member);                      \
			r->member = steal_ptr(&given.member); \
		}                                             \
	} while (0)
	TAKE(cpuset_cpus);
	TAKE(cpuset_mems);
#undef TAKE
	/* What was said by file before is not the last word any more. */
	if (given.memory_swap)
		drop_file(&r->unified, "memory.swap.max");
	for (char **u = given.unified; u && *u; u++)
		strv_env_set(&r->unified, *u);
	for (size_t i = 0; i < N_IO_RATES; i++)
		if (given.rates[i].n) {
			free(r->rates[i].list);
			r->rates[i] = given.rates[i];
			given.rates[i] = (struct spec_device_list){ 0 };
		}
	if (given.weights.n) {
		free(r->weights.list);
		r->weights = given.weights;
		given.weights = (struct spec_device_list){ 0 };
	}
	bundle_resources_done(&given);
	return code;
}

/* memory.checkBeforeUpdate: no limit below what is used already, which would end the container. */
static int check_usage(const struct oci_container *c, const char *text, size_t len,
		       struct cmk_err *err)
{
	struct bundle_memory_check m;
	cleanup_close int group = -1;
	uint64_t memory = 0, swap = 0;

	if (!bundle_memory_check(text, len, &m))
		return 0;
	group = oci_container_group(c);
	if (group < 0 || cgroup_memory_used(group, &memory, &swap) < 0)
		return cmk_err_set(err, -EINVAL,
				   "memory.checkBeforeUpdate: the memory that is "
				   "used is not known");
	if (m.swap > 0 && (uint64_t)m.swap < memory + swap)
		return cmk_err_set(err, -EBUSY,
				   "rejecting memory+swap limit %lld: %llu bytes are used",
				   (long long)m.swap, (unsigned long long)(memory + swap));
	if (m.limit > 0 && (uint64_t)m.limit < memory)
		return cmk_err_set(err, -EBUSY, "rejecting memory limit %lld: %llu bytes are used",
				   (long long)m.limit, (unsigned long long)memory);
	return 0;
}

int oci_update(const struct oci_settings *set, const char *id, const char *resources, size_t len,
	       const struct opt_limits *limits, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	cleanup_bundle struct bundle *before = NULL, *after = NULL;
	int r = oci_container_open(set, id, true, &c, err);

	if (r < 0)
		return r;
	if (oci_container_status(&c) == OCI_STOPPED)
		return oci_wrong_status(&c, "running", err);
	if (!c.rec.cgroup)
		return group_of(&c, err);
	r = oci_container_bundle(&c, &before, err);
	if (r == 0)
		r = oci_resources_load(&c, before, err);
	if (r == 0)
		r = oci_container_bundle(&c, &after, err);
	if (r == 0)
		r = oci_resources_load(&c, after, err);
	if (r == 0 && resources)
		r = merge(&after->spec->resources, resources, len, err);
	if (r == 0 && resources)
		r = check_usage(&c, resources, len, err);
	if (r == 0 && limits)
		r = opt_limits_put(&after->spec->resources, limits, err);
	if (r == 0 && limits && limits->memory_swap)
		drop_file(&after->spec->resources.unified, "memory.swap.max");
	if (r == 0)
		r = bundle_check_swap(&after->spec->resources, err);
	if (r < 0)
		return r;
	r = cgroup_update(c.rec.cgroup_mount, c.rec.cgroup, &before->spec->resources,
			  &after->spec->resources, err);
	if (r == 0 && c.rec.systemd)
		r = cgroup_scope_limit(c.rec.cgroup_mount, c.rec.cgroup, &before->spec->resources,
				       &after->spec->resources, err);
	if (r < 0)
		return r;
	return oci_resources_save(&c, after, err);
}
