import assert from "node:assert/strict";
import fc from "fast-check";
import { formatAddress, isWildcard, parseAddress } from "../../../shared/config/address.ts";

Deno.test("parseAddress() reads names, IPv4 addresses and IPv6 addresses in brackets", () => {
  const cases = [
    ["Core.Example.com:7443", "core.example.com", 7443],
    ["localhost:1", "localhost", 1],
    ["127.0.0.1:65535", "127.0.0.1", 65535],
    ["[::1]:443", "::1", 443],
    ["[2001:DB8::1]:443", "2001:db8::1", 443],
  ] as const;
  for (const [text, hostname, port] of cases) {
    const address = parseAddress(text, { minPort: 1 });
    assert.deepEqual(address, { hostname, port });
    assert.deepEqual(parseAddress(formatAddress({ hostname, port }), { minPort: 1 }), address);
  }
});

Deno.test("parseAddress() says what is wrong", () => {
  const cases = [
    ["8443", /no host before the port/],
    ["example.com", /no port/],
    [":8443", /no host before the colon/],
    ["::1", /IPv6 address without brackets/],
    ["[127.0.0.1]:1", /no IPv6 address between its brackets/],
    ["https://example.com:443", /a URL, not host:port/],
    ["example.com:0", /port outside 1 to 65535/],
    ["example.com:65536", /port outside 1 to 65535/],
    ["256.1.1.1:1", /no DNS name and no IP address/],
    ["exa mple:1", /no DNS name and no IP address/],
    ["-a:1", /no DNS name and no IP address/],
    ["a:b", /not host:port/],
  ] as const;
  for (const [text, wrong] of cases) {
    const address = parseAddress(text, { minPort: 1 });
    assert.ok("wrong" in address, text);
    assert.match(address.wrong, wrong, text);
  }
  assert.deepEqual(parseAddress("a:0", { minPort: 0 }), { hostname: "a", port: 0 });
});

Deno.test("parseAddress() takes nothing that formatAddress() would write otherwise", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.ipV6().map((ip) => `[${ip}]:1`), fc.domain().map((name) => `${name}:1`)),
      (text) => {
        const address = parseAddress(text, { minPort: 0 });
        if (!("wrong" in address)) {
          assert.deepEqual(parseAddress(formatAddress(address), { minPort: 0 }), address);
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("isWildcard() knows the addresses of every interface", () => {
  assert.deepEqual(["0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"].map(isWildcard), [true, true, true, true]);
  assert.deepEqual(["127.0.0.1", "::1", "0", "localhost"].map(isWildcard), [false, false, false, false]);
});
