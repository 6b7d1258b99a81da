// SPDX-License-Identifier: Apache-2.0
/* What is done to containers that are there. */
#include <poll.h>
#include <signal.h>

#include "base/file.h"
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
	struct cmk_err hook = CMK_ERR_INIT;
	int r = kill_init(c, err), h = 0;

	if (r == 0 && c->rec.cgroup)
		r = cgroup_place_remove(c->rec.cgroup_mount, c->rec.cgroup, err);
	if (r < 0)
		return r;
	if (c->rec.pid > 0 && oci_container_bundle(c, &b, NULL) == 0)
		h = oci_hooks(c, b, HOOK_POSTSTOP, "stopped", &hook);
	r = oci_container_remove(c, err);
	if (r < 0 || h == 0) {
		cmk_err_done(&hook);
		return r;
	}
	return cmk_err_move(err, &hook);
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

int oci_kill(const struct oci_settings *set, const char *id, int sig, bool all, struct cmk_err *err)
{
	cleanup(oci_container_done) struct oci_container c = OCI_CONTAINER_INIT;
	struct process_id init;
	cleanup_close int fd = -1;
	int r = oci_container_open(set, id, false, &c, err);

	if (r < 0)
		return r;
	if (all)
		return kill_all(&c, sig, err);
	init = oci_container_init(&c);
	fd = init.pid > 0 ? process_id_open(&init) : -ESRCH;
	if (fd == -ESRCH)
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH, "container '%s' is not running",
				    id);
	r = fd < 0 ? fd : process_pidfd_signal(fd, sig);
	return r < 0 ? cmk_err_set(err, r, "signal container '%s': %s", id, errno_text(-r)) : 0;
}

int oci_kill_matching(const struct oci_settings *set, const char *regex, int sig, bool all,
		      struct cmk_err *err)
{
	cleanup_free char *whole = xasprintf("^(?:%s)$", regex);
	cleanup_pattern struct pattern *p = NULL;
	struct oci_row *rows = NULL;
	size_t n = 0, n_hit = 0;
	int r = pattern_new(whole, &p, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "--regex '%s'", regex);
	r = oci_list(set, &rows, &n, err);
	for (size_t i = 0; i < n; i++) {
		int m = r < 0 || rows[i].status == OCI_STOPPED
				? 0
				: pattern_matches(p, rows[i].id, err);

		if (m < 0) {
			r = m;
		} else if (m > 0) {
			int k = oci_kill(set, rows[i].id, sig, all, r == 0 ? err : NULL);

			n_hit++;
			r = r == 0 ? k : r;
		}
	}
	for (size_t i = 0; i < n; i++)
		oci_row_done(&rows[i]);
	free(rows);
	return r == 0 && n_hit == 0 ? cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
						   "no container that runs matches '%s'", regex)
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
	if (oci_container_status(&c) == OCI_STOPPED)
		return oci_wrong_status(&c, "running", err);
	group = oci_container_group(&c);
	if (group >= 0)
		return cgroup_pids(group, ret, ret_n, err);
	/* Without a group init is all that we know. */
	*ret = xmalloc(sizeof(**ret));
	**ret = c.rec.pid;
	*ret_n = 1;
	return 0;
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
	for (char **u = given.unified; u && *u; u++)
		strv_env_set(&r->unified, *u);
	for (size_t i = 0; i < N_IO_RATES; i++)
		if (given.rates[i].n) {
			free(r->rates[i].list);
			r->rates[i] = given.rates[i];
			given.rates[i] = (struct spec_device_list){ 0 };
		}
	bundle_resources_done(&given);
	return code;
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
	if (r == 0 && limits)
		r = opt_limits_put(&after->spec->resources, limits, err);
	if (r < 0)
		return r;
	r = cgroup_update(c.rec.cgroup_mount, c.rec.cgroup, &before->spec->resources,
			  &after->spec->resources, err);
	if (r < 0)
		return r;
	return oci_resources_save(&c, after, err);
}
