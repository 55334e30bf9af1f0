/**
 * Helpers on the tunnel that a packet came through or leaves by (net/core/filter.c).
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import { readFields, writeFields } from "../contexts/layout.ts";
import { networkOrder, type Tunnel } from "../contexts/skb.ts";
import { TUNNEL_KEY } from "../contexts/structs.ts";
import { failure, type HelperBodies, u32, u64 } from "./body.ts";
import { skbOf } from "./contexts.ts";

/** BPF_F_TUNINFO_IPV6 and its like. */
const FLAG = {
  IPV6: 1n,
  ZERO_CSUM: 2n,
  DONT_FRAGMENT: 4n,
  SEQUENCE: 8n,
  NO_KEY: 16n,
  FLAGS: 16n,
} as const;
/** TUNNEL_*. */
const TUNNEL = {
  CSUM: 1,
  KEY: 4,
  SEQUENCE: 8,
  DONT_FRAGMENT: 0x100,
  OPTIONS: 0xd800,
  NOCACHE: 0x2000,
} as const;
/** Sizes of struct bpf_tunnel_key in older programs. */
const OLD_SIZES: ReadonlySet<number> = new Set(
  [
    ...["local_ipv6", "tunnel_label", "tunnel_ext"].map((name) =>
      TUNNEL_KEY.byName.get(name)!.offset
    ),
    TUNNEL_KEY.byName.get("remote_ipv6")!.offset + 4,
  ],
);
const IPV4_SIZE = TUNNEL_KEY.byName.get("remote_ipv6")!.offset + 4;
const LABEL_MASK = 0xfffff;
/** IP_TUNNEL_OPTS_MAX. */
const MAX_OPTIONS = 255;

/** Bytes of the addresses of a key; the words of IPv4 are in the program's byte order. */
function addresses(bytes: Uint8Array, ipv6: boolean): { remote: Uint8Array; local: Uint8Array } {
  const [remote, local] = ["remote_ipv6", "local_ipv6"].map((name) => {
    const { offset } = TUNNEL_KEY.byName.get(name)!;
    return bytes.slice(offset, offset + (ipv6 ? 16 : 4));
  });
  return { remote, local };
}

function parseKey(bytes: Uint8Array, order: ByteOrder, flags: bigint): Tunnel | null {
  const key = readFields(TUNNEL_KEY, bytes, order);
  const ipv6 = (flags & FLAG.IPV6) !== 0n;
  if (!ipv6 && key.tunnel_label !== 0n || key.tunnel_ext !== 0n) return null;
  const { remote, local } = addresses(bytes, ipv6);
  const has = (flag: bigint) => (flags & flag) !== 0n;
  return {
    id: key.tunnel_id,
    tos: Number(key.tunnel_tos),
    ttl: Number(key.tunnel_ttl),
    flags: TUNNEL.NOCACHE | (has(FLAG.DONT_FRAGMENT) ? TUNNEL.DONT_FRAGMENT : 0) |
      (has(FLAG.ZERO_CSUM) ? 0 : TUNNEL.CSUM) | (has(FLAG.SEQUENCE) ? TUNNEL.SEQUENCE : 0) |
      (has(FLAG.NO_KEY) ? 0 : TUNNEL.KEY),
    ipv6,
    source: local,
    destination: remote,
    label: ipv6 ? Number(key.tunnel_label) & LABEL_MASK : 0,
    options: new Uint8Array(0),
  };
}

function keyBytes(tunnel: Tunnel, order: ByteOrder, withFlags: boolean): Uint8Array {
  const bytes = new Uint8Array(TUNNEL_KEY.size);
  writeFields(TUNNEL_KEY, bytes, order, {
    tunnel_id: tunnel.id,
    tunnel_tos: tunnel.tos,
    tunnel_ttl: tunnel.ttl,
    tunnel_ext: withFlags ? networkOrder(tunnel.flags, order) : 0,
    tunnel_label: tunnel.label,
    remote_ipv6: tunnel.source,
    local_ipv6: tunnel.destination,
  });
  return bytes;
}

/** Helpers on tunnels. */
export const TUNNEL_HELPERS: HelperBodies = {
  skb_set_tunnel_key: (env) => ({ memory }, r1, r2, r3, r4) => {
    const skb = skbOf(env, r1);
    const size = u32(r3), flags = u64(r4);
    if (flags > 0x1fn || size !== TUNNEL_KEY.size && !OLD_SIZES.has(size)) return failure("EINVAL");
    const bytes = new Uint8Array(TUNNEL_KEY.size);
    bytes.set(memory.slice(r2, size, false));
    const tunnel = parseKey(bytes, memory.order, flags);
    if (tunnel === null) return failure("EINVAL");
    skb.tunnel = tunnel;
    return 0n;
  },
  skb_get_tunnel_key: (env) => ({ memory }, r1, r2, r3, r4) => {
    const { tunnel } = skbOf(env, r1);
    const size = u32(r3), flags = u64(r4);
    const target = memory.slice(r2, size, true);
    target.fill(0);
    const ipv6 = (flags & FLAG.IPV6) !== 0n;
    if (tunnel === null || (flags & ~(FLAG.IPV6 | FLAG.FLAGS)) !== 0n) return failure("EINVAL");
    if (tunnel.ipv6 !== ipv6) return failure("EPROTO");
    const fits = size === TUNNEL_KEY.size || OLD_SIZES.has(size) && !(ipv6 && size === IPV4_SIZE);
    if (!fits) return failure("EINVAL");
    target.set(keyBytes(tunnel, memory.order, (flags & FLAG.FLAGS) !== 0n).subarray(0, size));
    return 0n;
  },
  skb_set_tunnel_opt: (env) => ({ memory }, r1, r2, r3) => {
    const { tunnel } = skbOf(env, r1);
    const size = u32(r3);
    if (tunnel === null || size % 4 !== 0) return failure("EINVAL");
    if (size > MAX_OPTIONS) return failure("ENOMEM");
    tunnel.options = memory.slice(r2, size, false).slice();
    if (size > 0) tunnel.flags |= TUNNEL.OPTIONS;
    return 0n;
  },
  skb_get_tunnel_opt: (env) => ({ memory }, r1, r2, r3) => {
    const { tunnel } = skbOf(env, r1);
    const target = memory.slice(r2, u32(r3), true);
    target.fill(0);
    if (tunnel === null || (tunnel.flags & TUNNEL.OPTIONS) === 0) return failure("ENOENT");
    if (target.length < tunnel.options.length) return failure("ENOMEM");
    target.set(tunnel.options);
    return BigInt(tunnel.options.length);
  },
  // No packet comes out of IPsec.
  skb_get_xfrm_state: (env) => ({ memory }, r1, _r2, r3, r4) => {
    skbOf(env, r1);
    memory.slice(r3, u32(r4), true).fill(0);
    return failure("EINVAL");
  },
};
