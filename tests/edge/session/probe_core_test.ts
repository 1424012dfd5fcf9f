import assert from "node:assert/strict";
import { CoreProbe } from "../../../edge/session/probe_core.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { answerHead, RecordedUpstream } from "../../support/recorded_exchange.ts";

function probing() {
  const clock = new ManualClock();
  const upstream = new RecordedUpstream();
  const tunnel = { isUp: true };
  const results: (number | null)[] = [];
  const probe = new CoreProbe({
    clock,
    intervalMs: 2_000,
    newRequestId: () => "req_probe",
    onResult: (roundTripMs) => results.push(roundTripMs),
    open: (request, answer) => tunnel.isUp ? upstream.handler(request, answer) : null,
  });
  return { clock, upstream, tunnel, probe, results };
}

Deno.test("CoreProbe measures from a probe to its answer, and probes again at each interval", () => {
  const { clock, upstream, probe, results } = probing();
  probe.probe();
  assert.equal(upstream.last.request.context.kind, "probe");
  assert.deepEqual(upstream.last.calls, ["end"]);
  clock.advance(30);
  assert.equal(probe.roundTripMs, null);
  upstream.last.answer.head(answerHead({ status: 204 }));
  assert.equal(probe.roundTripMs, 30);
  clock.advance(2_000);
  assert.equal(upstream.requests.length, 2);
  assert.equal(probe.roundTripMs, 30, "the latest answer stands while the next is on its way");
  clock.advance(2_000);
  assert.equal(upstream.requests[1]?.calls.at(-1), "abort tunnel_lost", "not answered in time");
  assert.equal(probe.roundTripMs, null);
  probe.stop();
  assert.equal(upstream.requests[2]?.calls.at(-1), "abort tunnel_lost");
  assert.deepEqual(results, [30, null, null]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("CoreProbe counts neither an error nor a tunnel that is down as an answer, and forgets older probes", () => {
  const { upstream, tunnel, probe, results } = probing();
  probe.probe();
  const first = upstream.last;
  first.answer.head(answerHead({ status: 204 }));
  probe.probe();
  first.answer.abort(new RelayError("tunnel_lost", { source: "tunnel" }));
  assert.equal(probe.roundTripMs, 0, "what becomes of the first is nothing to the second");
  upstream.last.answer.head(answerHead({ status: 204 }));
  probe.probe();
  upstream.last.answer.head(answerHead({ status: 503 }));
  assert.equal(probe.roundTripMs, null);
  tunnel.isUp = false;
  probe.probe();
  assert.equal(upstream.requests.length, 3);
  assert.equal(probe.roundTripMs, null);
  assert.deepEqual(results, [0, 0, null, null]);
  probe.stop();
});
