import type { Clock } from "../../shared/clock/clock.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { closeConnection } from "../../shared/server/close_connection.ts";

export interface ConnectOptions {
  readonly connectTimeoutMs: number;
  readonly caCertificates: readonly string[];
}

/** Connects to an endpoint, TLS included, within a time; may be given up at any moment. */
export class ConnectAttempt {
  /** Never rejects: the error says that another endpoint may be tried. */
  readonly result: Promise<Deno.Conn | RelayError>;
  #giveUp: (error: RelayError) => void = () => {};

  constructor(url: URL, options: ConnectOptions, clock: Clock) {
    const socket = connect(url, options);
    const given = new Promise<RelayError>((resolve) => {
      this.#giveUp = resolve;
    });
    const stopTimer = clock.after(options.connectTimeoutMs, () => {
      this.#giveUp(unreachable(`${url.host} did not accept a connection in time.`));
    });
    this.result = Promise.race([
      given,
      socket.catch((cause) => unreachable(`${url.host} cannot be reached.`, cause)),
    ]).then((result) => {
      stopTimer();
      if (result instanceof RelayError) closeLate(socket);
      return result;
    });
  }

  /** Gives up; a connection that still comes is closed. */
  close(): void {
    this.#giveUp(unreachable("The attempt was given up."));
  }
}

async function connect(url: URL, { caCertificates }: ConnectOptions): Promise<Deno.Conn> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const socket = await Deno.connect({ hostname, port });
  socket.setNoDelay(true);
  if (!isTls) return socket;
  try {
    const tls = await Deno.startTls(socket, {
      hostname,
      caCerts: [...caCertificates],
      alpnProtocols: ["http/1.1"],
    });
    await tls.handshake();
    return tls;
  } catch (error) {
    closeConnection(socket);
    throw error;
  }
}

/** The attempt was given up: whatever still comes of it is not wanted. */
function closeLate(socket: Promise<Deno.Conn>): void {
  socket.then((late) => closeConnection(late), () => {});
}

function unreachable(message: string, cause?: unknown): RelayError {
  return new RelayError("origin_unreachable", { source: "origin", retry: "other_endpoint", message, cause });
}
