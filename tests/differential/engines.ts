/**
 * Runs one program on the interpreter and as WebAssembly, with the same memory and helpers, and compares all that can
 * be seen: r0, the fault and its place, the number of instructions, memory.
 *
 * @module
 */

import { encode } from "../../lib/isa/codec.ts";
import type { Instruction } from "../../lib/isa/instruction.ts";
import { disassemble } from "../../lib/isa/disassemble.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { VM_COUNTED_PIPELINE, VM_PIPELINE } from "../../lib/passes/pipeline.ts";
import type { Metering } from "../../lib/targets/wasm/unit.ts";
import { translate } from "../../lib/vm/code.ts";
import { type Engine, interpreterEngine } from "../../lib/vm/engine.ts";
import { GuestFault } from "../../lib/vm/fault.ts";
import { Interpreter, type Outcome } from "../../lib/vm/interpreter.ts";
import type { Helper, HelperTable } from "../../lib/vm/machine.ts";
import { GuestMemory, type MemoryLevel } from "../../lib/vm/memory.ts";
import { loadsFrom } from "../../lib/vm/packet_load.ts";
import { WasmEngine } from "../../lib/vm/wasm_engine.ts";

/** How to compare. */
export interface EngineOptions {
  /** How accesses are checked. */
  readonly level: MemoryLevel;
  /** How instructions are counted. */
  readonly metering: Metering;
  /** Byte order of the program. */
  readonly order?: "little" | "big";
}

/** What one program did on both engines. */
export interface EngineComparison {
  /** How it ended on the interpreter: the kind of its fault, or `return`. */
  readonly end: string;
  /** Why it did not run as WebAssembly; null if it did. */
  readonly fallback: string | null;
  /** What differed, empty if nothing did. */
  readonly mismatch: string;
}

const LIMIT = 20_000;

/** Helpers that do to memory and control what helpers do: answer, write, fail, call back, continue elsewhere. */
const HELPERS: readonly (readonly [number, Helper])[] = [
  [5, (_context, r1) => r1],
  [4, ({ memory }, r1, r2) => {
    memory.store(r1, 8, r2);
    return memory.load(r1 + 4n, 4);
  }],
  [181, (context, r1, r2, r3) => {
    let sum = 0n;
    for (let i = 0n; i < (r1 & 7n); i++) sum += context.call(r2, [i, r3]);
    return sum;
  }],
  [12, (context, r1, r2) => {
    if ((r1 & 1n) === 0n) context.tailCall(r2, [r1 + 1n, r2]);
    return 1n;
  }],
  [77, (_context, r1) => {
    if (r1 === 0n) throw new GuestFault("helper", "cannot call it: r1 is 0");
    return r1 * r1;
  }],
];

/** A program with the state that it runs in. */
interface Setting {
  readonly memory: GuestMemory;
  readonly engine: Engine;
  readonly args: readonly bigint[];
  readonly fallback: () => string | null;
}

function settle(
  program: Program,
  context: Uint8Array,
  name: "interpreter" | "wasm",
  { level, metering }: EngineOptions,
): Setting {
  const memory = new GuestMemory(program.order, { level });
  const helpers: HelperTable = new Map(HELPERS);
  const code = translate(program, () => null);
  const interpreter = new Interpreter(code, memory, helpers, new Map());
  const region = memory.allocate("the context", context.length);
  memory.contents(region).set(context);
  const wasm = new WasmEngine(code, interpreter, {
    memory,
    helpers,
    kfuncs: new Map(),
    metering,
    passes: metering === "exact" ? VM_COUNTED_PIPELINE : VM_PIPELINE,
    kernelHelpers: false,
  });
  return {
    memory,
    engine: name === "wasm" ? wasm : interpreterEngine(interpreter),
    args: [BigInt(region.address), BigInt(context.length)],
    fallback: () => name === "wasm" ? wasm.fallback(0) : null,
  };
}

/** Memory without the frames, which hold nothing once the program has ended. */
function visible({ bytes, regions }: GuestMemory): Uint8Array {
  const seen = bytes.slice();
  for (const { name, address, size } of regions) {
    if (name.startsWith("the stack")) seen.fill(0, address - 0x1_0000, address - 0x1_0000 + size);
  }
  return seen;
}

const describe = ({ fault, returnValue }: Outcome): string =>
  fault === null
    ? `r0 0x${returnValue.toString(16)}`
    : `${fault.kind} at ${fault.pc} (${fault.message})`;

function difference(a: Outcome, b: Outcome, metering: Metering): string {
  const exact = metering === "exact";
  if (!exact && a.fault?.kind === "limit" && b.fault?.kind === "limit") return "";
  const same = a.returnValue === b.returnValue && a.fault?.kind === b.fault?.kind &&
    a.fault?.pc === b.fault?.pc && a.fault?.function === b.fault?.function;
  if (!same) return `${describe(a)}, as WebAssembly ${describe(b)}`;
  if (!exact || a.instructionCount === b.instructionCount) return "";
  return `${a.instructionCount} instructions, as WebAssembly ${b.instructionCount}`;
}

/**
 * Compares one program.
 *
 * @param insns Its code.
 * @param context Bytes that r1 points to, and the packet.
 * @param options How to compare.
 * @returns What it did.
 */
export function compareEngines(
  insns: readonly Instruction[],
  context: Uint8Array,
  options: EngineOptions,
): EngineComparison {
  const program: Program = {
    ...loadProgram(encode(insns), { from: "raw" }),
    order: options.order ?? "little",
  };
  const run = (name: "interpreter" | "wasm") => {
    const setting = settle(program, context, name, options);
    const packet = loadsFrom(context);
    const outcome = setting.engine.run(0, setting.args, { limit: LIMIT, packet });
    return { ...setting, outcome };
  };
  const a = run("interpreter"), b = run("wasm");
  const end = a.outcome.fault?.kind ?? "return";
  let mismatch = difference(a.outcome, b.outcome, options.metering);
  if (mismatch === "" && end !== "limit") {
    const left = visible(a.memory), right = visible(b.memory);
    const at = left.findIndex((byte, i) => byte !== right[i]);
    if (left.length !== right.length || at >= 0) mismatch = `memory differs at offset ${at}`;
  }
  if (mismatch !== "") mismatch += `\n${disassemble([...insns])}`;
  return { end, fallback: b.fallback(), mismatch };
}
