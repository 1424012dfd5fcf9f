import assert from "node:assert/strict";
import { readTcpLaneCongestion, warnOfTcpCongestion } from "../../../shared/transport/lane_congestion.ts";
import { readCongestionControl } from "../../../shared/transport/socket_options.ts";

Deno.test("readTcpLaneCongestion() tells the kernel's congestion control and whether it is BBR", () => {
  const { algorithm, isBbr } = readTcpLaneCongestion();
  assert.equal(algorithm, readCongestionControl());
  assert.equal(isBbr, /^bbr/.test(algorithm ?? ""));
});

Deno.test("warnOfTcpCongestion() warns of what is not BBR, and not of what cannot be read", () => {
  const warned: string[] = [];
  const log = {
    warn: (event: string, { algorithm }: { algorithm: string }) => void warned.push(`${event} ${algorithm}`),
  };
  warnOfTcpCongestion(log, { algorithm: "bbr", isBbr: true });
  warnOfTcpCongestion(log, { algorithm: null, isBbr: false });
  assert.deepEqual(warned, []);
  warnOfTcpCongestion(log, { algorithm: "cubic", isBbr: false });
  assert.deepEqual(warned, ["tcp_lanes_without_bbr cubic"]);
  warned.length = 0;
  const { algorithm, isBbr } = readTcpLaneCongestion();
  warnOfTcpCongestion(log);
  assert.equal(warned.length, algorithm === null || isBbr ? 0 : 1);
});
