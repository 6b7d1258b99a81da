// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"
#include "cmd/volumes.h"
#include "image/image.h"

struct inspect_args {
	struct cmk_select select; /* first: the shared row's offsets are of it */
	const char *format, *type;
	bool size;
};

/* For completion. */
static const char inspect_fields[] =
	"Id|Created|Path|Args|State{OciVersion|Status|Running|Paused|Restarting|OOMKilled|"
	"Dead|Pid|ConmonPid|ExitCode|Error|StartedAt|FinishedAt|Health{Status|"
	"FailingStreak|Log}|CgroupPath|StoppedByUser|Checkpointed|CheckpointedAt|Restored|"
	"RestoredAt}|Image|ImageDigest|ImageName|Rootfs|Pod|ResolvConfPath|HostnamePath|"
	"HostsPath|StaticDir|OCIConfigPath|LogPath|OCIRuntime|ConmonPidFile|PidFile|Name|"
	"RestartCount|Platform|MountLabel|ProcessLabel|AppArmorProfile|EffectiveCaps|"
	"BoundingCaps|ExecIDs|Driver|GraphDriver{Name|Data}|Mounts|Dependencies|"
	"NetworkSettings{EndpointID|Gateway|IPAddress|IPPrefixLen|IPv6Gateway|"
	"GlobalIPv6Address|GlobalIPv6PrefixLen|SecondaryIPAddresses|SecondaryIPv6Addresses|"
	"MacAddress|AdditionalMacAddresses|Bridge|SandboxID|HairpinMode|"
	"LinkLocalIPv6Address|LinkLocalIPv6PrefixLen|Ports|SandboxKey|Networks}|Namespace|"
	"IsInfra|IsService|KubeExitCodePropagation|UseImageHosts|UseImageHostname|Config{"
	"Hostname|Domainname|User|AttachStdin|AttachStdout|AttachStderr|Tty|OpenStdin|"
	"StdinOnce|Env|Cmd|Image|Volumes|Secrets|WorkingDir|Entrypoint|OnBuild|Labels|"
	"Annotations|StopSignal|CreateCommand|SystemdMode|Umask|Timeout|StopTimeout|"
	"Healthcheck{Test|Interval|Timeout|Retries}|HealthcheckOnFailureAction|"
	"HealthLogDestination|HealthcheckMaxLogCount|HealthcheckMaxLogSize|Passwd|"
	"ChrootDirs|sdNotifyMode|sdNotifySocket}|HostConfig{Binds|CgroupManager|"
	"ContainerIDFile|LogConfig{Type|Config|Path|Tag|Size}|NetworkMode|PortBindings|"
	"RestartPolicy{Name|MaximumRetryCount}|AutoRemove|AutoRemoveImage|Annotations|"
	"VolumeDriver|Devices|VolumesFrom|CapAdd|CapDrop|Dns|DnsOptions|DnsSearch|"
	"ExtraHosts|HostsFile|GroupAdd|IpcMode|PidMode|UTSMode|UsernsMode|CgroupMode|"
	"CgroupnsMode|Cgroup|Cgroups|Links|OomScoreAdj|Privileged|PublishAllPorts|"
	"ReadonlyRootfs|MaskedPaths|ReadonlyPaths|SecurityOpt|Tmpfs|ShmSize|Runtime|"
	"ConsoleSize|Isolation|IntelRdtClosID|CpuShares|Memory|NanoCpus|CgroupParent|"
	"BlkioWeight|BlkioWeightDevice|BlkioDeviceReadBps|BlkioDeviceWriteBps|"
	"BlkioDeviceReadIOps|BlkioDeviceWriteIOps|CpuPeriod|CpuQuota|CpuRealtimePeriod|"
	"CpuRealtimeRuntime|CpusetCpus|CpusetMems|DeviceCgroupRules|DeviceRequests|"
	"DiskQuota|KernelMemory|MemoryReservation|MemorySwap|MemorySwappiness|"
	"OomKillDisable|Init|PidsLimit|Ulimits|CpuCount|CpuPercent|IOMaximumIOps|"
	"IOMaximumBandwidth|CgroupConf}";

