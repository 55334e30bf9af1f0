/**
 * Prints `.epir`, the text of the intermediate representation; `parse.ts` describes it and reads it back.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { encode } from "../isa/codec.ts";
import { helperById } from "../isa/helpers.ts";
import type { CodeRelocation, CoreRecord } from "../object/program.ts";
import {
  type Block,
  type Callee,
  type Edge,
  IrFunction,
  type SymbolRef,
  type Terminator,
  type Value,
} from "./function.ts";
import { EPIR_VERSION, type IrModule, type ModuleFunction, type VerbatimBody } from "./module.ts";
import { hasResult } from "./operations.ts";

/** Writes how a function is referred to, given its index and the name that the reference has. */
type Reference = (index: number, name: string | null) => string;

const WORD = /^[A-Za-z_.$][\w.$]*$/;
const quoted = (text: string): string => JSON.stringify(text);
const nameOf = (text: string): string => WORD.test(text) ? text : quoted(text);

const byIndex: Reference = (index, name) => `@${index}${name === null ? "" : ` ${quoted(name)}`}`;

/** References by name where the name is unique in the module. */
function referencesOf(module: IrModule): Reference {
  const uses = new Map<string, number>();
  for (const { name } of module.functions) uses.set(name, (uses.get(name) ?? 0) + 1);
  return (index, name) => {
    const target = module.functions[index]?.name;
    if (target === undefined) return byIndex(index, name);
    const place = uses.get(target) === 1 ? `@${nameOf(target)}` : `@${index}`;
    return name === null || name === target ? place : `${place} ${quoted(name)}`;
  };
}

/** A constant: decimal where that is short, else hexadecimal. */
function literal(pattern: bigint): string {
  const signed = BigInt.asIntN(64, pattern);
  return signed >= -0x8000_0000n && signed <= 0xffffn
    ? String(signed)
    : `0x${pattern.toString(16)}`;
}

function displaced(base: string, off: number): string {
  return off === 0 ? base : off < 0 ? `${base} - ${-off}` : `${base} + ${off}`;
}

const relocation = (r: CodeRelocation): string =>
  `reloc(${r.type}, ${r.symbol}, ${quoted(r.name)}${r.addend === null ? "" : `, ${r.addend}`})`;

const coreRecord = (c: CoreRecord): string =>
  `core(${c.typeId}, ${c.accessOffset}, ${quoted(c.access)}, ${c.kind})`;

const sourcePc = (pc: number): string => pc < 0 ? "" : ` !${pc}`;

/** A value where it is defined. */
const definition = (value: Value): string =>
  value.hint < 0 ? `v${value.id}` : `v${value.id}:r${value.hint}`;

class FunctionPrinter {
  readonly #reference: Reference;

  constructor(reference: Reference) {
    this.#reference = reference;
  }

  print(fn: IrFunction, lines: string[]): void {
    for (const leaf of coreLeaves(fn)) {
      lines.push(
        `  ${definition(leaf)} = core.${leaf.width} ${literal(leaf.imm)} ${coreRecord(leaf.core!)}${
          sourcePc(leaf.pc)
        }`,
      );
    }
    for (const block of fn.blocks) {
      lines.push(`${this.#label(block)}:`);
      for (const value of block.insns) lines.push(`  ${this.#instruction(value)}`);
      if (block.term !== null) lines.push(`  ${this.#terminator(block.term)}`);
    }
  }

