/**
 * If-conversion: a branch around a few cheap instructions becomes a choice between two values.
 *
 * Before:
 *
 *     b0(v0, v1): branch.64.lt v0, v1, b2(v0), b1
 *     b1: v2 = add.64 v1, 1; jump b2(v2)
 *     b2(v3): …
 *
 * After: `v2 = add.64 v1, 1; v3 = select.64.lt v0, v1, v0, v2`, in b0.
 *
 * Where the two sides of a branch meet again, and hold nothing but arithmetic, they move before the branch, and the
 * parameters of the block where they meet are selected. What a compiler for eBPF had as a conditional move comes back:
 * binary searches and clamps lose their unpredictable branches. Loads never move, since they may fault where they were
 * not executed; nor do divisions and more than a few instructions, which cost more than they save.
 *
 * The kernel's verifier follows branches and not choices, so this is for the virtual machine.
 *
 * @module
 */

import { connect, disconnect, removeTerminator, removeUnreachable } from "../ir/cfg.ts";
import { type Block, type Edge, type IrFunction, Terminator, type Value } from "../ir/function.ts";
import { Builder } from "../ir/builder.ts";
import { reversePostOrder } from "../ir/order.ts";
import type { Cond } from "../isa/ops.ts";
import { mergeChains } from "./merge_blocks.ts";
import type { Pass, PassContext } from "./pass.ts";

/** What an instruction costs when it is executed in vain; above any budget for what must not be. */
const NEVER = 1000;

function cost(value: Value): number {
  if (value.core !== null) return NEVER;
  switch (value.op) {
    case "copy":
    case "zext":
      return 0;
    case "sext":
    case "unary":
      return 1;
    case "select":
      return 2;
    case "alu":
      if (value.fn.endsWith("div") || value.fn.endsWith("mod")) return NEVER;
      return value.fn === "mul" ? 3 : 1;
    default:
      return NEVER;
  }
}

/** The jump at the end of a side of a branch that may move before it, since it only computes; null if it may not. */
function endOfSide({ to }: Edge, budget: number): Edge | null {
  if (to.preds.length !== 1 || to.params.length > 0 || to.term!.op !== "jump") return null;
  let total = 0;
  for (const value of to.insns) {
    total += cost(value);
    if (total > budget) return null;
  }
  return to.term!.edges[0];
}

/** Two ways from a branch to the block where they meet. */
interface Meeting {
  /** The edges that enter it: taken, otherwise. */
  readonly edges: readonly [Edge, Edge];
  /** The blocks in between. */
  readonly sides: readonly Block[];
}

function findMeeting(block: Block, budget: number): Meeting | null {
  const [taken, otherwise] = block.term!.edges;
  if (taken.to === otherwise.to) return { edges: [taken, otherwise], sides: [] };
  const left = endOfSide(taken, budget), right = endOfSide(otherwise, budget);
  if (left?.to === otherwise.to) return { edges: [left, otherwise], sides: [left.from] };
  if (right?.to === taken.to) return { edges: [taken, right], sides: [right.from] };
  if (left !== null && left.to === right?.to) {
    return { edges: [left, right], sides: [left.from, right.from] };
  }
  return null;
}

/** Whether a choice is worth its price: few instructions, few choices. */
function pays({ edges: [taken, otherwise], sides }: Meeting, context: PassContext): boolean {
  let total = 0;
  for (const { insns } of sides) for (const value of insns) total += cost(value);
  let choices = 0;
  taken.args.forEach((arg, i) => choices += arg === otherwise.args[i] ? 0 : 1);
  return total <= context.option("instructions") && choices <= context.option("choices");
}

function convert(
  fn: IrFunction,
  block: Block,
  { edges: [taken, otherwise], sides }: Meeting,
): void {
  const { term } = block;
  const [a, b] = term!.args;
  const builder = new Builder(fn).atEnd(block);
  for (const { insns } of sides) {
    for (const value of insns.splice(0)) builder.add(value);
  }
  builder.pc = term!.pc;
  const args = taken.args.map((x, i) => {
    const y = otherwise.args[i];
    return x === y ? x : builder.select(term!.fn as Cond, term!.width, a, b, x, y);
  });
  const { to } = taken;
  removeTerminator(block);
  disconnect([taken, otherwise].filter((edge) => edge.from !== block));
  block.term = new Terminator("jump");
  block.term.pc = term!.pc;
  connect(block, to, args);
}

/** Converts what is convertible now; a conversion makes others possible. */
function round(fn: IrFunction, context: PassContext): number {
  let count = 0;
  for (const block of reversePostOrder(fn).reverse()) {
    if (block.term!.op !== "branch") continue;
    const meeting = findMeeting(block, context.option("instructions"));
    if (meeting === null || meeting.edges[0].to === block || !pays(meeting, context)) continue;
    if (meeting.edges[0].to.preds.length > context.option("entries")) continue;
    convert(fn, block, meeting);
    count++;
  }
  return count;
}

function run(fn: IrFunction, context: PassContext): boolean {
  let total = 0;
  for (let i = context.option("rounds"); i > 0; i--) {
    const count = round(fn, context);
    if (count === 0) break;
    total += count;
    removeUnreachable(fn);
    mergeChains(fn);
  }
  context.count("branches replaced by choices", total);
  return total > 0;
}

/** The pass. */
export const ifConversion: Pass = {
  name: "if-conversion",
  summary: "turns a branch around cheap instructions into a choice between values",
  options: [
    { name: "instructions", summary: "most instructions that are executed in vain", value: 2 },
    { name: "choices", summary: "most values that are chosen", value: 2 },
    {
      name: "entries",
      summary: "most ways into where the sides meet: each is looked at",
      value: 256,
    },
    { name: "rounds", summary: "how deep conversions nest, at most", value: 4 },
  ],
  run,
};
