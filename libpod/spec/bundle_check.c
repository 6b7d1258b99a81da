// SPDX-License-Identifier: Apache-2.0
/* What a config.json of others has to be beyond its types (runtime-spec config.md,
 * config-linux.md). */
#include "libpod/spec/bundle_check.h"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/selinux.h"
#include "libpod/spec/rlimit.h"

int bundle_bad(const struct bundle *b, const struct json *v, struct cmk_err *err, const char *fmt,
	       ...)
{
	char why[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return cmk_err_set(err, -EINVAL, "line %zu: %s", json_line(b->text, b->len, v), why);
}

/* --- names -------------------------------------------------------------------------------------
 */

struct word {
	const char *name;
	int value;
};

static int find_word(const struct word *words, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(words[i].name, name))
			return words[i].value;
	return -1;
}

int bundle_scheduler_policy(const char *name)
{
	static const struct word words[] = {
		{ "SCHED_OTHER", SCHED_OTHER },
		{ "SCHED_FIFO", SCHED_FIFO },
		{ "SCHED_RR", SCHED_RR },
		{ "SCHED_BATCH", SCHED_BATCH },
		{ "SCHED_ISO", 4 },
		{ "SCHED_IDLE", SCHED_IDLE },
		{ "SCHED_DEADLINE", 6 },
	};

	return find_word(words, ARRAY_LEN(words), name);
}

