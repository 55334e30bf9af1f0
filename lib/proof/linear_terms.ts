/**
 * Terms: what a value is, as an expression over unknowns, in a normal form. Terms are interned, so two values that have
 * the same term are equal whatever the unknowns are. All are 64-bit patterns, and arithmetic is modulo 2^64.
 *
 * The normal form knows two things well. Linear combinations: `4 * x - y + 3`, so that additions, subtractions, shifts to
 * the left and multiplications by constants can be done in any order. And bit fields: `bits lo..lo+n of x`, in which zero
 * extensions, masks, shifts to the right, byte swaps and pieces loaded one by one end up, a word that is put together
 * from its bytes being that word again.
 *
 * @module
 */

import { bitLength, isPowerOfTwo, mask, MASK64, trailingZeros } from "./bits.ts";

/** A term, by its number. */
export type Term = number;

/** A node of the graph of terms. A sum has a constant and factors for its args; an atom has none; all others have args, and some a field. */
export interface Node {
  /** `atom`, `sum`, `bits`, `sext`, `select`, or an operation. */
  readonly op: string;
  /** Its operands. */
  readonly args: readonly Term[];
  /** Of a sum: a factor for each of `args`, never 0. */
  readonly factors: readonly bigint[];
  /** Of a sum. */
  readonly constant: bigint;
  /** Of `bits`: the lowest bit. */
  readonly low: number;
  /** Of `bits`: how many; of `sext`: the number of bits that are extended. */
  readonly count: number;
  /** The bits that can be set. */
  readonly possible: bigint;
  /** It depends on an unknown that is tracked. */
  readonly tracked: boolean;
}

const LEAF = { args: [], factors: [], constant: 0n, low: 0, count: 0 } as const;

/** A linear combination under construction. */
class Sum {
  constant = 0n;
  readonly factors = new Map<Term, bigint>();

  add(term: Term, factor: bigint): void {
    const sum = ((this.factors.get(term) ?? 0n) + factor) & MASK64;
    if (sum === 0n) this.factors.delete(term);
    else this.factors.set(term, sum);
  }
}

/** A store of interned terms: sums and bit fields. */
export abstract class LinearTerms {
  readonly #nodes: Node[] = [];
  readonly #index = new Map<string, Term>();

  /** How many terms there are. */
  get size(): number {
    return this.#nodes.length;
  }

  #intern(key: string, make: () => Omit<Node, "tracked">, tracked = false): Term {
    let term = this.#index.get(key);
    if (term === undefined) {
      const node = make();
      const depends = tracked || node.args.some((arg) => this.#nodes[arg].tracked);
      term = this.#nodes.push({ ...node, tracked: depends }) - 1;
      this.#index.set(key, term);
    }
    return term;
  }

  /**
   * An unknown.
   *
   * @param name Its name: equal names are the same unknown.
   * @param possible The bits that can be set in it.
   * @param tracked Whether to know which terms depend on it.
   * @returns The term.
   */
  atom(name: string, possible: bigint = MASK64, tracked = false): Term {
    const key = `atom ${name} ${possible.toString(16)}`;
    return this.#intern(key, () => ({ ...LEAF, op: "atom", possible }), tracked);
  }

  /**
   * @param term A term.
   * @returns Whether it depends on an unknown that is tracked.
   */
  isTracked(term: Term): boolean {
    return this.#nodes[term].tracked;
  }

