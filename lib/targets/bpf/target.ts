/**
 * The eBPF target: SSA to bytecode.
 *
 * @module
 */

import { allocateRegisters } from "../../codegen/allocate.ts";
import type { AllocatedFunction } from "../../codegen/allocation.ts";
import { checkAllocation } from "../../codegen/check_allocation.ts";
import type { MachineFunction } from "../../codegen/machine.ts";
import type { ByteOrder } from "../../bytes.ts";
import { InvariantError, UnsupportedError } from "../../errors.ts";
import type { IrFunction } from "../../ir/function.ts";
import type { Version } from "../../isa/ops.ts";
import type { FunctionCode } from "../../object/program.ts";
import { BPF, BpfInsn, bpfRegisters } from "./code.ts";
import { emitBpf } from "./emit.ts";
import { FRAME_SIZE } from "./frame.ts";
import { expandSelects } from "./expand_selects.ts";
import { lowerToBpf } from "./lower.ts";
import { spillSlots } from "./spill_slots.ts";

/** How to generate code. */
export interface BpfTargetOptions {
  /** Newest ISA version that may be used. */
  readonly cpu: Version;
  /** Byte order of the program. */
  readonly order: ByteOrder;
  /** Registers that the allocator may choose, a mask of r0 to r9; all by default. At least three. */
  readonly registers?: number;
  /**
   * Whether code need not be what it was: constants take their shortest form, and spill slots may be in holes of the
   * program's own frame. Helper ids must mean what they mean to Linux.
   */
  readonly optimised?: boolean;
  /** Whether to validate the register allocation; for tests, and when in doubt. */
  readonly check?: boolean;
}

const makeJump = (): BpfInsn => new BpfInsn(BPF.goto, -1, []);

/** More values than this cannot be alive at once: what registers and a frame hold. */
const MOST_PARAMS = 10 + FRAME_SIZE / 8;

/** Refuses blocks with so many parameters that allocating them is in vain, and slow. */
function checkParams(fn: IrFunction): void {
  for (const { id, params } of fn.blocks) {
    if (params.length <= MOST_PARAMS) continue;
    throw new UnsupportedError(
      `cannot allocate registers: block b${id} has ${params.length} parameters, the most is ${MOST_PARAMS}`,
      { function: fn.name },
    );
  }
}

function validate(
  machine: MachineFunction<BpfInsn>,
  allocated: AllocatedFunction<BpfInsn>,
): void {
  const errors = checkAllocation(machine, allocated);
  if (errors.length > 0) {
    throw new InvariantError(`wrong register allocation in ${machine.name}: ${errors[0]}`);
  }
}

/**
 * Compiles a function to eBPF bytecode.
 *
 * @param fn A valid function; what eBPF lacks is expanded in it.
 * @param options How to generate code.
 * @returns The code, to be put into a section.
 * @throws {UnsupportedError} If it needs more stack than a frame has, or instructions that the ISA version lacks.
 */
export function compileToBpf(fn: IrFunction, options: BpfTargetOptions): FunctionCode {
  expandSelects(fn);
  checkParams(fn);
  const machine = lowerToBpf(fn, options);
  const allocated = allocateRegisters(machine, bpfRegisters(options.registers), makeJump);
  if (options.check === true) validate(machine, allocated);
  const { slotCount } = allocated;
  const { cpu, order } = options;
  const environment = { target: "bpf", cpu, order, kernelHelpers: true } as const;
  const slots = spillSlots(fn, slotCount, options.optimised === true ? environment : null);
  if (slots.length < slotCount) {
    throw new UnsupportedError(
      `cannot allocate registers: ${slotCount} spill slots do not fit beside the stack in use`,
      { function: fn.name },
    );
  }
  return emitBpf(machine, allocated, slots, cpu);
}