int bundle_scheduler_flag(const char *name)
{
	static const struct word words[] = {
		{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
		{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
		{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
		{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
	};

	return find_word(words, ARRAY_LEN(words), name);
}

int bundle_io_class(const char *name)
{
	static const struct word words[] = {
		{ "IOPRIO_CLASS_RT", 1 },
		{ "IOPRIO_CLASS_BE", 2 },
		{ "IOPRIO_CLASS_IDLE", 3 },
	};

	return find_word(words, ARRAY_LEN(words), name);
}

int bundle_memory_mode(const char *name)
{
	static const struct word words[] = {
		{ "MPOL_DEFAULT", MPOL_DEFAULT },	{ "MPOL_BIND", MPOL_BIND },
		{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE }, { "MPOL_WEIGHTED_INTERLEAVE", 6 },
		{ "MPOL_PREFERRED", MPOL_PREFERRED },	{ "MPOL_PREFERRED_MANY", 5 },
		{ "MPOL_LOCAL", MPOL_LOCAL },
	};

	return find_word(words, ARRAY_LEN(words), name);
}

int bundle_memory_flag(const char *name)
{
	static const struct word words[] = {
		{ "MPOL_F_STATIC_NODES", 1 << 15 },
		{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
		{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	};

	return find_word(words, ARRAY_LEN(words), name);
}

unsigned long bundle_propagation(const char *name)
{
	static const struct word words[] = {
		{ "private", MS_PRIVATE },	 { "rprivate", MS_PRIVATE | MS_REC },
		{ "slave", MS_SLAVE },		 { "rslave", MS_SLAVE | MS_REC },
		{ "shared", MS_SHARED },	 { "rshared", MS_SHARED | MS_REC },
		{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
	};
	int r = find_word(words, ARRAY_LEN(words), name);

	return r < 0 ? 0 : (unsigned long)r;
}

/* --- what is not done --------------------------------------------------------------------------
 */

static bool says_nothing(const struct json *v)
{
	uint64_t n;

	switch (v->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !v->boolean;
	case JSON_NUMBER:
		return json_u64(v, UINT64_MAX, &n) == 0 && n == 0;
	default:
		return v->n == 0;
	}
}

static int check_rdma_of(const struct json *root, const char *path, const struct bundle *b,
			 struct cmk_err *err);

/* PREFIX: ROOT is what stands there. */
static int refuse_below(const struct json *root, const struct bundle *b, const char *prefix,
			struct cmk_err *err)
{
	static const struct {
		const char *path, *why;
	} undone[] = {
		{ "linux.intelRdt", "resctrl is not supported" },
		{ "process.commandLine", "is for Windows" },
		{ "linux.resources.network", "cgroup v2 has no classes of network packets" },
		{ "linux.resources.memory.kernel", "cgroup v2 does not count the kernel's memory "
						   "alone" },
		{ "linux.resources.memory.kernelTCP", "cgroup v2 does not count it alone" },
		{ "linux.resources.memory.swappiness", "cgroup v2 has no swappiness of a group" },
		{ "linux.resources.memory.disableOOMKiller",
		  "cgroup v2 always has it: use oomScoreAdj" },
		{ "linux.resources.cpu.realtimeRuntime", "cgroup v2 has no realtime shares" },
		{ "linux.resources.cpu.realtimePeriod", "cgroup v2 has no realtime shares" },
		{ "linux.resources.blockIO.leafWeight", "cgroup v2 has no weight of leaves" },
		{ "vm", "virtual machines are not supported" },
		{ "windows", "is not for Linux" },
		{ "solaris", "is not for Linux" },
		{ "zos", "is not for Linux" },
		{ "freebsd", "is not for Linux" },
	};

	for (size_t i = 0; i < ARRAY_LEN(undone); i++) {
		const char *path = prefix ? str_after(undone[i].path, prefix) : undone[i].path;
		const struct json *v = path ? json_path(root, path) : NULL;

		if (v && !says_nothing(v))
			return bundle_bad(b, v, err, "%s: %s", path, undone[i].why);
	}
	return 0;
}

static int refuse_undone(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	return refuse_below(root, b, NULL, err);
}

int bundle_check_resources(const char *text, size_t len, const struct json *res,
			   struct cmk_err *err)
{
	const struct bundle where = { .text = (char *)(uintptr_t)text, .len = len };
	int r = refuse_below(res, &where, "linux.resources.", err);

	return r == 0 ? check_rdma_of(res, "rdma", &where, err) : r;
}

/* Where it is off a label is an error, as with runc: who asks for one relies on it. */
static int check_labels(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	static const char *const paths[] = { "linux.mountLabel", "process.selinuxLabel" };
	const char *type = strv_env_get(b->spec->annotations, SPEC_CONTEXT_ANNOTATION);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const struct json *v = json_path(root, paths[i]);

		if (v && !says_nothing(v) && !selinux_enabled())
			return bundle_bad(b, v, err, "%s: SELinux is not enabled on this host",
					  paths[i]);
	}
	if (type && !streq(type, spec_mount_context(b->spec)))
		return bundle_bad(b, json_get(root, "annotations") ?: root, err,
				  "annotations: '" SPEC_CONTEXT_ANNOTATION "' is none of context, "
				  "fscontext, defcontext and rootcontext");
	return 0;
}

/* --- parts -------------------------------------------------------------------------------------
 */

/* The element INDEX of the array at PATH, or the next best thing. */
static const struct json *element(const struct json *root, const char *path, size_t index)
{
	const struct json *list = json_path(root, path);

	json_each (v, list) {
		if (index-- == 0)
			return v;
	}
	return list ? list : root;
}

static int check_version(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	const char *v = b->spec->oci_version;

	if (v[0] == '1' && v[1] == '.')
		return 0;
	return bundle_bad(b, json_get(root, "ociVersion"), err, "ociVersion: '%s' is none of 1.x",
			  v);
}

static int check_root(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	if (b->spec->root_path && *b->spec->root_path)
		return 0;
	return bundle_bad(b, json_get(root, "root") ?: root, err, "root.path: is missing");
}

/* Old runtimes' names of propagation, and words of our own that only `cmk run` writes. */
static int check_mounts(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	for (size_t i = 0; i < b->spec->n_mounts; i++) {
		const struct spec_mount *m = &b->spec->mounts[i];

		if (!*m->destination)
			return bundle_bad(b, element(root, "mounts", i), err,
					  "mounts[%zu].destination: is empty", i);
		if (m->type &&
		    (str_after(m->type, "x-cmk.") || streq(m->type, SPEC_MOUNT_JOINED_SHM)))
			return bundle_bad(b, element(root, "mounts", i), err,
					  "mounts[%zu].type: '%s' is unknown", i, m->type);
		for (char **o = m->options; o && *o; o++)
			if (str_after(*o, "x-cmk."))
				return bundle_bad(b, element(root, "mounts", i), err,
						  "mounts[%zu].options: '%s' is unknown", i, *o);
		if ((b->mounts[i].n_uids > 0) != (b->mounts[i].n_gids > 0))
			return bundle_bad(b, element(root, "mounts", i), err,
					  "mounts[%zu]: uidMappings and gidMappings go together",
					  i);
	}
	return 0;
}

static int check_namespaces(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	static const char known[] = "|pid|network|mount|ipc|uts|user|cgroup|time|";
	const char *path = "linux.namespaces";
	const struct spec *s = b->spec;

	for (size_t i = 0; i < s->n_namespaces; i++) {
		const struct spec_namespace *n = &s->namespaces[i];
		cleanup_free char *word = xasprintf("|%s|", n->type);
		const struct json *v = element(root, path, i);

		if (!strstr(known, word) || strchr(n->type, '|'))
			return bundle_bad(b, v, err, "%s[%zu].type: unknown namespace '%s'", path,
					  i, n->type);
		for (size_t k = 0; k < i; k++)
			if (streq(s->namespaces[k].type, n->type))
				return bundle_bad(b, v, err, "%s[%zu].type: '%s' is there twice",
						  path, i, n->type);
		if (n->path && *n->path != '/' && *n->path)
			return bundle_bad(b, v, err, "%s[%zu].path: '%s' is not absolute", path, i,
					  n->path);
		if (n->path && streq(n->type, "mount"))
			return bundle_bad(b, v, err,
					  "%s[%zu].path: a mount namespace of others is not "
					  "supported",
					  path, i);
	}
	if (!spec_makes_namespace(s, "mount"))
		return bundle_bad(b, json_path(root, path) ?: root, err,
				  "%s: a container without its own mount namespace is not "
				  "supported",
				  path);
	return 0;
}

static int check_maps(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	const struct spec *s = b->spec;
	bool made = spec_makes_namespace(s, "user");

	/* Without any, the caller alone is mapped, as root, as crun does. */
	if (made && (s->n_uid_mappings == 0) != (s->n_gid_mappings == 0))
		return bundle_bad(b, json_get(root, "linux"), err,
				  "linux.%s: is missing, with a new user namespace",
				  s->n_uid_mappings ? "gidMappings" : "uidMappings");
	if (!spec_has_namespace(s, "user") && (s->n_uid_mappings || s->n_gid_mappings))
		return bundle_bad(b, json_path(root, "linux.uidMappings"), err,
				  "linux.uidMappings: without a user namespace");
	if ((b->boottime.has || b->monotonic.has) && !spec_makes_namespace(s, "time"))
		return bundle_bad(b, json_path(root, "linux.timeOffsets"), err,
				  "linux.timeOffsets: without a new time namespace");
	if ((s->hostname && *s->hostname) && !spec_has_namespace(s, "uts"))
		return bundle_bad(b, json_get(root, "hostname"), err,
				  "hostname: without a uts namespace");
	if ((s->domainname && *s->domainname) && !spec_has_namespace(s, "uts"))
		return bundle_bad(b, json_get(root, "domainname"), err,
				  "domainname: without a uts namespace");
	return 0;
}

/* Which namespace a sysctl belongs to; NULL: to the whole machine. */
static const char *sysctl_namespace(const char *name)
{
	static const char ipc[] = "|kernel.msgmax|kernel.msgmnb|kernel.msgmni|kernel.sem|"
				  "kernel.shmall|kernel.shmmax|kernel.shmmni|"
				  "kernel.shm_rmid_forced|";
	cleanup_free char *dotted = xstrndup(name, strcspn(name, "=")), *word = NULL;

	for (char *p = dotted; *p; p++)
		if (*p == '/')
			*p = '.';
	word = xasprintf("|%s|", dotted);
	if (strstr(ipc, word) || str_after(dotted, "fs.mqueue."))
		return "ipc";
	if (str_after(dotted, "net."))
		return "network";
	/* The name has a field of its own, as with the others. */
	if (streq(dotted, "kernel.domainname"))
		return "uts";
	return NULL;
}

static int check_sysctls(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	for (char **v = b->spec->sysctl; v && *v; v++) {
		const char *ns = sysctl_namespace(*v);

		if (!ns || !spec_has_namespace(b->spec, ns))
			return bundle_bad(b, json_path(root, "linux.sysctl"), err,
					  "linux.sysctl: '%.*s' is not of a namespace of the "
					  "container",
					  (int)strcspn(*v, "="), *v);
	}
	return 0;
}

static int check_hooks(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	for (int stage = 0; stage < N_HOOK_STAGES; stage++) {
		const struct spec_hook_list *l = &b->spec->hooks[stage];
		const char *name = hook_stage_name((enum spec_hook_stage)stage);
		cleanup_free char *path = xasprintf("hooks.%s", name);

		for (size_t i = 0; i < l->n; i++) {
			if (l->list[i].path[0] != '/')
				return bundle_bad(b, element(root, path, i), err,
						  "%s[%zu].path: '%s' is not absolute", path, i,
						  l->list[i].path);
			if (l->list[i].has_timeout &&
			    (l->list[i].timeout < 1 || l->list[i].timeout > INT32_MAX / 1000))
				return bundle_bad(b, element(root, path, i), err,
						  "%s[%zu].timeout: out of range", path, i);
		}
	}
	return 0;
}

static int check_devices(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	for (size_t i = 0; i < b->n_devices; i++) {
		const struct bundle_device *d = &b->devices[i];
		const struct json *v = element(root, "linux.devices", i);

		if (d->path[0] != '/')
			return bundle_bad(b, v, err,
					  "linux.devices[%zu].path: '%s' is not absolute", i,
					  d->path);
		if (strlen(d->type) != 1 || !strchr("cbup", d->type[0]))
			return bundle_bad(b, v, err,
					  "linux.devices[%zu].type: '%s' is none of c, b, u, p", i,
					  d->type);
		if (d->major < 0 || d->major > UINT32_MAX || d->minor < 0 || d->minor > UINT32_MAX)
			return bundle_bad(b, v, err, "linux.devices[%zu]: number out of range", i);
		if (d->has_mode && d->mode > 0177777)
			return bundle_bad(b, v, err, "linux.devices[%zu].fileMode: out of range",
					  i);
	}
	return 0;
}

static int check_device_rules(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	static const char path[] = "linux.resources.devices";

	for (size_t i = 0; i < b->n_device_rules; i++) {
		const struct bundle_device_rule *d = &b->device_rules[i];
		const struct json *v = element(root, path, i);

		if (d->type && *d->type && (strlen(d->type) != 1 || !strchr("abcu", d->type[0])))
			return bundle_bad(b, v, err, "%s[%zu].type: '%s' is none of a, b, c", path,
					  i, d->type);
		if (d->access && strspn(d->access, "rwm") != strlen(d->access))
			return bundle_bad(b, v, err, "%s[%zu].access: '%s' is not of r, w, m", path,
					  i, d->access);
		if (d->major < -1 || d->major > INT32_MAX || d->minor < -1 || d->minor > INT32_MAX)
			return bundle_bad(b, v, err, "%s[%zu]: number out of range", path, i);
	}
	return 0;
}

static int check_rdma_of(const struct json *root, const char *path, const struct bundle *b,
			 struct cmk_err *err)
{
	const struct json *all = json_path(root, path);

	if (all && all->type != JSON_NULL && all->type != JSON_OBJECT)
		return bundle_bad(b, all, err, "%s: not an object", path);
	json_each (d, all) {
		static const char *const keys[] = { "hcaHandles", "hcaObjects" };

		if (d->type != JSON_OBJECT || !*d->key || strpbrk(d->key, " \t\n="))
			return bundle_bad(b, d, err, "%s: '%s' is no device", path, d->key);
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			const struct json *v = json_get(d, keys[i]);
			uint64_t n;

			if (v && v->type != JSON_NULL && json_u64(v, UINT32_MAX, &n) < 0)
				return bundle_bad(b, v, err, "%s.%s.%s: not a number", path, d->key,
						  keys[i]);
		}
	}
	return 0;
}

static int check_rdma(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	return check_rdma_of(root, "linux.resources.rdma", b, err);
}

/* How a file of the group is called: the controller, then what of it. */
static int check_unified(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	static const char path[] = "linux.resources.unified";
	const struct json *all = json_path(root, path);

	json_each (v, all)
		if (!strchr(v->key, '.') || strchr(v->key, '/'))
			return bundle_bad(b, v, err,
					  "%s: the specified key has not the form CONTROLLER.VALUE "
					  "`%s`",
					  path, v->key);
	return 0;
}

/* memoryPolicy without a mode asks for nothing, where it says nothing else. */
static int check_memory_policy(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	const struct json *v = json_path(root, "linux.memoryPolicy");
	struct spec_id_set nodes;

	if (!b->memory_mode && (b->memory_nodes || (b->memory_flags && *b->memory_flags)))
		return bundle_bad(b, v, err,
				  "linux.memoryPolicy: invalid memory policy mode: it is missing");
	if (b->memory_mode && bundle_memory_mode(b->memory_mode) < 0)
		return bundle_bad(b, v, err,
				  "linux.memoryPolicy.mode: invalid memory policy mode: '%s' is "
				  "unknown",
				  b->memory_mode);
	for (char **f = b->memory_flags; f && *f; f++)
		if (bundle_memory_flag(*f) < 0)
			return bundle_bad(b, v, err,
					  "linux.memoryPolicy.flags: invalid memory policy flag: "
					  "'%s' is unknown",
					  *f);
	if (b->memory_nodes &&
	    spec_id_set_parse(b->memory_nodes, strlen(b->memory_nodes), &nodes) < 0)
		return bundle_bad(b, v, err,
				  "linux.memoryPolicy.nodes: invalid memory policy nodes: '%s' is "
				  "no list",
				  b->memory_nodes);
	return 0;
}

static int check_names(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	const struct spec *s = b->spec;
	const struct json *linux_ = json_get(root, "linux");

	if (b->rootfs_propagation && *b->rootfs_propagation &&
	    !bundle_propagation(b->rootfs_propagation))
		return bundle_bad(b, json_get(linux_, "rootfsPropagation"), err,
				  "linux.rootfsPropagation: '%s' is unknown",
				  b->rootfs_propagation);
	if (s->personality && !streq(s->personality, "LINUX") && !streq(s->personality, "LINUX32"))
		return bundle_bad(b, json_get(linux_, "personality"), err,
				  "linux.personality.domain: '%s' is unknown", s->personality);
	if (b->personality_flags && *b->personality_flags)
		return bundle_bad(b, json_get(linux_, "personality"), err,
				  "linux.personality.flags: none is defined");
	return check_memory_policy(root, b, err);
}

int bundle_check_priorities(const struct bundle *b, struct cmk_err *err)
{
	if (b->scheduler.policy && bundle_scheduler_policy(b->scheduler.policy) < 0)
		return cmk_err_set(err, -EINVAL, "process.scheduler.policy: '%s' is unknown",
				   b->scheduler.policy);
	for (char **f = b->scheduler.flags; f && *f; f++)
		if (bundle_scheduler_flag(*f) < 0)
			return cmk_err_set(err, -EINVAL, "process.scheduler.flags: '%s' is unknown",
					   *f);
	if (b->io_class && bundle_io_class(b->io_class) < 0)
		return cmk_err_set(err, -EINVAL, "process.ioPriority.class: '%s' is unknown",
				   b->io_class);
	if (b->io_priority < 0 || b->io_priority > 7)
		return cmk_err_set(err, -EINVAL, "process.ioPriority.priority: out of range");
	return 0;
}

static int check_priorities(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	const struct json *p = json_get(root, "process");
	struct cmk_err why = CMK_ERR_INIT;
	int r = bundle_check_priorities(b, &why);

	if (r == 0)
		return 0;
	r = bundle_bad(b,
		       json_get(p, str_after(why.msg, "process.io") ? "ioPriority" : "scheduler"),
		       err, "%s", why.msg);
	cmk_err_done(&why);
	return r;
}

static int check_rlimits(const struct spec_process *p, struct cmk_err *err)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct spec_rlimit *l = &p->rlimits[i];

		if (rlimit_number(l->type) < 0)
			return cmk_err_set(err, -EINVAL,
					   "process.rlimits[%zu].type: '%s' is "
					   "unknown",
					   i, l->type);
		for (size_t k = 0; k < i; k++)
			if (streq(p->rlimits[k].type, l->type))
				return cmk_err_set(err, -EINVAL,
						   "process.rlimits[%zu].type: '%s' is there twice",
						   i, l->type);
		if (l->soft > l->hard)
			return cmk_err_set(err, -EINVAL,
					   "process.rlimits[%zu].soft: more than hard", i);
	}
	return 0;
}

/* Beyond those of libcap and the kernel nothing can be given: that is said, and no more, as by the
 * other runtimes. */
void bundle_warn_of_caps(const struct spec_process *p)
{
	char *const *lists[] = { p->caps.bounding, p->caps.effective, p->caps.inheritable,
				 p->caps.permitted, p->caps.ambient };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (char *const *c = lists[i]; c && *c; c++) {
			char *const one[] = { *c, NULL };

			if (spec_caps_mask(one) == 0)
				log_warn("process.capabilities: '%s' is unknown here, and not "
					 "given",
					 *c);
		}
	for (char *const *c = p->caps.ambient; c && *c; c++) {
		char *const one[] = { *c, NULL };
		uint64_t bit = spec_caps_mask(one);

		if (bit &
		    ~(spec_caps_mask(p->caps.inheritable) & spec_caps_mask(p->caps.permitted)))
			log_warn("can't raise ambient capability %s: it is not both inheritable "
				 "and permitted",
				 *c);
	}
}

int bundle_check_process(const struct spec_process *p, struct cmk_err *err)
{
	if (!p->args || !*p->args)
		return cmk_err_set(err, -EINVAL, "process.args: is missing");
	if (!p->cwd || *p->cwd != '/')
		return cmk_err_set(err, -EINVAL, "process.cwd: '%s' is not absolute",
				   p->cwd ? p->cwd : "");
	if (p->user.umask > 0777)
		return cmk_err_set(err, -EINVAL, "process.user.umask: out of range");
	if (p->rows > UINT16_MAX || p->columns > UINT16_MAX)
		return cmk_err_set(err, -EINVAL, "process.consoleSize: out of range");
	if (p->has_oom_score_adj && (p->oom_score_adj < -1000 || p->oom_score_adj > 1000))
		return cmk_err_set(err, -EINVAL, "process.oomScoreAdj: out of range");
	for (char **e = p->env; e && *e; e++)
		if (!strchr(*e, '='))
			return cmk_err_set(err, -EINVAL, "process.env: '%s' has no '='", *e);
	return check_rlimits(p, err);
}

static int check_memory(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	struct cmk_err why = CMK_ERR_INIT;
	int r = bundle_check_swap(&b->spec->resources, &why);

	if (r == 0)
		return 0;
	r = bundle_bad(b, json_path(root, "linux.resources.memory.swap"), err, "linux.resources.%s",
		       why.msg);
	cmk_err_done(&why);
	return r;
}

int bundle_check(const struct json *root, const struct bundle *b, struct cmk_err *err)
{
	static int (*const checks[])(const struct json *root, const struct bundle *b,
				     struct cmk_err *err) = {
		check_version,	    refuse_undone,    check_labels,  check_root,
		check_mounts,	    check_namespaces, check_maps,    check_sysctls,
		check_hooks,	    check_devices,    check_names,   check_priorities,
		check_device_rules, check_rdma,	      check_unified, check_memory,
	};
	const struct json *p = json_get(root, "process");
	struct cmk_err why = CMK_ERR_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(checks); i++)
		r = checks[i](root, b, err);
	if (r < 0)
		return r;
	if (!p || p->type == JSON_NULL)
		return bundle_bad(b, root, err, "process: is missing");
	if (bundle_check_process(&b->spec->process, &why) == 0)
		return 0;
	r = bundle_bad(b, p, err, "%s", why.msg);
	cmk_err_done(&why);
	return r;
}
