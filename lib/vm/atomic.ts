/**
 * Atomic instructions of the interpreter (RFC 9669 section 5.3; load-acquire and store-release: Linux 6.15). The guest
 * has one thread, so they are plain accesses whose address must be aligned.
 *
 * @module
 */

import { ATOMIC, type Size } from "../isa/ops.ts";
import { ATOMIC_OPS } from "./code.ts";
import { GuestFault } from "./fault.ts";
import { readPair, writePair } from "./register_file.ts";
import type { Machine } from "./machine.ts";
import { GUEST_BASE } from "./memory.ts";

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
  const address = BigInt.asUintN(64, readPair(r, base) + BigInt(displacement + GUEST_BASE));
  const reads = fn !== "store_release", writes = fn !== "load_acquire";
  try {
    memory.check(address, size, writes);
  } catch (error) {
    if (error instanceof GuestFault) return machine.stop(error.kind, error.message);
    throw error;
  }
  if (address % BigInt(size) !== 0n) {
    return machine.stop(
      "misaligned",
      `cannot access ${size} bytes at 0x${address.toString(16)} atomically: misaligned`,
    );
  }
  const bits = size * 8;
  const old = reads ? memory.load(address, size) : 0n;
  const source = BigInt.asUintN(bits, readPair(r, operand));
  const expected = BigInt.asUintN(bits, readPair(r, 0));
  if (writes) memory.store(address, size, ATOMIC[fn].eval(old, source, expected));
  if (ATOMIC[fn].fetches) writePair(r, fn === "cmpxchg" ? 0 : operand, old);
  return true;
}
