// SPDX-License-Identifier: Apache-2.0
#include "image/challenge.h"

#include <strings.h>
#include <time.h>

#include "base/json.h"
#include "base/parse.h"

#define ANSWER_MAX ((size_t)1 << 20)

void challenge_done(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge){ 0 };
}

static bool is_token(char c)
{
	return c > 0x20 && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static const char *skip(const char *p, const char *set)
{
	return p + strspn(p, set);
}

/* A token or a quoted string; NULL where it is neither. */
static const char *take_value(const char *p, char **ret)
{
	struct strbuf sb = STRBUF_INIT;

	if (*p != '"') {
		/* Some servers leave the quotes of an URL out. */
		size_t n = strcspn(p, ", \t");

		*ret = xstrndup(p, n);
		return p + n;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		strbuf_addc(&sb, *p);
	}
	if (*p != '"') {
		strbuf_done(&sb);
		return NULL;
	}
	*ret = strbuf_steal(&sb);
	return p + 1;
}

static void set_param(struct challenge *c, const char *name, size_t len, char *value)
{
	char **to = NULL;

	if (len == 5 && !strncasecmp(name, "realm", 5))
		to = &c->realm;
	else if (len == 7 && !strncasecmp(name, "service", 7))
		to = &c->service;
	else if (len == 5 && !strncasecmp(name, "scope", 5))
		to = &c->scope;
	else if (len == 5 && !strncasecmp(name, "error", 5))
		to = &c->error;
	if (!to || *to) {
		free(value);
		return;
	}
	*to = value;
}

void challenge_parse(const char *header, struct challenge *c)
{
	bool in_bearer = false;
	const char *p = header;

	for (;;) {
		const char *name = p = skip(p, " \t,"), *after;
		size_t n;

		while (*p && is_token(*p))
			p++;
		n = (size_t)(p - name);
		if (n == 0)
			return;
		after = skip(p, " \t");
		if (*after != '=') {
			in_bearer = n == 6 && !strncasecmp(name, "Bearer", 6);
			c->bearer |= in_bearer;
			c->basic |= n == 5 && !strncasecmp(name, "Basic", 5);
			continue;
		}
		{
			char *value = NULL;

			p = take_value(skip(after + 1, " \t"), &value);
			if (!p)
				return;
			if (in_bearer)
				set_param(c, name, n, value);
			else
				free(value);
		}
	}
}

int token_parse(const char *text, size_t len, char **ret, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const char *token;
	int r;

	r = json_parse(text, len, ANSWER_MAX, &doc, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "answer of the token server");
	token = json_str(json_get(json_root(doc), "token"));
	if (!token || !*token)
		token = json_str(json_get(json_root(doc), "access_token"));
	if (!token || !*token)
		return cmk_err_set(err, -EINVAL, "the token server's answer holds no token");
	/* It becomes a header: one line, no control characters. */
	for (const char *p = token; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return cmk_err_set(err, -EINVAL, "the token server's token is malformed");
	*ret = xstrdup(token);
	return 0;
}

char *registry_error_text(const char *text, size_t len)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const struct json *first;
	const char *code, *message;
	char *s;

	if (json_parse(text, len, ANSWER_MAX, &doc, NULL) < 0)
		return NULL;
	first = json_get(json_root(doc), "errors");
	first = first && first->type == JSON_ARRAY ? first->first : NULL;
	code = json_str(json_get(first, "code"));
	message = json_str(json_get(first, "message"));
	if (!code && !message)
		return NULL;
	s = xasprintf("%.200s", message && *message ? message : code);
	/* It goes to a terminal. */
	for (char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return s;
}

long retry_after_parse(const char *s, long long now)
{
	uint32_t seconds = 0;
	struct tm tm = { 0 };
	const char *end;
	long long at;

	if (!s)
		return -1;
	if (parse_u32(s, 86400 * 30, &seconds) == 0)
		return (long)seconds;
	end = strptime(s, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end)
		return -1;
	at = (long long)timegm(&tm);
	return at <= now ? 0 : (long)MIN(at - now, 86400LL * 30);
}
