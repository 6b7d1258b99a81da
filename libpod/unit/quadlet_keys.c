// SPDX-License-Identifier: Apache-2.0
/* What becomes of each key, and the generic ways to make it an option. */
#include <stdarg.h>

#include "base/parse.h"
#include "libpod/unit/quadlet_internal.h"

#define NO_NETWORKS "networks of one's own are not there yet"
#define NO_PODS "pods are not there yet"
#define MODULES "modules of containers.conf, see `cmk --module`"
#define OLD "deprecated"

const struct quadlet_kind_info quadlet_kinds[QUADLET_N_KINDS] = {
	[QUADLET_CONTAINER] = { ".container", "Container", "", NULL },
	[QUADLET_VOLUME] = { ".volume", "Volume", "-volume", NULL },
	[QUADLET_IMAGE] = { ".image", "Image", "-image", NULL },
	[QUADLET_NETWORK] = { ".network", "Network", "-network", NO_NETWORKS },
	[QUADLET_POD] = { ".pod", "Pod", "-pod", NO_PODS },
	[QUADLET_BUILD] = { ".build", "Build", "-build", "builds are not there yet" },
	[QUADLET_KUBE] = { ".kube", "Kube", "", "Kubernetes files are not there yet" },
};

#define ROW(kind_, name_, how_, option_, ...)                                    \
	{                                                                        \
		.kind = QUADLET_##kind_, .name = (name_), .how = QUADLET_##how_, \
		.option = (option_), __VA_ARGS__                                 \
	}
#define C(name_, how_, option_, ...) ROW(CONTAINER, name_, how_, option_, __VA_ARGS__)
#define V(name_, how_, option_, ...) ROW(VOLUME, name_, how_, option_, __VA_ARGS__)
#define I(name_, how_, option_, ...) ROW(IMAGE, name_, how_, option_, __VA_ARGS__)

