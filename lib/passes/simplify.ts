/**
 * Simplification: constants are folded, arithmetic and branches take their cheapest form, extensions that change nothing
 * go, and additions move into the displacement of memory accesses.
 *
 * Before: `v2 = lsh.64 v1, 32; v3 = rsh.64 v2, 32; store.u8 v4, v3`. After: `store.u8 v4, v1`.
 *
 * One walk in reverse post order, so that operands come before their uses; the rules by operation are in
 * simplify_alu.ts and simplify_branch.ts. A value that turns out to equal another becomes a move and stays where it is,
 * for the edges that pass it (copy_propagation.ts).
 *
 * Nothing that the verifier needs is lost: what is known comes from rules that it has, too (analysis/transfer.ts).
 * Values with a CO-RE record are left alone.
 *
 * @module
 */

import { keepOnly, removeUnreachable } from "../ir/cfg.ts";
import type { Block, Edge, IrFunction, Value } from "../ir/function.ts";
import { reversePostOrder } from "../ir/order.ts";
import { rangesOf } from "./analysis/ranges.ts";
import { forwarded, forwardMoves, keptMoves } from "./copy_propagation.ts";
import type { Pass, PassContext } from "./pass.ts";
import {
  become,
  constantOf,
  type Peephole,
  simplifyAlu,
  simplifySext,
  simplifyUnary,
  simplifyZext,
} from "./simplify_alu.ts";
import { decidedEdge, simplifyBranch, simplifySelect } from "./simplify_branch.ts";
import { useCounts } from "./uses.ts";

/** Simplifies one function. */
class Simplification implements Peephole {
  readonly fn: IrFunction;
  readonly context: PassContext;
  readonly ranges: Peephole["ranges"];
  readonly uses: Int32Array;
  readonly #kept: Uint8Array;
  /** The constant that a parameter always is, by id. */
  readonly #constants: (Value | undefined)[] = [];
  /** Edges of terminators that always go one way. */
  readonly #decided: Edge[] = [];
  #changes = 0;

  constructor(fn: IrFunction, context: PassContext) {
    this.fn = fn;
    this.context = context;
    this.#kept = keptMoves(fn);
    this.ranges = rangesOf(fn);
    this.uses = useCounts(fn);
  }

  run(): boolean {
    for (const block of reversePostOrder(this.fn)) this.#block(block);
    if (this.#decided.length > 0) {
      keepOnly(this.#decided);
      removeUnreachable(this.fn);
      this.context.count("branches decided", this.#decided.length);
    }
    if (this.#changes === 0) return this.#decided.length > 0;
    forwardMoves(this.fn);
    this.context.count("instructions simplified", this.#changes);
    return true;
  }

  /** What to use instead of a value: through moves, and for parameters that are constant. */
  #resolve(value: Value): Value {
    const source = forwarded(value, this.#kept);
    return this.#constants[source.id] ?? source;
  }

  #block(block: Block): void {
    if (block !== this.fn.entry) block.params.forEach((param, i) => this.#param(block, param, i));
    for (const value of block.insns) this.#visit(value);
    const { args, op } = block.term!;
    for (let i = 0; i < args.length; i++) args[i] = this.#operand(args[i]);
    if (op !== "branch") return;
    const edge = decidedEdge(block.term!, this);
    if (edge !== null) this.#decided.push(edge);
    else if (simplifyBranch(block.term!, this)) this.#changes++;
  }

  #operand(arg: Value): Value {
    const operand = this.#resolve(arg);
    if (operand !== arg) this.#changes++;
    return operand;
  }

  /** A parameter that is passed one constant on every edge. */
  #param(block: Block, param: Value, index: number): void {
    const { preds } = block;
    const first = this.#resolve(preds[0].args[index]);
    if (first.op !== "const") return;
    for (const { args } of preds) if (this.#resolve(args[index]) !== first) return;
    this.#constants[param.id] = first;
  }

  #visit(value: Value): void {
    const { args } = value;
    for (let i = 0; i < args.length; i++) args[i] = this.#operand(args[i]);
    if (value.core !== null) return;
    if (value.op === "alu") this.#patched(value);
    const { op, fn } = value;
    const equal = this.#rules(value);
    if (equal === null) {
      if (value.op !== op || value.fn !== fn) this.#changes++;
      return;
    }
    this.#changes++;
    become(value, "copy", [this.#resolve(equal)]);
  }

  /** An addition takes a constant that CO-RE patches as its own immediate, where it alone needs it. */
  #patched(value: Value): void {
    const { args: [a, b], fn } = value;
    const isPatched = (arg: Value): boolean =>
      arg.op === "copy" && arg.core === null && arg.args[0].op === "core" &&
      arg.args[0].width === 32 && this.uses[arg.id] === 1;
    if (fn !== "add" || a === b) return;
    if (isPatched(b)) value.args = [a, b.args[0]];
    else if (isPatched(a)) value.args = [b, a.args[0]];
    else return;
    this.#changes++;
  }

  #rules(value: Value): Value | null {
    switch (value.op) {
      case "alu":
        return simplifyAlu(value, this);
      case "zext":
        return simplifyZext(value, this);
      case "sext":
        return simplifySext(value, this);
      case "unary":
        return simplifyUnary(value, this);
      case "select":
        return simplifySelect(value, this);
      case "load":
      case "atomic":
        this.#address(value);
        return null;
      case "store":
        this.#address(value);
        this.#stored(value);
        return null;
      default:
        return null;
    }
  }

  /** Moves an addition of a constant into the displacement. */
  #address(value: Value): void {
    const [base] = value.args;
    if (base.op !== "alu" || base.fn !== "add" || base.width !== 64 || base.core !== null) return;
    const added = constantOf(base.args[1]);
    if (added === null || this.uses[base.id] > 1 && base.args[0].op !== "frame") return;
    const off = value.off + Number(BigInt.asIntN(64, added));
    if (off < -0x8000 || off > 0x7fff) return;
    value.off = off;
    value.args[0] = base.args[0];
    this.#changes++;
  }

  /** A store looks at low bits only: what cleared or extended the others is not needed. */
  #stored(value: Value): void {
    const bits = 8 * value.size;
    if (bits === 64) return;
    let stored = value.args[1];
    for (;;) {
      if (stored.core !== null) break;
      if (stored.op === "zext" && bits <= 32) stored = stored.args[0];
      else if (stored.op === "sext" && bits <= stored.sign) stored = stored.args[0];
      else if (stored.op === "alu" && stored.fn === "and") {
        const mask = constantOf(stored.args[1], stored.width);
        if (mask === null || BigInt.asIntN(bits, mask) !== -1n) break;
        stored = stored.args[0];
      } else break;
    }
    if (stored === value.args[1]) return;
    value.args[1] = stored;
    this.#changes++;
  }
}

/** The pass. */
export const simplify: Pass = {
  name: "simplify",
  summary: "folds constants, takes the cheapest form of arithmetic, branches and addresses",
  options: [],
  run: (fn, context) => new Simplification(fn, context).run(),
};
