import { FlagError, ORIGIN_USAGE, type OriginFlags, parseOriginFlags } from "./origin_flags.ts";
import { serveEmbeddedOrigin } from "./serve_embedded_origin.ts";

/** Exit status of a command line that cannot be obeyed. */
const USAGE_STATUS = 2;

function flagsOrExit(): OriginFlags {
  try {
    return parseOriginFlags(Deno.args);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`${error.message}\n\n${ORIGIN_USAGE}`);
    Deno.exit(USAGE_STATUS);
  }
}

if (import.meta.main) {
  if (Deno.args.includes("--help")) console.log(ORIGIN_USAGE);
  else {
    const flags = flagsOrExit();
    const origin = serveEmbeddedOrigin(flags);
    const { address, url } = origin;
    console.log(flags.json ? JSON.stringify({ address, url }) : `embedded origin listens on ${url}`);
    const stop = () => void origin.close().then(() => Deno.exit(0));
    Deno.addSignalListener("SIGTERM", stop);
    Deno.addSignalListener("SIGINT", stop);
  }
}
