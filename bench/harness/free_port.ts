/** A TCP port that is free on this machine now; also taken as free for UDP and in fresh network namespaces. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
