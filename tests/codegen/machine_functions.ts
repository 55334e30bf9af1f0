/**
 * Functions in machine form, made of random programs.
 *
 * @module
 */

import { allocateRegisters } from "../../lib/codegen/allocate.ts";
import type { AllocatedFunction } from "../../lib/codegen/allocation.ts";
import type { MachineFunction } from "../../lib/codegen/machine.ts";
import { UnsupportedError } from "../../lib/errors.ts";
import { checkFunction } from "../../lib/ir/check.ts";
import type { IrFunction } from "../../lib/ir/function.ts";
import { reversePostOrder } from "../../lib/codegen/machine.ts";
import { encode } from "../../lib/isa/codec.ts";
import { liftContext } from "../../lib/lift/context.ts";
import { liftFunction } from "../../lib/lift/lift.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { BPF, BpfInsn, bpfRegisters } from "../../lib/targets/bpf/code.ts";
import { expandSelects } from "../../lib/targets/bpf/expand_selects.ts";
import { lowerToBpf } from "../../lib/targets/bpf/lower.ts";
import { randomFunction } from "../ir/random_ir.ts";
import { randomProgram } from "../support/random_program.ts";

/** A random program and its functions in SSA form. */
export interface Lifted {
  readonly program: Program;
  readonly context: Uint8Array;
  readonly functions: readonly IrFunction[];
}

/**
 * @param seed Seed of the program.
 * @returns A random program without faults, lifted.
 */
export function liftedProgram(seed: number): Lifted {
  const { insns, context } = randomProgram(seed, { faults: 0 });
  const program = loadProgram(encode(insns), { from: "raw" });
  const lifting = liftContext(program);
  const functions = program.functions.map(({ index }) => liftFunction(program, index, lifting));
  return { program, context, functions };
}

/**
 * @param fn A valid function.
 * @returns Its machine form.
 */
export function lowered(fn: IrFunction): MachineFunction<BpfInsn> {
  const [error] = checkFunction(fn);
  if (error !== undefined) throw new Error(`the test made an invalid function: ${error}`);
  expandSelects(fn);
  return lowerToBpf(fn, { cpu: 4, order: "little" });
}

/**
 * @param seed Seed of the function.
 * @returns A function of any shape in machine form; null if the target refuses it or not all blocks can be reached.
 */
export function randomMachine(seed: number): MachineFunction<BpfInsn> | null {
  try {
    const machine = lowered(randomFunction(seed, 14));
    return reversePostOrder(machine).length === machine.blocks.length ? machine : null;
  } catch (error) {
    if (error instanceof UnsupportedError) return null;
    throw error;
  }
}

/**
 * @param machine A function in machine form.
 * @param registers Registers that may be chosen, a mask.
 * @returns Its allocation.
 */
export function allocated(
  machine: MachineFunction<BpfInsn>,
  registers: number,
): AllocatedFunction<BpfInsn> {
  return allocateRegisters(
    machine,
    bpfRegisters(registers),
    () => new BpfInsn(BPF.goto, -1, []),
  );
}
