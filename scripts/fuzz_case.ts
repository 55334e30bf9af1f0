/**
 * A case of the fuzzer: with the seed, its number chooses the input and the mutations.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import type { CompileOptions } from "../lib/compile.ts";
import type { Format } from "../lib/object/program.ts";
import { BUDGETS } from "../tests/differential/rewritten.ts";
import { Random } from "../tests/support/random.ts";
import { mutateBytes } from "./fuzz_bytes.ts";
import { mutateCode } from "./fuzz_code.ts";
import { exerciseInput, type Outcome } from "./fuzz_exercise.ts";
import { type Inputs, type Kind, KINDS } from "./fuzz_inputs.ts";
import { mutateObject } from "./fuzz_object.ts";
import { mutateText } from "./fuzz_text.ts";

/** Which cases to run. */
export interface Cases {
  /** The seed. */
  readonly seed: number;
  /** The first case. */
  readonly first: number;
  /** After the last case. */
  readonly end: number;
  /** The only kind of input, if not all. */
  readonly kind: Kind | null;
  /** Whether to use the shared corpus. */
  readonly shared: boolean;
}

/** A mutated input. */
export interface Mutant {
  /** Its kind. */
  readonly kind: Kind;
  /** The file that it was made of. */
  readonly name: string;
  /** The format before the mutation. */
  readonly format: Format;
  /** The content. */
  readonly bytes: Uint8Array;
  /** How to compile it. */
  readonly compile: CompileOptions;
}

/** What came of a case. */
export interface CaseReport extends Outcome {
  /** Its number. */
  readonly number: number;
  /** The kind of the input. */
  readonly kind: Kind;
  /** The file that it was made of. */
  readonly name: string;
  /** How long it took in milliseconds. */
  readonly elapsed: number;
  /** The most memory that the process has held so far, in bytes. */
  readonly peak: number;
}

/** The longest that one step of a case may take, in milliseconds of processor time. */
export const TIME_LIMIT = 2000;
/** How much the memory of the process may grow, in bytes. */
export const MEMORY_LIMIT = 0x4000_0000;

/** How many mutations an input gets: mostly one, as most inputs with more are refused early. */
const MUTATIONS = [1, 1, 1, 1, 1, 1, 2, 2, 3, 8];

/** The most bytes of a mutated input. */
const MAX_SIZE = 2_000_000;

/** The usual options, or an ISA version and few registers. */
function compileOptions(random: Random): CompileOptions {
  if (random.chance(0.6)) return { check: true };
  const registers = random.pick(BUDGETS).registers;
  return { check: true, cpu: random.pick([1, 2, 3, 4] as const), registers };
}

/** One mutation of an input. */
function mutateOnce(random: Random, kind: Kind, bytes: Uint8Array): Uint8Array {
  const blind = random.chance(0.25);
  switch (kind) {
    case "object":
      return blind ? mutateBytes(random, bytes) : mutateObject(random, bytes);
    case "raw":
      if (blind) return mutateBytes(random, bytes);
      mutateCode(random, bytes, 0, bytes.length, true);
      return bytes;
    default: {
      if (random.chance(0.1)) return mutateBytes(random, bytes);
      return new TextEncoder().encode(mutateText(random, new TextDecoder().decode(bytes)));
    }
  }
}

/**
 * Makes the input of a case.
 *
 * @param inputs What to mutate.
 * @param cases Seed and kind.
 * @param number The number of the case.
 * @returns The mutated input.
 */
export function mutant(inputs: Inputs, { seed, kind: only }: Cases, number: number): Mutant {
  const random = new Random(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(number, 0x85eb_ca6b));
  const drawn = random.pick(KINDS);
  const kind = only ?? drawn;
  const { name, format, bytes } = inputs.choose(random, kind);
  const compile = compileOptions(random);
  let mutated = bytes;
  for (let n = random.pick(MUTATIONS); n > 0; n--) {
    mutated = mutateOnce(random, kind, mutated).slice(0, MAX_SIZE);
  }
  return { kind, name, format, bytes: mutated, compile };
}

/** The most memory that this process has held, in bytes. */
export function peakMemory(): number {
  try {
    const peak = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (peak !== null) return Number(peak[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return Deno.memoryUsage().rss;
}

/**
 * Runs a case.
 *
 * @param inputs What to mutate.
 * @param cases Seed and kind.
 * @param number The number of the case.
 * @returns What came of it.
 */
export function runCase(inputs: Inputs, cases: Cases, number: number): CaseReport {
  const { kind, name, format, bytes, compile } = mutant(inputs, cases, number);
  const before = peakMemory();
  const start = performance.now();
  let outcome = exerciseInput(bytes, format, compile);
  for (let tries = 1; tries < 3 && outcome.slowest.milliseconds > TIME_LIMIT; tries++) {
    outcome = exerciseInput(bytes, format, compile);
  }
  const { step, milliseconds } = outcome.slowest;
  if (milliseconds > TIME_LIMIT) {
    outcome.faults.push(`took ${milliseconds.toFixed(0)} ms to ${step}`);
  }
  const elapsed = performance.now() - start;
  const peak = peakMemory();
  if (peak - before > MEMORY_LIMIT) {
    outcome.faults.push(`took ${(peak - before) / 2 ** 20 | 0} MiB of memory`);
  }
  return { number, kind, name, ...outcome, elapsed, peak };
}