const struct quadlet_key quadlet_keys[] = {
	C("AddCapability", WORDS, "cap-add", .add = quadlet_key_capability),
	C("AddDevice", WORDS, "device", .add = quadlet_key_device,
	  .text = "one with `-` in front is left out where it is not there when the unit is made"),
	C("AddHost", EACH, "add-host"),
	C("Annotation", ARGS, "annotation"),
	C("AppArmor", STRING, "security-opt", .prefix = "apparmor="),
	C("AutoUpdate", STRING, "label",
	  .prefix = "io.containers.autoupdate=", .words = "registry|local"),
	C("CgroupsMode", STRING, "cgroups", .words = "enabled|disabled|no-conmon|split",
	  .text = "`split` where it is not given: the container is in the unit's group"),
	C("ContainerName", OWN, "name",
	  .text = "`systemd-%N` where it is not given, of a template `systemd-%p_%i`"),
	C("ContainersConfModule", LINE, NULL, .text = MODULES),
	C("DNS", EACH, "dns"),
	C("DNSOption", EACH, "dns-option"),
	C("DNSSearch", EACH, "dns-search"),
	C("DropCapability", WORDS, "cap-drop", .add = quadlet_key_capability),
	C("Entrypoint", STRING, "entrypoint", .add = quadlet_key_entrypoint,
	  .text = "an empty one: that of the image does not count"),
	C("Environment", ARGS, "env"),
	C("EnvironmentFile", ARGS, "env-file", .add = quadlet_key_env_file,
	  .text = "relative to the directory of the file; one with `-` in front need not be there"),
	C("EnvironmentHost", BOOL, "env-host"),
	C("Exec", LINE, NULL, .text = "the command and its arguments"),
	C("ExposeHostPort", EACH, "expose", .check = QUADLET_PORTS),
	C("GIDMap", WORDS, "gidmap"),
	C("GlobalArgs", LINE, NULL, .text = "words between `cmk` and `run`"),
	C("Group", OWN, "user", .text = "the group of `User=`, which has to be given"),
	C("GroupAdd", EACH, "group-add"),
	C("HealthCmd", STRING, "health-cmd"),
	C("HealthInterval", STRING, "health-interval"),
	C("HealthLogDestination", STRING, "health-log-destination"),
	C("HealthMaxLogCount", STRING, "health-max-log-count", .check = QUADLET_NUMBER),
	C("HealthMaxLogSize", STRING, "health-max-log-size", .check = QUADLET_NUMBER),
	C("HealthOnFailure", STRING, "health-on-failure", .words = "none|kill|restart|stop"),
	C("HealthRetries", STRING, "health-retries", .check = QUADLET_NUMBER),
	C("HealthStartPeriod", STRING, "health-start-period"),
	C("HealthStartupCmd", STRING, "health-startup-cmd"),
	C("HealthStartupInterval", STRING, "health-startup-interval"),
	C("HealthStartupRetries", STRING, "health-startup-retries", .check = QUADLET_NUMBER),
	C("HealthStartupSuccess", STRING, "health-startup-success", .check = QUADLET_NUMBER),
	C("HealthStartupTimeout", STRING, "health-startup-timeout"),
	C("HealthTimeout", STRING, "health-timeout"),
	C("HostName", STRING, "hostname"),
	C("HttpProxy", BOOL, "http-proxy"),
	C("IP", REFUSED, NULL, .text = NO_NETWORKS),
	C("IP6", REFUSED, NULL, .text = NO_NETWORKS),
	C("Image", OWN, NULL,
	  .text = "the image; one that ends in `.image` is that file's, whose unit is started "
		  "before"),
	C("Label", ARGS, "label"),
	C("LogDriver", STRING, "log-driver",
	  .words = "k8s-file|json-file|local|journald|none|passthrough|passthrough-tty"),
	C("LogOpt", WORDS, "log-opt"),
	C("Mask", ARGS, "security-opt", .prefix = "mask="),
	C("Memory", STRING, "memory", .check = QUADLET_BYTES),
	C("Mount", ARGS, "mount", .add = quadlet_key_mount,
	  .text = "a source that ends in `.volume` or `.image` is what that file makes, and its "
		  "unit is started before; one that begins with `.` is relative to the directory "
		  "of the file"),
	C("Network", EACH, "network", .add = quadlet_key_network,
	  .text = "`host`, `none`, `private`, `container:NAME`, `ns:PATH`, and `NAME.container` "
		  "for "
		  "that of another file, whose unit is started before; networks of one's own, "
		  "`NAME.network` too, are not there yet and are refused"),
	C("NetworkAlias", REFUSED, NULL, .text = NO_NETWORKS),
	C("NoNewPrivileges", SET, "security-opt", .prefix = "no-new-privileges"),
	C("Notify", OWN, "sdnotify",
	  .text = "`false`, the unit is ready when the container runs; `true`, when it says so; "
		  "`healthy`, when its health check has succeeded"),
	C("PidsLimit", STRING, "pids-limit", .check = QUADLET_LIMIT),
	C("Pod", REFUSED, NULL, .text = NO_PODS),
	C("PodmanArgs", LINE, NULL, .text = "more words of `cmk run`, before the image"),
	C("PublishPort", EACH, "publish"),
	C("Pull", STRING, "pull", .words = "always|missing|never|newer"),
	C("ReadOnly", BOOL, "read-only"),
	C("ReadOnlyTmpfs", BOOL, "read-only-tmpfs"),
	C("ReloadCmd", LINE, NULL,
	  .text = "a command that `systemctl reload` runs in the container"),
	C("ReloadSignal", OWN, NULL, .check = QUADLET_SIGNAL,
	  .text = "a signal that `systemctl reload` sends to the container"),
	C("RemapGid", OWN, NULL, .text = OLD ": a mapping of `RemapUsers=`, use `GIDMap=`"),
	C("RemapUid", OWN, NULL, .text = OLD ": a mapping of `RemapUsers=`, use `UIDMap=`"),
	C("RemapUidSize", OWN, NULL, .check = QUADLET_NUMBER,
	  .text = OLD ": how many ids `RemapUsers=auto` maps, use `UserNS=auto:size=`"),
	C("RemapUsers", OWN, "userns", .add = quadlet_key_remap,
	  .text = OLD ": `manual`, `auto` or `keep-id`; use `UserNS=`, `UIDMap=` and `GIDMap=`"),
	C("Retry", STRING, "retry", .check = QUADLET_NUMBER),
	C("RetryDelay", STRING, "retry-delay"),
	C("Rootfs", OWN, "rootfs", .text = "a directory instead of `Image=`"),
	C("RunInit", BOOL, "init"),
	C("SeccompProfile", STRING, "security-opt", .prefix = "seccomp="),
	C("Secret", ARGS, "secret"),
	C("SecurityLabelDisable", SET, "security-opt", .prefix = "label=disable"),
	C("SecurityLabelFileType", STRING, "security-opt", .prefix = "label=filetype:"),
	C("SecurityLabelLevel", STRING, "security-opt", .prefix = "label=level:"),
	C("SecurityLabelNested", SET, "security-opt", .prefix = "label=nested"),
	C("SecurityLabelType", STRING, "security-opt", .prefix = "label=type:"),
	C("ServiceName", OWN, NULL, .text = "name of the unit, without `.service`"),
	C("ShmSize", STRING, "shm-size", .check = QUADLET_BYTES),
	C("StartWithPod", REFUSED, NULL, .text = NO_PODS),
	C("StopSignal", STRING, "stop-signal", .check = QUADLET_SIGNAL),
	C("StopTimeout", STRING, "stop-timeout", .check = QUADLET_NUMBER),
	C("SubGIDMap", STRING, "subgidname"),
	C("SubUIDMap", STRING, "subuidname"),
	C("Sysctl", WORDS, "sysctl"),
	C("Timezone", STRING, "tz"),
	C("Tmpfs", EACH, "tmpfs"),
	C("UIDMap", WORDS, "uidmap"),
	C("Ulimit", EACH, "ulimit"),
	C("Unmask", ARGS, "security-opt", .prefix = "unmask="),
	C("User", STRING, "user", .add = quadlet_key_user),
	C("UserNS", STRING, "userns"),
	C("VolatileTmp", OWN, "tmpfs", .add = quadlet_key_volatile_tmp,
	  .text = OLD
	  ": where it is true and the container is not read-only, a tmpfs of 512 MiB at "
	  "`/tmp`; use `Tmpfs=`"),
	C("Volume", EACH, "volume", .add = quadlet_key_volume,
	  .text = "a source that ends in `.volume` is the volume of that file, whose unit is "
		  "started before; one that begins with `.` is relative to the directory of the "
		  "file"),
	C("WorkingDir", STRING, "workdir"),

	V("ContainersConfModule", LINE, NULL, .text = MODULES),
	V("Copy", OWN, "opt",
	  .text = "`false`: the volume does not get what the image has at its place; as "
		  "`--opt nocopy`"),
	V("Device", STRING, "opt", .prefix = "device="),
	V("Driver", STRING, "driver", .words = "local",
	  .text = "volumes of the driver `image` are not there yet"),
	V("GID", STRING, "gid", .check = QUADLET_NUMBER),
	V("GlobalArgs", LINE, NULL, .text = "words between `cmk` and `volume create`"),
	V("Group", OWN, "opt",
	  .text = "as `--opt o=gid=GROUP`; a name is one of the host's, when the unit is made"),
	V("Image", REFUSED, NULL, .text = "volumes of the driver 'image' are not there yet"),
	V("Label", ARGS, "label"),
	V("Options", OWN, "opt", .add = quadlet_key_volume_options, .text = "as `--opt o=OPTIONS`"),
	V("PodmanArgs", LINE, NULL, .text = "more words of `cmk volume create`, before the name"),
	V("ServiceName", OWN, NULL, .text = "name of the unit, without `.service`"),
	V("Type", STRING, "opt", .prefix = "type="),
	V("UID", STRING, "uid", .check = QUADLET_NUMBER),
	V("User", OWN, "opt",
	  .text = "as `--opt o=uid=USER`; a name is one of the host's, when the unit is made"),
	V("VolumeName", OWN, NULL, .text = "`systemd-` and the file's name where it is not given"),

	I("AllTags", BOOL, "all-tags"),
	I("Arch", STRING, "arch"),
	I("AuthFile", STRING, "authfile"),
	I("CertDir", STRING, "cert-dir"),
	I("ContainersConfModule", LINE, NULL, .text = MODULES),
	I("Creds", STRING, "creds"),
	I("DecryptionKey", REFUSED, NULL, .text = "images are not decrypted"),
	I("GlobalArgs", LINE, NULL, .text = "words between `cmk` and `image pull`"),
	I("Image", OWN, NULL, .text = "the image"),
	I("ImageTag", OWN, NULL,
	  .text = "how other files' units call the image, where it comes from an archive"),
	I("OS", STRING, "os"),
	I("PodmanArgs", LINE, NULL, .text = "more words of `cmk image pull`, before the image"),
	I("Policy", STRING, "policy", .words = "always|missing|never|newer"),
	I("Retry", STRING, "retry", .check = QUADLET_NUMBER),
	I("RetryDelay", STRING, "retry-delay"),
	I("ServiceName", OWN, NULL, .text = "name of the unit, without `.service`"),
	I("TLSVerify", BOOL, "tls-verify"),
	I("Variant", STRING, "variant"),

	ROW(N_KINDS, "DefaultDependencies", OWN, NULL,
	    .text = "`false`: a unit that may pull does not wait for the network"),
	{ 0 },
};

