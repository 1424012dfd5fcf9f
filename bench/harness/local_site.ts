import { startOrigin } from "../origin/start_origin.ts";
import type { RelaySite } from "../relays/relay.ts";
import { writeSiteCertificates } from "../relays/site_certificates.ts";
import { THIS_MACHINE } from "./place.ts";
import type { Workbench } from "./workbench.ts";

/** Everything on this machine, over loopback, with an origin that runs. */
export async function startLocalSite(bench: Workbench): Promise<RelaySite> {
  const certificates = await writeSiteCertificates(bench.makeDirectory("certificates"), []);
  const { port } = await startOrigin(bench, THIS_MACHINE);
  return { bench, edge: THIS_MACHINE, core: THIS_MACHINE, originPort: port, certificates };
}
