/**
 * Places in WebAssembly code where a program can stop.
 *
 * @module
 */

import type { TrapKind } from "../../ir/function.ts";

/** Why code stops at a site, if it is the code that finds out. */
export type SiteFault = TrapKind | "misaligned" | "call-depth";

/** A place where the program can stop. */
export interface Site {
  /** Index of the function in the program. */
  readonly function: number;
  /** Slot of the instruction in its section. */
  readonly pc: number;
  /** Why it stops if the machine traps there. */
  readonly fault: SiteFault;
  /** Bytes of memory accessed, 0 for none. */
  readonly size: number;
  /** Displacement of the access from the base that was checked. */
  readonly off: number;
  /** Whether memory is written. */
  readonly write: boolean;
  /** Where instructions are counted: ascending, the slots that were counted together, this one among them. */
  readonly segment: readonly number[];
}

/**
 * The slots that were counted and have not run when a program stops.
 *
 * @param site Where it stopped.
 * @returns The slots; the instruction at fault is the first.
 */
export function uncounted({ segment, pc }: Site): readonly number[] {
  const from = segment.findIndex((slot) => slot >= pc);
  return from < 0 ? [] : segment.slice(from);
}

/** The sites of a module. */
export interface SiteTable {
  /** The sites by number, as code passes them to the host. */
  readonly sites: readonly Site[];
  /** Byte offsets in the module of instructions that trap, ascending. */
  readonly offsets: Int32Array;
  /** Parallel to the offsets: the numbers of their sites. */
  readonly numbers: Int32Array;
}

/**
 * Finds the site of a trap.
 *
 * @param table The sites of a module.
 * @param offset Byte offset in the module of the instruction.
 * @returns The site, or null if there is none.
 */
export function siteAt({ sites, offsets, numbers }: SiteTable, offset: number): Site | null {
  let low = 0, high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return offsets[low] === offset ? sites[numbers[low]] : null;
}
