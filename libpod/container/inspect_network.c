// SPDX-License-Identifier: Apache-2.0
#include "libpod/container/inspect.h"

void inspect_ports(struct json_writer *w, const char *key, const struct container *c,
		   bool with_exposed)
{
	const struct container_config *cfg = &c->cfg;
	char **done = NULL;

	json_write_object(w, key);
	for (size_t i = 0; i < cfg->n_ports; i++) {
		const struct container_port *p = &cfg->ports[i];

		for (int k = 0; k < MAX(p->range, 1); k++) {
			cleanup_free char *name = xasprintf("%d/%s", p->container_port + k,
							    p->protocol);

			if (strv_has(done, name))
				continue;
			json_write_array(w, name);
			/* All bindings of this port stand in one array. */
			for (size_t j = i; j < cfg->n_ports; j++) {
				const struct container_port *q = &cfg->ports[j];
				int off = p->container_port + k - q->container_port;
				cleanup_free char *host = NULL;

				if (off < 0 || off >= MAX(q->range, 1) ||
				    !streq(p->protocol, q->protocol))
					continue;
				host = xasprintf("%d", q->host_port + off);
				json_write_object(w, NULL);
				json_write_str(w, "HostIp",
					       q->host_ip && *q->host_ip ? q->host_ip : "0.0.0.0");
				json_write_str(w, "HostPort", host);
				json_write_end(w, '}');
			}
			json_write_end(w, ']');
			strv_add_take(&done, steal_ptr(&name));
		}
	}
	for (char **e = cfg->exposed_ports; with_exposed && e && *e; e++) {
		if (!strv_has(done, *e))
			json_write_null(w, *e);
	}
	json_write_end(w, '}');
	(void)strv_free(done);
}

/* What one network gives: the same members as the whole has. */
static void write_addresses(struct json_writer *w, bool up)
{
	json_write_str(w, "EndpointID", "");
	json_write_str(w, "Gateway", up ? NETWORK_SLIRP_GATEWAY4 : "");
	json_write_str(w, "IPAddress", up ? NETWORK_SLIRP_IP4 : "");
	json_write_i64(w, "IPPrefixLen", up ? NETWORK_SLIRP_PREFIX4 : 0);
	json_write_str(w, "IPv6Gateway", up ? NETWORK_SLIRP_GATEWAY6 : "");
	json_write_str(w, "GlobalIPv6Address", up ? NETWORK_SLIRP_IP6 : "");
	json_write_i64(w, "GlobalIPv6PrefixLen", up ? NETWORK_SLIRP_PREFIX6 : 0);
	json_write_null(w, "SecondaryIPAddresses");
	json_write_null(w, "SecondaryIPv6Addresses");
	json_write_str(w, "MacAddress", "");
	json_write_null(w, "AdditionalMacAddresses");
}

/* The mode stands for the network where there is no user-defined one. */
static void write_networks(struct json_writer *w, const char *mode, bool up)
{
	json_write_object(w, "Networks");
	if (*mode && !strchr(mode, ':')) {
		json_write_object(w, mode);
		write_addresses(w, up);
		json_write_str(w, "NetworkID", mode);
		json_write_null(w, "DriverOpts");
		json_write_null(w, "IPAMConfig");
		json_write_null(w, "Links");
		json_write_null(w, "Aliases");
		json_write_null(w, "DNSNames");
		json_write_i64(w, "GwPriority", 0);
		json_write_end(w, '}');
	}
	json_write_end(w, '}');
}

void inspect_network(struct json_writer *w, const struct container *c)
{
	const char *mode = inspect_str(c->cfg.network);
	bool running = c->live.init_pid > 0 && container_is_active(c);
	/* In a network that others use as well ports are nothing of this container's. */
	bool own = streq(mode, "slirp") || streq(mode, "none");
	bool up = running && streq(mode, "slirp");
	cleanup_free char *key = running ? xasprintf("/proc/%lld/ns/net",
						     (long long)c->live.init_pid)
					 : NULL;

	json_write_object(w, "NetworkSettings");
	write_addresses(w, up);
	json_write_str(w, "Bridge", "");
	json_write_str(w, "SandboxID", "");
	json_write_bool(w, "HairpinMode", false);
	json_write_str(w, "LinkLocalIPv6Address", "");
	json_write_i64(w, "LinkLocalIPv6PrefixLen", 0);
	if (own) {
		inspect_ports(w, "Ports", c, true);
	} else {
		json_write_object(w, "Ports");
		json_write_end(w, '}');
	}
	json_write_str(w, "SandboxKey", inspect_str(key));
	write_networks(w, mode, up);
	json_write_end(w, '}');
}
