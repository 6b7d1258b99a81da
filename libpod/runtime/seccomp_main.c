// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-seccomp PROFILE CAPS [text]: compiles a seccomp profile and writes it to stdout.
 *
 * With "text" it is written in the runtime-spec's form instead, with what applies here alone, for a
 * runtime of others. PROFILE is "default" (built in) or "-" (a JSON document on stdin, see
 * seccomp_profile.h); CAPS are the granted capabilities, separated by commas, or "". The output is
 * what seccomp_compiled.h says. A program of its own, so that cmk itself never maps libseccomp: it
 * runs only when the cache has no entry.
 *
 * It may: read stdin, write stdout and stderr, ask for memory. No file, no socket, no process; it
 * enters its sandbox before it reads a byte of the profile.
 */
#include <dlfcn.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "libpod/runtime/seccomp_compiled.h"
#include "libpod/runtime/seccomp_profile.h"

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
	uint32_t default_action;
	int bpf_fd; /* memory for libseccomp to write to, made before the sandbox */
	struct seccomp_compiled head;
};

static uint32_t action_of(enum seccomp_action action, uint32_t code)
{
	switch (action) {
	case SECCOMP_ALLOW:
		return SCMP_ACT_ALLOW;
	case SECCOMP_ERRNO:
		return SCMP_ACT_ERRNO(code);
	case SECCOMP_KILL_THREAD:
		return SCMP_ACT_KILL_THREAD;
	case SECCOMP_KILL_PROCESS:
		return SCMP_ACT_KILL_PROCESS;
	case SECCOMP_TRAP:
		return SCMP_ACT_TRAP;
	case SECCOMP_TRACE:
		return SCMP_ACT_TRACE(code);
	case SECCOMP_LOG:
		return SCMP_ACT_LOG;
	case SECCOMP_NOTIFY:
		break;
	}
	return SCMP_ACT_NOTIFY;
}

static enum scmp_compare operator_of(enum seccomp_operator op)
{
	switch (op) {
	case SECCOMP_NE:
		return SCMP_CMP_NE;
	case SECCOMP_LT:
		return SCMP_CMP_LT;
	case SECCOMP_LE:
		return SCMP_CMP_LE;
	case SECCOMP_EQ:
		return SCMP_CMP_EQ;
	case SECCOMP_GE:
		return SCMP_CMP_GE;
	case SECCOMP_GT:
		return SCMP_CMP_GT;
	case SECCOMP_MASKED_EQ:
		break;
	}
	return SCMP_CMP_MASKED_EQ;
}

/* Two conditions on one argument libseccomp cannot join: each is a rule (as runc does). */
static int add_one(struct compiler *c, const struct seccomp_rule *rule, const char *name,
		   struct cmk_err *err)
{
	struct scmp_arg_cmp args[SECCOMP_ARGS_MAX];
	uint32_t action = action_of(rule->action, rule->code);
	int nr = seccomp_syscall_resolve_name(name), r = 0;

	/* A name this libseccomp does not know is a newer system call: the default action covers
	 * it. */
	if (nr == __NR_SCMP_ERROR || action == c->default_action)
		return 0;
	for (unsigned int i = 0; i < rule->n_args; i++)
		args[i] = (struct scmp_arg_cmp){ rule->args[i].index, operator_of(rule->args[i].op),
						 rule->args[i].value, rule->args[i].value_two };
	if (rule->same_index) {
		for (unsigned int i = 0; r == 0 && i < rule->n_args; i++)
			r = seccomp_rule_add_array(c->ctx, action, nr, 1, &args[i]);
	} else {
		r = seccomp_rule_add_array(c->ctx, action, nr, rule->n_args, args);
	}
	/* -EEXIST: the same rule twice. */
	if (r < 0 && r != -EEXIST)
		return cmk_err_set(err, r, "system call '%s': %s", name, errno_text(-r));
	return 0;
}

