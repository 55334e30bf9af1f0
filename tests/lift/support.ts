/**
 * Programs built by hand for the tests of the lifter: terse constructors of instructions, and a raw stream of them cut
 * into functions.
 *
 * @module
 */

import { liftContext } from "../../lib/lift/context.ts";
import { liftFunction } from "../../lib/lift/lift.ts";
import type { IrFunction, Value } from "../../lib/ir/function.ts";
import { encode } from "../../lib/isa/codec.ts";
import { Instruction, slotTable } from "../../lib/isa/instruction.ts";
import { findOp, type Size, type Width } from "../../lib/isa/ops.ts";
import type {
  CodeRelocation,
  CodeSection,
  CodeTarget,
  CoreRecord,
  Format,
  Program,
  ProgramFunction,
} from "../../lib/object/program.ts";

/** A register (`"r2"`) or an immediate. */
export type Operand = `r${number}` | number;

const register = (operand: Operand): number =>
  typeof operand === "string" ? Number(operand.slice(1)) : 0;
const immediate = (operand: Operand): number => typeof operand === "number" ? operand : 0;
const form = (operand: Operand): "reg" | "imm" => typeof operand === "string" ? "reg" : "imm";

/** dst = dst fn b. */
export function alu(fn: string, dst: number, b: Operand, width: Width = 64): Instruction {
  const op = findOp({ kind: "alu", fn, width, form: form(b) });
  return new Instruction(op, dst, register(b), 0, immediate(b));
}

/** dst = b. */
export function mov(
  dst: number,
  b: Operand,
  width: Width = 64,
  sign: 0 | 8 | 16 | 32 = 0,
): Instruction {
  const op = findOp({ kind: "mov", width, form: form(b), sign });
  return new Instruction(op, dst, register(b), 0, immediate(b));
}

/** dst = memory[src + off]. */
export function load(size: Size, dst: number, src: number, off: number): Instruction {
  return new Instruction(findOp({ kind: "load", size }), dst, src, off);
}

/** memory[dst + off] = b. */
export function store(size: Size, dst: number, off: number, b: Operand): Instruction {
  const op = findOp({ kind: "store", size, form: form(b) });
  return new Instruction(op, dst, register(b), off, immediate(b));
}

/** An atomic operation. */
export function atomic(fn: string, size: Size, dst: number, off: number, src: number): Instruction {
  return new Instruction(findOp({ kind: "atomic", fn, size }), dst, src, off);
}

/** dst = a 64-bit immediate or address. */
export function lddw(dst: number, imm: number, high = 0, fn = "imm64"): Instruction {
  return new Instruction(findOp({ kind: "lddw", fn }), dst, 0, 0, imm, high);
}

/** r0 = packet[(src) + imm]. */
export function packet(fn: "abs" | "ind", size: Size, imm: number, src = 0): Instruction {
  return new Instruction(findOp({ kind: "packet", fn, size }), 0, src, 0, imm);
}

/** if dst fn b goto off. */
export function branch(
  fn: string,
  dst: number,
  b: Operand,
  off: number,
  width: Width = 64,
): Instruction {
  const op = findOp({ kind: "branch", fn, width, form: form(b) });
  return new Instruction(op, dst, register(b), off, immediate(b));
}

/** goto off. */
export function goto(off: number): Instruction {
  return new Instruction(findOp({ kind: "goto", fn: "near" }), 0, 0, off);
}

/** may_goto off. */
export function mayGoto(off: number): Instruction {
  return new Instruction(findOp({ kind: "may_goto" }), 0, 0, off);
}

/** A call of a helper function by id, or of a local function by distance. */
export function call(imm: number, fn = "helper"): Instruction {
  return new Instruction(findOp({ kind: "call", fn }), 0, 0, 0, imm);
}

/** A call of the address in a register. */
export function callx(dst: number): Instruction {
  return new Instruction(findOp({ kind: "callx" }), dst);
}

/** exit. */
export function exit(): Instruction {
  return new Instruction(findOp({ kind: "exit" }));
}

/** What a hand-built program has besides its instructions. */
export interface Extras {
  /** The format; a dump by default. */
  readonly format?: Format;
  /** Index of the first instruction of each function; one function by default. */
  readonly starts?: readonly number[];
  /** Number of parameters by BTF of each function; unknown by default. */
  readonly params?: readonly number[];
  /** Relocations by slot. */
  readonly relocations?: ReadonlyMap<number, CodeRelocation>;
  /** CO-RE records by slot. */
  readonly core?: ReadonlyMap<number, CoreRecord>;
  /** Targets by slot, besides those of local calls and function addresses. */
  readonly targets?: ReadonlyMap<number, CodeTarget>;
  /** Why a function cannot be separated. */
  readonly entangled?: string;
}

