import assert from "node:assert/strict";
import { addressGroup, canonicalAddress } from "../../../shared/server/client_address.ts";

Deno.test("canonicalAddress() drops zone and IPv4 mapping", () => {
  assert.equal(canonicalAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(canonicalAddress("FE80::1%eth0"), "fe80::1");
  assert.equal(canonicalAddress("192.0.2.1"), "192.0.2.1");
});

Deno.test("addressGroup() is the address for IPv4 and the /64 for IPv6", () => {
  const groups: [address: string, group: string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
    ["2001:db8::6", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:1::", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["64:ff9b::192.0.2.33", "64:ff9b:0:0::/64"],
  ];
  for (const [address, group] of groups) assert.equal(addressGroup(address), group, address);
});
