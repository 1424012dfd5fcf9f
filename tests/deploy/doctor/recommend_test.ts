import assert from "node:assert/strict";
import { copiesAtLoss, lossByDirection } from "../../../deploy/doctor/diagnose_path.ts";
import { recommend } from "../../../deploy/doctor/recommend.ts";
import type { AddressFacts } from "../../../deploy/doctor/facts.ts";
import { pathOf, quicAddress, someCore, tlsAddress } from "./some_facts.ts";

const DEAD: Partial<AddressFacts> = { lane: { kind: "not_tried" }, path: null };
const OVER_TCP = { loss: null, packetBytes: null };

function websocketAddress(overrides: Partial<AddressFacts> = {}): AddressFacts {
  return { ...tlsAddress(), address: "core.example.com:443", transport: "websocket", ...overrides };
}

function bestOf(...addresses: AddressFacts[]) {
  return recommend(someCore(addresses), "auto");
}

Deno.test("recommend() takes QUIC, then TLS, then WebSocket, of those that work", () => {
  const quic = quicAddress();
  const tls = tlsAddress();
  const websocket = websocketAddress();
  assert.equal(bestOf(websocket, tls, quic).best?.transport, "quic");
  assert.equal(bestOf(websocket, tls, quicAddress(DEAD)).best?.transport, "tls");
  assert.match(bestOf(tls, quicAddress(DEAD)).reason, /QUIC does not get through/);
  assert.match(bestOf(tls).reason, /no QUIC address is configured/);
  assert.equal(bestOf(websocket, tlsAddress(DEAD)).best?.transport, "websocket");
  assert.equal(bestOf(tlsAddress(DEAD)).best, null);
});

Deno.test("recommend() passes QUIC over when it is clearly slower or throttled", () => {
  const tls = tlsAddress({ path: pathOf(40, OVER_TCP) });
  assert.equal(bestOf(quicAddress({ path: pathOf(54) }), tls).best?.transport, "quic");
  const slow = bestOf(quicAddress({ path: pathOf(80) }), tls);
  assert.equal(slow.best?.transport, "tls");
  assert.match(slow.reason, /QUIC is slower here: 80\.0 ms against 40\.0 ms/);
  const loss = { sent: 500, echoed: 350, thereShare: 0.25 };
  const throttled = bestOf(quicAddress({ path: pathOf(40, { loss }) }), tls);
  assert.equal(throttled.best?.transport, "tls");
  assert.match(throttled.reason, /UDP loses 30 %/);
});

Deno.test("recommend() says whether the order fits: it matters within a transport only", () => {
  const near = quicAddress({ address: "b.example.com:7443", path: pathOf(20) });
  const far = quicAddress({ address: "a.example.com:7443", path: pathOf(90) });
  assert.equal(bestOf(tlsAddress(), near, far).order, "fits");
  assert.match(
    bestOf(far, near).order,
    /^put b\.example\.com:7443 before a\.example\.com:7443: it is nearer/,
  );
  assert.match(bestOf({ ...far, ...DEAD }, near).order, /that one does not work/);
});

Deno.test("recommend() tells what redundancy does with the loss of each direction", () => {
  const loss = { sent: 1000, echoed: 950, thereShare: 0.005 };
  const facts = someCore([quicAddress({ path: pathOf(40, { loss }) })]);
  const text = "auto copies small frames 2 times there (0.50 % loss), 3 times back (4.5 %)";
  assert.equal(recommend(facts, "auto").redundancy, text);
  assert.equal(recommend(facts, "off").redundancy, `off is set; ${text}`);
  assert.match(recommend(someCore([tlsAddress()]), "auto").redundancy, /over TCP/);
});

Deno.test("lossByDirection() splits the loss of the round trip", () => {
  const { back, roundTrip } = lossByDirection({ sent: 100, echoed: 81, thereShare: 0.1 });
  assert.ok(Math.abs((roundTrip ?? 0) - 0.19) < 1e-9);
  assert.ok(Math.abs((back ?? 0) - 0.1) < 1e-9);
  assert.equal(lossByDirection({ sent: 100, echoed: 99, thereShare: 0.05 }).back, 0);
  assert.equal(lossByDirection({ sent: 100, echoed: 0, thereShare: 0.05 }).back, null);
  assert.equal(lossByDirection({ sent: 100, echoed: 5, thereShare: 1 }).back, null);
});

Deno.test("copiesAtLoss() is what the session does", () => {
  assert.deepEqual([0, 0.002, 0.004, 0.03].map(copiesAtLoss), [0, 0, 2, 3]);
});
