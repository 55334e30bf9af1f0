/**
 * Peeling and unrolling of small innermost loops.
 *
 * Before: `b0 → b1; b1 → b1, b2`. After: `b0 → b1'; b1' → b1, b2; b1 → b1'', b2; b1'' → b1, b2`: the first turn runs in
 * a copy, and one turn of the loop goes through several. Every copy keeps its exits, so that nothing need be known of
 * the number of turns. Where a counter tells how many are left, there are no exits: the copies run as long as more turns
 * than these are left, and the loop as it was does the rest.
 *
 * What an engine does once in a turn, such as to count it, it does for several at once. And what the first turn has
 * checked, the loop may rely on: an address that moves by a constant from one that was good is good, as long as each is
 * used (targets/wasm/safe_accesses.ts). Loops with calls are left alone, and so are those that values leave on several
 * ways.
 *
 * @module
 */

import { Dominators } from "../ir/dominators.ts";
import type { IrFunction, Value } from "../ir/function.ts";
import { type Loop, Loops } from "../ir/loops.ts";
import { counterTest } from "./analysis/counted_loop.ts";
import { ClosedLoop } from "./analysis/loop_copy.ts";
import type { Pass, PassContext } from "./pass.ts";

const isCall = ({ op }: Value): boolean => op === "call" || op === "packet";
const isAccess = ({ op }: Value): boolean => op === "load" || op === "store" || op === "atomic";

/** Instructions of a loop, its terminators among them; infinite for one that must not be copied. */
function sizeOf({ blocks }: Loop): number {
  let size = 0;
  for (const { insns, term } of blocks) {
    const { op } = term!;
    if (op !== "jump" && op !== "branch" && op !== "return") return Infinity;
    if (insns.some((value) => isCall(value) || value.core !== null)) return Infinity;
    size += insns.length + 1;
  }
  return size;
}

/** Whether a loop is the way out of an intrinsic in its place, and seldom runs. */
const isWayOut = ({ header }: Loop): boolean =>
  header.preds.some(({ from }) => from.term!.args[0]?.callee?.kind === "intrinsic");

function run(fn: IrFunction, context: PassContext): boolean {
  const loops = new Loops(fn, new Dominators(fn));
  if (loops.irreducible.length > 0) return false;
  let budget = context.option("growth"), count = 0;
  for (const loop of loops.all) {
    if (loop.children.length > 0 || isWayOut(loop) || count === context.option("loops")) continue;
    const size = sizeOf(loop);
    const peels = loop.blocks.some(({ insns }) => insns.some(isAccess));
    // Arithmetic alone gains the most from it.
    const most = context.option("times") * (peels ? 1 : 2);
    const times = Math.min(Math.floor(context.option("body") / size), most);
    if (times < 1 || size * times > budget) continue;
    const test = loop.blocks.length === 1 ? counterTest(loop.header) : null;
    const closed = ClosedLoop.close(fn, loop);
    if (closed === null) continue;
    if (peels) closed.peel();
    if (test === null) closed.unroll(times);
    else if (times > 1) closed.unrollCounted(times, test);
    budget -= size * times;
    count++;
  }
  context.count("loops unrolled", count);
  return count > 0;
}

/** The pass. */
export const loopUnroll: Pass = {
  name: "loop-unroll",
  summary: "makes one turn of several, and runs the first in a copy before the loop",
  options: [
    { name: "body", summary: "most instructions of a loop after unrolling", value: 64 },
    { name: "times", summary: "most turns that become one", value: 4 },
    { name: "growth", summary: "most instructions that are added", value: 2000 },
    { name: "loops", summary: "most loops: each costs a look at the function", value: 64 },
  ],
  run,
};
