// SPDX-License-Identifier: Apache-2.0
/* Properties of systemd's units (systemd.resource-control(5)), as cmk-scope takes them. */
#include <ctype.h>

#include "base/parse.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/cgroup/property.h"

#define USEC_PER_SEC 1000000
#define CPU_PERIOD_US 100000
/* systemd rounds what it is given to such steps itself. */
#define QUOTA_STEP_US 10000
#define DEVICES "=a(st):"

/* --- of annotations ----------------------------------------------------------------------------
 */

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++)
		if (!isalpha((unsigned char)*p))
			return false;
	return len >= 3;
}

/* 'TEXT' or "TEXT", without either in it; moves *P behind it. */
static char *quoted(const char **p)
{
	char mark = **p;
	const char *end = mark == '\'' || mark == '"' ? strchr(*p + 1, mark) : NULL;
	char *text = end && !memchr(*p + 1, '\n', (size_t)(end - *p - 1))
			     ? xstrndup(*p + 1, (size_t)(end - *p - 1))
			     : NULL;

	if (text)
		*p = end + 1;
	return text;
}

/* ['a', 'b']: "a\nb" (owned), or NULL. */
static char *quoted_list(const char *value)
{
	const char *p = value + 1;
	char *all = NULL;

	for (;;) {
		cleanup_free char *one = NULL, *before = all;

		p += strspn(p, " ");
		one = quoted(&p);
		if (!one)
			return NULL;
		all = xasprintf("%s%s%s", before ? before : "", before ? "\n" : "", one);
		p += strspn(p, " ");
		if (streq(p, "]"))
			return all;
		if (*p++ != ',') {
			free(all);
			return NULL;
		}
	}
}

