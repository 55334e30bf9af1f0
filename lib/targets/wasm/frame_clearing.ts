/**
 * Which bytes of a frame must be cleared when a function is entered: those that may be read before they are written.
 *
 * Before: 64 stores of zeros. After: none for `store.u32 fp - 4, v1; v2 = add.64 fp, -4; v3 = call 1(0xc0000000, v2)`.
 *
 * Frame pointers are followed through additions of constants into accesses and calls; a callee reads from what it is
 * given upwards. Stores in the entry block, before anything else looks at the frame, spare their bytes the clearing.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";
import { FRAME_SIZE } from "./host.ts";

/** Moves that are followed at most. */
const MOST_COPIES = 8;
/** Bytes cleared by one store. */
const WORD = 8;

/** The offset of a value from the frame pointer; NaN if it is not one that is followed. */
function offsetOf(fn: IrFunction, moved: Value): number {
  let value = moved;
  for (let i = 0; i < MOST_COPIES && value.op === "copy"; i++) value = value.args[0];
  if (value === fn.frame) return 0;
  const { op, fn: operation, width, args } = value;
  if (op !== "alu" || width !== 64 || args[0] !== fn.frame || args[1].op !== "const") return NaN;
  const by = Number(BigInt.asIntN(64, args[1].imm));
  return operation === "add" ? by : operation === "sub" ? -by : NaN;
}

/** The lowest offset that is accessed or given away; the whole frame if a pointer is not followed. */
function lowestOffset(fn: IrFunction): number {
  let lowest = 0;
  const followed = (value: Value) => !Number.isNaN(offsetOf(fn, value));
  for (const { insns, term } of fn.blocks) {
    for (const value of insns) {
      const { op, args, off } = value;
      args.forEach((arg, i) => {
        const offset = offsetOf(fn, arg);
        if (Number.isNaN(offset)) return;
        const accessed = i === 0 && (op === "load" || op === "store" || op === "atomic");
        if (accessed) lowest = Math.min(lowest, offset + off);
        else if (op === "call") lowest = Math.min(lowest, offset);
        else if (!followed(value)) lowest = -FRAME_SIZE;
      });
    }
    const leaving = [...term!.args, ...term!.edges.flatMap(({ args }) => args)];
    if (leaving.some(followed)) lowest = -FRAME_SIZE;
  }
  return Math.max(lowest, -FRAME_SIZE);
}

/** Marks the bytes that the entry block writes before anything can read them. */
function firstWrites(fn: IrFunction): Uint8Array {
  const written = new Uint8Array(FRAME_SIZE), read = new Uint8Array(FRAME_SIZE);
  for (const { op, args, off, size } of fn.entry.insns) {
    if (op === "call" || op === "packet") break;
    if (op !== "load" && op !== "store" && op !== "atomic") continue;
    const at = FRAME_SIZE + offsetOf(fn, args[0]) + off;
    if (!(at >= 0 && at + size <= FRAME_SIZE)) continue;
    if (op === "store") written.fill(1, at, at + size);
    else read.set(written.subarray(at, at + size).map((mark) => 1 - mark), at);
  }
  return written.map((mark, i) => mark & ~read[i]);
}

/**
 * The words that must be cleared.
 *
 * @param fn A valid function.
 * @returns Displacements from the frame pointer of words of 8 bytes.
 */
export function frameWordsToClear(fn: IrFunction): number[] {
  const lowest = lowestOffset(fn);
  if (lowest >= 0) return [];
  const written = firstWrites(fn);
  const words: number[] = [];
  for (let at = FRAME_SIZE + Math.floor(lowest / WORD) * WORD; at < FRAME_SIZE; at += WORD) {
    if (written.subarray(at, at + WORD).includes(0)) words.push(at - FRAME_SIZE);
  }
  return words;
}
