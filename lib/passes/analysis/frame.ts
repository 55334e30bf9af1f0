/**
 * Which values point into the function's own stack frame, and where; what calls do to it.
 *
 * Offsets are found by sweeps in reverse post order until nothing changes: a value is at a known offset, or somewhere
 * in the frame, or no frame pointer. A frame pointer that was spilled can come back from its slot, and only from there:
 * the verifier does not let it be read back from other memory, which is not assumed of the virtual machine.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";
import { reversePostOrder } from "../../ir/order.ts";
import { helperById, type HelperParam } from "../../isa/helpers.ts";
import type { PassEnvironment } from "../pass.ts";

/** Size in bytes of a frame. */
export const FRAME_BYTES = 512;

/** No frame pointer; a frame pointer at an unknown offset. Others are offsets from the frame pointer. */
const NONE = 0x7fff_ffff, SOMEWHERE = 0x7fff_fffe;

/** Bytes of the frame, as offsets from the frame pointer: from `start` to before `end`. */
export interface FrameRange {
  /** First byte. */
  readonly start: number;
  /** Behind the last byte. */
  readonly end: number;
  /** Whether they may be written; they may always be read. */
  readonly written: boolean;
}

const EVERYTHING: FrameRange = { start: -FRAME_BYTES, end: 0, written: true };
const NOTHING: readonly FrameRange[] = [];

/** Frame pointers of a function as it was when this was made. */
export class FramePointers {
  readonly #offsets: Int32Array;
  readonly #environment: PassEnvironment;
  /** Offsets of slots that hold a frame pointer at times. */
  readonly #slots = new Set<number>();
  /** A frame pointer was stored where it cannot be followed. */
  #escaped = false;

  /**
   * Finds the frame pointers.
   *
   * @param fn The function.
   * @param environment What is known of the program.
   */
  constructor(fn: IrFunction, environment: PassEnvironment) {
    this.#environment = environment;
    this.#offsets = new Int32Array(fn.valueCount).fill(NONE);
    this.#offsets[fn.frame.id] = 0;
    const order = reversePostOrder(fn);
    for (let changed = true; changed;) {
      changed = false;
      for (const block of order) {
        if (block !== fn.entry) {
          for (let i = 0; i < block.params.length; i++) {
            for (const edge of block.preds) {
              changed = this.#merge(block.params[i], this.#at(edge.args[i])) || changed;
            }
          }
        }
        for (const value of block.insns) changed = this.#visit(value) || changed;
      }
    }
  }

  /** Whether the address of the frame is somewhere that is not followed. */
  get escaped(): boolean {
    return this.#escaped;
  }

  /**
   * @param value A value.
   * @returns Whether it may point into the frame.
   */
  isFrame(value: Value): boolean {
    return this.#at(value) !== NONE;
  }

  /**
   * @param value A value.
   * @returns Its offset from the frame pointer in bytes; NaN if it is none, or at an unknown offset.
   */
  offset(value: Value): number {
    const offset = this.#at(value);
    return offset === NONE || offset === SOMEWHERE ? NaN : offset;
  }

  #at({ id }: Value): number {
    return id < this.#offsets.length ? this.#offsets[id] : NONE;
  }

  #merge({ id }: Value, offset: number): boolean {
    const known = this.#offsets[id];
    if (offset === NONE || known === offset || known === SOMEWHERE) return false;
    this.#offsets[id] = known === NONE ? offset : SOMEWHERE;
    return true;
  }

  #visit(value: Value): boolean {
    const { args, op } = value;
    switch (op) {
      case "copy":
      case "cast":
        return this.#merge(value, this.#at(args[0]));
      case "select":
        return args.slice(2).some((arg) => this.isFrame(arg)) && this.#merge(value, SOMEWHERE);
      case "alu":
        return this.#arithmetic(value);
      case "load":
        return this.#loaded(value);
      case "store":
        return this.#stored(value, args[1]);
      case "atomic":
        return args.slice(1).some((arg) => this.isFrame(arg)) && this.#escape();
      default:
        return false;
    }
  }

  #arithmetic(value: Value): boolean {
    const [a, b] = value.args;
    const left = this.#at(a), right = this.#at(b);
    if (left === NONE && right === NONE) return false;
    // The distance of two frame pointers, and what is computed from an address otherwise, is no address.
    if (value.width === 64 && value.fn === "sub" && left !== NONE && right !== NONE) return false;
    const [pointer, added] = left === NONE ? [right, a] : [left, b];
    if (value.width !== 64 || added.op !== "const" || pointer === SOMEWHERE) {
      return this.#merge(value, SOMEWHERE);
    }
    const by = Number(BigInt.asIntN(64, added.imm));
    if (Math.abs(by) > FRAME_BYTES * 2) return this.#merge(value, SOMEWHERE);
    if (value.fn === "add") return this.#merge(value, pointer + by);
    if (value.fn === "sub" && left !== NONE) return this.#merge(value, pointer - by);
    return this.#merge(value, SOMEWHERE);
  }

  #loaded(value: Value): boolean {
    if (value.size !== 8) return false;
    const [base] = value.args;
    const at = this.#at(base);
    if (this.#escaped && (at !== NONE || this.#environment.target === "vm")) {
      return this.#merge(value, SOMEWHERE);
    }
    if (at === NONE || this.#slots.size === 0) return false;
    if (at !== SOMEWHERE && !this.#slots.has(at + value.off)) return false;
    return this.#merge(value, SOMEWHERE);
  }

  #stored(value: Value, stored: Value): boolean {
    if (!this.isFrame(stored)) return false;
    const at = this.#at(value.args[0]);
    if (at === NONE || at === SOMEWHERE || value.size !== 8) return this.#escape();
    const slot = at + value.off;
    if (this.#slots.has(slot)) return false;
    this.#slots.add(slot);
    return true;
  }

  #escape(): boolean {
    if (this.#escaped) return false;
    this.#escaped = true;
    return true;
  }

  /**
   * What a call may read and write of the frame.
   *
   * @param call A `call`.
   * @returns Ranges of the frame.
   */
  touchedBy(call: Value): readonly FrameRange[] {
    const { args } = call;
    const callee = call.callee!;
    if (!args.some((arg) => this.isFrame(arg))) return NOTHING;
    // What another function does with a frame pointer, or finds behind one that was spilled, is not known.
    if (this.#escaped || callee.kind === "local" || callee.kind === "indirect") return [EVERYTHING];
    const signature = callee.kind === "helper" && this.#environment.kernelHelpers
      ? helperById(callee.id)
      : null;
    if (callee.kind === "helper" && signature === null) return [EVERYTHING];
    if (signature?.params.some(({ kind }) => kind === "function") === true) return [EVERYTHING];
    const ranges: FrameRange[] = [];
    args.forEach((arg, i) => {
      if (!this.isFrame(arg)) return;
      const start = this.offset(arg);
      if (Number.isNaN(start)) ranges.push(EVERYTHING);
      else ranges.push(rangeOf(start, signature?.params ?? [], args, i));
    });
    return ranges;
  }
}

/** What a helper does with the memory that one of its arguments points to; it only works upwards from there. */
function rangeOf(
  start: number,
  params: readonly HelperParam[],
  args: readonly Value[],
  index: number,
): FrameRange {
  const param = params[index];
  const size = params[index + 1]?.kind === "size" ? args[index + 1] : undefined;
  const sized = param?.kind === "memory" && size?.op === "const" && size.imm <= FRAME_BYTES;
  const end = sized ? start + Number(size.imm) : 0;
  return { start, end: Math.min(end, 0), written: param?.type.startsWith("const ") !== true };
}
