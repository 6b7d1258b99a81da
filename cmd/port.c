// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "cmd/containers.h"

struct port_args {
	struct cmk_select select;
};

static const struct cmk_option port_options[] = {
	CMK_OPT_FLAG('a', "all", struct port_args, select.all, "of all containers"),
	CMK_OPT_FLAG('l', "latest", struct port_args, select.latest, "of the newest container"),
	CMK_OPT_END(),
};

/* "80", "80/tcp"; 0: any. */
struct wanted {
	uint64_t port;
	const char *protocol;
};

static int parse_wanted(const char *text, struct wanted *ret, struct cmk_err *err)
{
	size_t n = strcspn(text, "/");

	if (parse_u64_n(text, n, 65535, &ret->port) < 0 || ret->port == 0)
		return cmk_err_set(err, -EINVAL, "'%s' is not a port", text);
	ret->protocol = text[n] ? text + n + 1 : "tcp";
	if (!streq(ret->protocol, "tcp") && !streq(ret->protocol, "udp"))
		return cmk_err_set(err, -EINVAL, "'%s' is not a protocol: tcp or udp",
				   ret->protocol);
	return 0;
}

static void print_port(const struct container *c, const struct container_port *p, int at,
		       bool with_id, const struct wanted *want)
{
	const char *ip = p->host_ip && *p->host_ip ? p->host_ip : "0.0.0.0";
	bool v6 = strchr(ip, ':') != NULL;

	if (with_id)
		printf("%.12s\t", c->cfg.id);
	if (!want->port)
		printf("%d/%s -> ", p->container_port + at, p->protocol);
	printf("%s%s%s:%d\n", v6 ? "[" : "", ip, v6 ? "]" : "", p->host_port + at);
}

static int print_ports(const struct container *c, bool with_id, const struct wanted *want)
{
	int found = 0;

	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		const struct container_port *p = &c->cfg.ports[i];

		for (int at = 0; at < MAX(p->range, 1); at++) {
			if (want->port && (want->port != (uint64_t)(p->container_port + at) ||
					   !streq(want->protocol, p->protocol)))
				continue;
			print_port(c, p, at, with_id, want);
			found++;
		}
	}
	return found;
}

static int port_of_all(struct storage *st, struct cmk_err *err)
{
	const struct wanted any = { 0 };
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	for (size_t i = n; r == 0 && i > 0; i--) {
		if (container_is_up(list[i - 1]))
			(void)print_ports(list[i - 1], true, &any);
	}
	container_list_free(list, n);
	return r;
}

static int port_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	const struct port_args *a = args;
	const char *name = a->select.latest || argc < 1 ? NULL : argv[0];
	const char *port = argv[name ? 1 : 0];
	cleanup_container struct container *c = NULL;
	cleanup_storage struct storage *st = NULL;
	struct wanted want = { 0 };
	int r;

	if (a->select.all && (argc > 0 || a->select.latest))
		return cmk_err_set(err, -EINVAL,
				   "--all and --latest or a container exclude each other");
	if (a->select.latest && argc > 1)
		return cmk_err_set(err, -EINVAL, "--latest and a container exclude each other");
	if (!a->select.all && argc > 0 && port) {
		r = parse_wanted(port, &want, err);
		if (r < 0)
			return r;
	}
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0 && a->select.all)
		return port_of_all(st, err);
	if (r == 0)
		r = cmk_container_or_latest(st, a->select.latest, name, &c, err);
	if (r < 0)
		return r;
	if (print_ports(c, false, &want) == 0 && want.port)
		return cmk_err_set(err, -ENOENT, "failed to find published port \"%s\"", port);
	return 0;
}

static const char *const port_aliases[] = { "container port", NULL };

static const struct cmk_example port_examples[] = {
	{ "cmk port web", "show where the ports of web are published on the host" },
	{ "cmk port web 80", "print the host's address and port for port 80 (tcp)" },
	{ "cmk port -a", "show the ports of all containers that run" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_port = {
	.name = "port",
	.aliases = port_aliases,
	.summary = "Show the published ports of a container",
	.operands = "[CONTAINER [PORT[/PROTOCOL]]]",
	.description = "One line for each port: the container's, and where it is on the host. With "
		       "a PORT only the host's address and port of that one.",
	.examples = port_examples,
	.options = port_options,
	.args_size = sizeof(struct port_args),
	.max_operands = 2,
	.complete = COMPLETE_CONTAINERS,
	.exec = port_exec,
};
