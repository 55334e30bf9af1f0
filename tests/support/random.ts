/**
 * A seeded generator of random numbers for tests: the same seed gives the same test.
 *
 * @module
 */

/** Numbers at which arithmetic tends to go wrong. */
const BOUNDARIES: readonly bigint[] = [
  ...[0n, 1n, 2n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn],
  ...[0x7fff_ffffn, 0x8000_0000n, 0x8000_0001n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n],
  ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0x8000_0000_0000_0001n],
  ...[0xffff_ffff_0000_0000n, 0xffff_ffff_8000_0000n, 0xffff_ffff_7fff_ffffn],
  ...[0xffff_ffff_ffff_fffen, 0xffff_ffff_ffff_ffffn],
];

/** Random numbers from a seed (mulberry32). */
export class Random {
  #state: number;

  /** @param seed Any integer; its low 32 bits count. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** @returns 32 random bits, unsigned. */
  bits(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return (t ^ t >>> 14) >>> 0;
  }

  /**
   * @param limit A positive integer.
   * @returns An integer from 0 to `limit` - 1.
   */
  below(limit: number): number {
    return this.bits() % limit;
  }

  /**
   * @param probability From 0 to 1.
   * @returns True with that probability.
   */
  chance(probability: number): boolean {
    return this.bits() < probability * 0x1_0000_0000;
  }

  /**
   * @param items A list that is not empty.
   * @returns One of them.
   */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** @returns A 64-bit pattern, often a boundary or near one. */
  pattern(): bigint {
    const boundary = this.pick(BOUNDARIES) + BigInt(this.below(3) - 1);
    const random = BigInt(this.bits()) << 32n | BigInt(this.bits());
    return BigInt.asUintN(64, this.chance(0.6) ? boundary : random >> BigInt(this.below(64)));
  }

  /** @returns A signed 32-bit number, often a boundary or near one. */
  immediate(): number {
    return Number(BigInt.asIntN(32, this.pattern()));
  }
}
