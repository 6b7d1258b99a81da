// SPDX-License-Identifier: Apache-2.0
#include "libpod/runtime/seccomp_profile.h"

#include <linux/seccomp.h>
#include <stdarg.h>

#include "base/json.h"
#include "base/parse.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */
#define DATA_MAX 65535 /* SECCOMP_RET_DATA */

struct reader {
	const char *text;
	size_t len;
	const struct seccomp_host *host;
	int rule, arg; /* where we are; -1: not in one */
	struct seccomp_profile *p;
	struct cmk_err *err;
};

/* V: the value that is wrong, or what it should stand in. */
static int bad(const struct reader *r, const struct json *v, const char *field, const char *fmt,
	       ...) __attribute__((format(printf, 4, 5)));
static int bad(const struct reader *r, const struct json *v, const char *field, const char *fmt,
	       ...)
{
	char rule[32] = "", arg[32] = "", why[512];
	va_list ap;

	if (r->rule >= 0)
		(void)snprintf(rule, sizeof(rule), "syscalls[%d].", r->rule);
	if (r->arg >= 0)
		(void)snprintf(arg, sizeof(arg), "args[%d].", r->arg);
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return cmk_err_set(r->err, -EINVAL, "line %zu: %s%s%s: %s", json_line(r->text, r->len, v),
			   rule, arg, field, why);
}

/* Member KEY, NULL where it is absent or null; *RET_BAD where it is of another type. */
static const struct json *member(const struct reader *r, const struct json *obj, const char *key,
				 enum json_type type, int *ret_bad)
{
	static const char *const types[] = { "null",	 "true or false", "a number",
					     "a string", "a list",	  "an object" };
	const struct json *v = json_get(obj, key);

	if (!v || v->type == JSON_NULL)
		return NULL;
	if (v->type != type && *ret_bad == 0)
		*ret_bad = bad(r, v, key, "it is not %s", types[type]);
	return v->type == type ? v : NULL;
}

struct word {
	const char *name;
	unsigned int value;
};

