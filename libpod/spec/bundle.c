// SPDX-License-Identifier: Apache-2.0
#include "libpod/spec/bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sys/mount.h>

#include "base/file.h"
#include "base/log.h"
#include "libpod/spec/bundle_check.h"

#define CONFIG_NAME "config.json"
#define CONFIG_MAX ((size_t)16 << 20)

static const struct json_field device_fields[] = {
	JSON_FIELD(struct bundle_device, path, "path", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct bundle_device, type, "type", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct bundle_device, major, "major", JSON_F_I64, 0),
	JSON_FIELD(struct bundle_device, minor, "minor", JSON_F_I64, 0),
	JSON_FIELD_HAS(struct bundle_device, mode, has_mode, "fileMode", JSON_F_U32),
	JSON_FIELD_HAS(struct bundle_device, uid, has_uid, "uid", JSON_F_U32),
	JSON_FIELD_HAS(struct bundle_device, gid, has_gid, "gid", JSON_F_U32),
	JSON_FIELD_END,
};

static const struct json_field mount_fields[] = {
	JSON_FIELD_ARRAY(struct bundle_mount, uids, n_uids, "uidMappings", 0,
			 spec_id_mapping_fields, struct spec_id_mapping),
	JSON_FIELD_ARRAY(struct bundle_mount, gids, n_gids, "gidMappings", 0,
			 spec_id_mapping_fields, struct spec_id_mapping),
	JSON_FIELD_END,
};

/* Objects whose members lie in the same struct: offset 0. */
#define SAME_STRUCT(json_name, fields)                                   \
	{                                                                \
		.name = (json_name), .kind = JSON_F_OBJ, .sub = (fields) \
	}

static const struct json_field offset_fields[] = {
	JSON_FIELD(struct bundle_time_offset, secs, "secs", JSON_F_I64, 0),
	JSON_FIELD(struct bundle_time_offset, nanosecs, "nanosecs", JSON_F_U32, 0),
	JSON_FIELD_END,
};
static const struct json_field offsets_fields[] = {
	JSON_FIELD_SUB(struct bundle, boottime, "boottime", JSON_F_OBJ, 0, offset_fields,
		       struct bundle_time_offset),
	JSON_FIELD_SUB(struct bundle, monotonic, "monotonic", JSON_F_OBJ, 0, offset_fields,
		       struct bundle_time_offset),
	JSON_FIELD_END,
};

static const struct json_field scheduler_fields[] = {
	JSON_FIELD(struct bundle_scheduler, policy, "policy", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct bundle_scheduler, nice, "nice", JSON_F_INT, 0),
	JSON_FIELD(struct bundle_scheduler, priority, "priority", JSON_F_INT, 0),
	JSON_FIELD(struct bundle_scheduler, flags, "flags", JSON_F_STRV, 0),
	JSON_FIELD(struct bundle_scheduler, runtime, "runtime", JSON_F_U64, 0),
	JSON_FIELD(struct bundle_scheduler, deadline, "deadline", JSON_F_U64, 0),
	JSON_FIELD(struct bundle_scheduler, period, "period", JSON_F_U64, 0),
	JSON_FIELD_END,
};
static const struct json_field io_priority_fields[] = {
	JSON_FIELD(struct bundle, io_class, "class", JSON_F_STR, JSON_REQUIRED),
	JSON_FIELD(struct bundle, io_priority, "priority", JSON_F_INT, 0),
	JSON_FIELD_END,
};
static const struct json_field affinity_fields[] = {
	JSON_FIELD(struct bundle, cpus_initial, "initial", JSON_F_STR, 0),
	JSON_FIELD(struct bundle, cpus_final, "final", JSON_F_STR, 0),
	JSON_FIELD_END,
};
static const struct json_field process_fields[] = {
	JSON_FIELD_SUB(struct bundle, scheduler, "scheduler", JSON_F_OBJ, 0, scheduler_fields,
		       struct bundle_scheduler),
	SAME_STRUCT("ioPriority", io_priority_fields),
	SAME_STRUCT("execCPUAffinity", affinity_fields),
	JSON_FIELD_END,
};

