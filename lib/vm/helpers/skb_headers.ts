/**
 * Helpers that insert, remove and change headers of a socket buffer (net/core/filter.c, net/core/skbuff.c).
 *
 * @module
 */

import {
  ETHER_TYPE,
  ETHERNET,
  isVlan,
  networkOrder,
  type SkbContext,
  VLAN_HEADER,
} from "../contexts/skb.ts";
import { failure, type HelperBodies, s32, u32, u64 } from "./body.ts";
import { add16 } from "../checksum.ts";
import { skbOf } from "./contexts.ts";
import { MAX_LENGTH } from "./skb.ts";

const IPV4_HEADER = 20, IPV6_HEADER = 40;
/** Bytes of the two addresses at the start of a link layer header. */
const MAC_ADDRESSES = 12;
/** Most bytes that `skb_adjust_room` adds or removes. */
const MAX_ROOM = 0xfff;
/** BPF_ADJ_ROOM_*. */
const MODE = { NETWORK: 0, MAC: 1 } as const;

/** BPF_F_ADJ_ROOM_*. */
const ROOM = {
  FIXED_GSO: 1n,
  ENCAP_IPV4: 2n,
  ENCAP_IPV6: 4n,
  ENCAP_GRE: 8n,
  ENCAP_UDP: 16n,
  NO_CSUM_RESET: 32n,
  ENCAP_ETHERNET: 64n,
  DECAP_IPV4: 128n,
  DECAP_IPV6: 256n,
} as const;
const ENCAP_L3 = ROOM.ENCAP_IPV4 | ROOM.ENCAP_IPV6;
const DECAP_L3 = ROOM.DECAP_IPV4 | ROOM.DECAP_IPV6;
/** Length of the inner link layer header, in the high byte of the flags. */
const INNER_MAC_SHIFT = 56n;
const ALL_ROOM = 0x1ffn | 0xffn << INNER_MAC_SHIFT;

/** Inserts zeros behind the first bytes; headers before them move to the front (`bpf_skb_net_hdr_push`). */
function insert(skb: SkbContext, after: number, size: number): void {
  const { headers, packet } = skb;
  const sameTransport = headers.transport === headers.network;
  skb.push(size);
  packet.write(0, packet.read(size, after)!);
  packet.write(after, new Uint8Array(size));
  headers.mac -= size;
  headers.network -= size;
  if (sameTransport) headers.transport = headers.network;
}

/** Removes bytes behind the first ones (`bpf_skb_net_hdr_pop`); false if the packet is too short. */
function remove(skb: SkbContext, after: number, size: number): boolean {
  if (!skb.makeWritable(after + size)) return false;
  const { headers, packet } = skb;
  const sameTransport = headers.transport === headers.network;
  const front = packet.read(0, after)!;
  skb.pull(size);
  packet.write(0, front);
  headers.mac += size;
  headers.network += size;
  if (sameTransport) headers.transport = headers.network;
  return true;
}

/** Length of the link layer header. */
const macLength = ({ headers }: SkbContext): number => headers.network - headers.mac;

function changeProtocol(skb: SkbContext, to: number, flags: bigint): bigint {
  if (flags !== 0n) return failure("EINVAL");
  const difference = IPV6_HEADER - IPV4_HEADER;
  const from = skb.protocol;
  if (from === ETHER_TYPE.IPV4 && to === ETHER_TYPE.IPV6) {
    if (!skb.makeWritable(macLength(skb))) return failure("ENOMEM");
    insert(skb, macLength(skb), difference);
  } else if (from === ETHER_TYPE.IPV6 && to === ETHER_TYPE.IPV4) {
    if (!remove(skb, macLength(skb), difference)) return failure("ENOMEM");
  } else return failure("ENOTSUPP");
  skb.protocol = to;
  skb.clearHash();
  skb.update();
  return 0n;
}

/** What makes an encapsulation impossible (`bpf_skb_net_grow`); 0 if nothing does. */
function encapsulationError(skb: SkbContext, size: number, flags: bigint): bigint {
  const has = (bits: bigint) => (flags & bits) !== 0n;
  const innerMac = flags >> INNER_MAC_SHIFT;
  if (
    has(ROOM.ENCAP_IPV4) && has(ROOM.ENCAP_IPV6) || has(ROOM.ENCAP_GRE) && has(ROOM.ENCAP_UDP) ||
    has(ROOM.ENCAP_ETHERNET) && innerMac < ETHERNET
  ) return failure("EINVAL");
  if (skb.encapsulated) return failure("EALREADY");
  return innerMac > size ? failure("EINVAL") : 0n;
}

