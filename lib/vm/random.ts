/**
 * Random numbers from a seed (xoshiro128**, Blackman and Vigna 2018; seeded by splitmix32).
 *
 * @module
 */

/** A generator of random numbers whose state can be taken and put back. */
export class RandomSource {
  readonly #state = new Int32Array(4);

  /**
   * Starts a sequence.
   *
   * @param seed Its seed, an integer; its low 32 bits count.
   */
  constructor(seed: number) {
    let s = seed | 0;
    for (let i = 0; i < 4; i++) {
      s = (s + 0x9e3779b9) | 0;
      let z = Math.imul(s ^ (s >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#state[i] = z ^ (z >>> 16);
    }
  }

  /** The state; a copy. */
  get state(): readonly number[] {
    return [...this.#state];
  }

  set state(words: readonly number[]) {
    this.#state.set(words.slice(0, 4));
  }

  /**
   * Draws a number.
   *
   * @returns 32 random bits, unsigned.
   */
  next(): number {
    const s = this.#state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result >>> 0;
  }
}