static const struct json_field memory_policy_fields[] = {
	JSON_FIELD(struct bundle, memory_mode, "mode", JSON_F_STR, 0),
	JSON_FIELD(struct bundle, memory_nodes, "nodes", JSON_F_STR, 0),
	JSON_FIELD(struct bundle, memory_flags, "flags", JSON_F_STRV, 0),
	JSON_FIELD_END,
};
static const struct json_field personality_fields[] = {
	JSON_FIELD(struct bundle, personality_flags, "flags", JSON_F_STRV, 0),
	JSON_FIELD_END,
};
static const struct json_field device_rule_fields[] = {
	JSON_FIELD(struct bundle_device_rule, allow, "allow", JSON_F_BOOL, 0),
	JSON_FIELD(struct bundle_device_rule, type, "type", JSON_F_STR, 0),
	JSON_FIELD(struct bundle_device_rule, access, "access", JSON_F_STR, 0),
	JSON_FIELD_HAS(struct bundle_device_rule, major, has_major, "major", JSON_F_I64),
	JSON_FIELD_HAS(struct bundle_device_rule, minor, has_minor, "minor", JSON_F_I64),
	JSON_FIELD_END,
};
static const struct json_field resources_fields[] = {
	JSON_FIELD_ARRAY(struct bundle, device_rules, n_device_rules, "devices", 0,
			 device_rule_fields, struct bundle_device_rule),
	JSON_FIELD_END,
};
static const struct json_field linux_fields[] = {
	SAME_STRUCT("resources", resources_fields),
	JSON_FIELD_ARRAY(struct bundle, devices, n_devices, "devices", 0, device_fields,
			 struct bundle_device),
	JSON_FIELD(struct bundle, rootfs_propagation, "rootfsPropagation", JSON_F_STR, 0),
	SAME_STRUCT("personality", personality_fields),
	SAME_STRUCT("timeOffsets", offsets_fields),
	SAME_STRUCT("memoryPolicy", memory_policy_fields),
	JSON_FIELD_END,
};
static const struct json_field bundle_fields[] = {
	JSON_FIELD_ARRAY(struct bundle, mounts, n_mounts, "mounts", 0, mount_fields,
			 struct bundle_mount),
	SAME_STRUCT("process", process_fields),
	SAME_STRUCT("linux", linux_fields),
	JSON_FIELD_END,
};

struct bundle *bundle_free(struct bundle *b)
{
	if (!b)
		return NULL;
	json_free_fields(bundle_fields, b);
	free(b->dir);
	free(b->rootfs);
	free(b->text);
	free(b->seccomp);
	for (size_t i = 0; i < b->n_net_devices; i++) {
		free(b->net_devices[i].name);
		free(b->net_devices[i].new_name);
	}
	free(b->net_devices);
	(void)spec_free(b->spec);
	free(b);
	return NULL;
}

/* Where one of the tables does not fit: which value it is, and on which line. */
static int explain(const char *text, size_t len, const struct json *root,
		   const struct json_field *fields, struct cmk_err *err)
{
	struct cmk_err where = CMK_ERR_INIT;

	if (json_explain_fields(text, len, root, fields, &where) == 0)
		return -EINVAL;
	if (err)
		cmk_err_done(err);
	return cmk_err_move(err, &where);
}

static int read_seccomp(const struct json *linux_, struct bundle *b, struct cmk_err *err)
{
	const struct json *v = json_get(linux_, "seccomp");
	struct json_writer w = JSON_WRITER_INIT;

	if (!v || v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_OBJECT)
		return bundle_bad(b, v, err, "linux.seccomp: not an object");
	json_write_value(&w, NULL, v);
	return json_writer_finish(&w, &b->seccomp, &b->seccomp_len, err);
}

