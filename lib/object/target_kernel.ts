/**
 * The kernel that a program is linked for: what its externs and CO-RE records are resolved against.
 *
 * @module
 */

import type { BtfType } from "./btf.ts";
import type { CoreTypes } from "./core_types.ts";

/** What programs may name: functions, variables, and types that tell the arguments of tracepoints. */
export type KernelSymbolKind = "func" | "var" | "typedef";

/** A function, variable or type of a kernel. */
export interface KernelSymbol {
  /** The types that describe it: the kernel's own, or those of a module with the kernel's. */
  readonly types: CoreTypes;
  /** Its id among them. */
  readonly id: number;
  /** Id by which the kernel knows the types of the module; 0 for the kernel itself. */
  readonly module: number;
}

/** A kernel. What costs time is done when it is first asked for. */
export interface TargetKernel {
  /** Its own types. */
  readonly types: CoreTypes;

  /**
   * The types of the modules that have one of a kind and name.
   *
   * @param type A type of a program.
   * @returns For each such module its types with the kernel's.
   */
  modulesWith(type: BtfType): readonly CoreTypes[];

  /**
   * Finds a function, variable or type, first in the kernel itself, then in modules.
   *
   * @param kind Which of them.
   * @param name Its name.
   * @returns Where it is; null if there is none.
   */
  find(kind: KernelSymbolKind, name: string): KernelSymbol | null;

  /**
   * Finds a value of its configuration.
   *
   * @param name Its name, such as `CONFIG_HZ`, or one of those that libbpf defines, such as `LINUX_KERNEL_VERSION`.
   * @returns A number, a text, or `y` or `m`; null if it is not set or not known.
   */
  config(name: string): bigint | string | null;

  /**
   * Finds the address of a symbol.
   *
   * @param name Its name.
   * @returns Its address; null if there is none.
   */
  address(name: string): bigint | null;
}
