/**
 * Product code with one of its rules taken out, to prove that the simulation sees it. A method is replaced for one call
 * only; what the rule rests on stays as it is.
 */
import { CarriedLog } from "../../../../shared/tunnel/carried_log.ts";
import { ReceiveWindow } from "../../../../shared/tunnel/receive_window.ts";
import { SendLog } from "../../../../shared/tunnel/send_log.ts";
import { SendQueues } from "../../../../shared/tunnel/send_queues.ts";
import type { Stream } from "../../../../shared/tunnel/stream.ts";
import type { StreamFrame } from "../../../../shared/tunnel/stream_frame.ts";
import { StreamReceiver } from "../../../../shared/tunnel/stream_receiver.ts";

export interface Mutation {
  readonly what: string;
  /** What the checks say of it. */
  readonly seenAs: RegExp;
  /** Runs `body` without the rule. */
  around(body: () => void): void;
}

const originalJudge = StreamReceiver.prototype.judge;

export const MUTATIONS: readonly Mutation[] = [
  {
    what: "another lane begins at the end of the log",
    seenAs: /a lane left a gap|no progress/,
    around: (body) =>
      replacing(CarriedLog.prototype, {
        name: "rewind",
        method: function (this: CarriedLog) {
          this.advance(this.log.endPosition - this.cursor);
        },
      }, body),
  },
  {
    what: "credit is never given back",
    seenAs: /no progress/,
    around: (body) => replacing(ReceiveWindow.prototype, { name: "consume", method: () => null }, body),
  },
  {
    what: "a frame that came before is delivered again",
    seenAs: /stream_order|are wrong|differs|more bytes than were sent/,
    around: (body) =>
      replacing(StreamReceiver.prototype, { name: "judge", method: judgeAs("duplicate", "deliver") }, body),
  },
  {
    what: "a copy is delivered before its predecessors",
    seenAs: /stream_order|are wrong|differs|before all bytes|an exchange that nobody opened/,
    around: (body) =>
      replacing(StreamReceiver.prototype, { name: "judge", method: judgeAs("store", "deliver") }, body),
  },
  {
    what: "a stream changes logs while frames of it are under way",
    seenAs: /a lane left a gap/,
    around: (body) =>
      replacing(SendQueues.prototype, {
        name: "chooseLog",
        method: function <T>(
          this: SendQueues<T>,
          stream: Stream<T>,
          { bytes, isBulk }: { bytes: number; isBulk: boolean },
        ) {
          if (!stream.sender.hasHeld) stream.carried = isBulk || bytes > 4096 ? this.bulk : this.tokens;
        },
      }, body),
  },
  {
    what: "the logs are kept when the session ends",
    seenAs: /frames are retained after the end/,
    around: (body) => replacing(SendLog.prototype, { name: "clear", method: () => {} }, body),
  },
];

type Verdict = ReturnType<StreamReceiver["judge"]>;

function judgeAs(verdict: Verdict, other: Verdict): StreamReceiver["judge"] {
  return function (this: StreamReceiver, frame: StreamFrame) {
    const judged = originalJudge.call(this, frame);
    return judged === verdict ? other : judged;
  };
}

function replacing<P extends object, K extends keyof P>(
  prototype: P,
  { name, method }: { name: K; method: P[K] },
  body: () => void,
): void {
  const original = prototype[name];
  prototype[name] = method;
  try {
    body();
  } finally {
    prototype[name] = original;
  }
}
