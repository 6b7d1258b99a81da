// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-seccomp PROFILE CAPS: compiles a seccomp profile and writes it to stdout.
 *
 * PROFILE is "default" (built in) or "-" (a docker/containers-common style JSON document on stdin);
 * CAPS are the granted capabilities, separated by commas, or "". The output is one struct
 * seccomp_compiled, then the BPF instructions. A program of its own, so that cmk itself never maps
 * libseccomp: it runs only when the cache has no entry.
 */
#include <dlfcn.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "libpod/runtime/seccomp_compiled.h"

#define PROFILE_MAX (1 << 20)

/* The default profile, as text. */
__asm__(".section .rodata\n"
	".global cmk_seccomp_default\n"
	"cmk_seccomp_default:\n"
	".incbin \"" CMK_SECCOMP_JSON "\"\n"
	".global cmk_seccomp_default_end\n"
	"cmk_seccomp_default_end:\n"
	".byte 0\n"
	".previous\n");
extern const char cmk_seccomp_default[], cmk_seccomp_default_end[];

struct compiler {
	scmp_filter_ctx ctx;
	char **caps;
	uint32_t default_action;
};

static int errno_of_name(const char *name, uint32_t *ret)
{
	static const struct {
		const char *name;
		uint32_t code;
	} known[] = {
		{ "EPERM", EPERM },   { "ENOSYS", ENOSYS },   { "EINVAL", EINVAL },
		{ "EACCES", EACCES }, { "ENOTSUP", ENOTSUP }, { "EAFNOSUPPORT", EAFNOSUPPORT }
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (streq(name, known[i].name)) {
			*ret = known[i].code;
			return 0;
		}
	}
	return parse_u32(name, 4095, ret);
}

/* OBJ has CODE_KEY (a number) or NAME_KEY ("EPERM"); without either it is EPERM, as in runtime-spec
 * config-linux.md. */
static int read_errno(const struct json *obj, const char *code_key, const char *name_key,
		      uint32_t *ret, struct cmk_err *err)
{
	const struct json *code = json_get(obj, code_key), *name = json_get(obj, name_key);
	uint64_t v = EPERM;

	if (code && code->type != JSON_NULL && json_u64(code, 4095, &v) < 0)
		return cmk_err_set(err, -EINVAL, "bad value of '%s'", code_key);
	*ret = (uint32_t)v;
	if (json_str(name) && *json_str(name) && errno_of_name(json_str(name), ret) < 0)
		return cmk_err_set(err, -EINVAL, "unknown error name '%s'", json_str(name));
	return 0;
}

static int read_action(const char *name, uint32_t code, uint32_t *ret, struct cmk_err *err)
{
	if (!name)
		return cmk_err_set(err, -EINVAL, "an action is missing");
	if (streq(name, "SCMP_ACT_ALLOW"))
		*ret = SCMP_ACT_ALLOW;
	else if (streq(name, "SCMP_ACT_ERRNO"))
		*ret = SCMP_ACT_ERRNO(code);
	else if (streq(name, "SCMP_ACT_KILL") || streq(name, "SCMP_ACT_KILL_THREAD"))
		*ret = SCMP_ACT_KILL_THREAD;
	else if (streq(name, "SCMP_ACT_KILL_PROCESS"))
		*ret = SCMP_ACT_KILL_PROCESS;
	else if (streq(name, "SCMP_ACT_TRAP"))
		*ret = SCMP_ACT_TRAP;
	else if (streq(name, "SCMP_ACT_TRACE"))
		*ret = SCMP_ACT_TRACE(code);
	else if (streq(name, "SCMP_ACT_LOG"))
		*ret = SCMP_ACT_LOG;
	else if (streq(name, "SCMP_ACT_NOTIFY"))
		return cmk_err_set(err, -EOPNOTSUPP,
				   "action 'SCMP_ACT_NOTIFY' is not supported yet");
	else
		return cmk_err_set(err, -EINVAL, "unknown action '%s'", name);
	return 0;
}