/** The function that starts at the target of a local call or function address. */
function targetsOf(insns: readonly Instruction[], slots: Int32Array, starts: readonly number[]) {
  const targets = new Map<number, CodeTarget>();
  const functionAt = new Map(starts.map((start, index) => [slots[start], index]));
  insns.forEach(({ op, imm }, i) => {
    if (!(op.kind === "call" && op.fn === "local" || op.kind === "lddw" && op.fn === "func")) {
      return;
    }
    const index = functionAt.get(slots[i] + 1 + imm);
    if (index !== undefined) targets.set(slots[i], { kind: "function", index });
  });
  return targets;
}

/** A program of one raw stream. */
export function programOf(insns: readonly Instruction[], extras: Extras = {}): Program {
  const slots = slotTable(insns);
  const starts = extras.starts ?? [0];
  const section: CodeSection = {
    name: "",
    elfIndex: -1,
    insns,
    slots,
    relocations: extras.relocations ?? new Map(),
    core: extras.core ?? new Map(),
    targets: new Map([...targetsOf(insns, slots, starts), ...extras.targets ?? []]),
    lines: [],
  };
  const functions = starts.map((first, index): ProgramFunction => ({
    index,
    name: `f${index}`,
    section,
    first,
    last: starts[index + 1] ?? insns.length,
    global: true,
    subprogram: index > 0,
    params: extras.params?.[index] ?? -1,
    entangled: extras.entangled ?? "",
  }));
  return {
    format: extras.format ?? "dump",
    order: "little",
    bytes: encode(insns),
    elf: null,
    sections: [section],
    functions,
  };
}

/** Lifts one function of a hand-built program. */
export function lift(insns: readonly Instruction[], extras: Extras = {}, index = 0): IrFunction {
  const program = programOf(insns, extras);
  return liftFunction(program, index, liftContext(program));
}

function show(value: Value, names: Map<Value, string>): string {
  switch (value.op) {
    case "const":
      return String(BigInt.asIntN(64, value.imm));
    case "core":
      return `core${value.width}(${BigInt.asIntN(64, value.imm)})`;
    case "symbol":
      return `symbol(${value.ref!.kind} ${value.ref!.target})`;
    case "undef":
    case "frame":
      return value.op;
    default:
      return names.get(value) ?? "?";
  }
}

/** A value's operation and fields, without its operands. */
function operation(value: Value): string {
  const { op, fn, width, size, sign, off, callee, core } = value;
  let text: string = op;
  if (op === "alu" || op === "unary") text += `.${fn}.${width}`;
  if (op === "sext") text += `.${sign}.${width}`;
  if (size > 0) text += `${fn === "" ? "" : `.${fn}`}.${size}${sign > 0 ? "s" : ""}`;
  if (op === "load" || op === "store" || op === "atomic") text += ` [${off}]`;
  if (op === "cast" || op === "packet") text += ` ${value.imm}`;
  if (callee?.kind === "helper") text += ` #${callee.id}`;
  else if (callee?.kind === "indirect") text += " *";
  else if (callee !== null) text += ` ${callee.name}`;
  return core !== null ? `${text} core` : text;
}

/**
 * A function in a form for assertions: values named by the register that held them and a counter, `r1.0 = …`.
 * Copies and all else are shown as they are.
 */
export function shape(fn: IrFunction): string[] {
  const names = new Map<Value, string>(), blocks = new Map(fn.blocks.map((b, i) => [b, `b${i}`]));
  for (const block of fn.blocks) {
    for (const value of [...block.params, ...block.insns]) {
      names.set(value, `${value.hint < 0 ? "v" : `r${value.hint}`}.${names.size}`);
    }
  }
  const list = (values: readonly Value[]) => values.map((v) => show(v, names)).join(", ");
  const lines: string[] = [];
  for (const block of fn.blocks) {
    lines.push(`${blocks.get(block)}(${list(block.params)}):`);
    for (const value of block.insns) {
      const result = value.hint < 0 ? "" : `${names.get(value)} = `;
      lines.push(`${result}${operation(value)} ${list(value.args)}`.trimEnd());
    }
    const { op, fn: cond, width, args, edges } = block.term!;
    const head = op === "branch" ? `branch.${cond}.${width}` : op;
    const targets = edges.map((e) => `${blocks.get(e.to)}(${list(e.args)})`);
    const operands = args.length > 0 ? [list(args)] : [];
    lines.push([head, [...operands, ...targets].join(", ")].join(" ").trimEnd());
  }
  return lines;
}
