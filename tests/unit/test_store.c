// SPDX-License-Identifier: Apache-2.0
/* The data and run directories, image records, names, and what removal collects. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "unit.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LAYER_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define LAYER_2 "2222222222222222222222222222222222222222222222222222222222222222"

struct place {
	char dir[64];
	char *root, *run;
	struct storage *st;
	struct cmk_err err;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	unit_tmpdir(p->dir);
	p->root = xasprintf("%s/data/cmk", p->dir);
	p->run = xasprintf("%s/run", p->dir);
	assert_int_equal(storage_open(p->root, p->run, &p->st, &p->err), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	storage_free(p->st);
	assert_int_equal(remove_tree_at(AT_FDCWD, p->dir, NULL), 0);
	cmk_err_done(&p->err);
	free(p->root);
	free(p->run);
	free(p);
	return 0;
}

static void make_layer(struct place *p, const char *hex)
{
	cleanup_free char *diff = xasprintf("%s/diff", hex);

	assert_int_equal(mkdirat(p->st->layers_fd, hex, LAYER_MODE), 0);
	assert_int_equal(mkdirat(p->st->layers_fd, diff, 0755), 0);
}

static bool layer_is_there(struct place *p, const char *hex)
{
	return faccessat(p->st->layers_fd, hex, F_OK, 0) == 0;
}

static int put(struct place *p, const char *id, const char *layer, const char *digest)
{
	cleanup_free char *diff_id = xasprintf("sha256:%s", layer);
	struct image_layer_ref ref = { .diff_id = diff_id, .size = 5 };
	char *digests[] = { (char *)digest, NULL };
	struct image_record r = { .id = (char *)id,
				  .created = (char *)"2024-01-01T00:00:00Z",
				  .digests = digests,
				  .layers = &ref,
				  .n_layers = 1 };

	return storage_image_put(p->st, &r, "{}", 2, "{\"c\":1}", 7, &p->err);
}

static void directories_are_made_closed_to_others(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(fstat(p->st->root_fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fstat(p->st->run_fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fstat(p->st->layers_fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(p->st->root[0], '/');
}

static void a_newer_store_is_refused(void **state)
{
	struct place *p = *state;
	struct storage *st = NULL;

	assert_int_equal(file_replace_at(p->st->root_fd, "version", "2\n", 2, 0600, 0, NULL), 0);
	assert_int_equal(storage_open(p->root, p->run, &st, &p->err), -EOPNOTSUPP);
	assert_non_null(strstr(p->err.msg, "newer"));
	assert_int_equal(file_replace_at(p->st->root_fd, "version", "x\n", 2, 0600, 0, NULL), 0);
	assert_int_equal(storage_open(p->root, p->run, &st, &p->err), -EBADMSG);
}

static void the_run_directory_is_chosen_once_per_boot(void **state)
{
	struct place *p = *state;
	cleanup_free char *xdg = xasprintf("%s/xdg", p->dir), *first = NULL;
	struct storage *st = NULL;

	assert_int_equal(mkdir(xdg, 0700), 0);
	(void)setenv("XDG_RUNTIME_DIR", xdg, 1);
	assert_int_equal(storage_open(p->root, NULL, &st, &p->err), 0);
	first = xstrdup(st->runroot);
	assert_non_null(strstr(first, "/xdg/cmk"));
	storage_free(st);
	/* As under cron. */
	(void)unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(storage_open(p->root, NULL, &st, &p->err), 0);
	assert_string_equal(st->runroot, first);
	storage_free(st);
	/* Logind took it away: made again, in the same place. */
	assert_int_equal(remove_tree_at(AT_FDCWD, first, NULL), 0);
	assert_int_equal(storage_open(p->root, NULL, &st, &p->err), 0);
	assert_string_equal(st->runroot, first);
	storage_free(st);
}

static void a_run_directory_open_to_others_is_refused(void **state)
{
	struct place *p = *state;
	cleanup_free char *open = xasprintf("%s/open", p->dir);
	struct storage *st = NULL;

	assert_int_equal(mkdir(open, 0700), 0);
	assert_int_equal(chmod(open, 0777), 0);
	assert_int_equal(storage_open(p->root, open, &st, &p->err), -EPERM);
	assert_non_null(p->err.hint);
}

static void a_warning_is_given_once(void **state)
{
	struct place *p = *state;

	assert_true(storage_warn_once(p->st, "no-subids"));
	assert_false(storage_warn_once(p->st, "no-subids"));
	assert_true(storage_warn_once(p->st, "no-cgroup"));
}

