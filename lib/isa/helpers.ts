/**
 * Signatures of the helper functions of the Linux UAPI.
 *
 * @module
 */

import { HELPER_TABLE } from "./helper_table.ts";

/** What a parameter of a helper function takes. */
export type ParamKind =
  | "scalar" // a number
  | "size" // the number of bytes of a memory parameter, usually the one before
  | "ctx" // the context of the program
  | "map" // a map
  | "map_key" // memory of the size of a key of the map
  | "map_value" // memory of the size of a value of the map
  | "memory" // memory; sized by a size parameter, by its type, or a string
  | "object" // a structure, of the kernel or in the program's memory, by its type
  | "function"; // a function of the program, called back

/** What a helper function returns in r0. */
export type ResultKind =
  | "void" // nothing: r0 is undefined
  | "scalar32" // an int or u32
  | "scalar64" // a long, s64 or u64
  | "pointer"; // a pointer, perhaps null

/** A parameter of a helper function. */
export interface HelperParam {
  /** What it takes. */
  readonly kind: ParamKind;
  /** Its name in the header. */
  readonly name: string;
  /** Its C type in the header. */
  readonly type: string;
}

/** A helper function. */
export interface HelperSignature {
  /** Its id: the immediate of the `call`. */
  readonly id: number;
  /** Its name without `bpf_`. */
  readonly name: string;
  /** What it returns. */
  readonly result: ResultKind;
  /** Its parameters, in r1 and up; at most 5. */
  readonly params: readonly HelperParam[];
  /** More arguments may follow, up to r5. */
  readonly variadic: boolean;
}

const byId: (HelperSignature | undefined)[] = [];
const byName = new Map<string, HelperSignature>();
for (const helper of HELPER_TABLE) {
  byId[helper.id] = helper;
  byName.set(helper.name, helper);
}

/**
 * Finds a helper function by id.
 *
 * @param id The immediate of a `call`.
 * @returns Its signature, or null if the header has none.
 */
export function helperById(id: number): HelperSignature | null {
  return byId[id] ?? null;
}

/**
 * Finds a helper function by name.
 *
 * @param name Its name, with or without `bpf_`.
 * @returns Its signature, or null if the header has none.
 */
export function helperByName(name: string): HelperSignature | null {
  return byName.get(name.replace(/^bpf_/, "")) ?? null;
}

/**
 * How many arguments a call of a helper may pass. Those between the least and the most are optional: pass what is
 * defined on every path.
 *
 * @param id The immediate of a `call`.
 * @returns The least and the most number; 5 and 5 for an unknown helper, which may read r1 to r5.
 */
export function helperArguments(id: number): { readonly least: number; readonly most: number } {
  const helper = helperById(id);
  if (helper === null) return { least: 5, most: 5 };
  const least = helper.params.length;
  return { least, most: helper.variadic ? 5 : least };
}
