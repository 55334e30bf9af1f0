/**
 * Mutations of bytes that know nothing of what the bytes mean.
 *
 * @module
 */

import type { Random } from "../tests/support/random.ts";

/** Numbers that sizes, counts and offsets rarely survive. */
// deno-fmt-ignore
const ABSURD: readonly bigint[] = [
  0n, 1n, 2n, 3n, 7n, 8n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x1_0000n, 0x7fff_fff8n, 0x7fff_ffffn,
  0x8000_0000n, 0xffff_fff0n, 0xffff_fff8n, 0xffff_ffffn, 0x1_0000_0000n, 0x1f_ffff_ffff_ffffn, 0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_fff8n, 0xffff_ffff_ffff_ffffn,
];

/** A number near or far from an old one: absurd, a little more or less, a size that just does not fit. */
function otherNumber(random: Random, old: bigint, size: number): bigint {
  switch (random.below(6)) {
    case 0:
      return old + BigInt(random.below(17) - 8);
    case 1:
      return old << BigInt(1 + random.below(20));
    case 2:
      return BigInt(random.below(64));
    case 3:
      return BigInt(size + random.below(33) - 16);
    default:
      return random.pick(ABSURD);
  }
}

/**
 * Replaces a number in place.
 *
 * @param random Where the choices come from.
 * @param bytes The bytes, which are changed; nothing happens if the number is outside.
 * @param at Offset of the number in bytes.
 * @param width Its size in bytes: 1, 2, 4 or 8.
 * @param little Whether it is little-endian.
 */
export function changeNumber(
  random: Random,
  bytes: Uint8Array,
  at: number,
  width: number,
  little: boolean,
): void {
  if (at < 0 || at + width > bytes.length) return;
  const place = (i: number): number => at + (little ? width - 1 - i : i);
  let old = 0n;
  for (let i = 0; i < width; i++) old = old << 8n | BigInt(bytes[place(i)]);
  let value = BigInt.asUintN(8 * width, otherNumber(random, old, bytes.length));
  for (let i = width - 1; i >= 0; i--) {
    bytes[place(i)] = Number(value & 0xffn);
    value >>= 8n;
  }
}

/** A range of at most `longest` bytes. */
function range(random: Random, bytes: Uint8Array, longest: number): [start: number, end: number] {
  const start = random.below(bytes.length);
  return [start, Math.min(bytes.length, start + 1 + random.below(longest))];
}

/** The bytes with a range replaced by others. */
function spliced(bytes: Uint8Array, start: number, end: number, put: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - (end - start) + put.length);
  result.set(bytes.subarray(0, start));
  result.set(put, start);
  result.set(bytes.subarray(end), start + put.length);
  return result;
}

type Mutation = (random: Random, bytes: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBits(random, bytes) {
    for (let n = 1 + random.below(8); n > 0; n--) {
      bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    }
    return bytes;
  },
  function setByte(random, bytes) {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  function absurdNumber(random, bytes) {
    const width = random.pick([1, 2, 4, 8]);
    const at = random.below(bytes.length);
    const aligned = random.chance(0.8) ? at - at % width : at;
    changeNumber(random, bytes, aligned, width, random.chance(0.9));
    return bytes;
  },
  function truncate(random, bytes) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function zeroRange(random, bytes) {
    const [start, end] = range(random, bytes, 512);
    return bytes.fill(random.pick([0, 0xff]), start, end);
  },
  function deleteRange(random, bytes) {
    const [start, end] = range(random, bytes, random.pick([8, 64, 4096]));
    return spliced(bytes, start, end, new Uint8Array(0));
  },
  function duplicateRange(random, bytes) {
    const [start, end] = range(random, bytes, random.pick([8, 64, 4096]));
    return spliced(bytes, end, end, bytes.slice(start, end));
  },
  function copyRange(random, bytes) {
    const [start, end] = range(random, bytes, 256);
    return bytes.copyWithin(random.below(bytes.length), start, end);
  },
  function insertRandom(random, bytes) {
    const at = random.below(bytes.length + 1);
    const put = Uint8Array.from({ length: 1 + random.below(32) }, () => random.below(256));
    return spliced(bytes, at, at, put);
  },
];

/**
 * Mutates bytes once.
 *
 * @param random Where the choices come from.
 * @param bytes The bytes, which may be changed.
 * @returns The mutated bytes, which may be the same array.
 */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? bytes : random.pick(MUTATIONS)(random, bytes);
}
