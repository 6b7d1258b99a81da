// SPDX-License-Identifier: Apache-2.0
/* What another runtime is given. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "libpod/runtime/other_internal.h"
#include "tests/unit/unit.h"

static char dir[64];
static int dir_fd;

static int set_up(void **state)
{
	(void)state;
	unit_tmpdir(dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(dir_fd);
	return remove_tree_at(AT_FDCWD, dir, NULL);
}

static struct json_doc *read_back(const char *name)
{
	cleanup_free char *text = NULL;
	struct json_doc *doc = NULL;
	size_t len;

	assert_int_equal(file_read_at(dir_fd, name, 1 << 20, &text, &len, NULL), 0);
	assert_int_equal(json_parse(text, len, 1 << 20, &doc, NULL), 0);
	return doc;
}

static const struct json *at(const struct json *list, size_t i)
{
	json_each (v, list) {
		if (i-- == 0)
			return v;
	}
	return NULL;
}

/* The parent namespace of a user with ranges. */
static struct userns_config parent(void)
{
	struct userns_config c = { .mode = USERNS_SUBIDS, .uid = 1000, .gid = 1000 };

	id_map_add(&c.uids, 0, 1000, 1);
	id_map_add(&c.uids, 1, 100000, 65536);
	id_map_add(&c.gids, 0, 1000, 1);
	id_map_add(&c.gids, 1, 100000, 65536);
	return c;
}

static void test_config_has_no_words_of_ours(void **state)
{
	static char word_sh[] = "sh", var[] = "A=b", home[] = "/home/u";
	char *args[] = { word_sh, NULL }, *env[] = { var, NULL };
	int made[] = { -1, 7, -1, -1 };
	struct spec *s = spec_new();
	struct userns_config c = parent();
	const struct runtime_create_args create = { .id = "x", .cgroup_path = "/a/b.scope" };
	const struct identity who = { .user = { .uid = 5, .gid = 6, .umask = 077 }, .home = home };
	struct runtime_job job = {
		.create = &create, .spec = s, .process = &s->process, .userns = &c, .made = made
	};
	const struct json *root, *mounts, *v;
	struct json_doc *doc;
	uint64_t n = 0;

	(void)state;
	s->oci_version = xstrdup("1.1.0");
	s->init = true;
	s->seccomp_profile = xstrdup("default");
	s->process.args = args;
	s->process.env = env;
	s->process.caps.effective = xcalloc(1, sizeof(char *));
	s->resources.pids_limit = 5;
	strv_add(&s->process.caps.bounding, "CAP_CHOWN");
	strv_add(&s->process.caps.permitted, "CAP_CHOWN");
	spec_add_mount(s, "/proc", "proc", "proc", "nosuid");
	spec_add_mount(s, "/v", "bind", "/host", "rbind,ro,rslave,x-cmk.volume");
	spec_add_mount(s, "/gone", "bind", "/nosuch", "rbind,x-cmk.optional");
	spec_add_mount(s, "/t", "tmpfs", "tmpfs", "mode=755");
	spec_set_namespace(s, "pid", "x");
	free(s->namespaces[0].path);
	s->namespaces[0].path = NULL;
	assert_int_equal(other_write_config(&job, &who, "/mnt", dir_fd, "{\"x\":1}", NULL), 0);
	doc = read_back("config.json");
	root = json_root(doc);
	assert_string_equal(json_str(json_path(root, "root.path")), "/mnt/rootfs");
	assert_null(json_get(root, "annotations"));
	mounts = json_get(root, "mounts");
	/* Without the one whose source has gone, with the init. */
	assert_int_equal(mounts->n, 4);
	assert_string_equal(json_str(json_get(at(mounts, 0), "type")), "proc");
	assert_string_equal(json_str(json_get(at(mounts, 1), "source")), "/mnt/mount-1");
	assert_string_equal(json_str(at(json_get(at(mounts, 1), "options"), 0)), "rslave");
	assert_string_equal(json_str(json_get(at(mounts, 2), "destination")), "/t");
	assert_string_equal(json_str(json_get(at(mounts, 3), "source")), "/mnt/init");
	assert_string_equal(json_str(at(json_path(root, "process.args"), 0)), "/dev/cmk-init");
	assert_string_equal(json_str(at(json_path(root, "process.args"), 1)), "sh");
	assert_string_equal(json_str(at(json_path(root, "process.env"), 1)), "HOME=/home/u");
	/* The map, cut where the parent's is; another user than root has no capability. */
	v = json_path(root, "linux.uidMappings");
	assert_int_equal(v->n, 2);
	assert_int_equal(json_u64(json_get(at(v, 1), "hostID"), UINT32_MAX, &n), 0);
	assert_int_equal(n, 1);
	assert_null(at(json_path(root, "process.capabilities.permitted"), 0));
	assert_non_null(at(json_path(root, "process.capabilities.bounding"), 0));
	assert_string_equal(json_str(json_path(root, "linux.cgroupsPath")), "/a/b.scope/runtime");
	assert_null(json_path(root, "linux.resources.pids"));
	assert_non_null(json_path(root, "linux.seccomp.x"));
	assert_string_equal(json_str(json_path(root, "linux.rootfsPropagation")), "rslave");
	json_doc_free(doc);
	s->process.args = s->process.env = NULL;
	(void)spec_free(s);
	userns_config_done(&c);
}

