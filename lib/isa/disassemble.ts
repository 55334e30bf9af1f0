/**
 * Instructions to assembly text, in two syntaxes: the pseudo-C of LLVM and the kernel, and the mnemonic one of
 * bpf_conformance. What `disassemble` prints, `assemble` parses back to the same instructions, except for the forms
 * that equal `llvm-objdump`, which lose information.
 *
 * @module
 */

import { type Instruction, jumpTarget, slotsOf } from "./instruction.ts";
import { printMnemonic } from "./mnemonic_printer.ts";
import { signedHex } from "./operands.ts";
import { printObjdump, printPseudoC } from "./pseudo_c_printer.ts";

/** A syntax of assembly text: `r1 = *(u64 *)(r10 - 0x8)`, or `ldxdw %r1, [%r10-0x8]`. */
export type Syntax = "pseudo-c" | "mnemonic";

/** How to print one instruction. */
export interface PrintOptions {
  /** The syntax; `pseudo-c` by default. */
  readonly syntax?: Syntax;
  /** Print exactly what `llvm-objdump` 19 prints. Such text does not always parse back. */
  readonly objdump?: boolean;
  /**
   * The symbol of a jump target, printed behind the distance: `goto +0x3 <main+0x28>`.
   *
   * @param slot The slot of the target, perhaps outside the stream.
   * @returns The text between the angle brackets, or null for none.
   */
  readonly symbolize?: (slot: number) => string | null;
}

/** How to print a stream of instructions. */
export interface DisassembleOptions extends PrintOptions {
  /** Print distances (`goto +0x3`) rather than labels. Implied by `objdump`. */
  readonly numeric?: boolean;
  /** What the labels of other targets begin with, before the slot; `L` by default. */
  readonly labelPrefix?: string;
  /** Names of slots, such as where functions start. Names that repeat are made unique. */
  readonly labels?: ReadonlyMap<number, string>;
  /**
   * Whether the reference of the instruction at a slot is to be printed as a distance, because a relocation overrides
   * it.
   */
  readonly keepDistance?: (slot: number) => boolean;
  /** Lines printed before the instruction at a slot and its label, such as directives and comments; without line feeds. */
  readonly linesBefore?: (slot: number) => readonly string[];
  /** A comment printed behind the instruction at a slot, without its `#`; empty for none. */
  readonly comment?: (slot: number) => string;
}

/** The slot an instruction refers to: of its jump, its local call, its function address; -1 for no reference. */
function referenceTarget(insn: Instruction, slot: number): number {
  switch (insn.op.kind) {
    case "goto":
    case "branch":
    case "may_goto":
      return jumpTarget(insn, slot);
    case "call":
      return insn.op.fn === "local" ? slot + 1 + insn.imm : NO_TARGET;
    case "lddw":
      return insn.op.fn === "func" ? slot + 1 + insn.imm : NO_TARGET;
    default:
      return NO_TARGET;
  }
}
/** No slot: distances have 32 bits. */
const NO_TARGET = Number.MIN_SAFE_INTEGER;

/**
 * Prints one instruction, with distances rather than labels.
 *
 * @param insn The instruction.
 * @param slot Its slot.
 * @param options How to print it.
 * @returns The text, one line.
 */
export function printInstruction(
  insn: Instruction,
  slot: number,
  options: PrintOptions = {},
): string {
  const target = referenceTarget(insn, slot);
  let reference = "";
  if (target !== NO_TARGET) {
    reference = signedHex(target - slot - 1);
    const symbol = insn.op.kind === "lddw" ? null : options.symbolize?.(target) ?? null;
    if (symbol !== null) reference += ` <${symbol}>`;
  }
  if (options.objdump === true) return printObjdump(insn, reference);
  return options.syntax === "mnemonic"
    ? printMnemonic(insn, reference)
    : printPseudoC(insn, reference);
}

/** Words that a bare label must not be, as they mean something where a label may stand. */
const RESERVED = new Set(["pc", "kfunc", "local", "helper", "runtime"]);

/** A label as text: bare if it is an identifier, else quoted. */
function labelText(name: string): string {
  return /^[A-Za-z_.$][\w.$]*$/.test(name) && !RESERVED.has(name) ? name : JSON.stringify(name);
}

/** The labels of a listing by slot: the given names, and the prefix with the slot for every other target. */
function placeLabels(
  insns: readonly Instruction[],
  options: DisassembleOptions,
): Map<number, string> {
  const starts = new Set<number>();
  let slots = 0;
  for (const insn of insns) {
    starts.add(slots);
    slots += slotsOf(insn);
  }
  starts.add(slots);
  const labels = new Map<number, string>();
  const taken = new Set<string>();
  const place = (slot: number, name: string) => {
    let unique = taken.has(name) ? `${name}.${slot}` : name;
    while (taken.has(unique)) unique += "_";
    taken.add(unique);
    labels.set(slot, labelText(unique));
  };
  for (const [slot, name] of options.labels ?? []) if (starts.has(slot)) place(slot, name);
  let slot = 0;
  for (const insn of insns) {
    const target = referenceTarget(insn, slot);
    if (target !== NO_TARGET && !labels.has(target) && starts.has(target)) {
      if (options.keepDistance?.(slot) !== true) {
        place(target, `${options.labelPrefix ?? "L"}${target}`);
      }
    }
    slot += slotsOf(insn);
  }
  return labels;
}

/** What an instruction refers to: its label, or the distance with its sign; empty for no reference. */
function referenceText(
  insn: Instruction,
  slot: number,
  labels: ReadonlyMap<number, string>,
  options: DisassembleOptions,
): string {
  const target = referenceTarget(insn, slot);
  if (target === NO_TARGET) return "";
  const label = options.keepDistance?.(slot) === true ? undefined : labels.get(target);
  return label ?? signedHex(target - slot - 1);
}

/**
 * Prints a stream of instructions. Without options the text is a listing with labels, which `assemble` parses back to
 * the same instructions.
 *
 * @param insns The instructions.
 * @param options How to print them.
 * @returns The text, a line for each instruction and label.
 *
 * @example
 * ```ts
 * import { decode } from "./codec.ts";
 * import { disassemble } from "./disassemble.ts";
 *
 * const code = new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
 * console.log(disassemble(decode(code))); // r0 = 0x1, exit
 * ```
 */
export function disassemble(
  insns: readonly Instruction[],
  options: DisassembleOptions = {},
): string {
  const numeric = options.numeric === true || options.objdump === true;
  const labels = numeric ? new Map<number, string>() : placeLabels(insns, options);
  const print = options.syntax === "mnemonic" ? printMnemonic : printPseudoC;
  const lines: string[] = [];
  let slot = 0;
  for (const insn of insns) {
    if (options.linesBefore !== undefined) lines.push(...options.linesBefore(slot));
    const label = labels.get(slot);
    if (label !== undefined) lines.push(`${label}:`);
    const text = numeric
      ? printInstruction(insn, slot, options)
      : print(insn, referenceText(insn, slot, labels, options));
    const place = options.objdump === true ? `${String(slot).padStart(8)}:\t` : "  ";
    const comment = options.comment?.(slot) ?? "";
    lines.push(place + text + (comment === "" ? "" : ` # ${comment.replace(/[\r\n]+/g, " ")}`));
    slot += slotsOf(insn);
  }
  const end = labels.get(slot);
  if (end !== undefined) lines.push(`${end}:`);
  return lines.length === 0 ? "" : lines.join("\n") + "\n";
}
