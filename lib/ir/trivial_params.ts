/**
 * Removes block parameters whose arguments are all one value, or the parameter itself.
 *
 * Before: `b0: jump b1(v1)`, `b1(v2): … branch …, b1(v2), b2`. After: `v1` wherever `v2` was.
 *
 * Values that are known to be equal form classes (union-find). A parameter rests as long as it, its first argument from
 * elsewhere and a later argument are of three classes; it watches these, as a SAT solver watches literals. When two
 * classes become one, only the watchers of the smaller are looked at again, and a parameter never goes back to an
 * argument that it has passed: O(arguments × log parameters) whatever the shape of the graph.
 *
 * @module
 */

import { removeParams, replaceUses } from "./cfg.ts";
import type { IrFunction, Value } from "./function.ts";

/** The parameters of a function with their arguments, as ids. */
class Parameters {
  /** The parameters, but for those of the entry. */
  readonly values: Value[] = [];
  /** Where the arguments of each parameter start in {@link args}; one more at the end. */
  readonly starts: Int32Array;
  readonly args: Int32Array;

  constructor(fn: IrFunction) {
    let count = 0;
    for (const block of fn.blocks) {
      if (block === fn.entry) continue;
      for (const param of block.params) this.values.push(param);
      count += block.params.length * block.preds.length;
    }
    this.starts = new Int32Array(this.values.length + 1);
    this.args = new Int32Array(count);
    let at = 0;
    let param = 0;
    for (const block of fn.blocks) {
      if (block === fn.entry) continue;
      for (let i = 0; i < block.params.length; i++) {
        for (const edge of block.preds) this.args[at++] = edge.args[i].id;
        this.starts[++param] = at;
      }
    }
  }
}

/** Classes of equal values, each with the one that stands for it and the parameters that watch it. */
class Classes {
  /** The value that stands for a class, by its root. */
  readonly leaders: Int32Array;
  readonly #parents: Int32Array;
  readonly #watchers: (number[] | undefined)[];

  constructor(count: number) {
    this.leaders = Int32Array.from({ length: count }, (_, i) => i);
    this.#parents = Int32Array.from(this.leaders);
    this.#watchers = new Array(count);
  }

  find(value: number): number {
    const parents = this.#parents;
    while (parents[value] !== value) value = parents[value] = parents[parents[value]];
    return value;
  }

  watch(root: number, param: number): void {
    const list = this.#watchers[root];
    if (list === undefined) this.#watchers[root] = [param];
    else list.push(param);
  }

  /** Joins the class of a parameter to the one of the value that it equals; returns who has to be looked at again. */
  join(param: number, value: number): readonly number[] {
    const a = this.find(param);
    const b = this.find(value);
    const leader = this.leaders[b];
    const ofA = this.#watchers[a] ?? [];
    const ofB = this.#watchers[b] ?? [];
    const [small, large] = ofA.length < ofB.length ? [a, b] : [b, a];
    const moved = this.#watchers[small] ?? [];
    this.#parents[small] = large;
    this.leaders[large] = leader;
    for (const watcher of moved) this.watch(large, watcher);
    this.#watchers[small] = undefined;
    return moved;
  }
}

/** Finds the classes of equal values. */
function classesOf(fn: IrFunction, { values, starts, args }: Parameters): Classes {
  const classes = new Classes(fn.valueCount);
  // For each parameter: its first argument of another class, and the place of the argument that differs from that.
  const firsts = new Int32Array(values.length).fill(-1);
  const places = starts.slice(0, values.length);
  values.forEach((param, i) => classes.watch(param.id, i));
  const work = Array.from(values.keys()).reverse();
  while (work.length > 0) {
    const i = work.pop()!;
    const self = values[i].id;
    if (classes.leaders[classes.find(self)] !== self) continue;
    const own = classes.find(self);
    if (firsts[i] >= 0 && classes.find(firsts[i]) === own) firsts[i] = -1;
    let at = places[i];
    for (; at < starts[i + 1]; at++) {
      const root = classes.find(args[at]);
      if (root === own) continue;
      if (firsts[i] < 0) {
        firsts[i] = args[at];
        classes.watch(root, i);
      } else if (classes.find(firsts[i]) !== root) {
        if (at > places[i]) classes.watch(root, i);
        break;
      }
    }
    places[i] = at;
    if (at < starts[i + 1] || firsts[i] < 0) continue;
    for (const watcher of classes.join(self, firsts[i])) work.push(watcher);
  }
  return classes;
}

/** Whether all arguments of some parameter are one value or the parameter itself. */
function anyTrivial(fn: IrFunction): boolean {
  for (const block of fn.blocks) {
    if (block === fn.entry) continue;
    const { params, preds } = block;
    for (let i = 0; i < params.length; i++) {
      const param = params[i];
      let other: Value | null = null;
      let trivial = true;
      for (let k = 0; k < preds.length && trivial; k++) {
        const arg = preds[k].args[i];
        if (arg === param) continue;
        trivial = other === null || other === arg;
        other = arg;
      }
      if (trivial && other !== null) return true;
    }
  }
  return false;
}

/**
 * Removes trivial parameters until there are none, with the arguments for them.
 *
 * @param fn The function.
 * @returns Whether any was removed.
 */
export function removeTrivialParams(fn: IrFunction): boolean {
  if (!anyTrivial(fn)) return false;
  const parameters = new Parameters(fn);
  const classes = classesOf(fn, parameters);
  const table: (Value | undefined)[] = new Array(fn.valueCount);
  const known: (Value | undefined)[] = new Array(fn.valueCount);
  let changed = false;
  for (const block of fn.blocks) {
    for (const edge of block.succs) for (const arg of edge.args) known[arg.id] = arg;
  }
  for (const param of parameters.values) {
    const leader = classes.leaders[classes.find(param.id)];
    if (leader === param.id) continue;
    table[param.id] = known[leader];
    changed = true;
  }
  if (!changed) return false;
  replaceUses(fn, table);
  for (const block of fn.blocks) {
    const { params } = block;
    if (params.some((param) => table[param.id] !== undefined)) {
      removeParams(block, (i) => table[params[i].id] !== undefined);
    }
  }
  return true;
}
