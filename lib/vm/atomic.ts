/**
 * Atomic instructions of the interpreter (RFC 9669 section 5.3; load-acquire and store-release: Linux 6.15). The guest
 * has one thread, so they are plain accesses whose address must be aligned.
 *
 * @module
 */

import { ATOMIC, type Size } from "../isa/ops.ts";
import { ATOMIC_OPS } from "./code.ts";
import type { Machine } from "./machine.ts";
import { GUEST_BASE, type GuestMemory } from "./memory.ts";
import { readPair, writePair } from "./register_file.ts";

/** Reads an unsigned number at an offset that is known to be good. */
function read({ view, order }: GuestMemory, at: number, size: Size): bigint {
  const little = order === "little";
  if (size === 8) return view.getBigUint64(at, little);
  if (size === 4) return BigInt(view.getUint32(at, little));
  return BigInt(size === 2 ? view.getUint16(at, little) : view.getUint8(at));
}

/** Writes the low bits of a number at an offset that is known to be good. */
function write({ view, order }: GuestMemory, at: number, size: Size, value: bigint): void {
  const little = order === "little";
  if (size === 8) view.setBigUint64(at, value, little);
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), little);
  else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), little);
  else view.setUint8(at, Number(BigInt.asUintN(8, value)));
}

/**
 * Executes an atomic instruction.
 *
 * @param machine The machine; pc is behind the instruction.
 * @param base Index in the register file of the address.
 * @param operand Index of the source operand, or of the result of a load-acquire.
 * @param displacement Displacement in bytes, biased by the base of guest memory.
 * @param extra Index in {@link ATOMIC_OPS} | size in bytes << 8.
 * @returns False after a fault.
 */
export function executeAtomic(
  machine: Machine,
  base: number,
  operand: number,
  displacement: number,
  extra: number,
): boolean {
  const { registers: r, memory } = machine;
  const fn = ATOMIC_OPS[extra & 0xff];
  const size = (extra >> 8) as Size;
  const stores = fn !== "load_acquire";
  const at = machine.place(base, displacement, size, stores);
  if (at < 0) return false;
  if ((at & size - 1) !== 0) {
    const hex = (at + GUEST_BASE).toString(16);
    return machine.stop(
      "misaligned",
      `cannot access ${size} bytes at 0x${hex} atomically: misaligned`,
    );
  }
  const row = ATOMIC[fn];
  const old = read(memory, at, size);
  if (stores) {
    const bits = size * 8;
    const source = BigInt.asUintN(bits, readPair(r, operand));
    const expected = fn === "cmpxchg" ? BigInt.asUintN(bits, readPair(r, 0)) : 0n;
    write(memory, at, size, row.eval(old, source, expected));
  }
  if (row.fetches) writePair(r, fn === "cmpxchg" ? 0 : operand, old);
  return true;
}