function grow(skb: SkbContext, after: number, size: number, flags: bigint): bigint {
  // A packet to be segmented has no type of segmentation here, which bears no change of headers.
  if (skb.isGso) return failure("ENOTSUPP");
  const encapsulates = (flags & ENCAP_L3) !== 0n;
  const macSize = macLength(skb);
  if (encapsulates) {
    const error = encapsulationError(skb, size, flags);
    if (error !== 0n) return error;
  }
  if (!skb.makeWritable(after)) return failure("ENOMEM");
  insert(skb, after, size);
  if (!encapsulates) return 0n;
  const toIpv6 = (flags & ROOM.ENCAP_IPV6) !== 0n;
  skb.encapsulated = true;
  skb.headers.network = macSize;
  if ((flags & (ROOM.ENCAP_GRE | ROOM.ENCAP_UDP)) !== 0n) {
    skb.headers.transport = macSize + (toIpv6 ? IPV6_HEADER : IPV4_HEADER);
  }
  skb.protocol = toIpv6 ? ETHER_TYPE.IPV6 : ETHER_TYPE.IPV4;
  return 0n;
}

function shrink(skb: SkbContext, after: number, size: number, flags: bigint): bigint {
  if ((flags & ~(ROOM.FIXED_GSO | DECAP_L3 | ROOM.NO_CSUM_RESET)) !== 0n) return failure("EINVAL");
  if (skb.isGso) return failure("ENOTSUPP");
  if (!remove(skb, after, size)) return failure("ENOMEM");
  if ((flags & ROOM.DECAP_IPV6) !== 0n) skb.protocol = ETHER_TYPE.IPV6;
  if ((flags & ROOM.DECAP_IPV4) !== 0n) skb.protocol = ETHER_TYPE.IPV4;
  return 0n;
}

/** Length of the network header without options, or of the one that a decapsulation leaves; null for bad flags. */
function shortestPacket(skb: SkbContext, shrinks: boolean, flags: bigint): number | null {
  switch (flags & DECAP_L3) {
    case 0n:
      return skb.protocol === ETHER_TYPE.IPV4 ? IPV4_HEADER : IPV6_HEADER;
    case ROOM.DECAP_IPV4:
      return shrinks ? IPV4_HEADER : null;
    case ROOM.DECAP_IPV6:
      return shrinks ? IPV6_HEADER : null;
    default:
      return null;
  }
}

function adjustRoom(skb: SkbContext, difference: number, mode: number, flags: bigint): bigint {
  const size = Math.abs(difference), shrinks = difference < 0;
  if ((flags & ~ALL_ROOM) !== 0n) return failure("EINVAL");
  if (size > MAX_ROOM) return failure("EFAULT");
  if (!skb.isIp || mode !== MODE.NETWORK && mode !== MODE.MAC) return failure("ENOTSUPP");
  const base = skb.protocol === ETHER_TYPE.IPV4 ? IPV4_HEADER : IPV6_HEADER;
  const after = macLength(skb) + (mode === MODE.NETWORK ? base : 0);
  const shortest = shortestPacket(skb, shrinks, flags);
  if (shortest === null) return failure("EINVAL");
  const { length } = skb.packet;
  const current = length - skb.headers.network;
  const bad = shrinks
    ? size >= current || current - size < shortest
    : length + size > MAX_LENGTH && !skb.isGso;
  if (bad) return failure("ENOTSUPP");
  const status = shrinks ? shrink(skb, after, size, flags) : grow(skb, after, size, flags);
  if (status === 0n && (flags & ROOM.NO_CSUM_RESET) === 0n) skb.verified = null;
  skb.update();
  return status;
}

/** The same helper of programs on streams, which know no headers (`sk_skb_adjust_room`). */
function adjustStream(skb: SkbContext, difference: number, mode: number, flags: bigint): bigint {
  const size = Math.abs(difference);
  if (flags !== 0n || mode !== 0) return failure("EINVAL");
  if (size > MAX_ROOM) return failure("EFAULT");
  if (difference >= 0) {
    skb.push(size);
    skb.packet.write(0, new Uint8Array(size));
  } else if (skb.makeWritable(size)) skb.pull(size);
  else return failure("ENOMEM");
  skb.update();
  return 0n;
}

/** Takes the outermost VLAN header out of the packet (`__skb_vlan_pop`); null if the packet is too short. */
function takeVlanHeader(skb: SkbContext): number | null {
  const { packet, headers } = skb;
  if (headers.mac !== 0 || !skb.makeWritable(ETHERNET + VLAN_HEADER)) return null;
  const [high, low, typeHigh, typeLow] = packet.read(ETHERNET, VLAN_HEADER)!;
  const type = typeHigh << 8 | typeLow;
  const first = packet.read(ETHERNET + VLAN_HEADER, 2);
  const novell = first !== null && first[0] === 0xff && first[1] === 0xff;
  const addresses = packet.read(0, MAC_ADDRESSES)!;
  skb.pull(VLAN_HEADER);
  packet.write(0, addresses);
  headers.mac += VLAN_HEADER;
  headers.network = Math.max(headers.network, ETHERNET);
  skb.resetMacLength();
  skb.protocol = type >= 0x600 ? type : novell ? 1 : 4;
  return high << 8 | low;
}

