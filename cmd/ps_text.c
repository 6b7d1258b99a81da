// SPDX-License-Identifier: Apache-2.0
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/format.h"
#include "cmd/ps.h"
#include "network/network.h"

#define ID_SHORT 12
#define COMMAND_SHORT 20
/* What Go's zero time is in seconds since the epoch: "never". */
#define NEVER (-62135596800LL)

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int64_t unix_time(const char *rfc3339)
{
	int64_t t;

	return rfc3339 && format_parse_time(rfc3339, &t) == 0 ? t : NEVER;
}

char *ps_id(const struct ps_item *i)
{
	return xstrndup(i->c->cfg.id, i->no_trunc ? strlen(i->c->cfg.id) : ID_SHORT);
}

/* A command with control characters stays in its cell. */
char *ps_command(const struct ps_item *i)
{
	char *s = strv_join(i->c->cfg.command, " ");

	if (!i->no_trunc && strlen(s) > COMMAND_SHORT) {
		size_t n = COMMAND_SHORT - 3;

		/* Not through the middle of a character. */
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
		memcpy(s + n, "...", 4);
	}
	for (char *p = s; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	return s;
}

const char *ps_image(const struct container *c)
{
	if (c->cfg.image_name)
		return c->cfg.image_name;
	return c->cfg.rootfs ? "" : or_empty(c->cfg.image_id);
}

const char *ps_health(const struct container *c)
{
	return container_is_active(c) && c->live.health ? c->live.health : "none";
}

static char *up_text(const struct container *c)
{
	char span[40];
	int64_t since;

	if (!c->live.started_at || format_parse_time(c->live.started_at, &since) < 0)
		return xstrdup("Up");
	format_duration(MAX((int64_t)time(NULL) - since, 0), span);
	return c->live.health ? xasprintf("Up %s (%s)", span, c->live.health)
			      : xasprintf("Up %s", span);
}

const char *ps_started(const struct container *c)
{
	return or_empty(container_is_active(c) ? c->live.started_at : c->status.started_at);
}

/* "Exited (137) 2 minutes ago". */
static char *ended_text(const struct container *c, const char *what)
{
	char ago[48];

	/* A monitor that was lost left no time. */
	if (!c->status.finished_at)
		return xasprintf("%s (%d)", what, c->status.exit_code);
	format_ago(c->status.finished_at, ago);
	return xasprintf("%s (%d) %s", what, c->status.exit_code, ago);
}

char *ps_status(const struct container *c)
{
	switch (c->state) {
	case CONTAINER_CREATED:
		return xstrdup("Created");
	case CONTAINER_INITIALIZED:
		return xstrdup("Initialized");
	case CONTAINER_RUNNING:
		return up_text(c);
	case CONTAINER_PAUSED:
		return xstrdup("Paused");
	case CONTAINER_STOPPING:
		return xstrdup("Stopping");
	case CONTAINER_RESTARTING:
		return ended_text(c, "Restarting");
	case CONTAINER_EXITED:
	case CONTAINER_MONITOR_LOST:
		break;
	}
	return ended_text(c, "Exited");
}

static void add_port(struct strbuf *sb, const struct container_port *p)
{
	const char *ip = p->host_ip && *p->host_ip ? p->host_ip : "0.0.0.0";

	strbuf_addf(sb, strchr(ip, ':') ? "%s[%s]:" : "%s%s:", sb->len ? ", " : "", ip);
	if (p->range > 1)
		strbuf_addf(sb, "%d-%d->%d-%d/%s", p->host_port, p->host_port + p->range - 1,
			    p->container_port, p->container_port + p->range - 1, p->protocol);
	else
		strbuf_addf(sb, "%d->%d/%s", p->host_port, p->container_port, p->protocol);
}

static int compare_protocol(const void *a, const void *b)
{
	const struct exposed_port *x = a, *y = b;

	return strcmp(x->protocol, y->protocol) ?: x->port - y->port;
}

static bool is_published(const struct container *c, const struct exposed_port *e)
{
	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		const struct container_port *p = &c->cfg.ports[i];
		int at = e->port - p->container_port;

		if (at >= 0 && at < MAX(p->range, 1) && streq(e->protocol, p->protocol))
			return true;
	}
	return false;
}

