// SPDX-License-Identifier: Apache-2.0
#include "image/changes.h"

#include <strings.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"

#define LINE_MAX_LEN ((size_t)64 << 10)
#define CONFIG_PART_MAX ((size_t)4 << 20)

static int bad(struct cmk_err *err, const char *line, const char *why)
{
	return cmk_err_set(err, -EINVAL, "change '%.200s': %s", line, why);
}

/* ["a", "b"]: 1 where it is one, 0 where it is not. */
static int parse_json_list(const char *s, char ***ret)
{
	cleanup_json_doc struct json_doc *doc = NULL;

	if (*s != '[' || json_parse(s, strlen(s), LINE_MAX_LEN, &doc, NULL) < 0)
		return 0;
	return json_strv(json_root(doc), ret) == 0;
}

/* CMD and ENTRYPOINT: a list, or a line for the shell. */
static int set_command(char ***to, const char *value)
{
	cleanup_strv char **list = NULL;

	if (!parse_json_list(value, &list) && *value) {
		strv_add(&list, "/bin/sh");
		strv_add(&list, "-c");
		strv_add(&list, value);
	}
	strv_free(*to);
	*to = steal_ptr(&list);
	return 0;
}

static void set_string(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
}

/* "K=V K2=V2", or for ENV and LABEL also "K V…". */
static int set_pairs(char ***to, const char *value)
{
	cleanup_strv char **words = NULL;

	if (strv_split_words(value, &words) < 0 || !words)
		return -EINVAL;
	if (!strchr(words[0], '=')) {
		const char *rest = value + strcspn(value, " \t");
		cleanup_free char *pair = NULL;

		rest += strspn(rest, " \t");
		if (!*rest)
			return -EINVAL;
		pair = xasprintf("%s=%s", words[0], rest);
		strv_env_set(to, pair);
		return 0;
	}
	for (char **w = words; *w; w++) {
		if (!strchr(*w, '=') || **w == '=')
			return -EINVAL;
		strv_env_set(to, *w);
	}
	return 0;
}

static int add_list(char ***to, const char *value)
{
	cleanup_strv char **words = NULL;

	if (!parse_json_list(value, &words) && strv_split_words(value, &words) < 0)
		return -EINVAL;
	if (!words)
		return -EINVAL;
	for (char **w = words; *w; w++)
		if (!strv_has(*to, *w))
			strv_add(to, *w);
	return 0;
}

static int port_ok(const char *s)
{
	const char *slash = strchrnul(s, '/');
	uint64_t port = 0;

	if (parse_u64_n(s, (size_t)(slash - s), 65535, &port) < 0 || port == 0)
		return -EINVAL;
	return !*slash || streq(slash, "/tcp") || streq(slash, "/udp") ? 0 : -EINVAL;
}

static int add_ports(char ***to, const char *value)
{
	cleanup_strv char **words = NULL;

	if (strv_split_words(value, &words) < 0 || !words)
		return -EINVAL;
	for (char **w = words; *w; w++) {
		cleanup_free char *port = NULL;

		if (port_ok(*w) < 0)
			return -EINVAL;
		port = strchr(*w, '/') ? xstrdup(*w) : xasprintf("%s/tcp", *w);
		if (!strv_has(*to, port))
			strv_add(to, port);
	}
	return 0;
}

/* One of --interval=30s --timeout=30s --start-period=0s --start-interval=5s --retries=3, each once,
 * as BuildKit has it; *SEEN has a bit for each that was there. */
static int health_option(struct json_writer *w, const char *word, unsigned int *seen)
{
	static const struct {
		const char *option, *key;
	} times[] = {
		{ "--interval=", "Interval" },
		{ "--timeout=", "Timeout" },
		{ "--start-period=", "StartPeriod" },
		{ "--start-interval=", "StartInterval" },
	};
	const char *value = str_after(word, "--retries=");
	uint64_t n = 0;
	int64_t ns = 0;

	if (value) {
		if (parse_u64(value, INT32_MAX, &n) < 0 || *seen & 1U << ARRAY_LEN(times))
			return -EINVAL;
		*seen |= 1U << ARRAY_LEN(times);
		json_write_u64(w, "Retries", n);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		value = str_after(word, times[i].option);
		if (!value)
			continue;
		if (parse_duration(value, &ns) < 0 || ns < 0 || *seen & 1U << i)
			return -EINVAL;
		*seen |= 1U << i;
		json_write_i64(w, times[i].key, ns);
		return 0;
	}
	return -EINVAL;
}

