import assert from "node:assert/strict";
import type { LaneConnection } from "../../../shared/transport/lane_connection.ts";
import { closeQuietly, connectPair, readExactly, TRANSPORTS } from "./lane_fixture.ts";

const ROUNDS = 40;
const MESSAGE = new Uint8Array(20);

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

/**
 * In each round the sender writes twice with a pause between and the receiver answers the second message: answers
 * make the receiver's kernel delay its ACKs, and Nagle's algorithm would hold the second message until the ACK of
 * the first. Returns for each round how long the second message took, in ms.
 */
async function secondMessageDelays(sender: LaneConnection, receiver: LaneConnection): Promise<number[]> {
  const receivedAt: number[] = [];
  const answer = async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await readExactly(receiver, 2 * MESSAGE.length);
      receivedAt.push(performance.now());
      await receiver.write(MESSAGE);
    }
  };
  const answering = answer();
  const sentAt: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await sender.write(MESSAGE);
    await pause();
    sentAt.push(performance.now());
    await sender.write(MESSAGE);
    await readExactly(sender, MESSAGE.length);
  }
  await answering;
  return sentAt.map((sent, round) => (receivedAt[round] ?? Infinity) - sent);
}

for (const transport of TRANSPORTS) {
  Deno.test(`a small write after another leaves at once, in both directions: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    for (const [sender, receiver] of [[dialled, accepted], [accepted, dialled]] as const) {
      const delays = await secondMessageDelays(sender, receiver);
      // A delayed ACK takes 40 ms; a busy machine makes a few messages late, Nagle's algorithm nearly all.
      const late = delays.filter((delay) => delay > 25).length;
      assert.ok(late < ROUNDS / 4, `${late} of ${ROUNDS} messages came late: ${delays.join(" ")}`);
    }
    closeQuietly(dialled, accepted, listener);
  });
}