/* Neighbours as a range. */
static void add_exposed(struct strbuf *sb, const struct container *c)
{
	size_t all = 0, n = 0;
	cleanup_free struct exposed_port *list = container_exposed_ports(&c->cfg, &all);

	for (size_t i = 0; i < all; i++)
		if (!is_published(c, &list[i]))
			list[n++] = list[i];
	if (n)
		qsort(list, n, sizeof(*list), compare_protocol);
	for (size_t i = 0; i < n;) {
		const struct exposed_port *first = &list[i];

		for (i++; i < n && streq(list[i].protocol, first->protocol) &&
			  list[i].port == list[i - 1].port + 1;)
			i++;
		strbuf_addf(sb, "%s%d", sb->len ? ", " : "", first->port);
		if (list[i - 1].port != first->port)
			strbuf_addf(sb, "-%d", list[i - 1].port);
		strbuf_addf(sb, "/%s", first->protocol);
	}
}

/* Whether Q goes on where P ends, on the host and inside. */
static bool is_next(const struct container_port *p, const struct container_port *q)
{
	int n = MAX(p->range, 1);

	return q->host_port == p->host_port + n && q->container_port == p->container_port + n &&
	       streq(p->host_ip ?: "", q->host_ip ?: "") && streq(p->protocol, q->protocol);
}

/* Published ports, then those that are only exposed. */
char *ps_ports(const struct container *c)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		struct container_port p = c->cfg.ports[i];

		for (; i + 1 < c->cfg.n_ports && is_next(&p, &c->cfg.ports[i + 1]); i++)
			p.range = MAX(p.range, 1) + MAX(c->cfg.ports[i + 1].range, 1);
		add_port(&sb, &p);
	}
	add_exposed(&sb, c);
	return strbuf_steal(&sb);
}

/* "12B (virtual 1.99MB)". */
char *ps_size(const struct ps_item *i)
{
	char rw[32], whole[32];

	if (!i->has_size)
		return xstrdup("");
	format_size_tight(i->rw_size, 3, rw);
	format_size_tight(i->rootfs_size, 3, whole);
	return xasprintf("%s (virtual %s)", rw, whole);
}

/* docker's: "slirp/10.0.2.100" of each network in which it has an address of its own. */
static char **ip_addresses(const struct container *c)
{
	char **v = NULL;

	if (container_is_up(c) && streq_null(c->cfg.network, "slirp")) {
		strv_add(&v, "slirp/" NETWORK_SLIRP_IP4);
		strv_add(&v, "slirp/" NETWORK_SLIRP_IP6);
	}
	return v;
}

char **ps_mounts(const struct container *c)
{
	char **v = NULL;

	for (size_t i = 0; i < c->cfg.n_mounts; i++)
		strv_add(&v, c->cfg.mounts[i].destination);
	return v;
}

const struct ps_namespace ps_namespaces[] = {
	{ "mnt", "Mnt", "MNT" },      { "cgroup", "Cgroup", "CGROUPNS" }, { "ipc", "Ipc", "IPC" },
	{ "net", "Net", "NET" },      { "pid", "Pidns", "PIDNS" },	  { "uts", "Uts", "UTS" },
	{ "user", "User", "USERNS" },
};
const size_t ps_n_namespaces = ARRAY_LEN(ps_namespaces);

/* The inode of one of its namespaces as text, "" where it does not run or is not asked for. */
static char *namespace_of(const struct ps_item *i, const char *name)
{
	cleanup_free char *path = xasprintf("/proc/%lld/ns/%s", (long long)i->c->live.init_pid,
					    name);
	char target[64];
	const char *digits;
	ssize_t n = -1;

	if (i->with_namespaces && container_is_up(i->c))
		n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return xstrdup("");
	target[n] = '\0';
	/* "mnt:[4026532177]" */
	digits = strchr(target, '[');
	return digits ? xstrndup(digits + 1, strcspn(digits + 1, "]")) : xstrdup("");
}

/* As podman: an object, and with FIELDS for templates also each for itself. */
static void write_namespaces(struct json_writer *w, const struct ps_item *i, bool fields)
{
	char *text[ARRAY_LEN(ps_namespaces)];

	for (size_t n = 0; n < ps_n_namespaces; n++)
		text[n] = namespace_of(i, ps_namespaces[n].file);
	json_write_object(w, "Namespaces");
	for (size_t n = 0; n < ps_n_namespaces; n++) {
		if (fields || *text[n])
			json_write_str(w, ps_namespaces[n].json, text[n]);
	}
	json_write_end(w, '}');
	for (size_t n = 0; n < ps_n_namespaces; n++) {
		if (fields)
			json_write_str(w, ps_namespaces[n].field, text[n]);
		if (fields && streq(ps_namespaces[n].json, "Cgroup"))
			json_write_str(w, "Cgroup", text[n]);
		free(text[n]);
	}
}

