// SPDX-License-Identifier: Apache-2.0
#include "libpod/container/create.h"
#include "libpod/monitor/log_target.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/pattern.h"
#include "libpod/libpod.h"

#define MAX_FILES 1000
/* What docker's driver "local" keeps where nothing is said. */
#define LOCAL_SIZE 20000000
#define LOCAL_FILES 5

/* The digits behind a point, as so much of FACTOR. */
static uint64_t fraction_of(const char *digits, size_t n, uint64_t factor)
{
	uint64_t sum = 0, tenth = factor;

	for (size_t i = 0; i < n; i++) {
		tenth /= 10;
		sum += tenth * (uint64_t)(digits[i] - '0');
	}
	return sum;
}

/* Decimal, as podman reads it: "10k" is 10000, "1.5m" 1500000. */
static int parse_size(const char *s, int64_t *ret, struct cmk_err *err)
{
	static const char units[] = "bkmgt", digits[] = "0123456789";
	size_t n = strspn(s, digits), n_fraction = s[n] == '.' ? strspn(s + n + 1, digits) : 0;
	uint64_t v = 0, factor = 1;
	const char *unit = s + n + (n_fraction ? n_fraction + 1 : 0), *at;

	while (*unit == ' ')
		unit++;
	if (n == 0 || parse_u64_n(s, n, INT64_MAX, &v) < 0)
		return cmk_err_set(err, -EINVAL, "invalid size: '%s'", s);
	if (*unit) {
		at = strchr(units, tolower((unsigned char)*unit));
		if (!at || (unit[1] && (strcasecmp(unit + 1, "b") != 0 || *at == 'b')))
			return cmk_err_set(err, -EINVAL, "invalid size: '%s'", s);
		for (; at > units; at--)
			factor *= 1000;
	}
	if (__builtin_mul_overflow(v, factor, &v) ||
	    __builtin_add_overflow(v, fraction_of(s + n + 1, n_fraction, factor), &v) ||
	    v > INT64_MAX)
		return cmk_err_set(err, -ERANGE, "invalid size: '%s'", s);
	*ret = (int64_t)v;
	return 0;
}

static int take_path(struct create_plan *p, const char *path, struct cmk_err *err)
{
	cleanup_free char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	cleanup_free char *dir = NULL;
	char *full = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd ? cwd : "", path),
	     *slash;
	struct stat sb;

	free(p->c->cfg.log_path);
	p->c->cfg.log_path = full;
	slash = strrchr(full, '/');
	dir = xstrndup(full, slash > full ? (size_t)(slash - full) : 1);
	if (!slash[1] || streq(slash, "/.") || streq(slash, "/.."))
		return cmk_err_set(err, -EINVAL, "log path '%s' names no file", path);
	if (strlen(slash + 1) > 200)
		return cmk_err_set(err, -ENAMETOOLONG, "log path '%s': the name is too long", path);
	if (stat(dir, &sb) < 0)
		return cmk_err_errno(err, "log path '%s': directory '%s'", path, dir);
	return S_ISDIR(sb.st_mode) ? 0
				   : cmk_err_set(err, -ENOTDIR,
						 "log path '%s': '%s' is no directory", path, dir);
}

static int take_files(struct create_plan *p, const char *value, struct cmk_err *err)
{
	uint64_t n = 0;

	if (parse_u64(value, MAX_FILES, &n) < 0 || n == 0)
		return cmk_err_set(err, -EINVAL, "log option 'max-file=%s': give 1 to %d", value,
				   MAX_FILES);
	p->c->cfg.log_max_files = (uint32_t)n;
	return 0;
}

/* A journal field's name: capitals, digits and underscores, no digit or underscore first
 * (systemd.journal-fields(7): those with an underscore are the journal's own). */
static void add_field(char ***fields, const char *key, size_t len, const char *value)
{
	cleanup_free char *name = xstrndup(key, len);
	char *start = name;

	for (char *c = name; *c; c++)
		*c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
	start += strspn(name, "_0123456789");
	if (*start)
		strv_add_take(fields, xasprintf("%.64s=%s", start, value));
}

static int take_label(struct create_plan *p, const char *value, struct cmk_err *err)
{
	size_t n = strcspn(value, "=");

	if (!value[n] || n == 0)
		return cmk_err_set(err, -EINVAL, "log option 'label=%s': give KEY=VALUE", value);
	add_field(&p->c->cfg.log_fields, value, n, value + n + 1);
	return 0;
}

