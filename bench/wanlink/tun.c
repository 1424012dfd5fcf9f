#define _GNU_SOURCE
#include "tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"

/* Room for bursts: the link is the bottleneck's queue, not the device. */
#define QUEUE_PACKETS 10000

static void enter(const char *ns)
{
	char path[300];
	snprintf(path, sizeof path, strchr(ns, '/') ? "%s" : "/run/netns/%s", ns);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("namespace %s: %s", path, strerror(errno));
	close(fd);
}

static int open_tun(const char *ns, const char *dev)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", dev);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &ifr))
		die("TUN device in %s: %s", ns, strerror(errno));
	return tun;
}

static void set(int s, unsigned long request, struct ifreq *ifr, const char *what)
{
	if (ioctl(s, request, ifr))
		die("%s of %s: %s", what, ifr->ifr_name, strerror(errno));
}

/* Returns the last byte of the address. */
static uint8_t set_address(int s, struct ifreq *ifr, const char *addr)
{
	char ip[64];
	int bits = 24;
	snprintf(ip, sizeof ip, "%s", addr);
	char *slash = strchr(ip, '/');
	if (slash) {
		*slash = 0;
		bits = atoi(slash + 1);
	}
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr->ifr_addr;
	sin->sin_family = AF_INET;
	if (bits < 1 || bits > 32 || inet_pton(AF_INET, ip, &sin->sin_addr) != 1)
		die("not an IPv4 address: %s", addr);
	uint8_t host = ntohl(sin->sin_addr.s_addr) & 0xff;
	set(s, SIOCSIFADDR, ifr, "address");
	sin->sin_addr.s_addr = htonl(0xffffffffu << (32 - bits));
	set(s, SIOCSIFNETMASK, ifr, "netmask");
	return host;
}

static void bring_up(int s, struct ifreq *ifr)
{
	set(s, SIOCGIFFLAGS, ifr, "flags");
	ifr->ifr_flags |= IFF_UP | IFF_RUNNING;
	set(s, SIOCSIFFLAGS, ifr, "state");
}

static void add_ipv6(const char *ns, const char *dev, uint8_t host)
{
	int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct in6_ifreq ifr = {.ifr6_prefixlen = 64, .ifr6_ifindex = if_nametoindex(dev)};
	inet_pton(AF_INET6, "fd77::", &ifr.ifr6_addr);
	ifr.ifr6_addr.s6_addr[15] = host;
	if (s < 0 || ioctl(s, SIOCSIFADDR, &ifr))
		fprintf(stderr, "wanlink: no IPv6 address in %s: %s\n", ns, strerror(errno));
	if (s >= 0)
		close(s);
}

int make_tun(const char *ns, const char *dev, const char *addr, int mtu, int v6)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), is_other = strcmp(ns, ".");
	if (home < 0)
		die("own namespace: %s", strerror(errno));
	if (is_other)
		enter(ns);
	int tun = open_tun(ns, dev), s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0}, lo = {.ifr_name = "lo"};
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", dev);
	uint8_t host = set_address(s, &ifr, addr);
	ifr.ifr_mtu = mtu;
	set(s, SIOCSIFMTU, &ifr, "MTU");
	ifr.ifr_qlen = QUEUE_PACKETS;
	set(s, SIOCSIFTXQLEN, &ifr, "queue length");
	bring_up(s, &ifr);
	if (is_other) /* loopback of a fresh namespace is down */
		bring_up(s, &lo);
	if (v6)
		add_ipv6(ns, dev, host);
	close(s);
	if (setns(home, CLONE_NEWNET))
		die("back to own namespace: %s", strerror(errno));
	close(home);
	return tun;
}
