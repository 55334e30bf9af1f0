/**
 * Keys and values as IR: loaded once as numbers, then hashed, compared and stored as those.
 *
 * A key is loaded as words: programs put keys together from fields on the stack, and a load that is wider than the stores before
 * it waits until they have left the processor's store buffer.
 *
 * @module
 */

import type { Builder } from "../ir/builder.ts";
import type { Value } from "../ir/function.ts";
import type { Size } from "../isa/ops.ts";
import { HASH_FACTOR, HASH_SHIFT } from "./layout.ts";

/** Part of a key or value. */
export interface Piece {
  /** Its size in bytes. */
  readonly size: Size;
  /** Its offset in bytes. */
  readonly offset: number;
  /** Its bytes as a number. */
  readonly value: Value;
}

/** The largest access to a key, in bytes. */
export const KEY_ACCESS: Size = 4;

/**
 * Cuts a number of bytes into sizes of memory accesses, large ones first.
 *
 * @param bytes How many bytes.
 * @param largest The largest access in bytes.
 * @returns The sizes and offsets in bytes.
 */
export function piecesOf(
  bytes: number,
  largest: Size = 8,
): { readonly size: Size; readonly offset: number }[] {
  const pieces: { size: Size; offset: number }[] = [];
  let offset = 0;
  for (const size of [8, 4, 2, 1] as const) {
    if (size > largest) continue;
    for (; bytes - offset >= size; offset += size) pieces.push({ size, offset });
  }
  return pieces;
}

/**
 * Loads bytes.
 *
 * @param b Where.
 * @param address Their address.
 * @param bytes How many.
 * @param largest The largest access in bytes.
 * @returns The pieces.
 */
export function loadPieces(
  b: Builder,
  address: Value,
  bytes: number,
  largest: Size = 8,
): Piece[] {
  return piecesOf(bytes, largest).map(({ size, offset }) => ({
    size,
    offset,
    value: b.load(size, address, offset),
  }));
}

/**
 * Stores bytes.
 *
 * @param b Where.
 * @param pieces The bytes.
 * @param address Where they go.
 * @param offset Displacement in bytes from there.
 */
export function storePieces(
  b: Builder,
  pieces: readonly Piece[],
  address: Value,
  offset: number,
): void {
  for (const piece of pieces) b.store(piece.size, address, offset + piece.offset, piece.value);
}

/** The 32-bit words of a key, the last one filled up with zeros. */
function wordsOf(b: Builder, pieces: readonly Piece[]): Value[] {
  const words: Value[] = [];
  let tail: Value | null = null;
  for (const { size, value } of pieces) {
    if (size === 4) words.push(value);
    else if (tail === null) tail = value;
    else tail = b.alu("or", 64, tail, b.alu("lsh", 64, value, b.fn.constant(16)));
  }
  if (tail !== null) words.push(tail);
  return words;
}

/**
 * Hashes a key of a little-endian program.
 *
 * @param b Where.
 * @param pieces The key, in pieces of at most {@link KEY_ACCESS}.
 * @param keySize Its size in bytes.
 * @returns 32 bits.
 */
export function hashPieces(b: Builder, pieces: readonly Piece[], keySize: number): Value {
  const { fn } = b;
  const folded = (h: Value, shift: number): Value =>
    b.alu("xor", 32, h, b.alu("rsh", 32, h, fn.constant(shift)));
  const times = (a: Value, factor: number): Value => b.alu("mul", 32, a, fn.constant(factor));
  const words = wordsOf(b, pieces);
  let h: Value = fn.constant(keySize);
  for (let i = 0; i < words.length; i += 2) {
    h = times(b.alu("xor", 32, h, words[i]), HASH_FACTOR.first);
    if (i + 1 < words.length) h = b.alu("add", 32, h, times(words[i + 1], HASH_FACTOR.second));
    h = folded(h, HASH_SHIFT.pair);
  }
  return folded(times(h, HASH_FACTOR.end), HASH_SHIFT.end);
}

/**
 * Compares a key with bytes in memory.
 *
 * @param b Where.
 * @param pieces The key.
 * @param address Address of the bytes.
 * @param offset Displacement in bytes from there.
 * @returns 0 if they are equal.
 */
export function differenceOf(
  b: Builder,
  pieces: readonly Piece[],
  address: Value,
  offset: number,
): Value {
  const differences = pieces.map((piece) =>
    b.alu("xor", 64, b.load(piece.size, address, offset + piece.offset), piece.value)
  );
  return differences.reduce((all, one) => b.alu("or", 64, all, one));
}
