import assert from "node:assert/strict";
import { ALU, type AluOp, COND, type Cond, type Width } from "../../lib/isa/ops.ts";
import type { Term } from "../../lib/proof/linear_terms.ts";
import { Terms } from "../../lib/proof/terms.ts";
import { Random } from "../support/random.ts";

const M = 0xffff_ffff_ffff_ffffn;
const low = (value: bigint, width: Width) => width === 64 ? value & M : value & 0xffff_ffffn;

/** A term and what it is for some values of its unknowns. */
interface Sample {
  readonly term: Term;
  readonly values: readonly bigint[];
}

const WORLDS = 6;

/** Builds random terms, each with its values, out of those built before. */
class Builder {
  readonly terms = new Terms();
  readonly samples: Sample[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    const possible = [M, M, 0xffff_ffffn, 0xffn, 1n];
    possible.forEach((mask, i) => {
      const term = this.terms.atom(`x${i}`, mask);
      const values = Array.from({ length: WORLDS }, () => this.#number() & mask);
      this.samples.push({ term, values });
    });
  }

  #number(): bigint {
    const special = [0n, 1n, 0xffn, 0x8000_0000n, 0xffff_ffffn, 1n << 63n, M];
    if (this.#random.below(2) === 0) return special[this.#random.below(special.length)];
    return BigInt.asUintN(
      64,
      (BigInt(this.#random.below(1 << 30)) << 40n) ^ BigInt(this.#random.below(1 << 30)) * 77n,
    );
  }

  #pick(): Sample {
    if (this.#random.below(4) > 0) return this.samples[this.#random.below(this.samples.length)];
    const shifts = [8n, 16n, 24n, 31n, 32n, 48n, 56n, 63n];
    const value = this.#random.below(2) === 0
      ? this.#number()
      : shifts[this.#random.below(shifts.length)];
    return { term: this.terms.constant(value), values: new Array(WORLDS).fill(value) };
  }

  add(): void {
    const { terms } = this;
    const a = this.#pick(), b = this.#pick(), c = this.#pick();
    const width: Width = this.#random.below(2) === 0 ? 32 : 64;
    const each = (f: (x: bigint, y: bigint, z: bigint) => bigint) =>
      a.values.map((x, i) => BigInt.asUintN(64, f(x, b.values[i], c.values[i])));
    const kind = this.#random.below(10);
    if (kind < 6) {
      const names = Object.keys(ALU) as AluOp[];
      const fn = names[this.#random.below(names.length)];
      const values = each((x, y) => low(ALU[fn].eval(low(x, width), low(y, width), width), width));
      this.samples.push({ term: terms.alu(fn, width, a.term, b.term), values });
    } else if (kind === 6) {
      const bits = [8, 16, 32][this.#random.below(3)];
      this.samples.push({
        term: terms.sext(a.term, bits),
        values: each((x) => BigInt.asIntN(bits, x)),
      });
    } else if (kind === 7) {
      const bits = [16, 32, 64][this.#random.below(3)];
      const swap = (x: bigint) => {
        let result = 0n;
        for (let i = 0n; i < bits; i += 8n) result = result << 8n | (x >> i & 0xffn);
        return result;
      };
      this.samples.push({ term: terms.swap(a.term, bits), values: each(swap) });
    } else {
      const names = Object.keys(COND) as Cond[];
      const fn = names[this.#random.below(names.length)];
      const holds = (x: bigint, y: bigint) => COND[fn].eval(low(x, width), low(y, width), width);
      const condition = terms.compare(fn, width, a.term, b.term);
      if (kind === 8) {
        const values = each((x, y) => holds(x, y) ? 1n : 0n);
        this.samples.push({ term: condition, values });
      } else {
        const values = each((x, y, z) => holds(x, y) ? z : x);
        this.samples.push({ term: terms.select(condition, c.term, a.term), values });
      }
    }
  }
}

Deno.test("equal terms have equal values, within the bits that can be set", () => {
  const first = 1, count = 400;
  console.log(`seeds ${first} to ${first + count - 1}`);
  for (let seed = first; seed < first + count; seed++) {
    const builder = new Builder(new Random(seed));
    for (let i = 0; i < 60; i++) builder.add();
    const seen = new Map<Term, readonly bigint[]>();
    for (const { term, values } of builder.samples) {
      const before = seen.get(term);
      if (before === undefined) seen.set(term, values);
      else assert.deepEqual(values, before, `seed ${seed}`);
      const possible = builder.terms.possible(term);
      for (const value of values) assert.equal(value & ~possible, 0n, `seed ${seed}`);
      const constant = builder.terms.value(term);
      if (constant !== null) assert.deepEqual(new Set(values), new Set([constant]), `seed ${seed}`);
    }
  }
});

Deno.test("different ways to one value have one term", () => {
  const t = new Terms();
  const x = t.atom("x"), y = t.atom("y");
  const n = (value: bigint) => t.constant(value);
  const same: (readonly [Term, Term])[] = [
    [t.alu("rsh", 64, t.alu("lsh", 64, x, n(32n)), n(32n)), t.bits(x, 0, 32)],
    [t.alu("arsh", 64, t.alu("lsh", 64, x, n(32n)), n(32n)), t.sext(x, 32)],
    [t.alu("and", 64, x, n(0xffffn)), t.bits(x, 0, 16)],
    [t.alu("add", 32, t.bits(x, 0, 32), y), t.bits(t.add(x, y), 0, 32)],
    [t.alu("or", 64, t.alu("lsh", 64, t.bits(x, 8, 8), n(8n)), t.bits(x, 0, 8)), t.bits(x, 0, 16)],
    [t.swap(t.swap(x, 32), 32), t.bits(x, 0, 32)],
    [t.alu("mod", 64, x, n(16n)), t.alu("and", 64, x, n(15n))],
    [t.alu("mul", 64, x, n(8n)), t.alu("lsh", 64, x, n(3n))],
    [t.compare("gt", 64, x, n(4n)), t.compare("ge", 64, x, n(5n))],
    [t.compare("ne", 64, x, y), t.compare("ne", 64, y, x)],
    [t.compare("set", 64, x, n(1n)), t.bits(x, 0, 1)],
    [t.compare("slt", 32, t.bits(x, 0, 8), n(9n)), t.compare("lt", 64, t.bits(x, 0, 8), n(9n))],
  ];
  same.forEach(([a, b], i) => assert.equal(a, b, `pair ${i}`));
  assert.notEqual(t.bits(x, 0, 32), x);
  assert.notEqual(t.compare("slt", 64, x, n(9n)), t.compare("lt", 64, x, n(9n)));
});
