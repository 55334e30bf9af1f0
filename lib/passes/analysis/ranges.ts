/**
 * Ranges and known bits of all values of a function.
 *
 * One forward sweep computes what follows from operations, with nothing known of what comes around a loop; a second one
 * then takes in what the first found there. Both are sound by themselves, so no fixpoint is needed. Facts are columns of
 * typed arrays by value id.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";
import { reversePostOrder } from "../../ir/order.ts";
import { Facts } from "./facts.ts";
import { transfer } from "./transfer.ts";

/** What is known of the values of a function as it was when this was made. */
export interface Ranges {
  /**
   * @param value A value.
   * @returns The least that it can be, unsigned.
   */
  min(value: Value): number;
  /**
   * @param value A value.
   * @returns The greatest that it can be, unsigned; Infinity if that is above 2^53.
   */
  max(value: Value): number;
  /**
   * @param value A value.
   * @returns The least that it can be, signed; -Infinity if that is below -2^53.
   */
  signedMin(value: Value): number;
  /**
   * @param value A value.
   * @returns The greatest that it can be, signed; Infinity if that is above 2^53.
   */
  signedMax(value: Value): number;
  /**
   * @param value A value.
   * @returns Whether its high 32 bits are zero, so that a zero extension of it is a move.
   */
  knownZeroHigh(value: Value): boolean;
  /**
   * @param value A value.
   * @returns The bits that are zero whatever the program does.
   */
  knownZeros(value: Value): bigint;
  /**
   * @param value A value.
   * @returns The bits that are one whatever the program does.
   */
  knownOnes(value: Value): bigint;
  /**
   * @param value A value.
   * @param into Takes all that is known of it.
   * @returns `into`.
   */
  facts(value: Value, into: Facts): Facts;
  /**
   * Forgets what is known of a value: for a pass that makes it another one.
   *
   * @param value A value.
   */
  forget(value: Value): void;
}

const BOUNDS = 4, BITS = 4;

class RangeAnalysis implements Ranges {
  readonly #count: number;
  readonly #bounds: Float64Array;
  readonly #bits: Int32Array;
  readonly #known: Uint8Array;
  readonly #facts = new Facts();
  readonly #a = new Facts();
  readonly #b = new Facts();

  constructor(fn: IrFunction) {
    this.#count = fn.valueCount;
    this.#bounds = new Float64Array(fn.valueCount * BOUNDS);
    this.#bits = new Int32Array(fn.valueCount * BITS);
    this.#known = new Uint8Array(fn.valueCount);
    const order = reversePostOrder(fn);
    let loops = false;
    for (const block of order) {
      for (let i = 0; i < block.params.length; i++) {
        if (block === fn.entry) this.#store(block.params[i], this.#facts.clear());
        else loops = this.#merge(block.params[i], block.preds, i) || loops;
      }
      for (const value of block.insns) this.#visit(value);
    }
    if (!loops) return;
    for (const block of order) {
      if (block !== fn.entry) {
        block.params.forEach((param, i) => this.#merge(param, block.preds, i));
      }
      for (const value of block.insns) this.#visit(value);
    }
  }

  #visit(value: Value): void {
    const { args } = value;
    if (args.length > 0) this.facts(args[0], this.#a);
    if (args.length > 1) this.facts(args[1], this.#b);
    transfer(value, this.#a, this.#b, this.#facts);
    this.#store(value, this.#facts);
  }

  /** Joins the arguments for a parameter; returns whether one is not known yet. */
  #merge(param: Value, preds: readonly { readonly args: readonly Value[] }[], i: number): boolean {
    let first = true, missing = false;
    for (const { args } of preds) {
      const arg = args[i];
      if (arg === param) continue;
      if (this.#known[arg.id] === 0 && arg.block !== null) missing = true;
      this.facts(arg, this.#a);
      if (first) this.#facts.set(this.#a);
      else this.#facts.join(this.#a);
      first = false;
    }
    if (first) this.#facts.clear();
    this.#store(param, this.#facts);
    return missing;
  }

  #store({ id }: Value, facts: Facts): void {
    const bounds = this.#bounds, bits = this.#bits;
    const at = id * BOUNDS, bit = id * BITS;
    bounds[at] = facts.min;
    bounds[at + 1] = facts.max;
    bounds[at + 2] = facts.signedMin;
    bounds[at + 3] = facts.signedMax;
    bits[bit] = facts.zeroLow;
    bits[bit + 1] = facts.zeroHigh;
    bits[bit + 2] = facts.oneLow;
    bits[bit + 3] = facts.oneHigh;
    this.#known[id] = 1;
  }

  facts(value: Value, into: Facts): Facts {
    const { id } = value;
    if (id >= this.#count || this.#known[id] === 0) {
      if (value.op !== "const") return into.clear();
      into.exactly(value.imm);
      if (id < this.#count) this.#store(value, into);
      return into;
    }
    const bounds = this.#bounds, bits = this.#bits;
    const at = id * BOUNDS, bit = id * BITS;
    into.min = bounds[at];
    into.max = bounds[at + 1];
    into.signedMin = bounds[at + 2];
    into.signedMax = bounds[at + 3];
    into.zeroLow = bits[bit];
    into.zeroHigh = bits[bit + 1];
    into.oneLow = bits[bit + 2];
    into.oneHigh = bits[bit + 3];
    return into;
  }

  forget({ id }: Value): void {
    if (id < this.#count) this.#known[id] = 0;
  }

  min(value: Value): number {
    return this.facts(value, this.#facts).min;
  }

  max(value: Value): number {
    return this.facts(value, this.#facts).max;
  }

  signedMin(value: Value): number {
    return this.facts(value, this.#facts).signedMin;
  }

  signedMax(value: Value): number {
    return this.facts(value, this.#facts).signedMax;
  }

  knownZeroHigh(value: Value): boolean {
    return this.facts(value, this.#facts).zeroHigh === -1;
  }

  knownZeros(value: Value): bigint {
    const { zeroLow, zeroHigh } = this.facts(value, this.#facts);
    return BigInt(zeroHigh >>> 0) << 32n | BigInt(zeroLow >>> 0);
  }

  knownOnes(value: Value): bigint {
    const { oneLow, oneHigh } = this.facts(value, this.#facts);
    return BigInt(oneHigh >>> 0) << 32n | BigInt(oneLow >>> 0);
  }
}

/**
 * Computes what is known of the values of a function. Nothing is known of values made later, but of constants.
 *
 * @param fn The function.
 * @returns The ranges.
 */
export function rangesOf(fn: IrFunction): Ranges {
  return new RangeAnalysis(fn);
}
