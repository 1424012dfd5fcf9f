import type { Clock } from "../../shared/clock/clock.ts";
import type { EdgeConfig } from "../../shared/config/edge_schema.ts";
import { HandshakeTally, type LaneRefusal } from "../../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../../shared/handshake/peer_keys.ts";
import type { Logger } from "../../shared/observe/logger.ts";
import { loadCertificates } from "../../shared/server/certificate_store.ts";
import { LaneListeners } from "../../shared/session/lane_listeners.ts";
import type { LaneListener } from "../../shared/transport/lane_connection.ts";
import { type ReverseLink, ReverseListener } from "./reverse_listener.ts";

export interface StartReverseListenerOptions {
  readonly edgeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  linkTo(coreName: string): ReverseLink;
}

/** An edge's listeners for cores. */
export interface RunningReverseListener {
  /** By order of the configuration, with the ports that were taken. */
  readonly addresses: readonly string[];
  /** Those that are open, for the metrics. */
  readonly listeners: readonly LaneListener[];
  /** What is lacking, in words for an operator. */
  readonly problems: readonly string[];
  /** Knocks by how they ended, since the start. */
  readOutcomes(): Readonly<Record<LaneRefusal | "accepted", number>>;
  /** Reads the certificate again. @throws {CertificateError} with the old one still in place */
  reload(): Promise<void>;
  /** To be called when the edge begins to drain: accepts no more lanes; those that were accepted live on. */
  close(): Promise<void>;
}

type ReverseConfig = NonNullable<EdgeConfig["tunnel"]["reverse"]>;

/**
 * Listens for the cores of the configuration.
 * @throws {ListenError | CertificateError}
 */
export async function startReverseListener(
  config: ReverseConfig,
  { edgeName, clock, log, linkTo }: StartReverseListenerOptions,
): Promise<RunningReverseListener> {
  let shown = await loadCertificate(config);
  const tally = new HandshakeTally();
  const reverse = new ReverseListener({
    edgeName,
    keys: new PeerKeys(config.cores),
    serverNames: () => shown.serverNames,
    tally,
    clock,
    log,
    wallClock: Date.now,
    linkTo,
  });
  const listeners = new LaneListeners({
    listeners: config.listeners,
    certificate: shown.certificate,
    limits: {},
    clock,
    log,
    serve: (listener) => reverse.serve(listener),
  });
  return {
    get addresses() {
      return listeners.addresses;
    },
    get listeners() {
      return listeners.open;
    },
    get problems() {
      return listeners.problems;
    },
    readOutcomes: () => ({ ...tally.refused, accepted: tally.accepted }),
    async reload() {
      const next = await loadCertificate(config);
      await listeners.replaceCertificate(next.certificate);
      shown = next;
    },
    async close() {
      await Promise.all([listeners.close(), reverse.close()]);
    },
  };
}

async function loadCertificate({ certificateFile, keyFile }: ReverseConfig) {
  const [loaded] = await loadCertificates([{ certificateFile, keyFile }]);
  if (loaded === undefined) throw new TypeError("one certificate was asked for");
  const { certificatePem, keyPem, names } = loaded;
  return { certificate: { certPem: certificatePem, keyPem }, serverNames: new Set(names) };
}
