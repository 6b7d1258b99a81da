// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optparse.h"

#include <ctype.h>
#include <sys/resource.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "libpod/spec/rlimit.h"

extern char **environ;

#define ENTRYPOINT_MAX 65536

static int copy_from_caller(char ***env, const char *prefix, size_t len)
{
	for (char **e = environ; e && *e; e++) {
		if (strncmp(*e, prefix, len) == 0 && strchr(*e, '='))
			strv_env_set(env, *e);
	}
	return 0;
}

int opt_env_add(char ***env, const char *text, struct cmk_err *err)
{
	const char *eq = strchr(text, '='), *value;
	size_t len = strlen(text);

	if (len == 0 || eq == text)
		return cmk_err_set(err, -EINVAL, "environment variable '%s' has no name", text);
	if (eq) {
		strv_env_set(env, text);
		return 0;
	}
	if (text[len - 1] == '*')
		return copy_from_caller(env, text, len - 1);
	value = getenv(text);
	if (value) {
		cleanup_free char *s = xasprintf("%s=%s", text, value);

		strv_env_set(env, s);
	}
	return 0;
}

typedef int (*add_fn)(char ***list, const char *text, struct cmk_err *err);

static int file_line(char ***list, add_fn add, const char *line, size_t len, unsigned int number,
		     struct cmk_err *err)
{
	cleanup_free char *s = NULL;
	size_t name_len;

	while (len > 0 && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	/* Files come from Windows, too. */
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0 || *line == '#')
		return 0;
	if (memchr(line, '\0', len))
		return cmk_err_set(err, -EINVAL, "line %u holds a NUL byte", number);
	s = xstrndup(line, len);
	name_len = strcspn(s, "=");
	if (name_len == 0)
		return cmk_err_set(err, -EINVAL, "line %u has no variable name", number);
	for (size_t i = 0; i < name_len; i++) {
		if (isspace((unsigned char)s[i]))
			return cmk_err_set(err, -EINVAL,
					   "line %u: variable name '%.*s' contains white space",
					   number, (int)name_len, s);
	}
	return add(list, s, err);
}

