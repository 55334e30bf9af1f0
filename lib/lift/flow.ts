/**
 * The control flow of a function's bytecode: reachable basic blocks, their successors and predecessors, and a reverse
 * post-order. Everything is a typed array; nothing recurses.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { jumpTarget } from "../isa/instruction.ts";
import { OPS } from "../isa/ops.ts";
import type { ProgramFunction } from "../object/program.ts";
import { writesFrame } from "./registers.ts";

/** Basic blocks of reachable bytecode, numbered in layout order. No block is -1. */
export interface Flow {
  /** How many blocks. */
  readonly count: number;
  /** Index in the section of the first instruction of each block. */
  readonly first: Int32Array;
  /** Index in the section after the last instruction of each block. */
  readonly end: Int32Array;
  /** The block that each one jumps to. */
  readonly taken: Int32Array;
  /** The block that each one continues with. */
  readonly next: Int32Array;
  /** Predecessors of block `b`: `preds[predStart[b]]` up to `preds[predStart[b + 1]]`. */
  readonly predStart: Int32Array;
  /** The predecessors of all blocks; one that reaches a block in two ways is listed twice. */
  readonly preds: Int32Array;
  /** The blocks in reverse post-order. */
  readonly order: Int32Array;
  /** Place of each block in {@link Flow.order}. */
  readonly rank: Int32Array;
}

/**
 * The error that stops the lifting of a function.
 *
 * @param fn The function.
 * @param pc Slot in its section of the instruction at fault.
 * @param state What was found.
 * @returns The error, to be thrown.
 */
export function liftError(fn: ProgramFunction, pc: number, state: string): UnsupportedError {
  return new UnsupportedError(
    `cannot lift function ${fn.name}: instruction ${pc}: ${state}`,
    { section: fn.section.name, function: fn.name, pc },
  );
}

/** How an instruction continues: with the next one, elsewhere, either way, not at all, or at an unknown place. */
const FALLS = 0, JUMPS = 1, BRANCHES = 2, LEAVES = 3, UNKNOWN = 4;

const EXITS = Uint8Array.from(OPS, ({ kind }) => {
  switch (kind) {
    case "goto":
      return JUMPS;
    case "branch":
    case "may_goto":
      return BRANCHES;
    case "exit":
      return LEAVES;
    default:
      return kind === "gotox" ? UNKNOWN : FALLS;
  }
});

/** Marks of a reached instruction: bit 0, bit 1 if it starts a block, then how it continues. */
const REACHED = 1, LEADER = 2, EXIT_SHIFT = 2;

/** Follows the flow of one function from its first instruction. */
class Discovery {
  readonly fn: ProgramFunction;
  /** Marks by index in the function. */
  readonly marks: Uint8Array;
  /** Index in the function, plus one, of the instruction at a slot of the function; 0 inside an `lddw`. */
  readonly #at: Int32Array;
  readonly #work: number[] = [];
  readonly #firstSlot: number;

  constructor(fn: ProgramFunction) {
    this.fn = fn;
    const { section: { slots }, first, last } = fn;
    this.#firstSlot = slots[first];
    this.marks = new Uint8Array(last - first);
    this.#at = new Int32Array(slots[last] - this.#firstSlot);
    for (let i = first; i < last; i++) this.#at[slots[i] - this.#firstSlot] = i - first + 1;
  }

  /** Marks everything that is reachable. */
  run(): void {
    this.#lead(0);
    for (let i = this.#work.pop(); i !== undefined; i = this.#work.pop()) this.#follow(i);
  }

  /** Index in the function of the target of the jump at an index. */
  targetOf(index: number): number {
    const { fn } = this;
    const pc = fn.section.slots[fn.first + index];
    const slot = jumpTarget(fn.section.insns[fn.first + index], pc) - this.#firstSlot;
    if (!(slot >= 0 && slot < this.#at.length)) {
      throw liftError(fn, pc, "jump out of the function");
    }
    const target = this.#at[slot] - 1;
    if (target < 0) throw liftError(fn, pc, "jump into the middle of an lddw");
    return target;
  }

  /** How the instruction at an index continues, if it can be lifted. */
  #exitOf(index: number): number {
    const { fn } = this;
    const insn = fn.section.insns[fn.first + index], { id, code } = insn.op;
    let why = "";
    if (id < 0) why = `undefined encoding of opcode 0x${code.toString(16).padStart(2, "0")}`;
    else if (EXITS[id] === UNKNOWN) why = "jump through an unknown table";
    else if (writesFrame(insn)) why = "write to r10";
    if (why !== "") throw liftError(fn, fn.section.slots[fn.first + index], why);
    return EXITS[id];
  }

  #lead(index: number): void {
    const mark = this.marks[index];
    if ((mark & LEADER) !== 0) return;
    this.marks[index] = mark | LEADER;
    if ((mark & REACHED) === 0) this.#work.push(index);
  }