static int find_word(const struct word *list, size_t n, const char *name, unsigned int *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (streq(list[i].name, name)) {
			*ret = list[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct word actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_ALLOW },
	{ "SCMP_ACT_ERRNO", SECCOMP_ERRNO },
	{ "SCMP_ACT_KILL", SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SECCOMP_TRAP },
	{ "SCMP_ACT_TRACE", SECCOMP_TRACE },
	{ "SCMP_ACT_LOG", SECCOMP_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_NOTIFY },
};

static const struct word operators[] = {
	{ "SCMP_CMP_NE", SECCOMP_NE },
	{ "SCMP_CMP_LT", SECCOMP_LT },
	{ "SCMP_CMP_LE", SECCOMP_LE },
	{ "SCMP_CMP_EQ", SECCOMP_EQ },
	{ "SCMP_CMP_GE", SECCOMP_GE },
	{ "SCMP_CMP_GT", SECCOMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SECCOMP_MASKED_EQ },
};

static const struct word flag_words[] = {
	/* A process of one thread installs the filter. */
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

/* "SCMP_ARCH_X86_64" in archMap and architectures, "amd64" in includes. */
static const char *const known_arches[][2] = {
	{ "SCMP_ARCH_X86_64", "amd64" },
	{ "SCMP_ARCH_X86", "386" },
	{ "SCMP_ARCH_X86", "x86" },
	{ "SCMP_ARCH_X32", "x32" },
	{ "SCMP_ARCH_AARCH64", "arm64" },
	{ "SCMP_ARCH_ARM", "arm" },
	{ "SCMP_ARCH_S390X", "s390x" },
	{ "SCMP_ARCH_S390", "s390" },
	{ "SCMP_ARCH_PPC64LE", "ppc64le" },
	{ "SCMP_ARCH_PPC64", "ppc64" },
	{ "SCMP_ARCH_PPC", "ppc" },
	{ "SCMP_ARCH_RISCV64", "riscv64" },
	{ "SCMP_ARCH_MIPS", "mips" },
	{ "SCMP_ARCH_MIPS64", "mips64" },
	{ "SCMP_ARCH_MIPS64N32", "mips64p32" },
	{ "SCMP_ARCH_MIPSEL", "mipsle" },
	{ "SCMP_ARCH_MIPSEL64", "mips64le" },
	{ "SCMP_ARCH_MIPSEL64N32", "mips64p32le" },
	{ "SCMP_ARCH_PARISC", "parisc" },
	{ "SCMP_ARCH_PARISC64", "parisc64" },
	{ "SCMP_ARCH_LOONGARCH64", "loong64" },
	{ "SCMP_ARCH_M68K", "m68k" },
	{ "SCMP_ARCH_SH", "sh" },
	{ "SCMP_ARCH_SHEB", "sheb" },
};

const char *seccomp_arch_name(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(known_arches); i++)
		if (streq(name, known_arches[i][0]) || streq(name, known_arches[i][1]))
			return known_arches[i][0];
	return NULL;
}

const char *seccomp_arch_at(size_t i)
{
	return i < ARRAY_LEN(known_arches) ? known_arches[i][0] : NULL;
}

/* "EPERM", as the C library names it. */
static int errno_by_name(const char *name, uint32_t *ret)
{
	static const struct word others[] = { { "EWOULDBLOCK", EWOULDBLOCK },
					      { "EDEADLOCK", EDEADLOCK },
					      { "ENOTSUP", ENOTSUP },
					      { "EOPNOTSUPP", EOPNOTSUPP } };

	if (find_word(others, ARRAY_LEN(others), name, ret) == 0)
		return 0;
	for (int i = 1; i <= ERRNO_MAX; i++) {
		const char *known = strerrorname_np(i);

		if (known && streq(known, name)) {
			*ret = (uint32_t)i;
			return 0;
		}
	}
	return parse_u32(name, ERRNO_MAX, ret);
}

/* An action that has a code takes it from CODE_KEY (a number) or NAME_KEY ("EPERM"); without either
 * it is EPERM. */
static int read_action(const struct reader *r, const struct json *obj, const char *key,
		       const char *code_key, const char *name_key, enum seccomp_action *ret,
		       uint32_t *ret_code)
{
	int wrong = 0;
	const struct json *action = member(r, obj, key, JSON_STRING, &wrong);
	const struct json *code = member(r, obj, code_key, JSON_NUMBER, &wrong);
	const struct json *name = member(r, obj, name_key, JSON_STRING, &wrong);
	unsigned int value = 0;
	uint64_t n = EPERM;

	if (wrong < 0)
		return wrong;
	if (!action)
		return bad(r, obj, key, "there is none");
	if (find_word(actions, ARRAY_LEN(actions), action->text, &value) < 0)
		return bad(r, action, key, "'%.80s' is not an action", action->text);
	if (code && value != SECCOMP_ERRNO && value != SECCOMP_TRACE)
		return bad(r, code, code_key, "%s takes no error number", action->text);
	if (code && json_u64(code, value == SECCOMP_TRACE ? DATA_MAX : ERRNO_MAX, &n) < 0)
		return bad(r, code, code_key, "%.40s is not an error number", code->text);
	*ret_code = (uint32_t)n;
	if (name && *name->text && errno_by_name(name->text, ret_code) < 0)
		return bad(r, name, name_key, "'%.40s' is not the name of an error", name->text);
	if (name && *name->text && code && *ret_code != n)
		return bad(r, name, name_key, "%s and '%s' are two error numbers", code->text,
			   name->text);
	*ret = (enum seccomp_action)value;
	return 0;
}

/* The number of KEY, FALLBACK where it is absent. */
static int read_number(const struct reader *r, const struct json *obj, const char *key,
		       uint64_t max, uint64_t *ret)
{
	int wrong = 0;
	const struct json *v = member(r, obj, key, JSON_NUMBER, &wrong);

	*ret = 0;
	if (v && json_u64(v, max, ret) < 0)
		return bad(r, v, key, "%.40s is not a number from 0 to %llu", v->text,
			   (unsigned long long)max);
	return wrong;
}

static int read_arg(const struct reader *r, const struct json *obj, struct seccomp_rule *rule)
{
	struct seccomp_arg *a = &rule->args[rule->n_args];
	const struct json *op;
	uint64_t index = 0;
	unsigned int value;
	int wrong = 0;

	if (obj->type != JSON_OBJECT)
		return bad(r, obj, "", "it is not an object");
	op = member(r, obj, "op", JSON_STRING, &wrong);
	if (wrong < 0 || read_number(r, obj, "index", SECCOMP_ARGS_MAX - 1, &index) < 0 ||
	    read_number(r, obj, "value", UINT64_MAX, &a->value) < 0 ||
	    read_number(r, obj, "valueTwo", UINT64_MAX, &a->value_two) < 0)
		return -EINVAL;
	if (!op)
		return bad(r, obj, "op", "there is none");
	if (find_word(operators, ARRAY_LEN(operators), op->text, &value) < 0)
		return bad(r, op, "op", "'%.80s' is not an operator", op->text);
	a->op = (enum seccomp_operator)value;
	a->index = (unsigned int)index;
	for (unsigned int i = 0; i < rule->n_args; i++)
		rule->same_index |= rule->args[i].index == a->index;
	rule->n_args++;
	return 0;
}

static int read_args(struct reader *r, const struct json *obj, struct seccomp_rule *rule)
{
	int wrong = 0;
	const struct json *args = member(r, obj, "args", JSON_ARRAY, &wrong);

	if (args && args->n > SECCOMP_ARGS_MAX)
		return bad(r, args, "args", "more than %d", SECCOMP_ARGS_MAX);
	json_each (a, args) {
		r->arg++;
		wrong = read_arg(r, a, rule);
		if (wrong < 0)
			break;
	}
	r->arg = -1;
	return wrong;
}

static int check_strings(const struct reader *r, const struct json *list, const char *key)
{
	json_each (v, list) {
		if (v->type != JSON_STRING)
			return bad(r, v, key, "an element is not a string");
	}
	return 0;
}

static int read_names(const struct reader *r, const struct json *obj, struct seccomp_rule *rule)
{
	int wrong = 0;
	const struct json *names = member(r, obj, "names", JSON_ARRAY, &wrong);
	const struct json *name = member(r, obj, "name", JSON_STRING, &wrong);

	if (wrong < 0 || check_strings(r, names, "names") < 0)
		return -EINVAL;
	if (name && *name->text && names && names->n > 0)
		return bad(r, name, "name", "'name' and 'names' are both there");
	if (name && *name->text)
		strv_add(&rule->names, name->text);
	else
		(void)json_strv(names, &rule->names);
	return rule->names ? 0 : bad(r, names ?: obj, "names", "there is no system call");
}

/* "4.8"; what follows is returned, NULL where it does not begin so. */
static const char *kernel_version(const char *text, uint32_t *ret_major, uint32_t *ret_minor)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(text, digits), m = text[n] == '.' ? strspn(text + n + 1, digits) : 0;
	uint64_t major, minor;

	if (n == 0 || m == 0 || parse_u64_n(text, n, UINT32_MAX, &major) < 0 ||
	    parse_u64_n(text + n + 1, m, UINT32_MAX, &minor) < 0)
		return NULL;
	*ret_major = (uint32_t)major;
	*ret_minor = (uint32_t)minor;
	return text + n + 1 + m;
}