static void an_image_needs_its_layers(void **state)
{
	struct place *p = *state;
	struct image_record r = { 0 };

	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:x"), -ENOENT);
	assert_int_equal(storage_image_load(p->st, ID_A, &r, NULL), -ENOENT);
	assert_int_equal(put(p, "../evil", LAYER_1, "sha256:x"), -EINVAL);
}

static void an_image_is_written_read_and_merged(void **state)
{
	struct place *p = *state;
	cleanup(image_record_done) struct image_record r = { 0 };
	cleanup_free char *config = NULL;
	size_t len = 0;

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:two"), 0);
	assert_int_equal(storage_name_set(p->st, "docker.io/library/a:latest", ID_A, &p->err), 0);
	assert_int_equal(storage_image_load(p->st, ID_A, &r, &p->err), 0);
	assert_int_equal(strv_len(r.digests), 2);
	assert_true(strv_has(r.digests, "sha256:one"));
	assert_int_equal(r.n_layers, 1);
	assert_string_equal(r.layers[0].diff_id, "sha256:" LAYER_1);
	assert_int_equal(strv_len(r.names), 1);
	assert_string_equal(r.names[0], "docker.io/library/a:latest");
	assert_int_equal(storage_image_config(p->st, ID_A, &config, &len, &p->err), 0);
	assert_string_equal(config, "{\"c\":1}");
}

static void names_are_set_moved_and_removed(void **state)
{
	struct place *p = *state;
	cleanup_free char *id = NULL, *id2 = NULL;
	char longer[300];

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(put(p, ID_B, LAYER_1, "sha256:one"), 0);
	assert_int_equal(storage_name_set(p->st, "localhost/x:1", ID_A, &p->err), 0);
	assert_int_equal(storage_name_lookup(p->st, "localhost/x:1", &id), 0);
	assert_string_equal(id, ID_A);
	assert_int_equal(storage_name_set(p->st, "localhost/x:1", ID_B, &p->err), 0);
	assert_int_equal(storage_name_lookup(p->st, "localhost/x:1", &id2), 0);
	assert_string_equal(id2, ID_B);
	assert_int_equal(storage_name_remove(p->st, "localhost/x:1", &p->err), 0);
	assert_int_equal(storage_name_remove(p->st, "localhost/x:1", &p->err), -ENOENT);
	assert_int_equal(storage_name_lookup(p->st, "localhost/x:1", &id2), -ENOENT);
	assert_int_equal(storage_name_set(p->st, "localhost/x:1", LAYER_2, &p->err), -ENOENT);
	assert_int_equal(storage_name_set(p->st, "..", ID_A, &p->err), -EINVAL);
	memset(longer, 'n', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(storage_name_set(p->st, longer, ID_A, &p->err), -EINVAL);
}

static void a_prefix_must_name_one_image(void **state)
{
	struct place *p = *state;
	cleanup_free char *id = NULL;

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(put(p, ID_B, LAYER_1, "sha256:one"), 0);
	assert_int_equal(storage_image_by_prefix(p->st, "a", &id, &p->err), -ENOTUNIQ);
	assert_int_equal(storage_image_by_prefix(p->st, "ab", &id, &p->err), 0);
	assert_string_equal(id, ID_B);
	assert_int_equal(storage_image_by_prefix(p->st, "c", &id, &p->err), -ENOENT);
	assert_int_equal(storage_image_by_prefix(p->st, "", &id, &p->err), -ENOENT);
	assert_int_equal(storage_image_by_prefix(p->st, "../", &id, &p->err), -ENOENT);
}

static void a_damaged_record_is_skipped_by_listings_and_named(void **state)
{
	struct place *p = *state;
	struct image_record *list = NULL, r = { 0 };
	size_t n = 0;

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(put(p, ID_B, LAYER_1, "sha256:one"), 0);
	assert_int_equal(
		file_replace_at(p->st->images_fd, ID_A "/image.json", "{", 1, 0600, 0, NULL), 0);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	assert_int_equal(storage_image_list(p->st, &list, &n, &p->err), 0);
	log_set_fd(STDERR_FILENO);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].id, ID_B);
	storage_image_list_free(list, n);
	assert_true(storage_image_load(p->st, ID_A, &r, &p->err) < 0);
	assert_non_null(strstr(p->err.msg, "aaaaaaaaaaaa"));
	/* Nobody knows which layers it used: none may go. */
	assert_true(storage_image_remove(p->st, ID_B, &p->err) < 0);
	assert_true(layer_is_there(p, LAYER_1));
}

