/**
 * What two programs have in common at a pair of places: which of the values of both are equal. It is guessed from the
 * first arrival and weakened by each further one, until it holds on every way there.
 *
 * @module
 */

import type { Block, Value } from "../ir/function.ts";
import { keepPrivate, type Scene, type Side, termOf, Unprovable } from "./execute.ts";
import type { MemoryState } from "./memory.ts";
import type { Term } from "./linear_terms.ts";

/** Something that holds a number at the places: a value, or bytes of a private frame. */
type Variable =
  | { readonly kind: "value"; readonly of: 0 | 1; readonly value: Value }
  | { readonly kind: "frame"; readonly of: 0 | 1; readonly offset: number; readonly size: number };

/** Variables that are equal. */
interface EqualityClass {
  /** Its name. */
  readonly id: number;
  /** What it has been on every arrival, if that is no unknown of another place; else -1. */
  term: Term;
  /** The bits that can be set. */
  possible: bigint;
}

/** Two programs at the same time. */
export interface Pair {
  /** The first program. */
  readonly a: Side;
  /** The second program. */
  readonly b: Side;
  /** Conditions that hold on the way, 1, or do not, 0. */
  readonly facts: Map<Term, boolean>;
}

/** Bits of a mask rounded up, so that a mask that grows with each arrival stops soon. */
function widened(possible: bigint): bigint {
  for (const bits of [1n, 8n, 16n, 32n]) {
    if (possible >> bits === 0n) return (1n << bits) - 1n;
  }
  return 0xffff_ffff_ffff_ffffn;
}

/** Bytes of a frame at which whole words are written, as variables; single bytes elsewhere. */
function frameVariables(scene: Scene, state: MemoryState, of: 0 | 1): Variable[] {
  const bytes = scene.memories.written(state, scene.frame);
  const offsets = [...bytes.keys()].sort((x, y) => x - y);
  const variables: Variable[] = [];
  for (let i = 0; i < offsets.length;) {
    const offset = offsets[i];
    let size = 8;
    while (size > 1 && (offset % size !== 0 || offsets[i + size - 1] !== offset + size - 1)) {
      size /= 2;
    }
    variables.push({ kind: "frame", of, offset, size });
    i += size;
  }
  return variables;
}

/** A pair of places and what holds there. */
export class Relation {
  /** The places: starts of blocks. */
  readonly blocks: readonly [Block, Block];
  /** Its number, for the names of unknowns. */
  readonly id: number;
  readonly #scene: Scene;
  #variables: Variable[] = [];
  #classes: EqualityClass[] = [];
  #classCount = 0;
  #memory: MemoryState | null = null;
  #arrived = false;

  /**
   * Makes a relation that nobody has arrived at.
   *
   * @param scene What both programs share.
   * @param id Its number.
   * @param blocks The places.
   */
  constructor(scene: Scene, id: number, blocks: readonly [Block, Block]) {
    this.#scene = scene;
    this.id = id;
    this.blocks = blocks;
  }

  #read(pair: Pair, variable: Variable): Term | null {
    const side = variable.of === 0 ? pair.a : pair.b;
    const { memories, frame } = this.#scene;
    if (variable.kind === "value") return termOf(this.#scene, side, variable.value);
    const bytes = memories.written(side.frame, frame);
    const { offset, size } = variable;
    for (let i = 0; i < size; i++) if (!bytes.has(offset + i)) return null;
    return memories.read(side.frame, frame, offset, size);
  }