static int read_operator(const char *name, enum scmp_compare *ret)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} known[] = { { "SCMP_CMP_NE", SCMP_CMP_NE },
		      { "SCMP_CMP_LT", SCMP_CMP_LT },
		      { "SCMP_CMP_LE", SCMP_CMP_LE },
		      { "SCMP_CMP_EQ", SCMP_CMP_EQ },
		      { "SCMP_CMP_GE", SCMP_CMP_GE },
		      { "SCMP_CMP_GT", SCMP_CMP_GT },
		      { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ } };

	for (size_t i = 0; name && i < ARRAY_LEN(known); i++) {
		if (streq(name, known[i].name)) {
			*ret = known[i].op;
			return 0;
		}
	}
	return -EINVAL;
}

static uint32_t arch_by_name(const char *name)
{
	/* "SCMP_ARCH_X86_64" in archMap and architectures, "amd64" in includes. */
	static const struct {
		const char *scmp, *go;
		uint32_t arch;
	} known[] = {
		{ "SCMP_ARCH_X86_64", "amd64", SCMP_ARCH_X86_64 },
		{ "SCMP_ARCH_X86", "x86", SCMP_ARCH_X86 },
		{ "SCMP_ARCH_X86", "386", SCMP_ARCH_X86 },
		{ "SCMP_ARCH_X32", "x32", SCMP_ARCH_X32 },
		{ "SCMP_ARCH_AARCH64", "arm64", SCMP_ARCH_AARCH64 },
		{ "SCMP_ARCH_ARM", "arm", SCMP_ARCH_ARM },
		{ "SCMP_ARCH_S390X", "s390x", SCMP_ARCH_S390X },
		{ "SCMP_ARCH_S390", "s390", SCMP_ARCH_S390 },
		{ "SCMP_ARCH_PPC64LE", "ppc64le", SCMP_ARCH_PPC64LE },
		{ "SCMP_ARCH_RISCV64", "riscv64", SCMP_ARCH_RISCV64 },
	};

	for (size_t i = 0; name && i < ARRAY_LEN(known); i++)
		if (streq(name, known[i].scmp) || streq(name, known[i].go))
			return known[i].arch;
	return 0;
}

static bool list_has_arch(const struct json *list)
{
	json_each (a, list)
		if (arch_by_name(json_str(a)) == seccomp_arch_native())
			return true;
	return false;
}

static bool list_has_cap(const struct compiler *c, const struct json *list, bool all)
{
	json_each (cap, list) {
		bool has = json_str(cap) && strv_has(c->caps, json_str(cap));

		if (has != all)
			return has;
	}
	return all;
}

/* includes and excludes as containers-common reads them: every included capability and one of the
 * architectures must be there, no excluded one may. */
static bool rule_applies(const struct compiler *c, const struct json *rule)
{
	const struct json *inc = json_get(rule, "includes"), *exc = json_get(rule, "excludes");
	const struct json *arches = json_get(inc, "arches");

	if (arches && arches->n > 0 && !list_has_arch(arches))
		return false;
	if (!list_has_cap(c, json_get(inc, "caps"), true))
		return false;
	if (list_has_arch(json_get(exc, "arches")))
		return false;
	return !list_has_cap(c, json_get(exc, "caps"), false);
}

#define ARGS_MAX 6
struct rule {
	uint32_t action;
	struct scmp_arg_cmp args[ARGS_MAX];
	unsigned int n_args;
	bool same_index; /* two conditions on one argument: libseccomp cannot join them, each is a
			    rule (as runc does) */
};

