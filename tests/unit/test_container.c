// SPDX-License-Identifier: Apache-2.0
/* Records, names and what is found of them. Nothing here starts a container. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "libpod/record/internal.h"
#include "libpod/record/policy.h"
#include "tests/unit/unit.h"

struct fixture {
	char dir[64];
	struct storage *st;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	cleanup_free char *root = NULL, *run = NULL;

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cmk-unit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	root = xasprintf("%s/root", f->dir);
	run = xasprintf("%s/run", f->dir);
	assert_int_equal(storage_open(root, run, &f->st, NULL), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)storage_free(f->st);
	(void)remove_tree_at(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

/* A container with a record, as create makes it; the ID begins with PREFIX. */
static char *make(struct fixture *f, const char *prefix, const char *name, bool rm)
{
	char id[CONTAINER_ID_LEN + 1];
	struct container_config cfg = { .schema = 1, .name = (char *)name, .remove = rm };
	cleanup_close int fd = -1;
	cleanup_free char *now = time_now_rfc3339();

	container_id_new(id);
	memcpy(id, prefix, strlen(prefix));
	cfg.id = id;
	cfg.created = now;
	assert_int_equal(mkdirat(f->st->containers_fd, id, 0700), 0);
	assert_int_equal(container_name_claim(f->st, name, id, NULL), 0);
	fd = openat(f->st->containers_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(container_config_save(fd, &cfg, false, NULL), 0);
	return xstrdup(id);
}

static void set_live(struct fixture *f, const char *id, int64_t pid, uint64_t start,
		     const char *boot)
{
	struct container_live live = { .boot_id = (char *)boot,
				       .monitor_pid = pid,
				       .monitor_start = start,
				       .started_at = (char *)"2026-01-01T00:00:00.000000000Z" };

	assert_int_equal(container_live_save(f->st, id, &live, NULL), 0);
}

static enum container_state state_of(struct fixture *f, const char *name, int *code)
{
	struct container *c = NULL;
	enum container_state s;

	assert_int_equal(container_open(f->st, name, &c, NULL), 0);
	s = c->state;
	if (code)
		*code = c->status.exit_code;
	(void)container_free(c);
	return s;
}

static void found_by_name_id_and_prefix(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *a = make(f, "aa1", "first", false);
	cleanup_free char *b = make(f, "aa2", "second", false);
	/* A name that is also a prefix of another's ID. */
	cleanup_free char *n = make(f, "bbb", "aa1", false);
	struct container *c = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	assert_int_equal(container_open(f->st, "first", &c, NULL), 0);
	assert_string_equal(c->cfg.id, a);
	(void)container_free(c);
	assert_int_equal(container_open(f->st, "aa2", &c, NULL), 0);
	assert_string_equal(c->cfg.id, b);
	(void)container_free(c);
	assert_int_equal(container_open(f->st, "aa1", &c, NULL), 0);
	assert_string_equal(c->cfg.id, n);
	(void)container_free(c);
	assert_int_equal(container_open(f->st, "aa", &c, &err), -ENOTUNIQ);
	assert_non_null(strstr(err.msg, "more than one result"));
	assert_int_equal(container_open(f->st, "c", &c, &err), -ENOENT);
	assert_int_equal(err.kind, CMK_ERR_NOT_FOUND);
	assert_int_equal(container_open(f->st, "fir", &c, NULL), -ENOENT);
	assert_int_equal(container_open(f->st, "", &c, NULL), -ENOENT);
	assert_int_equal(container_open(f->st, "../containers", &c, NULL), -ENOENT);
}

static void one_winner_for_a_name(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *a = make(f, "a", "name", false);
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	char other[CONTAINER_ID_LEN + 1];

	container_id_new(other);
	assert_int_equal(container_name_claim(f->st, "name", other, &err), -EEXIST);
	assert_int_equal(err.kind, CMK_ERR_EXISTS);
	assert_non_null(strstr(err.msg, "already in use"));
	assert_int_equal(container_erase(f->st, a, "name", NULL), 0);
	assert_int_equal(container_name_claim(f->st, "name", other, NULL), 0);
}

/* A creator that was killed before the record leaves a name, a directory and its mark. */
static void a_dangling_name_is_taken_over(void **state)
{
	struct fixture *f = *state;
	char dead[CONTAINER_ID_LEN + 1], next[CONTAINER_ID_LEN + 1], got[CONTAINER_ID_LEN + 1];

	container_id_new(dead);
	container_id_new(next);
	assert_int_equal(container_unfinished_begin(f->st, dead, NULL), 0);
	assert_int_equal(mkdirat(f->st->containers_fd, dead, 0700), 0);
	assert_int_equal(container_name_claim(f->st, "x", dead, NULL), 0);
	{
		/* While it lives it holds its lock, and nobody takes the name. */
		cleanup_close int lock = container_lock_id(f->st, dead, true, NULL);

		assert_true(lock >= 0);
		assert_int_equal(container_name_claim(f->st, "x", next, NULL), -EEXIST);
	}
	assert_int_equal(container_name_claim(f->st, "x", next, NULL), 0);
	assert_int_equal(container_name_lookup(f->st, "x", got), 0);
	assert_string_equal(got, next);
	assert_int_equal(faccessat(f->st->containers_fd, dead, F_OK, 0), -1);
	/* A name whose directory is gone altogether. */
	assert_int_equal(container_name_claim(f->st, "y", dead, NULL), 0);
	assert_int_equal(container_name_claim(f->st, "y", next, NULL), 0);
}

static void what_is_true_of_a_process(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *id = make(f, "a", "c", false);
	struct process_id self;
	int code = 0;

	assert_int_equal(process_id_of(getpid(), &self), 0);
	assert_int_equal(state_of(f, "c", NULL), CONTAINER_CREATED);
	set_live(f, id, self.pid, self.start_time, NULL);
	assert_int_equal(state_of(f, "c", NULL), CONTAINER_RUNNING);
	/* Another process has got the pid. */
	set_live(f, id, self.pid, self.start_time + 1, NULL);
	assert_int_equal(state_of(f, "c", &code), CONTAINER_MONITOR_LOST);
	assert_int_equal(code, 137);
	/* Another boot: the record of the run directory means nothing. */
	set_live(f, id, self.pid, self.start_time, "00000000-0000-0000-0000-000000000000");
	assert_int_equal(state_of(f, "c", NULL), CONTAINER_CREATED);
}

static void a_lost_monitor_is_repaired_under_the_lock(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *id = make(f, "a", "c", false);
	cleanup_close int lock = -1;
	struct container *c = NULL;

	set_live(f, id, 1, 1, NULL);
	assert_int_equal(container_open(f->st, "c", &c, NULL), 0);
	assert_int_equal(c->state, CONTAINER_MONITOR_LOST);
	lock = container_lock(c, NULL);
	assert_true(lock >= 0);
	assert_int_equal(c->state, CONTAINER_EXITED);
	assert_int_equal(c->status.exit_code, 137);
	assert_string_equal(c->status.error, "monitor lost");
	assert_non_null(c->status.finished_at);
	assert_string_equal(c->status.started_at, "2026-01-01T00:00:00.000000000Z");
	(void)container_free(c);
	/* Written, not only seen. */
	assert_int_equal(state_of(f, "c", NULL), CONTAINER_EXITED);
}

static void a_reboot_is_seen(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *id = make(f, "a", "c", false);
	struct container_status s = { .state = (char *)"running" };
	int code = 0;

	/* start writes this; the run directory is empty after a reboot. */
	assert_int_equal(container_status_save(f->st, id, &s, false, NULL), 0);
	assert_int_equal(state_of(f, "c", &code), CONTAINER_MONITOR_LOST);
	assert_int_equal(code, 137);
}

static size_t count(struct fixture *f)
{
	struct container **list = NULL;
	size_t n = 0;

	assert_int_equal(container_list(f->st, &list, &n, NULL), 0);
	container_list_free(list, n);
	return n;
}

static void the_sweep_takes_what_nobody_holds(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *kept = make(f, "a", "kept", false);
	cleanup_free char *rm = make(f, "b", "rm", true);
	cleanup_free char *lost = make(f, "c", "lost", true);
	cleanup_free char *old = NULL;

	/* The first sweep of a boot takes every --rm container that does not run. */
	container_sweep(f->st);
	assert_int_equal(count(f), 1);
	free(rm);
	free(lost);
	rm = make(f, "b", "rm", true);
	lost = make(f, "c", "lost", true);
	assert_int_equal(container_unfinished_begin(f->st, lost, NULL), 0);
	set_live(f, lost, 1, 1, NULL);
	/* Later ones only those with a mark: `create --rm` waits for its start. */
	container_sweep(f->st);
	assert_int_equal(count(f), 2);
	assert_int_equal(state_of(f, "kept", NULL), CONTAINER_CREATED);
	assert_int_equal(state_of(f, "rm", NULL), CONTAINER_CREATED);
	/* A new boot. */
	assert_int_equal(unlinkat(f->st->root_fd, "swept", 0), 0);
	container_sweep(f->st);
	assert_int_equal(count(f), 1);
	old = xstrdup(kept);
	assert_int_equal(state_of(f, old, NULL), CONTAINER_CREATED);
}

static void damaged_records_hide_only_themselves(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *a = make(f, "a", "good", false);
	cleanup_free char *b = make(f, "b", "torn", false);
	cleanup_free char *n = make(f, "c", "newer", false);
	cleanup_free char *path = xasprintf("%s/container.json", b);
	cleanup_free char *newer = xasprintf("%s/container.json", n);
	cleanup_free char *text = xasprintf(
		"{\"schema\":99,\"id\":\"%s\",\"name\":\"newer\",\"created\":\"x\"}", n);
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct container *c = NULL;

	assert_int_equal(file_replace_at(f->st->containers_fd, path, "{\"sch", 5, 0600, 0, NULL),
			 0);
	assert_int_equal(
		file_replace_at(f->st->containers_fd, newer, text, strlen(text), 0600, 0, NULL), 0);
	assert_int_equal(count(f), 1);
	assert_true(container_open(f->st, "torn", &c, NULL) < 0);
	assert_int_equal(container_open(f->st, "newer", &c, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "schema 99"));
	assert_int_equal(state_of(f, a, NULL), CONTAINER_CREATED);
}

static void names_and_ids_have_a_grammar(void **state)
{
	static const char *const good[] = { "a", "A-b_c.9", "0" };
	static const char *const bad[] = { "",	  "-a", ".a",  "_a",	  "a b",
					   "a/b", "..", "a\n", "\xc3\xa4" };
	char one[CONTAINER_ID_LEN + 1], two[CONTAINER_ID_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(container_name_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(container_name_valid(bad[i]));
	container_id_new(one);
	container_id_new(two);
	assert_true(container_id_prefix_valid(one) && strlen(one) == 64);
	assert_string_not_equal(one, two);
	assert_false(container_id_prefix_valid("ABC"));
	assert_false(container_id_prefix_valid(""));
	for (unsigned int try = 0; try < 10; try++) {
		cleanup_free char *name = container_name_random(try);

		assert_true(container_name_valid(name));
		assert_non_null(strchr(name, '_'));
	}
}

static void restart_policies_are_read_and_followed(void **state)
{
	static const char *const bad[] = { "maybe",	   "always:3",	    "on-failure:",
					   "on-failure:x", "on-failure:-1", "no:1" };
	char *policy = NULL;
	int64_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(restart_policy_parse(bad[i], &policy, &n, NULL), -EINVAL);
	assert_int_equal(restart_policy_parse("no", &policy, &n, NULL), 0);
	assert_null(policy);
	assert_int_equal(restart_policy_parse("on-failure:3", &policy, &n, NULL), 0);
	assert_string_equal(policy, "on-failure");
	assert_int_equal(n, 3);
	assert_true(restart_policy_wants(policy, n, 2, 1));
	assert_false(restart_policy_wants(policy, n, 3, 1));
	assert_false(restart_policy_wants(policy, n, 0, 0));
	assert_true(restart_policy_wants(policy, 0, 1000, 1));
	assert_true(restart_policy_wants("always", 0, 1000, 0));
	assert_false(restart_policy_wants(NULL, 0, 0, 1));
	free(policy);
	assert_int_equal(restart_backoff_ms(0, 0), 100);
	assert_int_equal(restart_backoff_ms(100, 50), 200);
	assert_int_equal(restart_backoff_ms(51200, 0), 60000);
	assert_int_equal(restart_backoff_ms(60000, 10000), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(found_by_name_id_and_prefix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_winner_for_a_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_dangling_name_is_taken_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_true_of_a_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lost_monitor_is_repaired_under_the_lock, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_reboot_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_sweep_takes_what_nobody_holds, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(damaged_records_hide_only_themselves, set_up,
						tear_down),
		cmocka_unit_test(names_and_ids_have_a_grammar),
		cmocka_unit_test(restart_policies_are_read_and_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
