/**
 * Faults: how the execution of a guest program ends when it does not return.
 *
 * @module
 */

import { EpassError } from "../errors.ts";

/** Why a program was stopped. */
export type FaultKind =
  /** An access below the first mapped address. */
  | "null"
  /** An access outside every region, or across the end of one. */
  | "out-of-bounds"
  /** A store to a read-only region. */
  | "read-only"
  /** An atomic access whose address is not a multiple of its size. */
  | "misaligned"
  /** The limit of instructions or of time was reached. */
  | "limit"
  /** A call deeper than the eight frames of a program. */
  | "call-depth"
  /** A jump or call to a place outside the section, or inside an `lddw`. */
  | "bad-jump"
  /** Control ran past the last instruction of a section. */
  | "end-of-code"
  /** A `callx`, callback or tail call whose address is not that of a function. */
  | "bad-call-target"
  /** A call of a helper or kfunc that is not registered. */
  | "unknown-helper"
  /** An `lddw` whose symbol nobody resolved. */
  | "unresolved-symbol"
  /** An undefined encoding, a write to r10, or an instruction that the virtual machine does not run. */
  | "invalid-instruction"
  /** A helper refused its arguments. */
  | "helper";

/** A fault and where it happened. */
export interface Fault {
  /** Why the program was stopped. */
  readonly kind: FaultKind;
  /** Slot of the instruction in its section. */
  readonly pc: number;
  /** Name of the section; empty for raw programs. */
  readonly section: string;
  /** Name of the function. */
  readonly function: string;
  /** What failed, a colon, then the state. */
  readonly message: string;
  /** r0 to r10 before the instruction, as unsigned 64-bit patterns. */
  readonly registers: readonly bigint[];
}

/** Thrown by helpers and by accesses to guest memory on their behalf; the engine turns it into a {@link Fault}. */
export class GuestFault extends EpassError {
  /** Name of the class. */
  override name = "GuestFault";
  /** Why the program is stopped. */
  readonly kind: FaultKind;

  /**
   * Makes a fault.
   *
   * @param kind Why the program is stopped.
   * @param message What failed, a colon, then the state.
   */
  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
