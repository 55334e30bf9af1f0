/**
 * Whether two versions of a program behave the same: by proof where one is found, else by runs on random inputs, which
 * can only show that they do not.
 *
 * @module
 */

import { equalBytes } from "./bytes.ts";
import { liftProgram } from "./compile.ts";
import { EpassError } from "./errors.ts";
import { type Callee, IrFunction, type SymbolRef, type Value } from "./ir/function.ts";
import type { IrModule } from "./ir/module.ts";
import { readMaps } from "./object/maps.ts";
import type { Program, ProgramFunction } from "./object/program.ts";
import type { MapGeometry } from "./proof/helper_reach.ts";
import { type ProofContext, proveEqual } from "./proof/prove.ts";
import { Random, randomFrame } from "./random_input.ts";
import { type ProgramInput, type RunResult, Vm, type VmOptions, type VmProgram } from "./vm/vm.ts";

/** How to compare. */
export interface EquivalenceOptions {
  /** How many random inputs for a program that is not proved, 200 by default. */
  readonly runs?: number;
  /** Seed of the inputs, 1 by default. */
  readonly seed?: number;
  /** How the sandbox loads the programs. */
  readonly vm?: VmOptions;
}

/** What is known of a function. */
export type EquivalenceKind =
  /** Both versions behave the same, whatever the input. */
  | "proved"
  /** Runs on random inputs did not differ. */
  | "tested"
  /** A run differed, or only one version has the function. */
  | "different"
  /** Neither proved nor run. */
  | "unknown";

/** A function of both versions. */
export interface FunctionEquivalence {
  /** Its name. */
  readonly name: string;
  /** Its section; empty for raw inputs. */
  readonly section: string;
  /** What is known. */
  readonly kind: EquivalenceKind;
  /** Why it is not proved, or how it differs; empty if it is proved. */
  readonly reason: string;
  /** Random inputs that both versions were run on. */
  readonly runs: number;
}

const DEFAULT_RUNS = 200;
/** Instructions of a run: enough for real programs, and not long for one that hangs. */
const RUN_LIMIT = 1_000_000;
/** Elements of a map that are compared. */
const MAX_ELEMENTS = 65_536;
/** Bytes of a context about which nothing is known. */
const CONTEXT_SIZE = 256;

/** Names of what programs call and refer to, alike in both versions. */
function proofContext(program: Program): ProofContext {
  const sizes = new Map<string, MapGeometry>();
  if (program.elf !== null) { for (const map of readMaps(program.elf)) sizes.set(map.name, map); }
  const functionName = (target: number): string => {
    const fn = program.functions[target];
    return fn === undefined ? `function ${target}` : `function ${fn.section.name} ${fn.name}`;
  };
  const symbol = ({ kind, imm, high, target, relocation }: SymbolRef): string =>
    target >= 0
      ? functionName(target)
      : `${kind} ${imm} ${high} ${relocation?.name} ${relocation?.addend}`;
  return {
    order: program.order,
    maps: ({ relocation }) => relocation === null ? null : sizes.get(relocation.name) ?? null,
    calleeName: (callee: Callee): string => {
      if (callee.kind === "helper") return `helper ${callee.id}`;
      if (callee.kind === "local") return functionName(callee.target);
      return callee.kind === "kfunc"
        ? `kfunc ${callee.name} ${callee.imm} ${callee.off}`
        : "indirect";
    },
    symbolName: ({ ref }: Value): string => symbol(ref!),
  };
}

/** What a function is known by in both versions: raw inputs have names that tell places, so their order counts. */
function keyOf(program: Program, fn: ProgramFunction): string {
  return program.elf === null ? `${fn.index}` : `${fn.section.name} ${fn.name}`;
}

/** Whether two functions have the same instructions and refer to the same things. */
function sameCode(a: ProgramFunction, b: ProgramFunction): boolean {
  if (a.last - a.first !== b.last - b.first) return false;
  for (let i = 0; i < a.last - a.first; i++) {
    const x = a.section.insns[a.first + i], y = b.section.insns[b.first + i];
    const same = x.op === y.op && x.dst === y.dst && x.src === y.src && x.off === y.off &&
      x.imm === y.imm && x.high === y.high;
    const p = a.section.slots[a.first + i], q = b.section.slots[b.first + i];
    const named = a.section.relocations.get(p)?.name === b.section.relocations.get(q)?.name;
    const target = a.section.targets.get(p)?.kind ?? "",
      other = b.section.targets.get(q)?.kind ?? "";
    if (!same || !named || target !== "" || other !== "") return false;
  }
  return true;
}

/** Compares two versions of one program. */
class Comparer {
  readonly #programs: readonly [Program, Program];
  readonly #modules: readonly [IrModule, IrModule];
  readonly #context: ProofContext;
  readonly #options: EquivalenceOptions;

  constructor(before: Program, after: Program, options: EquivalenceOptions) {
    this.#programs = [before, after];
    this.#modules = [liftProgram(before), liftProgram(after)];
    this.#context = proofContext(before);
    this.#options = options;
  }

