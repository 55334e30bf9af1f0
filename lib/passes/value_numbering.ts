/**
 * Global value numbering: of equal computations, the one that dominates serves for all.
 *
 * Before: `v2 = add.64 v1, 14; …; v3 = add.64 v1, 14`. After: `v2` wherever `v3` was.
 *
 * Blocks in reverse post order; a hash table of computations so far, whose candidates must dominate. Values with a CO-RE
 * record are left alone, as are moves of leaves, which mark where edges get them from, and addresses in the frame, which
 * the allocator recomputes for less than it costs to keep them. For the kernel, neither is what an operand's compare
 * narrows in between: the verifier knows less of the first computation (analysis/compared.ts).
 *
 * @module
 */

import { Dominators } from "../ir/dominators.ts";
import type { IrFunction, Value } from "../ir/function.ts";
import { ALU, type AluOp } from "../isa/ops.ts";
import { Compared } from "./analysis/compared.ts";
import { forwarded, forwardMoves, keptMoves } from "./copy_propagation.ts";
import type { Pass, PassContext } from "./pass.ts";
import { become } from "./simplify_alu.ts";

/** The most computations with one hash that are compared. */
const MOST_CANDIDATES = 16;

const CODES: ReadonlyMap<string, number> = new Map(
  [...Object.keys(ALU), "neg", "bswap16", "bswap32", "bswap64", "le16", "le32", "le64"].concat([
    ...["be16", "be32", "be64", ""],
  ]).map((fn, i) => [fn, i]),
);

function hashOf(value: Value): number {
  const { args, op, fn, width, sign } = value;
  let hash = (CODES.get(fn) ?? 0) * 8 + op.length + width + sign;
  let a = args[0].id, b = args.length > 1 ? args[1].id : 0;
  if (commutes(value) && a > b) [a, b] = [b, a];
  hash = Math.imul(hash ^ a, 0x9e37_79b1);
  return Math.imul(hash ^ hash >>> 15 ^ b, 0x85eb_ca6b);
}

function commutes({ op, fn }: Value): boolean {
  return op === "alu" && ALU[fn as AluOp].commutative;
}

function equal(a: Value, b: Value): boolean {
  if (a.op !== b.op || a.fn !== b.fn || a.width !== b.width || a.sign !== b.sign) return false;
  if (a.imm !== b.imm) return false;
  const [p, q] = a.args, [r, s] = b.args;
  return p === r && q === s || commutes(a) && p === s && q === r;
}

/** Whether equal operands give an equal result, and that is worth to be kept. */
function isNumbered({ op, core, args }: Value): boolean {
  if (core !== null) return false;
  if (op === "alu") return args[1].op !== "core" && args[0].op !== "frame";
  return op === "zext" && args[0].op !== "core" && args[0].op !== "const" || op === "sext" ||
    op === "unary" || op === "cast";
}

function run(fn: IrFunction, context: PassContext): boolean {
  const dominators = new Dominators(fn);
  const byHash = new Map<number, Value[]>();
  const kept = keptMoves(fn);
  const compared = context.target === "bpf" ? new Compared(dominators, fn.blockCount) : null;
  let count = 0;
  for (const block of dominators.order) {
    for (const value of block.insns) {
      const { args } = value;
      for (let i = 0; i < args.length; i++) args[i] = forwarded(args[i], kept);
      if (!isNumbered(value)) continue;
      const hash = hashOf(value);
      const candidates = byHash.get(hash);
      if (candidates === undefined) {
        byHash.set(hash, [value]);
        continue;
      }
      const same = candidates.find((other) =>
        equal(other, value) && dominators.dominates(other.block!, block) &&
        compared?.narrows(other, block) !== true
      );
      if (same !== undefined) {
        become(value, "copy", [same]);
        count++;
      } else {
        if (candidates.length === MOST_CANDIDATES) candidates.shift();
        candidates.push(value);
      }
    }
  }
  if (count === 0) return false;
  forwardMoves(fn);
  context.count("computations merged", count);
  return true;
}

/** The pass. */
export const valueNumbering: Pass = {
  name: "value-numbering",
  summary: "of equal computations, the one that dominates serves for all",
  options: [],
  run,
};
