export { parsePeerPublicKey as parseEdgePublicKey, PeerKeys as EdgeKeys } from "./peer_keys.ts";
