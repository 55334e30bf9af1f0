/**
 * The checker: names every violated invariant of a function, in linear time but for the dominator tree.
 *
 * @module
 */

import { InvariantError } from "../errors.ts";
import { checkOperation, checkTerminator } from "./check_operation.ts";
import { Dominators } from "./dominators.ts";
import { type Block, type Edge, type IrFunction, isLeaf, type Value } from "./function.ts";
import { hasResult } from "./operations.ts";

/**
 * Checks a function. It does not demand that every block is reached, and says nothing of dominance in one that is not.
 *
 * @param fn The function.
 * @returns A line for each violation, naming function, block and value; empty if the function is valid.
 */
export function checkFunction(fn: IrFunction): string[] {
  return new Checker(fn).run();
}

/**
 * Asserts that a function is valid.
 *
 * @param fn The function.
 * @throws {InvariantError} If an invariant is violated; names the first few.
 */
export function assertValid(fn: IrFunction): void {
  const violations = checkFunction(fn);
  if (violations.length === 0) return;
  const more = violations.length > 5 ? `; and ${violations.length - 5} more` : "";
  throw new InvariantError(
    `function ${fn.name} is not valid: ${violations.slice(0, 5).join("; ")}${more}`,
  );
}

class Checker {
  readonly #fn: IrFunction;
  readonly #violations: string[] = [];
  readonly #blocks: (Block | undefined)[];
  /** Parameters, instructions and the leaves met so far, by id. */
  readonly #values: (Value | undefined)[];
  /** Place in its block by value id: 0 for a parameter, from 1 for an instruction. */
  readonly #places: Int32Array;
  readonly #constants = new Map<bigint, Value>();
  #undef: Value | null = null;
  #frame: Value | null = null;
  /** Null while the graph is not known to be sound. */
  #dominators: Dominators | null = null;
  #block: Block | null = null;
  /** The value whose fields are being checked; null for a terminator. */
  #subject: Value | null = null;
  readonly #reportSubject = (violation: string): void => this.#report(violation, this.#subject);

  constructor(fn: IrFunction) {
    this.#fn = fn;
    this.#blocks = new Array(fn.blockCount);
    this.#values = new Array(fn.valueCount);
    this.#places = new Int32Array(fn.valueCount);
  }

  run(): string[] {
    const { blocks } = this.#fn;
    if (blocks.length === 0) {
      this.#report("there are no blocks");
      return this.#violations;
    }
    for (const block of blocks) this.#collect(block);
    this.#checkGraph();
    if (this.#violations.length === 0) this.#dominators = new Dominators(this.#fn);
    for (const block of blocks) this.#checkBlock(block);
    return this.#violations;
  }

  #report(violation: string, value: Value | null = null): void {
    const block = this.#block === null ? "" : ` b${this.#block.id}:`;
    const name = value === null ? "" : ` v${value.id}:`;
    this.#violations.push(`${this.#fn.name}:${block}${name} ${violation}`);
  }