/* docker's: the old files of a rotation as gzip. */
static int take_compress(struct create_plan *p cmk_unused, const char *value, struct cmk_err *err)
{
	bool yes = false;

	if (parse_bool(value, &yes) < 0)
		return cmk_err_set(err, -EINVAL, "log option 'compress=%s': give true or false",
				   value);
	return yes ? cmk_err_set(err, -EOPNOTSUPP,
				 "log option 'compress=%s': rotated files are not compressed",
				 value)
		   : 0;
}

/* docker's: whether a container waits for its log. */
static int take_mode(struct create_plan *p cmk_unused, const char *value, struct cmk_err *err)
{
	if (streq(value, "blocking"))
		return 0;
	return cmk_err_set(err, streq(value, "non-blocking") ? -EOPNOTSUPP : -EINVAL,
			   "log option 'mode=%s': a container's output is not dropped: blocking",
			   value);
}

static int take_regex(struct create_plan *p cmk_unused, const char *value, struct cmk_err *err)
{
	struct pattern *pattern = NULL;
	int r = pattern_new(value, &pattern, err);

	pattern_free(pattern);
	return r;
}

/* The whole of the container's labels and environment is known once the image is. */
static int take_later(struct create_plan *p, const char *value, struct cmk_err *err)
{
	(void)p;
	return *value ? 0 : cmk_err_set(err, -EINVAL, "invalid log option: the value is empty");
}

static int take_tag(struct create_plan *p, const char *value, struct cmk_err *err)
{
	const struct container_config dummy = { .id = (char *)"", .name = (char *)"" };
	cleanup_free char *text = NULL;

	free(p->c->cfg.log_tag);
	p->c->cfg.log_tag = xstrdup(value);
	return log_tag_expand(value, &dummy, &text, err);
}

static int take_max_size(struct create_plan *p, const char *value, struct cmk_err *err)
{
	return parse_size(value, &p->c->cfg.log_max_size, err);
}

enum log_option_for {
	FOR_FILE = 1 << 0,
	FOR_JOURNAL = 1 << 1,
};

static const struct log_option {
	const char *name;
	int for_driver; /* enum log_option_for */
	int (*take)(struct create_plan *p, const char *value, struct cmk_err *err);
} log_options[] = {
	{ "path", FOR_FILE, take_path },
	{ "max-size", FOR_FILE, take_max_size },
	{ "max-file", FOR_FILE, take_files },
	{ "tag", FOR_JOURNAL, take_tag },
	{ "label", FOR_JOURNAL, take_label },
	{ "labels", FOR_FILE | FOR_JOURNAL, take_later },
	{ "env", FOR_FILE | FOR_JOURNAL, take_later },
	{ "labels-regex", FOR_FILE | FOR_JOURNAL, take_regex },
	{ "env-regex", FOR_FILE | FOR_JOURNAL, take_regex },
	{ "compress", FOR_FILE, take_compress },
	{ "mode", FOR_FILE | FOR_JOURNAL, take_mode },
};

static int take_option(struct create_plan *p, const struct log_driver_info *d, const char *text,
		       struct cmk_err *err)
{
	size_t n = strcspn(text, "=");
	int driver = (d->has_file ? FOR_FILE : 0) | (streq(d->name, "journald") ? FOR_JOURNAL : 0);

	for (size_t i = 0; text[n] && i < ARRAY_LEN(log_options); i++) {
		const struct log_option *o = &log_options[i];

		if (strlen(o->name) != n || memcmp(o->name, text, n) != 0)
			continue;
		if (!(o->for_driver & driver))
			return cmk_err_set(
				err, -EINVAL,
				"log option '%s' is supported only by the %s log driver%s", o->name,
				o->for_driver == FOR_JOURNAL ? "journald" : "k8s-file",
				o->for_driver == FOR_JOURNAL  ? ""
				: o->for_driver & FOR_JOURNAL ? " (or json-file, journald)"
							      : " (or json-file)");
		return o->take(p, text + n + 1, err);
	}
	return cmk_err_set(err, -EINVAL, "invalid log option \"%.*s\"", (int)n, text);
}

static int check_stdio(const struct container_options *o, const struct log_driver_info *d,
		       struct cmk_err *err)
{
	if (!d->passes_stdio)
		return 0;
	if (o->tty)
		return cmk_err_set(err, -EINVAL,
				   "the '--log-driver %s' option cannot be used with --tty",
				   d->name);
	if (streq(d->name, "passthrough") && o->start &&
	    (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO))) {
		/* The container could push characters into the caller's terminal (TIOCSTI). */
		(void)cmk_err_set(err, -EINVAL,
				  "the '--log-driver passthrough' option cannot be used on a TTY");
		(void)cmk_err_hint(err, "--log-driver passthrough-tty where you trust the "
					"container");
		return -EINVAL;
	}
	return 0;
}