static char *number_value(const char *value)
{
	static const struct {
		const char *word, *type;
		bool is_signed;
		uint64_t max;
	} types[] = {
		{ "uint64 ", "t", false, UINT64_MAX }, { "uint32 ", "u", false, UINT32_MAX },
		{ "int64 ", "x", true, INT64_MAX },    { "int32 ", "i", true, INT32_MAX },
		{ "", "i", true, INT32_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const char *digits = str_after(value, types[i].word);
		uint64_t u;
		int64_t s;

		if (!digits)
			continue;
		if (types[i].is_signed ? parse_i64(digits, -(int64_t)types[i].max,
						   (int64_t)types[i].max, &s) < 0
				       : parse_u64(digits, types[i].max, &u) < 0)
			return NULL;
		return xasprintf("%s:%s", types[i].type, digits);
	}
	return NULL;
}

/* The forms of GVariant's text that others take, too. */
static char *typed_value(const char *value)
{
	const char *p = value;
	cleanup_free char *text = NULL;

	if (streq(value, "true") || streq(value, "false"))
		return xasprintf("b:%d", streq(value, "true"));
	if (*value == '[') {
		text = quoted_list(value);
		return text ? xasprintf("as:%s", text) : NULL;
	}
	if (*value == '\'' || *value == '"') {
		text = quoted(&p);
		return text && !*p ? xasprintf("s:%s", text) : NULL;
	}
	return number_value(value);
}

int property_of_annotation(const char *name, const char *value, char **ret, struct cmk_err *err)
{
	size_t len = strlen(name);
	cleanup_free char *typed = NULL;
	int64_t ns = 0;

	if (!is_name(name))
		return cmk_err_set(err, -EINVAL, "'%s' is no name of a property", name);
	/* Units have seconds in their files, and microseconds on the bus. */
	if (len > 3 && streq(name + len - 3, "Sec") && !str_has_suffix(name, "USec") &&
	    strspn(value, "0123456789.") == strlen(value) && parse_duration(value, &ns) == 0) {
		*ret = xasprintf("%.*sUSec=t:%lld", (int)(len - 3), name, (long long)(ns / 1000));
		return 0;
	}
	typed = typed_value(value);
	if (!typed)
		return cmk_err_set(err, -EINVAL,
				   "property %s: '%s' is neither true, false, a number, 'text' nor "
				   "['text', ...]",
				   name, value);
	*ret = xasprintf("%s=%s", name, typed);
	return 0;
}

/* --- of limits ---------------------------------------------------------------------------------
 */

static void put(char ***all, const char *name, bool has, uint64_t value)
{
	cleanup_free char *text = xasprintf("%s=t:%llu", name,
					    (unsigned long long)(has ? value : UINT64_MAX));

	strv_env_set(all, text);
}

static void put_memory(char ***all, const struct spec_resources *res)
{
	bool limited = res->memory_limit > 0;
	int64_t swap = res->memory_swap - (limited ? res->memory_limit : 0);

	put(all, "MemoryMax", limited, (uint64_t)res->memory_limit);
	put(all, "MemorySwapMax", limited ? swap >= 0 : res->memory_limit < 0 && swap > 0,
	    (uint64_t)swap);
	if (res->memory_reservation > 0)
		put(all, "MemoryLow", true, (uint64_t)res->memory_reservation);
}

static void put_quota(char ***all, int64_t quota, uint64_t period)
{
	uint64_t share = UINT64_MAX;

	period = period ? period : CPU_PERIOD_US;
	if (quota > 0) {
		share = (uint64_t)quota * USEC_PER_SEC / period;
		share = (share + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US;
	}
	put(all, "CPUQuotaPerSecUSec", quota > 0, share);
	put(all, "CPUQuotaPeriodUSec", true, period);
}

/* As bytes, the lowest numbers first. */
static void put_set(char ***all, const char *name, const char *list)
{
	cleanup_free char *text = NULL;
	struct spec_id_set set;
	char hex[2 * sizeof(set.bits) + 1];
	size_t n = 0;

	if (!list || spec_id_set_parse(list, strlen(list), &set) < 0)
		return;
	for (size_t i = 0; i < sizeof(set.bits); i++)
		if (set.bits[i / 8] >> (i % 8 * 8) & 0xff)
			n = i + 1;
	for (size_t i = 0; i < n; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x",
			       (unsigned int)(set.bits[i / 8] >> (i % 8 * 8) & 0xff));
	hex[2 * n] = '\0';
	text = xasprintf("%s=ay:%s", name, hex);
	strv_env_set(all, text);
}

/* "max", or a number. */
static void put_number(char ***all, const char *name, const char *value)
{
	uint64_t n = 0;

	if (value && (streq(value, "max") || parse_u64(value, UINT64_MAX - 1, &n) == 0))
		put(all, name, !streq(value, "max"), n);
}

/* "QUOTA PERIOD", of which the second may not be there. */
static void put_cpu_max(char ***all, const char *value)
{
	size_t len = value ? strcspn(value, " ") : 0;
	uint64_t quota = 0, period = CPU_PERIOD_US;
	bool max = len == 3 && strncmp(value, "max", 3) == 0;

	if (!value || (!max && parse_u64_n(value, len, INT64_MAX / USEC_PER_SEC, &quota) < 0) ||
	    (value[len] && parse_u64(value + len + 1, INT64_MAX, &period) < 0) || period == 0)
		return;
	put_quota(all, max ? -1 : (int64_t)quota, period);
}

static void put_unified(char ***all, char *const *unified)
{
	static const struct {
		const char *file, *name;
	} numbers[] = {
		{ "memory.min", "MemoryMin" },		{ "memory.low", "MemoryLow" },
		{ "memory.high", "MemoryHigh" },	{ "memory.max", "MemoryMax" },
		{ "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		put_number(all, numbers[i].name, strv_env_get(unified, numbers[i].file));
	put_cpu_max(all, strv_env_get(unified, "cpu.max"));
	put_set(all, "AllowedCPUs", strv_env_get(unified, "cpuset.cpus"));
	put_set(all, "AllowedMemoryNodes", strv_env_get(unified, "cpuset.mems"));
}

char **properties_of_limits(const struct spec_resources *res)
{
	char **all = NULL;

	if (res->memory_limit || res->memory_reservation || res->memory_swap)
		put_memory(&all, res);
	if (res->cpu_quota || res->cpu_period)
		put_quota(&all, res->cpu_quota, res->cpu_period);
	if (res->pids_limit)
		put(&all, "TasksMax", res->pids_limit > 0, (uint64_t)res->pids_limit);
	put_set(&all, "AllowedCPUs", res->cpuset_cpus);
	put_set(&all, "AllowedMemoryNodes", res->cpuset_mems);
	put_unified(&all, res->unified);
	return all;
}

/* What is not asked for any more becomes what it is without. */
static char *lifted(const char *property)
{
	size_t len = strcspn(property, "=");
	bool low = strncmp(property, "MemoryLow", len) == 0 ||
		   strncmp(property, "MemoryMin", len) == 0;

	if (str_after(property + len, "=ay:"))
		return xasprintf("%.*s=ay:", (int)len, property);
	if (str_after(property + len, DEVICES))
		return xasprintf("%.*s" DEVICES, (int)len, property);
	return xasprintf("%.*s=t:%llu", (int)len, property,
			 (unsigned long long)(low ? 0 : UINT64_MAX));
}

char **properties_between(char *const *old, char *const *new)
{
	char **changed = NULL;

	for (char *const *p = new; p &&*p; p++) {
		if (strv_has(old, *p))
			continue;
		/* A list is added to the one that is there. */
		if (strstr(*p, DEVICES))
			strv_add_take(&changed, lifted(*p));
		strv_add(&changed, *p);
	}
	for (char *const *p = old; p && *p; p++) {
		cleanup_free char *name = xstrndup(*p, strcspn(*p, "="));

		if (!strv_env_get(new, name))
			strv_add_take(&changed, lifted(*p));
	}
	return changed;
}

char **properties_changed(const struct spec_resources *before, const struct spec_resources *after)
{
	cleanup_strv char **old = properties_of_limits(before), **new = properties_of_limits(after);

	return properties_between(old, new);
}