  run(): FunctionEquivalence[] {
    const [before, after] = this.#programs;
    const others = new Map(after.functions.map((fn) => [keyOf(after, fn), fn]));
    return before.functions.map((fn) => {
      const other = others.get(keyOf(before, fn));
      const { name } = fn, section = fn.section.name;
      if (other === undefined) {
        return { name, section, kind: "different", reason: "the other version lacks it", runs: 0 };
      }
      const reason = this.#whyNotProved(fn, other);
      if (reason === "") return { name, section, kind: "proved", reason, runs: 0 };
      return { name, section, ...this.#compareRuns(fn, other, reason) };
    });
  }

  /** Why the versions of a function are not proved to behave the same; empty if they are. */
  #whyNotProved(a: ProgramFunction, b: ProgramFunction): string {
    const x = this.#modules[0].functions[a.index].body,
      y = this.#modules[1].functions[b.index].body;
    if (x instanceof IrFunction && y instanceof IrFunction) {
      return proveEqual(x, y, this.#context).reason;
    }
    if (sameCode(a, b)) return "";
    return x instanceof IrFunction ? (y as { reason: string }).reason : x.reason;
  }

  #compareRuns(
    a: ProgramFunction,
    b: ProgramFunction,
    reason: string,
  ): Pick<FunctionEquivalence, "kind" | "reason" | "runs"> {
    if (a.subprogram) return { kind: "unknown", reason, runs: 0 };
    try {
      const { runs, difference } = this.#runBoth(a, b);
      if (difference !== "") return { kind: "different", reason: difference, runs };
      return { kind: runs > 0 ? "tested" : "unknown", reason, runs };
    } catch (error) {
      if (!(error instanceof EpassError)) throw error;
      return { kind: "unknown", reason: `${reason}; ${error.message}`, runs: 0 };
    }
  }

  /** Loads one version of a program, alone. */
  #load(of: 0 | 1, { name, index }: ProgramFunction): { vm: Vm; program: VmProgram } {
    const program = this.#programs[of];
    const only = program.elf === null ? {} : { programs: [name] };
    const vm = Vm.loadSync(program, { limit: RUN_LIMIT, ...this.#options.vm, ...only });
    return { vm, program: vm.program(program.elf === null ? program.functions[index].name : name) };
  }

  #runBoth(a: ProgramFunction, b: ProgramFunction): { runs: number; difference: string } {
    const random = new Random(this.#options.seed ?? 1);
    const before = this.#load(0, a), after = this.#load(1, b);
    const wanted = this.#options.runs ?? DEFAULT_RUNS;
    let runs = 0;
    for (let i = 0; i < wanted; i++) {
      const input = randomInput(before.program.type, random);
      const [x, y] = [before.program.run(input), after.program.run(input)];
      // What the original does at a fault is nothing that a rewrite must keep; memory may differ from here on.
      if (x.fault !== null) break;
      runs++;
      const difference = runDifference(x, y);
      if (difference !== "") return { runs, difference: `input ${i}: ${difference}` };
    }
    return { runs, difference: mapsDifference(before.vm, after.vm) };
  }
}

const PACKETS: ReadonlySet<string> = new Set(
  // deno-fmt-ignore
  ["xdp", "sched_cls", "sched_act", "socket_filter", "cgroup_skb", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local", "flow_dissector", "sk_skb"],
);

function randomInput(type: string, random: Random): ProgramInput {
  return PACKETS.has(type) ? { packet: randomFrame(random) } : { ctx: random.bytes(CONTEXT_SIZE) };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** How two runs differ; empty if they do not. */
function runDifference(before: RunResult, after: RunResult): string {
  if (after.fault !== null) return `the second version faults: ${after.fault.message}`;
  if (before.returnValue !== after.returnValue) {
    return `return values ${hex(before.returnValue)} and ${hex(after.returnValue)}`;
  }
  if (!equalBytes(before.context, after.context)) return "the contexts differ afterwards";
  if (!equalBytes(before.packet ?? NOTHING, after.packet ?? NOTHING)) {
    return "the packets differ afterwards";
  }
  if (before.printk.join("\n") !== after.printk.join("\n")) return "they print different lines";
  return "";
}

const NOTHING = new Uint8Array(0);

/** Which map has different elements; empty if none has. */
function mapsDifference(before: Vm, after: Vm): string {
  for (const [name, { map }] of Object.entries(before.maps)) {
    const other = after.maps[name]?.map;
    if (other === undefined) continue;
    if (map.size !== other.size) return `map ${name} has ${map.size} and ${other.size} elements`;
    let left = MAX_ELEMENTS;
    for (const key of map.keys()) {
      if (left-- === 0) break;
      const x = map.read(key), y = other.read(key);
      const same = typeof x === "number" || typeof y === "number" ? x === y : equalBytes(x, y);
      if (!same) return `map ${name} has different elements`;
    }
  }
  return "";
}

/**
 * Compares two versions of a program, function by function.
 *
 * @param before A program.
 * @param after Another version of it.
 * @param options Number and seed of the random inputs, and the sandbox that they run in.
 * @returns What is known of each function of the first version.
 */
export function compareVersions(
  before: Program,
  after: Program,
  options: EquivalenceOptions = {},
): FunctionEquivalence[] {
  return new Comparer(before, after, options).run();
}