int ps_fill_sizes(struct storage *st, struct ps_item *items, size_t n, struct cmk_err *err)
{
	cleanup_free const struct container **list = xcalloc(n + 1, sizeof(*list));
	cleanup_free struct container_size *sizes = xcalloc(n + 1, sizeof(*sizes));
	int r;

	for (size_t i = 0; i < n; i++)
		list[i] = items[i].c;
	r = container_sizes(st, list, n, sizes, err);
	for (size_t i = 0; i < n && r >= 0; i++) {
		items[i].has_size = true;
		items[i].rw_size = sizes[i].changed;
		items[i].rootfs_size = sizes[i].total;
	}
	return r;
}

static void write_ports(struct json_writer *w, const struct container *c)
{
	if (!c->cfg.n_ports) {
		json_write_null(w, "Ports");
		return;
	}
	json_write_array(w, "Ports");
	for (size_t i = 0; i < c->cfg.n_ports; i++) {
		const struct container_port *p = &c->cfg.ports[i];

		json_write_object(w, NULL);
		json_write_str(w, "host_ip", or_empty(p->host_ip));
		json_write_i64(w, "container_port", p->container_port);
		json_write_i64(w, "host_port", p->host_port);
		json_write_i64(w, "range", MAX(p->range, 1));
		json_write_str(w, "protocol", p->protocol);
		json_write_end(w, '}');
	}
	json_write_end(w, ']');
}

/* { "80": ["tcp", "udp"] } */
static void write_exposed(struct json_writer *w, const struct container *c)
{
	size_t n = 0;
	cleanup_free struct exposed_port *list = container_exposed_ports(&c->cfg, &n);

	if (!n) {
		json_write_null(w, "ExposedPorts");
		return;
	}
	json_write_object(w, "ExposedPorts");
	for (size_t i = 0; i < n;) {
		int port = list[i].port;
		cleanup_free char *name = xasprintf("%d", port);

		json_write_array(w, name);
		for (; i < n && list[i].port == port; i++)
			json_write_str(w, NULL, list[i].protocol);
		json_write_end(w, ']');
	}
	json_write_end(w, '}');
}

static void write_labels(struct json_writer *w, const struct container *c)
{
	if (c->cfg.labels && *c->cfg.labels)
		json_write_map(w, "Labels", c->cfg.labels);
	else
		json_write_null(w, "Labels");
}

/* What has the same form in JSON and in templates. */
static void write_common(struct json_writer *w, const struct container *c)
{
	bool up = container_is_up(c);

	json_write_bool(w, "AutoRemove", c->cfg.remove);
	json_write_str(w, "CIDFile", or_empty(c->cfg.cidfile));
	json_write_bool(w, "Exited", c->state >= CONTAINER_EXITED);
	json_write_i64(w, "ExitedAt", up ? NEVER : unix_time(c->status.finished_at));
	json_write_i64(w, "ExitCode", up ? 0 : c->status.exit_code);
	json_write_bool(w, "IsInfra", false);
	write_labels(w, c);
	json_write_i64(w, "Pid", up || c->state == CONTAINER_INITIALIZED ? c->live.init_pid : 0);
	json_write_str(w, "Pod", "");
	json_write_str(w, "PodName", "");
	json_write_i64(w, "Restarts", c->status.restarts);
	json_write_i64(w, "StartedAt", unix_time(ps_started(c)));
}

void ps_write_json(struct json_writer *w, const struct ps_item *i)
{
	const struct container *c = i->c;
	cleanup_free char *status = ps_status(c);
	cleanup_strv char **mounts = ps_mounts(c);
	char ago[48];

	format_ago(c->cfg.created, ago);
	json_write_object(w, NULL);
	write_common(w, c);
	json_write_strv(w, "Command", c->cfg.command);
	json_write_str(w, "CreatedAt", ago);
	write_exposed(w, c);
	json_write_str(w, "Id", c->cfg.id);
	json_write_str(w, "Image", ps_image(c));
	json_write_str(w, "ImageID", or_empty(c->cfg.image_id));
	json_write_strv(w, "Mounts", mounts);
	json_write_array(w, "Names");
	json_write_str(w, NULL, c->cfg.name);
	json_write_end(w, ']');
	write_namespaces(w, i, false);
	/* User-defined ones, as with podman. */
	json_write_strv(w, "Networks", NULL);
	write_ports(w, c);
	if (i->has_size) {
		json_write_object(w, "Size");
		json_write_u64(w, "rootFsSize", i->rootfs_size);
		json_write_u64(w, "rwSize", i->rw_size);
		json_write_end(w, '}');
	} else {
		json_write_null(w, "Size");
	}
	json_write_str(w, "State", container_state_name(c->state));
	json_write_str(w, "Status", status);
	json_write_i64(w, "Created", unix_time(c->cfg.created));
	json_write_end(w, '}');
}

