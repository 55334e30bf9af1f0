/**
 * Mutations of inputs: bytes flipped and cut, tables given absurd counts and offsets, lines and numbers of texts moved
 * and replaced. The same seed gives the same mutation.
 *
 * @module
 */

import type { Random } from "../tests/support/random.ts";

/** Numbers that sizes, counts and offsets rarely survive. */
const ABSURD = [
  0,
  1,
  7,
  8,
  0xff,
  0xffff,
  0x1_0000,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_fff8,
  0xffff_ffff,
];
const ABSURD_WORDS = [
  "0",
  "-1",
  "0x7fffffff",
  "4294967296",
  "0xffffffffffffffff",
  "18446744073709551616",
  "99999999999999999999999999999999",
  "r10",
  "w11",
  "v4294967295",
  "b99999999",
  "%r9",
  '"',
  "(",
  "#",
  "goto",
  "\u0000",
  "é",
];

function flipBits(random: Random, bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  for (let n = 1 + random.below(8); n > 0; n--) {
    changed[random.below(changed.length)] ^= 1 << random.below(8);
  }
  return changed;
}

/** Writes an absurd 16-, 32- or 64-bit number at an aligned place. */
function absurdNumber(random: Random, bytes: Uint8Array, from: number, to: number): Uint8Array {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  const at = from + random.below(Math.max(1, to - from - 8));
  const value = random.chance(0.5) ? random.pick(ABSURD) : bytes.length + random.below(17) - 8;
  if (at + 8 > changed.length) return changed;
  switch (random.below(3)) {
    case 0:
      view.setUint16(at & ~1, value, true);
      break;
    case 1:
      view.setUint32(at & ~3, value, true);
      break;
    default:
      view.setBigUint64(at & ~7, BigInt(value) << BigInt(random.pick([0, 0, 29, 32])), true);
  }
  return changed;
}

/** Changes the ELF header or a section header: all that a reader trusts first. */
function breakTables(random: Random, bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46) {
    return absurdNumber(random, bytes, 0, bytes.length);
  }
  const table = Number(view.getBigUint64(40, true));
  const inside = table > 0 && table + 64 < bytes.length;
  return inside && random.chance(0.8)
    ? absurdNumber(random, bytes, table, bytes.length)
    : absurdNumber(random, bytes, 0, 64);
}

function truncate(random: Random, bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, random.below(bytes.length));
}

/** Copies a range over another place. */
function copyRange(random: Random, bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  const from = random.below(bytes.length), length = 1 + random.below(256);
  changed.set(
    bytes.subarray(from, from + length).slice(0, bytes.length - from),
    0 + random.below(from + 1),
  );
  return changed;
}

function zeroRange(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  return bytes.slice().fill(random.pick([0, 0xff]), at, at + 1 + random.below(512));
}

const BINARY = [
  flipBits,
  flipBits,
  breakTables,
  breakTables,
  breakTables,
  truncate,
  copyRange,
  zeroRange,
];

/** Replaces a word of a line. */
function changeWord(random: Random, line: string): string {
  const words = [...line.matchAll(/[\w.]+/g)];
  if (words.length === 0) return line;
  const { index, 0: word } = random.pick(words);
  const other = random.chance(0.5) ? random.pick(ABSURD_WORDS) : random.pick(words)[0];
  return line.slice(0, index) + other + line.slice(index + word.length);
}

/**
 * Mutates a text: words, lines and characters.
 *
 * @param random Where the choices come from.
 * @param text The text.
 * @returns A text that differs in most cases.
 */
export function mutateText(random: Random, text: string): string {
  const lines = text.split("\n");
  for (let n = 1 + random.below(4); n > 0; n--) {
    const i = random.below(lines.length);
    switch (random.below(7)) {
      case 0:
        lines.splice(i, 1 + random.below(4));
        if (lines.length === 0) lines.push("");
        break;
      case 1:
        lines.splice(i, 0, random.pick(lines));
        break;
      case 2:
        lines[i] = lines[i].slice(0, random.below(lines[i].length + 1));
        break;
      case 3:
        lines[i] += lines[i].repeat(random.below(50));
        break;
      default:
        lines[i] = changeWord(random, lines[i]);
    }
  }
  return lines.join("\n");
}

/**
 * Mutates bytes.
 *
 * @param random Where the choices come from.
 * @param bytes The bytes.
 * @returns Bytes that differ in most cases.
 */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let changed = bytes;
  for (let n = random.pick([1, 1, 1, 2, 3]); n > 0 && changed.length > 0; n--) {
    changed = random.pick(BINARY)(random, changed);
  }
  return changed;
}
