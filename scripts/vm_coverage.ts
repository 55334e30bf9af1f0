/**
 * The programs of the corpus that the kernel accepts, in the sandbox: how many load and run to their end on a made-up
 * input, and what stops the others, by number of programs. `--calls` lists the helpers and kfuncs that they call.
 *
 * `deno run -P=script scripts/vm_coverage.ts [--engine E] [--level L] [--calls] [--verbose] [FILTER...]`
 *
 * @module
 */

import { parseArgs } from "node:util";
import { EpassError } from "../lib/errors.ts";
import { Random, randomFrame } from "../lib/random_input.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Program } from "../lib/object/program.ts";
import { type EngineName, ENGINES } from "../lib/vm/engine.ts";
import { calledFunctions, isSupported } from "../lib/vm/helpers/registry.ts";
import { MissingHelpersError } from "../lib/vm/load.ts";
import type { MemoryLevel } from "../lib/vm/memory.ts";
import { type RunResult, Vm } from "../lib/vm/vm.ts";
import { CORPUS, dumpRows, functionOf, objectRows, type Row } from "./kernel_rows.ts";

/** The least share of the programs that must run. */
const TARGET = 0.8;
/** Arguments of a traced function: as many as calling conventions pass in registers. */
const ARGUMENTS = 5;
/** Bytes of the object that arguments point to. */
const OBJECT_SIZE = 1 << 16;
/** Most instructions of a run. */
const LIMIT = 20_000_000;

const { values: flags, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    engine: { type: "string", default: ENGINES[0] },
    level: { type: "string", default: "sandbox" },
    calls: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

/** Counts by name. */
class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  print(title: string): void {
    if (this.#counts.size > 0) console.log(`${title}:`);
    const rows = [...this.#counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    for (const [name, count] of rows) console.log(String(count).padStart(5), name);
  }
}

/** The address of an object whose every field points to it, so that a walk from field to field goes on. */
function endlessObject({ memory }: Vm): bigint {
  const region = memory.allocate("the arguments", OBJECT_SIZE);
  const words = memory.contents(region);
  const view = new DataView(words.buffer, words.byteOffset);
  for (let at = 0; at < OBJECT_SIZE; at += 8) {
    view.setBigUint64(at, BigInt(region.address), memory.order === "little");
  }
  return BigInt(region.address);
}

/** Loads a program and runs it on a made-up input. */
function runProgram(program: Program, row: Row): RunResult {
  const { name } = functionOf(program, row.program);
  const vm = Vm.loadSync(program, {
    engine: flags.engine as EngineName,
    level: flags.level as MemoryLevel,
    programs: [name],
    type: row.options.type,
    file: row.options.file ?? undefined,
    cpus: 2,
    limit: LIMIT,
    kconfig: { CONFIG_BPF_SYSCALL: "y", CONFIG_DEFAULT_HOSTNAME: "epass" },
    ksyms: new Proxy({}, { get: () => 0n }),
  });
  const found = vm.program(name);
  const packet = randomFrame(new Random(7));
  const isTraced = /^(?:kprobe|tracing|lsm|ext|struct_ops|raw_tracepoint)/.test(found.type);
  if (!isTraced) return found.run({ packet });
  return found.run({ args: new Array(ARGUMENTS).fill(endlessObject(vm)) });
}

const failures = new Counts(), missing = new Counts(), calls = new Counts();
const loaded = new Map<string, Program>();
let programs = 0, ended = 0;
for (const row of [...objectRows(), ...dumpRows()]) {
  const name = `${row.input} ${row.program}`;
  if (positionals.length > 0 && !positionals.some((filter) => name.includes(filter))) continue;
  let program = loaded.get(row.input);
  if (program === undefined) {
    program = loadProgram(Deno.readFileSync(`${CORPUS}/${row.input}`));
    loaded.set(row.input, program);
  }
  for (const called of calledFunctions(program, [functionOf(program, row.program)])) {
    calls.add(`${called.kind} ${called.name}${isSupported(called) ? "" : " (missing)"}`);
  }
  programs++;
  let failure = "";
  try {
    const { fault } = runProgram(program, row);
    if (fault !== null) failure = `fault ${fault.kind}: ${fault.message}`;
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    failure = error.message;
    if (error instanceof MissingHelpersError) {
      for (const { kind, name } of error.missing) missing.add(`${kind} ${name}`);
    }
  }
  if (failure === "") {
    ended++;
    continue;
  }
  if (flags.verbose) console.log(`${name}: ${failure}`);
  failures.add(failure.replace(/0x[0-9a-f]+/g, "0x…").replace(/\b\d+\b/g, "N"));
}
if (flags.calls) calls.print("called");
missing.print("missing helpers and kfuncs, by number of programs");
failures.print("programs that do not run to their end");
const share = ended / programs;
console.log(
  `${ended} of ${programs} programs load and run to their end (${(100 * share).toFixed(1)}%)`,
);
Deno.exit(share >= TARGET || positionals.length > 0 ? 0 : 1);
