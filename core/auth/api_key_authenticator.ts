import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RequestHead } from "../../shared/exchange/exchange.ts";
import { hashApiKey } from "../../shared/config/api_key.ts";
import type { Authenticator, Principal } from "./principal.ts";

export interface ApiKeyOptions {
  /** Hash of a key (see `hashApiKey`) → who holds it. */
  readonly principals: ReadonlyMap<string, Principal>;
  /** Header fields that may carry a key, in lower case; `authorization` is read as a bearer token (RFC 6750 §2.1). */
  readonly headers: readonly string[];
  /** Query parameter that may carry a key, or null. */
  readonly queryParameter: string | null;
}

/** Longest key that is looked at; a longer one is invalid without being hashed. */
const MAX_KEY_LENGTH = 512;

/**
 * API keys: the presented key is hashed and the hash looked up, so that neither the configuration nor the timing of a
 * comparison tells a key.
 */
export class ApiKeyAuthenticator implements Authenticator {
  readonly #options: ApiKeyOptions;

  constructor(options: ApiKeyOptions) {
    this.#options = options;
  }

  authenticate(request: RequestHead): { principal: Principal; request: RequestHead } | RelayError | null {
    const found = this.#findKey(request);
    if (found === null) return null;
    const principal = found.key.length > MAX_KEY_LENGTH
      ? undefined
      : this.#options.principals.get(hashApiKey(found.key));
    if (principal === undefined) return new RelayError("invalid_api_key", { source: "downstream" });
    for (const name of this.#options.headers) request.fields.delete(name);
    return { principal, request: { ...request, path: found.path } };
  }

  #findKey(request: RequestHead): { key: string; path: string } | null {
    const query = this.#options.queryParameter === null
      ? null
      : takeQueryParameter(request.path, this.#options.queryParameter);
    const path = query?.path ?? request.path;
    for (const name of this.#options.headers) {
      const value = request.fields.get(name);
      if (value === undefined) continue;
      const key = name === "authorization" ? bearerToken(value) : value.trim();
      if (key !== null && key !== "") return { key, path };
    }
    return query === null ? null : { key: query.value, path };
  }
}

function bearerToken(value: string): string | null {
  return /^bearer +(\S+)$/i.exec(value.trim())?.[1] ?? null;
}

/** Splits every `name=value` out of a path's query; null if there is none. */
export function takeQueryParameter(path: string, name: string): { value: string; path: string } | null {
  const question = path.indexOf("?");
  if (question < 0) return null;
  let value: string | null = null;
  const rest = path.slice(question + 1).split("&").filter((pair) => {
    const equals = pair.indexOf("=");
    if ((equals < 0 ? pair : pair.slice(0, equals)) !== name) return true;
    value ??= decodeQueryValue(equals < 0 ? "" : pair.slice(equals + 1));
    return false;
  });
  if (value === null || value === "") return null;
  return { value, path: path.slice(0, question) + (rest.length > 0 ? `?${rest.join("&")}` : "") };
}

function decodeQueryValue(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}