int quadlet_wrong(struct quadlet_job *j, const struct unitfile_line *l, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return cmk_err_set(j->err, -EINVAL, "%s:%u: %.80s=: %s", l->file ?: j->unit->path, l->line,
			   l->key, text);
}

const struct unitfile_line *quadlet_own_line(const struct quadlet_job *j, const char *key)
{
	return unitfile_last(&j->unit->file, j->section, key);
}

const char *quadlet_own(const struct quadlet_job *j, const char *key)
{
	return unitfile_value(&j->unit->file, j->section, key);
}

int quadlet_own_bool(struct quadlet_job *j, const char *key)
{
	const struct unitfile_line *l = quadlet_own_line(j, key);
	bool yes;

	if (!l)
		return -ENOENT;
	if (parse_bool(l->value, &yes) < 0)
		return quadlet_wrong(j, l, "'%.80s' is not true or false", l->value);
	return yes;
}

void quadlet_option(struct quadlet_job *j, const char *option, const char *prefix,
		    const char *value)
{
	strv_add_take(&j->argv, xasprintf("--%s", option));
	strv_add_take(&j->argv, xasprintf("%s%s", prefix ?: "", value));
}

/* Kept apart by "|". */
static bool is_word(const char *words, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = words; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == len && strncmp(p, value, len) == 0)
			return true;
	return false;
}

