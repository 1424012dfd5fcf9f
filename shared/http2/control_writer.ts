import { type Goaway, GOAWAY_FRAME_BYTES, writeGoawayFrame } from "./goaway_frame.ts";
import { FRAME_HEAD_BYTES } from "./frame.ts";
import type { Http2Output } from "./http2_output.ts";
import { PING_FRAME_BYTES, writePingFrame } from "./ping_frame.ts";
import { RST_STREAM_FRAME_BYTES, writeRstStreamFrame } from "./rst_stream_frame.ts";
import { type Setting, settingsFrameBytes, writeSettingsFrame } from "./settings_frame.ts";

/** Appends the frames that carry no message. */
export class ControlWriter {
  readonly #output: Http2Output;

  constructor(output: Http2Output) {
    this.#output = output;
  }

  settings(settings: readonly Setting[]): void {
    writeSettingsFrame(this.#output.reserveControl(settingsFrameBytes(settings)), settings);
  }

  settingsAck(): void {
    writeSettingsFrame(this.#output.reserveControl(FRAME_HEAD_BYTES), null);
  }

  ping(opaque: Uint8Array, isAck: boolean): void {
    writePingFrame(this.#output.reserveControl(PING_FRAME_BYTES), { opaque, isAck });
  }

  rstStream(streamId: number, errorCode: number): void {
    writeRstStreamFrame(this.#output.reserveControl(RST_STREAM_FRAME_BYTES), { streamId, errorCode });
  }

  goaway(goaway: Goaway): void {
    writeGoawayFrame(this.#output.reserveControl(GOAWAY_FRAME_BYTES), goaway);
  }
}