static int read_kernel(const struct reader *r, const struct json *v, bool *ret_reached)
{
	uint32_t major, minor;
	const char *rest = kernel_version(v->text, &major, &minor);

	if (!rest || *rest)
		return bad(r, v, "minKernel", "'%.40s' is not of the form MAJOR.MINOR", v->text);
	*ret_reached = r->host->kernel_major > major ||
		       (r->host->kernel_major == major && r->host->kernel_minor >= minor);
	return 0;
}

/* How much of "includes" or "excludes" fits the host. */
struct condition {
	bool all_caps, a_cap, arches, arch, has_kernel, kernel;
};

static int read_condition(const struct reader *r, const struct json *rule, const char *key,
			  struct condition *ret)
{
	int wrong = 0;
	const struct json *obj = member(r, rule, key, JSON_OBJECT, &wrong);
	const struct json *caps = member(r, obj, "caps", JSON_ARRAY, &wrong);
	const struct json *arches = member(r, obj, "arches", JSON_ARRAY, &wrong);
	const struct json *kernel = member(r, obj, "minKernel", JSON_STRING, &wrong);
	struct condition c = { .all_caps = true, .arches = arches && arches->n > 0 };

	if (wrong < 0 || check_strings(r, caps, "caps") < 0 ||
	    check_strings(r, arches, "arches") < 0)
		return -EINVAL;
	json_each (cap, caps) {
		bool has = strv_has(r->host->caps, cap->text);

		c.all_caps &= has;
		c.a_cap |= has;
	}
	json_each (a, arches) {
		const char *name = seccomp_arch_name(a->text);

		c.arch |= name && streq(name, r->host->arch);
	}
	if (kernel && *kernel->text) {
		c.has_kernel = true;
		if (read_kernel(r, kernel, &c.kernel) < 0)
			return -EINVAL;
	}
	*ret = c;
	return 0;
}

/* 1: every included capability, one of the included architectures and the kernel are there, and no
 * excluded one is. */
static int rule_applies(const struct reader *r, const struct json *rule)
{
	struct condition in = { 0 }, out = { 0 };

	if (read_condition(r, rule, "includes", &in) < 0 ||
	    read_condition(r, rule, "excludes", &out) < 0)
		return -EINVAL;
	return in.all_caps && (!in.arches || in.arch) && (!in.has_kernel || in.kernel) &&
	       !out.a_cap && !out.arch && !out.kernel;
}

