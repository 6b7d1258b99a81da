// SPDX-License-Identifier: Apache-2.0
#include "libpod/record/health.h"

#include <limits.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "libpod/record/health_record.h"
#include "libpod/record/internal.h"

#define NS_PER_S 1000000000LL
#define DEFAULT_INTERVAL_NS (30 * NS_PER_S)
#define SETTLE_EXTRA_S 30 /* above what it may take by its own numbers */
#define DEFAULT_LOG_COUNT 5
#define DEFAULT_LOG_SIZE 500

#define H(member, kind, flags) JSON_FIELD(struct container_health, member, #member, kind, flags)
const struct json_field container_health_fields[] = {
	H(test, JSON_F_STRV, JSON_OMIT_EMPTY),
	H(startup_test, JSON_F_STRV, JSON_OMIT_EMPTY),
	H(interval_ns, JSON_F_I64, 0),
	H(startup_interval_ns, JSON_F_I64, JSON_OMIT_EMPTY),
	H(timeout_ns, JSON_F_I64, 0),
	H(startup_timeout_ns, JSON_F_I64, JSON_OMIT_EMPTY),
	H(start_period_ns, JSON_F_I64, JSON_OMIT_EMPTY),
	H(start_interval_ns, JSON_F_I64, JSON_OMIT_EMPTY),
	H(retries, JSON_F_I64, 0),
	H(startup_retries, JSON_F_I64, JSON_OMIT_EMPTY),
	H(startup_success, JSON_F_I64, JSON_OMIT_EMPTY),
	H(on_failure, JSON_F_STR, JSON_OMIT_EMPTY),
	H(log_destination, JSON_F_STR, JSON_OMIT_EMPTY),
	H(max_log_count, JSON_F_I64, 0),
	H(max_log_size, JSON_F_I64, 0),
	JSON_FIELD_END,
};

static const char *const action_names[] = {
	[HEALTH_NOTHING] = "none",
	[HEALTH_KILL] = "kill",
	[HEALTH_RESTART] = "restart",
	[HEALTH_STOP] = "stop",
};

bool health_options_given(const struct health_options *o)
{
	const char *const all[] = { o->cmd,
				    o->interval,
				    o->retries,
				    o->timeout,
				    o->start_period,
				    o->start_interval,
				    o->startup_cmd,
				    o->startup_interval,
				    o->startup_retries,
				    o->startup_success,
				    o->startup_timeout,
				    o->on_failure,
				    o->log_destination,
				    o->max_log_count,
				    o->max_log_size };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i])
			return true;
	return o->no_healthcheck;
}

static struct container_health *health_new(void)
{
	struct container_health *h = xcalloc(1, sizeof(*h));

	h->interval_ns = h->timeout_ns = DEFAULT_INTERVAL_NS;
	h->startup_interval_ns = h->startup_timeout_ns = DEFAULT_INTERVAL_NS;
	h->retries = HEALTH_RETRIES;
	h->on_failure = xstrdup("none");
	h->log_destination = xstrdup("local");
	h->max_log_count = DEFAULT_LOG_COUNT;
	h->max_log_size = DEFAULT_LOG_SIZE;
	return h;
}

struct container_health *health_free(struct container_health *h)
{
	if (h)
		json_free_fields(container_health_fields, h);
	free(h);
	return NULL;
}

bool health_enabled(const struct container_health *h)
{
	char *const *t = h ? h->test : NULL;

	if (!t || !t[0] || !*t[0] || streq(t[0], "NONE"))
		return false;
	/* A kind with nothing behind it, as some images have it. */
	return (!streq(t[0], "CMD") && !streq(t[0], "CMD-SHELL")) || (t[1] && *t[1]);
}

static void add_times(int64_t *ns, int64_t n, int64_t each)
{
	int64_t all;

	if (__builtin_mul_overflow(n, each, &all) || __builtin_add_overflow(*ns, all, ns))
		*ns = INT64_MAX;
}

int64_t health_settles_ms(const struct container_health *h)
{
	int64_t ns = h->start_period_ns, n = (h->retries ? h->retries : HEALTH_RETRIES) + 1;

	add_times(&ns, n, h->interval_ns);
	add_times(&ns, n, h->timeout_ns);
	if (h->startup_test) {
		n = h->startup_retries + h->startup_success + 1;
		add_times(&ns, n, h->startup_interval_ns);
		add_times(&ns, n, h->startup_timeout_ns);
	}
	return (ns / NS_PER_S + SETTLE_EXTRA_S) * 1000;
}

