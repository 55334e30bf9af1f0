/**
 * Map operations per second of the sandbox beside the kernel's: programs that do 4,096 operations in a loop, run by
 * BPF_PROG_TEST_RUN and by each engine, best of several. Needs root for the kernel's column.
 *
 * `deno run -P=script --allow-ffi --allow-sys scripts/bench_maps.ts [--json]`
 *
 * @module
 */

import { parseArgs } from "node:util";
import { helperByName } from "../lib/isa/helpers.ts";
import { Kernel } from "../lib/kernel/kernel.ts";
import { buffer } from "../lib/kernel/native.ts";
import { loadProgram } from "../lib/object/load.ts";
import { type MapFile, parseMapFile } from "../lib/object/map_file.ts";
import type { Program } from "../lib/object/program.ts";
import { type EngineName, ENGINES } from "../lib/vm/engine.ts";
import { Vm } from "../lib/vm/vm.ts";

/** Operations of a run. */
const OPERATIONS = 4096;
/** Different keys. */
const KEYS = 1024;
/** Runs of each row, of which the fastest counts: other work on the machine then matters little. */
const RUNS = 1500;

/** What a program does in its loop; r6 counts. */
interface Row {
  readonly name: string;
  readonly map: Readonly<Record<string, unknown>>;
  /** Text of the loop's body, with the key's low word at r10 - 64 and a value at r10 - 128. */
  readonly body: readonly string[];
}

const call = (name: string): string => `call 0x${helperByName(name)!.id.toString(16)}`;
const MAP = "lddw %r1, map_fd 0x3";
const KEY = ["mov %r2, %r10", "add %r2, -64"];
const VALUE = ["mov %r3, %r10", "add %r3, -128"];
const LOOKUP = [MAP, ...KEY, call("map_lookup_elem"), "jeq %r0, 0, +2"];
const SUM = ["ldxdw %r1, [%r0+0]", "add %r7, %r1"];
const UPDATE = [MAP, ...KEY, ...VALUE, "mov %r4, 0", call("map_update_elem")];
const DELETE = [MAP, ...KEY, call("map_delete_elem")];

const elements = (type: string, key: number, more: Readonly<Record<string, unknown>> = {}) => ({
  type,
  key,
  value: 8,
  entries: KEYS,
  ...more,
});

const ROWS: readonly Row[] = [
  { name: "array lookup", map: elements("array", 4), body: [...LOOKUP, ...SUM] },
  { name: "percpu_array lookup", map: elements("percpu_array", 4), body: [...LOOKUP, ...SUM] },
  { name: "hash lookup, key 4", map: elements("hash", 4), body: [...LOOKUP, ...SUM] },
  { name: "hash lookup, key 8", map: elements("hash", 8), body: [...LOOKUP, ...SUM] },
  { name: "hash lookup, key 16", map: elements("hash", 16), body: [...LOOKUP, ...SUM] },
  { name: "hash lookup, key 40", map: elements("hash", 40), body: [...LOOKUP, ...SUM] },
  { name: "lru_hash lookup, key 4", map: elements("lru_hash", 4), body: [...LOOKUP, ...SUM] },
  { name: "array update", map: elements("array", 4), body: UPDATE },
  { name: "hash update, key 4", map: elements("hash", 4), body: UPDATE },
  { name: "hash update, key 16", map: elements("hash", 16), body: UPDATE },
  { name: "hash delete + update", map: elements("hash", 4), body: [...DELETE, ...UPDATE] },
  {
    name: "lpm_trie lookup",
    map: elements("lpm_trie", 8, { flags: ["no_prealloc"] }),
    body: ["mov %r1, 32", "stxw [%r10-64], %r1", "stxw [%r10-60], %r8", ...LOOKUP, ...SUM],
  },
];

/** The program of a row. */
function programOf({ body }: Row): Program {
  const zeros = Array.from({ length: 16 }, (_, i) => `stxdw [%r10-${8 * (i + 1)}], %r6`);
  const loop = ["mov %r8, %r6", `and %r8, ${KEYS - 1}`, "stxw [%r10-64], %r8", ...body];
  const slots = loop.reduce((sum, line) => sum + (line.startsWith("lddw") ? 2 : 1), 0);
  const end = ["add %r6, 1", `jlt %r6, ${OPERATIONS}, -${slots + 2}`, "mov %r0, %r7", "exit", ""];
  const lines = ["mov %r6, 0", "mov %r7, 0", ...zeros, ...loop, ...end];
  return loadProgram(new TextEncoder().encode(lines.join("\n")), { from: "asm" });
}