  /**
   * A number.
   *
   * @param value Any integer, taken modulo 2^64.
   * @returns The term.
   */
  constant(value: bigint): Term {
    const constant = value & MASK64;
    return this.#intern(
      `sum ${constant}`,
      () => ({ ...LEAF, op: "sum", constant, possible: constant }),
    );
  }

  /** What a term is. */
  protected node(term: Term): Node {
    return this.#nodes[term];
  }

  /**
   * The number that a term is.
   *
   * @param term A term.
   * @returns The pattern, or null if it depends on unknowns.
   */
  value(term: Term): bigint | null {
    const { op, args, constant } = this.#nodes[term];
    return op === "sum" && args.length === 0 ? constant : null;
  }

  /**
   * The bits of a term that can be set.
   *
   * @param term A term.
   * @returns A mask.
   */
  possible(term: Term): bigint {
    return this.#nodes[term].possible;
  }

  /**
   * Parts a term into a constant and the rest.
   *
   * @param term A term, an address say.
   * @returns The rest, 0 for the term 0; the constant, signed.
   */
  split(term: Term): { readonly base: Term; readonly offset: bigint } {
    const { op, constant } = this.#nodes[term];
    if (op !== "sum" || constant === 0n) return { base: term, offset: 0n };
    return {
      base: this.add(term, this.constant(-constant)),
      offset: BigInt.asIntN(64, constant),
    };
  }

  #accumulate(sum: Sum, term: Term, factor: bigint): void {
    const node = this.#nodes[term];
    if (node.op !== "sum") {
      sum.add(term, factor);
      return;
    }
    sum.constant = (sum.constant + node.constant * factor) & MASK64;
    node.args.forEach((arg, i) => sum.add(arg, node.factors[i] * factor));
  }

  /** Bits that a term can have set after multiplication: an upper bound. */
  #scaledPossible(term: Term, factor: bigint): bigint {
    const { possible } = this.#nodes[term];
    if (isPowerOfTwo(factor)) return (possible * factor) & MASK64;
    const most = possible * factor;
    const top = most > MASK64 ? 64 : bitLength(most);
    return mask(top) & ~mask(Math.min(top, trailingZeros(factor) + trailingZeros(possible)));
  }

  /** Whether the parts of a sum have no bit in common, so that it is their union. */
  #isDisjoint(node: Node): boolean {
    let seen = node.constant;
    for (let i = 0; i < node.args.length; i++) {
      if (!isPowerOfTwo(node.factors[i])) return false;
      const part = this.#scaledPossible(node.args[i], node.factors[i]);
      if ((part & seen) !== 0n) return false;
      seen |= part;
    }
    return true;
  }

  #sumPossible(constant: bigint, args: readonly Term[], factors: readonly bigint[]): bigint {
    let union = constant, disjoint = true, most = constant, zeros = trailingZeros(constant);
    args.forEach((arg, i) => {
      const part = this.#scaledPossible(arg, factors[i]);
      if ((part & union) !== 0n || !isPowerOfTwo(factors[i])) disjoint = false;
      union |= part;
      most += this.#nodes[arg].possible * factors[i];
      zeros = Math.min(zeros, trailingZeros(part));
    });
    if (disjoint) return union;
    const top = most > MASK64 ? 64 : bitLength(most);
    return mask(top) & ~mask(Math.min(top, zeros));
  }

  /** Puts neighbouring bit fields of one term together: `bits 0..8 of x + 2^8 * bits 8..16 of x` is `bits 0..16 of x`. */
  #joinFields(sum: Sum): void {
    const byPlace = new Map<string, { term: Term; low: number; count: number; shift: number }[]>();
    for (const [term, factor] of sum.factors) {
      const { op, args, low, count } = this.#nodes[term];
      if (op !== "bits" || !isPowerOfTwo(factor)) continue;
      const shift = trailingZeros(factor);
      const key = `${args[0]} ${shift - low}`;
      let fields = byPlace.get(key);
      if (fields === undefined) byPlace.set(key, fields = []);
      fields.push({ term, low, count, shift });
    }
    for (const fields of byPlace.values()) {
      fields.sort((a, b) => a.low - b.low);
      for (let i = 0; i < fields.length;) {
        const { low, shift } = fields[i];
        let end = i + 1, top = low + fields[i].count;
        while (end < fields.length && fields[end].low === top) top += fields[end++].count;
        if (end > i + 1) {
          const whole = this.#nodes[fields[i].term].args[0];
          for (let j = i; j < end; j++) sum.factors.delete(fields[j].term);
          this.#accumulate(sum, this.bits(whole, low, top - low), 1n << BigInt(shift));
        }
        i = end;
      }
    }
  }

  #finish(sum: Sum): Term {
    if (sum.factors.size > 1) this.#joinFields(sum);
    const args = [...sum.factors.keys()].sort((a, b) => a - b);
    if (args.length === 0) return this.constant(sum.constant);
    const factors = args.map((arg) => sum.factors.get(arg)!);
    const { constant } = sum;
    if (args.length === 1 && constant === 0n && factors[0] === 1n) return args[0];
    const key = `sum ${constant} ${args.map((arg, i) => `${arg}*${factors[i]}`).join(" ")}`;
    return this.#intern(key, () => ({
      ...LEAF,
      op: "sum",
      args,
      factors,
      constant,
      possible: this.#sumPossible(constant, args, factors),
    }));
  }

  /**
   * @param a A term.
   * @param b A term.
   * @param factor What b is multiplied with.
   * @returns `a + factor * b`.
   */
  add(a: Term, b: Term, factor = 1n): Term {
    const sum = new Sum();
    this.#accumulate(sum, a, 1n);
    this.#accumulate(sum, b, factor & MASK64);
    return this.#finish(sum);
  }

  /**
   * @param a A term.
   * @param factor Any integer.
   * @returns `factor * a`.
   */
  scale(a: Term, factor: bigint): Term {
    return this.add(this.constant(0n), a, factor);
  }

  /** An operation of which no more is known than the bits that can be set. */
  protected operation(op: string, args: readonly Term[], possible: bigint): Term {
    return this.#intern(`${op} ${args.join(" ")}`, () => ({ ...LEAF, op, args, possible }));
  }

  /**
   * A bit field, moved down to bit 0.
   *
   * @param term A term.
   * @param low Its lowest bit.
   * @param count How many bits.
   * @returns `(term >> low) & (2^count - 1)`.
   */
  bits(term: Term, low: number, count: number): Term {
    const node = this.#nodes[term];
    const wanted = (node.possible >> BigInt(low)) & mask(Math.max(0, count));
    const n = bitLength(wanted);
    if (n === 0) return this.constant(0n);
    if (low === 0 && node.possible >> BigInt(n) === 0n) return term;
    switch (node.op) {
      case "bits":
        return this.bits(node.args[0], node.low + low, Math.min(n, node.count - low));
      case "sum":
        return this.#bitsOfSum(term, low, n);
      case "sext":
        if (low + n <= node.count) return this.bits(node.args[0], low, n);
        break;
    }
    return this.bitsOfOperation(node, low, n) ?? this.#field(term, low, n, wanted);
  }

  /** A bit field of an operation that can be parted; null if it cannot. */
  protected abstract bitsOfOperation(node: Node, low: number, count: number): Term | null;

  #field(term: Term, low: number, count: number, possible: bigint): Term {
    return this.#intern(
      `bits ${term} ${low} ${count}`,
      () => ({ ...LEAF, op: "bits", args: [term], low, count, possible }),
    );
  }

  #bitsOfSum(term: Term, low: number, count: number): Term {
    const node = this.#nodes[term];
    const sum = new Sum();
    // What was moved up as a whole is moved down again.
    const shift = Math.min(low, trailingZeros(node.constant), ...node.factors.map(trailingZeros));
    if (shift > 0) {
      sum.constant = node.constant >> BigInt(shift);
      node.args.forEach((arg, i) => this.#accumulate(sum, arg, node.factors[i] >> BigInt(shift)));
      return this.bits(this.#finish(sum), low - shift, count);
    }
    if (this.#isDisjoint(node)) {
      sum.constant = (node.constant >> BigInt(low)) & mask(count);
      node.args.forEach((arg, i) => {
        const shift = trailingZeros(node.factors[i]);
        const [from, up] = low >= shift ? [low - shift, 0] : [0, shift - low];
        this.#accumulate(sum, this.bits(arg, from, count - up), 1n << BigInt(up));
      });
      return this.#finish(sum);
    }
    // Bits above the field do not matter, neither those of the factors nor those of the parts.
    const top = low + count;
    sum.constant = node.constant & mask(top);
    node.args.forEach((arg, i) => {
      const factor = node.factors[i] & mask(top);
      if (factor === 0n) return;
      const needed = top - trailingZeros(factor);
      const part = this.#nodes[arg];
      const whole = part.op === "bits" && part.low === 0 && part.count >= needed;
      this.#accumulate(sum, whole ? part.args[0] : arg, factor);
    });
    for (const [arg, factor] of sum.factors) {
      if ((factor & mask(top)) === 0n) sum.factors.delete(arg);
      else sum.factors.set(arg, factor & mask(top));
    }
    sum.constant &= mask(top);
    const reduced = this.#finish(sum);
    if (reduced !== term) return this.bits(reduced, low, count);
    return this.#field(term, low, count, (node.possible >> BigInt(low)) & mask(count));
  }

  /**
   * A sign extension.
   *
   * @param term A term.
   * @param count How many of its low bits are extended to 64.
   * @returns The term.
   */
  sext(term: Term, count: number): Term {
    if (count >= 64) return term;
    const field = this.bits(term, 0, count);
    const value = this.value(field);
    if (value !== null) return this.constant(BigInt.asIntN(count, value));
    const { op, args, low, possible } = this.#nodes[field];
    if ((possible >> BigInt(count - 1)) === 0n) return field;
    if (op === "bits" && low === 0) {
      const inner = this.#nodes[args[0]];
      if (inner.op === "sext" && inner.count <= count) return args[0];
    }
    return this.#intern(
      `sext ${count} ${field}`,
      () => ({ ...LEAF, op: "sext", args: [field], count, possible: MASK64 }),
    );
  }

  /**
   * A byte swap.
   *
   * @param term A term.
   * @param count Its number of bits, a multiple of 8; the others become 0.
   * @returns The term.
   */
  swap(term: Term, count: number): Term {
    const sum = new Sum();
    for (let i = 0; i < count; i += 8) {
      this.#accumulate(sum, this.bits(term, i, 8), 1n << BigInt(count - 8 - i));
    }
    return this.#finish(sum);
  }

  /** The bits of a term that a mask lets through: a sum of bit fields, one for each run of ones. */
  protected masked(a: Term, allowed: bigint): Term {
    const sum = new Sum();
    let rest = allowed & this.#nodes[a].possible;
    // A zero of the mask where the term has none anyway does not part a run.
    const gaps = ~allowed & this.#nodes[a].possible;
    while (rest !== 0n) {
      const low = trailingZeros(rest);
      const gap = trailingZeros(gaps >> BigInt(low));
      const count = Math.min(64, low + gap) - low;
      this.#accumulate(sum, this.bits(a, low, count), 1n << BigInt(low));
      rest &= ~(mask(count) << BigInt(low));
    }
    return this.#finish(sum);
  }
}
