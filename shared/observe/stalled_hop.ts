/**
 * Which hop holds up an exchange.
 *
 * Each node blames only what it can see: bytes that it passed on and that were not taken, or a neighbour that gives nothing
 * while it owes something. So the names lead from node to node: an edge that names the core is to be followed there, where
 * the same exchange names the origin. An exchange that is wholly at the model and has no byte of an answer yet waits:
 * it is not stalled, however long that takes.
 */

/** `tunnel`: between the two nodes. */
export type Hop = "client" | "edge" | "tunnel" | "core" | "origin";

/** What the exchanges of a node hang on. */
export const HOPS: Readonly<Record<"edge" | "core", readonly Hop[]>> = {
  edge: ["client", "tunnel", "core"],
  core: ["edge", "tunnel", "origin"],
};

/** An exchange as one of its nodes sees it. */
export interface ExchangeView {
  /** Nothing moved for so long that the exchange counts as stalled, unless it waits. */
  readonly isQuiet: boolean;
  /** Bytes that came over the tunnel, were passed on, and were not consumed. */
  readonly unconsumedBytes: number;
  /** Bytes that wait before the tunnel, for credit or for room. */
  readonly heldBytes: number;
  readonly hasRequestEnded: boolean;
  /** A byte of the answer's body came. */
  readonly hasAnswerBegun: boolean;
  readonly hasAnswerEnded: boolean;
  /** The session's lanes bring nothing across. */
  readonly tunnel: "fit" | "unfit" | "unfit for long";
}

/** The hop that holds up an exchange; null: none does. */
export function stalledHop(role: "edge" | "core", view: ExchangeView): Hop | null {
  if (view.isQuiet && view.unconsumedBytes > 0) return role === "edge" ? "client" : "origin";
  const isAtModel = view.hasRequestEnded && !view.hasAnswerBegun;
  // Tokens that go on into a tunnel that is cut look like progress to the core.
  const isCut = view.tunnel === "unfit for long" || (view.isQuiet && view.tunnel === "unfit");
  if (isCut && !(isAtModel && role === "core")) return "tunnel";
  if (!view.isQuiet) return null;
  // The tunnel carries, so what is held lacks credit: the other node has not got rid of what it has.
  if (view.heldBytes > 0) return role === "edge" ? "core" : "edge";
  if (isAtModel) return null;
  const isRequestAwaited = !view.hasRequestEnded && (!view.hasAnswerBegun || view.hasAnswerEnded);
  if (isRequestAwaited) return role === "edge" ? "client" : "edge";
  return role === "edge" ? "core" : "origin";
}