/* NONE, or [OPTION...] CMD followed by a list or a line for the shell. */
static int health_test(struct json_writer *w, const char *value)
{
	cleanup_strv char **list = NULL;
	cleanup_strv char **test = NULL;
	const char *rest = str_after(value, "CMD");

	if (streq(value, "NONE")) {
		strv_add(&test, "NONE");
	} else {
		if (!rest || !strchr(" \t[", *rest))
			return -EINVAL;
		rest += strspn(rest, " \t");
		if (!*rest)
			return -EINVAL;
		if (parse_json_list(rest, &list)) {
			strv_add(&test, "CMD");
			for (char **l = list; l && *l; l++)
				strv_add(&test, *l);
		} else {
			strv_add(&test, "CMD-SHELL");
			strv_add(&test, rest);
		}
	}
	json_write_strv(w, "Test", test);
	return 0;
}

static int set_healthcheck(char **to, const char *value)
{
	struct json_writer w = JSON_WRITER_INIT;
	char *text = NULL;
	unsigned int seen = 0;
	size_t len;
	int r = 0;

	json_write_object(&w, NULL);
	while (r >= 0 && str_after(value, "--")) {
		size_t n = strcspn(value, " \t");
		cleanup_free char *word = xstrndup(value, n);

		r = health_option(&w, word, &seen);
		value += n + strspn(value + n, " \t");
	}
	if (r >= 0)
		r = health_test(&w, value);
	json_write_end(&w, '}');
	if (r >= 0)
		r = json_writer_finish(&w, &text, &len, NULL);
	json_writer_done(&w);
	if (r < 0)
		return r;
	free(*to);
	*to = text;
	return 0;
}

static int apply(const char *name, const char *value, struct image_config *cfg)
{
	if (streq(name, "CMD"))
		return set_command(&cfg->cmd, value);
	if (streq(name, "ENTRYPOINT"))
		return set_command(&cfg->entrypoint, value);
	if (streq(name, "ENV"))
		return set_pairs(&cfg->env, value);
	if (streq(name, "LABEL"))
		return set_pairs(&cfg->labels, value);
	if (streq(name, "EXPOSE"))
		return add_ports(&cfg->exposed_ports, value);
	if (streq(name, "VOLUME"))
		return add_list(&cfg->volumes, value);
	if (streq(name, "HEALTHCHECK"))
		return set_healthcheck(&cfg->healthcheck_json, value);
	if (streq(name, "ONBUILD")) {
		strv_add(&cfg->on_build, value);
		return *value ? 0 : -EINVAL;
	}
	if (streq(name, "USER"))
		set_string(&cfg->user, value);
	else if (streq(name, "WORKDIR"))
		set_string(&cfg->working_dir, value);
	else if (streq(name, "STOPSIGNAL") && parse_signal(value) > 0)
		set_string(&cfg->stop_signal, value);
	else
		return -ENOENT;
	return *value ? 0 : -EINVAL;
}