/* As dev_valid_name() of the kernel has it. */
static bool is_device_name(const char *s)
{
	return *s && strlen(s) < IFNAMSIZ && !streq(s, ".") && !streq(s, "..") &&
	       !strpbrk(s, "/: \t\n\r\v\f");
}

static int read_net_devices(const struct json *linux_, struct bundle *b, struct cmk_err *err)
{
	const struct json *all = json_get(linux_, "netDevices");

	if (!all || all->type == JSON_NULL)
		return 0;
	if (all->type != JSON_OBJECT)
		return bundle_bad(b, all, err, "linux.netDevices: not an object");
	b->net_devices = xcalloc(all->n + 1, sizeof(*b->net_devices));
	json_each (v, all) {
		const struct json *name = json_get(v, "name");
		const char *inside = name ? json_str(name) : v->key;

		if (v->type != JSON_OBJECT || !inside || !is_device_name(v->key) ||
		    !is_device_name(inside))
			return bundle_bad(b, v, err, "linux.netDevices: '%.80s' is no device",
					  v->key);
		for (size_t i = 0; i < b->n_net_devices; i++)
			if (streq(b->net_devices[i].new_name, inside))
				return bundle_bad(b, v, err,
						  "linux.netDevices: two devices are to be '%s'",
						  inside);
		b->net_devices[b->n_net_devices++] = (struct bundle_net_device){
			.name = xstrdup(v->key), .new_name = xstrdup(inside)
		};
	}
	if (all->n > 0 && !spec_has_namespace(b->spec, "network"))
		return bundle_bad(b, all, err,
				  "linux.netDevices: unable to move network devices without a NET "
				  "namespace");
	return 0;
}

/* Of paths that may be relative. */
static char *below(const char *dir, const char *path)
{
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", dir, path);
}

const char *bundle_inside(const struct bundle *b, const char *path)
{
	const char *rest = path && b->rootfs ? str_after(path, b->rootfs) : NULL;

	return rest && *rest == '/' ? rest : NULL;
}

static void replace(char **member, char *value)
{
	free(*member);
	*member = value;
}

/* Destinations were relative to the root in old versions, and are taken as seen from outside as
 * well; a relative source is in the bundle. */
static void settle_paths(struct bundle *b)
{
	if (b->spec->root_path)
		b->rootfs = below(b->dir, b->spec->root_path);
	for (size_t i = 0; i < b->spec->n_mounts; i++) {
		struct spec_mount *m = &b->spec->mounts[i];
		bool bind = streq_null(m->type, "bind") || strv_has(m->options, "bind") ||
			    strv_has(m->options, "rbind");

		if (*m->destination != '/')
			replace(&m->destination, below("", m->destination));
		if (bundle_inside(b, m->destination))
			replace(&m->destination, xstrdup(bundle_inside(b, m->destination)));
		if (bind && m->source)
			replace(&m->source, below(b->dir, m->source));
	}
	for (size_t i = 0; i < b->n_devices; i++) {
		char *path = b->devices[i].path;

		for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
			path[len - 1] = '\0';
	}
}

/* `unified` itself has the last word. */
static void set_unified(struct spec_resources *res, char *line)
{
	cleanup_free char *owned = line, *file = xstrndup(line, strcspn(line, "="));

	if (!strv_env_get(res->unified, file))
		strv_env_set(&res->unified, owned);
}

/* v1's words for what v2 has files for go the way of `unified`; ALL is in the form of
 * linux.resources. */
