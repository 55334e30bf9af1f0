/**
 * Proof that two functions behave the same: both are executed symbolically, side by side, from a pair of places to the
 * next ones, starting at the entries. On every way both must do the same things to the world in the same order, and
 * return the same value. Where control flow joins, what both know is replaced by a relation ("Translation validation for an
 * optimizing compiler", Necula 2000) that is weakened until it holds on each way there.
 *
 * Faults are no behaviour here: a load that only one of the programs makes is no difference. Nor is how long it takes.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import type { Block, Callee, Edge, IrFunction, Value } from "../ir/function.ts";
import {
  conditionOf,
  executeBlock,
  fork,
  FrameEscape,
  type Scene,
  type Side,
  termOf,
  Unprovable,
} from "./execute.ts";
import { liveValues } from "./live_values.ts";
import { Memories } from "./memory.ts";
import type { MapLookup } from "./helper_reach.ts";
import { type Pair, Relation } from "./relation.ts";
import type { Term } from "./linear_terms.ts";
import { Terms } from "./terms.ts";

/** What a proof needs to know of the program around the functions. */
export interface ProofContext {
  /** Byte order. */
  readonly order: ByteOrder;
  /** Sizes of maps. */
  readonly maps: MapLookup;
  /** Names a callee so that both programs give it the same name. */
  readonly calleeName: (callee: Callee) => string;
  /** Names an address leaf so that both programs give it the same name. */
  readonly symbolName: (leaf: Value) => string;
}

/** How a proof ended. */
export interface Proof {
  /** Whether the functions behave the same. If not, they may still. */
  readonly proved: boolean;
  /** What the proof could not show; empty if it did. */
  readonly reason: string;
}

/** The most steps and terms of one proof. */
const MAX_STEPS = 100_000, MAX_TERMS = 2_000_000;

/** Where a program has stopped. */
type Stop =
  | { readonly kind: "place" }
  | { readonly kind: "condition"; readonly term: Term }
  | { readonly kind: "end"; readonly result: Term | null };

/** Two programs on one way, and where each of them stands. One that waits for a condition goes on once it is a fact. */
interface Way {
  readonly pair: Pair;
  readonly stops: readonly [Stop, Stop];
}

/** The blocks at which relations are made. */
function places(fn: IrFunction, loopsOnly: boolean): Uint8Array {
  const marks = new Uint8Array(fn.blockCount);
  const state = new Uint8Array(fn.blockCount);
  const stack: { block: Block; next: number }[] = [{ block: fn.entry, next: 0 }];
  state[fn.entry.id] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const edge = top.block.succs[top.next++];
    if (edge === undefined) {
      state[top.block.id] = 2;
      stack.pop();
    } else if (state[edge.to.id] === 1) {
      marks[edge.to.id] = 1;
    } else if (state[edge.to.id] === 0) {
      state[edge.to.id] = 1;
      stack.push({ block: edge.to, next: 0 });
    }
    if (edge !== undefined && !loopsOnly && edge.to.preds.length > 1) marks[edge.to.id] = 1;
  }
  return marks;
}

/** What an attempt takes for granted. */
interface Attempt {
  /** There are relations at the heads of loops only: more ways, but functions may have different joins. */
  readonly loopsOnly: boolean;
  /** Both frames are private. */
  readonly privateFrame: boolean;
}

/** One attempt. */
class Prover {
  readonly #functions: readonly [IrFunction, IrFunction];
  readonly #scene: Scene;
  readonly #places: readonly [Uint8Array, Uint8Array];
  readonly #live: readonly [Value[][], Value[][]];
  readonly #relations = new Map<number, Relation>();
  readonly #work: Relation[] = [];
  #steps = 0;