enum health_on_failure health_on_failure(const struct container_health *h)
{
	for (size_t i = 0; h && h->on_failure && i < ARRAY_LEN(action_names); i++)
		if (streq(h->on_failure, action_names[i]))
			return (enum health_on_failure)i;
	return HEALTH_NOTHING;
}

char **health_command(char *const *test)
{
	char **argv = NULL;

	if (!test || !test[0] || streq(test[0], "NONE"))
		return NULL;
	if (streq(test[0], "CMD-SHELL")) {
		strv_add(&argv, "/bin/sh");
		strv_add(&argv, "-c");
		strv_add_take(&argv, strv_join(test + 1, " "));
		return argv;
	}
	return strv_dup(test + (streq(test[0], "CMD") ? 1 : 0));
}

/* --- what is typed -----------------------------------------------------------------------------
 */

static bool is_word(const char *s, const char *word)
{
	return s && strcasecmp(s, word) == 0;
}

/* The words between blanks. */
static char **split_words(const char *s)
{
	char **v = NULL;

	for (s += strspn(s, " \t\n"); *s; s += strspn(s, " \t\n")) {
		size_t n = strcspn(s, " \t\n");

		strv_add_take(&v, xstrndup(s, n));
		s += n;
	}
	return v;
}

/* A JSON array, the words "CMD ..." or "none", or a line for the shell. */
static int parse_test(const char *option, const char *text, char ***ret, struct cmk_err *err)
{
	cleanup_strv char **words = NULL;
	cleanup_json_doc struct json_doc *doc = NULL;
	char **test = NULL;
	bool array = text[strspn(text, " \t")] == '[' &&
		     json_parse(text, strlen(text), 1 << 20, &doc, NULL) == 0 &&
		     json_strv(json_root(doc), &words) == 0;

	if (!array)
		words = split_words(text);
	if (!words || !words[0])
		return cmk_err_set(err, -EINVAL,
				   "option '--%s': must define a command for the health check",
				   option);
	if (is_word(words[0], "NONE")) {
		strv_add(&test, "NONE");
	} else if (is_word(words[0], "CMD-SHELL")) {
		strv_add(&test, "CMD-SHELL");
		if (array)
			strv_add_take(&test, strv_join(words + 1, " "));
		else
			strv_add(&test,
				 strstr(text, words[0]) + strlen(words[0]) + (words[1] ? 1 : 0));
	} else if (is_word(words[0], "CMD")) {
		test = strv_dup(words);
		memcpy(test[0], "CMD", 3);
	} else if (array && words[1]) {
		strv_add(&test, "CMD");
		for (char **w = words; *w; w++)
			strv_add(&test, *w);
	} else {
		strv_add(&test, "CMD-SHELL");
		strv_add(&test, array ? words[0] : text);
	}
	if (!test[1] && !streq(test[0], "NONE")) {
		(void)strv_free(test);
		return cmk_err_set(err, -EINVAL,
				   "option '--%s': must define a command for the health check",
				   option);
	}
	(void)strv_free(*ret);
	*ret = test;
	return 0;
}

static int take_duration(const char *name, const char *text, int64_t min, const char *below,
			 int64_t *ret, struct cmk_err *err)
{
	int64_t ns = 0;

	if (!text)
		return 0;
	if (parse_duration(text, &ns) < 0)
		return cmk_err_set(err, -EINVAL,
				   "invalid healthcheck-%s '%s': give a duration such as 30s", name,
				   text);
	if (ns < min)
		return cmk_err_set(err, -EINVAL, "healthcheck-%s %s", name, below);
	*ret = ns;
	return 0;
}

static int take_interval(const char *name, const char *text, int64_t *ret, struct cmk_err *err)
{
	if (text && streq(text, "disable"))
		text = "0";
	return take_duration(name, text, 0, "must be 0 seconds or greater", ret, err);
}

static int take_count(const char *name, const char *text, int64_t min, int64_t *ret,
		      struct cmk_err *err)
{
	if (!text)
		return 0;
	if (parse_i64(text, 0, UINT32_MAX, ret) < 0)
		return cmk_err_set(err, -EINVAL, "option '--health-%s': '%s' is no number", name,
				   text);
	if (*ret < min)
		return cmk_err_set(err, -EINVAL, "healthcheck-%s must be greater than 0", name);
	return 0;
}

