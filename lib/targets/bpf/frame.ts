/**
 * Where spill slots may go: below everything that the function itself keeps on its stack.
 *
 * The program's own frame stays where it is, since pointers into it are plain arithmetic on r10. Its extent is the
 * lowest offset that a pointer derived from r10 by constants reaches. A helper that gets such a pointer works upwards
 * from it. A pointer that is changed by something unknown, is stored, or is passed to other code may reach anywhere.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";

/** Size in bytes of a stack frame (linux/filter.h MAX_BPF_STACK). */
export const FRAME_SIZE = 512;

const UNKNOWN = -FRAME_SIZE;

/** Analysis of one function: offsets from the frame pointer by value id, NaN for what is no frame pointer. */
class FrameScan {
  readonly #offset: Float64Array;
  lowest = 0;
  #changed = true;

  constructor(fn: IrFunction) {
    this.#offset = new Float64Array(fn.valueCount).fill(NaN);
    this.#offset[fn.frame.id] = 0;
    // Loops feed pointers back through parameters; each round adds pointers or meets an unknown one.
    while (this.#changed && this.lowest > UNKNOWN) {
      this.#changed = false;
      for (const block of fn.blocks) {
        for (const value of block.insns) this.#visit(value);
        for (const edge of block.succs) {
          edge.args.forEach((arg, i) => this.#derive(edge.to.params[i], this.#offset[arg.id]));
        }
      }
    }
  }

  #reach(offset: number): void {
    if (offset < this.lowest) this.lowest = Math.max(UNKNOWN, offset);
  }

  /** Records that a value may be the frame pointer plus an offset; two different ones make it unknown. */
  #derive(value: Value, offset: number): void {
    const known = this.#offset[value.id];
    if (Number.isNaN(offset) || known === offset) return;
    if (Number.isNaN(known)) this.#offset[value.id] = offset;
    else {
      this.#reach(UNKNOWN);
      return;
    }
    this.#reach(offset);
    this.#changed = true;
  }

  #visit(value: Value): void {
    const { args, op } = value;
    const base = args.length > 0 ? this.#offset[args[0].id] : NaN;
    switch (op) {
      case "copy":
        return this.#derive(value, base);
      case "alu": {
        const constant = args[1].op === "const" ? Number(BigInt.asIntN(64, args[1].imm)) : NaN;
        if (value.fn === "add" && value.width === 64 && !Number.isNaN(base + constant)) {
          return this.#derive(value, base + constant);
        }
        if (value.fn === "sub" && value.width === 64 && !Number.isNaN(base - constant)) {
          return this.#derive(value, base - constant);
        }
        return this.#escape(args);
      }
      case "load":
        if (!Number.isNaN(base)) this.#reach(base + value.off);
        return;
      case "store":
      case "atomic":
        if (!Number.isNaN(base)) this.#reach(base + value.off);
        return this.#escape(args.slice(1));
      case "call":
        // A helper's work starts at the pointer, and goes up.
        return value.callee!.kind === "helper" ? undefined : this.#escape(args);
      default:
        return this.#escape(args);
    }
  }

  #escape(args: readonly Value[]): void {
    for (const arg of args) if (!Number.isNaN(this.#offset[arg.id])) this.#reach(UNKNOWN);
  }
}

/**
 * The extent of a function's own stack use.
 *
 * @param fn The function.
 * @returns Bytes below the frame pointer that belong to the program, a multiple of 8; 512 if that is unknown.
 */
export function frameExtent(fn: IrFunction): number {
  return Math.ceil(-new FrameScan(fn).lowest / 8) * 8;
}