static int read_rule(struct reader *r, const struct json *obj)
{
	struct seccomp_profile *p = r->p;
	struct seccomp_rule rule = { 0 };
	int applies;

	if (obj->type != JSON_OBJECT)
		return bad(r, obj, "", "it is not an object");
	applies = rule_applies(r, obj);
	if (applies < 0 ||
	    read_action(r, obj, "action", "errnoRet", "errno", &rule.action, &rule.code) < 0 ||
	    read_args(r, obj, &rule) < 0)
		return -EINVAL;
	if (read_names(r, obj, &rule) < 0)
		return -EINVAL;
	/* By it we pass the listener on. */
	if (applies && rule.action == SECCOMP_NOTIFY && strv_has(rule.names, "sendmsg")) {
		(void)strv_free(rule.names);
		return bad(r, obj, "names", "'sendmsg' cannot have the action SCMP_ACT_NOTIFY");
	}
	if (!applies) {
		(void)strv_free(rule.names);
		return 0;
	}
	p->notifies |= rule.action == SECCOMP_NOTIFY;
	p->rules = xrealloc(p->rules, p->n_rules + 1, sizeof(*p->rules));
	p->rules[p->n_rules++] = rule;
	return 0;
}

static int read_rules(struct reader *r, const struct json *root)
{
	int wrong = 0;
	const struct json *list = member(r, root, "syscalls", JSON_ARRAY, &wrong);

	json_each (rule, list) {
		r->rule++;
		wrong = read_rule(r, rule);
		if (wrong < 0)
			return wrong;
	}
	r->rule = -1;
	return wrong;
}

static int add_arch(const struct reader *r, const struct json *v, const char *key)
{
	const char *name = seccomp_arch_name(json_str(v));

	if (!name)
		return bad(r, v, key, "'%.80s' is not an architecture", json_str(v) ?: "");
	if (!strv_has(r->p->arches, name))
		strv_add(&r->p->arches, name);
	return 0;
}

static int read_arches(const struct reader *r, const struct json *root)
{
	int wrong = 0;
	const struct json *list = member(r, root, "architectures", JSON_ARRAY, &wrong);
	const struct json *map = member(r, root, "archMap", JSON_ARRAY, &wrong);

	if (list && map && list->n > 0 && map->n > 0)
		return bad(r, map, "archMap", "'architectures' and 'archMap' are both there");
	json_each (a, list)
		wrong = wrong < 0 ? wrong : add_arch(r, a, "architectures");
	json_each (m, map) {
		const char *name = seccomp_arch_name(json_str(json_get(m, "architecture")));
		const struct json *sub = member(r, m, "subArchitectures", JSON_ARRAY, &wrong);

		if (!name && wrong == 0)
			wrong = bad(r, m, "archMap", "an element has no known 'architecture'");
		if (wrong < 0 || !streq(name, r->host->arch))
			continue;
		json_each (s, sub)
			wrong = wrong < 0 ? wrong : add_arch(r, s, "archMap.subArchitectures");
	}
	return wrong;
}

static int read_flags(const struct reader *r, const struct json *root)
{
	int wrong = 0;

	json_each (f, member(r, root, "flags", JSON_ARRAY, &wrong)) {
		unsigned int bit;

		if (!json_str(f) || find_word(flag_words, ARRAY_LEN(flag_words), f->text, &bit) < 0)
			return bad(r, f, "flags", "'%.80s' is not a flag", json_str(f) ?: "");
		r->p->flags |= bit;
	}
	return wrong;
}

static int read_listener(const struct reader *r, const struct json *root)
{
	int wrong = 0;
	const struct json *path = member(r, root, "listenerPath", JSON_STRING, &wrong);
	const struct json *data = member(r, root, "listenerMetadata", JSON_STRING, &wrong);

	if (wrong < 0)
		return wrong;
	if (path && *path->text != '/' && *path->text)
		return bad(r, path, "listenerPath", "'%.200s' is not an absolute path", path->text);
	if (data && *data->text && !(path && *path->text))
		return bad(r, data, "listenerMetadata", "there is no 'listenerPath'");
	if (path && path->n + (data ? data->n : 0) > SECCOMP_LISTENER_MAX)
		return bad(r, path, "listenerPath", "with its metadata it is longer than %d bytes",
			   SECCOMP_LISTENER_MAX);
	if (path && *path->text) {
		r->p->listener_path = xstrdup(path->text);
		r->p->listener_metadata = xstrdup(data ? data->text : "");
	}
	return 0;
}

