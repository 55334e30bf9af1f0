/**
 * Displacements: accesses next to one that went well share its base.
 *
 * Before: `v1 = load.u32 v0; v2 = add.64 v0, 96; v3 = load.u32 v2; v4 = add.64 v2, 96; v5 = load.u32 v4`. After:
 * `v1 = load.u32 v0; v3 = load.u32 v0 + 96; v5 = load.u32 v0 + 192`.
 *
 * Within a block. Behind an access, its base is known to be an address, so that what counts of the others is their sum
 * alone, and a check of the base serves for all. Unrolled loops that walk through memory consist of such accesses.
 *
 * @module
 */

import type { IrFunction, Value } from "../ir/function.ts";
import type { Pass, PassContext } from "./pass.ts";

/** The greatest displacement of an access. */
const MOST = 32_767n;
/** The most additions between two bases. */
const MOST_STEPS = 16;

const isAccess = ({ op }: Value): boolean => op === "load" || op === "store" || op === "atomic";

/** Gives an access a base that was used before it, if it differs from its own by a constant. */
function share(access: Value, used: ReadonlySet<Value>): boolean {
  let at = access.args[0], off = BigInt(access.off);
  for (let i = 0; i < MOST_STEPS; i++) {
    const { op, fn, width, core, args } = at;
    if (op !== "alu" || fn !== "add" || width !== 64 || core !== null) return false;
    if (args[1].op !== "const") return false;
    off += BigInt.asIntN(64, args[1].imm);
    at = args[0];
    if (!used.has(at)) continue;
    if (off < 0n || off > MOST) return false;
    access.args[0] = at;
    access.off = Number(off);
    return true;
  }
  return false;
}

function run(fn: IrFunction, context: PassContext): boolean {
  let count = 0;
  for (const { insns } of fn.blocks) {
    const used = new Set<Value>();
    for (const value of insns) {
      if (!isAccess(value) || value.core !== null || value.off < 0) continue;
      if (share(value, used)) count++;
      else used.add(value.args[0]);
    }
  }
  context.count("accesses with the base of another", count);
  return count > 0;
}

/** The pass. */
export const displacements: Pass = {
  name: "displacements",
  summary: "lets accesses next to each other share their base",
  options: [],
  run,
};
