/**
 * Timers in map values. A sandbox records them; the caller lets time pass and fires what is due.
 *
 * @module
 */

import { ERRNO } from "../errno.ts";

/** A timer in a map value. */
export interface Timer {
  /** Address of its `struct bpf_timer`. */
  readonly address: number;
  /** Handle of the map whose value holds it. */
  readonly map: number;
  /** Clock: CLOCK_REALTIME 0, CLOCK_MONOTONIC 1, CLOCK_BOOTTIME 7. */
  readonly clock: number;
  /** Address of the function to call; 0 if not yet set. */
  callback: number;
  /** When it fires in nanoseconds of the sandbox's clock; null while it is not started. */
  due: bigint | null;
}

/** Clocks that a timer may use. */
const CLOCKS: ReadonlySet<number> = new Set([0, 1, 7]);

/** The most timers of a sandbox. */
const MAX_TIMERS = 65_536;

/** Flags of a start (linux/bpf.h). */
const START = { ABSOLUTE: 1, PIN: 2 } as const;

/** The timers of a sandbox, by address. */
export class Timers {
  readonly #timers = new Map<number, Timer>();

  /**
   * Sets a timer up.
   *
   * @param address Address of its structure.
   * @param map Handle of the map whose value holds it.
   * @param flags Clock.
   * @returns 0 or a negative error number.
   */
  init(address: number, map: number, flags: number): number {
    if (!CLOCKS.has(flags)) return -ERRNO.EINVAL;
    if (this.#timers.has(address)) return -ERRNO.EBUSY;
    if (this.#timers.size >= MAX_TIMERS) return -ERRNO.ENOMEM;
    this.#timers.set(address, { address, map, clock: flags, callback: 0, due: null });
    return 0;
  }

  /**
   * Sets the function that a timer calls.
   *
   * @param address Address of its structure.
   * @param callback Address of the function.
   * @returns 0 or a negative error number.
   */
  setCallback(address: number, callback: number): number {
    const timer = this.#timers.get(address);
    if (timer === undefined) return -ERRNO.EINVAL;
    timer.callback = callback;
    return 0;
  }

  /**
   * Starts a timer.
   *
   * @param address Address of its structure.
   * @param nanoseconds When: from now, or absolute if the flags say so.
   * @param flags 1 absolute, 2 pinned to the CPU.
   * @param now The sandbox's clock in nanoseconds.
   * @returns 0 or a negative error number.
   */
  start(address: number, nanoseconds: bigint, flags: number, now: bigint): number {
    if (flags > (START.ABSOLUTE | START.PIN)) return -ERRNO.EINVAL;
    const timer = this.#timers.get(address);
    if (timer === undefined) return -ERRNO.EINVAL;
    timer.due = (flags & START.ABSOLUTE) !== 0 ? nanoseconds : now + nanoseconds;
    return 0;
  }

  /**
   * Stops a timer.
   *
   * @param address Address of its structure.
   * @returns 1 if it was started, 0 if not, or a negative error number.
   */
  cancel(address: number): number {
    const timer = this.#timers.get(address);
    if (timer === undefined) return -ERRNO.EINVAL;
    const started = timer.due !== null;
    timer.due = null;
    return started ? 1 : 0;
  }

  /**
   * Forgets a timer.
   *
   * @param address Address of its structure; there need not be one.
   */
  forget(address: number): void {
    this.#timers.delete(address);
  }

  /**
   * Takes the timer that is due first, stopped, for the caller to run its callback.
   *
   * @param now The sandbox's clock in nanoseconds.
   * @returns The timer, or null if none is due.
   */
  takeDue(now: bigint): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.#timers.values()) {
      if (timer.due === null || timer.due > now) continue;
      if (first === null || timer.due < first.due!) first = timer;
    }
    if (first === null) return null;
    const taken = { ...first };
    first.due = null;
    return taken;
  }

  /**
   * Lists the timers.
   *
   * @returns The timers in the order in which they were set up.
   */
  [Symbol.iterator](): Iterator<Timer> {
    return this.#timers.values();
  }
}