static int read_args(const struct json *args, struct rule *rule, struct cmk_err *err)
{
	json_each (a, args) {
		uint64_t index = 0, value = 0, two = 0;
		enum scmp_compare op;

		if (rule->n_args == ARGS_MAX)
			return cmk_err_set(err, -EINVAL, "more than %d arguments", ARGS_MAX);
		if (json_u64(json_get(a, "index"), 5, &index) < 0)
			return cmk_err_set(err, -EINVAL, "bad 'index' of an argument");
		if (read_operator(json_str(json_get(a, "op")), &op) < 0)
			return cmk_err_set(err, -EINVAL, "bad 'op' of an argument");
		if (json_get(a, "value") && json_u64(json_get(a, "value"), UINT64_MAX, &value) < 0)
			return cmk_err_set(err, -EINVAL, "bad 'value' of an argument");
		if (json_get(a, "valueTwo") &&
		    json_u64(json_get(a, "valueTwo"), UINT64_MAX, &two) < 0)
			return cmk_err_set(err, -EINVAL, "bad 'valueTwo' of an argument");
		for (unsigned int i = 0; i < rule->n_args; i++)
			rule->same_index |= rule->args[i].arg == index;
		rule->args[rule->n_args++] = (struct scmp_arg_cmp){ (unsigned int)index, op, value,
								    two };
	}
	return 0;
}

static int add_one(struct compiler *c, const struct rule *rule, const char *name,
		   struct cmk_err *err)
{
	int nr = seccomp_syscall_resolve_name(name), r = 0;

	/* A name this libseccomp does not know is a newer system call: the default action covers
	 * it. */
	if (nr == __NR_SCMP_ERROR || rule->action == c->default_action)
		return 0;
	if (rule->same_index) {
		for (unsigned int i = 0; r == 0 && i < rule->n_args; i++)
			r = seccomp_rule_add_array(c->ctx, rule->action, nr, 1, &rule->args[i]);
	} else {
		r = seccomp_rule_add_array(c->ctx, rule->action, nr, rule->n_args, rule->args);
	}
	/* -EEXIST: the same rule twice. */
	if (r < 0 && r != -EEXIST)
		return cmk_err_set(err, r, "system call '%s': %s", name, errno_text(-r));
	return 0;
}