/* "80", "80-90", each with "/tcp" or "/udp". */
static bool is_ports(const char *s)
{
	cleanup_free char *ports = xstrndup(s, strcspn(s, "/"));
	char *dash = strchr(ports, '-');
	uint32_t n;

	if (s[strlen(ports)] && !is_word("tcp|udp|sctp", s + strlen(ports) + 1))
		return false;
	if (dash)
		*dash++ = '\0';
	return parse_u32(ports, 65535, &n) == 0 && (!dash || parse_u32(dash, 65535, &n) == 0);
}

static int check_value(struct quadlet_job *j, const struct quadlet_key *k,
		       const struct unitfile_line *l)
{
	const char *v = l->value;
	uint64_t n;
	int64_t i;

	/* What systemd puts in is not known yet. */
	if (strpbrk(v, "%$"))
		return 0;
	if (k->words && !is_word(k->words, v))
		return quadlet_wrong(j, l, "'%.80s' is not one of %s", v, k->words);
	if (k->check == QUADLET_NUMBER && parse_u64(v, UINT32_MAX, &n) < 0)
		return quadlet_wrong(j, l, "'%.80s' is not a number", v);
	if (k->check == QUADLET_LIMIT && parse_i64(v, -1, INT32_MAX, &i) < 0)
		return quadlet_wrong(j, l, "'%.80s' is not a number, or -1", v);
	if (k->check == QUADLET_BYTES && parse_bytes(v, &n) < 0)
		return quadlet_wrong(j, l, "'%.80s' is not a size, such as 512m", v);
	if (k->check == QUADLET_SIGNAL && parse_signal(v) < 0)
		return quadlet_wrong(j, l, "'%.80s' is not a signal", v);
	if (k->check == QUADLET_PORTS && !is_ports(v))
		return quadlet_wrong(j, l, "'%.80s' is not a port or a range of ports", v);
	return 0;
}

