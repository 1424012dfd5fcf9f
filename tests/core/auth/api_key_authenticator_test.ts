import assert from "node:assert/strict";
import { ApiKeyAuthenticator, takeQueryParameter } from "../../../core/auth/api_key_authenticator.ts";
import { authenticate } from "../../../core/auth/authenticate.ts";
import { generateApiKey, hashApiKey } from "../../../shared/config/api_key.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { RecordedAnswer, RecordedUpstream, requestHead } from "../../support/recorded_exchange.ts";

const KEY = generateApiKey();
const AUTHENTICATOR = new ApiKeyAuthenticator({
  principals: new Map([[hashApiKey(KEY), { name: "team-a", requestRate: null }]]),
  headers: ["authorization", "x-api-key"],
  queryParameter: "api_key",
});

function ask(fields: string[], path = "/v1/models") {
  return AUTHENTICATOR.authenticate(requestHead({ fields: new Fields(fields), path }));
}

function accepted(result: ReturnType<typeof ask>): RequestHead {
  assert.ok(result !== null && !(result instanceof RelayError), "accepted");
  assert.equal(result.principal.name, "team-a");
  return result.request;
}

Deno.test("ApiKeyAuthenticator takes a key from each place and takes it out of the request", () => {
  for (
    const fields of [["authorization", `Bearer ${KEY}`], ["authorization", `bearer  ${KEY} `], [
      "x-api-key",
      KEY,
    ]]
  ) {
    assert.equal(accepted(ask(fields)).fields.size, 0);
  }
  assert.equal(accepted(ask([], `/v1/models?a=1&api_key=${KEY}&b=2`)).path, "/v1/models?a=1&b=2");
  assert.equal(accepted(ask([], `/v1/models?api_key=${KEY}`)).path, "/v1/models");
  const both = accepted(ask(["x-api-key", KEY, "authorization", "Basic abc"], `/v1/models?api_key=${KEY}`));
  assert.equal(both.fields.size, 0, "no credential is left over");
  assert.equal(both.path, "/v1/models");
});

Deno.test("ApiKeyAuthenticator refuses wrong keys and leaves other credentials to others", () => {
  for (const key of [KEY.slice(0, -1), KEY + "x", KEY.toUpperCase(), "x".repeat(10_000), hashApiKey(KEY)]) {
    const result = ask(["authorization", `Bearer ${key}`]);
    assert.ok(result instanceof RelayError && result.code === "invalid_api_key");
    assert.ok(!JSON.stringify(result).includes(key), "the key is not told");
  }
  assert.equal(ask(["authorization", "Basic dXNlcjpwYXNz"]), null);
  assert.equal(ask([]), null);
});

Deno.test("takeQueryParameter() decodes the value and keeps the other parameters as they were", () => {
  assert.deepEqual(takeQueryParameter("/p?k=a%2Bb&x=%20", "k"), { value: "a+b", path: "/p?x=%20" });
  assert.deepEqual(takeQueryParameter("/p?k=%zz", "k"), { value: "%zz", path: "/p" });
  assert.equal(takeQueryParameter("/p?kk=1", "k"), null);
  assert.equal(takeQueryParameter("/p", "k"), null);
});

Deno.test("authenticate() lets nobody pass without a key unless the config says so", async () => {
  const upstream = new RecordedUpstream();
  for (const anonymous of [null, { name: "anonymous", requestRate: null }]) {
    const answer = new RecordedAnswer();
    const handler = authenticate(
      { authenticators: [AUTHENTICATOR], anonymous },
      (exchange, inner) => upstream.handler(exchange.request, inner),
    );
    handler({ request: requestHead(), edge: "hk" }, answer);
    await Promise.resolve();
    assert.deepEqual(answer.calls, anonymous === null ? ["abort missing_api_key"] : []);
  }
  assert.equal(upstream.requests.length, 1);
});