static int take_action(const char *text, char **ret, struct cmk_err *err)
{
	if (!text)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(action_names); i++) {
		if (!streq(text, action_names[i]))
			continue;
		free(*ret);
		*ret = xstrdup(text);
		return 0;
	}
	return cmk_err_set(err, -EINVAL,
			   "invalid on-failure action '%s' for health check: supported actions are "
			   "none, kill, restart, stop",
			   text);
}

static int take_destination(const char *text, char **ret, struct cmk_err *err)
{
	char *path = NULL;
	struct stat sb;

	if (!text)
		return 0;
	if (streq(text, "local") || streq(text, "events_logger")) {
		path = xstrdup(text);
	} else {
		if (stat(text, &sb) < 0)
			return cmk_err_set(err, -errno,
					   "HealthCheck Log '%s' destination error: %s", text,
					   errno_text(errno));
		if (!S_ISDIR(sb.st_mode))
			return cmk_err_set(err, -ENOTDIR,
					   "HealthCheck Log '%s' destination must be a directory",
					   text);
		path = realpath(text, NULL);
		if (!path)
			return cmk_err_errno(err, "HealthCheck Log '%s' destination", text);
	}
	free(*ret);
	*ret = path;
	return 0;
}

static int apply_startup(struct container_health *h, const struct health_options *o,
			 struct cmk_err *err)
{
	int r = 0;

	if (o->startup_cmd)
		r = parse_test("health-startup-cmd", o->startup_cmd, &h->startup_test, err);
	if (r == 0)
		r = take_interval("startup-interval", o->startup_interval, &h->startup_interval_ns,
				  err);
	if (r == 0)
		r = take_duration("startup-timeout", o->startup_timeout, 1,
				  "must be at least 1 second", &h->startup_timeout_ns, err);
	if (r == 0)
		r = take_count("startup-retries", o->startup_retries, 0, &h->startup_retries, err);
	if (r == 0)
		r = take_count("startup-success", o->startup_success, 0, &h->startup_success, err);
	return r;
}

static int apply_options(struct container_health *h, const struct health_options *o,
			 struct cmk_err *err)
{
	int r = 0;

	if (o->no_healthcheck) {
		(void)strv_free(h->test);
		h->test = NULL;
		strv_add(&h->test, "NONE");
		h->startup_test = strv_free(h->startup_test);
		/* Nothing is left that could fail. */
		free(h->on_failure);
		h->on_failure = NULL;
	}
	if (o->cmd)
		r = parse_test("health-cmd", o->cmd, &h->test, err);
	if (r == 0)
		r = take_interval("interval", o->interval, &h->interval_ns, err);
	if (r == 0)
		r = take_count("retries", o->retries, 1, &h->retries, err);
	if (r == 0)
		r = take_duration("timeout", o->timeout, 1, "must be at least 1 second",
				  &h->timeout_ns, err);
	if (r == 0)
		r = take_duration("start-period", o->start_period, 0,
				  "must be 0 seconds or greater", &h->start_period_ns, err);
	if (r == 0)
		r = take_interval("start-interval", o->start_interval, &h->start_interval_ns, err);
	if (r == 0)
		r = take_action(o->on_failure, &h->on_failure, err);
	if (r == 0)
		r = take_destination(o->log_destination, &h->log_destination, err);
	if (r == 0)
		r = take_count("max-log-count", o->max_log_count, 0, &h->max_log_count, err);
	if (r == 0)
		r = take_count("max-log-size", o->max_log_size, 0, &h->max_log_size, err);
	return r < 0 ? r : apply_startup(h, o, err);
}

/* --- the image's -------------------------------------------------------------------------------
 */

/* Durations of the image: nanoseconds; 0 or absent leaves the default. */
static int image_number(const struct json *obj, const char *key, int64_t *ret, struct cmk_err *err)
{
	const struct json *v = json_get(obj, key);
	int64_t n = 0;

	if (!v || v->type == JSON_NULL)
		return 0;
	if (json_i64(v, &n) < 0 || n < 0)
		return cmk_err_set(err, -EINVAL, "the image's health check: bad '%s'", key);
	if (n > 0)
		*ret = n;
	return 0;
}