  /** Marks instructions from a leader to the end of straight-line code. */
  #follow(leader: number): void {
    const { marks, fn } = this;
    for (let i = leader; (marks[i] & REACHED) === 0; i++) {
      const exit = this.#exitOf(i);
      marks[i] |= REACHED | exit << EXIT_SHIFT;
      if (exit === LEAVES) return;
      if (exit !== FALLS) this.#lead(this.targetOf(i));
      if (exit === JUMPS) return;
      if (i + 1 === marks.length) {
        throw liftError(fn, fn.section.slots[fn.first + i], "execution falls off the end");
      }
      if (exit === BRANCHES) this.#lead(i + 1);
    }
  }
}

/** The blocks, with successors only. */
function cutBlocks(discovery: Discovery): Pick<Flow, "count" | "first" | "end" | "taken" | "next"> {
  const { marks, fn } = discovery;
  const blockAt = new Int32Array(marks.length);
  let count = 0;
  for (let i = 0; i < marks.length; i++) if ((marks[i] & LEADER) !== 0) blockAt[i] = count++;
  const first = new Int32Array(count), end = new Int32Array(count);
  const taken = new Int32Array(count).fill(-1), next = new Int32Array(count).fill(-1);
  for (let i = 0; i < marks.length; i++) {
    if ((marks[i] & LEADER) === 0) continue;
    const block = blockAt[i];
    first[block] = fn.first + i;
    while (marks[i] >> EXIT_SHIFT === FALLS && (marks[i + 1] & LEADER) === 0) i++;
    end[block] = fn.first + i + 1;
    const exit = marks[i] >> EXIT_SHIFT;
    if (exit === JUMPS || exit === BRANCHES) taken[block] = blockAt[discovery.targetOf(i)];
    if (exit === FALLS || exit === BRANCHES) next[block] = blockAt[i + 1];
  }
  return { count, first, end, taken, next };
}

/** Predecessor lists, packed. */
function predecessors(taken: Int32Array, next: Int32Array): Pick<Flow, "predStart" | "preds"> {
  const count = taken.length;
  const predStart = new Int32Array(count + 1);
  for (let b = 0; b < count; b++) {
    if (taken[b] >= 0) predStart[taken[b] + 1]++;
    if (next[b] >= 0) predStart[next[b] + 1]++;
  }
  for (let b = 0; b < count; b++) predStart[b + 1] += predStart[b];
  const fill = predStart.slice();
  const preds = new Int32Array(predStart[count]);
  for (let b = 0; b < count; b++) {
    if (taken[b] >= 0) preds[fill[taken[b]]++] = b;
    if (next[b] >= 0) preds[fill[next[b]]++] = b;
  }
  return { predStart, preds };
}

/** Depth-first search from block 0; the block that follows in the layout comes first in reverse post-order. */
function reversePostOrder(taken: Int32Array, next: Int32Array): Pick<Flow, "order" | "rank"> {
  const count = taken.length;
  const order = new Int32Array(count), rank = new Int32Array(count).fill(-1);
  const stack = new Int32Array(count), visited = new Uint8Array(count);
  let depth = 1, place = count;
  visited[0] = 1;
  while (depth > 0) {
    const block = stack[depth - 1];
    // visited: 1 entered, 2 taken edge done, 3 both done.
    if (visited[block] === 3) {
      depth--;
      order[--place] = block;
      rank[block] = place;
      continue;
    }
    const successor = visited[block]++ === 1 ? taken[block] : next[block];
    if (successor >= 0 && visited[successor] === 0) {
      visited[successor] = 1;
      stack[depth++] = successor;
    }
  }
  return { order, rank };
}

/**
 * Finds the reachable basic blocks of a function.
 *
 * @param fn The function.
 * @returns Its flow.
 * @throws {UnsupportedError} If reachable code is undefined, writes r10, jumps through a table, leaves the function
 * other than by `exit`, or jumps into the middle of an `lddw`.
 */
export function flowOf(fn: ProgramFunction): Flow {
  if (fn.entangled !== "") throw liftError(fn, fn.section.slots[fn.first], fn.entangled);
  if (fn.last <= fn.first) throw liftError(fn, fn.section.slots[fn.first], "no instructions");
  const discovery = new Discovery(fn);
  discovery.run();
  const blocks = cutBlocks(discovery);
  const { taken, next } = blocks;
  return { ...blocks, ...predecessors(taken, next), ...reversePostOrder(taken, next) };
}
