/**
 * From what WebAssembly throws to the faults of programs.
 *
 * @module
 */

import { type Site, siteAt, type SiteTable } from "../targets/wasm/site.ts";
import type { Code } from "./code.ts";
import type { Fault, FaultKind } from "./fault.ts";

/** What the names of modules begin with; the number of the module follows. */
export const MODULE = "epass";

/** A frame of a module in a stack trace: its number, and a byte offset in it. */
const FRAME = /epass(\d+)[^\s]*wasm-function\[\d+\]:0x([0-9a-f]+)/;

const MESSAGES: { readonly [kind: string]: string } = {
  "call-depth": "cannot call: all 8 frames are in use",
  "unresolved-symbol": "cannot load an address: unresolved",
  "invalid-instruction": "cannot execute the instruction: undefined",
  "bad-jump": "cannot jump: outside the section",
  "end-of-code": "cannot continue: past the last instruction",
  "limit": "cannot continue: the instruction limit is reached",
};

/**
 * The site where WebAssembly code trapped.
 *
 * @param error What it threw.
 * @param modules The modules of the program, by number.
 * @returns The site, or null if it is none of these.
 */
export function trapSite(error: unknown, modules: readonly SiteTable[]): Site | null {
  if (!(error instanceof WebAssembly.RuntimeError)) return null;
  const match = FRAME.exec(error.stack ?? "");
  if (match === null) return null;
  const module = modules[Number(match[1])];
  return module === undefined ? null : siteAt(module, parseInt(match[2], 16));
}

/**
 * The fault of a program that stopped at a site.
 *
 * @param code The program.
 * @param site Where it stopped.
 * @param kind Why, by default as the site says.
 * @param message What failed; by default what is known of the kind.
 * @returns The fault; it has no registers.
 */
export function faultAt(
  code: Code,
  site: Site,
  kind: FaultKind = site.fault,
  message: string = defaultMessage(site, kind),
): Fault {
  const fn = code.program.functions[site.function];
  return {
    kind,
    pc: site.pc,
    section: fn.section.name,
    function: fn.name,
    message,
    registers: [],
  };
}

function defaultMessage({ size, write }: Site, kind: FaultKind): string {
  if (kind !== "out-of-bounds") return MESSAGES[kind] ?? `cannot continue: ${kind}`;
  return `cannot ${write ? "store" : "load"} ${size} bytes: beyond memory`;
}

/**
 * The fault of a trap whose place the host does not tell: without stack traces, or because its stack is exhausted.
 *
 * @param error What was thrown.
 * @returns The fault, without a place; null if it is no trap.
 */
export function unknownTrap(error: unknown): Fault | null {
  const exhausted = error instanceof RangeError && /call stack/.test(error.message);
  if (!exhausted && !(error instanceof WebAssembly.RuntimeError)) return null;
  return {
    kind: exhausted ? "call-depth" : "out-of-bounds",
    pc: 0,
    section: "",
    function: "",
    message: `cannot continue: ${error.message}`,
    registers: [],
  };
}
