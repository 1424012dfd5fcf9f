export { type PeerSigner as EdgeSigner, peerSigner as edgeSigner } from "./peer_signer.ts";