static void test_what_the_set_up_process_mounts(void **state)
{
	struct spec *s = spec_new();

	(void)state;
	spec_set_namespace(s, "pid", "x");
	free(s->namespaces[0].path);
	s->namespaces[0].path = NULL;
	spec_add_mount(s, "/proc", "proc", "proc", "nosuid");
	spec_add_mount(s, "/q", "mqueue", "mqueue", "nosuid");
	spec_add_mount(s, "/b", "none", "/host", "bind");
	spec_add_mount(s, "/s", "x-cmk.secret", "id", "");
	spec_add_mount(s, "/o", "overlay", "", "lowerdir=/l");
	spec_add_mount(s, "/c", "tmpfs", "tmpfs", "tmpcopyup");
	spec_add_mount(s, "/t", "tmpfs", "tmpfs", "size=5");
	/* A new pid namespace, the host's IPC. */
	for (size_t i = 0; i < s->n_mounts; i++)
		assert_int_equal(other_mounts_itself(s, &s->mounts[i]), i != 0 && i != 6);
	(void)spec_free(s);
}

static void test_programs_are_found(void **state)
{
	cleanup_free char *ret = NULL, *here = xasprintf("%s/mine", dir),
			  *known = xasprintf("mine=%s", here), *other = xasprintf("mi=%s", here);
	static char gone[] = "mine=/no/such";
	char *list[] = { other, gone, known, NULL };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)state;
	assert_int_equal(runtime_other_find(NULL, NULL, &ret, NULL), 0);
	assert_int_equal(runtime_other_find("cmk", list, &ret, NULL), 0);
	assert_null(ret);
	assert_int_equal(runtime_other_find("mine", list, &ret, NULL), -ENOENT);
	assert_int_equal(file_replace_at(dir_fd, "mine", "", 0, 0755, 0, NULL), 0);
	assert_int_equal(runtime_other_find("mine", list, &ret, NULL), 0);
	assert_string_equal(ret, here);
	free(ret);
	assert_int_equal(runtime_other_find(here, NULL, &ret, NULL), 0);
	assert_string_equal(ret, here);
	assert_int_equal(fchmodat(dir_fd, "mine", 0644, 0), 0);
	free(ret);
	ret = NULL;
	assert_int_equal(runtime_other_find(here, NULL, &ret, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_has_no_words_of_ours),
		cmocka_unit_test(test_what_the_set_up_process_mounts),
		cmocka_unit_test(test_programs_are_found),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
