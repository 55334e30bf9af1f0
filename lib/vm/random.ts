/**
 * Random numbers from a seed (xoshiro128**, Blackman and Vigna 2018; seeded by splitmix32).
 *
 * @module
 */

import { STATE } from "../runtime/state_code.ts";
import type { HostState } from "./host_state.ts";

/** Offsets of the words of the generator. */
const [S0, S1, S2, S3] = [0, 4, 8, 12].map((at) => STATE.random + at);

/** A generator of random numbers. */
export class RandomSource {
  readonly #state: HostState;

  /**
   * Starts a sequence.
   *
   * @param state Where the words of the generator are kept.
   * @param seed Its seed, an integer; its low 32 bits count.
   */
  constructor(state: HostState, seed: number) {
    this.#state = state;
    let s = seed | 0;
    for (const at of [S0, S1, S2, S3]) {
      s = (s + 0x9e3779b9) | 0;
      let z = Math.imul(s ^ (s >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      state.setWord(at, z ^ (z >>> 16));
    }
  }

  /**
   * Draws a number.
   *
   * @returns 32 random bits, unsigned.
   */
  next(): number {
    const state = this.#state;
    const s0 = state.word(S0), s1 = state.word(S1);
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const s2 = state.word(S2) ^ s0, s3 = state.word(S3) ^ s1;
    state.setWord(S0, s0 ^ s3);
    state.setWord(S1, s1 ^ s2);
    state.setWord(S2, s2 ^ (s1 << 9));
    state.setWord(S3, (s3 << 11) | (s3 >>> 21));
    return result >>> 0;
  }
}