static int parse_file(const char *text, size_t len, char ***list, add_fn add, struct cmk_err *err)
{
	unsigned int number = 0;

	/* A byte order mark is no part of the first name. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;
		int r = file_line(list, add, text, n, ++number, err);

		if (r < 0)
			return r;
		n += nl ? 1 : 0;
		text += n;
		len -= n;
	}
	return 0;
}

int opt_env_file_parse(const char *text, size_t len, char ***env, struct cmk_err *err)
{
	return parse_file(text, len, env, opt_env_add, err);
}

int opt_label_file_parse(const char *text, size_t len, char ***labels, struct cmk_err *err)
{
	return parse_file(text, len, labels, opt_label_add, err);
}

/* The variable's name behind a '$': NAME or {NAME}; its length with the braces, 0 where there is
 * none. */
static size_t variable_at(const char *s, const char **ret_name, size_t *ret_len)
{
	static const char word[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	bool brace = *s == '{';
	size_t n = strspn(s + brace, word);

	*ret_name = s + brace;
	*ret_len = n;
	if (!brace)
		return n;
	return n > 0 && s[1 + n] == '}' ? n + 2 : 0;
}

int opt_env_merge(char ***env, const char *text, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *eq = strchr(text, '=');

	if (!eq || eq == text)
		return cmk_err_set(err, -EINVAL, "--env-merge '%s': the form is NAME=VALUE", text);
	for (const char *p = text; *p;) {
		const char *name;
		size_t len, n = p > eq && *p == '$' ? variable_at(p + 1, &name, &len) : 0;

		if (n > 0) {
			cleanup_free char *key = xstrndup(name, len);
			const char *value = strv_env_get(*env, key);

			strbuf_adds(&out, value ? value : "");
		} else {
			strbuf_addc(&out, *p);
		}
		p += 1 + n;
	}
	strv_env_set(env, strbuf_str(&out));
	return 0;
}

static const char *const rlimit_names[] = {
	"as",	"core",	  "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
	"nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",
};

static int parse_limit(const char *s, uint64_t *ret)
{
	if (streq(s, "-1") || streq(s, "unlimited")) {
		*ret = UINT64_MAX;
		return 0;
	}
	return parse_u64(s, INT64_MAX, ret);
}

static int rlimit_type(const char *name, char **ret, struct cmk_err *err)
{
	const char *rest = str_after(name, "RLIMIT_");
	char *type;

	rest = rest ? rest : name;
	for (size_t i = 0; i < ARRAY_LEN(rlimit_names); i++) {
		if (strcasecmp(rest, rlimit_names[i]) != 0)
			continue;
		type = xasprintf("RLIMIT_%s", rlimit_names[i]);
		for (char *p = type; *p; p++)
			*p = (char)toupper((unsigned char)*p);
		*ret = type;
		return 0;
	}
	return cmk_err_set(err, -EINVAL, "unknown limit '%s'", name);
}

static const char *limit_text(uint64_t limit, char buf[static 32])
{
	if (limit == UINT64_MAX)
		return "-1 (unlimited)";
	(void)snprintf(buf, 32, "%llu", (unsigned long long)limit);
	return buf;
}

int opt_ulimit_parse(const char *text, struct spec_rlimit *ret, struct cmk_err *err)
{
	cleanup_strv char **kv = NULL, **values = NULL;
	cleanup_free char *type = NULL;
	char a[32], b[32];
	uint64_t soft, hard;
	int r;

	if (streq(text, "host")) {
		cmk_err_set(err, -EOPNOTSUPP, "ulimit 'host' is not supported yet");
		return -EOPNOTSUPP;
	}
	kv = strv_split(text, '=');
	if (strv_len(kv) != 2)
		return cmk_err_set(err, -EINVAL, "ulimit '%s': not of the form NAME=SOFT[:HARD]",
				   text);
	r = rlimit_type(kv[0], &type, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "ulimit '%s'", text);
	values = strv_split(kv[1], ':');
	if (strv_len(values) > 2 || parse_limit(values[0], &soft) < 0)
		return cmk_err_set(err, -EINVAL, "ulimit '%s': '%s' is not a limit", text, kv[1]);
	hard = soft;
	if (values[1] && parse_limit(values[1], &hard) < 0)
		return cmk_err_set(err, -EINVAL, "ulimit '%s': '%s' is not a limit", text,
				   values[1]);
	if (soft > hard)
		return cmk_err_set(
			err, -EINVAL,
			"ulimit option \"%s\" requires name=SOFT:HARD, failed to be parsed: "
			"ulimit soft limit must be less than or equal to hard limit: "
			"soft: %s, hard: %s",
			text, limit_text(soft, a), limit_text(hard, b));
	*ret = (struct spec_rlimit){ .type = steal_ptr(&type), .soft = soft, .hard = hard };
	return 0;
}

static void put_rlimit(struct spec_process *p, const struct spec_rlimit *limit)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		if (streq(p->rlimits[i].type, limit->type)) {
			free(p->rlimits[i].type);
			p->rlimits[i] = *limit;
			return;
		}
	}
	p->rlimits = xrealloc(p->rlimits, p->n_rlimits + 1, sizeof(*p->rlimits));
	p->rlimits[p->n_rlimits++] = *limit;
}

int opt_ulimits_put(struct spec_process *p, char *const *list, struct cmk_err *err)
{
	for (; list && *list; list++) {
		struct spec_rlimit limit;
		int r;

		if (streq(*list, "host")) {
			rlimits_add_own(p);
			continue;
		}
		r = opt_ulimit_parse(*list, &limit, err);
		if (r < 0)
			return r;
		put_rlimit(p, &limit);
	}
	return 0;
}

