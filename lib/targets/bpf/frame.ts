/**
 * Where spill slots may go: below everything that the function itself keeps on its stack.
 *
 * The program's own frame stays where it is, since pointers into it are plain arithmetic on r10. Its extent is the
 * lowest offset that a pointer derived from r10 may have. A helper that gets such a pointer works upwards from it. A
 * pointer that is stored, or passed to other code (a callback, too), or computed with in an unknown way may reach
 * anywhere.
 *
 * @module
 */

import { type Callee, type IrFunction, isLeaf, type Value } from "../../ir/function.ts";
import { helperById } from "../../isa/helpers.ts";

/** Size in bytes of a stack frame (linux/filter.h MAX_BPF_STACK). */
export const FRAME_SIZE = 512;

/** How often the bound of one value may fall before it is given up: a loop that walks down the stack. */
const PATIENCE = 8;

/** Whether a value, as a signed 64-bit number, is at least 0 whatever the program does. */
function isNonNegative(value: Value): boolean {
  switch (value.op) {
    case "const":
      return BigInt.asIntN(64, value.imm) >= 0n;
    case "zext":
      return true;
    case "load":
      return value.sign === 0 && value.size < 8;
    case "alu":
      return value.width === 32 || (value.fn === "and" && value.args.some(isNonNegativeConstant));
    default:
      return false;
  }
}

function isNonNegativeConstant(value: Value): boolean {
  return value.op === "const" && BigInt.asIntN(64, value.imm) >= 0n;
}

/** Whether a callee only works upwards from a pointer: a helper that does not hand it on to a callback. */
function worksUpwards(callee: Callee): boolean {
  if (callee.kind !== "helper") return false;
  const signature = helperById(callee.id);
  return signature === null || signature.params.every(({ kind }) => kind !== "function");
}

/** Users of each value by id; a block parameter is a user of its arguments. */
function usersOf(fn: IrFunction): Value[][] {
  const users: Value[][] = [];
  const use = (value: Value, user: Value): void => {
    if (!isLeaf(value) || value.op === "frame") (users[value.id] ??= []).push(user);
  };
  for (const block of fn.blocks) {
    for (const value of block.insns) for (const arg of value.args) use(arg, value);
    for (const { args, to } of block.succs) {
      for (let i = 0; i < args.length; i++) use(args[i], to.params[i]);
    }
  }
  return users;
}

/**
 * Analysis of one function: by value id the lowest offset from the frame pointer, NaN for what is no such pointer. Each
 * fall of a bound visits the users of the value, and bounds fall {@link PATIENCE} times at most.
 */
class FrameScan {
  readonly #bound: Float64Array;
  readonly #falls: Uint8Array;
  #lowest = 0;
  /** Values whose bound fell, in order; each is there once at a time. */
  readonly #fallen: Value[] = [];
  readonly #waiting: Uint8Array;

  constructor(fn: IrFunction) {
    const { frame } = fn;
    this.#bound = new Float64Array(fn.valueCount).fill(NaN);
    this.#falls = new Uint8Array(fn.valueCount);
    this.#waiting = new Uint8Array(fn.valueCount);
    const users = usersOf(fn);
    this.#lower(frame, 0);
    for (let i = 0; i < this.#fallen.length && this.#lowest > -FRAME_SIZE; i++) {
      const value = this.#fallen[i];
      this.#waiting[value.id] = 0;
      for (const user of users[value.id] ?? []) {
        if (user.op === "param") this.#lower(user, this.#bound[value.id]);
        else this.#visit(user);
      }
    }
  }

  get lowest(): number {
    return this.#lowest;
  }

  #reach(offset: number): void {
    if (offset < this.#lowest) this.#lowest = Math.max(-FRAME_SIZE, offset);
  }

  #giveUp(): void {
    this.#reach(-FRAME_SIZE);
  }

  /** Records that a value may be a frame pointer at or above an offset. */
  #lower(value: Value, offset: number): void {
    const known = this.#bound[value.id];
    if (Number.isNaN(offset) || known <= offset) return;
    if (++this.#falls[value.id] > PATIENCE) return this.#giveUp();
    this.#bound[value.id] = offset;
    this.#reach(offset);
    if (this.#waiting[value.id] !== 0) return;
    this.#waiting[value.id] = 1;
    this.#fallen.push(value);
  }

  #visit(value: Value): void {
    const { args, op } = value;
    const base = args.length > 0 ? this.#bound[args[0].id] : NaN;
    switch (op) {
      case "copy":
        return this.#lower(value, base);
      case "alu":
        return this.#arithmetic(value, base);
      case "load":
        return this.#reach(base + value.off);
      case "store":
      case "atomic":
        this.#reach(base + value.off);
        return this.#escape(args.slice(1));
      case "call":
        return worksUpwards(value.callee!) ? undefined : this.#escape(args);
      default:
        return this.#escape(args);
    }
  }

  #arithmetic(value: Value, base: number): void {
    const [a, b] = value.args;
    const other = this.#bound[b.id];
    if (Number.isNaN(base) && Number.isNaN(other)) return;
    if (value.width === 64 && value.fn === "add") {
      const [pointer, added] = Number.isNaN(base) ? [other, a] : [base, b];
      if (added.op === "const") {
        return this.#lower(value, pointer + Number(BigInt.asIntN(64, added.imm)));
      }
      if (isNonNegative(added)) return this.#lower(value, pointer);
    }
    if (value.width === 64 && value.fn === "sub" && b.op === "const") {
      return this.#lower(value, base - Number(BigInt.asIntN(64, b.imm)));
    }
    this.#giveUp();
  }

  #escape(args: readonly Value[]): void {
    for (const arg of args) if (!Number.isNaN(this.#bound[arg.id])) this.#giveUp();
  }
}

/**
 * The extent of a function's own stack use.
 *
 * @param fn The function.
 * @returns Bytes below the frame pointer that belong to the program, a multiple of 8; 512 if that is unknown.
 */
export function frameExtent(fn: IrFunction): number {
  return Math.ceil(Math.abs(new FrameScan(fn).lowest) / 8) * 8;
}
