/**
 * A lane's share of the copies: which ranks go out on it, as datagrams or, where it has none, as COPY frames on its stream;
 * what comes of the peer's; and the loss measured thereby.
 */
import type { CopySchedule } from "./copy_schedule.ts";
import { ReceivedDatagrams, SentDatagrams } from "./datagram_account.ts";
import { readDatagramReportFrame, writeDatagramReportFrame } from "./datagram_report_frame.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { FrameReader, FrameWriter, varintSize } from "./varint.ts";

/** Frames that one COPY carries, at the most. */
const MAX_COPY_BYTES = 16 * 1024;

export interface LaneCopiesOptions {
  readonly schedule: CopySchedule;
  readonly carriesDatagrams: boolean;
  /** @throws {ProtocolViolation} */
  takeCopiedFrame(type: number, payload: FrameReader): void;
  /** False once the session or the lane has ended. */
  isLive(): boolean;
}

export class LaneCopies {
  /** A datagram became due. */
  onDatagram: (() => void) | null = null;
  /** Ranks of copies that go out on this lane. */
  ranks: readonly number[] = [];
  readonly #options: LaneCopiesOptions;
  readonly #sent = new SentDatagrams();
  readonly #received = new ReceivedDatagrams();
  readonly #reader = new FrameReader();
  readonly #payload = new FrameReader();
  readonly #writer = new FrameWriter();
  /** A datagram without frames is to go out, to measure the loss. */
  #isProbeDue = false;
  #isSignalled = false;

  constructor(options: LaneCopiesOptions) {
    this.#options = options;
  }

  get lossShare(): number | null {
    return this.#sent.lossShare;
  }

  /** True when the peer is to be told now what came. */
  get isReportDue(): boolean {
    return this.#received.isReportDue;
  }

  /** True when copies wait that can only go out on the stream. */
  get isFrameDue(): boolean {
    const { carriesDatagrams, schedule } = this.#options;
    return !carriesDatagrams && this.ranks.some((rank) => schedule.dueAt(rank) < Infinity);
  }

  /** The driver knows that a datagram is due and has not been told yet that there are no more. */
  get isSignalled(): boolean {
    return this.#isSignalled;
  }

  signal(): void {
    if (this.#isSignalled || this.onDatagram === null) return;
    this.#isSignalled = true;
    this.onDatagram();
  }

  /** Sends a datagram, whether or not there is a copy for it. */
  probe(): void {
    if (!this.#options.carriesDatagrams) return;
    this.#isProbeDue = true;
    this.signal();
  }

  takeDatagram(now: number, maxBytes: number): Uint8Array | null {
    this.#isSignalled = true;
    const datagram = this.#isDatagramDue(now) ? this.#makeDatagram(now, maxBytes) : null;
    if (datagram === null) this.#isSignalled = false;
    return datagram;
  }

  /** @throws {ProtocolViolation} */
  receiveDatagram(bytes: Uint8Array): void {
    const reader = this.#reader;
    reader.reset(bytes, { start: 0, end: bytes.length });
    const number = reader.varint();
    if (number < 1) throw new ProtocolViolation("frame_encoding", "datagram without a number");
    this.#received.add(number);
    this.receiveCopies(reader);
  }

  /** The payload of a COPY, or of a datagram behind its number: whole frames. @throws {ProtocolViolation} */
  receiveCopies(reader: FrameReader): void {
    while (reader.remaining > 0 && this.#options.isLive()) {
      const type = reader.varint();
      if (type < 0 || !reader.split(this.#payload, reader.varint())) {
        throw new ProtocolViolation("frame_encoding", "cut copy");
      }
      this.#options.takeCopiedFrame(type, this.#payload);
    }
  }

  /** @throws {ProtocolViolation} */
  receiveReport(payload: FrameReader): void {
    if (!this.#sent.reported(readDatagramReportFrame(payload))) {
      throw new ProtocolViolation("lane_ack", "a report of datagrams that were not sent");
    }
  }

  /** Tells the peer what came, if it is time; `isPing`: if there is anything to tell. */
  writeReport(writer: FrameWriter, { isPing }: { isPing: boolean }): void {
    if (!this.#received.isReportDue && !(isPing && this.#received.hasNews)) return;
    writeDatagramReportFrame(writer, this.#received.report);
    this.#received.reportSent();
  }

  /** The frames that are due, for one COPY, valid until {@linkcode framesWritten}; empty when there are none. */
  takeFrames(now: number): Uint8Array {
    if (this.#writer.buffer.length === 0) this.#writer.buffer = new Uint8Array(MAX_COPY_BYTES);
    this.#writer.at = 0;
    this.#write(this.#writer, { now, maxBytes: MAX_COPY_BYTES });
    return this.#writer.buffer.subarray(0, this.#writer.at);
  }

  framesWritten(): void {
    this.#writer.buffer.fill(0, 0, this.#writer.at);
  }

  /** Nothing more goes out. */
  end(): void {
    this.ranks = [];
    this.#isProbeDue = false;
  }

  #isDatagramDue(now: number): boolean {
    const { carriesDatagrams, schedule } = this.#options;
    return carriesDatagrams && (this.#isProbeDue || this.ranks.some((rank) => schedule.isDue(rank, now)));
  }

  #makeDatagram(now: number, maxBytes: number): Uint8Array | null {
    const start = varintSize(this.#sent.count + 1);
    if (maxBytes < start) return null;
    const writer = new FrameWriter();
    writer.buffer = new Uint8Array(maxBytes);
    writer.at = start;
    this.#write(writer, { now, maxBytes });
    const end = writer.at;
    // What was due had been acknowledged.
    if (end === start && !this.#isProbeDue) return null;
    this.#isProbeDue = false;
    writer.at = 0;
    writer.varint(this.#sent.next());
    return writer.buffer.subarray(0, end);
  }

  #write(writer: FrameWriter, limit: { now: number; maxBytes: number }): void {
    for (const rank of this.ranks) this.#options.schedule.write(writer, { rank, ...limit });
  }
}
