/**
 * Structured log: one JSON object a line.
 *
 * Lines are collected and written together, at most 100 ms late or once 16 KiB are waiting, so that an access line
 * costs no system call. JSON escapes CR, LF and other control characters; DEL and the C1 range, which terminals obey too,
 * are escaped on top. Values of fields named like credentials are never written, whoever passes them.
 */

export type LogLevel = "debug" | "info" | "warn" | "error";

export type LogValue = string | number | boolean | null | undefined | readonly LogValue[] | {
  [name: string]: LogValue;
};
export type LogFields = Record<string, LogValue>;

export interface LoggerOptions {
  /** Which node writes: `edge`, `core`, or what else runs. */
  node: string;
  /** Lines below are dropped. @default "info" */
  level?: LogLevel;
  /** Takes whole lines of UTF-8 text; must not throw. @default standard error, synchronously */
  write?(bytes: Uint8Array): void;
  /** Time of a line, in milliseconds since the epoch. @default Date.now */
  wallClock?(): number;
}

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  isEnabled(level: LogLevel): boolean;
  /** Writes what is waiting. */
  flush(): void;
  /** Flushes and lets go of the process's exit; lines after it are written at once. */
  close(): void;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const FLUSH_DELAY_MS = 100;
const FLUSH_CHARACTERS = 16 * 1024;
/** A longer value is cut: a line stays readable and no client decides its size. */
const MAX_VALUE_CHARACTERS = 4096;
const CREDENTIAL_NAME =
  /authorization|cookie|password|secret|credential|api[-_]?key|private[-_]?key|access[-_]?token|^(x-)?token$/i;
const REDACTED = "[redacted]";
const TERMINAL_CONTROL = /[\u007f-\u009f\u2028\u2029]/g;

const encoder = new TextEncoder();

/** Starts a log; {@linkcode Logger.close} ends it. Also flushes when the process exits. */
export function createLogger(options: LoggerOptions): Logger {
  const { node, write = writeToStandardError, wallClock = Date.now } = options;
  const threshold = LEVELS.indexOf(options.level ?? "info");
  let waiting = "";
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isClosed = false;

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting === "") return;
    const bytes = encoder.encode(waiting);
    waiting = "";
    write(bytes);
  };
  const log = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    if (LEVELS.indexOf(level) < threshold) return;
    waiting += formatLine({ time: new Date(wallClock()).toISOString(), level, node, event }, fields);
    if (isClosed || waiting.length >= FLUSH_CHARACTERS) return flush();
    timer ??= setTimeout(flush, FLUSH_DELAY_MS);
  };
  globalThis.addEventListener("unload", flush);

  return {
    debug: (event, fields) => log("debug", event, fields),
    info: (event, fields) => log("info", event, fields),
    warn: (event, fields) => log("warn", event, fields),
    error: (event, fields) => log("error", event, fields),
    isEnabled: (level) => LEVELS.indexOf(level) >= threshold,
    flush,
    close() {
      flush();
      isClosed = true;
      globalThis.removeEventListener("unload", flush);
    },
  };
}

/** The same log for those who ask before they write, as access lines do: they write nothing. */
export function withoutAccessLines(log: Logger): Logger {
  return { ...log, isEnabled: () => false };
}

/** An error and its causes as one line of text, without stack. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let one = error, depth = 0; one !== undefined && depth < 5; depth++) {
    parts.push(one instanceof Error ? `${one.name}: ${one.message}` : String(one));
    one = one instanceof Error ? one.cause : undefined;
  }
  return parts.join(" ← ");
}

function formatLine(head: LogFields, fields: LogFields): string {
  const line = JSON.stringify({ ...head, ...fields, ...head }, safeValue);
  return line.replace(TERMINAL_CONTROL, escapeCharacter) + "\n";
}

function safeValue(name: string, value: unknown): unknown {
  if (value !== null && value !== undefined && CREDENTIAL_NAME.test(name)) return REDACTED;
  if (typeof value === "string" && value.length > MAX_VALUE_CHARACTERS) {
    return `${value.slice(0, MAX_VALUE_CHARACTERS)}…(${value.length})`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function writeToStandardError(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += Deno.stderr.writeSync(bytes.subarray(written));
}