static char *count_volumes(const struct container *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->cfg.n_mounts; i++)
		n += streq_null(c->cfg.mounts[i].type, "volume");
	return xasprintf("%zu", n);
}

/* docker's one line of JSON for each container: texts throughout. */
static void write_line(struct json_writer *w, const struct ps_item *i)
{
	const struct container *c = i->c;
	cleanup_free char *id = ps_id(i), *command = ps_command(i), *status = ps_status(c);
	cleanup_free char *ports = ps_ports(c), *size = ps_size(i);
	cleanup_free char *created = format_go_time(c->cfg.created);
	cleanup_free char *labels = strv_join(c->cfg.labels, ",");
	cleanup_strv char **at = ps_mounts(c);
	cleanup_free char *mounts = strv_join(at, ",");
	cleanup_free char *volumes = count_volumes(c);
	cleanup_free char *quoted = xasprintf("\"%s\"", command);
	char ago[48];

	format_ago(c->cfg.created, ago);
	json_write_object(w, FORMAT_JSON_FORM);
	json_write_str(w, "Command", quoted);
	json_write_str(w, "CreatedAt", created);
	json_write_str(w, "ID", id);
	json_write_str(w, "Image", ps_image(c));
	json_write_str(w, "Labels", labels);
	json_write_str(w, "LocalVolumes", volumes);
	json_write_str(w, "Mounts", mounts);
	json_write_str(w, "Names", c->cfg.name);
	json_write_str(w, "Networks", or_empty(c->cfg.network));
	json_write_str(w, "Ports", ports);
	json_write_str(w, "RunningFor", ago);
	json_write_str(w, "Size", *size ? size : "0B");
	json_write_str(w, "State", container_state_name(c->state));
	json_write_str(w, "Status", status);
	json_write_end(w, '}');
}

/* Texts where podman's methods give texts; `json .` prints docker's line. */
void ps_write_template(struct json_writer *w, const struct ps_item *i)
{
	const struct container *c = i->c;
	cleanup_free char *id = ps_id(i), *command = ps_command(i), *status = ps_status(c);
	cleanup_free char *ports = ps_ports(c), *size = ps_size(i);
	cleanup_free char *created = format_go_time(c->cfg.created);
	cleanup_strv char **at = ps_mounts(c), **addresses = ip_addresses(c);
	cleanup_free char *mounts = strv_join(at, ",");
	cleanup_free char *volumes = count_volumes(c);
	const char *image_id = or_empty(c->cfg.image_id);
	cleanup_free char *image = xstrndup(image_id, i->no_trunc ? strlen(image_id) : ID_SHORT);
	char ago[48];

	format_ago(c->cfg.created, ago);
	json_write_object(w, NULL);
	write_common(w, c);
	json_write_str(w, "Command", command);
	json_write_str(w, "Created", created);
	json_write_str(w, "CreatedAt", created);
	json_write_str(w, "CreatedHuman", ago);
	write_exposed(w, c);
	json_write_str(w, "HealthStatus",
		       container_is_active(c) && c->live.health ? c->live.health : "");
	json_write_strv(w, "IPAddresses", addresses);
	json_write_str(w, "RunningFor", ago);
	json_write_str(w, "ID", id);
	json_write_str(w, "Id", id);
	json_write_str(w, "Image", ps_image(c));
	json_write_str(w, "ImageID", image);
	json_write_str(w, "Names", c->cfg.name);
	json_write_str(w, "Mounts", mounts);
	json_write_str(w, "LocalVolumes", volumes);
	write_namespaces(w, i, true);
	json_write_str(w, "Networks", "");
	json_write_str(w, "Ports", ports);
	json_write_str(w, "Size", size);
	json_write_str(w, "State", container_state_name(c->state));
	json_write_str(w, "Status", status);
	json_write_str(w, "User", or_empty(c->cfg.user));
	if (i->with_line)
		write_line(w, i);
	json_write_end(w, '}');
}