static const struct cmk_option inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct inspect_args, format, "FORMAT",
		       "'json' or a Go template", .def = "json", .fields = inspect_fields),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG('s', "size", struct inspect_args, size,
		     "of containers, show what they take on the disk"),
	CMK_OPT_STRING('t', "type", struct inspect_args, type, "TYPE", "look only among these",
		       .def = "all", .words = "all|container|image|network|pod|volume",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_END(),
};

static int inspect_container(struct storage *st, const struct inspect_args *a, const char *name,
			     struct json_writer *w, struct cmk_err *err)
{
	static const char *const digests[] = { "ImageDigest", NULL };
	cleanup_container struct container *c = NULL;
	int r = container_open(st, name, &c, err);

	/* Where that fails the digest is not shown. */
	if (r >= 0 && c->cfg.image_id && format_may_print(a->format, digests))
		(void)image_settle(st, c->cfg.image_id, NULL);
	return r < 0 ? r : container_inspect(c, a->size, w, err);
}

static int inspect_image(struct storage *st, const struct inspect_args *a, const char *name,
			 struct json_writer *w, struct cmk_err *err)
{
	cleanup_free char *id = NULL;
	int r = image_find_local(st, name, &id, NULL, err);

	if (r >= 0)
		r = cmk_settle_for(st, id, a->format, err);
	return r < 0 ? r : image_inspect(st, id, w, err);
}

static int inspect_volume(struct storage *st, const char *name, struct json_writer *w,
			  struct cmk_err *err)
{
	cleanup(storage_volume_done) struct volume_record v = { 0 };
	cleanup(volume_users_done) struct volume_users users = { 0 };
	int r = storage_volume_find(st, name, &v, err);

	if (r == 0)
		r = volume_users_load(st, &users, err);
	if (r == 0)
		cmk_volume_write(w, &v, &users);
	return r;
}

/* Kinds of which there can be none yet. */
static int inspect_none(const char *type, const char *name, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT, "no such %s '%s'%s", type, name,
			    streq(type, "network") ? ": network not found" : "");
}

/* The object of that name, appended to W: containers come first. */
static int inspect_one(struct storage *st, const struct inspect_args *a, const char *name,
		       struct json_writer *w, struct cmk_err *err)
{
	const char *type = a->type;
	int r;

	if (streq(type, "image"))
		return inspect_image(st, a, name, w, err);
	if (streq(type, "volume"))
		return inspect_volume(st, name, w, err);
	if (!streq(type, "all") && !streq(type, "container"))
		return inspect_none(type, name, err);
	r = inspect_container(st, a, name, w, err);
	if (r != -ENOENT || streq(type, "container"))
		return r;
	cmk_err_done(err);
	r = inspect_image(st, a, name, w, err);
	/* What is no image's name at all may have been meant as another's. */
	if (r != -ENOENT && r != -EINVAL)
		return r;
	cmk_err_done(err);
	r = inspect_volume(st, name, w, err);
	if (r != -ENOENT)
		return r;
	return cmk_err_kind(
		err, CMK_ERR_NOT_FOUND, -ENOENT,
		"no container, image or volume with name or ID '%s': no such object: \"%s\"", name,
		name);
}

static int print_found(const struct inspect_args *a, struct json_writer *w, bool any,
		       struct cmk_err *err)
{
	cleanup_free char *items = NULL;
	size_t len = 0;
	int r = json_writer_finish(w, &items, &len, err);

	if (r < 0)
		return r;
	/* A template has nothing to say about nothing; JSON is an empty array. */
	if (!any && !streq(a->format, "json"))
		return 0;
	return format_print(a->format, items, len, NULL, true, err);
}

