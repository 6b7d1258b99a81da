// SPDX-License-Identifier: Apache-2.0
/* Carries out a parsed template over a JSON value. */
#include <strings.h>

#include "base/parse.h"
#include "cmd/format.h"
#include "cmd/template.h"

struct made {
	struct json json;
	char *owned;
	struct json *children; /* of an array */
	char **strv;
	struct made *next;
};
struct template_arena {
	struct made *made;
};

/* What ends a list of nodes before its end, beside errors. */
enum { LOOP_BREAK = 1, LOOP_CONTINUE };
#define CALLS_MAX 100 /* templates that call templates */
#define RANGE_MAX 10000

struct variable {
	const char *name;
	const struct json *value;
	struct variable *below;
};

struct exec {
	const struct template_node *nodes; /* the whole template */
	const struct json *root;
	int line, column, calls;
	struct variable *vars;
	const struct template_header *header;
	struct template_arena arena;
	struct strbuf *out;
	struct cmk_err *err;
};

static struct made *make(struct template_arena *arena, enum json_type type)
{
	struct made *m = xcalloc(1, sizeof(*m));

	m->json.type = type;
	m->next = arena->made;
	arena->made = m;
	return m;
}

static void arena_done(struct template_arena *arena)
{
	struct made *next;

	for (struct made *m = arena->made; m; m = next) {
		next = m->next;
		free(m->owned);
		free(m->children);
		strv_free(m->strv);
		free(m);
	}
}

const struct json *template_string(struct template_arena *arena, char *s)
{
	struct made *m = make(arena, JSON_STRING);

	m->owned = s;
	m->json.text = s;
	m->json.n = strlen(s);
	return &m->json;
}

const struct json *template_number(struct template_arena *arena, int64_t v)
{
	struct made *m = make(arena, JSON_NUMBER);

	m->owned = xasprintf("%lld", (long long)v);
	m->json.text = m->owned;
	m->json.n = strlen(m->owned);
	return &m->json;
}

const struct json *template_bool(struct template_arena *arena, bool v)
{
	struct made *m = make(arena, JSON_BOOL);

	m->json.boolean = v;
	return &m->json;
}

const struct json *template_array(struct template_arena *arena, char **v)
{
	struct made *m = make(arena, JSON_ARRAY);
	size_t n = strv_len(v);

	m->strv = v;
	m->children = xcalloc(n + 1, sizeof(*m->children));
	for (size_t i = 0; i < n; i++)
		m->children[i] = (struct json){
			.type = JSON_STRING,
			.text = v[i],
			.n = strlen(v[i]),
			.next = i + 1 < n ? &m->children[i + 1] : NULL,
		};
	m->json.first = n ? m->children : NULL;
	m->json.n = n;
	return &m->json;
}

bool template_truth(const struct json *v)
{
	if (!v)
		return false;
	switch (v->type) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return v->boolean;
	case JSON_NUMBER:
		return strspn(v->text, "-0.") != v->n;
	default:
		return v->n > 0;
	}
}

