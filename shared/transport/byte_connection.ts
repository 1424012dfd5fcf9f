/** A reliable, ordered byte pipe: `Deno.TcpConn`, `Deno.TlsConn`, or one bidirectional QUIC stream. */
export interface ByteConnection {
  /** Fills the front of `buffer`; resolves with the number of bytes, or null at the peer's end of stream. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** May take only the front of `bytes`; the caller keeps `bytes` unchanged until it resolves. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the sending direction: the peer reads the end of the stream. */
  closeWrite?(): Promise<void>;
  /** Ends both directions at once; pending reads and writes reject. Throws if closed twice. */
  close(): void;
}