static void translate_resources(const struct json *all, struct spec_resources *res)
{
	const struct json *cpu = json_get(all, "cpu");
	const struct json *huge = json_get(all, "hugepageLimits");
	const struct json *rdma = json_get(all, "rdma");
	uint64_t n;

	/* No number of both, which has to be more than the one of memory: no swap at all, as crun
	 * has it. */
	if (json_u64(json_path(all, "memory.swap"), 0, &n) == 0)
		set_unified(res, xstrdup("memory.swap.max=0"));
	if (json_u64(json_get(cpu, "burst"), UINT64_MAX, &n) == 0)
		set_unified(res, xasprintf("cpu.max.burst=%llu", (unsigned long long)n));
	if (json_u64(json_get(cpu, "idle"), 1, &n) == 0)
		set_unified(res, xasprintf("cpu.idle=%llu", (unsigned long long)n));
	/* One line for each device, which the kernel takes one by one. */
	json_each (d, rdma) {
		cleanup_strbuf struct strbuf line = STRBUF_INIT;

		strbuf_addf(&line, "rdma.max=%s", d->key);
		if (json_u64(json_get(d, "hcaHandles"), UINT32_MAX, &n) == 0)
			strbuf_addf(&line, " hca_handle=%llu", (unsigned long long)n);
		if (json_u64(json_get(d, "hcaObjects"), UINT32_MAX, &n) == 0)
			strbuf_addf(&line, " hca_object=%llu", (unsigned long long)n);
		strv_add_take(&res->unified, strbuf_steal(&line));
	}
	json_each (h, huge) {
		const char *size = json_str(json_get(h, "pageSize"));

		if (!size || json_u64(json_get(h, "limit"), UINT64_MAX, &n) < 0)
			continue;
		set_unified(res, xasprintf("hugetlb.%s.max=%llu", size, (unsigned long long)n));
		/* The one counts pages as they are used, and beyond it is SIGBUS; the other as they
		 * are asked for. */
		set_unified(res,
			    xasprintf("hugetlb.%s.rsvd.max=%llu", size, (unsigned long long)n));
	}
}

int bundle_check_swap(const struct spec_resources *res, struct cmk_err *err)
{
	if (res->memory_swap <= 0 || res->memory_limit < 0)
		return 0;
	if (res->memory_limit == 0)
		return cmk_err_set(err, -EINVAL,
				   "memory.swap: cannot set swap limit without the memory limit");
	return res->memory_swap >= res->memory_limit
		       ? 0
		       : cmk_err_set(err, -EINVAL,
				     "memory.swap: memory+swap limit should be >= memory limit");
}

void bundle_leave_swap(struct spec_resources *res)
{
	if (res->memory_limit > 0 && !res->memory_swap)
		res->memory_swap = -1;
}

static int read_all(const struct json *root, struct bundle *b, struct cmk_err *err)
{
	const struct json *linux_ = json_get(root, "linux");
	int r = spec_read_foreign(root, &b->spec, err);

	if (r < 0)
		return explain(b->text, b->len, root, spec_fields, err);
	/* An empty path is none, as with the others. */
	for (size_t i = 0; i < b->spec->n_namespaces; i++)
		if (b->spec->namespaces[i].path && !*b->spec->namespaces[i].path)
			free(steal_ptr(&b->spec->namespaces[i].path));
	r = json_read_fields(root, bundle_fields, b, err);
	if (r < 0)
		return explain(b->text, b->len, root, bundle_fields, err);
	b->boottime.has = json_path(linux_, "timeOffsets.boottime");
	b->monotonic.has = json_path(linux_, "timeOffsets.monotonic");
	r = read_seccomp(linux_, b, err);
	if (r == 0)
		r = read_net_devices(linux_, b, err);
	if (r == 0)
		r = bundle_check(root, b, err);
	if (r < 0)
		return r;
	translate_resources(json_get(linux_, "resources"), &b->spec->resources);
	bundle_leave_swap(&b->spec->resources);
	settle_paths(b);
	return 0;
}

int bundle_parse(const char *dir, const char *text, size_t len, struct bundle **ret,
		 struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_bundle struct bundle *b = xcalloc(1, sizeof(*b));
	int r = json_parse(text, len, CONFIG_MAX, &doc, err);

	if (r < 0)
		return cmk_err_wrap(err, r, CONFIG_NAME);
	b->dir = xstrdup(dir);
	b->text = xstrndup(text, len);
	b->len = len;
	r = read_all(json_root(doc), b, err);
	if (r < 0)
		return cmk_err_wrap(err, r, CONFIG_NAME);
	*ret = steal_ptr(&b);
	return 0;
}