static int add_words(struct quadlet_job *j, const struct quadlet_key *k,
		     const struct unitfile_line *l)
{
	cleanup_strv char **words = NULL;

	if (unitfile_split(l->value, k->how == QUADLET_ARGS ? UNITFILE_ARGS : UNITFILE_WORDS,
			   &words) < 0)
		return quadlet_wrong(j, l, "a quote is not closed, or an escape is wrong");
	for (char **w = words; w && *w; w++)
		quadlet_option(j, k->option, k->prefix, *w);
	return 0;
}

static int add_bool(struct quadlet_job *j, const struct quadlet_key *k)
{
	int yes = quadlet_own_bool(j, k->name);

	if (yes < 0)
		return yes == -ENOENT ? 0 : yes;
	if (k->how == QUADLET_SET && yes && strchr(k->prefix, '='))
		quadlet_option(j, k->option, k->prefix, "");
	else if (k->how == QUADLET_SET && yes)
		strv_add_take(&j->argv, xasprintf("--%s=%s", k->option, k->prefix));
	else if (k->how == QUADLET_BOOL)
		strv_add_take(&j->argv, xasprintf("--%s%s", k->option, yes ? "" : "=false"));
	return 0;
}

int quadlet_add_key(struct quadlet_job *j, const struct quadlet_key *k)
{
	const struct unitfile_line *l = quadlet_own_line(j, k->name);
	size_t pos = 0;
	int r = 0;

	if (!l)
		return 0;
	if (k->how == QUADLET_BOOL || k->how == QUADLET_SET)
		return add_bool(j, k);
	if (k->how == QUADLET_STRING || k->how == QUADLET_OWN || k->how == QUADLET_LINE) {
		r = check_value(j, k, l);
		if (r == 0 && k->how == QUADLET_STRING)
			quadlet_option(j, k->option, k->prefix, l->value);
		return r;
	}
	while (r == 0 && (l = unitfile_next(&j->unit->file, j->section, k->name, &pos))) {
		if (k->how == QUADLET_EACH) {
			r = check_value(j, k, l);
			quadlet_option(j, k->option, k->prefix, l->value);
		} else {
			r = add_words(j, k, l);
		}
	}
	return r;
}

int quadlet_add_keys(struct quadlet_job *j)
{
	int r = 0;

	for (const struct quadlet_key *k = quadlet_keys; r == 0 && k->name; k++)
		if (k->kind == j->unit->kind)
			r = k->add ? k->add(j, k) : quadlet_add_key(j, k);
	return r;
}

static int check_line(struct quadlet_job *j, const struct unitfile_line *l, enum quadlet_kind kind)
{
	for (const struct quadlet_key *k = quadlet_keys; k->name; k++) {
		if (k->kind != kind || !streq(k->name, l->key))
			continue;
		if (k->how == QUADLET_REFUSED && *l->value)
			return quadlet_wrong(j, l, "%s", k->text);
		return 0;
	}
	return cmk_err_set(j->err, -EINVAL, "unsupported key '%.80s' in group '%.40s' in %s:%u",
			   l->key, l->section, l->file ?: j->unit->path, l->line);
}

int quadlet_check_keys(struct quadlet_job *j)
{
	const struct unitfile *u = &j->unit->file;
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->n; i++) {
		const struct unitfile_line *l = &u->lines[i];

		if (str_after(l->key, "X-"))
			continue;
		if (streq(l->section, j->section))
			r = check_line(j, l, j->unit->kind);
		else if (streq(l->section, "Quadlet"))
			r = check_line(j, l, QUADLET_N_KINDS);
	}
	return r;
}
