/**
 * The hash of a packet's flow. The kernel's depends on a random key; this one depends on the packet only. As there, both
 * directions of a flow have the same hash, and it is never 0.
 *
 * @module
 */

import { ETHER_TYPE, type SkbContext } from "../contexts/skb.ts";

/** Protocols with ports in the first four bytes: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);
/** Fields of the flags and offset of an IPv4 header that tell a fragment. */
const FRAGMENT = 0x3fff;

const lower = (a: Uint8Array, b: Uint8Array): boolean => {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at >= 0 && a[at] < b[at];
};

/** What distinguishes a flow: addresses, protocol and ports, each pair in ascending order. */
function flowKey(skb: SkbContext): Uint8Array {
  const { packet, headers: { network }, protocol } = skb;
  const ipv6 = protocol === ETHER_TYPE.IPV6;
  const header = protocol === ETHER_TYPE.IPV4 || ipv6 ? packet.read(network, ipv6 ? 40 : 20) : null;
  if (header === null) return Uint8Array.of(protocol >> 8, protocol & 0xff);
  const width = ipv6 ? 16 : 4, at = ipv6 ? 8 : 12;
  const ends = [header.subarray(at, at + width), header.subarray(at + width, at + 2 * width)];
  const next = header[ipv6 ? 6 : 9];
  const fragment = !ipv6 && ((header[6] << 8 | header[7]) & FRAGMENT) !== 0;
  const length = ipv6 ? 40 : (header[0] & 15) * 4;
  const ports = WITH_PORTS.has(next) && !fragment ? packet.read(network + length, 4) : null;
  const portPair = ports === null ? [] : [ports.subarray(0, 2), ports.subarray(2)];
  if (lower(ends[1], ends[0])) {
    ends.reverse();
    portPair.reverse();
  }
  return Uint8Array.from([next, ...ends[0], ...ends[1], ...portPair.flatMap((port) => [...port])]);
}

/**
 * Hashes the flow of a packet (FNV-1a, mixed at the end).
 *
 * @param skb The packet.
 * @returns The hash, 32 bits, not 0.
 */
export function flowHash(skb: SkbContext): number {
  let hash = 0x811c9dc5;
  for (const byte of flowKey(skb)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0 || 1;
}
