import { Fields } from "../../../shared/exchange/fields.ts";
import { describeFile, type FileStore, type StoredFile } from "./file_store.ts";
import { FormBody } from "./form_body.ts";
import { type AnswerSource, atEnd, type BodySink, type OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";

/** The content of an upload under way; gives its room back unless it becomes a file. */
class Upload implements AnswerSource {
  readonly #files: FileStore;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isFull = false;

  constructor(files: FileStore) {
    this.#files = files;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  append(bytes: Uint8Array): void {
    if (this.#isFull) return;
    if (!this.#files.reserve(bytes.length)) {
      this.#isFull = true;
      this.left();
      return;
    }
    this.#pieces.push(bytes.slice());
    this.#bytes += bytes.length;
  }

  /** The content as a whole; its room now belongs to the caller. */
  take(): Uint8Array {
    const content = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      content.set(piece, at);
      at += piece.length;
    }
    this.#pieces.length = 0;
    this.#bytes = 0;
    return content;
  }

  left(): void {
    this.#files.release(this.#bytes);
    this.#bytes = 0;
    this.#pieces.length = 0;
  }

  pause(): void {}
  resume(): void {}
}

/** `POST /v1/files` */
export function uploadFile(exchange: OriginExchange, services: OriginServices): BodySink {
  const upload = new Upload(services.files);
  exchange.answerFrom(upload);
  return new FormBody(exchange, {
    fileBytes: (bytes) => {
      upload.append(bytes);
      if (upload.isFull) {
        exchange.sendError({
          status: 413,
          message: `All files together may have ${services.files.maxBytes} bytes.`,
          type: "invalid_request_error",
          param: "file",
          code: null,
        });
      }
    },
    complete: (fields, filename) => {
      const purpose = fields.get("purpose");
      if (purpose === undefined || filename === null) {
        upload.left();
        exchange.sendInvalid("The form needs `file` and `purpose`.", filename === null ? "file" : "purpose");
        return;
      }
      const id = services.generations.nextId("file-");
      const createdSeconds = services.epochSeconds();
      const file: StoredFile = { id, filename, purpose, createdSeconds, content: upload.take() };
      services.files.add(file);
      exchange.sendJson(describeFile(file));
    },
  });
}

/** `GET /v1/files` */
export function listFiles(exchange: OriginExchange, services: OriginServices): BodySink {
  return atEnd(() => {
    const data = services.files.list().map(describeFile);
    exchange.sendJson({
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: false,
    });
  });
}

/** `GET` and `DELETE /v1/files/{id}`, `GET /v1/files/{id}/content` */
export function oneFile(exchange: OriginExchange, services: OriginServices): BodySink {
  const [id = "", part] = exchange.pathname.slice("/v1/files/".length).split("/");
  const isDeletion = exchange.request.method === "DELETE";
  return atEnd(() => {
    const isKnownPart = part === undefined || (part === "content" && !isDeletion);
    const file = isKnownPart ? services.files.get(id) : undefined;
    if (file === undefined) sendNoSuchFile(exchange, id);
    else if (isDeletion) {
      services.files.delete(id);
      exchange.sendJson({ id, object: "file", deleted: true });
    } else if (part === "content") {
      exchange.sendWhole(200, new Fields(["content-type", "application/octet-stream"]), file.content);
    } else exchange.sendJson(describeFile(file));
  });
}

function sendNoSuchFile(exchange: OriginExchange, id: string): void {
  exchange.sendError({
    status: 404,
    message: `No such File object: ${id.slice(0, 200)}`,
    type: "invalid_request_error",
    param: "id",
    code: null,
  });
}
