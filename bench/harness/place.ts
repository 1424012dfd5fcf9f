/** A machine, or one end of an emulated link. */
export interface Place {
  /** Network namespace that processes there run in; null: the machine's own. */
  readonly namespace: string | null;
  /** Address by which processes at other places reach it. */
  readonly address: string;
}

export const THIS_MACHINE: Place = { namespace: null, address: "127.0.0.1" };
