/**
 * Dead code: values that nothing needs, parameters among them, and blocks that nothing reaches.
 *
 * Before: `v2 = add v1, 1; v3 = load v0; return v4`. After: `return v4`.
 *
 * Marks from the roots (effects and terminators) backwards: a parameter is needed only if something needed uses it, so
 * that a loop that only carries a value around loses it (Cytron et al., 1991, section 7.1, without removing branches).
 * A load without a use goes, too: the verifier proved that it cannot fault. That is why the option exists.
 *
 * @module
 */

import { removeInsns, removeParams, removeUnreachable } from "../ir/cfg.ts";
import type { IrFunction, Value } from "../ir/function.ts";
import { OPERATIONS } from "../ir/operations.ts";
import type { Pass, PassContext } from "./pass.ts";

/** Marks what is needed, by value id. */
function markNeeded(fn: IrFunction, loads: boolean): Uint8Array {
  const needed = new Uint8Array(fn.valueCount);
  const work: Value[] = [];
  const need = (value: Value): void => {
    if (needed[value.id] !== 0) return;
    needed[value.id] = 1;
    work.push(value);
  };
  for (const { insns, term } of fn.blocks) {
    for (const value of insns) {
      const { effect } = OPERATIONS[value.op];
      if (effect !== "none" && !(loads && effect === "read")) need(value);
    }
    for (const arg of term!.args) need(arg);
  }
  const indices = paramIndices(fn);
  while (work.length > 0) {
    const value = work.pop()!;
    if (value.op === "param") {
      for (const edge of value.block?.preds ?? []) need(edge.args[indices[value.id]]);
    } else {
      for (const arg of value.args) need(arg);
    }
  }
  return needed;
}

/** Place of each parameter among those of its block, by value id. */
function paramIndices(fn: IrFunction): Int32Array {
  const indices = new Int32Array(fn.valueCount);
  for (const { params } of fn.blocks) {
    for (let i = 0; i < params.length; i++) indices[params[i].id] = i;
  }
  return indices;
}

function run(fn: IrFunction, context: PassContext): boolean {
  let changed = removeUnreachable(fn);
  const needed = markNeeded(fn, context.option("loads") !== 0);
  const dead = needed.map((mark) => 1 - mark);
  let count = 0;
  for (const block of fn.blocks) {
    for (const value of block.insns) count += dead[value.id];
    if (block === fn.entry || block.params.every(({ id }) => dead[id] === 0)) continue;
    const { params } = block;
    removeParams(block, (i) => dead[params[i].id] !== 0);
    changed = true;
  }
  if (count === 0) return changed;
  removeInsns(fn, dead);
  context.count("instructions removed", count);
  return true;
}

/** The pass. */
export const deadCode: Pass = {
  name: "dead-code",
  summary: "removes values that nothing needs, and blocks that nothing reaches",
  options: [
    { name: "loads", summary: "also loads without a use, which might have faulted", value: 1 },
  ],
  run,
};
