/**
 * What a pass is: a function over a function, with a name, a summary and options.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import type { IrFunction } from "../ir/function.ts";
import type { Version } from "../isa/ops.ts";

/** What code is optimised for: the kernel, whose verifier must still follow it, or the virtual machine. */
export type PassTarget = "bpf" | "vm";

/** What passes may know of the program and of the machine that it is for. */
export interface PassEnvironment {
  /** What the code is for. */
  readonly target: PassTarget;
  /** Newest ISA version that the output may use. */
  readonly cpu: Version;
  /** Byte order of the program. */
  readonly order: ByteOrder;
  /** Helper ids mean what they mean to Linux. */
  readonly kernelHelpers: boolean;
}

/** What one run of a pass is given. */
export interface PassContext extends PassEnvironment {
  /**
   * The value of an option of the pass.
   *
   * @param name A name among the pass's options.
   * @returns The value given, or the default.
   */
  option(name: string): number;
  /**
   * Counts what the pass did, for `--stats`.
   *
   * @param what What was done, in words.
   * @param times How often; once by default.
   */
  count(what: string, times?: number): void;
}

/** An option of a pass. */
export interface PassOption {
  /** Its name. */
  readonly name: string;
  /** What it sets. */
  readonly summary: string;
  /** Its value where none is given; 0 and 1 stand for no and yes. */
  readonly value: number;
}

/** A pass. */
export interface Pass {
  /** Its name, in kebab case. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Its options. */
  readonly options: readonly PassOption[];
  /**
   * Changes a function.
   *
   * @param fn A valid function; it is valid afterwards.
   * @param context Options, and what is known of the program and its machine.
   * @returns Whether anything changed.
   */
  run(fn: IrFunction, context: PassContext): boolean;
}
