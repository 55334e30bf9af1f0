/**
 * Helpers on the bytes, the length and the marks of a socket buffer (net/core/filter.c).
 *
 * @module
 */

import { MAX_PACKET } from "../contexts/packet.ts";
import type { SkbContext } from "../contexts/skb.ts";
import type { Environment } from "../environment.ts";
import type { HelperContext } from "../machine.ts";
import { failure, type HelperBodies, s32, u32, u64 } from "./body.ts";
import { loadablePacketOf, skbOf } from "./contexts.ts";
import { flowHash } from "./flow_hash.ts";

const INT_MAX = 0x7fff_ffff;
/** Longest packet that helpers make (BPF_SKB_MAX_LEN: four pages, less struct skb_shared_info). */
export const MAX_LENGTH = 16_064;
/** Largest PACKET_* that a program may set (PACKET_OTHERHOST). */
const MAX_PACKET_TYPE = 3;
const RELATIVE_TO = { MAC: 0, NETWORK: 1 } as const;
/** BPF_F_RECOMPUTE_CSUM and BPF_F_INVALIDATE_HASH. */
const STORE_FLAGS = { RECOMPUTE: 1n, INVALIDATE_HASH: 2n } as const;
/** BPF_CSUM_LEVEL_*. */
const LEVEL = { QUERY: 0n, INC: 1n, DEC: 2n, RESET: 3n } as const;
/** SKB_MAX_CSUM_LEVEL. */
const MAX_LEVEL = 3;
/** BPF_SKB_CLOCK_*. */
const CLOCK = { REALTIME: 0, MONOTONIC: 1, TAI: 2 } as const;

/** The largest offset that `skb_load_bytes` takes. */
const maximumOffset = ({ context }: Environment): number =>
  context?.type === "flow_dissector" ? 0xffff : INT_MAX;

/** Copies bytes to guest memory, zeros and EFAULT if there are none. */
function deliver(
  { memory }: HelperContext,
  address: bigint,
  size: number,
  bytes: Uint8Array | null,
): bigint {
  const target = memory.slice(address, size, true);
  if (bytes === null) {
    target.fill(0);
    return failure("EFAULT");
  }
  target.set(bytes);
  return 0n;
}

function loadRelative(skb: SkbContext, offset: number, size: number, from: number) {
  if (offset > 0xffff) return null;
  const { mac, network } = skb.headers;
  if (from !== RELATIVE_TO.MAC && from !== RELATIVE_TO.NETWORK) return null;
  const at = (from === RELATIVE_TO.MAC ? mac : network) + offset;
  return at + size > skb.packet.linearLength ? null : skb.packet.read(at, size);
}

/** Shortest length that keeps the headers (`__bpf_skb_min_len`). */
function minimumLength({ headers: { network, transport } }: SkbContext): number {
  return transport !== null && transport > 0 ? transport : Math.max(network, 0);
}

function changeTail(skb: SkbContext, length: number, flags: bigint): bigint {
  if (flags !== 0n || length > MAX_LENGTH || length < minimumLength(skb)) return failure("EINVAL");
  if (skb.encapsulated) return failure("ENOTSUPP");
  const { packet } = skb;
  packet.pull(packet.length);
  const more = length - packet.length;
  packet.reserve(0, Math.max(more, 0));
  packet.moveEnd(more);
  if (skb.isGso) skb.fields.assign({ gso_size: 0, gso_segs: 0 });
  skb.update();
  return 0n;
}

function changeHead(skb: SkbContext, size: number, flags: bigint): bigint {
  const { packet } = skb;
  if (flags !== 0n || size < 0 || !skb.isGso && packet.length + size > MAX_LENGTH) {
    return failure("EINVAL");
  }
  if (packet.length + size > MAX_PACKET) return failure("ENOMEM");
  skb.push(size);
  packet.write(0, new Uint8Array(size));
  skb.headers.mac = 0;
  skb.resetMacLength();
  skb.update();
  return 0n;
}

