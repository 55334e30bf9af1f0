/**
 * What calls call, and with which arguments.
 *
 * @module
 */

import type { Callee } from "../ir/function.ts";
import { helperById } from "../isa/helpers.ts";
import type { Instruction } from "../isa/instruction.ts";
import type { CodeSection, Program, ProgramFunction } from "../object/program.ts";
import { liftError } from "./flow.ts";
import { argumentRegisters, optional, required } from "./registers.ts";

/** Facts about a program that the lifting of each of its functions needs. */
export interface LiftContext {
  /** The program. */
  readonly program: Program;
  /** Helper ids mean what they mean to Linux; otherwise any helper may read any argument. */
  readonly kernelHelpers: boolean;
  /** For each function the set of argument registers that it reads, or that BTF says it has. */
  readonly argumentReads: Int32Array;
  /** For each section the slots that a relocation or CO-RE record belongs to: 1 there, 0 elsewhere. */
  readonly attached: ReadonlyMap<CodeSection, Uint8Array>;
}

/** All argument registers, of a callee about which nothing is known. */
export const ANY_ARGUMENTS: number = optional(argumentRegisters(5));

/**
 * The argument registers that a call reads.
 *
 * @param context Facts about the program.
 * @param section The section of the call.
 * @param insn A `call`.
 * @param slot Its slot.
 * @returns A register set.
 */
export function callReads(
  context: LiftContext,
  section: CodeSection,
  insn: Instruction,
  slot: number,
): number {
  if (insn.op.fn === "helper") {
    const signature = context.kernelHelpers ? helperById(insn.imm) : null;
    if (signature === null) return ANY_ARGUMENTS;
    return required(argumentRegisters(signature.params.length)) |
      (signature.variadic ? ANY_ARGUMENTS : 0);
  }
  const target = section.targets.get(slot);
  if (target === undefined) return ANY_ARGUMENTS;
  if (target.kind === "function") return context.argumentReads[target.index];
  return target.params < 0
    ? ANY_ARGUMENTS
    : required(argumentRegisters(Math.min(target.params, 5)));
}

/**
 * What a call calls.
 *
 * @param context Facts about the program.
 * @param fn The function that holds the call.
 * @param insn A `call`.
 * @param slot Its slot.
 * @returns The callee.
 * @throws {UnsupportedError} If that cannot be told.
 */
export function calleeOf(
  context: LiftContext,
  fn: ProgramFunction,
  insn: Instruction,
  slot: number,
): Callee {
  const { section } = fn;
  const form = insn.op.fn;
  const relocation = section.relocations.get(slot) ?? null;
  if (form === "helper") {
    if (relocation === null) return { kind: "helper", id: insn.imm };
    throw liftError(fn, slot, `helper call with a relocation against ${relocation.name}`);
  }
  const target = section.targets.get(slot);
  if (form === "local" && target?.kind === "function") {
    const { name } = context.program.functions[target.index];
    return { kind: "local", target: target.index, name, relocation };
  }
  if (target?.kind === "function" || form === "local" && relocation === null) {
    throw liftError(fn, slot, "call of an address where no function starts");
  }
  return {
    kind: "kfunc",
    name: target?.name ?? relocation?.name ?? "",
    imm: insn.imm,
    off: insn.off,
    form: form === "local" ? "local" : "kfunc",
    relocation,
  };
}
