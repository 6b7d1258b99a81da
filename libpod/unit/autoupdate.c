// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/autoupdate.h"

#include <poll.h>

#include "base/log.h"
#include "base/process.h"
#include "image/image.h"
#include "libpod/libpod.h"

static const char *const result_names[] = {
	[AUTOUPDATE_FALSE] = "false",
	[AUTOUPDATE_PENDING] = "pending",
	[AUTOUPDATE_TRUE] = "true",
	[AUTOUPDATE_FAILED] = "failed",
	[AUTOUPDATE_ROLLED_BACK] = "rolled back",
};

const char *autoupdate_result_name(enum autoupdate_result r)
{
	return result_names[r];
}

void autoupdate_tasks_free(struct autoupdate_task *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)container_free(list[i].c);
		free(list[i].new_image_id);
		cmk_err_done(&list[i].err);
	}
	free(list);
}

static const struct container_config *cfg_of(const struct autoupdate_task *t)
{
	return &t->c->cfg;
}

static bool is_local(const struct autoupdate_task *t)
{
	return streq(t->policy, "local");
}

/* --- what there is to do -----------------------------------------------------------------------
 */

static int check_policy(struct autoupdate_task *t)
{
	struct image_ref ref = { 0 };
	int r;

	if (!is_local(t) && !streq(t->policy, "registry") && !streq(t->policy, "image"))
		return cmk_err_set(&t->err, -EINVAL,
				   "invalid auto-update policy: label " AUTOUPDATE_LABEL
				   "='%s': not registry, local or disabled",
				   t->policy);
	if (!cfg_of(t)->image_id)
		return cmk_err_set(&t->err, -EINVAL, "it has no image");
	r = image_ref_parse(cfg_of(t)->image_name, &ref, &t->err);
	if (r == 0 && ref.digest)
		r = cmk_err_set(&t->err, -EINVAL,
				"image '%s': what has a digest in its name never changes",
				cfg_of(t)->image_name);
	else if (r == 0 && !ref.registry && !is_local(t))
		r = cmk_err_set(&t->err, -EINVAL,
				"image '%s': no full name, by which its registry could be asked",
				cfg_of(t)->image_name);
	image_ref_done(&ref);
	return r;
}

static struct image_pull_options pull_options(const struct autoupdate_task *t,
					      const struct autoupdate_options *o)
{
	const char *own = strv_env_get(cfg_of(t)->labels, AUTOUPDATE_AUTHFILE_LABEL);

	return (struct image_pull_options){
		.policy = PULL_ALWAYS,
		.authfile = own && *own ? own : o->authfile,
		.tls_verify = o->tls_verify,
		.quiet = true,
	};
}

/* 1 where another image has the name than the container has. */
static int differs_here(struct storage *st, struct autoupdate_task *t)
{
	int r = image_resolve_local(st, cfg_of(t)->image_name, &t->new_image_id, NULL, &t->err);

	return r < 0 ? r : !streq(t->new_image_id, cfg_of(t)->image_id);
}

static void look(struct storage *st, struct autoupdate_task *t, const struct autoupdate_options *o)
{
	const struct image_pull_options pull = pull_options(t, o);
	int r = check_policy(t);

	if (r == 0 && !is_local(t))
		r = image_authfile_check(pull.authfile, &t->err);
	if (r == 0)
		r = is_local(t) ? differs_here(st, t)
				: image_is_newer(st, cfg_of(t)->image_name, cfg_of(t)->image_id,
						 &pull, &t->err);
	t->result = r < 0 ? AUTOUPDATE_FAILED : r ? AUTOUPDATE_PENDING : AUTOUPDATE_FALSE;
}

/* Where the image is the same after all (an index was pushed anew) nothing is to be done. */
static void fetch(struct storage *st, struct autoupdate_task *t, const struct autoupdate_options *o)
{
	const struct image_pull_options pull = pull_options(t, o);
	cleanup_free char *name = NULL;
	int r;

	if (is_local(t))
		return;
	r = image_pull(st, cfg_of(t)->image_name, &pull, &t->new_image_id, &name, &t->err);
	if (r < 0) {
		event_write_pull_error(st, cfg_of(t)->image_name, &t->err);
		t->result = AUTOUPDATE_FAILED;
		return;
	}
	event_write_image(st, "pull", t->new_image_id, name);
	if (streq(t->new_image_id, cfg_of(t)->image_id))
		t->result = AUTOUPDATE_FALSE;
}