/* The way that the caller names it: others look for it there (runtime.md#state). */
static char *absolute(const char *dir)
{
	size_t len = strlen(dir);

	if (*dir != '/')
		return realpath(dir, NULL);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	return xstrndup(dir, len);
}

int bundle_load(const char *dir, const char *file, struct bundle **ret, struct cmk_err *err)
{
	cleanup_free char *full = absolute(dir), *text = NULL;
	cleanup_close int fd = -1;
	size_t len;
	int r;

	if (!full)
		return cmk_err_errno(err, "bundle '%s'", dir);
	fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "bundle '%s'", dir);
	r = file_read_at(fd, file ? file : CONFIG_NAME, CONFIG_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "bundle '%s'", dir);
	return bundle_parse(full, text, len, ret, err);
}

static int parse_part(const char *text, size_t len, const struct json_field *fields, void *out,
		      struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = json_parse(text, len, CONFIG_MAX, &doc, err);

	if (r == 0)
		r = json_read_fields(json_root(doc), fields, out, err);
	return r == -EINVAL && doc ? explain(text, len, json_root(doc), fields, err) : r;
}

int bundle_process_parse(const char *text, size_t len, struct spec_process *ret,
			 struct cmk_err *err)
{
	int r;

	ret->user.umask = 0022;
	r = parse_part(text, len, spec_process_fields, ret, err);
	return r == 0 ? bundle_check_process(ret, err) : r;
}

void bundle_process_done(struct spec_process *p)
{
	json_free_fields(spec_process_fields, p);
}

/* What of `process` is beside the spec. */
static int replace_beside(struct bundle *b, const char *text, size_t len, struct cmk_err *err)
{
	int r;

	json_free_fields(process_fields, b);
	b->io_priority = 0;
	b->scheduler = (struct bundle_scheduler){ 0 };
	r = parse_part(text, len, process_fields, b, err);
	return r == 0 ? bundle_check_priorities(b, err) : r;
}

int bundle_process_replace(struct bundle *b, const char *text, size_t len, struct cmk_err *err)
{
	struct spec_process given = { 0 };
	int r = bundle_process_parse(text, len, &given, err);

	if (r == 0)
		r = replace_beside(b, text, len, err);
	if (r < 0) {
		bundle_process_done(&given);
		return r;
	}
	bundle_process_done(&b->spec->process);
	b->spec->process = given;
	return 0;
}

int bundle_resources_parse(const char *text, size_t len, struct spec_resources *ret,
			   struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = json_parse(text, len, CONFIG_MAX, &doc, err);

	if (r < 0)
		return r;
	if (json_read_fields(json_root(doc), spec_resources_fields, ret, err) < 0)
		return explain(text, len, json_root(doc), spec_resources_fields, err);
	r = bundle_check_resources(text, len, json_root(doc), err);
	if (r == 0)
		translate_resources(json_root(doc), ret);
	return r;
}

bool bundle_memory_check(const char *text, size_t len, struct bundle_memory_check *ret)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct spec_resources res = { 0 };
	const struct json *asked = NULL;

	if (json_parse(text, len, CONFIG_MAX, &doc, NULL) == 0 &&
	    json_read_fields(json_root(doc), spec_resources_fields, &res, NULL) == 0)
		asked = json_path(json_root(doc), "memory.checkBeforeUpdate");
	*ret = (struct bundle_memory_check){ res.memory_limit, res.memory_swap };
	bundle_resources_done(&res);
	return asked && asked->type == JSON_BOOL && asked->boolean;
}

void bundle_resources_done(struct spec_resources *res)
{
	json_free_fields(spec_resources_fields, res);
}