  constructor(a: IrFunction, b: IrFunction, context: ProofContext, attempt: Attempt) {
    const { loopsOnly, privateFrame } = attempt;
    this.#functions = [a, b];
    const terms = new Terms();
    this.#scene = {
      ...context,
      terms,
      memories: new Memories(terms, context.order),
      privateFrame,
      frame: terms.atom("frame pointer", undefined, privateFrame),
    };
    this.#places = [places(a, loopsOnly), places(b, loopsOnly)];
    this.#live = [liveValues(a), liveValues(b)];
  }

  run(): void {
    this.#explore(this.#start());
    for (let next = this.#work.shift(); next !== undefined; next = this.#work.shift()) {
      this.#explore(next.depart());
    }
  }

  #start(): Pair {
    const { terms, memories } = this.#scene;
    const sides = this.#functions.map(({ entry }): Side => ({
      block: entry,
      values: new Map(entry.params.map((param, i) => [param.id, terms.atom(`argument ${i}`)])),
      memory: memories.unknown("start"),
      frame: memories.unknown("frame"),
      effects: [],
    }));
    return { a: sides[0], b: sides[1], facts: new Map() };
  }

  /** Follows all ways from a pair of places. */
  #explore(start: Pair): void {
    executeBlock(this.#scene, start.a);
    executeBlock(this.#scene, start.b);
    const open: Stop = { kind: "condition", term: -1 };
    const ways: Way[] = [{ pair: start, stops: [open, open] }];
    for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
      const { pair, stops } = way;
      const a = stops[0].kind === "condition" ? this.#advance(pair.a, pair.facts, 0) : stops[0];
      const b = stops[1].kind === "condition" ? this.#advance(pair.b, pair.facts, 1) : stops[1];
      const undecided = a.kind === "condition" ? a : b.kind === "condition" ? b : null;
      if (undecided === null) {
        this.#meet(pair, a, b);
        continue;
      }
      const other: Pair = { a: fork(pair.a), b: fork(pair.b), facts: new Map(pair.facts) };
      pair.facts.set(undecided.term, true);
      other.facts.set(undecided.term, false);
      ways.push({ pair: other, stops: [a, b] }, { pair, stops: [a, b] });
    }
  }

  #meet(pair: Pair, a: Stop, b: Stop): void {
    if (pair.a.effects.length !== pair.b.effects.length) {
      throw new Unprovable("one of them does more than the other");
    }
    pair.a.effects.forEach((effect, i) => {
      if (effect !== pair.b.effects[i]) {
        throw new Unprovable(`they differ in: ${effect.slice(0, effect.indexOf(" ("))}`);
      }
    });
    if (a.kind === "end" && b.kind === "end") {
      // The first function returns whatever a register holds.
      if (a.result !== null && a.result !== b.result) {
        throw new Unprovable("they return different values");
      }
      if (pair.a.memory !== pair.b.memory) throw new Unprovable("they leave different memory");
      return;
    }
    if (a.kind !== "place" || b.kind !== "place") {
      throw new Unprovable("one returns where the other goes on");
    }
    this.#arrive(pair);
  }

  #arrive(pair: Pair): void {
    const { a, b } = pair;
    const key = a.block.id * this.#functions[1].blockCount + b.block.id;
    let relation = this.#relations.get(key);
    if (relation === undefined) {
      relation = new Relation(this.#scene, this.#relations.size, [a.block, b.block]);
      this.#relations.set(key, relation);
    }
    const live = [this.#live[0][a.block.id], this.#live[1][b.block.id]] as const;
    if (relation.arrive(pair, live) && !this.#work.includes(relation)) this.#work.push(relation);
  }

  /** Lets a program run until it stands at a place, has ended, or must know a condition. */
  #advance(side: Side, facts: ReadonlyMap<Term, boolean>, of: 0 | 1): Stop {
    for (;;) {
      if (++this.#steps > MAX_STEPS || this.#scene.terms.size > MAX_TERMS) {
        throw new Unprovable("there are too many ways");
      }
      const end = side.block.term!;
      if (end.op === "return") {
        const [result] = end.args;
        return {
          kind: "end",
          result: result.op === "undef" ? null : termOf(this.#scene, side, result),
        };
      }
      let edge: Edge | undefined = end.edges[0];
      if (end.op !== "jump") {
        const { term, negated } = this.#scene.terms.literal(conditionOf(this.#scene, side, end));
        const value = this.#scene.terms.value(term);
        const holds = value !== null ? value !== 0n : facts.get(term);
        if (holds === undefined) return { kind: "condition", term };
        edge = end.edges[holds !== negated ? 0 : 1];
      }
      this.#follow(side, edge);
      if (this.#places[of][side.block.id] === 1) return { kind: "place" };
      executeBlock(this.#scene, side);
    }
  }

  #follow(side: Side, { to, args }: Edge): void {
    const terms = args.map((arg) => termOf(this.#scene, side, arg));
    to.params.forEach((param, i) => side.values.set(param.id, terms[i]));
    side.block = to;
  }
}

/** Makes one attempt: why it failed, null if it did not. */
function attemptProof(
  a: IrFunction,
  b: IrFunction,
  context: ProofContext,
  attempt: Attempt,
): Unprovable | null {
  try {
    new Prover(a, b, context, attempt).run();
    return null;
  } catch (error) {
    if (error instanceof Unprovable) return error;
    throw error;
  }
}

/**
 * Tries to prove that two functions behave the same.
 *
 * @param a A function.
 * @param b Another version of it.
 * @param context What is around them.
 * @returns Whether it succeeded.
 */
export function proveEqual(a: IrFunction, b: IrFunction, context: ProofContext): Proof {
  let reason = "", privateFrame = true;
  // Relations at every join keep the number of ways small, but need both to have the same joins.
  for (const loopsOnly of [false, true]) {
    let failure = attemptProof(a, b, context, { loopsOnly, privateFrame });
    if (failure instanceof FrameEscape) {
      privateFrame = false;
      failure = attemptProof(a, b, context, { loopsOnly, privateFrame });
    }
    if (failure === null) return { proved: true, reason: "" };
    reason ||= failure.message;
  }
  return { proved: false, reason };
}