  /**
   * Takes account of an arrival.
   *
   * @param pair The programs as they arrive.
   * @param live Live values at the two places.
   * @returns Whether the relation is new or weaker than before.
   * @throws {Unprovable} If the programs have done different things on the way.
   */
  arrive(pair: Pair, live: readonly [readonly Value[], readonly Value[]]): boolean {
    if (pair.a.memory !== pair.b.memory) throw new Unprovable("memory differs at a join");
    if (!this.#arrived) return this.#first(pair, live);
    let weaker = false;
    if (this.#memory !== pair.a.memory && this.#memory !== null) {
      this.#memory = null;
      weaker = true;
    }
    return this.#refine(pair) || weaker;
  }

  #first(pair: Pair, live: readonly [readonly Value[], readonly Value[]]): true {
    this.#arrived = true;
    this.#memory = pair.a.memory;
    live.forEach((values, i) => {
      const of = i === 0 ? 0 : 1;
      this.#variables.push(...values.map((value): Variable => ({ kind: "value", of, value })));
    });
    if (this.#scene.privateFrame) {
      this.#variables.push(
        ...frameVariables(this.#scene, pair.a.frame, 0),
        ...frameVariables(this.#scene, pair.b.frame, 1),
      );
    }
    const byTerm = new Map<Term, EqualityClass>();
    this.#classes = this.#variables.map((variable) => {
      const term = this.#read(pair, variable)!;
      let found = byTerm.get(term);
      if (found === undefined) byTerm.set(term, found = this.#newClass(term));
      return found;
    });
    return true;
  }

  #newClass(term: Term): EqualityClass {
    return { id: this.#classCount++, term, possible: this.#scene.terms.possible(term) };
  }

  /** Parts classes whose variables have different terms this time, and drops frame bytes that are not written. */
  #refine(pair: Pair): boolean {
    const terms = this.#variables.map((variable) => this.#read(pair, variable));
    let weaker = false;
    // What each class was before this arrival, and its parts.
    const parts = new Map<EqualityClass, readonly [EqualityClass, Map<Term, EqualityClass>]>();
    const variables: Variable[] = [], classes: EqualityClass[] = [];
    this.#variables.forEach((variable, i) => {
      const term = terms[i], old = this.#classes[i];
      if (term === null) {
        weaker = true;
        return;
      }
      let found = parts.get(old);
      if (found === undefined) parts.set(old, found = [{ ...old }, new Map()]);
      const [before, split] = found;
      let part = split.get(term);
      if (part === undefined) {
        // The first part keeps the class and its name.
        part = split.size === 0 ? old : { ...before, id: this.#classCount++ };
        if (split.size > 0) weaker = true;
        split.set(term, part);
        if (this.#weaken(part, term)) weaker = true;
      }
      variables.push(variable);
      classes.push(part);
    });
    this.#variables = variables;
    this.#classes = classes;
    return weaker;
  }

  /** Whether a class had to be given up as a known term, or for more bits. */
  #weaken(part: EqualityClass, term: Term): boolean {
    if (part.term === term) return false;
    const own = part.term < 0 ? this.#unknown(part) : -1;
    if (own === term) return false;
    keepPrivate(this.#scene, term);
    if (part.term >= 0) keepPrivate(this.#scene, part.term);
    const possible = part.possible | this.#scene.terms.possible(term);
    const changed = part.term >= 0 || (possible & ~part.possible) !== 0n;
    part.term = -1;
    if (changed) part.possible = widened(possible);
    return changed;
  }

  #unknown({ id, possible }: EqualityClass): Term {
    return this.#scene.terms.atom(`place ${this.id} ${id}`, possible);
  }

  /**
   * Both programs at the places, knowing no more than the relation.
   *
   * @returns The programs.
   */
  depart(): Pair {
    const { memories, frame } = this.#scene;
    const memory = this.#memory ?? memories.unknown(`place ${this.id}`);
    const sides = this.blocks.map((block): Side => ({
      block,
      values: new Map(),
      memory,
      frame: memories.unknown("frame"),
      effects: [],
    }));
    this.#variables.forEach((variable, i) => {
      const found = this.#classes[i];
      const term = found.term < 0 ? this.#unknown(found) : found.term;
      const side = sides[variable.of];
      if (variable.kind === "value") side.values.set(variable.value.id, term);
      else side.frame = memories.write(side.frame, frame, variable.offset, variable.size, term);
    });
    return { a: sides[0], b: sides[1], facts: new Map() };
  }
}
