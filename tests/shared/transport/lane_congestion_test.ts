import assert from "node:assert/strict";
import { readTcpLaneCongestion } from "../../../shared/transport/lane_congestion.ts";
import { readCongestionControl } from "../../../shared/transport/socket_options.ts";

Deno.test("readTcpLaneCongestion() tells the kernel's congestion control and whether it is BBR", () => {
  const { algorithm, isBbr } = readTcpLaneCongestion();
  assert.equal(algorithm, readCongestionControl());
  assert.equal(isBbr, /^bbr/.test(algorithm ?? ""));
});