/* All that is found of NAMES; the first failure is ERR's, others are printed. */
static int inspect_all(struct storage *st, const struct inspect_args *a, char *const *names,
		       struct cmk_err *err)
{
	cleanup_err struct cmk_err first = CMK_ERR_INIT;
	struct json_writer w = JSON_WRITER_INIT;
	int r, failed = 0;
	bool any = false;

	json_write_array(&w, NULL);
	/* What exists is shown, whatever else was asked for. */
	for (; names && *names; names++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		r = inspect_one(st, a, *names, &w, &e);
		any |= r >= 0;
		if (r < 0 && failed)
			cmk_print_error(&e);
		else if (r < 0)
			failed = cmk_err_move(&first, &e);
	}
	json_write_end(&w, ']');
	r = print_found(a, &w, any, err);
	json_writer_done(&w);
	if (r >= 0 && failed)
		r = cmk_err_move(err, &first);
	return r;
}

static int inspect_run(const struct cmk_globals *g, const struct inspect_args *a, int argc,
		       char **argv, struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_strv char **names = NULL;
	int r;

	if (a->select.latest && !streq(a->type, "all") && !streq(a->type, "container"))
		return cmk_err_set(err, -EINVAL, "--latest is of containers, not of --type %s",
				   a->type);
	if (a->size && (streq(a->type, "image") || streq(a->type, "volume")))
		return cmk_err_set(err, -EINVAL, "size is not supported for type \"%s\"", a->type);
	if (a->select.latest && argc > 0)
		return cmk_err_set(err, -EINVAL, "--latest and arguments cannot be used together");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_select(st, &a->select, argc, argv, &names, err);
	if (a->select.latest && r == -ENOENT && err->kind == CMK_ERR_NOT_FOUND) {
		cmk_err_done(err);
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, r,
				    "no containers to inspect: no such container");
	}
	return r < 0 ? r : inspect_all(st, a, names, err);
}

static int inspect_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			struct cmk_err *err)
{
	return inspect_run(g, args, argc, argv, err);
}

static const struct cmk_example inspect_examples[] = {
	{ "cmk inspect web", "all that is known of container web" },
	{ "cmk inspect --format '{{.State.Status}} {{.State.Pid}}' web", "two values of it" },
	{ "cmk inspect --type image alpine", "the image, even where a container has that name" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_inspect = {
	.name = "inspect",
	.summary = "Show containers and images in full, as JSON",
	.operands = "[NAME...]",
	.description =
		"Prints a JSON array with one object for each container, image or volume, in "
		"the order of the operands; of a container and an image of one name, the "
		"container. What does not exist is an error after the others were printed.",
	.examples = inspect_examples,
	.options = inspect_options,
	.args_size = sizeof(struct inspect_args),
	.max_operands = -1,
	.complete = COMPLETE_OBJECTS,
	.exec = inspect_exec,
};

static const struct cmk_option container_inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct inspect_args, format, "FORMAT",
		       "'json' or a Go template", .def = "json", .fields = inspect_fields),
	CMK_OPT_USE(cmk_select_latest),
	CMK_OPT_FLAG('s', "size", struct inspect_args, size, "show what they take on the disk"),
	CMK_OPT_END(),
};

static int container_inspect_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
				  struct cmk_err *err)
{
	struct inspect_args *a = args;

	a->type = "container";
	return inspect_run(g, a, argc, argv, err);
}

static const struct cmk_example container_inspect_examples[] = {
	{ "cmk container inspect web", "all that is known of container web" },
	{ "cmk container inspect --format '{{json .Mounts}}' -l", "one part of the latest one" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_container_inspect = {
	.name = "container inspect",
	.summary = "Show containers in full, as JSON",
	.operands = "[CONTAINER...]",
	.description = "Prints a JSON array with one object for each container.",
	.examples = container_inspect_examples,
	.options = container_inspect_options,
	.args_size = sizeof(struct inspect_args),
	.max_operands = -1,
	.complete = COMPLETE_CONTAINERS,
	.exec = container_inspect_exec,
};
