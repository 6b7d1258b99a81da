// SPDX-License-Identifier: Apache-2.0
#include "base/pattern.h"

#include <dlfcn.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define LIBRARY "libpcre2-8.so.0"
/* Texts are names, paths and labels; these end a search that doubles with every character. */
#define MAX_STEPS 1000000
#define MAX_HEAP_KIB 20000

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	char *text;
};

static struct {
	__typeof__(&pcre2_compile) compile;
	__typeof__(&pcre2_code_free) code_free;
	__typeof__(&pcre2_match) match;
	__typeof__(&pcre2_match_data_create) data_create;
	__typeof__(&pcre2_match_data_free) data_free;
	__typeof__(&pcre2_match_context_create) limits_create;
	__typeof__(&pcre2_match_context_free) limits_free;
	__typeof__(&pcre2_set_match_limit) set_steps;
	__typeof__(&pcre2_set_heap_limit) set_heap;
	__typeof__(&pcre2_get_error_message) message;
} lib;

#define STRING_OF(name) #name
#define SYMBOL(name) STRING_OF(name)

static int load(struct cmk_err *err)
{
	const struct {
		void *to;
		const char *name;
	} symbols[] = {
		{ &lib.code_free, SYMBOL(pcre2_code_free) },
		{ &lib.match, SYMBOL(pcre2_match) },
		{ &lib.data_create, SYMBOL(pcre2_match_data_create) },
		{ &lib.data_free, SYMBOL(pcre2_match_data_free) },
		{ &lib.limits_create, SYMBOL(pcre2_match_context_create) },
		{ &lib.limits_free, SYMBOL(pcre2_match_context_free) },
		{ &lib.set_steps, SYMBOL(pcre2_set_match_limit) },
		{ &lib.set_heap, SYMBOL(pcre2_set_heap_limit) },
		{ &lib.message, SYMBOL(pcre2_get_error_message) },
		{ &lib.compile, SYMBOL(pcre2_compile) },
	};
	void *handle;

	if (lib.compile)
		return 0;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; handle && i < ARRAY_LEN(symbols); i++) {
		void *symbol = dlsym(handle, symbols[i].name);

		if (!symbol)
			handle = NULL;
		else
			memcpy(symbols[i].to, &symbol, sizeof(symbol));
	}
	if (!handle)
		return cmk_err_set(err, -ELIBACC, "regular expressions need " LIBRARY ": %s",
				   dlerror());
	return 0;
}

int pattern_new(const char *text, struct pattern **ret, struct cmk_err *err)
{
	cleanup_pattern struct pattern *p = NULL;
	unsigned char why[256];
	PCRE2_SIZE at = 0;
	int code = 0, r = load(err);

	if (r < 0)
		return r;
	p = xcalloc(1, sizeof(*p));
	p->text = xstrdup(text);
	p->code = lib.compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
			      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
				      PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE,
			      &code, &at, NULL);
	if (!p->code) {
		(void)lib.message(code, why, sizeof(why));
		return cmk_err_set(err, -EINVAL, "error parsing regexp: %s: `%s`", (char *)why,
				   text);
	}
	p->data = lib.data_create(1, NULL);
	p->limits = lib.limits_create(NULL);
	if (!p->data || !p->limits)
		return cmk_err_set(err, -ENOMEM, "regular expression `%s`", text);
	(void)lib.set_steps(p->limits, MAX_STEPS);
	(void)lib.set_heap(p->limits, MAX_HEAP_KIB);
	*ret = steal_ptr(&p);
	return 0;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	lib.limits_free(p->limits);
	lib.data_free(p->data);
	lib.code_free(p->code);
	free(p->text);
	free(p);
}

int pattern_matches(const struct pattern *p, const char *text, struct cmk_err *err)
{
	unsigned char why[256];
	int r = lib.match(p->code, (PCRE2_SPTR)text, strlen(text), 0, 0, p->data, p->limits);

	if (r >= 0 || r == PCRE2_ERROR_NOMATCH)
		return r >= 0;
	(void)lib.message(r, why, sizeof(why));
	return cmk_err_set(err, -ERANGE, "regular expression `%s` on '%s': %s", p->text, text,
			   (char *)why);
}