/* Of the names that the text may have those that this libseccomp has. */
static uint32_t arch_of(const char *name)
{
	cleanup_free char *token = xstrdup(str_after(name, "SCMP_ARCH_") ?: name);

	for (char *p = token; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return seccomp_arch_resolve_name(token);
}

static int add_arches(struct compiler *c, const struct seccomp_profile *p, struct cmk_err *err)
{
	for (char **a = p->arches; a && *a; a++) {
		uint32_t arch = arch_of(*a);
		int r = arch ? seccomp_arch_add(c->ctx, arch) : 0;

		/* -EDOM: other byte order, as foreign architectures of a list have. */
		if (r < 0 && r != -EEXIST && r != -EDOM)
			return cmk_err_set(err, r, "architecture '%s': %s", *a, errno_text(-r));
	}
	return 0;
}

static int compile(struct compiler *c, const struct seccomp_profile *p, struct cmk_err *err)
{
	int r;

	c->default_action = action_of(p->action, p->code);
	c->ctx = seccomp_init(c->default_action);
	if (!c->ctx)
		return cmk_err_set(err, -EINVAL, "libseccomp refuses the default action");
	/* cmk sets no_new_privs itself where it is wanted; 2 is a binary search instead of a list.
	 */
	(void)seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_NNP, 0);
	(void)seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_arches(c, p, err);
	for (size_t i = 0; i < p->n_rules; i++)
		for (char **name = p->rules[i].names; r == 0 && *name; name++)
			r = add_one(c, &p->rules[i], *name, err);
	return r;
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

static int export(struct compiler *c, const struct seccomp_profile *p, struct cmk_err *err)
{
	struct seccomp_compiled *head = &c->head;
	const size_t max = SECCOMP_INSNS_MAX * sizeof(struct sock_filter);
	cleanup_free char *bpf = xmalloc(max + 1);
	ssize_t len;
	int r;

	r = seccomp_export_bpf(c->ctx, c->bpf_fd);
	if (r < 0)
		return cmk_err_set(err, r, "export: %s", errno_text(-r));
	if (lseek(c->bpf_fd, 0, SEEK_SET) < 0)
		return cmk_err_errno(err, "lseek");
	len = read_full(c->bpf_fd, bpf, max + 1);
	if (len < 0 || (size_t)len > max)
		return cmk_err_set(err, -EFBIG, "the filter has more than %d instructions",
				   SECCOMP_INSNS_MAX);
	head->magic = SECCOMP_COMPILED_MAGIC;
	head->n = (uint32_t)((size_t)len / sizeof(struct sock_filter));
	head->flags = p->flags;
	head->notifies = p->notifies;
	/* Who notifies nobody needs no listener. */
	head->path_len = p->notifies ? (uint32_t)strlen(p->listener_path) : 0;
	head->metadata_len = p->notifies ? (uint32_t)strlen(p->listener_metadata) : 0;
	r = write_all(STDOUT_FILENO, head, sizeof(*head));
	if (r == 0)
		r = write_all(STDOUT_FILENO, bpf, (size_t)len);
	if (r == 0 && p->notifies)
		r = write_all(STDOUT_FILENO, p->listener_path, head->path_len);
	if (r == 0 && p->notifies)
		r = write_all(STDOUT_FILENO, p->listener_metadata, head->metadata_len);
	if (r < 0)
		return cmk_err_set(err, r, "write: %s", errno_text(-r));
	return 0;
}

/* What libseccomp asks the kernel and the file system comes first, and is remembered by it. */
static int prepare(struct compiler *c, struct seccomp_host *host, struct cmk_err *err)
{
	static const struct sandbox_policy policy = { .rights = 0 };
	struct utsname uts;

	describe_library(&c->head);
	host->arch = NULL;
	for (size_t i = 0; seccomp_arch_at(i) && !host->arch; i++)
		if (arch_of(seccomp_arch_at(i)) == seccomp_arch_native())
			host->arch = seccomp_arch_at(i);
	if (!host->arch || uname(&uts) < 0)
		return cmk_err_set(err, -ENOSYS, "this machine's architecture is not known");
	seccomp_host_kernel(host, uts.release);
	c->bpf_fd = memfd_create("bpf", MFD_CLOEXEC);
	if (c->bpf_fd < 0)
		return cmk_err_errno(err, "memfd_create");
	return sandbox_enter(&policy, err);
}

static int write_text(const struct seccomp_profile *p, const struct seccomp_host *host,
		      struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r = seccomp_profile_text(p, host, &text, &len, err);

	if (r == 0)
		r = write_all(STDOUT_FILENO, text, len);
	return r < 0 && err && !err->msg ? cmk_err_set(err, r, "write: %s", errno_text(-r)) : r;
}

static int run(const char *name, const char *caps, bool as_text, struct cmk_err *err)
{
	cleanup_strv char **granted = strv_split(caps, ',');
	cleanup(seccomp_profile_done) struct seccomp_profile profile = { 0 };
	struct seccomp_host host = { .caps = granted };
	struct compiler c = { .bpf_fd = -1 };
	cleanup_free char *text = NULL;
	size_t len;
	ssize_t n;
	int r;

	r = prepare(&c, &host, err);
	if (r == 0 && streq(name, "default")) {
		len = (size_t)(cmk_seccomp_default_end - cmk_seccomp_default);
		r = seccomp_profile_parse(cmk_seccomp_default, len, &host, &profile, err);
	} else if (r == 0) {
		text = xmalloc(SECCOMP_PROFILE_MAX + 1);
		n = read_full(STDIN_FILENO, text, SECCOMP_PROFILE_MAX + 1);
		r = n < 0 ? cmk_err_set(err, (int)n, "read: %s", errno_text((int)-n))
			  : seccomp_profile_parse(text, (size_t)n, &host, &profile, err);
	}
	if (r == 0 && as_text)
		return write_text(&profile, &host, err);
	if (r == 0)
		r = compile(&c, &profile, err);
	if (r == 0)
		r = export(&c, &profile, err);
	if (c.ctx)
		seccomp_release(c.ctx);
	return r;
}

int main(int argc, char **argv)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (argc != 3 && !(argc == 4 && streq(argv[3], "text"))) {
		(void)fprintf(stderr, "usage: cmk-seccomp default|- CAPS [text]\n");
		return 2;
	}
	if (run(argv[1], argv[2], argc == 4, &err) < 0) {
		(void)fprintf(stderr, "%s\n", cmk_err_msg(&err));
		return 1;
	}
	return 0;
}