static void removal_collects_what_nothing_uses(void **state)
{
	struct place *p = *state;

	make_layer(p, LAYER_1);
	make_layer(p, LAYER_2);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(put(p, ID_B, LAYER_2, "sha256:one"), 0);
	assert_int_equal(storage_name_set(p->st, "localhost/x:1", ID_A, &p->err), 0);
	assert_int_equal(storage_image_remove(p->st, ID_A, &p->err), 0);
	assert_false(layer_is_there(p, LAYER_1));
	assert_true(layer_is_there(p, LAYER_2));
	assert_int_equal(storage_name_remove(p->st, "localhost/x:1", &p->err), -ENOENT);
	assert_int_equal(storage_image_remove(p->st, ID_A, &p->err), -ENOENT);
}

static void a_container_keeps_its_layers(void **state)
{
	static const char record[] = "{\"schema\":1,\"layers\":[{\"diff_id\":\"sha256:" LAYER_1
				     "\"}]}";
	struct place *p = *state;

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(mkdirat(p->st->containers_fd, "c1", 0700), 0);
	assert_int_equal(file_replace_at(p->st->containers_fd, "c1/container.json", record,
					 strlen(record), 0600, 0, NULL),
			 0);
	assert_int_equal(storage_image_remove(p->st, ID_A, &p->err), 0);
	assert_true(layer_is_there(p, LAYER_1));
}

static void a_pull_under_way_keeps_all_layers(void **state)
{
	struct place *p = *state;
	struct storage *other = NULL;
	struct digest d;

	make_layer(p, LAYER_1);
	make_layer(p, LAYER_2);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(storage_open(p->root, p->run, &other, &p->err), 0);
	assert_int_equal(digest_parse_hex(LAYER_1, &d), 0);
	assert_true(storage_layer_exists(other, &d));
	assert_int_equal(storage_image_remove(p->st, ID_A, &p->err), 0);
	assert_true(layer_is_there(p, LAYER_1));
	storage_free(other);
	/* Collected by the next removal. */
	assert_int_equal(put(p, ID_B, LAYER_2, "sha256:one"), 0);
	assert_int_equal(storage_image_remove(p->st, ID_B, &p->err), 0);
	assert_false(layer_is_there(p, LAYER_1));
}

static void what_a_killed_process_left_is_swept(void **state)
{
	struct place *p = *state;
	cleanup_close int held = -1;
	char name[32];

	assert_int_equal(mkdirat(p->st->tmp_fd, "new-left", 0700), 0);
	assert_int_equal(mkdirat(p->st->tmp_fd, "new-left/diff", 0700), 0);
	assert_int_equal(mkdirat(p->st->tmp_fd, "lay-x", 0700), 0);
	assert_int_equal(storage_tmp_make(p->st, name, &held, &p->err), 0);
	storage_tmp_sweep(p->st, false);
	assert_true(faccessat(p->st->tmp_fd, "new-left", F_OK, 0) < 0);
	assert_int_equal(faccessat(p->st->tmp_fd, "lay-x", F_OK, 0), 0);
	assert_int_equal(faccessat(p->st->tmp_fd, name, F_OK, 0), 0);
	storage_tmp_sweep(p->st, true);
	assert_true(faccessat(p->st->tmp_fd, "lay-x", F_OK, 0) < 0);
	assert_int_equal(faccessat(p->st->tmp_fd, name, F_OK, 0), 0);
}

#define BLOB_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* "hello" */

static bool keep_hello(struct place *p, enum storage_keep keep)
{
	struct digest d;

	assert_int_equal(digest_parse_hex(BLOB_HEX, &d), 0);
	assert_int_equal(file_replace_at(p->st->tmp_fd, "b", "hello", 5, 0600, 0, NULL), 0);
	return storage_blob_keep(p->st, keep, p->st->tmp_fd, "b", &d, 5);
}

static void a_kept_blob_is_compared_with_its_digest(void **state)
{
	struct place *p = *state;
	cleanup_close int fd = -1;

	assert_int_equal(storage_blob_open(p->st, "sha256:" BLOB_HEX, 5), -ENOENT);
	assert_false(keep_hello(p, STORAGE_KEEP_NEVER));
	assert_true(keep_hello(p, STORAGE_KEEP_ALWAYS));
	fd = storage_blob_open(p->st, "sha256:" BLOB_HEX, 5);
	assert_true(fd >= 0);
	assert_int_equal(storage_blob_open(p->st, "../x", 5), -ENOENT);
	/* Damaged, it goes. */
	assert_int_equal(
		file_replace_at(p->st->root_fd, "blobs/" BLOB_HEX, "hellO", 5, 0600, 0, NULL), 0);
	assert_int_equal(storage_blob_open(p->st, "sha256:" BLOB_HEX, 5), -ENOENT);
	assert_true(faccessat(p->st->root_fd, "blobs/" BLOB_HEX, F_OK, 0) < 0);
}

