/**
 * Helpers that correct the checksums in a packet (net/core/filter.c).
 *
 * @module
 */

import type { SkbContext } from "../contexts/skb.ts";
import { readNumber, writeNumber } from "../contexts/layout.ts";
import { failure, type HelperBodies, u32, u64 } from "./body.ts";
import { replace16, replace32, replaceByDifference } from "../checksum.ts";
import { skbOf } from "./contexts.ts";

/** Size of the number that changed, in the low bits of the flags; 0 for a difference of sums. */
const SIZE_MASK = 0xfn;
/** BPF_F_PSEUDO_HDR, BPF_F_MARK_MANGLED_0, BPF_F_MARK_ENFORCE, BPF_F_IPV6. */
const L4_FLAGS = { PSEUDO: 0x10n, MANGLED_0: 0x20n, ENFORCE: 0x40n, IPV6: 0x80n } as const;
const ALL_L4_FLAGS = SIZE_MASK | L4_FLAGS.PSEUDO | L4_FLAGS.MANGLED_0 | L4_FLAGS.ENFORCE |
  L4_FLAGS.IPV6;
const MAX_OFFSET = 0xffff;

/** A checksum field after a change; null for a bad size. */
function replaced(field: number, size: bigint, from: bigint, to: bigint): number | null {
  switch (size) {
    case 0n:
      return from === 0n ? replaceByDifference(field, u32(to)) : null;
    case 2n:
      return replace16(field, u32(from) & 0xffff, u32(to) & 0xffff);
    case 4n:
      return replace32(field, u32(from), u32(to));
    default:
      return null;
  }
}

/** A checksum field, made writable; null if the packet has none there. */
function fieldAt(skb: SkbContext, offset: number): Uint8Array | null {
  if (offset > MAX_OFFSET || (offset & 1) !== 0 || !skb.makeWritable(offset + 2)) return null;
  return skb.packet.linear.subarray(offset, offset + 2);
}

/** Helpers that correct the checksums in a packet. */
export const SKB_CHECKSUM_HELPERS: HelperBodies = {
  l3_csum_replace: (env) => (_, r1, r2, r3, r4, r5) => {
    const skb = skbOf(env, r1), flags = u64(r5);
    if ((flags & ~SIZE_MASK) !== 0n) return failure("EINVAL");
    const field = fieldAt(skb, u32(r2));
    if (field === null) return failure("EFAULT");
    const before = Number(readNumber(field, skb.order, 0, 2));
    const after = replaced(before, flags, u64(r3), u64(r4));
    if (after === null) return failure("EINVAL");
    writeNumber(field, skb.order, 0, 2, BigInt(after));
    return 0n;
  },
  l4_csum_replace: (env) => (_, r1, r2, r3, r4, r5) => {
    const skb = skbOf(env, r1), flags = u64(r5);
    if ((flags & ~ALL_L4_FLAGS) !== 0n) return failure("EINVAL");
    const field = fieldAt(skb, u32(r2));
    if (field === null) return failure("EFAULT");
    const before = Number(readNumber(field, skb.order, 0, 2));
    const mangled = (flags & L4_FLAGS.MANGLED_0) !== 0n;
    if (mangled && (flags & L4_FLAGS.ENFORCE) === 0n && before === 0) return 0n;
    // Two bytes are replaced as a number of four, unlike in a header of layer 3.
    const size = flags & SIZE_MASK;
    const [from, to] = size === 2n ? [u64(r3) & 0xffffn, u64(r4) & 0xffffn] : [u64(r3), u64(r4)];
    const after = replaced(before, size === 2n ? 4n : size, from, to);
    if (after === null) return failure("EINVAL");
    writeNumber(field, skb.order, 0, 2, BigInt(mangled && after === 0 ? 0xffff : after));
    return 0n;
  },
};
