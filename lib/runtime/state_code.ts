/**
 * Clocks, random numbers and the identity of the task as IR: what the sandbox keeps of them in guest memory, and the helpers that
 * read it.
 *
 * ```text
 * +0  CLOCK_MONOTONIC at the next reading, nanoseconds    +8  process and thread id    +16  group and user id
 * +24 the four words of the generator of random numbers
 * ```
 *
 * Numbers are in the byte order of the program. A program may overwrite them; it then finds what it wrote.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { IrFunction, type Value } from "../ir/function.ts";

/** Offsets of the state, and its size, in bytes. */
export const STATE = { now: 0, pidTgid: 8, uidGid: 16, random: 24, size: 40 } as const;

/** Begins a function without parameters that works on the state. */
function begin(name: string, address: number): { b: Builder; state: Value } {
  const fn = new IrFunction(name);
  return { b: new Builder(fn).atEnd(fn.newBlock()), state: fn.constant(address) };
}

/** How a clock is made of CLOCK_MONOTONIC: `(now / tick) * scale + ahead`, all in nanoseconds but for the scale. */
export interface ClockForm {
  /** How far CLOCK_MONOTONIC moves with each reading. */
  readonly step: bigint;
  /** Time between two ticks of the clock. */
  readonly tick: bigint;
  /** What a tick counts. */
  readonly scale: bigint;
  /** How far the clock is ahead. */
  readonly ahead: bigint;
}

/**
 * Makes the reading of a clock, which moves it on.
 *
 * @param address Address of the state.
 * @param form How the clock is made.
 * @returns A function without parameters.
 */
export function clockReading(address: number, form: ClockForm): IrFunction {
  const { b, state } = begin("clock_reading", address);
  const by = (fn: "add" | "mul" | "div", value: Value, number: bigint, idle: bigint): Value =>
    number === idle ? value : b.alu(fn, 64, value, b.fn.constant(number));
  const now = b.load(8, state, STATE.now);
  b.store(8, state, STATE.now, by("add", now, form.step, 0n));
  const ticks = by("div", now, form.tick, 1n);
  b.ret(by("add", by("mul", ticks, form.scale, 1n), form.ahead, 0n));
  return b.fn;
}

/**
 * Makes the reading of a number of the state.
 *
 * @param address Address of the state.
 * @param offset Offset of the number, 8 bytes.
 * @returns A function without parameters.
 */
export function stateNumber(address: number, offset: number): IrFunction {
  const { b, state } = begin("state_number", address);
  b.ret(b.load(8, state, offset));
  return b.fn;
}

/** A 32-bit number, rotated. */
function rotated(b: Builder, value: Value, bits: number): Value {
  const high = b.alu("lsh", 32, value, b.fn.constant(bits));
  return b.alu("or", 32, high, b.alu("rsh", 32, value, b.fn.constant(32 - bits)));
}

/**
 * Makes the generator of random numbers (xoshiro128**).
 *
 * @param address Address of the state.
 * @returns A function without parameters.
 */
export function randomNumber(address: number): IrFunction {
  const { b, state } = begin("random_number", address);
  const xor = (x: Value, y: Value): Value => b.alu("xor", 32, x, y);
  const scaled = (x: Value, factor: number): Value => b.alu("mul", 32, x, b.fn.constant(factor));
  const [s0, s1, s2, s3] = [0, 4, 8, 12].map((at) => b.load(4, state, STATE.random + at));
  const number = scaled(rotated(b, scaled(s1, 5), 7), 9);
  const third = xor(s2, s0), fourth = xor(s3, s1);
  const next = [
    xor(s0, fourth),
    xor(s1, third),
    xor(third, b.alu("lsh", 32, s1, b.fn.constant(9))),
    rotated(b, fourth, 11),
  ];
  next.forEach((word, i) => b.store(4, state, STATE.random + 4 * i, word));
  b.ret(number);
  return b.fn;
}
