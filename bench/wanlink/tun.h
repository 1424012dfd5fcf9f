#ifndef TUN_H
#define TUN_H

/*
 * Makes the TUN device `dev` in a network namespace (a name, a path, or "." for the current one), gives it the address
 * "IP[/BITS]", with `v6` also the same host part in fd77::/64, and brings it up. Returns its descriptor; dies on failure.
 */
int make_tun(const char *ns, const char *dev, const char *addr, int mtu, int v6);

#endif
