/**
 * Every program of the corpus that the kernel can run, in the kernel and on each engine of the sandbox, on the same random
 * inputs: return value, output packet and map contents. The original runs twice in the kernel; where it differs from
 * itself (time, random numbers, addresses), nothing is concluded. Needs root and libbpf, and all permissions to read /proc.
 *
 * `deno run -A scripts/vm_kernel.ts [--count N] [--seed S] [--engine E] [--verbose] [FILTER...]`
 *
 * @module
 */

import { parseArgs } from "node:util";
import { concatBytes, equalBytes } from "../lib/bytes.ts";
import { EpassError } from "../lib/errors.ts";
import type { TestRunResult } from "../lib/kernel/bpf_programs.ts";
import { type RunKind, runKind } from "../lib/kernel/differential.ts";
import type { Kernel, KernelLoadOptions } from "../lib/kernel/kernel.ts";
import type { LoadedMap, LoadedProgram } from "../lib/kernel/loaded.ts";
import { readMap } from "../lib/kernel/map_contents.ts";
import { buffer, errnoName } from "../lib/kernel/native.ts";
import { Random, randomFrame } from "../lib/random_input.ts";
import { loadProgram } from "../lib/object/load.ts";
import { mapTypeName } from "../lib/object/kernel_names.ts";
import type { Program, ProgramFunction } from "../lib/object/program.ts";
import { type EngineName, ENGINES } from "../lib/vm/engine.ts";
import { MissingHelpersError } from "../lib/vm/load.ts";
import { specialFields } from "../lib/vm/maps/fields.ts";
import type { GuestMap } from "../lib/vm/maps/map.ts";
import { type RunResult, Vm, type VmProgram } from "../lib/vm/vm.ts";
import { kernelConfiguration, symbolsOf } from "./kernel_facts.ts";
import { CORPUS, dumpRows, functionOf, objectRows, openKernel, type Row } from "./kernel_rows.ts";
import { summaryLine } from "./tally.ts";

/** Bytes of output to take. */
const OUTPUT_SIZE = 4096;
/** Bytes of the context of a system call program. */
const CONTEXT_SIZE = 256;
/** Registers of a raw tracepoint's arguments. */
const ARGUMENTS = 12;
/** Elements that a map is seeded with. */
const SEEDED_ELEMENTS = 16;
const NOTHING = new Uint8Array(0);
/** Bytes of an Ethernet header. */
const ETHERNET = 14;
/** Types whose output has zeros in place of the Ethernet header (bpf_prog_test_run_skb). */
const HEADERLESS: ReadonlySet<string> = new Set([
  "socket_filter",
  "cgroup_skb",
  "lwt_in",
  "lwt_out",
  "lwt_xmit",
]);
/** Programs that return part of an address. */
const RETURN_ADDRESSES: ReadonlySet<string> = new Set(["first_entry", "second_entry"]);
/** Programs that read pages which their arena does not have: zeros in the kernel, a fault here. */
const MISSES_PAGES: ReadonlySet<string> = new Set(["arena_htab_llvm"]);
/** Fields in which the kernel shows its own addresses to the world outside. */
const SHOW_ADDRESSES: ReadonlySet<string> = new Set(["list", "tree"]);
/** Map types that are seeded and compared. */
const COMPARED: ReadonlySet<string> = new Set(
  ["hash", "array", "percpu_hash", "percpu_array", "lru_hash", "lru_percpu_hash", "lpm_trie"],
);

