// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "cmd/commands.h"
#include "cmd/format.h"
#include "cmd/host.h"
#include "image/image.h"
#include "libpod/libpod.h"
#include "storage/storage.h"

#define OS_RELEASE_MAX 65536

struct info_args {
	const char *format;
};

static const struct cmk_option info_options[] = {
	CMK_OPT_STRING('f', "format", struct info_args, format, "FORMAT",
		       "print as json or through a Go template"),
	CMK_OPT_END(),
};

/* The value of KEY in os-release(5), without quotes; owned, "" where there is none. */
static char *os_release(const char *key)
{
	cleanup_free char *text = NULL;
	cleanup_strv char **lines = NULL;
	size_t len = 0;

	if (file_read_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &text, &len, NULL) < 0)
		return xstrdup("");
	lines = strv_split(text, '\n');
	for (char **l = lines; *l; l++) {
		const char *v = str_after(*l, key);

		if (!v || *v++ != '=')
			continue;
		v += *v == '"';
		return xstrndup(v, strcspn(v, "\""));
	}
	return xstrdup("");
}

static void write_cgroup(struct json_writer *w)
{
	struct cgroup_delegation d = CGROUP_DELEGATION_INIT;

	if (cgroup_delegation_find(&d, NULL) < 0)
		return;
	json_write_strv(w, "cgroupControllers", d.controllers);
	json_write_str(w, "cgroupManager", d.path ? "cgroupfs" : "none");
	json_write_str(w, "cgroupVersion", d.mount ? "v2" : "none");
	json_write_str(w, "cgroupDelegation", d.path ? d.path : d.why ? d.why : "none");
	cgroup_delegation_done(&d);
}

static void write_map(struct json_writer *w, const char *key, const struct id_map *m)
{
	json_write_array(w, key);
	for (size_t i = 0; i < m->n; i++) {
		json_write_object(w, NULL);
		json_write_u64(w, "container_id", m->range[i].inside);
		json_write_u64(w, "host_id", m->range[i].outside);
		json_write_u64(w, "size", m->range[i].count);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

static void write_ids(struct json_writer *w, struct storage *st)
{
	static const char *const modes[] = {
		[USERNS_SUBIDS] = "subordinate ids",
		[USERNS_SINGLE] = "single id",
		[USERNS_ONE_TO_ONE] = "one to one",
	};
	const struct userns_config *c = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	json_write_object(w, "idMappings");
	if (storage_userns(st, &c, &err) < 0) {
		json_write_str(w, "error", cmk_err_msg(&err));
	} else {
		write_map(w, "gidmap", &c->gids);
		write_map(w, "uidmap", &c->uids);
		json_write_str(w, "mode", modes[c->mode]);
	}
	json_write_end(w, '}');
}

static void write_memory(struct json_writer *w)
{
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return;
	json_write_u64(w, "memFree", (uint64_t)si.freeram * si.mem_unit);
	json_write_u64(w, "memTotal", (uint64_t)si.totalram * si.mem_unit);
	json_write_u64(w, "swapFree", (uint64_t)si.freeswap * si.mem_unit);
	json_write_u64(w, "swapTotal", (uint64_t)si.totalswap * si.mem_unit);
}

static uint64_t count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (uint64_t)CPU_COUNT(&set);
}

static void write_names(struct json_writer *w, const struct utsname *u)
{
	cleanup_free char *id = os_release("ID"), *version = os_release("VERSION_ID");

	json_write_object(w, "distribution");
	json_write_str(w, "distribution", id);
	json_write_str(w, "version", version);
	json_write_end(w, '}');
	json_write_str(w, "hostname", u->nodename);
	json_write_str(w, "kernel", u->release);
}

static void write_host(struct json_writer *w, struct storage *st, const struct utsname *u,
		       const char *events_backend)
{
	json_write_object(w, "host");
	json_write_str(w, "arch", cmk_host_arch(u->machine));
	write_cgroup(w);
	json_write_u64(w, "cpus", count_cpus());
	json_write_str(w, "eventLogger", events_backend);
	write_names(w, u);
	write_ids(w, st);
	json_write_str(w, "logDriver", "k8s-file");
	write_memory(w);
	json_write_str(w, "networkBackend", "slirp");
	json_write_object(w, "ociRuntime");
	json_write_str(w, "name", "cmk");
	json_write_str(w, "version", PACKAGE_VERSION);
	json_write_end(w, '}');
	json_write_str(w, "os", "linux");
	json_write_str(w, "rootlessNetworkCmd", "slirp");
	json_write_object(w, "security");
	json_write_bool(w, "apparmorEnabled", false);
	json_write_bool(w, "rootless", getuid() != 0);
	json_write_bool(w, "seccompEnabled", true);
	json_write_bool(w, "selinuxEnabled", false);
	json_write_end(w, '}');
	json_write_end(w, '}');
}

static int write_containers(struct json_writer *w, struct storage *st, struct cmk_err *err)
{
	struct container **list = NULL;
	uint64_t running = 0, paused = 0;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		running += list[i]->state == CONTAINER_RUNNING;
		paused += list[i]->state == CONTAINER_PAUSED;
		container_free(list[i]);
	}
	free(list);
	json_write_object(w, "containerStore");
	json_write_u64(w, "number", n);
	json_write_u64(w, "paused", paused);
	json_write_u64(w, "running", running);
	json_write_u64(w, "stopped", n - running - paused);
	json_write_end(w, '}');
	return 0;
}

