/**
 * Conditional branches, and what takes their place in ISA versions that lack them.
 *
 * @module
 */

import type { Terminator, Value } from "../../ir/function.ts";
import { COND, type Cond, type Width } from "../../isa/ops.ts";
import { BPF, type BpfInsn } from "./code.ts";
import type { InsnBuilder } from "./insn_builder.ts";
import { Rows } from "./rows.ts";

/**
 * Lowers a `branch`.
 *
 * @param out Where instructions before it are appended.
 * @param term The terminator.
 * @param flipped Collects the ids of blocks whose branch became the inverse one, so that its edges change places.
 * @returns The branch instruction, not appended.
 */
export function lowerBranch(out: InsnBuilder, term: Terminator, flipped: Set<number>): BpfInsn {
  let fn = term.fn as Cond;
  let [a, b] = term.args;
  const { width } = term;
  const { cpu } = out.options;
  if (out.immediates.of(a, width) !== null && out.immediates.of(b, width) === null) {
    [a, b] = [b, a];
    fn = COND[fn].swapped;
  }
  // Below v2 a missing condition is the inverse of one that exists.
  if (COND[fn].version > cpu) {
    fn = COND[fn].inverse!;
    flipped.add(term.edges[0].from.id);
  }
  if (width === 32 && cpu < 3) {
    const signed = fn.startsWith("s") && fn !== "set";
    const uses = [widened(out, a, signed), widened(out, b, signed)];
    return out.make(Rows.branch(fn, 64, "reg"), -1, uses);
  }
  return compare(out, fn, width, a, b);
}

function compare(out: InsnBuilder, fn: Cond, width: Width, a: Value, b: Value): BpfInsn {
  const imm = out.immediates.of(b, width);
  const left = out.operand(a);
  if (imm !== null) {
    return out.make(Rows.branch(fn, width, "imm"), -1, [left], 0, imm);
  }
  const uses = [left, out.operand(b)];
  return out.make(Rows.branch(fn, width, "reg"), -1, uses);
}

/** The low 32 bits of a value extended to 64, for versions without 32-bit comparisons. */
function widened(out: InsnBuilder, value: Value, signed: boolean): number {
  const def = out.newVreg(-1);
  const source = out.operand(value);
  if (signed) return out.extend(source, 32, def);
  out.emit(BPF.mov32Reg, def, [source]);
  return def;
}
