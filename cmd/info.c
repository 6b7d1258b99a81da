// SPDX-License-Identifier: Apache-2.0
#include "cmd/info.h"

#include <sys/statvfs.h>

#include "cmd/commands.h"
#include "cmd/format.h"
#include "libpod/libpod.h"

struct info_args {
	const char *format;
};

/* For completion. */
static const char info_fields[] =
	"Host{Arch|BuildahVersion|CPUUtilization{IdlePercent|SystemPercent|UserPercent}|CPUs|"
	"CgroupControllers|CgroupDelegation|CgroupManager|CgroupVersion|Conmon{Package|Path|"
	"Version}|DatabaseBackend|Distribution{Codename|Distribution|Variant|Version}|"
	"EmulatedArchitectures|EventLogger|FreeLocks|Hostname|IDMappings{GIDMap|Mode|UIDMap}|"
	"Kernel|Linkmode|LogDriver|MemFree|MemTotal|NetworkBackend|NetworkBackendInfo{Backend|"
	"DNS{Package|Path|Version}|DefaultNetwork|Package|Path|Version}|OCIRuntime{Name|Package|"
	"Path|Version}|OS|Pasta{Executable|Package|Version}|RemoteSocket{Exists|Path}|"
	"RootlessNetworkCmd|RuntimeInfo|Security{AppArmorEnabled|DefaultCapabilities|Rootless|"
	"SECCOMPEnabled|SECCOMPProfilePath|SELinuxEnabled}|ServiceIsRemote|Slirp4NetNS{"
	"Executable|Package|Version}|SwapFree|SwapTotal|Uptime|Variant}|"
	"Plugins{Authorization|Log|Network|Volume}|Registries{Search}|"
	"Store{ConfigFile|ContainerStore{Number|Paused|Running|Stopped}|GraphDriverName|"
	"GraphOptions|GraphRoot|GraphRootAllocated|GraphRootUsed|GraphStatus|ImageCopyTmpDir|"
	"ImageStore{Number}|RunRoot|TransientStore|VolumePath}|"
	"Version{APIVersion|BuildOrigin|Built|BuiltTime|GitCommit|GoVersion|Os|OsArch|Version}|"
	"Architecture|CPUSet|CPUShares|CgroupDriver|CgroupVersion|ClientInfo{Context|Debug|"
	"Plugins|Version|Warnings}|Containers|ContainersPaused|ContainersRunning|"
	"ContainersStopped|CpuCfsPeriod|CpuCfsQuota|Debug|DefaultRuntime|DockerRootDir|Driver|"
	"DriverStatus|ExperimentalBuild|HttpProxy|HttpsProxy|ID|IPv4Forwarding|Images|"
	"IndexServerAddress|InitBinary|Isolation|KernelVersion|Labels|LiveRestoreEnabled|"
	"LoggingDriver|MemTotal|MemoryLimit|NCPU|Name|NoProxy|OSType|OSVersion|OomKillDisable|"
	"OperatingSystem|PidsLimit|Runtimes|SecurityOptions|ServerVersion|SwapLimit|Swarm{"
	"LocalNodeState}|SystemTime|Warnings";

static const struct cmk_option info_options[] = {
	CMK_OPT_STRING('f', "format", struct info_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = info_fields),
	CMK_OPT_END(),
};

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

static int write_images(struct json_writer *w, struct storage *st, struct cmk_err *err)
{
	struct image_record *images = NULL;
	size_t n = 0;
	int r = storage_image_list(st, &images, &n, err);

	if (r < 0)
		return r;
	storage_image_list_free(images, n);
	json_write_object(w, "imageStore");
	json_write_u64(w, "number", n);
	json_write_end(w, '}');
	return 0;
}

static void write_options(struct json_writer *w, struct storage *st)
{
	cleanup_strv char **options = storage_conf_options(st);
	char *const *stores = storage_conf_stores(st);

	json_write_object(w, "graphOptions");
	if (stores && *stores)
		json_write_strv(w, "overlay.additionalImageStores", stores);
	for (char **o = options; o && *o; o++) {
		size_t n = strcspn(*o, "=");
		cleanup_free char *name = xstrndup(*o, n);

		json_write_str(w, name, *o + n + 1);
	}
	json_write_end(w, '}');
}