static void kept_blobs_make_way(void **state)
{
	struct place *p = *state;
	cleanup_free struct storage_blob *list = NULL;
	size_t n = 0;

	assert_true(keep_hello(p, STORAGE_KEEP_ALWAYS));
	assert_int_equal(storage_blob_list(p->st, &list, &n, &p->err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].size, 5);
	assert_int_equal(storage_check_space(p->st, 1, &p->err), 0);
	assert_int_equal(faccessat(p->st->root_fd, "blobs/" BLOB_HEX, F_OK, 0), 0);
	assert_int_equal(storage_check_space(p->st, UINT64_MAX, &p->err), -ENOSPC);
	assert_true(faccessat(p->st->root_fd, "blobs/" BLOB_HEX, F_OK, 0) < 0);
	/* No image has it: the sweep of layers takes it along. */
	assert_true(keep_hello(p, STORAGE_KEEP_ALWAYS));
	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(storage_image_remove(p->st, ID_A, &p->err), 0);
	assert_true(faccessat(p->st->root_fd, "blobs/" BLOB_HEX, F_OK, 0) < 0);
}

static void too_little_space_is_told_with_both_figures(void **state)
{
	struct place *p = *state;

	assert_int_equal(storage_check_space(p->st, 1, &p->err), 0);
	assert_int_equal(storage_check_space(p->st, UINT64_MAX, &p->err), -ENOSPC);
	assert_non_null(strstr(p->err.msg, "are needed"));
	assert_non_null(strstr(p->err.msg, "are free"));
}

static void an_image_remembers_its_names(void **state)
{
	struct place *p = *state;
	struct image_record r = { 0 };
	char **names;

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(put(p, ID_B, LAYER_1, "sha256:two"), 0);
	assert_int_equal(storage_name_set(p->st, "localhost/x:1", ID_A, &p->err), 0);
	assert_int_equal(storage_name_set(p->st, "localhost/y:1", ID_A, &p->err), 0);
	assert_int_equal(storage_name_set(p->st, "localhost/z:1", ID_A, &p->err), 0);
	assert_int_equal(storage_name_remove(p->st, "localhost/x:1", &p->err), 0);
	/* Taken by another image. */
	assert_int_equal(storage_name_set(p->st, "localhost/y:1", ID_B, &p->err), 0);
	/* A second pull writes the image anew. */
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:three"), 0);
	assert_int_equal(storage_image_load(p->st, ID_A, &r, &p->err), 0);
	names = storage_image_name_history(p->st, &r);
	assert_int_equal(strv_len(names), 3);
	assert_string_equal(names[0], "localhost/z:1");
	assert_string_equal(names[1], "localhost/y:1");
	assert_string_equal(names[2], "localhost/x:1");
	strv_free(names);
	image_record_done(&r);
}

