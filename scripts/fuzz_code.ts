/**
 * Mutations of encoded instructions: opcodes, registers, offsets, immediates, and instructions as a whole.
 *
 * @module
 */

import type { Random } from "../tests/support/random.ts";
import { changeNumber } from "./fuzz_bytes.ts";

/** Opcodes that lead to the less travelled paths: lddw, calls, atomics, far and indirect jumps, packet loads. */
// deno-fmt-ignore
const OPCODES = [
  0x18, 0x85, 0x8d, 0x95, 0x05, 0x06, 0x0d, 0xe5, 0xdb, 0xc3, 0xd3, 0x20, 0x28, 0x40, 0x81, 0x89, 0x91, 0xbf, 0xbc,
  0xd4, 0xd7, 0xdc, 0x37, 0x97, 0x3f, 0x16, 0x1d, 0x61, 0x63, 0x79, 0x7b,
];

/**
 * Mutates an instruction, or moves instructions about, in place.
 *
 * @param random Where the choices come from.
 * @param bytes The bytes that hold the code; they are changed.
 * @param start Offset of the code in bytes.
 * @param size Size of the code in bytes.
 * @param little Byte order.
 */
export function mutateCode(
  random: Random,
  bytes: Uint8Array,
  start: number,
  size: number,
  little: boolean,
): void {
  const slots = Math.min(size, bytes.length - start) >> 3;
  if (slots < 1) return;
  const at = start + 8 * random.below(slots);
  const other = start + 8 * random.below(slots);
  switch (random.below(8)) {
    case 0:
      bytes[at] = random.chance(0.5) ? random.pick(OPCODES) : random.below(256);
      break;
    case 1:
      bytes[at + 1] = random.chance(0.5) ? random.below(256) : random.below(12) * 17;
      break;
    case 2:
      changeNumber(random, bytes, at + 2, 2, little);
      break;
    case 3:
      changeNumber(random, bytes, at + 4, 4, little);
      break;
    case 4:
      // A jump or call somewhere near, perhaps into an lddw or before the start.
      bytes[at + (little ? 2 : 3)] = random.below(256);
      bytes[at + (little ? 3 : 2)] = random.pick([0, 0, 0xff]);
      break;
    case 5:
      bytes.copyWithin(at, other, other + 8 * (1 + random.below(4)));
      break;
    case 6: {
      const held = bytes.slice(at, at + 8);
      bytes.copyWithin(at, other, other + 8);
      bytes.set(held, other);
      break;
    }
    default:
      bytes.fill(0, at, Math.min(start + 8 * slots, at + 8 * (1 + random.below(8))));
  }
}
