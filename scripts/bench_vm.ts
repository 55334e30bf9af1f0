/**
 * Measures the sandbox: the programs of `testdata/bench` on each engine, beside the same C compiled for the host by
 * clang -O2 where clang is there. All engines take turns in one process, warm; a row has the least time of a call in
 * any round, since other work on the machine only ever slows a call down. Results and memory are compared.
 *
 *     deno run -P=script scripts/bench_vm.ts [--rounds N] [--json] [PROGRAM...]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Vm, type VmOptions } from "../lib/vm/vm.ts";

const FOLDER = new URL("../testdata/bench/", import.meta.url);
const COMPILER = "clang-19";
/** The most instructions of a call. */
const LIMIT = 1_000_000_000;
/** Milliseconds of calls before the first measurement: time to compile optimised code. */
const WARM_UP = 800;
/** Programs that a C library does with vector instructions; the second geometric mean leaves them out. */
const VECTOR = new Set(["copy", "fill", "checksum"]);

/** Bytes of the buffer of a program. */
const sizeOf = (name: string): number => name === "copy" ? 65_536 : 16_384;

/** Engines, by the name of their column. */
const ENGINES: { readonly [name: string]: VmOptions } = {
  "wasm": { engine: "wasm" },
  "strict": { engine: "wasm", level: "strict" },
  "exact": { engine: "wasm", metering: "exact" },
  "interpreter": { engine: "interpreter" },
};

/** Engines that are measured once: what they are compared with is a hundred times faster. */
const SLOW: ReadonlySet<string> = new Set(["exact", "interpreter"]);

/** What a program returned and left in its buffer. */
interface Result {
  readonly value: bigint;
  readonly digest: number;
}

/** Something that runs one program. */
interface Runner {
  readonly name: string;
  /** Its first result. */
  readonly result: Result;
  /** The least nanoseconds of a call in a number of calls. */
  measure(calls: number): number;
}

/** A row: nanoseconds of a call by engine. */
interface Row {
  readonly program: string;
  readonly times: { readonly [name: string]: number };
}

/** The same bytes as in native.c. */
function content(size: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return new Uint8Array(size).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** The same digest as in native.c. */
function digest(bytes: Uint8Array): number {
  return bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) >>> 0, 0);
}

/** Compiles the programs for the host; null without a compiler. */
function compileNative(programs: readonly string[]): string | null {
  const target = Deno.makeTempFileSync({ prefix: "epass-bench-" });
  const args = ["-O2", "-o", target, ...programs.map((name) => `${name}.c`), "native/native.c"];
  try {
    const { success } = new Deno.Command(COMPILER, { args, cwd: FOLDER }).outputSync();
    if (success) return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.removeSync(target);
  return null;
}

function nativeRunner(executable: string, program: string): Runner {
  const call = (rounds: number): string[] => {
    const args = [program, String(sizeOf(program)), String(rounds)];
    const { success, stdout } = new Deno.Command(executable, { args }).outputSync();
    if (!success) throw new Error(`cannot run ${program} on the host`);
    return new TextDecoder().decode(stdout).trim().split(" ");
  };
  const [value, digest] = call(0);
  return {
    name: "native",
    result: { value: BigInt(value), digest: Number(digest) },
    measure: (calls) => Number(call(calls)[2]),
  };
}

function engineRunner(name: string, options: VmOptions, program: string): Runner {
  const vm = Vm.loadSync(Deno.readFileSync(new URL(`${program}.o`, FOLDER)), options);
  const context = content(sizeOf(program));
  const run = { function: `bench_${program}`, context, limit: LIMIT };
  const first = vm.run(run);
  if (first.fault !== null) throw new Error(`${program} on ${name}: ${first.fault.message}`);
  return {
    name,
    result: { value: first.returnValue, digest: digest(first.context) },
    measure(calls) {
      let best = Infinity;
      for (let i = 0; i < calls; i++) {
        const start = performance.now();
        vm.run(run);
        best = Math.min(best, performance.now() - start);
      }
      return best * 1e6;
    },
  };
}

/** Calls for a while, giving way to the compiler in the background. */
async function warmUp(runner: Runner): Promise<void> {
  const end = performance.now() + WARM_UP;
  do {
    runner.measure(1);
    await new Promise((resolve) => setTimeout(resolve, 0));
  } while (performance.now() < end);
}

/** Compares what the engines computed; throws if they differ. */
function compareResults(program: string, runners: readonly Runner[]): void {
  const [{ name: first, result: expected }] = runners;
  for (const { name, result } of runners) {
    if (result.value !== expected.value || result.digest !== expected.digest) {
      throw new Error(
        `${program}: ${name} gave ${result.value}, ${first} ${expected.value}; ` +
          `memory ${result.digest === expected.digest ? "equal" : "different"}`,
      );
    }
  }
}

async function measureProgram(
  program: string,
  executable: string | null,
  rounds: number,
): Promise<Row> {
  const runners = Object.entries(ENGINES).map(([name, options]) =>
    engineRunner(name, options, program)
  );
  if (executable !== null) runners.unshift(nativeRunner(executable, program));
  compareResults(program, runners);
  for (const runner of runners) if (!SLOW.has(runner.name)) await warmUp(runner);
  const times: { [name: string]: number } = {};
  for (let round = 0; round < rounds; round++) {
    for (const { name, measure } of runners) {
      if (SLOW.has(name) && round > 0) continue;
      times[name] = Math.min(times[name] ?? Infinity, measure(SLOW.has(name) ? 1 : 10));
    }
  }
  return { program, times };
}

/** The geometric mean of the ratios of two columns. */
function meanRatio(rows: readonly Row[], over: string, under: string): number {
  const sum = rows.reduce((sum, { times }) => sum + Math.log(times[over] / times[under]), 0);
  return Math.exp(sum / rows.length);
}

function print(rows: readonly Row[]): void {
  const names = Object.keys(rows[0].times);
  const [base] = names;
  const others = names.slice(1);
  const line = (cells: string[]) =>
    console.log(cells.map((c, i) => i === 0 ? c.padEnd(22) : c.padStart(13)).join(""));
  console.log(`microseconds of a call; times ${base}`);
  line(["program", ...names, ...others.map((name) => `${name} /`)]);
  for (const { program, times } of rows) {
    const ratios = others.map((name) => (times[name] / times[base]).toFixed(2));
    line([program, ...names.map((name) => (times[name] / 1000).toFixed(1)), ...ratios]);
  }
  const means: [string, readonly Row[]][] = [
    ["geometric mean", rows],
    ["without copy/fill/sum", rows.filter(({ program }) => !VECTOR.has(program))],
  ];
  for (const [title, some] of means) {
    if (some.length === 0) continue;
    const ratios = others.map((name) => meanRatio(some, name, base).toFixed(2));
    line([title, ...names.map(() => ""), ...ratios]);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});
const all = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((n) => n.endsWith(".c"))
  .map((name) => name.slice(0, -2)).sort();
const programs = positionals.length > 0 ? positionals : all;
const executable = compileNative(all);
const rows: Row[] = [];
for (const program of programs) {
  rows.push(await measureProgram(program, executable, Number(values.rounds)));
}
if (executable !== null) Deno.removeSync(executable);
if (values.json) console.log(JSON.stringify(rows));
else print(rows);
