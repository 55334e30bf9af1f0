/**
 * Sharing of leaves: an address or a wide constant that several instructions need is loaded once where one of them
 * dominates the others.
 *
 * Before: `v1 = call map_lookup_elem(map, v0); …; v2 = call map_lookup_elem(map, v0)`. After: `v3 = copy map;
 * v1 = call map_lookup_elem(v3, v0); …; v2 = call map_lookup_elem(v3, v0)`.
 *
 * A bare leaf is materialised at each use, an `lddw` of two slots. A move of it lives in a register across blocks; where
 * registers run out it is recomputed, so that sharing costs nothing. Comes last, since other passes look for leaves.
 *
 * @module
 */

import { Dominators } from "../ir/dominators.ts";
import type { Block, IrFunction, Value } from "../ir/function.ts";
import type { Pass, PassContext } from "./pass.ts";

/** Uses of one leaf that one move can serve. */
interface Group {
  readonly leaf: Value;
  /** The first user, before which the move goes, and its block. */
  readonly first: Value;
  readonly block: Block;
  readonly uses: { readonly args: Value[]; readonly index: number }[];
}

/** Whether a leaf takes two slots. */
function isWide({ op, imm }: Value): boolean {
  if (op === "symbol") return true;
  return op === "const" && BigInt.asUintN(64, BigInt.asIntN(32, imm)) !== imm && imm >> 32n !== 0n;
}

/** Finds the groups, by a walk in reverse post order. */
function groupsOf(fn: IrFunction): Group[] {
  const dominators = new Dominators(fn);
  const groups: Group[] = [];
  const byLeaf: (Group[] | undefined)[] = new Array(fn.valueCount);
  for (const block of dominators.order) {
    for (const user of block.insns) {
      if (user.op === "copy") continue;
      const { args } = user;
      for (let index = 0; index < args.length; index++) {
        const leaf = args[index];
        if (!isWide(leaf)) continue;
        const known = byLeaf[leaf.id] ??= [];
        let group = known.find((other) => dominators.dominates(other.block, block));
        if (group === undefined) {
          group = { leaf, first: user, block, uses: [] };
          known.push(group);
          groups.push(group);
        }
        group.uses.push({ args, index });
      }
    }
  }
  return groups;
}

function run(fn: IrFunction, context: PassContext): boolean {
  const groups = groupsOf(fn).filter(({ uses }) => uses.length > 1);
  if (groups.length === 0) return false;
  const before = new Map<Value, Value[]>();
  for (const { leaf, first, block, uses } of groups) {
    const move = fn.newValue("copy", [leaf]);
    move.pc = first.pc;
    move.block = block;
    for (const { args, index } of uses) args[index] = move;
    const moves = before.get(first);
    if (moves === undefined) before.set(first, [move]);
    else moves.push(move);
  }
  for (const block of new Set(groups.map((group) => group.block))) {
    block.insns = block.insns.flatMap((value) => {
      const moves = before.get(value);
      return moves === undefined ? [value] : [...moves, value];
    });
  }
  context.count("leaves shared", groups.length);
  return true;
}

/** The pass. */
export const shareLeaves: Pass = {
  name: "share-leaves",
  summary: "addresses and wide constants are loaded once for several users",
  options: [],
  run,
};
