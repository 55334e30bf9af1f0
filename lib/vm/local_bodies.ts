/**
 * Functions of the program as bodies to put in place of their calls: small ones that need no frame and call nothing
 * that is left, once the calls in them are inlined, too.
 *
 * What is inlined still counts as a call: where there is no frame for it, the program stops (`frames.left`), and what
 * stops in it says which function it is from (`inlinedPc`).
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { type IrFunction, Value } from "../ir/function.ts";
import { inlineCalls, inlinedPc } from "../ir/inline.ts";
import type { LiftContext } from "../lift/calls.ts";
import { liftFunction } from "../lift/lift.ts";
import { FRAMES_LEFT } from "../targets/wasm/calls.ts";
import { resolveSymbols } from "./wasm_source.ts";

/** The most instructions of a body. */
const MOST_INSTRUCTIONS = 48;
/** The most calls within each other that are inlined. */
const MOST_DEPTH = 8;
/** The most slots of a function that is looked at. */
const MOST_SLOTS = 128;

const isDepthCheck = ({ callee }: Value): boolean =>
  callee?.kind === "intrinsic" && callee.name === FRAMES_LEFT;

/** Whether a body stays within itself: no frame, no calls, no way out but its return. */
function isContained({ blocks }: IrFunction): boolean {
  let size = 0;
  for (const { insns, term } of blocks) {
    if (term!.op !== "jump" && term!.op !== "branch" && term!.op !== "return") return false;
    const args = [...term!.args, ...term!.edges.flatMap((edge) => edge.args)];
    for (const value of insns) {
      if (value.op === "packet" || value.op === "call" && !isDepthCheck(value)) return false;
      args.push(...value.args);
      size++;
    }
    if (args.some(({ op }) => op === "frame" || op === "symbol" || op === "core")) return false;
  }
  return size <= MOST_INSTRUCTIONS;
}

/** Gives a body a parameter for each register up to the last that it reads. */
function completeParams(fn: IrFunction): void {
  const { entry } = fn;
  const byRegister = new Map(entry.params.map((param) => [param.hint, param]));
  const last = Math.max(0, ...byRegister.keys());
  const builder = new Builder(fn).atEnd(entry);
  entry.params = [];
  for (let register = 1; register <= last; register++) {
    const param = byRegister.get(register);
    if (param === undefined) builder.param();
    else entry.params.push(param);
  }
}

/** Counts a body as a call, and the calls in it as calls from there. */
function countFrames(fn: IrFunction): void {
  for (const { insns } of fn.blocks) {
    for (const value of insns) {
      if (isDepthCheck(value)) value.args = [fn.constant(value.args[0].imm + 1n)];
    }
  }
  const check = new Value(fn.valueCount++, "call", [fn.constant(1)]);
  check.callee = { kind: "intrinsic", name: FRAMES_LEFT };
  check.block = fn.entry;
  fn.entry.insns.unshift(check);
}

/** Makes everything say which function it is from. */
function markOrigin(fn: IrFunction, index: number): void {
  for (const { insns, term } of fn.blocks) {
    for (const value of insns) if (value.pc >= 0) value.pc = inlinedPc(index, value.pc);
    if (term!.pc >= 0) term!.pc = inlinedPc(index, term!.pc);
  }
}

/** The bodies of one program. */
export class LocalBodies {
  readonly #context: LiftContext;
  readonly #addresses: readonly number[];
  /** By index; null while it is made, and for a function that stays. */
  readonly #bodies = new Map<number, IrFunction | null>();
  #depth = 0;

  /**
   * @param context Facts about the program.
   * @param addresses For each function its address.
   */
  constructor(context: LiftContext, addresses: readonly number[]) {
    this.#context = context;
    this.#addresses = addresses;
  }

  /**
   * The body for a call.
   *
   * @param call Any call.
   * @returns The body of the function that it calls; null to leave the call.
   */
  bodyOf({ callee }: Value): IrFunction | null {
    if (callee?.kind !== "local") return null;
    const { target } = callee;
    const known = this.#bodies.get(target);
    if (known !== undefined) return known;
    if (this.#depth === MOST_DEPTH) return null;
    this.#bodies.set(target, null);
    this.#depth++;
    const body = this.#make(target);
    this.#depth--;
    this.#bodies.set(target, body);
    return body;
  }

  #make(index: number): IrFunction | null {
    const { first, last } = this.#context.program.functions[index];
    if (last - first > MOST_SLOTS) return null;
    let fn: IrFunction;
    try {
      fn = liftFunction(this.#context.program, index, this.#context);
    } catch (error) {
      if (error instanceof UnsupportedError) return null;
      throw error;
    }
    resolveSymbols(fn, this.#addresses);
    markOrigin(fn, index);
    inlineCalls(fn, (call) => this.bodyOf(call));
    if (!isContained(fn)) return null;
    completeParams(fn);
    countFrames(fn);
    return fn;
  }
}