static int read_root(struct reader *r, const struct json *root)
{
	struct seccomp_profile *p = r->p;

	if (root->type != JSON_OBJECT)
		return cmk_err_set(r->err, -EINVAL, "it is not a JSON object");
	if (read_action(r, root, "defaultAction", "defaultErrnoRet", "defaultErrno", &p->action,
			&p->code) < 0 ||
	    read_arches(r, root) < 0 || read_flags(r, root) < 0 || read_listener(r, root) < 0 ||
	    read_rules(r, root) < 0)
		return -EINVAL;
	if (p->action == SECCOMP_NOTIFY)
		return bad(r, json_get(root, "defaultAction"), "defaultAction",
			   "SCMP_ACT_NOTIFY cannot be the default");
	if (p->notifies && !p->listener_path)
		return bad(r, root, "listenerPath", "SCMP_ACT_NOTIFY needs one");
	return 0;
}

int seccomp_profile_parse(const char *text, size_t len, const struct seccomp_host *host,
			  struct seccomp_profile *ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct seccomp_profile p = { 0 };
	struct reader r = {
		.text = text, .len = len, .host = host, .rule = -1, .arg = -1, .p = &p, .err = err
	};
	int wrong = json_parse(text, len, SECCOMP_PROFILE_MAX, &doc, err);

	if (wrong == 0)
		wrong = read_root(&r, json_root(doc));
	if (wrong < 0) {
		seccomp_profile_done(&p);
		return wrong;
	}
	*ret = p;
	return 0;
}

static const char *word_of(const struct word *list, size_t n, unsigned int value)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].value == value)
			return list[i].name;
	return NULL;
}

static void write_action(struct json_writer *w, const char *key, const char *code_key,
			 enum seccomp_action action, uint32_t code)
{
	json_write_str(w, key, word_of(actions, ARRAY_LEN(actions), action));
	if (action == SECCOMP_ERRNO || action == SECCOMP_TRACE)
		json_write_u64(w, code_key, code);
}

static void write_rule(struct json_writer *w, const struct seccomp_rule *rule)
{
	json_write_object(w, NULL);
	json_write_strv(w, "names", rule->names);
	write_action(w, "action", "errnoRet", rule->action, rule->code);
	if (rule->n_args)
		json_write_array(w, "args");
	for (unsigned int i = 0; i < rule->n_args; i++) {
		const struct seccomp_arg *a = &rule->args[i];

		json_write_object(w, NULL);
		json_write_u64(w, "index", a->index);
		json_write_u64(w, "value", a->value);
		json_write_u64(w, "valueTwo", a->value_two);
		json_write_str(w, "op", word_of(operators, ARRAY_LEN(operators), a->op));
		json_write_end(w, '}');
	}
	if (rule->n_args)
		json_write_end(w, ']');
	json_write_end(w, '}');
}

int seccomp_profile_text(const struct seccomp_profile *p, const struct seccomp_host *host,
			 char **ret, size_t *ret_len, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;

	json_write_object(&w, NULL);
	write_action(&w, "defaultAction", "defaultErrnoRet", p->action, p->code);
	json_write_array(&w, "architectures");
	json_write_str(&w, NULL, host->arch);
	for (char **a = p->arches; a && *a; a++)
		if (!streq(*a, host->arch))
			json_write_str(&w, NULL, *a);
	json_write_end(&w, ']');
	if (p->flags)
		json_write_array(&w, "flags");
	for (size_t i = 0; i < ARRAY_LEN(flag_words); i++)
		if (p->flags & flag_words[i].value)
			json_write_str(&w, NULL, flag_words[i].name);
	if (p->flags)
		json_write_end(&w, ']');
	if (p->notifies) {
		json_write_str(&w, "listenerPath", p->listener_path);
		json_write_str(&w, "listenerMetadata", p->listener_metadata);
	}
	json_write_array(&w, "syscalls");
	for (size_t i = 0; i < p->n_rules; i++)
		write_rule(&w, &p->rules[i]);
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	return json_writer_finish(&w, ret, ret_len, err);
}

void seccomp_profile_done(struct seccomp_profile *p)
{
	for (size_t i = 0; i < p->n_rules; i++)
		(void)strv_free(p->rules[i].names);
	free(p->rules);
	(void)strv_free(p->arches);
	free(p->listener_path);
	free(p->listener_metadata);
	*p = (struct seccomp_profile){ 0 };
}

void seccomp_host_kernel(struct seccomp_host *h, const char *release)
{
	h->kernel_major = h->kernel_minor = 0;
	(void)kernel_version(release, &h->kernel_major, &h->kernel_minor);
}
