// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/format.h"

struct secret_inspect_args {
	const char *format;
	bool pretty, show;
};

/* For completion. */
static const char secret_fields[] = "ID|CreatedAt|UpdatedAt|Spec{Name|Driver{Name|Options}|Labels}";

static const struct cmk_option secret_inspect_options[] = {
	CMK_OPT_STRING('f', "format", struct secret_inspect_args, format, "FORMAT",
		       "'json' or a Go template", .def = "json", .fields = secret_fields),
	CMK_OPT_FLAG(0, "pretty", struct secret_inspect_args, pretty, "print lines for people"),
	CMK_OPT_FLAG(0, "showsecret", struct secret_inspect_args, show, "show the value, too"),
	CMK_OPT_END(),
};

static const char pretty_template[] =
	"ID:              {{.ID}}\nName:              {{.Spec.Name}}\n{{if .Spec.Labels}}Labels:\n"
	"{{range $k, $v := .Spec.Labels}} - {{$k}}{{if $v}}={{$v}}{{end}}\n{{end}}{{end}}"
	"Driver:            {{.Spec.Driver.Name}}\nCreated at:        {{.CreatedAt}}\n"
	"Updated at:        {{.UpdatedAt}}";

static int write_one(struct storage *st, const char *name, bool show, struct json_writer *w,
		     struct cmk_err *err)
{
	cleanup(secret_done) struct secret s = { 0 };
	char *value = NULL;
	size_t len = 0;
	int r = secret_find(st, name, &s, err);

	if (r == 0 && show)
		r = secret_value(st, &s, &value, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "inspecting secret");
	json_write_object(w, NULL);
	json_write_str(w, "ID", s.id);
	json_write_str(w, "CreatedAt", s.created);
	json_write_str(w, "UpdatedAt", s.updated);
	json_write_object(w, "Spec");
	json_write_str(w, "Name", s.name);
	json_write_object(w, "Driver");
	json_write_str(w, "Name", s.driver);
	json_write_map(w, "Options", s.driver_opts);
	json_write_end(w, '}');
	json_write_map(w, "Labels", s.labels);
	json_write_end(w, '}');
	if (show)
		json_write_strn(w, "SecretData", value, len);
	json_write_end(w, '}');
	if (value)
		explicit_bzero(value, len);
	free(value);
	return 0;
}

static int secret_inspect_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			       char **argv, struct cmk_err *err)
{
	const struct secret_inspect_args *a = args;
	const char *format = a->pretty ? pretty_template : a->format;
	cleanup_err struct cmk_err first = CMK_ERR_INIT;
	cleanup_storage struct storage *st = NULL;
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *text = NULL;
	bool any = false;
	size_t len = 0;
	int failed = 0, r;

	if (a->pretty && !streq(a->format, "json"))
		return cmk_err_set(err, -EINVAL, "--pretty and --format exclude each other");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	json_write_array(&w, NULL);
	for (; *argv; argv++) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		r = write_one(st, *argv, a->show, &w, &e);
		any |= r == 0;
		if (r < 0 && failed)
			cmk_print_error(&e);
		else if (r < 0)
			failed = cmk_err_move(&first, &e);
	}
	json_write_end(&w, ']');
	r = json_writer_finish(&w, &text, &len, err);
	if (r == 0 && (any || streq(format, "json")))
		r = format_print(format, text, len, NULL, true, err);
	if (text)
		explicit_bzero(text, len);
	return r == 0 && failed ? cmk_err_move(err, &first) : r;
}

static const struct cmk_example secret_inspect_examples[] = {
	{ "cmk secret inspect password", "All that is known of a secret but its value, as JSON" },
	{ "cmk secret inspect --showsecret -f '{{.SecretData}}' password", "The value" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_secret_inspect = {
	.name = "secret inspect",
	.summary = "Show what is known of secrets",
	.operands = "SECRET...",
	.description =
		"Prints a JSON array with one object for each secret. A SECRET is a name, an "
		"ID, or the beginning of one. Values are shown with `--showsecret` alone.",
	.examples = secret_inspect_examples,
	.options = secret_inspect_options,
	.args_size = sizeof(struct secret_inspect_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_SECRETS,
	.exec = secret_inspect_exec,
};