function changeLevel(skb: SkbContext, level: bigint): bigint {
  const { verified } = skb;
  switch (level) {
    case LEVEL.INC:
      skb.verified = verified === null ? 0 : Math.min(verified + 1, MAX_LEVEL);
      return 0n;
    case LEVEL.DEC:
      skb.verified = verified === null || verified === 0 ? null : verified - 1;
      return 0n;
    case LEVEL.RESET:
      skb.verified = null;
      return 0n;
    case LEVEL.QUERY:
      return verified === null ? failure("EACCES") : BigInt(verified);
    default:
      return failure("EINVAL");
  }
}

/** Helpers on the bytes, the length and the marks of a socket buffer. */
export const SKB_HELPERS: HelperBodies = {
  skb_load_bytes: (env) => (context, r1, r2, r3, r4) => {
    const offset = u32(r2), size = u32(r4);
    const bytes = loadablePacketOf(env, r1).read(offset, size);
    return deliver(context, r3, size, offset > maximumOffset(env) ? null : bytes);
  },
  skb_load_bytes_relative: (env) => (context, r1, r2, r3, r4, r5) => {
    const size = u32(r4);
    return deliver(context, r3, size, loadRelative(skbOf(env, r1), u32(r2), size, u32(r5)));
  },
  skb_store_bytes: (env) => ({ memory }, r1, r2, r3, r4, r5) => {
    const skb = skbOf(env, r1);
    const offset = u32(r2), size = u32(r4), flags = u64(r5);
    if ((flags & ~(STORE_FLAGS.RECOMPUTE | STORE_FLAGS.INVALIDATE_HASH)) !== 0n) {
      return failure("EINVAL");
    }
    const from = memory.slice(r3, size, false).slice();
    if (offset > INT_MAX || !skb.makeWritable(offset + size)) return failure("EFAULT");
    skb.packet.write(offset, from);
    if ((flags & STORE_FLAGS.INVALIDATE_HASH) !== 0n) skb.clearHash();
    return 0n;
  },
  skb_pull_data: (env) => (_, r1, r2) => {
    const skb = skbOf(env, r1);
    return skb.makeWritable(u32(r2)) ? 0n : failure("ENOMEM");
  },
  skb_change_tail: (env) => (_, r1, r2, r3) => changeTail(skbOf(env, r1), u32(r2), u64(r3)),
  skb_change_head: (env) => (_, r1, r2, r3) => changeHead(skbOf(env, r1), s32(r2), u64(r3)),
  skb_change_type: (env) => (_, r1, r2) => {
    const { fields } = skbOf(env, r1);
    const type = u32(r2);
    if (type > MAX_PACKET_TYPE || fields.get("pkt_type") > MAX_PACKET_TYPE) {
      return failure("EINVAL");
    }
    fields.set("pkt_type", type);
    return 0n;
  },
  csum_level: (env) => (_, r1, r2) => changeLevel(skbOf(env, r1), u64(r2)),
  get_hash_recalc: (env) => (_, r1) => {
    const skb = skbOf(env, r1);
    if (!skb.hashKnown) {
      skb.fields.set("hash", flowHash(skb));
      skb.hashKnown = true;
    }
    return BigInt(skb.fields.get("hash"));
  },
  set_hash: (env) => (_, r1, r2) => {
    const skb = skbOf(env, r1);
    skb.fields.set("hash", u32(r2));
    skb.hashKnown = true;
    return 0n;
  },
  set_hash_invalid: (env) => (_, r1) => {
    skbOf(env, r1).clearHash();
    return 0n;
  },
  skb_set_tstamp: (env) => (_, r1, r2, r3) => {
    const skb = skbOf(env, r1);
    const time = u64(r2), clock = u32(r3);
    if (!skb.isIp) return failure("EOPNOTSUPP");
    if (clock > CLOCK.TAI || time === 0n && clock !== CLOCK.REALTIME) return failure("EINVAL");
    skb.fields.assign({ tstamp: time, tstamp_type: clock });
    return 0n;
  },
};