static void write_driver(struct json_writer *w, struct storage *st)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct storage_driver d = { 0 };
	int r = storage_driver_get(st, &d, &err);

	json_write_str(w, "graphDriverName", r < 0 ? "none" : d.name);
	json_write_object(w, "graphStatus");
	json_write_str(w, "Found", r < 0 ? cmk_err_msg(&err) : d.why ? d.why : "");
	if (r >= 0) {
		json_write_str(w, "lowerdir+", d.lowerdir_append ? "true" : "false");
		json_write_str(w, "datadir+", d.data_lower ? "true" : "false");
		json_write_str(w, "userxattr", d.userxattr ? "true" : "false");
		json_write_str(w, "volatile", d.volatile_ok ? "true" : "false");
	}
	json_write_end(w, '}');
}

static int write_store(struct json_writer *w, struct storage *st, struct cmk_err *err)
{
	struct image_record *images = NULL;
	struct statvfs fs;
	size_t n = 0;
	int r;

	json_write_object(w, "store");
	r = write_containers(w, st, err);
	if (r < 0)
		return r;
	write_driver(w, st);
	json_write_str(w, "graphRoot", st->root);
	if (fstatvfs(st->root_fd, &fs) == 0) {
		json_write_u64(w, "graphRootAllocated", (uint64_t)fs.f_blocks * fs.f_frsize);
		json_write_u64(w, "graphRootUsed",
			       (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize);
	}
	r = storage_image_list(st, &images, &n, err);
	if (r < 0)
		return r;
	storage_image_list_free(images, n);
	json_write_object(w, "imageStore");
	json_write_u64(w, "number", n);
	json_write_end(w, '}');
	json_write_str(w, "runRoot", st->runroot);
	json_write_end(w, '}');
	return 0;
}

/* Where short names are looked for: what registries.conf makes of a name without an alias. */
static void write_registries(struct json_writer *w)
{
	struct image_ref ref = { 0 }, *list = NULL;
	size_t n = 0;

	json_write_object(w, "registries");
	if (image_ref_parse("a-short-name", &ref, NULL) == 0 &&
	    image_ref_candidates(&ref, &list, &n, NULL) == 0) {
		json_write_array(w, "search");
		for (size_t i = 0; i < n; i++)
			json_write_str(w, NULL, list[i].registry);
		json_write_end(w, ']');
	}
	json_write_end(w, '}');
	for (size_t i = 0; i < n; i++)
		image_ref_done(&list[i]);
	free(list);
	image_ref_done(&ref);
}

static int write_info(struct json_writer *w, struct storage *st, const struct cmk_globals *g,
		      struct cmk_err *err)
{
	cleanup_free char *os_arch = NULL;
	struct utsname u;
	int r;

	if (uname(&u) < 0)
		return cmk_err_errno(err, "uname");
	os_arch = xasprintf("linux/%s", cmk_host_arch(u.machine));
	json_write_object(w, NULL);
	write_host(w, st, &u, g->events_backend);
	write_registries(w);
	r = write_store(w, st, err);
	if (r < 0)
		return r;
	json_write_object(w, "version");
	json_write_str(w, "Os", "linux");
	json_write_str(w, "OsArch", os_arch);
	json_write_str(w, "Version", PACKAGE_VERSION);
	json_write_end(w, '}');
	json_write_end(w, '}');
	return 0;
}

static void print_scalar(const struct json *v)
{
	if (v->type == JSON_BOOL)
		printf("%s\n", v->boolean ? "true" : "false");
	else
		printf("%s\n", v->text && *v->text ? v->text : "\"\"");
}

/* As YAML, as podman shows it; the nesting is that of write_info(). The first member of an object
 * in an array stands behind the dash. */
static void print_yaml(const struct json *v, int indent, bool behind_dash)
{
	json_each (m, v) {
		bool nested = m->n > 0 && (m->type == JSON_OBJECT || m->type == JSON_ARRAY);

		printf("%*s", behind_dash ? 0 : indent, "");
		behind_dash = false;
		if (!m->key)
			printf("- ");
		else
			printf("%s:%s", m->key, nested ? "\n" : " ");
		if (nested)
			print_yaml(m, indent + (m->type == JSON_OBJECT ? 2 : 0), !m->key);
		else if (m->type == JSON_ARRAY || m->type == JSON_OBJECT)
			printf("%s\n", m->type == JSON_ARRAY ? "[]" : "{}");
		else
			print_scalar(m);
	}
}

static int print_text(struct json_writer *w, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	r = json_writer_finish(w, &text, &len, err);
	if (r == 0)
		r = json_parse(text, len, SIZE_MAX, &doc, err);
	if (r == 0)
		print_yaml(json_root(doc), 0, false);
	return r;
}

/* docker's names of what scripts ask for. */
static const struct {
	const char *name, *path;
} docker_names[] = {
	{ "CgroupDriver", "host.cgroupManager" },
	{ "Containers", "store.containerStore.number" },
	{ "ContainersPaused", "store.containerStore.paused" },
	{ "ContainersRunning", "store.containerStore.running" },
	{ "ContainersStopped", "store.containerStore.stopped" },
	{ "DockerRootDir", "store.graphRoot" },
	{ "Driver", "store.graphDriverName" },
	{ "Images", "store.imageStore.number" },
	{ "KernelVersion", "host.kernel" },
	{ "LoggingDriver", "host.logDriver" },
	{ "MemTotal", "host.memTotal" },
	{ "NCPU", "host.cpus" },
	{ "Name", "host.hostname" },
	{ "OSType", "host.os" },
	{ "ServerVersion", "version.Version" },
};

/* The same, with docker's names beside. */
static int print_template(const char *format, struct json_writer *w, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *name = os_release("PRETTY_NAME");
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_writer with = JSON_WRITER_INIT;
	struct utsname u = { 0 };
	const char *cgroup;
	size_t len = 0;
	int r = json_writer_finish(w, &text, &len, err);

	if (r == 0)
		r = json_parse(text, len, len + 1, &doc, err);
	if (r < 0)
		return r;
	(void)uname(&u);
	json_write_object(&with, NULL);
	json_each (m, json_root(doc))
		json_write_value(&with, m->key, m);
	for (size_t i = 0; i < ARRAY_LEN(docker_names); i++) {
		const struct json *v = json_path(json_root(doc), docker_names[i].path);

		if (v)
			json_write_value(&with, docker_names[i].name, v);
	}
	/* Not podman's "amd64", and without its "v". */
	json_write_str(&with, "Architecture", u.machine);
	cgroup = json_str(json_path(json_root(doc), "host.cgroupVersion"));
	json_write_str(&with, "CgroupVersion", cgroup && *cgroup == 'v' ? cgroup + 1 : "");
	json_write_str(&with, "OperatingSystem", name);
	json_write_end(&with, '}');
	r = format_print_object(format, &with, err);
	json_writer_done(&with);
	return r;
}

static int info_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	const struct info_args *a = args;
	struct json_writer w = JSON_WRITER_INIT;
	struct storage *st = NULL;
	int r;

	(void)argc;
	(void)argv;
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	w.pretty = true;
	r = write_info(&w, st, g, err);
	if (r == 0 && a->format && !streq(a->format, "json"))
		r = print_template(a->format, &w, err);
	else if (r == 0)
		r = a->format ? format_print_object(a->format, &w, err) : print_text(&w, err);
	json_writer_done(&w);
	storage_free(st);
	return r;
}

static const char *const info_aliases[] = { "system info", NULL };

static const struct cmk_example info_examples[] = {
	{ "cmk info", "Shows the host and the store" },
	{ "cmk info --format '{{.Store.GraphDriverName}}'", "Shows the storage driver in use" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_info = {
	.name = "info",
	.aliases = info_aliases,
	.summary = "Show what this host offers and what cmk uses of it",
	.description =
		"Shows the host, how ids are mapped, where cgroups are delegated, and how and "
		"where images and containers are kept.",
	.options = info_options,
	.args_size = sizeof(struct info_args),
	.examples = info_examples,
	.exec = info_exec,
};