int create_log(struct create_plan *p, struct cmk_err *err)
{
	const char *name = p->o->log_driver && *p->o->log_driver ? p->o->log_driver : "k8s-file";
	const struct log_driver_info *d = log_driver_find(name);
	int r;

	if (!d) {
		(void)cmk_err_set(err, -EINVAL, "invalid log driver '%s'", name);
		(void)cmk_err_hint(err,
				   "k8s-file, json-file, local, journald, none, passthrough or "
				   "passthrough-tty");
		return -EINVAL;
	}
	p->c->cfg.log_driver = xstrdup(name);
	r = check_stdio(p->o, d, err);
	if (r == 0 && streq(name, "journald"))
		r = log_journal_probe(err);
	for (char *const *o = p->o->log_opts; r == 0 && o && *o; o++)
		r = take_option(p, d, *o, err);
	if (r == 0 && streq(name, "local") && !p->c->cfg.log_max_size) {
		p->c->cfg.log_max_size = LOCAL_SIZE;
		p->c->cfg.log_max_files = p->c->cfg.log_max_files ?: LOCAL_FILES;
	}
	if (r == 0 && p->c->cfg.log_max_files > 1 && !p->c->cfg.log_max_size)
		r = cmk_err_set(err, -EINVAL, "log option 'max-file' needs 'max-size'");
	return r;
}

int create_log_dir(struct create_plan *p, struct cmk_err *err)
{
	struct container_config *cfg = &p->c->cfg;
	const struct log_driver_info *d = log_driver_find(cfg->log_driver);
	cleanup_free char *dir = NULL;
	int r;

	if (!p->o->log_dir || !*p->o->log_dir || !d || !d->has_file || cfg->log_path)
		return 0;
	if (p->o->log_dir[0] != '/')
		return cmk_err_set(err, -EINVAL,
				   "log_path of containers.conf: '%s' is not an absolute path",
				   p->o->log_dir);
	dir = xasprintf("%s/%s", p->o->log_dir, cfg->id);
	r = mkdir_p_at(AT_FDCWD, dir, 0700, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "log_path of containers.conf");
	cfg->log_path = xasprintf("%s/ctr.log", dir);
	return 0;
}

static void add_detail(struct create_plan *p, const char *key, const char *value)
{
	if (streq_null(p->c->cfg.log_driver, "journald")) {
		add_field(&p->c->cfg.log_fields, key, strlen(key), value);
	} else {
		cleanup_free char *detail = xasprintf("%s=%s", key, value);

		strv_env_set(&p->c->cfg.log_details, detail);
	}
}

/* "a,b": those of FROM ("KEY=VALUE") become fields. */
static void add_named(struct create_plan *p, const char *names, char *const *from)
{
	cleanup_strv char **v = strv_split(names, ',');

	for (char **n = v; n && *n; n++) {
		const char *value = strv_env_get(from, *n);

		if (value && **n)
			add_detail(p, *n, value);
	}
}

static int add_matching(struct create_plan *p, const char *regex, char *const *from,
			struct cmk_err *err)
{
	struct pattern *pattern = NULL;
	int r = pattern_new(regex, &pattern, err);

	for (; r == 0 && from && *from; from++) {
		size_t n = strcspn(*from, "=");
		cleanup_free char *key = xstrndup(*from, n);

		if ((*from)[n] && pattern_matches(pattern, key, NULL) > 0)
			add_detail(p, key, *from + n + 1);
	}
	pattern_free(pattern);
	return r;
}

int create_log_fields(struct create_plan *p, struct cmk_err *err)
{
	const struct {
		const char *names, *regex;
		char *const *from;
	} rows[] = { { "labels=", "labels-regex=", p->c->cfg.labels },
		     { "env=", "env-regex=", p->spec->process.env } };
	int r = 0;

	for (char *const *o = p->o->log_opts; r == 0 && o && *o; o++) {
		for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++) {
			const char *names = str_after(*o, rows[i].names);
			const char *regex = str_after(*o, rows[i].regex);

			if (names)
				add_named(p, names, rows[i].from);
			if (regex)
				r = add_matching(p, regex, rows[i].from, err);
		}
	}
	return r;
}