static int write_store(struct json_writer *w, struct storage *st, struct cmk_err *err)
{
	cleanup_free char *conf = storage_conf_path(), *tmp = xasprintf("%s/tmp", st->root);
	struct statvfs fs = { 0 };
	int r;

	json_write_object(w, "store");
	json_write_str(w, "configFile", conf);
	r = write_containers(w, st, err);
	if (r < 0)
		return r;
	write_driver(w, st);
	write_options(w, st);
	json_write_str(w, "graphRoot", st->root);
	(void)fstatvfs(st->root_fd, &fs);
	json_write_u64(w, "graphRootAllocated", (uint64_t)fs.f_blocks * fs.f_frsize);
	json_write_u64(w, "graphRootUsed", (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize);
	json_write_str(w, "imageCopyTmpDir", tmp);
	r = write_images(w, st, err);
	if (r < 0)
		return r;
	json_write_str(w, "runRoot", st->runroot);
	json_write_bool(w, "transientStore", false);
	json_write_str(w, "volumePath", st->volumes);
	json_write_end(w, '}');
	return 0;
}

/* What may be chosen: of networks with a name there are none. */
static void write_plugins(struct json_writer *w)
{
	const struct log_driver_info *log;

	json_write_object(w, "plugins");
	json_write_null(w, "authorization");
	json_write_array(w, "log");
	for (size_t i = 0; (log = log_driver_at(i)); i++)
		json_write_str(w, NULL, log->name);
	json_write_end(w, ']');
	json_write_strv(w, "network", NULL);
	json_write_array(w, "volume");
	json_write_str(w, NULL, "local");
	json_write_end(w, ']');
	json_write_end(w, '}');
}

static int write_info(struct json_writer *w, struct storage *st, const struct cmk_globals *g,
		      struct cmk_err *err)
{
	cleanup(image_platform_done) struct image_platform host = { 0 };
	int r = cmk_host_platform(&host, err);

	if (r < 0)
		return r;
	json_write_object(w, NULL);
	info_write_host(w, st, &host, g);
	write_plugins(w);
	r = image_registries_write(w, err);
	if (r >= 0)
		r = write_store(w, st, err);
	if (r < 0)
		return r;
	json_write_object(w, "version");
	cmk_write_version(w, &host);
	json_write_end(w, '}');
	json_write_end(w, '}');
	return 0;
}

static int print_text(struct json_writer *w, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	r = json_writer_finish(w, &text, &len, err);
	if (r == 0)
		r = json_parse(text, len, SIZE_MAX, &doc, err);
	if (r < 0)
		return r;
	format_yaml(json_root(doc), &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return 0;
}

/* As FORMAT says, with docker's names beside podman's. */
static int print_format(const char *format, struct json_writer *w, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_writer with = JSON_WRITER_INIT;
	size_t len = 0;
	int r = json_writer_finish(w, &text, &len, err);

	if (r == 0)
		r = json_parse(text, len, len + 1, &doc, err);
	if (r < 0)
		return r;
	with.pretty = true;
	json_write_object(&with, NULL);
	json_each (m, json_root(doc))
		json_write_value(&with, m->key, m);
	info_write_docker(&with, json_root(doc));
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
	if (r == 0)
		r = a->format ? print_format(a->format, &w, err) : print_text(&w, err);
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
		"where images and containers are kept. The names are those of `podman info`; what "
		"cmk has not (conmon, buildah, a socket, an API, Go) is empty. With --format, "
		"docker's names (`.ServerVersion`, `.Driver`, `.CgroupDriver`, `.SecurityOptions`, "
		"`.MemoryLimit`…) stand beside them.",
	.options = info_options,
	.args_size = sizeof(struct info_args),
	.examples = info_examples,
	.exec = info_exec,
};