static int apply_image(struct container_health *h, const struct json *obj, struct cmk_err *err)
{
	int r = json_strv(json_get(obj, "Test"), &h->test);

	if (r < 0)
		return cmk_err_set(err, -EINVAL, "the image's health check: bad 'Test'");
	if ((r = image_number(obj, "Interval", &h->interval_ns, err)) < 0 ||
	    (r = image_number(obj, "Timeout", &h->timeout_ns, err)) < 0 ||
	    (r = image_number(obj, "StartPeriod", &h->start_period_ns, err)) < 0 ||
	    (r = image_number(obj, "StartInterval", &h->start_interval_ns, err)) < 0 ||
	    (r = image_number(obj, "Retries", &h->retries, err)) < 0)
		return r;
	return 0;
}

int health_configure(struct container_health **h, const char *image_json,
		     const struct health_options *o, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = 0;

	if (o->no_healthcheck && (o->cmd || o->startup_cmd))
		return cmk_err_set(err, -EINVAL, "cannot specify both --no-healthcheck and --%s",
				   o->cmd ? "health-cmd" : "health-startup-cmd");
	if (!image_json && !health_options_given(o))
		return 0;
	if (!*h)
		*h = health_new();
	if (image_json) {
		r = json_parse(image_json, strlen(image_json), CONTAINER_RECORD_MAX, &doc, err);
		if (r == 0 && json_root(doc)->type == JSON_OBJECT)
			r = apply_image(*h, json_root(doc), err);
	}
	return r < 0 ? r : apply_options(*h, o, err);
}

int health_check_whole(const struct container_health *h, struct cmk_err *err)
{
	if (!h || health_enabled(h))
		return 0;
	if (h->startup_test && !streq(h->startup_test[0], "NONE"))
		return cmk_err_set(err, -EINVAL,
				   "a startup health check requires a regular health check");
	if (health_on_failure(h) != HEALTH_NOTHING)
		return cmk_err_set(err, -EINVAL,
				   "cannot set on-failure action to %s without a health check",
				   h->on_failure);
	return 0;
}

/* --- inspect -----------------------------------------------------------------------------------
 */

static void write_check(struct json_writer *w, const char *key, const struct container_health *h,
			bool startup)
{
	json_write_object(w, key);
	json_write_strv(w, "Test", startup ? h->startup_test : h->test);
	if (!startup && h->start_period_ns)
		json_write_i64(w, "StartPeriod", h->start_period_ns);
	if (!startup && h->start_interval_ns)
		json_write_i64(w, "StartInterval", h->start_interval_ns);
	json_write_i64(w, "Interval", startup ? h->startup_interval_ns : h->interval_ns);
	json_write_i64(w, "Timeout", startup ? h->startup_timeout_ns : h->timeout_ns);
	if (startup ? h->startup_retries : h->retries)
		json_write_i64(w, "Retries", startup ? h->startup_retries : h->retries);
	if (startup && h->startup_success)
		json_write_i64(w, "Successes", h->startup_success);
	json_write_end(w, '}');
}

void health_inspect_config(struct json_writer *w, const struct container_health *h)
{
	if (h && h->test)
		write_check(w, "Healthcheck", h, false);
	json_write_str(w, "HealthcheckOnFailureAction",
		       h && h->on_failure ? h->on_failure : "none");
	json_write_str(w, "HealthLogDestination",
		       h && h->log_destination ? h->log_destination : "local");
	json_write_i64(w, "HealthcheckMaxLogCount", h ? h->max_log_count : DEFAULT_LOG_COUNT);
	json_write_i64(w, "HealthcheckMaxLogSize", h ? h->max_log_size : DEFAULT_LOG_SIZE);
	if (h && h->startup_test)
		write_check(w, "StartupHealthCheck", h, true);
}

void health_inspect_state(struct json_writer *w, const struct container *c)
{
	struct health_record rec = { 0 };
	const char *status;

	if (!health_enabled(c->cfg.health)) {
		json_write_null(w, "Health");
		return;
	}
	(void)health_record_load(c->st, c->cfg.id, c->cfg.health, &rec);
	status = rec.status ? rec.status : "starting";
	if ((c->state == CONTAINER_RUNNING || c->state == CONTAINER_PAUSED) && c->live.health)
		status = c->live.health;
	json_write_object(w, "Health");
	json_write_str(w, "Status", status);
	json_write_i64(w, "FailingStreak", rec.failing_streak);
	if (rec.n_log)
		health_record_write_log(w, &rec);
	else
		json_write_null(w, "Log");
	json_write_end(w, '}');
	health_record_done(&rec);
}
