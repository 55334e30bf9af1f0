/**
 * Two versions of a program on the same random inputs in the kernel: return value, output bytes and map contents must
 * be the same. The original runs twice side by side; where it differs from itself (time, random numbers), nothing is
 * concluded.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import type { Bpf } from "./bpf.ts";
import type { TestRunRequest, TestRunResult } from "./bpf_programs.ts";
import type { LoadedProgram } from "./loaded.ts";
import { readMap, seedMaps } from "./map_contents.ts";
import { errnoName } from "./native.ts";
import { Random, randomFrame } from "../random_input.ts";

/** What the kernel runs a program type on; the other types cannot be run. */
export type RunKind =
  | "packet" // a frame
  | "arguments" // of a raw tracepoint
  | "context"; // of a system call program

const PACKET_TYPES: ReadonlySet<string> = new Set(
  // deno-fmt-ignore
  ["socket_filter", "sched_cls", "sched_act", "xdp", "cgroup_skb", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local",
    "flow_dissector"],
);

/**
 * What the kernel runs a program type on.
 *
 * @param type Program type, lower case.
 * @returns The kind of input; null if it cannot be run.
 */
export function runKind(type: string): RunKind | null {
  if (PACKET_TYPES.has(type)) return "packet";
  return type === "raw_tracepoint" ? "arguments" : type === "syscall" ? "context" : null;
}

/** Bytes of the arguments of a raw tracepoint: 12 registers. */
const ARGUMENTS_SIZE = 96;

/** Bytes of the context of a system call program. */
const CONTEXT_SIZE = 256;

/** Bytes of output to take. */
const OUTPUT_SIZE = 4096;

/** A random input for a program. */
function randomRequest(kind: RunKind, random: Random): TestRunRequest {
  if (kind === "packet") {
    return { data: randomFrame(random), context: null, repeat: 1, outputSize: OUTPUT_SIZE };
  }
  const context = random.bytes(kind === "arguments" ? ARGUMENTS_SIZE : CONTEXT_SIZE);
  return { data: null, context, repeat: 0, outputSize: 0 };
}

/** How two runs differ, in words; empty if they do not. */
function difference(a: TestRunResult | number, b: TestRunResult | number): string {
  if (typeof a === "number" || typeof b === "number") {
    const tell = (r: TestRunResult | number) => typeof r === "number" ? errnoName(-r) : "a result";
    return a === b ? "" : `${tell(a)} -> ${tell(b)}`;
  }
  if (a.returnValue !== b.returnValue) return `return value ${a.returnValue} -> ${b.returnValue}`;
  if (!equalBytes(a.data, b.data)) return "output bytes";
  return equalBytes(a.context, b.context) ? "" : "context bytes";
}

/** Two versions of a program, and the first one once more. */
export interface Versions {
  /** The original. */
  readonly original: LoadedProgram;
  /** The original, loaded again. */
  readonly control: LoadedProgram;
  /** The rewritten program. */
  readonly rewritten: LoadedProgram;
}

/** What a comparison found. */
export interface Comparison {
  /** Inputs that ran. */
  readonly runs: number;
  /** Inputs on which the original differs from itself. */
  readonly unstable: number;
  /** Maps compared. */
  readonly maps: number;
  /** Maps in which the original differs from itself, by name. */
  readonly unstableMaps: readonly string[];
  /** What differs, a phrase each. */
  readonly differences: readonly string[];
}

/** Compares the maps of the versions. */
function compareMaps(
  bpf: Bpf,
  { original, control, rewritten }: Versions,
  processors: number,
): Omit<Comparison, "runs" | "unstable"> {
  const unstableMaps: string[] = [];
  const differences: string[] = [];
  let maps = 0;
  for (const map of original.maps) {
    const contents = [original, control, rewritten].map(({ maps }) => {
      const same = maps.find(({ name }) => name === map.name);
      return same === undefined ? null : readMap(bpf, same, processors);
    });
    const [first, again, changed] = contents;
    if (first === null || again === null || changed === null) continue;
    maps++;
    if (!equalBytes(first, again)) unstableMaps.push(map.name);
    else if (!equalBytes(first, changed)) differences.push(`contents of map ${map.name}`);
  }
  return { maps, unstableMaps, differences };
}

/**
 * Runs the versions of a program on random inputs; before the second half, maps are filled with random elements.
 *
 * @param bpf The system call.
 * @param versions The versions, freshly loaded.
 * @param kind What they run on.
 * @param count How many inputs.
 * @param seed Seed of the inputs.
 * @param processors How many processors the kernel may have.
 * @returns What differs.
 */
export function compareRuns(
  bpf: Bpf,
  versions: Versions,
  kind: RunKind,
  count: number,
  seed: number,
  processors: number,
): Comparison {
  const random = new Random(seed);
  const all = [versions.original, versions.control, versions.rewritten];
  const differences: string[] = [];
  let runs = 0, unstable = 0;
  for (let i = 0; i < count; i++) {
    if (i === count >> 1) {
      for (const { maps } of all) seedMaps(bpf, maps, new Random(seed), processors);
    }
    const request = randomRequest(kind, random);
    const [first, again, changed] = all.map(({ fd }) => {
      const context = request.context?.slice() ?? null;
      const result = bpf.programs.testRun(fd, { ...request, context });
      return typeof result === "number" || context === null ? result : { ...result, context };
    });
    if (typeof first !== "number") runs++;
    if (difference(first, again) !== "") {
      unstable++;
      continue;
    }
    const found = difference(first, changed);
    if (found !== "") differences.push(`input ${i}: ${found}`);
  }
  const compared = compareMaps(bpf, versions, processors);
  return { ...compared, runs, unstable, differences: [...differences, ...compared.differences] };
}