/** Keeps a VLAN tag beside the packet, as network cards do (`__vlan_hwaccel_put_tag`). */
function putTag(skb: SkbContext, type: number, tag: number): void {
  skb.fields.assign({
    vlan_present: 1,
    vlan_proto: networkOrder(type, skb.order),
    vlan_tci: tag,
  });
}

function popVlan(skb: SkbContext): bigint {
  if (skb.fields.get("vlan_present") !== 0) {
    skb.fields.assign({ vlan_present: 0, vlan_proto: 0, vlan_tci: 0 });
  } else {
    if (!isVlan(skb.protocol)) return 0n;
    if (takeVlanHeader(skb) === null) return failure("ENOMEM");
  }
  if (isVlan(skb.protocol)) {
    const type = skb.protocol;
    const tag = takeVlanHeader(skb);
    if (tag === null) return failure("ENOMEM");
    putTag(skb, type, tag);
  }
  skb.update();
  return 0n;
}

function pushVlan(skb: SkbContext, wanted: number, tag: number): bigint {
  const type = isVlan(wanted) ? wanted : ETHER_TYPE.VLAN;
  if (skb.fields.get("vlan_present") !== 0) {
    if (skb.headers.mac !== 0 || !skb.makeWritable(MAC_ADDRESSES)) return failure("EINVAL");
    const outer = networkOrder(skb.fields.get("vlan_proto") & 0xffff, skb.order);
    const outerTag = skb.fields.get("vlan_tci");
    insert(skb, MAC_ADDRESSES, VLAN_HEADER);
    skb.packet.write(
      MAC_ADDRESSES,
      Uint8Array.of(outer >> 8, outer & 0xff, outerTag >> 8 & 0xff, outerTag & 0xff),
    );
    skb.protocol = outer;
  }
  putTag(skb, type, tag);
  skb.resetMacLength();
  skb.update();
  return 0n;
}

/** Marks congestion in an IPv4 header and corrects its checksum (`IP_ECN_set_ce`). */
function markIpv4(skb: SkbContext, at: number): bigint {
  const header = skb.packet.read(at, IPV4_HEADER);
  if (header === null) return 0n;
  const next = header[1] + 1 & 3;
  if ((next & 2) === 0) return next === 0 ? 1n : 0n;
  const sum = add16(header[10] << 8 | header[11], 0xfffb + next);
  header[1] |= 3;
  header[10] = sum >> 8;
  header[11] = sum & 0xff;
  skb.packet.write(at, header);
  return 1n;
}

/** Marks congestion in an IPv6 header (`IP6_ECN_set_ce`). */
function markIpv6(skb: SkbContext, at: number): bigint {
  const header = skb.packet.read(at, IPV6_HEADER);
  if (header === null || (header[1] & 0x30) === 0) return 0n;
  header[1] |= 0x30;
  skb.packet.write(at, header);
  return 1n;
}

/** Helpers that insert, remove and change headers. */
export const SKB_HEADER_HELPERS: HelperBodies = {
  skb_change_proto: (env) => (_, r1, r2, r3) => {
    const skb = skbOf(env, r1);
    return changeProtocol(skb, networkOrder(u32(r2) & 0xffff, skb.order), u64(r3));
  },
  skb_adjust_room: (env) => (_, r1, r2, r3, r4) => {
    const skb = skbOf(env, r1);
    const adjust = skb.type === "sk_skb" ? adjustStream : adjustRoom;
    return adjust(skb, s32(r2), u32(r3), u64(r4));
  },
  skb_vlan_push: (env) => (_, r1, r2, r3) => {
    const skb = skbOf(env, r1);
    return pushVlan(skb, networkOrder(u32(r2) & 0xffff, skb.order), u32(r3) & 0xffff);
  },
  skb_vlan_pop: (env) => (_, r1) => popVlan(skbOf(env, r1)),
  skb_ecn_set_ce: (env) => (_, r1) => {
    const skb = skbOf(env, r1);
    const at = skb.headers.network;
    const type = skb.innerProtocol();
    const { linearLength } = skb.packet;
    if (type === ETHER_TYPE.IPV4 && linearLength >= IPV4_HEADER) return markIpv4(skb, at);
    return type === ETHER_TYPE.IPV6 && linearLength >= IPV6_HEADER ? markIpv6(skb, at) : 0n;
  },
};
