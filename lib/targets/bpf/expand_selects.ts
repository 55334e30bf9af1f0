/**
 * Selects become branches, for eBPF has no conditional move.
 *
 * Before: `v5 = select.64.lt v1, v2, v3, v4` within a block. After: the block ends with `branch.64.lt v1, v2, b8(v3),
 * b8(v4)` and its rest is `b8(v5)`.
 *
 * @module
 */

import { connect } from "../../ir/cfg.ts";
import { Block, type IrFunction, Terminator, type Value } from "../../ir/function.ts";
import type { Cond } from "../../isa/ops.ts";

/** Cuts a block at its selects; the pieces in order. */
function cut(fn: IrFunction, block: Block): Block[] {
  const { insns, term } = block;
  const pieces = [block];
  let piece = block;
  block.insns = [];
  for (const value of insns) {
    if (value.op !== "select") {
      value.block = piece;
      piece.insns.push(value);
      continue;
    }
    const rest = new Block(fn.blockCount++);
    branch(piece, rest, value);
    rest.params = [parameter(value, rest)];
    pieces.push(piece = rest);
  }
  piece.term = term;
  for (const edge of piece.succs) edge.from = piece;
  return pieces;
}

/** Ends a piece with the branch of a select. */
function branch(from: Block, to: Block, { fn, width, args: [a, b, x, y], pc }: Value): void {
  from.term = new Terminator("branch", [a, b], fn as Cond, width);
  from.term.pc = pc;
  connect(from, to, [x]);
  connect(from, to, [y]);
}

/** Makes the parameter of the rest out of the select itself, so that its uses stay. */
function parameter(select: Value, block: Block): Value {
  select.op = "param";
  select.fn = "";
  select.width = 64;
  select.args = [];
  select.block = block;
  return select;
}

/**
 * Expands the selects of a function.
 *
 * @param fn A valid function; it is changed.
 */
export function expandSelects(fn: IrFunction): void {
  if (!fn.blocks.some(({ insns }) => insns.some(({ op }) => op === "select"))) return;
  fn.blocks = fn.blocks.flatMap((block) =>
    block.insns.some(({ op }) => op === "select") ? cut(fn, block) : [block]
  );
}
