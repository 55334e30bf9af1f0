/**
 * The part of the fuzzer that runs what it tests, so that `fuzz.ts` can watch it from outside. A case is a number: with
 * the seed it chooses the input and the mutation.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { naming } from "../lib/cli/context.ts";
import { compileProgram, liftProgram, readProgram } from "../lib/compile.ts";
import { EpassError } from "../lib/errors.ts";
import { printModule } from "../lib/ir/print.ts";
import { describe } from "../lib/object/describe.ts";
import { printProgram } from "../lib/object/listing.ts";
import { globalData } from "../lib/vm/global_data.ts";
import { GuestMemory } from "../lib/vm/memory.ts";
import { Vm } from "../lib/vm/vm.ts";
import { Random } from "../tests/support/random.ts";
import { mutateBytes, mutateText } from "./fuzz_mutate.ts";

/** What the worker is told to do. */
export interface FuzzOrder {
  /** Files to mutate. */
  readonly files: readonly string[];
  /** The seed. */
  readonly seed: number;
  /** The first case. */
  readonly first: number;
  /** After the last case. */
  readonly end: number;
}

/** What the worker tells. */
export interface FuzzReport {
  /** Number of the case that is finished. */
  readonly number: number;
  /** The file that it mutated, and how. */
  readonly what: string;
  /** What was wrong; empty if nothing was. */
  readonly fault: string;
  /** Whether the input was taken, as opposed to refused. */
  readonly taken: boolean;
}

/** The longest that a case may take, in milliseconds. */
const TIME_LIMIT = 2000;
/** The most memory that the process may hold, in bytes. */
const MEMORY_LIMIT = 2 ** 30;

const encoder = new TextEncoder();

/** All that the library does with an input. */
function exercise(bytes: Uint8Array): void {
  const program = readProgram(bytes, { input: "fuzz" });
  describe(program);
  printProgram(program);
  const compiled = naming("fuzz", () => compileProgram(program, { check: true }));
  readProgram(compiled.bytes, { input: "fuzz, rewritten", from: program.format });
  const memory = new GuestMemory(program.order, { maximum: 1 << 24 });
  const vm = Vm.load(program, { memory, resolve: globalData(program, memory) });
  for (const { index } of program.functions.slice(0, 4)) {
    vm.run({ function: index, context: new Uint8Array(64), limit: 2000 });
  }
}

/** The mutated input of a case: the file itself, its assembly text, or its `.epir`. */
function inputOf(random: Random, file: Uint8Array): { kind: string; bytes: Uint8Array } {
  const kind = random.pick(["bytes", "bytes", "bytes", "asm", "epir"]);
  if (kind === "bytes") return { kind, bytes: mutateBytes(random, file) };
  const program = readProgram(file, { input: "fuzz" });
  const text = kind === "asm"
    ? printProgram(program, { syntax: random.pick(["pseudo-c", "mnemonic"]) })
    : printModule(liftProgram(program));
  return { kind, bytes: encoder.encode(mutateText(random, text)) };
}

/** What is wrong with an error; empty if it blames the input and says where. */
function faultOf(error: unknown): string {
  if (!(error instanceof EpassError)) {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  }
  if (Object.values(error.place).every((part) => part === undefined)) {
    return `no place: ${error.message}`;
  }
  return error.message.includes(": ") ? "" : `no state: ${error.message}`;
}

function runCase(number: number, order: FuzzOrder, contents: readonly Uint8Array[]): FuzzReport {
  const random = new Random(Math.imul(order.seed, 0x9e3779b1) + Math.imul(number, 0x85ebca6b));
  const index = random.below(contents.length);
  const { kind, bytes } = inputOf(random, contents[index]);
  const start = performance.now();
  let fault = "", taken = false;
  try {
    exercise(bytes);
    taken = true;
  } catch (error) {
    fault = faultOf(error);
  }
  const elapsed = performance.now() - start;
  if (fault === "" && elapsed > TIME_LIMIT) fault = `took ${elapsed.toFixed(0)} ms`;
  const { rss } = Deno.memoryUsage();
  if (fault === "" && rss > MEMORY_LIMIT) fault = `the process holds ${rss >> 20} MiB`;
  return { number, what: `${kind} of ${order.files[index]}`, fault, taken };
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<FuzzOrder>) => void;
  postMessage: (report: FuzzReport) => void;
};

scope.onmessage = ({ data }) => {
  const contents = data.files.map((file) => new Uint8Array(readFileSync(file)));
  for (let number = data.first; number < data.end; number++) {
    scope.postMessage(runCase(number, data, contents));
  }
};
