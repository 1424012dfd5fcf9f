import { FormBody } from "./form_body.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";

/** `POST /v1/audio/transcriptions`: counts the audio's bytes as they arrive and keeps none of them. */
export function transcriptions(exchange: OriginExchange, services: OriginServices): BodySink {
  let audioBytes = 0;
  return new FormBody(exchange, {
    fileBytes: (bytes) => {
      audioBytes += bytes.length;
    },
    complete: (fields, filename) => {
      const model = fields.get("model");
      if (model === undefined) return exchange.sendInvalid("The form lacks the field `model`.", "model");
      if (filename === null) return exchange.sendInvalid("The form lacks the file.", "file");
      if (!services.models.require(exchange, model)) return;
      const text = `${audioBytes} bytes of audio`;
      if (fields.get("response_format") === "text") {
        exchange.sendText("text/plain; charset=utf-8", `${text}\n`);
      } else exchange.sendJson({ text });
    },
  });
}
