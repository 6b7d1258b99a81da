// SPDX-License-Identifier: Apache-2.0
/* The container's side: lo and tap0, set up from inside its network namespace. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "network/netlink.h"
#include "network/network.h"

#define TAP_NAME "tap0"
#define TUN_DEVICE "/dev/net/tun"
enum { LO_INDEX = 1 /* in every network namespace: it is the first that the kernel makes */ };

static int link_index(const char *name, int *ret)
{
	struct ifreq ifr = { 0 };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, strlen(name));
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		return -errno;
	*ret = ifr.ifr_ifindex;
	return 0;
}

static int link_up(int nl, int index, uint32_t mtu)
{
	struct ifinfomsg m = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_request rq;

	nl_request_init(&rq, RTM_NEWLINK, 0, &m, sizeof(m));
	if (mtu)
		nl_request_add(&rq, IFLA_MTU, &mtu, sizeof(mtu));
	return nl_call(nl, &rq);
}

/* No link-local address: the kernel would check it for doubles (1 s in which IPv6 is not usable)
 * and then ask for routers every few seconds. Neighbours are asked from the address that we set.
 * Before IFF_UP. A kernel without IPv6 refuses it. */
static int link_no_autoconf(int nl, int index)
{
	struct ifinfomsg m = { .ifi_index = index };
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct nl_request rq;
	struct rtattr *spec, *inet6;

	nl_request_init(&rq, RTM_NEWLINK, 0, &m, sizeof(m));
	spec = nl_request_nest(&rq, IFLA_AF_SPEC);
	inet6 = nl_request_nest(&rq, AF_INET6);
	nl_request_add(&rq, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	nl_request_end(&rq, inet6);
	nl_request_end(&rq, spec);
	return nl_call(nl, &rq);
}

static int add_address(int nl, int index, int family, const char *ip, uint8_t prefix)
{
	struct ifaddrmsg m = { .ifa_family = (uint8_t)family,
			       .ifa_prefixlen = prefix,
			       /* optimistic or not, the check for doubles costs a second */
			       .ifa_flags = IFA_F_NODAD,
			       .ifa_index = (uint32_t)index };
	size_t len = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	struct in6_addr a = { 0 };
	struct nl_request rq;

	if (inet_pton(family, ip, &a) != 1)
		return -EINVAL;
	if (family == AF_INET)
		m.ifa_flags = 0;
	nl_request_init(&rq, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &m, sizeof(m));
	nl_request_add(&rq, IFA_LOCAL, &a, len);
	nl_request_add(&rq, IFA_ADDRESS, &a, len);
	return nl_call(nl, &rq);
}

static int add_default_route(int nl, int index, int family, const char *gateway)
{
	struct rtmsg m = { .rtm_family = (unsigned char)family,
			   .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_BOOT,
			   .rtm_scope = RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_UNICAST };
	size_t len = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	struct in6_addr a = { 0 };
	struct nl_request rq;

	if (inet_pton(family, gateway, &a) != 1)
		return -EINVAL;
	nl_request_init(&rq, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &m, sizeof(m));
	nl_request_add(&rq, RTA_GATEWAY, &a, len);
	nl_request_add(&rq, RTA_OIF, &index, sizeof(index));
	return nl_call(nl, &rq);
}

int network_loopback_up(struct cmk_err *err)
{
	cleanup_close int nl = nl_open();
	int r = nl < 0 ? nl : link_up(nl, LO_INDEX, 0);

	if (r < 0)
		return cmk_err_set(err, r, "bring up lo: %s", errno_text(-r));
	return 0;
}

int network_tap_open(struct cmk_err *err)
{
	struct ifreq ifr = { .ifr_name = TAP_NAME, .ifr_flags = IFF_TAP | IFF_NO_PI };
	cleanup_close int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		int code = -errno;
		bool denied = code == -EACCES || code == -EPERM;

		(void)cmk_err_kind(err, denied ? CMK_ERR_DENIED : CMK_ERR_UNSUPPORTED, code,
				   "open '%s': %s", TUN_DEVICE, errno_text(-code));
		(void)cmk_err_hint(err, "%s, or use --net=none or --net=host",
				   denied ? "run: sudo chmod 0666 " TUN_DEVICE
					  : "run: sudo modprobe tun");
		return code;
	}
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return cmk_err_errno(err, "make network device '%s'", TAP_NAME);
	/* The device goes with its namespace, which the kernel takes down by itself, later: without
	 * this the helper's end would unregister it first, and whoever waits for that end would
	 * wait for grace periods of the kernel (17 to 28 ms seen). */
	if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		return cmk_err_errno(err, "keep network device '%s'", TAP_NAME);
	return steal_fd(&fd);
}

static bool no_ipv6(int r)
{
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EACCES /* disable_ipv6 */;
}

static int configure_ipv6(int nl, int index, struct cmk_err *err)
{
	int r = add_address(nl, index, AF_INET6, NETWORK_SLIRP_IP6, NETWORK_SLIRP_PREFIX6);

	if (no_ipv6(r))
		return 0;
	if (r < 0)
		return cmk_err_set(err, r, "give %s the address %s: %s", TAP_NAME,
				   NETWORK_SLIRP_IP6, errno_text(-r));
	r = add_default_route(nl, index, AF_INET6, NETWORK_SLIRP_GATEWAY6);
	if (r < 0)
		return cmk_err_set(err, r, "add the default route via %s: %s",
				   NETWORK_SLIRP_GATEWAY6, errno_text(-r));
	return 0;
}

/* Ping without a raw socket for the container's root, as podman's default_sysctls allow it. Each
 * network namespace has its own value; a kernel that refuses leaves ping to CAP_NET_RAW. */
static void allow_ping(void)
{
	cleanup_close int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "0 0\n", 4);
}

int network_tap_configure(struct cmk_err *err)
{
	cleanup_close int nl = nl_open();
	int index = 0, r = nl;

	if (r >= 0)
		r = link_up(nl, LO_INDEX, 0);
	if (r >= 0)
		r = link_index(TAP_NAME, &index);
	if (r < 0)
		return cmk_err_set(err, r, "configure lo and %s: %s", TAP_NAME, errno_text(-r));
	(void)link_no_autoconf(nl, index); /* costs time where it fails, nothing else */
	r = link_up(nl, index, NETWORK_SLIRP_MTU);
	if (r < 0)
		return cmk_err_set(err, r, "bring up %s: %s", TAP_NAME, errno_text(-r));
	r = add_address(nl, index, AF_INET, NETWORK_SLIRP_IP4, NETWORK_SLIRP_PREFIX4);
	if (r < 0)
		return cmk_err_set(err, r, "give %s the address %s: %s", TAP_NAME,
				   NETWORK_SLIRP_IP4, errno_text(-r));
	r = add_default_route(nl, index, AF_INET, NETWORK_SLIRP_GATEWAY4);
	if (r < 0)
		return cmk_err_set(err, r, "add the default route via %s: %s",
				   NETWORK_SLIRP_GATEWAY4, errno_text(-r));
	allow_ping();
	return configure_ipv6(nl, index, err);
}
