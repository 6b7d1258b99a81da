// SPDX-License-Identifier: Apache-2.0
/* config.json: one struct, one table (runtime-spec config.md, config-linux.md). */
#include "libpod/spec/spec.h"

#include "base/file.h"

#define CONFIG_NAME "config.json"
#define CONFIG_MAX ((size_t)4 << 20)

/* Ours among the annotations. */
#define NOTE_SECCOMP "dev.cmk.seccomp="
#define NOTE_INIT "dev.cmk.init="
#define NOTE_KEEP_GROUPS "dev.cmk.keep-groups="
#define NOTE_CWD_EXISTS "dev.cmk.cwd-must-exist="
#define NOTE_GROUP_ADD "dev.cmk.group-add="
#define NOTE_NO_PASSWD "dev.cmk.no-passwd="
#define NOTE_PASSWD_LINES "dev.cmk.passwd-lines="
#define NOTE_PASSWD_ENTRY "dev.cmk.passwd-entry="
#define NOTE_GROUP_ENTRY "dev.cmk.group-entry="

static const struct json_field rlimit_fields[] = {
	JSON_FIELD(struct spec_rlimit, type, "type", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct spec_rlimit, soft, "soft", JSON_F_U64, JSON_REQUIRED),
	JSON_FIELD(struct spec_rlimit, hard, "hard", JSON_F_U64, JSON_REQUIRED),
	JSON_FIELD_END,
};

