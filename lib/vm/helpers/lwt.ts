/**
 * Helpers of programs on routes, lightweight tunnels (net/core/lwt_bpf.c).
 *
 * @module
 */

import { fold, sumBytes } from "../checksum.ts";
import { ETHER_TYPE } from "../contexts/skb.ts";
import { failure, type HelperBodies, u32 } from "./body.ts";
import { skbOf } from "./contexts.ts";

/** BPF_LWT_ENCAP_IP; the other kinds are segment routing, which a sandbox does not have. */
const ENCAP_IP = 2;
const IPV4_HEADER = 20, IPV6_HEADER = 40;
/** Most bytes of a header (LWT_BPF_MAX_HEADROOM). */
const MAX_HEADER = 256;

/** Ethernet type of an outer header; null if it is none, or cut off. */
function typeOfHeader(header: Uint8Array): number | null {
  const version = header[0] >> 4;
  if (version === 4) return header.length < (header[0] & 15) * 4 ? null : ETHER_TYPE.IPV4;
  return version === 6 && header.length >= IPV6_HEADER ? ETHER_TYPE.IPV6 : null;
}

/** Fills in the checksum of an IPv4 header that has none. */
function completeChecksum(header: Uint8Array): void {
  if (header[10] !== 0 || header[11] !== 0) return;
  const sum = fold(sumBytes(header, 0, "big"));
  header[10] = sum >> 8;
  header[11] = sum & 0xff;
}

/** Helpers of programs on routes. */
export const LWT_HELPERS: HelperBodies = {
  lwt_push_encap: (env) => ({ memory }, r1, r2, r3, r4) => {
    const skb = skbOf(env, r1);
    const size = u32(r4);
    const header = memory.slice(r3, size, false).slice();
    if (u32(r2) !== ENCAP_IP || size < IPV4_HEADER || size > MAX_HEADER) return failure("EINVAL");
    const type = typeOfHeader(header);
    if (type === null) return failure("EINVAL");
    skb.push(size);
    if (type === ETHER_TYPE.IPV4) completeChecksum(header.subarray(0, (header[0] & 15) * 4));
    skb.packet.write(0, header);
    skb.headers.network = 0;
    skb.protocol = type;
    skb.clearHash();
    skb.update();
    return 0n;
  },
};