const { values: flags, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    engine: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const count = Number(flags.count), seed = Number(flags.seed);
const engines = ENGINES.filter((name) => flags.engine === undefined || flags.engine === name);

/** A random input. */
interface Input {
  readonly packet: Uint8Array<ArrayBuffer> | null;
  readonly context: Uint8Array<ArrayBuffer> | null;
}

/** A program of the sandbox, beside the kernel's. */
interface Side {
  readonly engine: EngineName;
  readonly vm: Vm;
  readonly program: VmProgram;
}

/** What a comparison found. */
interface Found {
  runs: number;
  unstable: number;
  maps: number;
  readonly differences: string[];
}

function randomInput(kind: RunKind, random: Random): Input {
  if (kind === "packet") return { packet: randomFrame(random), context: null };
  return {
    packet: null,
    context: random.bytes(kind === "arguments" ? 8 * ARGUMENTS : CONTEXT_SIZE),
  };
}

function runInKernel(
  kernel: Kernel,
  fd: number,
  { packet, context }: Input,
): TestRunResult | number {
  const copy = context === null ? null : buffer(context.length);
  copy?.set(context!);
  const result = kernel.bpf.programs.testRun(fd, {
    data: packet,
    context: copy,
    repeat: packet === null ? 0 : 1,
    outputSize: packet === null ? 0 : OUTPUT_SIZE,
  });
  return typeof result === "number" || copy === null ? result : { ...result, context: copy };
}

function runInSandbox({ program }: Side, kind: RunKind, { packet, context }: Input): RunResult {
  if (kind === "packet") return program.run({ packet: packet! });
  if (kind === "context") return program.run({ ctx: context! });
  const view = new DataView(context!.buffer);
  return program.run({
    args: Array.from({ length: ARGUMENTS }, (_, i) => view.getBigUint64(8 * i, true)),
  });
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The first byte in which two outputs differ, in words. */
function bytesDifference(kernel: Uint8Array, sandbox: Uint8Array): string {
  const at = kernel.findIndex((byte, i) => byte !== sandbox[i]);
  const from = at < 0 ? Math.min(kernel.length, sandbox.length) : at;
  const excerpt = (bytes: Uint8Array) => hex(bytes.subarray(from, from + 8));
  return `${kernel.length} and ${sandbox.length} bytes, at ${from} ${excerpt(kernel)} and ${
    excerpt(sandbox)
  }`;
}

/** How two runs in the kernel differ; empty if they do not. */
function instability(a: TestRunResult | number, b: TestRunResult | number): boolean {
  if (typeof a === "number" || typeof b === "number") return a !== b;
  return a.returnValue !== b.returnValue || !equalBytes(a.data, b.data) ||
    !equalBytes(a.context, b.context);
}

/** How a run in the sandbox differs from the kernel's; empty if it does not. */
function difference(type: string, kind: RunKind, kernel: TestRunResult, run: RunResult): string {
  if (run.fault !== null) return `fault ${run.fault.kind} at ${run.fault.pc}: ${run.fault.message}`;
  const value = Number(BigInt.asUintN(32, run.returnValue));
  if (value !== kernel.returnValue) return `return value ${kernel.returnValue}, not ${value}`;
  if (kind === "context" && !equalBytes(kernel.context, run.context)) {
    return `context ${bytesDifference(kernel.context, run.context)}`;
  }
  if (kind !== "packet" || type === "flow_dissector") return "";
  const skip = HEADERLESS.has(type) ? ETHERNET : 0;
  const whole = concatBytes([type === "xdp" ? run.meta : NOTHING, run.packet ?? NOTHING]);
  const sandbox = whole.subarray(skip);
  const output = kernel.data.subarray(skip);
  if (equalBytes(output, sandbox)) return "";
  return `packet ${bytesDifference(output, sandbox)}`;
}

/** The name of a map in the sandbox: libbpf puts that of the object before those of data sections. */
const nameInSandbox = ({ name }: LoadedMap): string => name.replace(/^epass(?=\.)/, "");

/** The maps of the kernel that a sandbox has, too. */
function sharedMaps({ maps }: LoadedProgram, { vm }: Side): [LoadedMap, GuestMap][] {
  const pairs: [LoadedMap, GuestMap][] = [];
  for (const map of maps) {
    if (!COMPARED.has(mapTypeName(map.type))) continue;
    const typed = vm.maps[nameInSandbox(map)];
    if (typed !== undefined) pairs.push([map, typed.map]);
  }
  return pairs;
}

/** Puts the same random elements into maps everywhere. */
function seedEverywhere(
  kernel: Kernel,
  versions: readonly LoadedProgram[],
  sides: readonly Side[],
  random: Random,
  found: Found,
): void {
  for (const [map, like] of sharedMaps(versions[0], sides[0])) {
    if (map.name.includes(".")) continue;
    const isArray = like.typeName.endsWith("array");
    for (let i = 0; i < Math.min(SEEDED_ELEMENTS, map.maxEntries); i++) {
      const key = isArray ? buffer(map.keySize) : random.bytes(map.keySize);
      if (isArray) key[0] = i;
      const size = like.perCpu ? Math.ceil(map.valueSize / 8) * 8 * like.copies : map.valueSize;
      const value = random.bytes(size);
      const status = versions.map(({ maps }) =>
        kernel.bpf.maps.update(
          maps.find(({ name }) => name === map.name)!.fd,
          key,
          value,
        )
      )[0];
      for (const { engine, vm } of sides) {
        const own = vm.maps[like.name].map.write(key, value);
        if (own === status) continue;
        found.differences.push(
          `${engine}: update of ${map.name}: ${errnoName(-status)}, not ${errnoName(-own)}`,
        );
        return;
      }
    }
  }
}

/** The elements of a map as {@link readMap} gives them. */
function readGuestMap(map: GuestMap): Uint8Array {
  const elements = [...map.keys()].map((key) => ({ key, value: map.read(key) }));
  const isArray = map.typeName.endsWith("array");
  if (!isArray) {
    elements.sort((a, b) => {
      const at = a.key.findIndex((byte, i) => byte !== b.key[i]);
      return at < 0 ? 0 : a.key[at] - b.key[at];
    });
  }
  const parts = elements.flatMap(({ key, value }) => {
    if (typeof value === "number") return [];
    return isArray ? [value] : [key, value];
  });
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Clears the addresses of the kernel in the elements of an array. */
function hideAddresses(map: GuestMap, elements: Uint8Array): void {
  if (map.typeName !== "array") return;
  for (const { kind, offset, size } of specialFields(map.btf, map.plan.valueType, map.valueSize)) {
    if (!SHOW_ADDRESSES.has(kind)) continue;
    for (let at = offset; at < elements.length; at += map.valueSize) {
      elements.fill(0, at, at + size);
    }
  }
}

function compareMaps(
  kernel: Kernel,
  [original, control]: readonly LoadedProgram[],
  sides: readonly Side[],
  processors: number,
  found: Found,
): void {
  for (const side of sides) {
    for (const [map, own] of sharedMaps(original, side)) {
      const again = control.maps.find(({ name }) => name === map.name)!;
      const first = readMap(kernel.bpf, map, processors);
      const second = readMap(kernel.bpf, again, processors);
      if (first === null || second === null || !equalBytes(first, second)) continue;
      // Which elements an LRU hash evicts is not specified.
      if (own.typeName.startsWith("lru") && own.size >= 0.9 * own.maxEntries) continue;
      found.maps++;
      const bytes = readGuestMap(own);
      hideAddresses(own, first);
      hideAddresses(own, bytes);
      if (equalBytes(first, bytes)) continue;
      found.differences.push(`${side.engine}: map ${map.name}: ${bytesDifference(first, bytes)}`);
    }
  }
}

/** Whether a run stopped at a null pointer in a program known to read pages that its arena does not have. */
function missesPage({ program }: Side, { fault }: RunResult): boolean {
  return fault?.kind === "null" && MISSES_PAGES.has(program.name);
}

function compareRuns(
  kernel: Kernel,
  versions: readonly LoadedProgram[],
  sides: readonly Side[],
  type: string,
): Found | string {
  const found: Found = { runs: 0, unstable: 0, maps: 0, differences: [] };
  const kind = runKind(type)!;
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    if (i === count >> 1) seedEverywhere(kernel, versions, sides, new Random(seed), found);
    const input = randomInput(kind, random);
    const [first, again] = versions.map(({ fd }) => runInKernel(kernel, fd, input));
    if (typeof first === "number") continue;
    const results = sides.map((side) => runInSandbox(side, kind, input));
    if (results.some((run, j) => missesPage(sides[j], run))) {
      return "it accesses a page that its arena does not have: zeros in the kernel, a fault here";
    }
    found.runs++;
    if (instability(first, again)) {
      found.unstable++;
      continue;
    }
    results.forEach((result, j) => {
      const text = difference(type, kind, first, result);
      if (text !== "") found.differences.push(`${sides[j].engine}: input ${i}: ${text}`);
    });
  }
  compareMaps(kernel, versions, sides, kernel.native.possibleProcessors(), found);
  return found;
}

/** A program in the kernel. */
function loadInKernel(
  kernel: Kernel,
  program: Program,
  fn: ProgramFunction,
  options: KernelLoadOptions,
): { readonly type: string; readonly loaded: LoadedProgram } {
  const { verdict, loaded } = kernel.load(program, fn, options);
  if (loaded === null) throw new EpassError(`cannot load in the kernel: ${verdict.reason}`);
  return { type: verdict.type, loaded };
}

function compareProgram(kernel: Kernel, row: Row, program: Program): Found | string {
  const fn = functionOf(program, row.program);
  const open: LoadedProgram[] = [];
  try {
    const { type, loaded } = loadInKernel(kernel, program, fn, row.options);
    open.push(loaded);
    if (RETURN_ADDRESSES.has(fn.name)) return "it returns an address";
    if (runKind(type) === null) return `the kernel cannot run programs of type ${type}`;
    open.push(loadInKernel(kernel, program, fn, { ...row.options, type }).loaded);
    return kernel.native.onOneProcessor((cpu) => {
      const sides = engines.map((engine): Side => {
        const vm = Vm.loadSync(program, {
          engine,
          type,
          programs: [fn.name],
          file: row.options.file ?? undefined,
          btf: kernel.types.btf.bytes,
          cpus: kernel.native.possibleProcessors(),
          cpu,
          kconfig: configuration,
          ksyms: symbolsOf(program),
          openEvents: false,
        });
        return { engine, vm, program: vm.program(fn.name) };
      });
      return compareRuns(kernel, open, sides, type);
    });
  } catch (error) {
    if (error instanceof MissingHelpersError) return error.message;
    if (!(error instanceof EpassError)) throw error;
    return error.message.replace(/\d+/g, "N");
  } finally {
    for (const loaded of open) loaded.close();
  }
}

const kernel = openKernel();
const configuration = await kernelConfiguration();
const programs = new Map<string, Program>();
const skipped = new Map<string, number>();
const total = { programs: 0, runs: 0, unstable: 0, maps: 0, differing: 0 };
for (const row of [...objectRows(), ...dumpRows()]) {
  const name = `${row.input} ${row.program}`;
  if (positionals.length > 0 && !positionals.some((filter) => name.includes(filter))) continue;
  let program = programs.get(row.input);
  if (program === undefined) {
    program = loadProgram(Deno.readFileSync(`${CORPUS}/${row.input}`));
    programs.set(row.input, program);
  }
  const found = compareProgram(kernel, row, program);
  if (typeof found === "string") {
    skipped.set(found, (skipped.get(found) ?? 0) + 1);
    continue;
  }
  total.programs++;
  total.runs += found.runs;
  total.unstable += found.unstable;
  total.maps += found.maps;
  const { differences } = found;
  if (differences.length === 0) continue;
  total.differing++;
  const shown = flags.verbose ? differences : differences.slice(0, 2);
  console.log(`differs: ${name}: ${differences.length} times: ${shown.join("; ")}`);
}
kernel.close();
for (const [reason, n] of [...skipped].sort((a, b) => b[1] - a[1])) {
  console.log(`${n} programs not compared: ${reason}`);
}
console.log(
  `${total.programs} programs on ${
    engines.join(" and ")
  }, ${total.runs} inputs, ${total.unstable} on which the ` +
    `original differs from itself, ${total.maps} maps compared, ${total.differing} programs differ`,
);
const passed = total.programs - total.differing;
console.log(summaryLine({ passed, failed: total.differing, skipped: 0 }));
Deno.exit(total.differing === 0 ? 0 : 1);