static const struct json_field mount_fields[] = {
	JSON_FIELD(struct spec_mount, destination, "destination", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct spec_mount, type, "type", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_mount, source, "source", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_mount, options, "options", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

const struct json_field spec_id_mapping_fields[] = {
	JSON_FIELD(struct spec_id_mapping, container_id, "containerID", JSON_F_U32, JSON_REQUIRED),
	JSON_FIELD(struct spec_id_mapping, host_id, "hostID", JSON_F_U32, JSON_REQUIRED),
	JSON_FIELD(struct spec_id_mapping, size, "size", JSON_F_U32, JSON_REQUIRED),
	JSON_FIELD_END,
};

static const struct json_field namespace_fields[] = {
	JSON_FIELD(struct spec_namespace, type, "type", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct spec_namespace, path, "path", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

static const struct json_field user_fields[] = {
	JSON_FIELD(struct spec_user, uid, "uid", JSON_F_U32, 0),
	JSON_FIELD(struct spec_user, gid, "gid", JSON_F_U32, 0),
	JSON_FIELD(struct spec_user, umask, "umask", JSON_F_U32, 0),
	JSON_FIELD_U32V(struct spec_user, additional_gids, n_additional_gids, "additionalGids",
			JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_user, username, "username", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

static const struct json_field caps_fields[] = {
	JSON_FIELD(struct spec_capabilities, bounding, "bounding", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_capabilities, effective, "effective", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_capabilities, inheritable, "inheritable", JSON_F_STRV,
		   JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_capabilities, permitted, "permitted", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_capabilities, ambient, "ambient", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

/* Objects inside an object whose members lie in the same struct: offset 0. */
#define SAME_STRUCT(json_name, fields)                                                             \
	{                                                                                          \
		.name = (json_name), .kind = JSON_F_OBJ, .flags = JSON_OMIT_EMPTY, .sub = (fields) \
	}

static const struct json_field console_fields[] = {
	JSON_FIELD(struct spec_process, rows, "height", JSON_F_U32, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_process, columns, "width", JSON_F_U32, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

const struct json_field spec_process_fields[] = {
	JSON_FIELD(struct spec_process, terminal, "terminal", JSON_F_BOOL, JSON_OMIT_EMPTY),
	SAME_STRUCT("consoleSize", console_fields),
	JSON_FIELD_SUB(struct spec_process, user, "user", JSON_F_OBJ, 0, user_fields,
		       struct spec_user),
	JSON_FIELD(struct spec_process, args, "args", JSON_F_STRV, 0),
	JSON_FIELD(struct spec_process, env, "env", JSON_F_STRV, 0),
	JSON_FIELD(struct spec_process, cwd, "cwd", JSON_F_STR, 0),
	JSON_FIELD_SUB(struct spec_process, caps, "capabilities", JSON_F_OBJ, JSON_OMIT_EMPTY,
		       caps_fields, struct spec_capabilities),
	JSON_FIELD_ARRAY(struct spec_process, rlimits, n_rlimits, "rlimits", JSON_OMIT_EMPTY,
			 rlimit_fields, struct spec_rlimit),
	JSON_FIELD(struct spec_process, no_new_privileges, "noNewPrivileges", JSON_F_BOOL,
		   JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_process, apparmor_profile, "apparmorProfile", JSON_F_STR,
		   JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_process, selinux_label, "selinuxLabel", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_HAS(struct spec_process, oom_score_adj, has_oom_score_adj, "oomScoreAdj",
		       JSON_F_INT),
	JSON_FIELD(struct spec_process, extra, NULL, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

#define RESOURCE(member, json_name, kind) \
	JSON_FIELD(struct spec_resources, member, json_name, kind, JSON_OMIT_EMPTY)
static const struct json_field memory_fields[] = {
	RESOURCE(memory_limit, "limit", JSON_F_I64),
	RESOURCE(memory_reservation, "reservation", JSON_F_I64),
	RESOURCE(memory_swap, "swap", JSON_F_I64),
	JSON_FIELD_END,
};
static const struct json_field cpu_fields[] = {
	RESOURCE(cpu_shares, "shares", JSON_F_U64), RESOURCE(cpu_quota, "quota", JSON_F_I64),
	RESOURCE(cpu_period, "period", JSON_F_U64), RESOURCE(cpuset_cpus, "cpus", JSON_F_STR),
	RESOURCE(cpuset_mems, "mems", JSON_F_STR),  JSON_FIELD_END,
};
static const struct json_field pids_fields[] = {
	RESOURCE(pids_limit, "limit", JSON_F_I64),
	JSON_FIELD_END,
};
#define DEVICE_VALUE_FIELDS(json_name)                                                           \
	{                                                                                        \
		JSON_FIELD(struct spec_device_value, major, "major", JSON_F_U32, JSON_REQUIRED), \
			JSON_FIELD(struct spec_device_value, minor, "minor", JSON_F_U32,         \
				   JSON_REQUIRED),                                               \
			JSON_FIELD(struct spec_device_value, value, json_name, JSON_F_U64, 0),   \
			JSON_FIELD_END,                                                          \
	}
static const struct json_field weight_fields[] = DEVICE_VALUE_FIELDS("weight");
static const struct json_field rate_fields[] = DEVICE_VALUE_FIELDS("rate");
#define DEVICE_VALUES(member, json_name, fields)                                                   \
	JSON_FIELD_ARRAY(struct spec_resources, member.list, member.n, json_name, JSON_OMIT_EMPTY, \
			 fields, struct spec_device_value)
static const struct json_field block_io_fields[] = {
	RESOURCE(blkio_weight, "weight", JSON_F_U32),
	DEVICE_VALUES(weights, "weightDevice", weight_fields),
	DEVICE_VALUES(rates[IO_READ_BPS], "throttleReadBpsDevice", rate_fields),
	DEVICE_VALUES(rates[IO_WRITE_BPS], "throttleWriteBpsDevice", rate_fields),
	DEVICE_VALUES(rates[IO_READ_IOPS], "throttleReadIOPSDevice", rate_fields),
	DEVICE_VALUES(rates[IO_WRITE_IOPS], "throttleWriteIOPSDevice", rate_fields),
	JSON_FIELD_END,
};
const struct json_field spec_resources_fields[] = {
	SAME_STRUCT("memory", memory_fields),	  SAME_STRUCT("cpu", cpu_fields),
	SAME_STRUCT("pids", pids_fields),	  SAME_STRUCT("blockIO", block_io_fields),
	RESOURCE(unified, "unified", JSON_F_MAP), JSON_FIELD_END,
};

static const struct json_field root_fields[] = {
	JSON_FIELD(struct spec, root_path, "path", JSON_F_STR, 0),
	JSON_FIELD(struct spec, root_readonly, "readonly", JSON_F_BOOL, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

static const struct json_field personality_fields[] = {
	JSON_FIELD(struct spec, personality, "domain", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_END,
};

static const struct json_field linux_fields[] = {
	JSON_FIELD_ARRAY(struct spec, uid_mappings, n_uid_mappings, "uidMappings", JSON_OMIT_EMPTY,
			 spec_id_mapping_fields, struct spec_id_mapping),
	JSON_FIELD_ARRAY(struct spec, gid_mappings, n_gid_mappings, "gidMappings", JSON_OMIT_EMPTY,
			 spec_id_mapping_fields, struct spec_id_mapping),
	JSON_FIELD(struct spec, sysctl, "sysctl", JSON_F_MAP, JSON_OMIT_EMPTY),
	JSON_FIELD_SUB(struct spec, resources, "resources", JSON_F_OBJ, JSON_OMIT_EMPTY,
		       spec_resources_fields, struct spec_resources),
	JSON_FIELD(struct spec, cgroups_path, "cgroupsPath", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_ARRAY(struct spec, namespaces, n_namespaces, "namespaces", 0, namespace_fields,
			 struct spec_namespace),
	SAME_STRUCT("personality", personality_fields),
	JSON_FIELD(struct spec, mount_label, "mountLabel", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec, masked_paths, "maskedPaths", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec, readonly_paths, "readonlyPaths", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec, linux_extra, NULL, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

static const struct json_field hook_fields[] = {
	JSON_FIELD(struct spec_hook, path, "path", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct spec_hook, args, "args", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec_hook, env, "env", JSON_F_STRV, JSON_OMIT_EMPTY),
	JSON_FIELD_HAS(struct spec_hook, timeout, has_timeout, "timeout", JSON_F_INT),
	JSON_FIELD_END,
};

#define HOOKS(stage, json_name)                                                     \
	JSON_FIELD_ARRAY(struct spec, hooks[stage].list, hooks[stage].n, json_name, \
			 JSON_OMIT_EMPTY, hook_fields, struct spec_hook)
static const struct json_field hooks_fields[] = {
	HOOKS(HOOK_PRESTART, "prestart"),
	HOOKS(HOOK_CREATE_RUNTIME, "createRuntime"),
	HOOKS(HOOK_CREATE_CONTAINER, "createContainer"),
	HOOKS(HOOK_START_CONTAINER, "startContainer"),
	HOOKS(HOOK_POSTSTART, "poststart"),
	HOOKS(HOOK_POSTSTOP, "poststop"),
	JSON_FIELD_END,
};

const struct json_field spec_fields[] = {
	JSON_FIELD(struct spec, oci_version, "ociVersion", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD_SUB(struct spec, process, "process", JSON_F_OBJ, JSON_OMIT_EMPTY,
		       spec_process_fields, struct spec_process),
	SAME_STRUCT("root", root_fields),
	JSON_FIELD(struct spec, hostname, "hostname", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD(struct spec, domainname, "domainname", JSON_F_STR, JSON_OMIT_EMPTY),
	JSON_FIELD_ARRAY(struct spec, mounts, n_mounts, "mounts", 0, mount_fields,
			 struct spec_mount),
	JSON_FIELD(struct spec, annotations, "annotations", JSON_F_MAP, JSON_OMIT_EMPTY),
	SAME_STRUCT("hooks", hooks_fields),
	SAME_STRUCT("linux", linux_fields),
	JSON_FIELD(struct spec, extra, NULL, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

struct spec *spec_new(void)
{
	struct spec *s = xcalloc(1, sizeof(*s));

	s->process.user.umask = 0022;
	return s;
}

struct spec *spec_free(struct spec *s)
{
	if (!s)
		return NULL;
	json_free_fields(spec_fields, s);
	free(s->seccomp_profile);
	strv_free(s->group_add);
	strv_free(s->passwd_lines);
	free(s->passwd_entry);
	free(s->group_entry);
	free(s);
	return NULL;
}

/* Our members of struct spec that the runtime-spec has no place for travel as annotations. */
static char **notes_added(const struct spec *s)
{
	char **v = strv_dup(s->annotations);

	if (s->seccomp_profile)
		strv_add_take(&v, xasprintf(NOTE_SECCOMP "%s", s->seccomp_profile));
	if (s->init)
		strv_add(&v, NOTE_INIT "true");
	if (s->keep_groups)
		strv_add(&v, NOTE_KEEP_GROUPS "true");
	if (s->cwd_must_exist)
		strv_add(&v, NOTE_CWD_EXISTS "true");
	if (s->group_add) {
		cleanup_free char *list = strv_join(s->group_add, ",");

		strv_add_take(&v, xasprintf(NOTE_GROUP_ADD "%s", list));
	}
	if (s->no_passwd)
		strv_add(&v, NOTE_NO_PASSWD "true");
	if (s->passwd_lines) {
		cleanup_free char *list = strv_join(s->passwd_lines, "\n");

		strv_add_take(&v, xasprintf(NOTE_PASSWD_LINES "%s", list));
	}
	if (s->passwd_entry)
		strv_add_take(&v, xasprintf(NOTE_PASSWD_ENTRY "%s", s->passwd_entry));
	if (s->group_entry)
		strv_add_take(&v, xasprintf(NOTE_GROUP_ENTRY "%s", s->group_entry));
	return v;
}

static bool note_taken(struct spec *s, const char *note)
{
	const char *v;

	if ((v = str_after(note, NOTE_SECCOMP))) {
		free(s->seccomp_profile);
		s->seccomp_profile = xstrdup(v);
	} else if ((v = str_after(note, NOTE_INIT))) {
		s->init = streq(v, "true");
	} else if ((v = str_after(note, NOTE_KEEP_GROUPS))) {
		s->keep_groups = streq(v, "true");
	} else if ((v = str_after(note, NOTE_CWD_EXISTS))) {
		s->cwd_must_exist = streq(v, "true");
	} else if ((v = str_after(note, NOTE_GROUP_ADD))) {
		strv_free(s->group_add);
		s->group_add = strv_split(v, ',');
	} else if ((v = str_after(note, NOTE_NO_PASSWD))) {
		s->no_passwd = streq(v, "true");
	} else if ((v = str_after(note, NOTE_PASSWD_LINES))) {
		strv_free(s->passwd_lines);
		s->passwd_lines = strv_split(v, '\n');
	} else if ((v = str_after(note, NOTE_PASSWD_ENTRY))) {
		free(s->passwd_entry);
		s->passwd_entry = xstrdup(v);
	} else if ((v = str_after(note, NOTE_GROUP_ENTRY))) {
		free(s->group_entry);
		s->group_entry = xstrdup(v);
	} else {
		return false;
	}
	return true;
}

static void take_notes(struct spec *s)
{
	char **to = s->annotations;

	for (char **from = s->annotations; from && *from; from++) {
		if (note_taken(s, *from))
			free(*from);
		else
			*to++ = *from;
	}
	if (to)
		*to = NULL;
}

/* What the rest of the program takes for granted. */
static int check(const struct spec *s, struct cmk_err *err)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].destination[0] != '/')
			return cmk_err_set(err, -EINVAL, "mounts[%zu]: '%s' is not absolute", i,
					   s->mounts[i].destination);
	for (size_t stage = 0; stage < N_HOOK_STAGES; stage++)
		for (size_t i = 0; i < s->hooks[stage].n; i++)
			if (s->hooks[stage].list[i].path[0] != '/' ||
			    (s->hooks[stage].list[i].has_timeout &&
			     (s->hooks[stage].list[i].timeout < 1 ||
			      s->hooks[stage].list[i].timeout > INT32_MAX / 1000)))
				return cmk_err_set(err, -EINVAL, "hooks.%s[%zu] is bad",
						   hook_stage_name((enum spec_hook_stage)stage), i);
	if (s->process.rows > UINT16_MAX || s->process.columns > UINT16_MAX)
		return cmk_err_set(err, -EINVAL, "consoleSize is out of range");
	if (s->process.user.umask > 0777)
		return cmk_err_set(err, -EINVAL, "umask is out of range");
	return 0;
}

int spec_parse(const char *text, size_t len, struct spec **ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct spec *s;
	int r;

	r = json_parse(text, len, CONFIG_MAX, &doc, err);
	if (r < 0)
		return r;
	s = spec_new();
	r = json_read_fields(json_root(doc), spec_fields, s, err);
	if (r == 0)
		r = check(s, err);
	if (r < 0) {
		spec_free(s);
		return r;
	}
	take_notes(s);
	*ret = s;
	return 0;
}

int spec_read_foreign(const struct json *root, struct spec **ret, struct cmk_err *err)
{
	struct spec *s = spec_new();
	int r = json_read_fields(root, spec_fields, s, err);

	if (r < 0)
		(void)spec_free(s);
	else
		*ret = s;
	return r;
}

int spec_save_foreign(int bundle_fd, const struct spec *s, struct cmk_err *err)
{
	struct json_writer w = { .pretty = true };
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	json_write_object(&w, NULL);
	json_write_fields(&w, spec_fields, s);
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &len, err);
	return r < 0 ? r : file_replace_at(bundle_fd, CONFIG_NAME, text, len, 0644, 0, err);
}

int spec_load(int bundle_fd, struct spec **ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	r = file_read_at(bundle_fd, CONFIG_NAME, CONFIG_MAX, &text, &len, err);
	if (r < 0)
		return r;
	r = spec_parse(text, len, ret, err);
	return r < 0 ? cmk_err_wrap(err, r, "read '" CONFIG_NAME "'") : 0;
}

int spec_text(const struct spec *s, char **ret, size_t *ret_len, struct cmk_err *err)
{
	cleanup_strv char **notes = notes_added(s);
	struct json_writer w = JSON_WRITER_INIT;
	struct spec copy = *s; /* borrows all but the annotations */

	copy.annotations = notes;
	json_write_object(&w, NULL);
	json_write_fields(&w, spec_fields, &copy);
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

int spec_save(int bundle_fd, const struct spec *s, bool durable, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	r = spec_text(s, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "write '" CONFIG_NAME "'");
	return file_replace_at(bundle_fd, CONFIG_NAME, text, len, 0600,
			       durable ? FILE_DURABLE_DATA : 0, err);
}