static int add_rule(struct compiler *c, const struct json *obj, struct cmk_err *err)
{
	const struct json *names = json_get(obj, "names");
	struct rule rule = { 0 };
	uint32_t code;
	int r;

	if (!rule_applies(c, obj))
		return 0;
	r = read_errno(obj, "errnoRet", "errno", &code, err);
	if (r < 0)
		return r;
	r = read_action(json_str(json_get(obj, "action")), code, &rule.action, err);
	if (r < 0)
		return r;
	r = read_args(json_get(obj, "args"), &rule, err);
	if (r < 0)
		return r;
	if (json_str(json_get(obj, "name")))
		return add_one(c, &rule, json_str(json_get(obj, "name")), err);
	if (!names || names->type != JSON_ARRAY)
		return cmk_err_set(err, -EINVAL, "a rule without 'names'");
	json_each (n, names) {
		if (!json_str(n))
			return cmk_err_set(err, -EINVAL, "a name that is no string");
		r = add_one(c, &rule, json_str(n), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_arch(struct compiler *c, const char *name, struct cmk_err *err)
{
	uint32_t arch = arch_by_name(name);
	int r;

	if (!arch)
		return 0;
	r = seccomp_arch_add(c->ctx, arch);
	/* -EDOM: other byte order, as foreign architectures of a list have. */
	if (r < 0 && r != -EEXIST && r != -EDOM)
		return cmk_err_set(err, r, "architecture '%s': %s", name, errno_text(-r));
	return 0;
}

static int add_arches(struct compiler *c, const struct json *root, struct cmk_err *err)
{
	int r;

	json_each (a, json_get(root, "architectures")) {
		r = add_arch(c, json_str(a), err);
		if (r < 0)
			return r;
	}
	json_each (m, json_get(root, "archMap")) {
		if (arch_by_name(json_str(json_get(m, "architecture"))) != seccomp_arch_native())
			continue;
		json_each (sub, json_get(m, "subArchitectures")) {
			r = add_arch(c, json_str(sub), err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int compile(struct compiler *c, const struct json *root, struct cmk_err *err)
{
	uint32_t code;
	int r;

	if (!root || root->type != JSON_OBJECT)
		return cmk_err_set(err, -EINVAL, "not a JSON object");
	r = read_errno(root, "defaultErrnoRet", "defaultErrno", &code, err);
	if (r < 0)
		return r;
	r = read_action(json_str(json_get(root, "defaultAction")), code, &c->default_action, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "'defaultAction'");
	c->ctx = seccomp_init(c->default_action);
	if (!c->ctx)
		return cmk_err_set(err, -EINVAL, "libseccomp refuses the default action");
	/* cmk sets no_new_privs itself where it is wanted; 2 is a binary search instead of a list.
	 */
	(void)seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_NNP, 0);
	(void)seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_arches(c, root, err);
	if (r < 0)
		return r;
	json_each (rule, json_get(root, "syscalls")) {
		r = add_rule(c, rule, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where libseccomp lies and which file it is: what a cached filter depends on beside its inputs. */
static void describe_library(struct seccomp_compiled *head)
{
	const struct scmp_version *v = seccomp_version();
	struct stat st;
	Dl_info info;

	head->version = v->major << 16 | v->minor << 8 | v->micro;
	head->api = seccomp_api_get();
	if (dladdr((void *)(uintptr_t)seccomp_version, &info) == 0 || !info.dli_fname ||
	    stat(info.dli_fname, &st) < 0)
		return;
	(void)snprintf(head->library, sizeof(head->library), "%s", info.dli_fname);
	head->library_ino = st.st_ino;
	head->library_size = (uint64_t)st.st_size;
	head->library_mtime_ns = seccomp_stat_mtime_ns(&st);
}

static int export(struct compiler *c, struct cmk_err *err)
{
	struct seccomp_compiled head = { .magic = SECCOMP_COMPILED_MAGIC };
	cleanup_close int fd = memfd_create("bpf", MFD_CLOEXEC);
	cleanup_free char *bpf = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "memfd_create");
	r = seccomp_export_bpf(c->ctx, fd);
	if (r < 0)
		return cmk_err_set(err, r, "export: %s", errno_text(-r));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "lseek");
	r = file_read_fd(fd, SECCOMP_INSNS_MAX * sizeof(struct sock_filter), &bpf, &len, err);
	if (r < 0)
		return r;
	describe_library(&head);
	head.n = (uint32_t)(len / sizeof(struct sock_filter));
	r = write_all(STDOUT_FILENO, &head, sizeof(head));
	if (r == 0)
		r = write_all(STDOUT_FILENO, bpf, len);
	if (r < 0)
		return cmk_err_set(err, r, "write: %s", errno_text(-r));
	return 0;
}

static int run(const char *profile, const char *caps, struct cmk_err *err)
{
	struct compiler c = { .caps = strv_split(caps, ',') };
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (streq(profile, "default")) {
		len = (size_t)(cmk_seccomp_default_end - cmk_seccomp_default);
		r = json_parse(cmk_seccomp_default, len, PROFILE_MAX, &doc, err);
	} else {
		r = file_read_fd(STDIN_FILENO, PROFILE_MAX, &text, &len, err);
		if (r == 0)
			r = json_parse(text, len, PROFILE_MAX, &doc, err);
	}
	if (r == 0)
		r = compile(&c, json_root(doc), err);
	if (r == 0)
		r = export(&c, err);
	if (c.ctx)
		seccomp_release(c.ctx);
	c.caps = strv_free(c.caps);
	return r;
}

int main(int argc, char **argv)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: cmk-seccomp default|- CAPS\n");
		return 2;
	}
	if (run(argv[1], argv[2], &err) < 0) {
		(void)fprintf(stderr, "%s\n", cmk_err_msg(&err));
		return 1;
	}
	return 0;
}