int opt_entrypoint_parse(const char *text, char ***ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	char **v = NULL;

	/* As the peers do: what is no JSON array of strings is one word. */
	if (text[0] == '[' && json_parse(text, strlen(text), ENTRYPOINT_MAX, &doc, &e) == 0 &&
	    json_root(doc)->type == JSON_ARRAY && json_strv(json_root(doc), &v) == 0) {
		*ret = v;
		return 0;
	}
	if (strlen(text) > ENTRYPOINT_MAX)
		return cmk_err_set(err, -EINVAL, "entrypoint is longer than %d bytes",
				   ENTRYPOINT_MAX);
	if (text[0])
		strv_add(&v, text);
	*ret = v;
	return 0;
}

/* In one pass: a range may name all 65,535. */
static void add_ports(char ***ports, uint32_t first, uint32_t last, const char *proto)
{
	cleanup_free char **added = xcalloc(last - first + 1, sizeof(*added));
	cleanup_free bool *seen = xcalloc(65536, sizeof(*seen));
	size_t n = 0;

	for (char **p = *ports; p && *p; p++) {
		const char *slash = strchr(*p, '/');
		uint64_t port;

		if (slash && streq(slash + 1, proto) &&
		    parse_u64_n(*p, (size_t)(slash - *p), 65535, &port) == 0)
			seen[port] = true;
	}
	for (uint32_t port = first; port <= last; port++)
		if (!seen[port])
			added[n++] = xasprintf("%u/%s", port, proto);
	strv_add_many_take(ports, added, n);
}

int opt_expose_parse(const char *text, char ***ports, struct cmk_err *err)
{
	cleanup_strv char **parts = strv_split(text, '/');
	cleanup_strv char **range = NULL;
	const char *proto = "tcp";
	uint32_t first, last;

	if (strv_len(parts) > 2)
		goto invalid;
	if (parts[1])
		proto = parts[1];
	if (!streq(proto, "tcp") && !streq(proto, "udp") && !streq(proto, "sctp"))
		return cmk_err_set(err, -EINVAL, "port '%s': protocol '%s' is not tcp, udp or sctp",
				   text, proto);
	range = strv_split(parts[0], '-');
	if (strv_len(range) > 2 || parse_u32(range[0], 65535, &first) < 0 || first == 0)
		goto invalid;
	last = first;
	if (range[1] && (parse_u32(range[1], 65535, &last) < 0 || last < first))
		goto invalid;
	add_ports(ports, first, last, proto);
	return 0;
invalid:
	return cmk_err_set(err, -EINVAL,
			   "port '%s' is not of the form PORT[-PORT][/tcp|/udp|/sctp]", text);
}

int opt_label_add(char ***labels, const char *text, struct cmk_err *err)
{
	cleanup_free char *s = NULL;

	if (text[0] == '\0' || text[0] == '=')
		return cmk_err_set(err, -EINVAL, "label '%s' has no name", text);
	s = strchr(text, '=') ? xstrdup(text) : xasprintf("%s=", text);
	strv_env_set(labels, s);
	return 0;
}

int opt_annotation_add(char ***annotations, const char *text, struct cmk_err *err)
{
	const char *eq = strchr(text, '=');

	if (!eq || eq == text)
		return cmk_err_set(err, -EINVAL,
				   "annotation '%s': annotations must be formatted KEY=VALUE",
				   text);
	strv_env_set(annotations, text);
	return 0;
}

int opt_hostname_check(const char *name, struct cmk_err *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > 64)
		return cmk_err_set(err, -EINVAL, "hostname '%s': 1 to 64 characters are allowed",
				   name);
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool inner = c == '-' || c == '.' || c == '_';
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9');

		if (!plain && !(inner && i > 0 && i + 1 < len))
			return cmk_err_set(err, -EINVAL,
					   "hostname '%s': letters, digits, and inner '-', '.' and "
					   "'_' are allowed",
					   name);
	}
	return 0;
}