/* --- the new container -------------------------------------------------------------------------
 */

/* By name where it keeps that, else by its unit. */
static int find_new(struct storage *st, const struct autoupdate_task *t, struct container **ret,
		    struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0, best = SIZE_MAX;
	int r = container_list(st, &list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const char *unit = strv_env_get(list[i]->cfg.labels, CONTAINER_UNIT_LABEL);

		if (streq(list[i]->cfg.name, cfg_of(t)->name))
			best = i;
		else if (best == SIZE_MAX && *t->unit && streq_null(unit, t->unit) &&
			 container_is_active(list[i]))
			best = i;
	}
	if (best != SIZE_MAX)
		*ret = steal_ptr(&list[best]);
	container_list_free(list, n);
	return best != SIZE_MAX ? 0
				: cmk_err_set(err, -ENOENT, "the new container has ended already");
}

static int await_health(struct container *c, struct cmk_err *err)
{
	struct health_wait *w = health_wait_new(c, false);
	int r;

	for (;;) {
		struct pollfd fds[3];

		r = health_wait_check(w, err);
		if (r != 0)
			break;
		(void)poll(fds, health_wait_fds(w, fds), health_wait_left_ms(w));
	}
	(void)health_wait_free(w);
	return r < 0 ? cmk_err_wrap(err, r, "the new one") : 0;
}

/* It runs, of another image than before (of the same, after a rollback), and is healthy. */
static int settle(struct storage *st, const struct autoupdate_task *t, bool back,
		  struct cmk_err *err)
{
	struct container *c = NULL;
	int r = find_new(st, t, &c, err);

	if (r < 0)
		return r;
	if (!back && streq_null(c->cfg.image_id, cfg_of(t)->image_id)) {
		r = cmk_err_set(err, -ESTALE, "the new container is of the same image as before");
		if (*t->unit)
			(void)cmk_err_hint(err, "a unit has to make it anew: cmk generate systemd "
						"--new");
	} else if (!container_is_active(c)) {
		r = cmk_err_set(err, -ESRCH, "the new container has ended, with exit code %d",
				c->status.exit_code);
	} else if (health_enabled(c->cfg.health) && c->cfg.health->interval_ns > 0) {
		r = await_health(c, err);
	}
	(void)container_free(c);
	return r;
}

static int systemctl(const char *verb, const char *unit, struct cmk_err *err)
{
	char *argv[] = { (char *)"systemctl", (char *)"--user", (char *)verb,
			 (char *)"--",	      (char *)unit,	NULL };
	int r;

	if (geteuid() == 0)
		argv[1] = (char *)"--system";
	r = process_run(argv, NULL, err);
	if (r == -ENOENT)
		return cmk_err_set(err, r, "program 'systemctl' is not installed");
	return r > 0 ? -EIO : r;
}

static int restart(const struct autoupdate_task *t, const struct autoupdate_options *o,
		   struct cmk_err *err)
{
	if (!*t->unit)
		return o->recreate(o->arg, t->c, err);
	if (!unit_name_valid(t->unit) || strchr(t->unit, '%'))
		return cmk_err_set(err, -EINVAL,
				   "label " CONTAINER_UNIT_LABEL "='%s': not the name of a unit",
				   t->unit);
	return systemctl("restart", t->unit, err);
}

/* --- all containers of one unit ----------------------------------------------------------------
 */

static bool is_member(const struct autoupdate_task *t, const struct autoupdate_task *first)
{
	return t->result == AUTOUPDATE_PENDING &&
	       (t == first || (*t->unit && streq(t->unit, first->unit)));
}

/* The names of their images stand for the new ones, or with BACK for the old ones. Two of one image
 * may go different ways. */