  #label(block: Block): string {
    if (block.params.length === 0) return `b${block.id}`;
    const params = block.params.map((param) => definition(param) + sourcePc(param.pc));
    return `b${block.id}(${params.join(", ")})`;
  }

  #instruction(value: Value): string {
    const name = hasResult(value) ? `${definition(value)} = ` : "";
    const core = value.core === null ? "" : ` ${coreRecord(value.core)}`;
    return `${name}${this.#operation(value)}${core}${sourcePc(value.pc)}`;
  }

  #operation(value: Value): string {
    const { op, fn, width, args, off } = value;
    const bits = value.size * 8;
    switch (op) {
      case "alu":
        return `${fn}.${width} ${this.#list(args)}`;
      case "unary":
        return `${fn}${fn === "neg" ? `.${width}` : ""} ${this.#list(args)}`;
      case "sext":
        return `sext.${width}.${value.sign} ${this.#list(args)}`;
      case "cast":
        return `cast ${this.#list(args)}, ${value.imm >> 16n}, ${value.imm & 0xffffn}`;
      case "select":
        return `select.${width}.${fn} ${this.#list(args)}`;
      case "load":
        return `load.${value.sign === 0 ? "u" : "s"}${bits} ${this.#memory(args, off)}`;
      case "store":
        return `store.u${bits} ${this.#memory(args, off)}`;
      case "atomic":
        return `atomic.u${bits}.${fn} ${this.#memory(args, off)}`;
      case "packet":
        return `packet.u${bits}.${fn} ${this.#list(args)}, ${BigInt.asIntN(64, value.imm)}`;
      case "call":
        return this.#call(value.callee!, args);
      default:
        return `${op} ${this.#list(args)}`;
    }
  }

  /** `base + off` and the other operands of a memory access. */
  #memory(args: readonly Value[], off: number): string {
    const base = displaced(this.#operand(args[0]), off);
    return args.length === 1 ? base : `${base}, ${this.#list(args.slice(1))}`;
  }

  #call(callee: Callee, args: readonly Value[]): string {
    const list = `(${this.#list(args)})`;
    switch (callee.kind) {
      case "helper":
        return `call ${helperById(callee.id)?.name ?? callee.id}${list}`;
      case "local":
        return `call ${this.#reference(callee.target, callee.name)}${list}${
          callee.relocation === null ? "" : ` ${relocation(callee.relocation)}`
        }`;
      case "kfunc": {
        const fields = `${callee.imm === 0 ? "" : ` imm ${callee.imm}`}${
          callee.off === 0 ? "" : ` off ${callee.off}`
        }${callee.form === "local" ? " local" : ""}`;
        return `call kfunc ${quoted(callee.name)}${list}${fields}${
          callee.relocation === null ? "" : ` ${relocation(callee.relocation)}`
        }`;
      }
      case "indirect":
        return `callx ${this.#operand(args[0])}(${this.#list(args.slice(1))})`;
      case "intrinsic":
        return `call intrinsic ${nameOf(callee.name)}${list}`;
    }
  }

  #terminator(term: Terminator): string {
    const { op, args } = term;
    const name = op === "branch" ? `branch.${term.width}.${term.fn}` : op;
    if (op === "trap") return `trap ${nameOf(term.trap)}${sourcePc(term.pc)}`;
    const operands = [
      ...args.map((arg) => this.#operand(arg)),
      ...term.edges.map((edge) => this.#edge(edge)),
    ];
    return `${name} ${operands.join(", ")}${sourcePc(term.pc)}`;
  }

  #edge(edge: Edge): string {
    return edge.args.length === 0 ? `b${edge.to.id}` : `b${edge.to.id}(${this.#list(edge.args)})`;
  }

  #list(args: readonly Value[]): string {
    return args.map((arg) => this.#operand(arg)).join(", ");
  }

  #operand(value: Value): string {
    switch (value.op) {
      case "const":
        return literal(value.imm);
      case "undef":
        return "undef";
      case "frame":
        return "fp";
      case "symbol":
        return this.#symbol(value.ref!);
      default:
        return `v${value.id}`;
    }
  }

  #symbol(ref: SymbolRef): string {
    const content: string[] = [];
    if (ref.imm !== 0 || ref.high !== 0) content.push(String(ref.imm));
    if (ref.high !== 0) content.push(String(ref.high));
    if (ref.target >= 0) content.push(this.#reference(ref.target, null));
    if (ref.relocation !== null) content.push(relocation(ref.relocation));
    return `${ref.kind}(${content.join(", ")})`;
  }
}

/** The CO-RE constants in use, in the order in which they are met. */
function coreLeaves(fn: IrFunction): Value[] {
  const met = new Uint8Array(fn.valueCount);
  const leaves: Value[] = [];
  const meet = (args: readonly Value[]) => {
    for (const arg of args) {
      if (arg.op !== "core" || met[arg.id] !== 0) continue;
      met[arg.id] = 1;
      leaves.push(arg);
    }
  };
  for (const block of fn.blocks) {
    for (const value of block.insns) meet(value.args);
    if (block.term === null) continue;
    meet(block.term.args);
    for (const edge of block.term.edges) meet(edge.args);
  }
  return leaves;
}

/** A line of 16 or 32 hexadecimal digits for each instruction. */
function printVerbatim(
  body: VerbatimBody,
  order: ByteOrder,
  reference: Reference,
  lines: string[],
): void {
  const { code } = body;
  code.insns.forEach((insn, i) => {
    const bytes = Array.from(encode([insn], order), (b) => b.toString(16).padStart(2, "0"));
    const target = code.targets.get(i);
    const reloc = code.relocations.get(i);
    const core = code.core.get(i);
    lines.push(
      `  ${bytes.join("")}${target === undefined ? "" : ` ${reference(target, null)}`}${
        reloc === undefined ? "" : ` ${relocation(reloc)}`
      }${core === undefined ? "" : ` ${coreRecord(core)}`}${sourcePc(code.origins[i])}`,
    );
  });
}

function attributes(fn: ModuleFunction): string {
  return `${fn.section === "" ? "" : ` section ${quoted(fn.section)}`}${
    fn.global ? " global" : ""
  }${fn.subprogram ? " subprogram" : ""}${fn.params < 0 ? "" : ` params ${fn.params}`}`;
}

/**
 * Prints one function. References to other functions are by index.
 *
 * @param fn The function.
 * @returns Its text, without the line that opens a module.
 */
export function printFunction(fn: IrFunction): string {
  const lines = [`function ${nameOf(fn.name)}`];
  new FunctionPrinter(byIndex).print(fn, lines);
  return lines.join("\n") + "\n";
}

/**
 * Prints a module.
 *
 * @param module The module.
 * @returns Text that `parseModule` reads back.
 */
export function printModule(module: IrModule): string {
  const reference = referencesOf(module);
  const printer = new FunctionPrinter(reference);
  const lines = [`epir ${EPIR_VERSION}`];
  if (module.order === "big") lines.push("order big");
  for (const fn of module.functions) {
    const { body } = fn;
    lines.push("");
    if (body instanceof IrFunction) {
      lines.push(`function ${nameOf(fn.name)}${attributes(fn)}`);
      printer.print(body, lines);
    } else {
      lines.push(`verbatim ${nameOf(fn.name)}${attributes(fn)} reason ${quoted(body.reason)}`);
      printVerbatim(body, module.order, reference, lines);
    }
  }
  return lines.join("\n") + "\n";
}
