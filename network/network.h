/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networking of one container: libslirp in a sandboxed helper (libexec/cmk/cmk-slirp), port
 * forwards, resolv.conf.
 *
 * The container's init makes the tap device in its own network namespace (network_tap_open()),
 * configures it (network_tap_configure(), rtnetlink), and passes the descriptor to the monitor,
 * which starts the helper with it. The helper stays in the host's network namespace and ends when
 * its control pipe from the monitor closes.
 */
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include "base/err.h"

enum network_mode {
	NETWORK_SLIRP,
	NETWORK_NONE,
	NETWORK_HOST,
	NETWORK_CONTAINER, /* another container's */
	NETWORK_PATH,	   /* a network namespace in the file system */
};
/* "slirp" (also "slirp4netns" and "private", as podman spells it), "none", "host",
 * "container:NAME", "ns:PATH". Other modes, options behind a colon, and names of networks are
 * CMK_ERR_UNSUPPORTED. */
int network_mode_parse(const char *s, enum network_mode *ret, struct cmk_err *err);
const char *network_mode_name(enum network_mode m);

enum port_protocol { PORT_TCP, PORT_UDP };
struct port_mapping {
	char *host_ip;	    /* NULL or "": all addresses, IPv4 and IPv6 */
	uint16_t host_port; /* 0: any free one, chosen by network_ports_assign() */
	/* of these, where there are any: so many from the first on */
	uint16_t host_first, host_choices;
	uint16_t container_port;
	uint16_t range; /* 1 or more consecutive ports */
	enum port_protocol protocol;
};
#define NETWORK_PORT_MAPPINGS_MAX 4096
/* "[[ip:][hostPort]:]containerPort[/proto]", ranges "8000-8010:80-90", one of a range
 * "8000-8010:80" (as docker), "[::1]:8080:80", protocols
 * "tcp", "udp", "tcp,udp". Appends one mapping per protocol; one given twice is kept once, two that
 * would bind the same host port are CMK_ERR_INVALID. On failure LIST is still valid. */
int port_mapping_parse(const char *s, struct port_mapping **list, size_t *n, struct cmk_err *err);
void port_mapping_list_free(struct port_mapping *list, size_t n);
/* Chooses a free host port for each mapping that has none (it is bound later, by the helper:
 * another process may take it in between, which is then the helper's error). */
int network_ports_assign(struct port_mapping *list, size_t n, struct cmk_err *err);

/* Addresses that slirp gives (slirp's conventional network). */
#define NETWORK_SLIRP_IP4 "10.0.2.100"
#define NETWORK_SLIRP_PREFIX4 24
#define NETWORK_SLIRP_GATEWAY4 "10.0.2.2"
#define NETWORK_SLIRP_DNS4 "10.0.2.3"
#define NETWORK_SLIRP_IP6 "fd00::100"
#define NETWORK_SLIRP_PREFIX6 64
#define NETWORK_SLIRP_GATEWAY6 "fd00::2"
#define NETWORK_SLIRP_DNS6 "fd00::3"
#define NETWORK_SLIRP_MTU 65520

/* In the caller's network namespace: brings up lo (needs CAP_NET_ADMIN there). */
int network_loopback_up(struct cmk_err *err);
/* In the container's network namespace with its capabilities, where the host's /dev is still seen
 * (the device belongs to the namespace in which /dev/net/tun is opened, not to the one in which it
 * is made): makes tap0 and returns its descriptor, close-on-exec. Without /dev/net/tun
 * CMK_ERR_UNSUPPORTED or CMK_ERR_DENIED with a hint. */
int network_tap_open(struct cmk_err *err);
/* Address, MTU and routes (IPv4 and IPv6) of tap0, lo up, ping sockets for gid 0 (through /proc,
 * where it is mounted). */
int network_tap_configure(struct cmk_err *err);

/* Gives the device NAME of the caller's network namespace to the one of NETNS_FD, as NEW_NAME, with
 * its lasting addresses, and brings it up (runtime-spec config-linux.md#network-devices). Forks; it
 * takes CAP_NET_ADMIN in both. */
int network_device_move(const char *name, int netns_fd, const char *new_name, struct cmk_err *err);

struct slirp_options {
	int tap_fd; /* -1: network_slirp_give_tap() follows */
	const struct port_mapping *ports;
	size_t n_ports;
	bool ipv6, host_loopback /* off: host loopback is closed to containers */;
	int cgroup_fd; /* helper's group or -1 */
};
struct slirp {
	pid_t pid;
	int pidfd;
	int control_fd; /* closing it ends the helper */
};
/* Starts the helper, waits until all ports are bound. A port in use or privileged: the error names
 * it. */
int network_slirp_start(const struct slirp_options *o, struct slirp *ret, struct cmk_err *err);
/* The same in two steps, so that the helper's start-up runs beside the container's set-up. */
int network_slirp_wait_ready(struct slirp *s, struct cmk_err *err);
int network_slirp_spawn(const struct slirp_options *o, struct slirp *ret, struct cmk_err *err);
/* For a helper that was started before the container had its tap device: loading the helper's
 * libraries takes longer than to make the container. Between spawn and wait_ready. */
int network_slirp_give_tap(struct slirp *s, int tap_fd, struct cmk_err *err);
void network_slirp_stop(struct slirp *s);

/* Content of a container's /etc/resolv.conf: for slirp the built-in server first, then search and
 * options from the host's; for host a copy; for none an empty one. Owned text. */
int network_resolv_conf(enum network_mode mode, char *const *servers, char *const *searches,
			char *const *options, char **ret, struct cmk_err *err);
/* Content of /etc/hosts: ADD ("name[;name…]:ip", also "name:host-gateway"), the entries of BASE
 * (text of another hosts file, or NULL), then, where those do not name them already, localhost, own
 * names and host.containers.internal where reachable. Owned text. */
struct network_hosts_args {
	enum network_mode mode;
	const char *hostname, *domainname, *name; /* or NULL */
	const char *internal_ip; /* of host.containers.internal and host-gateway; "none"; NULL: as
				    the mode gives */
	char *const *add;
	const char *base;
	size_t base_len;
};
int network_hosts(const struct network_hosts_args *args, char **ret, struct cmk_err *err);