const fileOf = ({ map }: Row): MapFile =>
  parseMapFile(JSON.stringify({ program: { type: "xdp", license: "GPL" }, maps: { 3: map } }));

/** The keys that the program looks up. */
function* keysOf({ map }: Row): Generator<Uint8Array<ArrayBuffer>> {
  for (let i = 0; i < KEYS; i++) {
    const key = buffer(Number(map.key));
    const view = new DataView(key.buffer, key.byteOffset);
    const isTrie = map.type === "lpm_trie";
    if (isTrie) view.setUint32(0, 32, true);
    view.setUint32(isTrie ? 4 : 0, i, true);
    yield key;
  }
}

/** Nanoseconds of an operation, given those of one run. */
function best(runs: number, run: () => number): number {
  return Math.min(...Array.from({ length: runs }, run)) / OPERATIONS;
}

function inKernel(kernel: Kernel, row: Row): number {
  const program = programOf(row);
  const { verdict, loaded } = kernel.load(program, program.functions[0], { file: fileOf(row) });
  if (loaded === null) throw new Error(`${row.name}: ${verdict.reason}`);
  try {
    const processors = kernel.native.possibleProcessors();
    const { maps, programs } = kernel.bpf;
    const value = buffer(8 * (`${row.map.type}`.startsWith("percpu") ? processors : 1));
    for (const key of keysOf(row)) maps.update(loaded.maps[0].fd, key, value);
    const request = { data: buffer(64), context: null, repeat: 1, outputSize: 256 };
    return best(RUNS, () => {
      const result = programs.testRun(loaded.fd, request);
      if (typeof result === "number") throw new Error(`${row.name}: ${result}`);
      return result.duration;
    });
  } finally {
    loaded.close();
  }
}

function inSandbox(row: Row, engine: EngineName): number {
  const vm = Vm.loadSync(programOf(row), { file: fileOf(row), engine });
  const { map } = vm.map("map_3");
  for (const key of keysOf(row)) map.write(key, new Uint8Array(8 * map.copies));
  const program = vm.program();
  const packet = new Uint8Array(64);
  return best(engine === "interpreter" ? 10 : RUNS, () => {
    const start = performance.now();
    const { fault } = program.run({ packet });
    if (fault !== null) throw new Error(`${row.name}: ${fault.message}`);
    return (performance.now() - start) * 1e6;
  });
}

/** The kernel, or null where there is none to ask. */
function openKernel(): Kernel | null {
  try {
    return new Kernel();
  } catch {
    return null;
  }
}

const { values } = parseArgs({ args: Deno.args, options: { json: { type: "boolean" } } });
const kernel = openKernel();
const results: Record<string, Record<string, number>> = {};
const ratios: Record<string, number[]> = {};
if (!values.json) {
  console.log(
    `${"ns an operation".padEnd(26)}${["kernel", ...ENGINES].map((n) => n.padStart(14)).join("")}`,
  );
}
for (const row of ROWS) {
  const times: Record<string, number> = {};
  if (kernel !== null) times.kernel = inKernel(kernel, row);
  for (const engine of ENGINES) times[engine] = inSandbox(row, engine);
  results[row.name] = times;
  for (const engine of ENGINES) {
    if (times.kernel !== undefined) (ratios[engine] ??= []).push(times[engine] / times.kernel);
  }
  const cells = ["kernel", ...ENGINES].map((name) => (times[name]?.toFixed(1) ?? "-").padStart(14));
  if (!values.json) console.log(`${row.name.padEnd(26)}${cells.join("")}`);
}
kernel?.close();
const mean = (list: readonly number[]): number =>
  Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length);
if (values.json) console.log(JSON.stringify(results, null, 2));
else {
  for (const [engine, list] of Object.entries(ratios)) {
    console.log(`${engine}: ${mean(list).toFixed(2)} × the kernel's time, geometric mean`);
  }
}
