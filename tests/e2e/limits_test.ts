/** Rate limits hold under parallel requests, and Retry-After is true. */
import assert from "node:assert/strict";
import { RateLimitError } from "openai";
import { generateApiKey, hashApiKey } from "../../shared/config/api_key.ts";
import { RelayClient } from "./support/clients.ts";
import { type ConfigFile, Relay } from "./support/relay.ts";

const PARALLEL = 50;
const BURST = 8;
const REQUESTS_PER_SECOND = 1;

interface Outcome {
  readonly admitted: number;
  readonly refused: readonly Response[];
  /** What the bucket's refill allows beside the burst. */
  readonly allowed: number;
}

/** Asks for all at once. */
async function askAtOnce(client: RelayClient, keys: readonly string[]): Promise<Outcome> {
  const startedAt = performance.now();
  const answers = await Promise.all(
    Array.from({ length: PARALLEL }, (_, index) => {
      const key = keys[index % keys.length] ?? "";
      return client.fetch("/v1/models", { headers: { authorization: `Bearer ${key}` } });
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const admitted = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(admitted.length + refused.length, PARALLEL);
  for (const { body } of admitted) await body?.cancel();
  return { admitted: admitted.length, refused, allowed: BURST + Math.floor(seconds * REQUESTS_PER_SECOND) };
}

async function assertHolds(
  relay: Relay,
  { keys, scope }: { keys: readonly string[]; scope: "key" | "overall" },
) {
  using client = new RelayClient(relay, "h2");
  const before = await relay.origin.counts();
  const { admitted, refused, allowed } = await askAtOnce(client, keys);
  assert.ok(
    admitted >= BURST && admitted <= allowed,
    `${admitted} of ${PARALLEL} admitted, ${allowed} allowed`,
  );
  const after = await relay.origin.counts();
  assert.equal(after.exchanges.started - before.exchanges.started, admitted, "the origin saw no more");
  assert.equal(
    await relay.metric("core", "lowu_limiter_rejections_total", [`level="${scope}"`]),
    refused.length,
  );
  for (const answer of refused) {
    assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d?$/);
    const { error } = await answer.json();
    assert.deepEqual([error.code, error.type], ["rate_limit_exceeded", "rate_limit_error"]);
  }
  // OpenAI's client waits as long as Retry-After says, and then once more asks.
  const apiKey = keys[0] ?? "";
  await assert.rejects(client.openAi({ apiKey }).models.list(), RateLimitError);
  assert.equal((await client.openAi({ apiKey, maxRetries: 1 }).models.list()).data.length, 1);
}

const RATE = { requests_per_second: REQUESTS_PER_SECOND, burst: BURST };

Deno.test("a limit per key admits no more than it allows, and leaves other keys alone", async () => {
  const other = generateApiKey();
  const core = (config: ConfigFile) => {
    config.limits = { per_key: RATE };
    const own = { requests_per_second: 1000, burst: 1000 };
    config.auth.api_keys.push({ name: "other", hash: hashApiKey(other), rate_limit: own });
  };
  await Relay.run({ core }, async (relay) => {
    await assertHolds(relay, { keys: [relay.key], scope: "key" });
    using client = new RelayClient(relay, "http/1.1");
    for (let i = 0; i < 2 * BURST; i++) await client.openAi({ apiKey: other }).models.list();
  });
});

Deno.test("a limit of all together admits no more than it allows, whoever asks", async () => {
  const others = [generateApiKey(), generateApiKey()];
  const core = (config: ConfigFile) => {
    config.limits = { overall: RATE };
    for (const [index, key] of others.entries()) {
      config.auth.api_keys.push({ name: `other-${index}`, hash: hashApiKey(key) });
    }
  };
  await Relay.run(
    { core },
    (relay) => assertHolds(relay, { keys: [relay.key, ...others], scope: "overall" }),
  );
});