  /** Enters a block and what it defines into the tables. */
  #collect(block: Block): void {
    const blocks = this.#blocks;
    this.#block = block;
    if (!(Number.isInteger(block.id) && block.id >= 0 && block.id < blocks.length)) {
      return this.#report(`the block's id is not below ${blocks.length}`);
    }
    if (blocks[block.id] === block) return this.#report("the block is twice in the layout");
    if (blocks[block.id] !== undefined) return this.#report("the block's id is not unique");
    blocks[block.id] = block;
    for (const param of block.params) {
      if (param.op !== "param") this.#report(`${param.op} is among the parameters`, param);
      this.#define(param, 0);
    }
    block.insns.forEach((value, i) => {
      if (value.op === "param" || isLeaf(value)) {
        this.#report(`${value.op} is among the instructions`, value);
      }
      this.#define(value, i + 1);
    });
  }

  #define(value: Value, place: number): void {
    if (value.block !== this.#block) this.#report("its block is not the one that holds it", value);
    if (!this.#enter(value)) return;
    this.#places[value.id] = place;
  }

  /** Enters a value into the table; false if it cannot be. */
  #enter(value: Value): boolean {
    const values = this.#values;
    if (!(Number.isInteger(value.id) && value.id >= 0 && value.id < values.length)) {
      this.#report(`its id is not below ${values.length}`, value);
      return false;
    }
    if (values[value.id] !== undefined) {
      this.#report(
        values[value.id] === value ? "it is in two places" : "its id is not unique",
        value,
      );
      return false;
    }
    values[value.id] = value;
    return true;
  }

  /** Terminators, edges and predecessors. */
  #checkGraph(): void {
    const { blocks, entry } = this.#fn;
    const leaving = new Set<Edge>();
    for (const block of blocks) {
      this.#block = block;
      if (block.term === null) {
        this.#report("there is no terminator");
        continue;
      }
      checkTerminator(block.term, this.#reportSubject);
      for (const edge of block.term.edges) {
        if (edge.from !== block) this.#report("an edge leaves from another block");
        if (leaving.has(edge)) this.#report("an edge is twice in terminators");
        leaving.add(edge);
        const { to } = edge;
        if (this.#blocks[to.id] !== to) this.#report(`b${to.id} is not in the function`);
        if (edge.args.length !== to.params.length) {
          this.#report(
            `the edge to b${to.id} has ${edge.args.length} arguments for ${to.params.length} parameters`,
          );
        }
      }
    }
    this.#block = entry;
    if (entry.preds.length > 0) this.#report("the entry has predecessors");
    this.#checkPreds(leaving);
  }

  /** Takes each predecessor out of the edges that leave; none may be left or missing. */
  #checkPreds(leaving: Set<Edge>): void {
    for (const block of this.#fn.blocks) {
      this.#block = block;
      for (const edge of block.preds) {
        if (edge.to !== block) this.#report("a predecessor's edge enters another block");
        if (!leaving.delete(edge)) {
          this.#report(`the predecessor b${edge.from.id} has no such edge`);
        }
      }
    }
    for (const edge of leaving) {
      this.#block = edge.from;
      this.#report(`the edge to b${edge.to.id} is not among its predecessors`);
    }
  }

  #checkBlock(block: Block): void {
    this.#block = block;
    for (const param of block.params) this.#checkFields(param);
    block.insns.forEach((value, i) => {
      this.#checkFields(value);
      for (const arg of value.args) this.#checkUse(arg, i + 1, value);
    });
    if (block.term === null) return;
    const end = block.insns.length + 1;
    for (const arg of block.term.args) this.#checkUse(arg, end, null);
    for (const edge of block.term.edges) {
      for (const arg of edge.args) this.#checkUse(arg, end, null);
    }
  }

  #checkFields(value: Value): void {
    this.#subject = value;
    checkOperation(value, this.#reportSubject);
  }

  /** Checks a use at a place of the current block, by an instruction or else by the terminator. */
  #checkUse(arg: Value, place: number, user: Value | null): void {
    if (isLeaf(arg)) return this.#checkLeaf(arg);
    if (this.#values[arg.id] !== arg) {
      return this.#report(`v${arg.id} is used and is in no block of the function`, user);
    }
    if (!hasResult(arg)) this.#report(`v${arg.id} is used and has no result`, user);
    const block = this.#block!;
    const dominators = this.#dominators;
    if (dominators === null || arg.block === null || !dominators.reaches(block)) return;
    const dominated = arg.block === block
      ? this.#places[arg.id] < place
      : dominators.dominates(arg.block, block);
    if (!dominated) this.#report(`v${arg.id} is used where it is not defined`, user);
  }

  #checkLeaf(leaf: Value): void {
    if (this.#values[leaf.id] === leaf) return;
    if (!this.#enter(leaf)) return;
    if (leaf.block !== null) this.#report("a leaf has a block", leaf);
    this.#checkFields(leaf);
    if (leaf.op === "const") {
      if (this.#constants.has(leaf.imm)) this.#report("the constant has another leaf", leaf);
      this.#constants.set(leaf.imm, leaf);
    } else if (leaf.op === "undef") {
      if (this.#undef !== null) this.#report("undef has another leaf", leaf);
      this.#undef = leaf;
    } else if (leaf.op === "frame") {
      if (this.#frame !== null) this.#report("the frame pointer has another leaf", leaf);
      this.#frame = leaf;
    }
  }
}