static void nothing_is_mounted_where_no_session_is(void **state)
{
	static const char *const bad[] = { "c-" ID_A ".1", "i-" ID_A ".999999999", "c-" ID_A ".x",
					   "c-short.1", "x-" ID_A ".1" };
	struct place *p = *state;
	struct storage_mounted *list = NULL;
	char *path = NULL;
	size_t n = 1;

	assert_int_equal(mkdirat(p->st->run_fd, "mounts", 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_free char *file = xasprintf("mounts/%s", bad[i]);

		assert_int_equal(file_replace_at(p->st->run_fd, file, "1 1\n", 4, 0600, 0, NULL),
				 0);
	}
	assert_false(storage_is_mounted(p->st, STORAGE_MOUNT_CONTAINER, ID_A));
	assert_false(storage_is_mounted(p->st, STORAGE_MOUNT_IMAGE, ID_A));
	assert_int_equal(storage_mount_open(p->st, STORAGE_MOUNT_IMAGE, ID_A), -ENOENT);
	assert_int_equal(storage_mount_end(p->st, STORAGE_MOUNT_IMAGE, ID_A, &p->err), 0);
	assert_int_equal(storage_mount_list(p->st, STORAGE_MOUNT_IMAGE, &list, &n, &p->err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(storage_mount_check(p->st, "mount", &p->err), -EPERM);
	assert_int_equal(
		storage_mount_add(p->st, STORAGE_MOUNT_CONTAINER, ID_A, NULL, -1, &path, &p->err),
		-EPERM);
}

static void a_reset_leaves_what_is_not_ours(void **state)
{
	struct place *p = *state;
	cleanup_free char *version = xasprintf("%s/version", p->root);
	cleanup_free char *mine = xasprintf("%s/mine", p->root);
	struct storage *st = NULL;

	make_layer(p, LAYER_1);
	assert_int_equal(put(p, ID_A, LAYER_1, "sha256:one"), 0);
	assert_int_equal(storage_name_set(p->st, "localhost/x:1", ID_A, &p->err), 0);
	assert_int_equal(file_replace_at(p->st->root_fd, "mine", "1", 1, 0600, 0, NULL), 0);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	assert_int_equal(storage_reset(p->st, &p->err), 0);
	log_set_fd(STDERR_FILENO);
	assert_int_equal(access(mine, F_OK), 0);
	assert_true(access(version, F_OK) < 0);
	assert_true(access(p->run, F_OK) < 0);
	assert_int_equal(unlink(mine), 0);
	assert_int_equal(storage_open(p->root, p->run, &st, &p->err), 0);
	assert_int_equal(storage_reset(st, &p->err), 0);
	storage_free(st);
	assert_true(access(p->root, F_OK) < 0);
}

static void network_file_systems_are_known(void **state)
{
	struct place *p = *state;
	struct storage_driver driver;

	assert_string_equal(netfs_name(0x6969), "NFS");
	assert_string_equal(netfs_name(0xff534d42), "SMB");
	assert_string_equal(netfs_name(0x5346414f), "AFS");
	assert_null(netfs_name(0xef53));
	assert_null(storage_netfs(p->st));
#ifdef CMK_TEST_HOOKS
	(void)setenv("CMK_TEST_FS_TYPE", "26985", 1);
	assert_string_equal(storage_netfs(p->st), "NFS");
	(void)setenv("STORAGE_DRIVER", "overlay", 1);
	assert_int_equal(storage_driver_get(p->st, &driver, &p->err), -EOPNOTSUPP);
	assert_non_null(strstr(cmk_err_msg(&p->err), "is on NFS, where no upper directory can be"));
	(void)unsetenv("STORAGE_DRIVER");
	(void)unsetenv("CMK_TEST_FS_TYPE");
#else
	(void)driver;
#endif
}

static void hex_of(unsigned int i, char hex[static DIGEST_HEX_LEN + 1])
{
	/* In no order. */
	(void)snprintf(hex, DIGEST_HEX_LEN + 1, "%08x%056d", i * 2654435761U, 0);
}

static void of_many_layers_only_unused_ones_are_collected(void **state)
{
	enum { N = 40 };
	struct place *p = *state;
	char hex[DIGEST_HEX_LEN + 1];

	for (unsigned int i = 0; i < N; i++) {
		hex_of(i, hex);
		make_layer(p, hex);
		assert_int_equal(put(p, hex, hex, "sha256:" LAYER_1), 0);
	}
	make_layer(p, LAYER_2);
	storage_unclaim(p->st);
	hex_of(7, hex);
	assert_int_equal(storage_image_remove(p->st, hex, &p->err), 0);
	assert_false(layer_is_there(p, LAYER_2));
	for (unsigned int i = 0; i < N; i++) {
		hex_of(i, hex);
		assert_int_equal(layer_is_there(p, hex), i != 7);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(network_file_systems_are_known),
		TEST(of_many_layers_only_unused_ones_are_collected),
		TEST(directories_are_made_closed_to_others),
		TEST(a_newer_store_is_refused),
		TEST(the_run_directory_is_chosen_once_per_boot),
		TEST(a_run_directory_open_to_others_is_refused),
		TEST(a_warning_is_given_once),
		TEST(an_image_needs_its_layers),
		TEST(an_image_is_written_read_and_merged),
		TEST(names_are_set_moved_and_removed),
		TEST(a_prefix_must_name_one_image),
		TEST(a_damaged_record_is_skipped_by_listings_and_named),
		TEST(removal_collects_what_nothing_uses),
		TEST(a_container_keeps_its_layers),
		TEST(a_pull_under_way_keeps_all_layers),
		TEST(what_a_killed_process_left_is_swept),
		TEST(too_little_space_is_told_with_both_figures),
		TEST(a_kept_blob_is_compared_with_its_digest),
		TEST(kept_blobs_make_way),
		TEST(an_image_remembers_its_names),
		TEST(nothing_is_mounted_where_no_session_is),
		TEST(a_reset_leaves_what_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