static int compare_members(const void *a, const void *b)
{
	return strcmp((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

/* Its children; of a map in the order of the keys, as Go has it. Owned; n of them. */
static const struct json **children_of(const struct json *v)
{
	const struct json **list = xcalloc(v->n + 1, sizeof(*list));
	size_t n = 0;

	json_each (m, v)
		list[n++] = m;
	if (v->type == JSON_OBJECT && n)
		qsort(list, n, sizeof(*list), compare_members);
	return list;
}

static bool is_map(const struct json *v);

/* Go prints a struct by its members' values, and a map with its keys. */
static void print_object(const struct json *v, struct strbuf *out)
{
	cleanup_free const struct json **list = NULL;

	if (!is_map(v)) {
		strbuf_addc(out, '{');
		json_each (m, v) {
			if (m != v->first)
				strbuf_addc(out, ' ');
			template_print(m, out);
		}
		strbuf_addc(out, '}');
		return;
	}
	list = children_of(v);
	strbuf_adds(out, "map[");
	for (size_t i = 0; i < v->n; i++) {
		strbuf_addf(out, "%s%s:", i ? " " : "", list[i]->key);
		template_print(list[i], out);
	}
	strbuf_addc(out, ']');
}

static bool is_list(const struct json *v);
static bool is_map(const struct json *v);
static void print_number(const struct json *v, struct strbuf *out);

void template_print(const struct json *v, struct strbuf *out)
{
	if (!v) {
		strbuf_adds(out, "<no value>");
		return;
	}
	switch (v->type) {
	case JSON_NULL:
		strbuf_adds(out, is_map(v) ? "map[]" : is_list(v) ? "[]" : "<nil>");
		break;
	case JSON_BOOL:
		strbuf_adds(out, v->boolean ? "true" : "false");
		break;
	case JSON_NUMBER:
		print_number(v, out);
		break;
	case JSON_STRING:
		strbuf_adds(out, v->text);
		break;
	case JSON_ARRAY:
		strbuf_addc(out, '[');
		json_each (m, v) {
			if (m != v->first)
				strbuf_addc(out, ' ');
			template_print(m, out);
		}
		strbuf_addc(out, ']');
		break;
	case JSON_OBJECT:
		print_object(v, out);
		break;
	}
}

/* Lists whose names are known: nothing in them is "[]", not "<nil>". */
static bool is_list(const struct json *v)
{
	static const char *const names[] = {
		"Args",	       "Binds",	      "CapAdd",	 "CapDrop",	  "Cmd",
		"Command",     "Devices",     "Dns",	 "DnsOptions",	  "DnsSearch",
		"Entrypoint",  "Env",	      "ExecIDs", "ExtraHosts",	  "GroupAdd",
		"History",     "Mounts",      "Names",	 "RepoTags",	  "Ulimits",
		"RepoDigests", "SecurityOpt", "Layers",	 "authorization", "EmulatedArchitectures"
	};

	for (size_t i = 0; v->key && i < ARRAY_LEN(names); i++)
		if (streq(v->key, names[i]))
			return true;
	return false;
}

/* Members whose names the image or the user chose: an absent one is no mistake in the template. */
static bool is_map(const struct json *v)
{
	static const char *const names[] = { "Labels",	     "Annotations",  "Networks",
					     "Ports",	     "ExposedPorts", "Volumes",
					     "Sysctls",	     "Options",	     "PortBindings",
					     "Tmpfs",	     "Data",	     "Attributes",
					     "graphOptions", "graphStatus",  "registries",
					     "RuntimeInfo" };

	for (size_t i = 0; v->key && i < ARRAY_LEN(names); i++)
		if (streq(v->key, names[i]))
			return true;
	return false;
}

/* podman's Go names where they differ from its JSON keys: scripts use both. */
static const char *json_name(const char *field)
{
	static const char *const names[][2] = {
		{ "Healthcheck", "Health" }, /* of State */
		{ "HealthMaxLogCount", "HealthcheckMaxLogCount" },
		{ "HealthMaxLogSize", "HealthcheckMaxLogSize" },
		{ "Src", "Source" }, /* of Mounts */
		{ "Dst", "Destination" },
		{ "ImageID", "Image" },
		{ "CgroupsVersion", "cgroupVersion" }, /* of info */
		{ "DefaultCapabilities", "capabilities" },
		{ "ContainerID", "container_id" },
		{ "HostID", "host_id" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i][0], field))
			return names[i][1];
	return field;
}

static const char duration_key[] = "time.Duration";

static bool is_duration(const char *field)
{
	return streq(field, "Interval") || streq(field, "Timeout") || streq(field, "StartPeriod") ||
	       streq(field, "StartInterval");
}

/*
 * The members of a health check (V), as Go has them: nanoseconds print as "30s", to `json` and `eq`
 * they are a number; what the JSON text leaves out, for being zero, is there. M: the one found.
 */
static const struct json *health_member(struct template_arena *arena, const struct json *v,
					const char *field, const struct json *m)
{
	bool duration = is_duration(m ? m->key : field);
	struct made *copy;

	if (!m && !duration && !streq(field, "Retries") && !streq(field, "Successes"))
		return NULL;
	if (!json_get(v, "Test") || (m && (!duration || m->type != JSON_NUMBER)))
		return m;
	copy = make(arena, JSON_NUMBER);
	copy->json.key = duration ? duration_key : field;
	copy->json.text = m ? m->text : "0";
	copy->json.n = strlen(copy->json.text);
	return &copy->json;
}

static void print_number(const struct json *v, struct strbuf *out)
{
	char text[40];
	int64_t ns;

	if (v->key != duration_key || json_i64(v, &ns) < 0) {
		strbuf_adds(out, v->text);
		return;
	}
	format_go_duration(ns, text);
	strbuf_adds(out, text);
}

/* What inspect and info leave out where there is nothing to say: told by a neighbour that is always
 * there, or by the name of the structure. */
static const struct json *left_out(const struct json *v, const char *field)
{
	static const struct {
		const char *structure, *neighbour;
		struct json value;
	} fields[] = {
		{ NULL, "CreateCommand", { .type = JSON_NULL, .key = "Healthcheck" } },
		{ NULL, "CreateCommand", { .type = JSON_NULL, .key = "StartupHealthCheck" } },
		{ NULL, "CreateCommand", { .type = JSON_STRING, .key = "Timezone", .text = "" } },
		{ NULL, "UsernsMode", { .type = JSON_NULL, .key = "IDMappings" } },
		{ NULL, "Propagation", { .type = JSON_STRING, .key = "Name", .text = "" } },
		{ NULL, "Propagation", { .type = JSON_STRING, .key = "SubPath", .text = "" } },
		{ NULL, "CgroupMode", { .type = JSON_NULL, .key = "StorageOpt" } },
		{ NULL, "CgroupMode", { .type = JSON_NULL, .key = "Sysctls" } },
		{ NULL, "EffectiveCaps", { .type = JSON_NULL, .key = "SizeRw" } },
		{ NULL,
		  "EffectiveCaps",
		  { .type = JSON_NUMBER, .key = "SizeRootFs", .text = "0", .n = 1 } },
		{ NULL,
		  "Checkpointed",
		  { .type = JSON_STRING, .key = "CheckpointLog", .text = "" } },
		{ NULL,
		  "Checkpointed",
		  { .type = JSON_STRING, .key = "CheckpointPath", .text = "" } },
		{ NULL, "Checkpointed", { .type = JSON_STRING, .key = "RestoreLog", .text = "" } },
		{ NULL, "NamesHistory", { .type = JSON_NULL, .key = "HealthCheck" } },
		{ NULL, "Spec", { .type = JSON_STRING, .key = "SecretData", .text = "" } },
		/* Of an image: what it says of nothing. */
		{ "Config", NULL, { .type = JSON_BOOL, .key = "ArgsEscaped" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Cmd" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Entrypoint" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Env" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "ExposedPorts" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Healthcheck" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Labels" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "OnBuild" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Shell" } },
		{ "Config", NULL, { .type = JSON_STRING, .key = "StopSignal", .text = "" } },
		{ "Config", NULL, { .type = JSON_STRING, .key = "User", .text = "" } },
		{ "Config", NULL, { .type = JSON_NULL, .key = "Volumes" } },
		{ "Config", NULL, { .type = JSON_STRING, .key = "WorkingDir", .text = "" } },
		/* Of info. */
		{ "distribution", NULL, { .type = JSON_STRING, .key = "Codename", .text = "" } },
		{ "distribution", NULL, { .type = JSON_STRING, .key = "Variant", .text = "" } },
		{ "dns", NULL, { .type = JSON_STRING, .key = "Package", .text = "" } },
		{ "dns", NULL, { .type = JSON_STRING, .key = "Path", .text = "" } },
		{ "dns", NULL, { .type = JSON_STRING, .key = "Version", .text = "" } },
		{ "host", NULL, { .type = JSON_NULL, .key = "EmulatedArchitectures" } },
		{ "host", NULL, { .type = JSON_NULL, .key = "FreeLocks" } },
		{ "host", NULL, { .type = JSON_NULL, .key = "RuntimeInfo" } },
		{ "networkBackendInfo",
		  NULL,
		  { .type = JSON_STRING, .key = "DefaultNetwork", .text = "" } },
		{ "networkBackendInfo",
		  NULL,
		  { .type = JSON_STRING, .key = "Package", .text = "" } },
		{ "remoteSocket", NULL, { .type = JSON_STRING, .key = "Path", .text = "" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcasecmp(fields[i].value.key, field) == 0 &&
		    (fields[i].neighbour ? json_get(v, fields[i].neighbour) != NULL
					 : streq_null(v->key, fields[i].structure)))
			return &fields[i].value;
	return NULL;
}

/* Go's structures within others: their members are the other's own, and they have a name as well.
 */
static bool is_embedded(const struct json *v, const char *field)
{
	static const char *const names[][2] = {
		{ "ListContainer", "IsInfra" },
		{ "ImageSummary", "ParentId" },
		{ "InspectVolumeData", "Mountpoint" },
		{ "InspectBasicNetworkConfig", "SandboxKey" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(field, names[i][0]) && json_get(v, names[i][1]))
			return true;
	return false;
}

static int get_field(struct exec *x, const struct json *v, const char *field,
		     const struct json **ret)
{
	const struct json *m;

	if (!v || v->type == JSON_NULL) {
		*ret = NULL;
		return 0;
	}
	if (v->type != JSON_OBJECT)
		return cmk_err_set(x->err, -EINVAL, "can't evaluate field %.60s in a single value",
				   field);
	m = json_get(v, field);
	if (!m)
		m = json_get(v, json_name(field));
	/* .ID and .Id are both in use. */
	if (!m)
		json_each (c, v)
			if (!m && strcasecmp(c->key, field) == 0)
				m = c;
	m = health_member(&x->arena, v, field, m);
	if (!m)
		m = is_embedded(v, field) ? v : left_out(v, field);
	if (!m && !is_map(v))
		return cmk_err_set(x->err, -EINVAL, "can't evaluate field %.60s", field);
	*ret = m;
	return 0;
}

static int eval_pipe(struct exec *x, const struct template_pipe *p, const struct json *dot,
		     const struct json **ret);

static int eval_base(struct exec *x, const struct template_operand *o, const struct json *dot,
		     const struct json **ret)
{
	switch (o->kind) {
	case OPERAND_DOT:
		*ret = dot;
		return 0;
	case OPERAND_LITERAL:
		*ret = &o->literal;
		return 0;
	case OPERAND_PAREN:
		return eval_pipe(x, o->paren, dot, ret);
	case OPERAND_FUNC:
		return template_call(o->name, NULL, 0, &x->arena, ret, x->err);
	case OPERAND_VAR:
		break;
	}
	if (!*o->name) {
		*ret = x->root;
		return 0;
	}
	for (struct variable *v = x->vars; v; v = v->below)
		if (streq(v->name, o->name)) {
			*ret = v->value;
			return 0;
		}
	if (x->header) {
		*ret = template_string(&x->arena, xstrdup(""));
		return 0;
	}
	return cmk_err_set(x->err, -EINVAL, "undefined variable \"$%.40s\"", o->name);
}

static int eval_operand(struct exec *x, const struct template_operand *o, const struct json *dot,
			const struct json **ret)
{
	int r;

	x->line = o->line;
	x->column = o->column;
	if (x->header && o->fields && o->kind != OPERAND_PAREN) {
		size_t n = strv_len(o->fields);
		const char *s = x->header->fn(o->fields[n - 1], x->header->ctx);

		*ret = template_string(&x->arena, xstrdup(s));
		return 0;
	}
	r = eval_base(x, o, dot, ret);
	for (char **f = o->fields; r == 0 && f && *f; f++)
		r = get_field(x, *ret, *f, ret);
	return r;
}

#define ARGS_MAX 32

/* A heading is the field's title, whatever is done to its value. */
static const struct json *heading_of(const struct template_command *c,
				     const struct json *const *args, size_t n)
{
	for (size_t i = 1; i < c->n; i++)
		if (c->operands[i].fields || c->operands[i].kind == OPERAND_PAREN)
			return args[i - 1];
	return args[n - 1];
}

/* Go stops at the argument that decides: what stands behind it may not be there at all. */
static bool decides(const struct exec *x, const struct template_operand *func, const struct json *v)
{
	if (func->kind != OPERAND_FUNC || x->header)
		return false;
	return streq(func->name, "and")	 ? !template_truth(v)
	       : streq(func->name, "or") ? template_truth(v)
					 : false;
}

static int eval_command(struct exec *x, const struct template_command *c, const struct json *dot,
			const struct json *piped, bool has_piped, const struct json **ret)
{
	const struct template_operand *first = &c->operands[0];
	const struct json *args[ARGS_MAX + 2];
	size_t n = 0;
	int r;

	if (c->n > ARGS_MAX)
		return cmk_err_set(x->err, -E2BIG, "too many arguments");
	for (size_t i = 1; i < c->n; i++) {
		r = eval_operand(x, &c->operands[i], dot, &args[n++]);
		if (r < 0)
			return r;
		if (decides(x, first, args[n - 1])) {
			*ret = args[n - 1];
			return 0;
		}
	}
	if (has_piped)
		args[n++] = piped;
	if (first->kind == OPERAND_FUNC) {
		if (x->header && n > 0) {
			*ret = heading_of(c, args, n);
			return 0;
		}
		x->line = first->line;
		x->column = first->column;
		return template_call(first->name, args, n, &x->arena, ret, x->err);
	}
	if (n == 1 && first->fields && streq(first->fields[strv_len(first->fields) - 1], "Label")) {
		const struct json *labels = json_get(dot, "Labels");
		const char *name = args[0] ? json_str(args[0]) : "";

		if (!name)
			return cmk_err_set(x->err, -EINVAL,
					   "wrong type for value; expected string");
		*ret = x->header ? args[0] : json_get(labels, name);
		if (!*ret)
			*ret = template_string(&x->arena, xstrdup(""));
		return 0;
	}
	if (n > 0)
		return cmk_err_set(x->err, -EINVAL, "%s%s is not a method but has arguments",
				   first->fields ? "." : "a value",
				   first->fields ? first->fields[strv_len(first->fields) - 1] : "");
	return eval_operand(x, first, dot, ret);
}

static int eval_pipe(struct exec *x, const struct template_pipe *p, const struct json *dot,
		     const struct json **ret)
{
	const struct json *v = NULL;

	for (size_t i = 0; i < p->n; i++) {
		int r = eval_command(x, &p->commands[i], dot, v, i > 0, &v);

		if (r < 0)
			return r;
	}
	*ret = v;
	return 0;
}

static int exec_list(struct exec *x, const struct template_node *n, const struct json *dot);

/* "range 3" (Go 1.22): 0, 1, 2. */
static int exec_range_number(struct exec *x, const struct template_node *n, const struct json *v)
{
	struct variable item = { n->pipe->vars[1], NULL, x->vars }, *saved = x->vars;
	int64_t count = 0;
	int r = 0;

	if (json_i64(v, &count) < 0 || count > RANGE_MAX || n->pipe->vars[0])
		return cmk_err_set(x->err, -EINVAL, "range can't iterate over %.40s", v->text);
	if (count <= 0)
		return exec_list(x, n->otherwise, v);
	if (item.name)
		x->vars = &item;
	for (int64_t at = 0; at < count && r >= 0 && r != LOOP_BREAK; at++) {
		item.value = template_number(&x->arena, at);
		r = exec_list(x, n->body, item.value);
	}
	x->vars = saved;
	return MIN(r, 0);
}

static int exec_range(struct exec *x, const struct template_node *n, const struct json *v)
{
	struct variable key = { n->pipe->vars[0], NULL, x->vars };
	struct variable item = { n->pipe->vars[1], NULL, key.name ? &key : x->vars };
	cleanup_free const struct json **list = NULL;
	struct variable *saved = x->vars;
	int r = 0;

	if (x->header)
		return exec_list(x, n->body, v);
	if (v && v->type == JSON_NUMBER)
		return exec_range_number(x, n, v);
	if (v && v->type != JSON_ARRAY && v->type != JSON_OBJECT && v->type != JSON_NULL)
		return cmk_err_set(x->err, -EINVAL, "range can't iterate over a single value");
	if (!v || !v->first)
		return exec_list(x, n->otherwise, v);
	if (item.name)
		x->vars = &item;
	list = children_of(v);
	for (size_t at = 0; at < v->n; at++) {
		key.value = list[at]->key ? template_string(&x->arena, xstrdup(list[at]->key))
					  : template_number(&x->arena, (int64_t)at);
		item.value = list[at];
		r = exec_list(x, n->body, list[at]);
		if (r < 0 || r == LOOP_BREAK)
			break;
	}
	x->vars = saved;
	return MIN(r, 0);
}

/* The body of what is defined as NAME, wherever it stands; the last one wins, but for a block's own
 * text. */
static const struct template_node *find_defined(const struct template_node *n, const char *name)
{
	const struct template_node *found = NULL;

	for (; n; n = n->next) {
		const struct template_node *inner;

		if ((n->kind == NODE_DEFINE || (n->kind == NODE_BLOCK && !found)) &&
		    streq(n->text, name))
			found = n;
		inner = find_defined(n->body, name);
		if (!inner)
			inner = find_defined(n->otherwise, name);
		if (inner && !found)
			found = inner;
	}
	return found;
}

/* {{template}} and {{block}}: only the value is known inside, and not the variables. */
static int exec_template(struct exec *x, const struct template_node *n, const struct json *dot)
{
	const struct template_node *def = find_defined(x->nodes, n->text);
	struct variable *vars = x->vars;
	const struct json *root = x->root, *v = NULL;
	int r;

	if (!def)
		return cmk_err_set(x->err, -EINVAL, "template \"%.60s\" not defined", n->text);
	if (n->pipe) {
		r = eval_pipe(x, n->pipe, dot, &v);
		if (r < 0)
			return r;
	}
	if (++x->calls > CALLS_MAX)
		return cmk_err_set(x->err, -ELOOP, "exceeded maximum template depth (%d)",
				   CALLS_MAX);
	x->vars = NULL;
	x->root = v;
	r = exec_list(x, def->body, v);
	x->vars = vars;
	x->root = root;
	x->calls--;
	return r;
}

static int assign(struct exec *x, const struct template_node *n, const struct json *dot)
{
	const struct json *v = NULL;
	int r = eval_pipe(x, n->pipe, dot, &v);

	for (struct variable *var = x->vars; var && r == 0; var = var->below) {
		if (streq(var->name, n->pipe->vars[1])) {
			var->value = v;
			return 0;
		}
	}
	return r < 0 ? r
		     : cmk_err_set(x->err, -EINVAL, "undefined variable \"$%.40s\"",
				   n->pipe->vars[1]);
}

static int exec_node(struct exec *x, const struct template_node *n, const struct json *dot)
{
	struct variable var, *saved = x->vars;
	const struct json *v = NULL;
	int r;

	x->line = n->line;
	x->column = n->column;
	switch (n->kind) {
	case NODE_TEXT:
		strbuf_adds(x->out, n->text);
		return 0;
	case NODE_BREAK:
		return x->header ? 0 : LOOP_BREAK;
	case NODE_CONTINUE:
		return x->header ? 0 : LOOP_CONTINUE;
	case NODE_DEFINE:
		return 0;
	case NODE_TEMPLATE:
	case NODE_BLOCK:
		return exec_template(x, n, dot);
	default:
		break;
	}
	if (n->pipe->assign && n->kind == NODE_ACTION)
		return assign(x, n, dot);
	r = eval_pipe(x, n->pipe, dot, &v);
	if (r < 0)
		return r;
	if (n->kind == NODE_RANGE)
		return exec_range(x, n, v);
	if (n->kind == NODE_ACTION) {
		template_print(v, x->out);
		return 0;
	}
	if (n->pipe->vars[1]) {
		var = (struct variable){ n->pipe->vars[1], v, x->vars };
		x->vars = &var;
	}
	if (x->header || template_truth(v))
		r = exec_list(x, n->body, n->kind == NODE_WITH ? v : dot);
	else
		r = exec_list(x, n->otherwise, dot);
	x->vars = saved;
	return r;
}

static int exec_list(struct exec *x, const struct template_node *n, const struct json *dot)
{
	struct variable var, *saved = x->vars;
	int r = 0;

	for (; n && r == 0; n = n->next) {
		/* "{{$x := …}}" holds for the rest of the block. */
		if (n->kind == NODE_ACTION && n->pipe->vars[1] && !n->pipe->assign) {
			const struct json *v = NULL;

			r = eval_pipe(x, n->pipe, dot, &v);
			if (r == 0) {
				var = (struct variable){ n->pipe->vars[1], v, x->vars };
				x->vars = &var;
				r = exec_list(x, n->next, dot);
			}
			break;
		}
		r = exec_node(x, n, dot);
	}
	x->vars = saved;
	return r;
}

int template_exec(const struct template_node *n, const struct json *data,
		  const struct template_header *header, struct strbuf *out, struct cmk_err *err)
{
	struct exec x = { .nodes = n, .root = data, .header = header, .out = out, .err = err };
	int r;

	r = exec_list(&x, n, data);
	arena_done(&x.arena);
	if (r < 0)
		return cmk_err_wrap(err, r, "template: %d:%d", x.line, x.column);
	return 0;
}
