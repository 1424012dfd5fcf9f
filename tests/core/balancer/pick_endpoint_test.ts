import assert from "node:assert/strict";
import { ANONYMOUS } from "../../../core/auth/authenticate.ts";
import { RoundRobinPicker } from "../../../core/balancer/endpoint_picker.ts";
import { pickEndpoint } from "../../../core/balancer/pick_endpoint.ts";
import type { OriginEndpoint } from "../../../core/origin/origin_client.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import {
  answerHead,
  bytesOf,
  RecordedAnswer,
  RecordedUpstream,
  requestHead,
} from "../../support/recorded_exchange.ts";

const UNREACHABLE = new RelayError("origin_unreachable", { source: "origin", retry: "other_endpoint" });
const CUT = new RelayError("origin_cut", { source: "origin" });

function start(endpointNames: string[]) {
  const endpoints: OriginEndpoint[] = endpointNames.map((name) => ({
    name,
    url: new URL(`http://${name}/`),
  }));
  const origin = { name: "llm", endpoints, apiKey: null };
  const route = { name: "r", models: null, paths: null, origin, passesCaching: false };
  const upstream = new RecordedUpstream();
  const picked: string[] = [];
  const handler = pickEndpoint({
    picker: new RoundRobinPicker(),
    dispatch: () => upstream.handler,
    onPicked: (_exchange, endpoint) => picked.push(endpoint.name),
  });
  const ask = () => {
    const answer = new RecordedAnswer();
    const exchange = { request: requestHead(), edge: "hk", principal: ANONYMOUS, route, model: null };
    return { answer, receiver: handler(exchange, answer) };
  };
  return { ask, upstream, picked };
}

Deno.test("pickEndpoint() goes round", () => {
  const { ask, picked } = start(["a", "b", "c"]);
  for (let i = 0; i < 5; i++) ask();
  assert.deepEqual(picked, ["a", "b", "c", "a", "b"]);
});

Deno.test("pickEndpoint() sends the whole request to the next endpoint if one was not reached", () => {
  const { ask, upstream, picked } = start(["a", "b"]);
  const { answer, receiver } = ask();
  receiver.body(bytesOf("hel"));
  upstream.last.answer.abort(UNREACHABLE);
  receiver.body(bytesOf("lo"));
  receiver.end(null);
  assert.deepEqual(picked, ["a", "b"]);
  assert.equal(upstream.last.text, "hello");
  assert.deepEqual(upstream.last.calls, ["end"]);
  upstream.last.answer.head(answerHead());
  assert.deepEqual(answer.calls, ["head 200"]);
});

Deno.test("pickEndpoint() gives up when none is left", () => {
  const { ask, upstream, picked } = start(["a", "b"]);
  const { answer } = ask();
  upstream.last.answer.abort(UNREACHABLE);
  upstream.last.answer.abort(UNREACHABLE);
  assert.deepEqual(picked, ["a", "b"]);
  assert.deepEqual(answer.calls, ["abort origin_unreachable"]);
});

Deno.test("pickEndpoint() never asks twice once an endpoint has taken or answered anything", () => {
  const begun = [
    (upstream: RecordedUpstream) => upstream.last.answer.requestConsumed(3),
    (upstream: RecordedUpstream) => upstream.last.answer.head(answerHead()),
    (upstream: RecordedUpstream) => upstream.last.answer.informational(answerHead({ status: 103 })),
  ];
  for (const begin of begun) {
    const { ask, upstream, picked } = start(["a", "b"]);
    const { answer, receiver } = ask();
    receiver.body(bytesOf("hello"));
    begin(upstream);
    upstream.last.answer.abort(UNREACHABLE);
    assert.deepEqual(picked, ["a"]);
    assert.equal(answer.calls.at(-1), "abort origin_unreachable");
  }
  const { ask, upstream, picked } = start(["a", "b"]);
  const { answer } = ask();
  upstream.last.answer.abort(CUT);
  assert.deepEqual([picked, answer.calls], [["a"], ["abort origin_cut"]]);
});

Deno.test("pickEndpoint() tries no other endpoint for a client that left", () => {
  const { ask, upstream, picked } = start(["a", "b"]);
  const { receiver } = ask();
  receiver.abort(new RelayError("client_left", { source: "downstream" }));
  upstream.last.answer.abort(UNREACHABLE);
  assert.deepEqual(picked, ["a"]);
  assert.deepEqual(upstream.last.calls, ["abort client_left"]);
});