static int name_images(struct storage *st, struct autoupdate_task *list, size_t n, size_t first,
		       bool back, struct cmk_err *err)
{
	for (size_t i = first; i < n; i++) {
		const struct container_config *cfg = cfg_of(&list[i]);
		const char *id = back ? cfg->image_id : list[i].new_image_id;
		cleanup_free char *now = NULL;
		int r;

		if (!is_member(&list[i], &list[first]) ||
		    (storage_name_lookup(st, cfg->image_name, &now) == 0 && streq(now, id)) ||
		    (!now && !back))
			continue;
		r = storage_name_set(st, cfg->image_name, id, err);
		if (r < 0)
			return r;
		event_write_image(st, "tag", id, cfg->image_name);
	}
	return 0;
}

static int restart_all(struct storage *st, struct autoupdate_task *list, size_t n, size_t first,
		       const struct autoupdate_options *o, bool back, struct cmk_err *err)
{
	int r = name_images(st, list, n, first, back, err);

	/* It has failed perhaps as often as it may. */
	if (r == 0 && back && *list[first].unit)
		(void)systemctl("reset-failed", list[first].unit, NULL);
	if (r == 0)
		r = restart(&list[first], o, err);
	for (size_t i = first; r == 0 && i < n; i++)
		if (is_member(&list[i], &list[first]))
			r = settle(st, &list[i], back, err);
	return r;
}

static void add_reason(struct cmk_err *why, const char *again)
{
	cleanup_free char *text = xasprintf("%s; not rolled back: %s", why->msg, again);

	(void)cmk_err_set(why, why->code, "%s", text);
}

static void update(struct storage *st, struct autoupdate_task *list, size_t n, size_t first,
		   const struct autoupdate_options *o)
{
	cleanup_err struct cmk_err why = CMK_ERR_INIT, again = CMK_ERR_INIT;
	enum autoupdate_result result = AUTOUPDATE_TRUE;
	int r = restart_all(st, list, n, first, o, false, &why);

	if (r < 0) {
		result = AUTOUPDATE_FAILED;
		/* There is no way back where there was none on. */
		if (o->rollback && r != -ESTALE &&
		    restart_all(st, list, n, first, o, true, &again) == 0)
			result = AUTOUPDATE_ROLLED_BACK;
		else if (again.msg)
			add_reason(&why, again.msg);
	}
	for (size_t i = n; i-- > first;) {
		if (!is_member(&list[i], &list[first]))
			continue;
		list[i].result = result;
		if (result != AUTOUPDATE_TRUE)
			(void)cmk_err_set(&list[i].err, r, "%s", why.msg);
		if (result != AUTOUPDATE_TRUE && why.hint)
			(void)cmk_err_hint(&list[i].err, "%s", why.hint);
	}
}

static int collect(struct storage *st, struct autoupdate_task **ret, size_t *ret_n,
		   struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	if (r < 0)
		return r;
	*ret = xcalloc(n + 1, sizeof(**ret));
	for (size_t i = 0; i < n; i++) {
		const char *policy = strv_env_get(list[i]->cfg.labels, AUTOUPDATE_LABEL);
		const char *unit = strv_env_get(list[i]->cfg.labels, CONTAINER_UNIT_LABEL);

		if (!policy || !*policy || streq(policy, "disabled") || !container_is_up(list[i]))
			continue;
		(*ret)[(*ret_n)++] = (struct autoupdate_task){
			.c = steal_ptr(&list[i]),
			.policy = policy,
			.unit = unit ? unit : "",
		};
	}
	container_list_free(list, n);
	return 0;
}

int autoupdate_run(struct storage *st, const struct autoupdate_options *o,
		   struct autoupdate_task **ret, size_t *ret_n, struct cmk_err *err)
{
	struct autoupdate_task *list = NULL;
	size_t n = 0;
	int r = collect(st, &list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		look(st, &list[i], o);
	for (size_t i = 0; i < n && !o->dry_run; i++)
		if (list[i].result == AUTOUPDATE_PENDING)
			fetch(st, &list[i], o);
	for (size_t i = 0; i < n && !o->dry_run; i++)
		if (list[i].result == AUTOUPDATE_PENDING)
			update(st, list, n, i, o);
	*ret = list;
	*ret_n = n;
	return 0;
}
