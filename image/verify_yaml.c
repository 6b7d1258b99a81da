// SPDX-License-Identifier: Apache-2.0
/* YAML as JSON. */
#include <yaml.h>

#include "base/file.h"
#include "base/json.h"
#include "image/verify_helper.h"

#define DEPTH_MAX 32

struct convert {
	yaml_parser_t parser;
	struct json_writer out;
	const char *why;
};

/* What YAML 1.1 makes of a word without quotes. */
static void write_scalar(struct json_writer *w, const char *key, const yaml_event_t *e)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "YES",
					   "on",   "On",   "ON",   "y",	  "Y" };
	static const char *const no[] = { "false", "False", "FALSE", "no", "No", "NO",
					  "off",   "Off",   "OFF",   "n",  "N" };
	const char *text = (const char *)e->data.scalar.value;

	if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag) {
		if (!*text || streq(text, "~") || streq(text, "null")) {
			json_write_null(w, key);
			return;
		}
		for (size_t i = 0; i < ARRAY_LEN(yes); i++)
			if (streq(text, yes[i]) || streq(text, no[i])) {
				json_write_bool(w, key, streq(text, yes[i]));
				return;
			}
	}
	json_write_strn(w, key, text, e->data.scalar.length);
}

static int next_event(struct convert *c, yaml_event_t *e)
{
	if (yaml_parser_parse(&c->parser, e))
		return 0;
	c->why = c->parser.problem ? c->parser.problem : "it is not YAML";
	return -EINVAL;
}

static int write_node(struct convert *c, const char *key, const yaml_event_t *e, int depth);

static int write_list(struct convert *c, const char *key, int depth)
{
	int r = 0;

	json_write_array(&c->out, key);
	for (bool end = false; !end && r == 0;) {
		yaml_event_t e;

		r = next_event(c, &e);
		if (r < 0)
			return r;
		end = e.type == YAML_SEQUENCE_END_EVENT;
		if (!end)
			r = write_node(c, NULL, &e, depth);
		yaml_event_delete(&e);
	}
	json_write_end(&c->out, ']');
	return r;
}

static int write_member(struct convert *c, const yaml_event_t *key, int depth)
{
	yaml_event_t value;
	int r;

	if (key->type != YAML_SCALAR_EVENT || key->data.scalar.anchor) {
		c->why = "keys have to be plain words";
		return -EINVAL;
	}
	r = next_event(c, &value);
	if (r < 0)
		return r;
	r = write_node(c, (const char *)key->data.scalar.value, &value, depth);
	yaml_event_delete(&value);
	return r;
}

static int write_map(struct convert *c, const char *key, int depth)
{
	int r = 0;

	json_write_object(&c->out, key);
	for (bool end = false; !end && r == 0;) {
		yaml_event_t e;

		r = next_event(c, &e);
		if (r < 0)
			return r;
		end = e.type == YAML_MAPPING_END_EVENT;
		if (!end)
			r = write_member(c, &e, depth);
		yaml_event_delete(&e);
	}
	json_write_end(&c->out, '}');
	return r;
}

static int write_node(struct convert *c, const char *key, const yaml_event_t *e, int depth)
{
	if (depth > DEPTH_MAX) {
		c->why = "it is nested too deep";
		return -EINVAL;
	}
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		write_scalar(&c->out, key, e);
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		return write_list(c, key, depth + 1);
	case YAML_MAPPING_START_EVENT:
		return write_map(c, key, depth + 1);
	case YAML_ALIAS_EVENT:
		/* A few of them are a great many values. */
		c->why = "aliases (*name) are not supported";
		return -EINVAL;
	default:
		c->why = "it is not one document";
		return -EINVAL;
	}
}

/* One document, or nothing but comments. */
static int write_stream(struct convert *c)
{
	bool written = false, end = false;
	int r = 0;

	while (!end && r == 0) {
		yaml_event_t e;

		r = next_event(c, &e);
		if (r < 0)
			return r;
		end = e.type == YAML_STREAM_END_EVENT;
		if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT &&
		    e.type != YAML_DOCUMENT_END_EVENT && !end) {
			if (written)
				c->why = "it is more than one document";
			r = written ? -EINVAL : write_node(c, NULL, &e, 0);
			written = true;
		}
		yaml_event_delete(&e);
	}
	if (r == 0 && !written)
		json_write_null(&c->out, NULL);
	return r;
}

int verify_yaml(char **args cmk_unused)
{
	struct convert c = { 0 };
	cleanup_free char *text = NULL, *json = NULL;
	size_t len = 0, json_len = 0, line;
	int r;

	if (helper_read_all(STDIN_FILENO, &text, &len) < 0)
		return helper_fail("cannot read it");
	if (!yaml_parser_initialize(&c.parser))
		return helper_fail("libyaml cannot be started");
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, len);
	r = write_stream(&c);
	line = c.parser.mark.line + 1;
	yaml_parser_delete(&c.parser);
	if (r < 0) {
		cleanup_free char *why = xasprintf("line %zu: %s", line, c.why);

		json_writer_done(&c.out);
		return helper_fail(why);
	}
	if (json_writer_finish(&c.out, &json, &json_len, NULL) < 0 ||
	    write_all(STDOUT_FILENO, json, json_len) < 0)
		return helper_fail("cannot write it");
	return 0;
}