int change_apply(const char *line, struct image_config *cfg, struct cmk_err *err)
{
	cleanup_free char *name = NULL, *value = NULL;
	size_t n = strcspn(line, " \t="), len;
	int r;

	if (strlen(line) > LINE_MAX_LEN)
		return bad(err, line, "too long");
	if (!text_is_utf8(line))
		return bad(err, line, "not UTF-8");
	name = xstrndup(line, n);
	for (char *p = name; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	line += n;
	line += *line == '=' ? 1 : strspn(line, " \t");
	value = xstrdup(line);
	len = strlen(value);
	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		value[--len] = '\0';
	r = apply(name, value, cfg);
	if (r == -ENOENT) {
		/* In podman's words. */
		(void)cmk_err_set(err, -EINVAL,
				  "applying changes: processing change \"%.60s %.200s\": did not "
				  "understand change instruction \"%.60s %.200s\"",
				  name, value, name, value);
		(void)cmk_err_hint(err, "there are CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, "
					"LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR");
		return -EINVAL;
	}
	if (r < 0)
		return cmk_err_set(err, r, "change '%s %.200s': malformed value", name, value);
	return 0;
}

static void write_strv(struct json_writer *w, const char *key, char *const *v)
{
	if (v && *v)
		json_write_strv(w, key, v);
}

/* {"80/tcp":{}} */
static void write_set(struct json_writer *w, const char *key, char *const *v)
{
	if (!v || !*v)
		return;
	json_write_object(w, key);
	for (; *v; v++) {
		json_write_object(w, *v);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

static void write_str(struct json_writer *w, const char *key, const char *s)
{
	if (s && *s)
		json_write_str(w, key, s);
}

static int write_raw(struct json_writer *w, const char *key, const char *text, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = text ? json_parse(text, strlen(text), CONFIG_PART_MAX, &doc, err) : 0;

	if (text && r >= 0)
		json_write_value(w, key, json_root(doc));
	return r;
}

/* What is in the list TEXT, in front of what comes next. */
static int write_items(struct json_writer *w, const char *text, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	int r = text ? json_parse(text, strlen(text), CONFIG_PART_MAX, &doc, err) : 0;

	if (!text || r < 0 || json_root(doc)->type != JSON_ARRAY)
		return r;
	json_each (item, json_root(doc))
		json_write_value(w, NULL, item);
	return 0;
}

static void write_step(struct json_writer *w, const struct image_config *cfg,
		       const char *created_by, const char *comment)
{
	json_write_object(w, NULL);
	write_str(w, "created", cfg->created);
	write_str(w, "created_by", created_by);
	write_str(w, "author", cfg->author);
	write_str(w, "comment", comment);
	json_write_end(w, '}');
}

int config_add_step(struct image_config *cfg, const char *created_by, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	char *text = NULL;
	size_t len = 0;
	int r;

	json_write_array(&w, NULL);
	r = write_items(&w, cfg->history_json, err);
	write_step(&w, cfg, created_by, NULL);
	json_write_end(&w, ']');
	if (r < 0) {
		json_writer_done(&w);
		return r;
	}
	r = json_writer_finish(&w, &text, &len, err);
	if (r < 0)
		return r;
	free(cfg->history_json);
	cfg->history_json = text;
	return 0;
}

int config_write(const struct image_config *cfg, const char *created_by, const char *comment,
		 char **ret, size_t *ret_len, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	int r;

	json_write_object(&w, NULL);
	write_str(&w, "created", cfg->created);
	write_str(&w, "author", cfg->author);
	json_write_str(&w, "architecture", cfg->architecture);
	json_write_str(&w, "os", cfg->os);
	write_str(&w, "variant", cfg->variant);
	json_write_object(&w, "config");
	write_str(&w, "User", cfg->user);
	write_set(&w, "ExposedPorts", cfg->exposed_ports);
	write_strv(&w, "Env", cfg->env);
	write_strv(&w, "Entrypoint", cfg->entrypoint);
	write_strv(&w, "Cmd", cfg->cmd);
	write_set(&w, "Volumes", cfg->volumes);
	write_str(&w, "WorkingDir", cfg->working_dir);
	if (cfg->labels && *cfg->labels)
		json_write_map(&w, "Labels", cfg->labels);
	write_str(&w, "StopSignal", cfg->stop_signal);
	write_strv(&w, "OnBuild", cfg->on_build);
	r = write_raw(&w, "Healthcheck", cfg->healthcheck_json, err);
	json_write_end(&w, '}');
	json_write_object(&w, "rootfs");
	json_write_str(&w, "type", "layers");
	json_write_strv(&w, "diff_ids", cfg->diff_ids);
	json_write_end(&w, '}');
	json_write_array(&w, "history");
	if (r >= 0)
		r = write_items(&w, cfg->history_json, err);
	write_step(&w, cfg, created_by, comment);
	json_write_end(&w, ']');
	json_write_end(&w, '}');
	if (r >= 0)
		return json_writer_finish(&w, ret, ret_len, err);
	json_writer_done(&w);
	return r;
}
