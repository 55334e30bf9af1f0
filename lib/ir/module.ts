/**
 * A module: all functions of a program, those in SSA form and those kept as bytecode.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import type { FunctionCode } from "../object/program.ts";
import type { IrFunction } from "./function.ts";

/** A function that was not lifted, as bytecode. */
export interface VerbatimBody {
  /** Why it was not lifted. */
  readonly reason: string;
  /** Its instructions with what is attached to them. */
  readonly code: FunctionCode;
}

/** A function of a module. */
export interface ModuleFunction {
  /** Its name. */
  readonly name: string;
  /** Name of the section that holds it; empty for raw inputs. */
  readonly section: string;
  /** Its symbol is global or weak. */
  readonly global: boolean;
  /** Called or address taken by code of the module, so not (only) an entry point. */
  readonly subprogram: boolean;
  /** Number of parameters by BTF; -1 if unknown. */
  readonly params: number;
  /** Its code. */
  readonly body: IrFunction | VerbatimBody;
}

/** All functions of a program. */
export interface IrModule {
  /** Byte order of the program. */
  readonly order: ByteOrder;
  /** The functions; calls and addresses name one by its index. */
  readonly functions: readonly ModuleFunction[];
}

/** The version of the `.epir` text that is printed and parsed. */
export const EPIR_VERSION = 1;
